// The C boundary where it does more than pass on.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <tuple>
#include <vector>

#include "ak/ak.h"
#include "ak/cublas.h"
#include "base/log.hpp"

namespace {

// A context that neither searches nor launches: a miss on a recording is "none".
struct Context {
  ak_context* handle = nullptr;
  Context() {
    ak_options options = AK_OPTIONS_INIT;
    options.cache_dir = "", options.mode = ak_mode_hit, options.recording = AK_SOURCE_DIR "/tests/recordings";
    REQUIRE(ak_context_create(&options, &handle) == ak_status_ok);
  }
  ~Context() { ak_context_destroy(handle); }
};

// m x 64 by 64 x 32, in a struct that outlives what points into it.
struct Problem {
  ak_const_matrix a = AK_CONST_MATRIX_INIT, b = AK_CONST_MATRIX_INIT;
  ak_matrix d = AK_MATRIX_INIT;
  ak_epilogue epilogue = AK_EPILOGUE_INIT;

  explicit Problem(std::int64_t m, ak_activation activation = ak_activation_identity) {
    a.rows = m, a.cols = a.ld = 64, b.rows = 64, b.cols = b.ld = d.cols = d.ld = 32, d.rows = m;
    epilogue.activation = activation;
  }
  ak_call call() const { return {sizeof(ak_call), &a, &b, &d, &epilogue, 0, 0}; }
  ak_status explain(const Context& context, ak_explanation* told) const {
    return ak_explain(context.handle, &a, &b, &d, &epilogue, told);
  }
};

}  // namespace

TEST_CASE("C: only a batch of 1 is served, which is that of a caller whose struct has none") {
  const Context context;
  Problem p(8);
  CHECK(p.explain(context, nullptr) == ak_status_ok);
  p.a.batch = 3, p.a.batch_stride = 8 * 64;
  CHECK(p.explain(context, nullptr) == ak_status_unsupported);
  CHECK(std::string(ak_last_error()) == "a: a batch of 3 matrices is not served yet, only of 1");
  p.a.size = offsetof(ak_const_matrix, batch);  // what lies behind it is not the struct's
  CHECK(p.explain(context, nullptr) == ak_status_ok);
  p.d.batch = 2;
  CHECK(p.explain(context, nullptr) == ak_status_unsupported);
  p.d.size = offsetof(ak_matrix, batch);
  CHECK(p.explain(context, nullptr) == ak_status_ok);
}

TEST_CASE("C: many calls are prepared in order, each problem once, and told as they go") {
  const Context context;
  const Problem eight(8), sixteen(16, ak_activation_silu), none(0);
  const std::array calls{eight.call(), sixteen.call(), eight.call(), none.call()};
  struct Told {
    std::string lines;
    static void add(size_t done, size_t all, const ak_explanation* last, void* user) {
      static_cast<Told*>(user)->lines += std::to_string(done) + "/" + std::to_string(all) + " " + last->problem + "\n";
    }
  } told;
  std::array<ak_explanation, 4> explained;
  explained.fill(AK_EXPLANATION_INIT);
  REQUIRE(ak_prepare_many(context.handle, calls.data(), calls.size(), explained.data(), Told::add, &told) == ak_status_ok);
  CHECK(told.lines ==
        "1/2 8x32x64 bf16 a=k b=n out=bf16 align=16,16,16,16 identity\n"
        "2/2 16x32x64 bf16 a=k b=n out=bf16 align=16,16,16,16 silu\n");
  CHECK(explained[0].problem == std::string("8x32x64 bf16 a=k b=n out=bf16 align=16,16,16,16 identity"));
  CHECK(explained[2].problem == std::string(explained[0].problem));
  CHECK(explained[1].note == std::string("no record and mode is hit"));
  CHECK(explained[3].served_by == std::string("nothing to compute: D has no elements"));
  CHECK(ak_prepare_many(context.handle, calls.data(), calls.size(), nullptr, nullptr, nullptr) == ak_status_ok);
  CHECK(ak_prepare_many(context.handle, nullptr, 0, nullptr, nullptr, nullptr) == ak_status_ok);
}

TEST_CASE("C: a call with tokens is prepared bucket by bucket, and a range that is none is named") {
  const Context context;
  const Problem eight(8);
  ak_call call = eight.call();
  call.tokens_from = 3, call.tokens_to = 20;
  int told = 0;
  const auto count = [](size_t, size_t all, const ak_explanation*, void* user) { *static_cast<int*>(user) += all == 4; };
  ak_explanation explained = AK_EXPLANATION_INIT;
  REQUIRE(ak_prepare_many(context.handle, &call, 1, &explained, count, &told) == ak_status_ok);
  CHECK(told == 4);  // 17 to 32, 9 to 16, 5 to 8, 3 to 4
  CHECK(explained.problem == std::string("32x32x64 bf16 a=k b=n out=bf16 align=16,16,16,16 identity"));
  CHECK(explained.bucket_to == 0);  // mode hit: there is no record
  for (const auto& [from, to, why] : {std::tuple{20, 3, "calls[0]: tokens: 20 to 3: the range is empty or reversed"},
                                      {0, 3, "calls[0]: tokens: 0 to 3: the least is 1"},
                                      {4, 0, "calls[0]: tokens: 4 to 0: the range is empty or reversed"}}) {
    call.tokens_from = from, call.tokens_to = to;
    CHECK(ak_prepare_many(context.handle, &call, 1, nullptr, nullptr, nullptr) == ak_status_invalid_argument);
    CHECK(ak_last_error() == std::string(why));
  }
}

TEST_CASE("C: of many calls to prepare the wrong one is named, and nothing is prepared") {
  const Context context;
  Problem eight(8), sixteen(16);
  sixteen.b.rows = 63;
  const std::array calls{eight.call(), sixteen.call()};
  int told = 0;
  const auto count = [](size_t, size_t, const ak_explanation*, void* user) { ++*static_cast<int*>(user); };
  CHECK(ak_prepare_many(context.handle, calls.data(), calls.size(), nullptr, count, &told) == ak_status_invalid_argument);
  CHECK(ak_last_error() == std::string("calls[1]: b: its 63 rows differ from a's 64 columns"));
  CHECK(told == 0);
  CHECK(ak_prepare_many(context.handle, nullptr, 2, nullptr, nullptr, nullptr) == ak_status_invalid_argument);
  CHECK(ak_last_error() == std::string("calls: is null"));
}

// --- sizes -----------------------------------------------------------------------------------------------------------

namespace {

// What a caller with a later header hands over: members that this library has never heard of, which are not its to touch.
template <class T>
struct Newer {
  T known;
  unsigned char more[40];
  explicit Newer(T from) : known(from) {
    known.size = sizeof *this;
    std::memset(more, 0xa5, sizeof more);
  }
  bool untouched() const {
    return std::all_of(std::begin(more), std::end(more), [](unsigned char c) { return c == 0xa5; });
  }
};

// What a caller with an older header has: nothing from `end` on, where others' memory lies.
template <class T>
struct Older {
  std::vector<unsigned char> bytes;
  Older(const T& from, std::size_t end) : bytes(sizeof(T) + 8, 0xa5) {
    std::memcpy(bytes.data(), &from, end);
    get()->size = end;
  }
  T* get() { return reinterpret_cast<T*>(bytes.data()); }
  bool untouched() const {
    return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(reinterpret_cast<const T*>(bytes.data())->size), bytes.end(),
                       [](unsigned char c) { return c == 0xa5; });
  }
};

}  // namespace

TEST_CASE(
    "C: structs of an older caller are filled up with what they start from, those of a newer one are read as far as known") {
  const Context context;
  Problem p(16, ak_activation_silu);
  const float scale = 1;
  p.epilogue.row_scale = &scale;
  ak_explanation all = AK_EXPLANATION_INIT, told = AK_EXPLANATION_INIT;
  REQUIRE(p.explain(context, &all) == ak_status_ok);
  CHECK(std::string(all.problem).find("silu") != std::string::npos);

  // Before scales were.
  Older<ak_epilogue> older(p.epilogue, offsetof(ak_epilogue, row_scale));
  REQUIRE(ak_explain(context.handle, &p.a, &p.b, &p.d, older.get(), &told) == ak_status_ok);
  CHECK(told.problem == std::string("16x32x64 bf16 a=k b=n out=bf16 align=16,16,16,16 silu"));
  CHECK(all.problem != std::string(told.problem));

  const Newer<ak_epilogue> newer(p.epilogue);
  const Newer<ak_const_matrix> a(p.a), b(p.b);
  const Newer<ak_matrix> d(p.d);
  REQUIRE(ak_explain(context.handle, &a.known, &b.known, &d.known, &newer.known, &told) == ak_status_ok);
  CHECK(told.problem == std::string(all.problem));

  ak_options options = AK_OPTIONS_INIT;
  options.cache_dir = "", options.mode = ak_mode_hit, options.recording = AK_SOURCE_DIR "/tests/recordings";
  options.log_level = "no such level";  // of what an older caller has not
  ak_context* made = nullptr;
  CHECK(ak_context_create(&options, &made) == ak_status_invalid_argument);
  REQUIRE(ak_context_create(Older<ak_options>(options, offsetof(ak_options, log_level)).get(), &made) == ak_status_ok);
  ak_context_destroy(made);
  options.log_level = nullptr;
  const Newer<ak_options> later(options);
  REQUIRE(ak_context_create(&later.known, &made) == ak_status_ok);
  ak_context_destroy(made);
}

TEST_CASE("C: what is told ends with the caller's struct") {
  const Context context;
  const Problem p(16);
  Older<ak_explanation> older(AK_EXPLANATION_INIT, offsetof(ak_explanation, note));
  Newer<ak_explanation> newer(AK_EXPLANATION_INIT);
  REQUIRE(p.explain(context, older.get()) == ak_status_ok);
  REQUIRE(p.explain(context, &newer.known) == ak_status_ok);
  CHECK(older.get()->problem == std::string(newer.known.problem));
  CHECK(older.get()->size == offsetof(ak_explanation, note));
  CHECK(older.untouched());
  CHECK(newer.known.note == std::string("cuBLASLt would serve it"));
  CHECK(newer.known.size == sizeof newer);
  CHECK(newer.untouched());

  Older<ak_counters> few(AK_COUNTERS_INIT, offsetof(ak_counters, pack_hits));
  Newer<ak_counters> many(AK_COUNTERS_INIT);
  few.get()->searches = many.known.lease_waits = -1;
  REQUIRE(ak_get_counters(context.handle, few.get()) == ak_status_ok);
  REQUIRE(ak_get_counters(context.handle, &many.known) == ak_status_ok);
  CHECK(few.get()->searches == 0);
  CHECK(few.untouched());
  CHECK(many.known.lease_waits == 0);
  CHECK(many.untouched());
}

TEST_CASE("C: arrays are of structs as large as the caller's") {
  const Context context;
  const Problem eight(8), sixteen(16);
  const Newer<ak_call> calls[] = {Newer<ak_call>(eight.call()), Newer<ak_call>(sixteen.call())};
  Newer<ak_explanation> told[] = {Newer<ak_explanation>(AK_EXPLANATION_INIT), Newer<ak_explanation>(AK_EXPLANATION_INIT)};
  REQUIRE(ak_prepare_many(context.handle, &calls[0].known, 2, &told[0].known, nullptr, nullptr) == ak_status_ok);
  CHECK(told[1].known.problem == std::string("16x32x64 bf16 a=k b=n out=bf16 align=16,16,16,16 identity"));
  CHECK(told[0].untouched());
  CHECK(told[1].untouched());
  told[1].known.size = sizeof(ak_explanation);
  CHECK(ak_prepare_many(context.handle, &calls[0].known, 2, &told[0].known, nullptr, nullptr) == ak_status_invalid_argument);
  CHECK(ak_last_error() == std::string("explanations[1]: its size differs from explanations[0]'s"));
}

TEST_CASE("C: a size that is none is refused by the struct's name") {
  const Context context;
  const ak_cublas_epilogue cublas = AK_CUBLAS_EPILOGUE_INIT;
  const float one = 1, zero = 0;
  const int memory[1024] = {};
  for (const std::size_t wrong : {std::size_t{0}, std::size_t{7}, std::size_t{1} << 17, ~std::size_t{0}}) {
    CAPTURE(wrong);
    const auto with = [&](auto from) { return from.size = wrong, from; };
    const auto refused = [&](ak_status status, const std::string& name) {
      CHECK(status == ak_status_invalid_argument);
      CHECK(ak_last_error() == fmt::format("{}: its size {} is not that of the struct; start from {}",
                                           name.substr(0, name.find(' ')), wrong, name.substr(name.find(' ') + 1)));
    };
    const Problem p(8);
    const auto a = with(p.a);
    const auto d = with(p.d);
    const auto e = with(p.epilogue);
    auto told = with(ak_explanation AK_EXPLANATION_INIT);
    auto counters = with(ak_counters AK_COUNTERS_INIT);
    refused(ak_prepare(context.handle, &a, &p.b, &p.d, nullptr, nullptr), "a AK_CONST_MATRIX_INIT");
    refused(ak_prepare(context.handle, &p.a, &p.b, &d, nullptr, nullptr), "d AK_MATRIX_INIT");
    refused(ak_prepare(context.handle, &p.a, &p.b, &p.d, &e, nullptr), "epilogue AK_EPILOGUE_INIT");
    refused(ak_prepare(context.handle, &p.a, &p.b, &p.d, nullptr, &told), "explanation AK_EXPLANATION_INIT");
    refused(ak_explain(context.handle, &p.a, &p.b, &p.d, nullptr, &told), "explanation AK_EXPLANATION_INIT");
    refused(ak_matmul_act(context.handle, nullptr, &p.a, &p.b, &p.d, &e), "epilogue AK_EPILOGUE_INIT");
    refused(ak_get_counters(context.handle, &counters), "counters AK_COUNTERS_INIT");
    Problem inner(8);
    for (const auto& [member, name] : {std::pair(&ak_epilogue::c, "epilogue.c"), std::pair(&ak_epilogue::up, "epilogue.up")}) {
      inner.epilogue.*member = &a;
      refused(inner.explain(context, nullptr), std::string(name) + " AK_CONST_MATRIX_INIT");
      inner.epilogue.*member = nullptr;
    }
    inner.epilogue.aux = &d;
    refused(inner.explain(context, nullptr), "epilogue.aux AK_MATRIX_INIT");
    const auto call = with(p.call());
    refused(ak_prepare_many(context.handle, &call, 1, nullptr, nullptr, nullptr), "calls AK_CALL_INIT");
    const auto options = with(ak_options AK_OPTIONS_INIT);
    ak_context* none = nullptr;
    refused(ak_context_create(&options, &none), "options AK_OPTIONS_INIT");
    const auto shaped = with(cublas);
    refused(ak_cublasGemmEpilogue(context.handle, nullptr, 0, 0, 4, 4, 4, &one, memory, 2, 4, memory, 2, 4, &zero,
                                  const_cast<int*>(memory), 2, 4, 68, -1, &shaped),
            "epilogue AK_CUBLAS_EPILOGUE_INIT");
  }
}

// --- enumerators -----------------------------------------------------------------------------------------------------

TEST_CASE("C: an enumerator out of range is refused by the argument's name and its value") {
  const Context context;
  const int memory[1024] = {};
  const float one = 1, zero = 0;
  for (const int wrong : {-1, 3, 254, 255, 256, 300, 1 << 20, -(1 << 30)}) {
    CAPTURE(wrong);
    const auto refused = [&](ak_status status, const std::string& what) {
      CHECK(status == ak_status_invalid_argument);
      CHECK(ak_last_error() == what);
    };
    const auto dtype = static_cast<ak_dtype>(wrong);
    const auto order = static_cast<ak_order>(wrong);
    const std::string no_dtype = fmt::format(": {} is not a dtype", wrong);
    const std::string no_order = fmt::format(": {} is not a storage order", wrong);
    Problem p(8);
    p.a.dtype = dtype, refused(p.explain(context, nullptr), "a" + no_dtype), p.a.dtype = ak_dtype_bf16;
    p.b.dtype = dtype, refused(p.explain(context, nullptr), "b" + no_dtype), p.b.dtype = ak_dtype_bf16;
    p.d.dtype = dtype, refused(p.explain(context, nullptr), "d" + no_dtype), p.d.dtype = ak_dtype_bf16;
    p.a.order = order, refused(p.explain(context, nullptr), "a" + no_order), p.a.order = ak_order_row;
    p.b.order = order, refused(p.explain(context, nullptr), "b" + no_order), p.b.order = ak_order_row;
    p.d.order = order, refused(p.explain(context, nullptr), "d" + no_order), p.d.order = ak_order_row;
    p.epilogue.bias_dtype = dtype, refused(p.explain(context, nullptr), "epilogue.bias_dtype" + no_dtype);
    p.epilogue.bias_dtype = ak_dtype_bf16;
    ak_const_matrix inner = p.a;
    ak_matrix aux = p.d;
    inner.dtype = dtype, aux.order = order;
    p.epilogue.c = &inner, refused(p.explain(context, nullptr), "epilogue.c" + no_dtype), p.epilogue.c = nullptr;
    p.epilogue.up = &inner, refused(p.explain(context, nullptr), "epilogue.up" + no_dtype), p.epilogue.up = nullptr;
    p.epilogue.aux = &aux, refused(p.explain(context, nullptr), "epilogue.aux" + no_order), p.epilogue.aux = nullptr;

    ak_options options = AK_OPTIONS_INIT;
    ak_context* none = nullptr;
    options.cache_dir = "";
    if (wrong != 3) {  // of modes that is one
      options.mode = static_cast<ak_mode>(wrong);
      refused(ak_context_create(&options, &none), fmt::format("options.mode: {} is not a mode", wrong));
      options.mode = ak_mode_unset;
    }
    options.isolation = static_cast<ak_isolation>(wrong);
    refused(ak_context_create(&options, &none), fmt::format("options.isolation: {} is not an isolation", wrong));
    options.isolation = ak_isolation_unset, options.llm_code = static_cast<ak_llm_code>(wrong + (wrong == 3));
    refused(ak_context_create(&options, &none),
            fmt::format("options.llm_code: {} is none of off, worker, kept", wrong + (wrong == 3)));
    CHECK(ak_status_name(static_cast<ak_status>(wrong == 3 ? 7 : wrong)) == std::string("unknown status"));

    if (wrong == 3) continue;  // of activations that is one
    const auto activation = static_cast<ak_activation>(wrong);
    const std::string no_activation = fmt::format("activation: {} is not an activation", wrong);
    p.epilogue.activation = activation, refused(p.explain(context, nullptr), "epilogue." + no_activation);
    refused(ak_linear(context.handle, nullptr, &p.a, &p.b, nullptr, activation, &p.d), no_activation);
    refused(ak_cublasGemmEx(context.handle, nullptr, 0, 0, 4, 4, 4, &one, memory, 2, 4, memory, 2, 4, &zero,
                            const_cast<int*>(memory), 2, 4, 68, -1, activation, 0, nullptr, 0),
            no_activation);
  }
}

TEST_CASE("C: mode record without a file, and with one that cannot be written, are refused by name") {
  ak_options options = AK_OPTIONS_INIT;
  options.cache_dir = "", options.mode = ak_mode_record;
  ak_context* none = nullptr;
  CHECK(ak_context_create(&options, &none) == ak_status_invalid_argument);
  CHECK(ak_last_error() == std::string("AK_RECORD_FILE='': mode record needs the file that it writes to"));
  options.record_file = "/nowhere/at/all.txt";
  CHECK(ak_context_create(&options, &none) == ak_status_invalid_argument);
  CHECK(ak_last_error() == std::string("record_file='/nowhere/at/all.txt': cannot be written: No such file or directory"));
  options.record_file = "/";
  CHECK(ak_context_create(&options, &none) == ak_status_invalid_argument);
  CHECK(ak_last_error() == std::string("record_file='/': cannot be written: Is a directory"));
  CHECK(none == nullptr);
}

TEST_CASE("C: the ints that stand for cuBLAS's enumerators are refused by name too") {
  const Context context;
  const int memory[1024] = {};
  const float one = 1, zero = 0;
  struct Arguments {
    int transa = 0, transb = 0, a = 2, b = 2, c = 2, compute = 68, bias = 2;
  };
  const auto refused = [&](int Arguments::*which, int wrong, ak_status expected, const char* name) {
    Arguments x;
    x.*which = wrong;
    CAPTURE(name);
    CAPTURE(wrong);
    CHECK(ak_cublasGemmEx(context.handle, nullptr, x.transa, x.transb, 4, 4, 4, &one, memory, x.a, 4, memory, x.b, 4, &zero,
                          const_cast<int*>(memory) + 512, x.c, 4, x.compute, -1, ak_activation_relu, 0, memory + 256,
                          x.bias) == expected);
    CHECK(std::string(ak_last_error()).starts_with(fmt::format("{}: ", name)));
    CHECK(std::string(ak_last_error()).find(fmt::format("{}", wrong)) != std::string::npos);
  };
  for (const int wrong : {-1, 3, 255, 1 << 20}) {
    refused(&Arguments::transa, wrong, ak_status_invalid_argument, "transa");
    refused(&Arguments::transb, wrong, ak_status_invalid_argument, "transb");
    refused(&Arguments::a, wrong, ak_status_unsupported, "Atype");
    refused(&Arguments::b, wrong, ak_status_unsupported, "Btype");
    refused(&Arguments::c, wrong, ak_status_unsupported, "Ctype");
    refused(&Arguments::compute, wrong, ak_status_unsupported, "computeType");
    refused(&Arguments::bias, wrong, ak_status_unsupported, "biasType");
  }
}

// --- the log ---------------------------------------------------------------------------------------------------------

TEST_CASE("C: the log goes to the caller at the level asked for, and to nobody without one") {
  const ak::LogLevel before = ak::log_level();
  std::string heard;
  ak_options options = AK_OPTIONS_INIT;
  options.cache_dir = "/dev/null/no folder", options.recording = AK_SOURCE_DIR "/tests/recordings";
  options.log = [](const char* level, const char* line, void* user) {
    *static_cast<std::string*>(user) += fmt::format("{}: {}\n", level, line);
  };
  options.log_user = &heard;
  ak_context* context = nullptr;
  ak::set_log_level(ak::LogLevel::off);
  REQUIRE(ak_context_create(&options, &context) == ak_status_ok);
  ak_context_destroy(context);
  CHECK(heard.empty());
  options.log_level = "warn";
  REQUIRE(ak_context_create(&options, &context) == ak_status_ok);
  ak_context_destroy(context);
  CHECK(heard.starts_with("warn: winners are remembered by this process alone: /dev/null/no folder"));
  ak::set_log_level(before);
}

TEST_CASE("C: what a context is told besides reaches it") {
  ak_options options = AK_OPTIONS_INIT;
  ak_context* context = nullptr;
  options.cache_dir = "";
  options.compile_threads = 5000;
  CHECK(ak_context_create(&options, &context) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()).find("option compile_threads='5000'") != std::string::npos);
  options.compile_threads = -1;
  CHECK(ak_context_create(&options, &context) == ak_status_invalid_argument);
  options.compile_threads = 0;
  for (double ak_options::*const budget : {&ak_options::budget_s, &ak_options::process_budget_s})
    for (const double wrong : {-1.0, -HUGE_VAL, HUGE_VAL, std::nan("")}) {
      options.*budget = wrong;
      CHECK(ak_context_create(&options, &context) == ak_status_invalid_argument);
      options.*budget = 0;
    }
  options.compile_niceness = 20;
  options.compile_threads = 2;
  CHECK(ak_context_create(&options, &context) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()).find("option compile_niceness='20'") != std::string::npos);
  options.compile_niceness = 19, options.search_bytes = int64_t{1} << 51;
  CHECK(ak_context_create(&options, &context) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()).find("option search_bytes=") != std::string::npos);
  options.search_bytes = int64_t{1} << 30, options.isolation = ak_isolation_in_process, options.worker = "/nowhere/ak-worker";
  REQUIRE(ak_context_create(&options, &context) == ak_status_ok);
  ak_context_destroy(context);
}
