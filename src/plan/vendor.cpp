#include "plan/vendor.hpp"

#include <cublasLt.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/library.hpp"
#include "kernels/args.cuh"

namespace ak {
namespace {

struct CublasLt {
  SharedLibrary library{"cuBLASLt (libcublasLt.so)", {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"}};
  decltype(cublasLtCreate)* create;
  decltype(cublasLtGetVersion)* version;
  decltype(cublasLtGetStatusName)* status_name;
  decltype(cublasLtMatmul)* matmul;
  decltype(cublasLtMatmulAlgoGetHeuristic)* heuristics;
  decltype(cublasLtMatmulAlgoCheck)* algo_check;
  decltype(cublasLtMatmulAlgoConfigGetAttribute)* algo_get;
  decltype(cublasLtMatrixLayoutInit_internal)* layout_init;
  decltype(cublasLtMatmulDescInit_internal)* desc_init;
  decltype(cublasLtMatmulDescSetAttribute)* desc_set;
  decltype(cublasLtMatmulPreferenceInit_internal)* preference_init;
  decltype(cublasLtMatmulPreferenceSetAttribute)* preference_set;

  CublasLt() {
    library.bind(create, "cublasLtCreate");
    library.bind(version, "cublasLtGetVersion");
    library.bind(status_name, "cublasLtGetStatusName");
    library.bind(matmul, "cublasLtMatmul");
    library.bind(heuristics, "cublasLtMatmulAlgoGetHeuristic");
    library.bind(algo_check, "cublasLtMatmulAlgoCheck");
    library.bind(algo_get, "cublasLtMatmulAlgoConfigGetAttribute");
    library.bind(layout_init, "cublasLtMatrixLayoutInit_internal");
    library.bind(desc_init, "cublasLtMatmulDescInit_internal");
    library.bind(desc_set, "cublasLtMatmulDescSetAttribute");
    library.bind(preference_init, "cublasLtMatmulPreferenceInit_internal");
    library.bind(preference_set, "cublasLtMatmulPreferenceSetAttribute");
  }
};

const CublasLt& lt() {
  static const CublasLt* loaded = new CublasLt;  // a throw leaves it unset: the next call tries again
  return *loaded;
}

void check_lt(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) [[likely]]
    return;
  const auto code = status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_ARCH_MISMATCH ? ErrorCode::unsupported
                    : status == CUBLAS_STATUS_ALLOC_FAILED                                         ? ErrorCode::out_of_memory
                                                                                                   : ErrorCode::driver;
  throw Error(code, fmt::format("cuBLASLt, {}: {}", what, lt().status_name(status)));
}

void* make_handle() {
  cublasLtHandle_t handle = nullptr;
  check_lt(lt().create(&handle), "creating a handle");
  return handle;
}

cudaDataType_t data_type(DType dtype) {
  return dtype == DType::f16 ? CUDA_R_16F : dtype == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

using Operation = std::array<std::uint64_t, 32>;
static_assert(sizeof(Operation) == sizeof(cublasLtMatmulDescOpaque_t));
static_assert(sizeof(VendorAlgo::opaque) == sizeof(cublasLtMatmulAlgo_t));

cublasLtMatmulDesc_t view(Operation& operation) { return reinterpret_cast<cublasLtMatmulDesc_t>(operation.data()); }
const cublasLtMatmulAlgo_t* view(const VendorAlgo& algo) {
  return reinterpret_cast<const cublasLtMatmulAlgo_t*>(algo.opaque.data());
}

template <class T>
void set(Operation& operation, cublasLtMatmulDescAttributes_t attribute, T value) {
  check_lt(lt().desc_set(view(operation), attribute, &value, sizeof value), "describing an operation");
}

bool has_bias(int epilogue) { return (epilogue & CUBLASLT_EPILOGUE_BIAS) != 0; }

Operation make_operation(const Problem& problem, int epilogue) {
  Operation operation{};
  check_lt(lt().desc_init(view(operation), sizeof operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), "describing an operation");
  const VendorLayouts layouts = vendor_layouts(problem, {});
  set(operation, CUBLASLT_MATMUL_DESC_TRANSA, std::int32_t{layouts.first.transposed ? CUBLAS_OP_T : CUBLAS_OP_N});
  set(operation, CUBLASLT_MATMUL_DESC_TRANSB, std::int32_t{layouts.second.transposed ? CUBLAS_OP_T : CUBLAS_OP_N});
  set(operation, CUBLASLT_MATMUL_DESC_EPILOGUE, static_cast<std::uint32_t>(epilogue));
  if (has_bias(epilogue)) {
    set(operation, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, static_cast<std::int32_t>(data_type(problem.epilogue.bias_dtype)));
    // Heuristics read its alignment only.
    set(operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, reinterpret_cast<const void*>(std::uintptr_t{16}));
  }
  return operation;
}

// The four layouts on the stack: nothing is allocated.
struct Described {
  cublasLtMatrixLayoutOpaque_t first, second, c, d;

  explicit Described(const VendorLayouts& l) { init(first, l.first), init(second, l.second), init(c, l.c), init(d, l.d); }

 private:
  static void init(cublasLtMatrixLayoutOpaque_t& out, const VendorLayout& l) {
    check_lt(lt().layout_init(&out, sizeof out, data_type(l.dtype), l.rows, l.cols, l.ld), "describing a matrix");
  }
};

bool reduces_in_output_type(const VendorAlgo& algo) {
  std::uint32_t scheme = CUBLASLT_REDUCTION_SCHEME_NONE;
  std::size_t written = 0;
  lt().algo_get(view(algo), CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, &scheme, sizeof scheme, &written);
  return (scheme & (CUBLASLT_REDUCTION_SCHEME_INPLACE | CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE)) != 0;
}

int epilogue_of(const Problem& problem, VendorKind kind) {
  return kind == VendorKind::fused ? vendor_epilogue(problem.epilogue).value() : CUBLASLT_EPILOGUE_DEFAULT;
}

VendorKind kind_of(const Tactic& tactic) { return tactic.separate ? VendorKind::separate : VendorKind::fused; }

}  // namespace

bool vendor_available(std::string* why) {
  try {
    lt();
    return true;
  } catch (const Error& error) {
    if (why) *why = error.what();
    return false;
  }
}

std::string vendor_version() {
  const std::size_t v = lt().version();
  return fmt::format("{}.{}.{}", v / 10000, v / 100 % 100, v % 100);
}

std::optional<int> vendor_epilogue(const EpilogueSpec& e) {
  if (e.gated || e.aux || e.row_scale || e.column_scale) return std::nullopt;
  if (e.bias == BiasAxis::row || (e.bias == BiasAxis::column && e.bias_dtype != e.out)) return std::nullopt;
  const bool bias = e.bias == BiasAxis::column;
  switch (e.activation) {
    case Activation::identity:
      return bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
    case Activation::relu:
      return bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
    case Activation::gelu_tanh:
      return bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
    default:
      return std::nullopt;
  }
}

Tactic vendor_tactic(int rank, VendorKind kind) {
  Tactic t;
  t.family = FamilyId::vendor;
  t.algo = static_cast<std::int16_t>(rank);
  t.separate = kind == VendorKind::separate;
  return t;
}

bool vendor_offers(const EpilogueSpec& e, VendorKind kind) {
  if (kind == VendorKind::fused) return vendor_epilogue(e).has_value();
  if (e.gated || e.aux || e.row_scale || e.column_scale) return false;
  return e.activation != Activation::identity || e.bias != BiasAxis::none;
}

VendorLayouts vendor_layouts(const Problem& problem, const CallArgs& args) {
  const auto m = static_cast<std::uint64_t>(args.m), n = static_cast<std::uint64_t>(args.n),
             k = static_cast<std::uint64_t>(args.k);
  const bool a_k = problem.a_major == Major::k, b_k = problem.b_major == Major::k;
  VendorLayouts l;
  l.first = {problem.in, b_k ? k : n, b_k ? n : k, args.ldb, b_k};
  l.second = {problem.in, a_k ? k : m, a_k ? m : k, args.lda, !a_k};
  l.d = {problem.epilogue.out, n, m, args.ldd, false};
  l.c = l.d;
  if (problem.epilogue.has_c) l.c.ld = args.ldc;
  return l;
}

CallArgs representative_args(const Problem& problem) {
  // The smallest ld of at least `extent` that the alignment divides, and, below 16 bytes, no larger one.
  const auto ld = [](std::int64_t extent, int align, DType dtype) {
    const std::int64_t step = std::max(1, align / size_of(dtype));
    std::int64_t value = (extent + step - 1) / step * step;
    if (align < 16 && value * size_of(dtype) % (2 * align) == 0) value += step;
    return value;
  };
  CallArgs args{};
  args.m = static_cast<int>(problem.m), args.n = static_cast<int>(problem.n), args.k = static_cast<int>(problem.k);
  args.lda = ld(problem.a_major == Major::k ? problem.k : problem.m, problem.align_a, problem.in);
  args.ldb = ld(problem.b_major == Major::k ? problem.k : problem.n, problem.align_b, problem.in);
  args.ldc = ld(problem.n, problem.align_c, problem.epilogue.out);
  args.ldd = ld(problem.n, problem.align_d, problem.epilogue.out);
  args.alpha = 1, args.beta = problem.epilogue.has_c ? 1 : 0;
  return args;
}

std::vector<VendorAlgo> vendor_heuristics(Resources& resources, const Problem& problem, VendorKind kind, int limit) {
  if (!vendor_offers(problem.epilogue, kind)) return {};
  const auto handle = static_cast<cublasLtHandle_t>(resources.vendor_handle(make_handle));
  cublasLtMatmulPreferenceOpaque_t preference;
  check_lt(lt().preference_init(&preference, sizeof preference), "describing a preference");
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
    check_lt(lt().preference_set(&preference, attribute, &value, sizeof value), "describing a preference");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<std::uint64_t>(kVendorWorkspaceBytes));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, std::uint32_t{problem.align_b});
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, std::uint32_t{problem.align_a});
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, std::uint32_t{problem.epilogue.has_c ? problem.align_c : problem.align_d});
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, std::uint32_t{problem.align_d});
  if (problem.numerics == Numerics::single_pass)
    prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_NONE));

  Operation operation = make_operation(problem, epilogue_of(problem, kind));
  Described l(vendor_layouts(problem, representative_args(problem)));
  std::vector<cublasLtMatmulHeuristicResult_t> results(static_cast<std::size_t>(limit));
  int count = 0;
  const RelaxedCapture relaxed;
  const cublasStatus_t status =
      lt().heuristics(handle, view(operation), &l.first, &l.second, &l.c, &l.d, &preference, limit, results.data(), &count);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) return {};
  check_lt(status, "asking for algorithms");

  std::vector<VendorAlgo> algos;
  for (int i = 0; i < count; ++i) {
    if (results[i].state != CUBLAS_STATUS_SUCCESS) continue;
    VendorAlgo& algo = algos.emplace_back();
    std::memcpy(algo.opaque.data(), &results[i].algo, sizeof results[i].algo);
    algo.workspace_bytes = static_cast<std::int64_t>(results[i].workspaceSize);
    algo.waves = results[i].wavesCount;
    algo.reduced = problem.epilogue.out != DType::f32 && reduces_in_output_type(algo);
  }
  return algos;
}

VendorPlan::VendorPlan(Resources& resources, const Problem& problem, const Tactic& tactic, const VendorAlgo& algo)
    : problem_(problem),
      tactic_(tactic),
      algo_(algo),
      kind_(kind_of(tactic)),
      handle_(resources.vendor_handle(make_handle)),
      workspaces_(resources.workspaces()) {
  if (!vendor_offers(problem.epilogue, kind_))
    throw Error(ErrorCode::unsupported,
                fmt::format("cuBLASLt does not offer '{}' for {}", to_string(tactic), to_string(problem)));
  const int epilogue = epilogue_of(problem, kind_);
  operation_ = make_operation(problem, epilogue);
  plain_ = make_operation(problem, CUBLASLT_EPILOGUE_DEFAULT);
  if (kind_ == VendorKind::separate || has_bias(epilogue))
    pass_ = Pass(resources, problem.epilogue.activation, problem.epilogue.out);
}

std::shared_ptr<VendorPlan> VendorPlan::of_rank(Resources& resources, const Problem& problem, const Tactic& tactic) {
  const auto algos = vendor_heuristics(resources, problem, kind_of(tactic), std::max(tactic.algo + 1, 1));
  if (tactic.algo < 0 || static_cast<std::size_t>(tactic.algo) >= algos.size())
    throw Error(ErrorCode::unsupported, fmt::format("cuBLASLt has {} algorithms for {}, not '{}'", algos.size(),
                                                    to_string(problem), to_string(tactic)));
  return std::make_shared<VendorPlan>(resources, problem, tactic, algos[static_cast<std::size_t>(tactic.algo)]);
}

std::shared_ptr<VendorPlan> VendorPlan::fallback(Resources& resources, const Problem& problem) {
  Tactic tactic;
  tactic.family = FamilyId::vendor;
  for (const VendorKind kind : {VendorKind::fused, VendorKind::separate}) {
    tactic.separate = kind == VendorKind::separate;
    const auto algos = vendor_heuristics(resources, problem, kind, 8);
    const auto first = std::ranges::find(algos, false, &VendorAlgo::reduced);
    if (first == algos.end()) continue;
    tactic.algo = static_cast<std::int16_t>(first - algos.begin());
    return std::make_shared<VendorPlan>(resources, problem, tactic, *first);
  }
  throw Error(ErrorCode::unsupported, fmt::format("cuBLASLt has no algorithm for {}", to_string(problem)));
}

std::string VendorPlan::blob() const {
  const std::uint64_t version = lt().version();
  std::string blob(sizeof version + sizeof algo_.opaque, '\0');
  std::memcpy(blob.data(), &version, sizeof version);
  std::memcpy(blob.data() + sizeof version, algo_.opaque.data(), sizeof algo_.opaque);
  return blob;
}

std::shared_ptr<VendorPlan> VendorPlan::of_blob(Resources& resources, const Problem& problem, const Tactic& tactic,
                                                std::string_view blob, std::string* why) {
  const auto refuse = [&](std::string reason) {
    if (why) *why = std::move(reason);
    return nullptr;
  };
  std::uint64_t version = 0;
  VendorAlgo algo;
  if (blob.size() != sizeof version + sizeof algo.opaque) return refuse("the stored algorithm has a wrong size");
  std::memcpy(&version, blob.data(), sizeof version);
  std::memcpy(algo.opaque.data(), blob.data() + sizeof version, sizeof algo.opaque);
  if (version != lt().version())
    return refuse(fmt::format("stored by cuBLASLt version {}, this is {}", version, lt().version()));
  if (!vendor_offers(problem.epilogue, kind_of(tactic))) return refuse("cuBLASLt does not offer this epilogue");

  Operation operation = make_operation(problem, epilogue_of(problem, kind_of(tactic)));
  Described l(vendor_layouts(problem, representative_args(problem)));
  cublasLtMatmulHeuristicResult_t result{};
  const auto handle = static_cast<cublasLtHandle_t>(resources.vendor_handle(make_handle));
  const RelaxedCapture relaxed;
  const cublasStatus_t status = lt().algo_check(handle, view(operation), &l.first, &l.second, &l.c, &l.d, view(algo), &result);
  if (status != CUBLAS_STATUS_SUCCESS)
    return refuse(fmt::format("cuBLASLt refuses the algorithm: {}", lt().status_name(status)));
  algo.workspace_bytes = static_cast<std::int64_t>(result.workspaceSize);
  algo.waves = result.wavesCount;
  return std::make_shared<VendorPlan>(resources, problem, tactic, algo);
}

void VendorPlan::launch(Stream stream, const CallArgs& args) const {
  const EpilogueSpec& e = problem_.epilogue;
  // The algorithm was chosen for a 16-byte aligned bias; any other goes through our pass.
  const bool fused_bias = kind_ == VendorKind::fused && e.bias != BiasAxis::none;
  const bool separate = kind_ == VendorKind::separate || (fused_bias && reinterpret_cast<std::uintptr_t>(args.bias) % 16 != 0);
  const bool own_algo = !(separate && kind_ == VendorKind::fused);

  Operation operation = separate ? plain_ : operation_;
  if (fused_bias && !separate) set(operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, args.bias);
  Described l(vendor_layouts(problem_, args));
  const float alpha = e.unit_alpha ? 1.0f : args.alpha, beta = e.has_c ? args.beta : 0.0f;
  const std::int64_t needed = own_algo ? algo_.workspace_bytes : 0;
  void* workspace = needed > 0 ? static_cast<char*>(workspaces_.get(stream, kCounterBytes + needed)) + kCounterBytes : nullptr;
  check_lt(lt().matmul(static_cast<cublasLtHandle_t>(handle_), view(operation), &alpha, args.b, &l.first, args.a, &l.second,
                       &beta, e.has_c ? args.c : args.d, &l.c, args.d, &l.d, own_algo ? view(algo_) : nullptr, workspace,
                       static_cast<std::size_t>(needed), stream),
           "launching a matrix product");
  if (separate) {
    PassArgs pass = pass_args(e, args);
    pass.x = pass.d;
    pass.c = nullptr;
    pass_.launch(stream, pass);
  }
}

}  // namespace ak
