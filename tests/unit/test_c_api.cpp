// The C boundary where it does more than pass on.
#include <doctest/doctest.h>

#include <array>
#include <string>

#include "ak/ak.h"

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

ak_call call(std::int64_t m, const ak_epilogue* epilogue = nullptr) {
  return {{nullptr, m, 64, 64, ak_dtype_bf16, ak_order_row},
          {nullptr, 64, 32, 32, ak_dtype_bf16, ak_order_row},
          {nullptr, m, 32, 32, ak_dtype_bf16, ak_order_row},
          epilogue};
}

}  // namespace

TEST_CASE("C: many calls are prepared in order, each problem once, and told as they go") {
  const Context context;
  ak_epilogue silu = AK_EPILOGUE_INIT;
  silu.activation = ak_activation_silu;
  const std::array calls{call(8), call(16, &silu), call(8), call(0)};
  struct Told {
    std::string lines;
    static void add(size_t done, size_t all, const ak_explanation* last, void* user) {
      static_cast<Told*>(user)->lines += std::to_string(done) + "/" + std::to_string(all) + " " + last->problem + "\n";
    }
  } told;
  std::array<ak_explanation, 4> explained;
  REQUIRE(ak_prepare_many(context.handle, calls.data(), calls.size(), explained.data(), Told::add, &told) == ak_status_ok);
  CHECK(told.lines ==
        "1/2 8x32x64 bf16 a=k b=n out=bf16 align=16,16,16,16 identity\n"
        "2/2 16x32x64 bf16 a=k b=n out=bf16 align=16,16,16,16 silu\n");
  CHECK(explained[0].problem == std::string("8x32x64 bf16 a=k b=n out=bf16 align=16,16,16,16 identity"));
  CHECK(explained[2].problem == std::string(explained[0].problem));
  CHECK(explained[1].note == std::string("no record and AK_MODE is hit"));
  CHECK(explained[3].served_by == std::string("nothing to compute: D has no elements"));
  CHECK(ak_prepare_many(context.handle, calls.data(), calls.size(), nullptr, nullptr, nullptr) == ak_status_ok);
  CHECK(ak_prepare_many(context.handle, nullptr, 0, nullptr, nullptr, nullptr) == ak_status_ok);
}

TEST_CASE("C: of many calls to prepare the wrong one is named, and nothing is prepared") {
  const Context context;
  std::array calls{call(8), call(16)};
  calls[1].b.rows = 63;
  int told = 0;
  const auto count = [](size_t, size_t, const ak_explanation*, void* user) { ++*static_cast<int*>(user); };
  CHECK(ak_prepare_many(context.handle, calls.data(), calls.size(), nullptr, count, &told) == ak_status_invalid_argument);
  CHECK(ak_last_error() == std::string("calls[1]: b: its 63 rows differ from a's 64 columns"));
  CHECK(told == 0);
  CHECK(ak_prepare_many(context.handle, nullptr, 2, nullptr, nullptr, nullptr) == ak_status_invalid_argument);
  CHECK(ak_last_error() == std::string("calls: is null"));
}
