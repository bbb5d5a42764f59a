#include "plan/vendor.hpp"

#include <cublasLt.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/arithmetic.hpp"
#include "base/library.hpp"
#include "base/process_end.hpp"
#include "kernels/args.cuh"

namespace ak {
namespace {

constexpr std::initializer_list<const char*> kLtNames = {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"};

struct CublasLt {
  SharedLibrary library{"cuBLASLt", kLtNames};
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
  library_set_up();
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
bool has_aux(int epilogue) { return (epilogue & CUBLASLT_EPILOGUE_GELU_AUX) == CUBLASLT_EPILOGUE_GELU_AUX; }

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
  if (has_aux(epilogue)) {
    set(operation, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, reinterpret_cast<void*>(std::uintptr_t{16}));
    set(operation, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, std::int64_t{representative_args(problem).aux.ld});
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

bool aligned(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; }

VendorKind kind_of(const Tactic& tactic) {
  return kVendorKinds[std::clamp<int>(tactic.separate, 0, std::size(kVendorKinds) - 1)];
}

bool packed(const Problem& p, const CallArgs& args) {
  const std::int64_t elements = p.b_major == Major::k ? args.n * args.b.ld : args.n;
  return args.b2.data == static_cast<const char*>(args.b.data) + elements * size_of(p.in) &&
         (p.b_major == Major::k || args.b.ld >= 2 * args.n);
}

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

std::string vendor_version_on_disk() {
  // Once a process, for every hit asks.
  static const auto* const version = new std::string(SharedLibrary::version_on_disk(kLtNames));
  return version->substr(0, std::min(version->size(), version->rfind('.')));  // 13.1.0.3: the library says 13.1.0
}

std::string vendor_version() {
  const std::size_t v = lt().version();
  return fmt::format("{}.{}.{}", v / 10000, v / 100 % 100, v % 100);
}

std::vector<VendorAlgo> vendor_heuristics(Resources& resources, const Problem& whole, VendorKind kind, int limit,
                                          std::int64_t most_workspace) {
  if (!vendor_offers(whole, kind)) return {};
  const Problem problem = vendor_product(whole, kind);
  const auto handle = static_cast<cublasLtHandle_t>(resources.vendor_handle(make_handle));
  cublasLtMatmulPreferenceOpaque_t preference;
  check_lt(lt().preference_init(&preference, sizeof preference), "describing a preference");
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
    check_lt(lt().preference_set(&preference, attribute, &value, sizeof value), "describing a preference");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<std::uint64_t>(most_workspace));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, std::uint32_t{problem.align_b});
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, std::uint32_t{problem.align_a});
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, std::uint32_t{problem.epilogue.has_c ? problem.align_c : problem.align_d});
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, std::uint32_t{problem.align_d});

  Operation operation = make_operation(problem, vendor_epilogue(problem).value());
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

VendorPlan::VendorPlan(Resources& resources, const Problem& problem, const Tactic& tactic, const VendorAlgo& algo,
                       Workspaces* scratch)
    : problem_(problem),
      tactic_(tactic),
      algo_(algo),
      kind_(kind_of(tactic)),
      handle_(resources.vendor_handle(make_handle)),
      workspaces_(scratch ? *scratch : resources.workspaces()) {
  if (!vendor_offers(problem, kind_))
    throw Error(ErrorCode::unsupported,
                fmt::format("cuBLASLt does not offer '{}' for {}", to_string(tactic), to_string(problem)));
  const bool fused = kind_ == VendorKind::fused;
  product_ = vendor_product(problem, fused ? VendorKind::separate : kind_);
  plain_ = make_operation(product_, CUBLASLT_EPILOGUE_DEFAULT);
  if (fused) fused_ = make_operation(problem, vendor_epilogue(problem).value());
  if (problem.epilogue.gated && kind_ == VendorKind::separate) {
    const auto algos = vendor_heuristics(resources, problem, VendorKind::two_products, 8,
                                         algo.workspace_bytes > 0 ? kVendorWorkspaceBytes : 0);
    if (!algos.empty()) halves_ = algos.front();
  }
  if (!fused || problem.epilogue.bias != BiasAxis::none)
    pass_ = Pass(resources, problem.epilogue.activation, problem.epilogue.out);
}

std::shared_ptr<VendorPlan> VendorPlan::of_rank(Resources& resources, const Problem& problem, const Tactic& tactic,
                                                Workspaces* scratch) {
  const auto algos = vendor_heuristics(resources, problem, kind_of(tactic), std::max(tactic.algo + 1, 1));
  if (tactic.algo < 0 || static_cast<std::size_t>(tactic.algo) >= algos.size())
    throw Error(ErrorCode::unsupported, fmt::format("cuBLASLt has {} algorithms for {}, not '{}'", algos.size(),
                                                    to_string(problem), to_string(tactic)));
  return std::make_shared<VendorPlan>(resources, problem, tactic, algos[static_cast<std::size_t>(tactic.algo)], scratch);
}

std::shared_ptr<VendorPlan> VendorPlan::fallback(Resources& resources, const Problem& problem, std::int64_t most_workspace,
                                                 Workspaces* scratch) {
  Tactic tactic;
  for (const VendorKind kind : kVendorKinds) {
    if (kind == VendorKind::fused && !fused_rounds_once(problem.epilogue)) continue;
    tactic = vendor_tactic(0, kind);
    const auto algos = vendor_heuristics(resources, problem, kind, 8, most_workspace);
    const auto first = std::ranges::find(algos, false, &VendorAlgo::reduced);
    if (first == algos.end()) continue;
    tactic.algo = static_cast<std::int16_t>(first - algos.begin());
    return std::make_shared<VendorPlan>(resources, problem, tactic, *first, scratch);
  }
  if (problem.numerics != Numerics::fast)
    throw Error(ErrorCode::unsupported, fmt::format("numerics={} leaves cuBLASLt out: it tells no order of summation",
                                                    kNumericsNames[static_cast<int>(problem.numerics)]));
  throw Error(ErrorCode::unsupported, fmt::format("cuBLASLt has no algorithm for {}", to_string(problem)));
}

void VendorPlan::warm_up(Resources& resources) { resources.vendor_handle(make_handle); }

// Whether a blob says in what the sum is handed on to bias and activation; older ones do not.
static bool says_rounding(const Problem& problem, VendorKind kind) {
  return kind != VendorKind::fused || !fused_rounds_once(problem.epilogue);
}

std::string VendorPlan::blob() const {
  const std::uint64_t version = lt().version();
  std::string blob(sizeof version + sizeof algo_.opaque, '\0');
  std::memcpy(blob.data(), &version, sizeof version);
  std::memcpy(blob.data() + sizeof version, algo_.opaque.data(), sizeof algo_.opaque);
  if (says_rounding(problem_, kind_)) blob += static_cast<char>(DType::f32);
  return blob;
}

std::shared_ptr<VendorPlan> VendorPlan::of_blob(Resources& resources, const Problem& problem, const Tactic& tactic,
                                                std::string_view blob, std::string* why, Workspaces* scratch) {
  const auto refuse = [&](std::string reason) {
    if (why) *why = std::move(reason);
    return nullptr;
  };
  std::uint64_t version = 0;
  VendorAlgo algo;
  const std::size_t size = sizeof version + sizeof algo.opaque, typed = says_rounding(problem, kind_of(tactic));
  if (typed && blob.size() == size) return refuse("stored when the sum was rounded before bias and activation");
  if (blob.size() != size + typed) return refuse("the stored algorithm has a wrong size");
  if (typed && blob.back() != static_cast<char>(DType::f32)) return refuse("stored for a sum that is not in f32");
  std::memcpy(&version, blob.data(), sizeof version);
  std::memcpy(algo.opaque.data(), blob.data() + sizeof version, sizeof algo.opaque);
  if (version != lt().version())
    return refuse(fmt::format("stored by cuBLASLt version {}, this is {}", version, lt().version()));
  if (!vendor_offers(problem, kind_of(tactic))) return refuse("cuBLASLt does not offer this epilogue");

  const Problem product = vendor_product(problem, kind_of(tactic));
  Operation operation = make_operation(product, vendor_epilogue(product).value());
  Described l(vendor_layouts(product, representative_args(product)));
  cublasLtMatmulHeuristicResult_t result{};
  const auto handle = static_cast<cublasLtHandle_t>(resources.vendor_handle(make_handle));
  const RelaxedCapture relaxed;
  const cublasStatus_t status = lt().algo_check(handle, view(operation), &l.first, &l.second, &l.c, &l.d, view(algo), &result);
  if (status != CUBLAS_STATUS_SUCCESS)
    return refuse(fmt::format("cuBLASLt refuses the algorithm: {}", lt().status_name(status)));
  if (product.epilogue.out != DType::f32 && reduces_in_output_type(algo))
    return refuse("the algorithm rounds its partial sums to D's type");
  algo.workspace_bytes = static_cast<std::int64_t>(result.workspaceSize);
  algo.waves = result.wavesCount;
  return std::make_shared<VendorPlan>(resources, problem, tactic, algo, scratch);
}

// The algorithm was chosen for a 16-byte aligned bias, which any other leaves to our pass, and for a product of one width.
VendorPlan::Way VendorPlan::way_of(const CallArgs& args) const {
  const EpilogueSpec& e = problem_.epilogue;
  if (kind_ == VendorKind::fused) {
    const bool whole = e.bias == BiasAxis::none || aligned(args.bias);
    return {whole, false, whole ? &algo_ : nullptr};
  }
  const bool two = e.gated && (kind_ == VendorKind::two_products || !packed(problem_, args));
  const bool for_width = two == (kind_ == VendorKind::two_products);
  return {false, two, for_width ? &algo_ : halves_ ? &*halves_ : nullptr};
}

std::int64_t VendorPlan::workspace_bytes() const {
  const Way way = way_of(representative_args(problem_));
  // Any call may come with a bias that is not aligned.
  if (!pass_) return way.scratch() > 0 ? kCounterBytes + way.scratch() : 0;
  const std::int64_t row_bytes = panel_of(problem_, way.two).row_bytes();
  return round_up(kCounterBytes + way.scratch(), 256) + panel_rows(problem_.m, row_bytes) * row_bytes;
}

bool VendorPlan::try_launch(Stream stream, const CallArgs& args) const {
  const Way way = way_of(args);
  const Panel panel = panel_of(problem_, way.two);
  const std::int64_t begin = round_up(kCounterBytes + way.scratch(), 256), row_bytes = panel.row_bytes();
  std::int64_t rows = way.whole ? 0 : panel_rows(args.m, row_bytes);
  Workspaces::Lease lease;
  const auto have = [&](std::int64_t bytes) {
    return args.workspace ? bytes <= args.workspace_bytes : bool(lease = workspaces_.acquire(stream, bytes));
  };
  const bool needs = rows > 0 || way.scratch() > 0;
  while (needs && !have(begin + rows * row_bytes)) {
    const std::int64_t fewer = panel_rows(rows, row_bytes, rows * row_bytes / 2);
    if (fewer == rows && args.workspace) refuse_workspace(args.workspace_bytes, begin + rows * row_bytes);
    if (fewer == rows) return false;
    rows = fewer;
  }
  char* const memory = static_cast<char*>(!needs ? nullptr : args.workspace ? args.workspace : lease.data());
  void* const scratch = way.scratch() > 0 ? memory + kCounterBytes : nullptr;
  if (way.whole) return launch_fused(stream, args, way, scratch), true;
  for (std::int64_t first = 0; first < args.m; first += rows)
    launch_panel(stream, rows_of(problem_, args, first, std::min<std::int64_t>(rows, args.m - first)), way, scratch,
                 reinterpret_cast<float*>(memory + begin), panel);
  return true;
}

// One product, to args.d.
void VendorPlan::multiply(Stream stream, Operation& operation, const Problem& product, const CallArgs& args, const Way& way,
                          void* scratch) const {
  const float alpha = problem_.epilogue.unit_alpha ? 1.0f : args.alpha, beta = product.epilogue.has_c ? args.beta : 0.0f;
  Described l(vendor_layouts(product, args));
  check_lt(lt().matmul(static_cast<cublasLtHandle_t>(handle_), view(operation), &alpha, args.b.data, &l.first, args.a.data,
                       &l.second, &beta, product.epilogue.has_c ? args.c.data : args.d.data, &l.c, args.d.data, &l.d,
                       way.algo ? view(*way.algo) : nullptr, scratch, static_cast<std::size_t>(way.scratch()), stream),
           "launching a matrix product");
}

void VendorPlan::launch_fused(Stream stream, const CallArgs& args, const Way& way, void* scratch) const {
  const EpilogueSpec& e = problem_.epilogue;
  Operation operation = fused_;
  if (e.bias != BiasAxis::none) set(operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, args.bias);
  if (e.aux) {
    set(operation, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, args.aux.data);
    set(operation, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, std::int64_t{args.aux.ld});
  }
  multiply(stream, operation, problem_, args, way, scratch);
}

void VendorPlan::launch_panel(Stream stream, const CallArgs& args, const Way& way, void* scratch, float* x,
                              const Panel& panel) const {
  const bool gated = problem_.epilogue.gated;
  Operation operation = plain_;
  CallArgs product = args;
  product.d.data = x, product.d.ld = panel.ld;
  if (gated && !way.two) product.n *= 2;
  multiply(stream, operation, product_, product, way, scratch);
  if (way.two) {
    product.b = args.b2, product.d.data = x + panel.up;
    multiply(stream, operation, product_, product, way, scratch);
  }
  PassArgs pass = pass_args(problem_.epilogue, args);
  pass.x = x, pass.x2 = gated ? x + panel.up : nullptr, pass.ldx = panel.ld;
  pass_.launch(stream, pass);
}

}  // namespace ak
