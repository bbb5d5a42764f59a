// Whole calls on the fake driver and the fake cuBLASLt.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "call_sizes.hpp"
#include "context/context.hpp"
#include "context/stored_quarantine.hpp"
#include "fake_cublaslt.hpp"
#include "fake_driver.hpp"
#include "families/family.hpp"
#include "gpu/device.hpp"
#include "gpu/owners.hpp"
#include "jit/source.hpp"
#include "own_context.hpp"
#include "plan/resources.hpp"
#include "search/space.hpp"
#include "tune/device_turn.hpp"

using namespace ak;

namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

Settings settings(Mode mode) {
  Settings s;
  s.mode = mode;
  s.cache_dir = "";
  s.shipped = false;
  s.budget_s = 2;
  s.max_trials = 6;
  return s;
}

}  // namespace

TEST_CASE("however many streams, no call fails for scratch, and the cap holds") {
  fake::reset();
  OwnContext own;
  const Problem problem = parse_problem("64x4097x4097 relu");
  {
    Context::Impl context(settings(Mode::off));
    std::vector<OwnedStream> streams;
    fake::products();
    for (int i = 0; i < 100; ++i) context.matmul_act(streams.emplace_back(OwnedStream::make()).get(), problem, sizes(problem));
    const auto products = fake::products();
    REQUIRE(products.size() == 100);
    for (const fake::Product& product : products) CHECK(product.workspace_bytes == fake::kVendorWorkspace);
    CHECK(fake::peak() <= 2048 * kMiB);
    CHECK(context.counters().scratch_fallbacks == 0);
  }
  own.end();
  CHECK(fake::misuses().empty());
}

TEST_CASE("where scratch is not to be had a plan without any serves, eagerly and in a capture; counted and explained") {
  fake::reset();
  OwnContext own;
  const Problem problem = parse_problem("64x256x256 relu");
  Settings small = settings(Mode::off);
  small.scratch_bytes = kMiB;
  {
    Context::Impl context(small);
    const OwnedStream stream = OwnedStream::make();
    fake::products();
    for (int i = 0; i < 3; ++i) context.matmul_act(stream.get(), problem, sizes(problem));
    CUgraph graph = nullptr;
    check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
    context.matmul_act(stream.get(), problem, sizes(problem));
    CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
    const auto products = fake::products();
    REQUIRE(products.size() == 4);
    for (const fake::Product& product : products) CHECK(product.workspace_bytes == 0);
    CHECK(context.counters().scratch_fallbacks == 4);
    CHECK(context.explain(problem).note.find("scratch") != std::string::npos);
  }
  own.end();
}

TEST_CASE("who stands by without scratch memory is found when a plan with a workspace is, not when memory is short") {
  fake::reset();
  OwnContext own;
  const Problem problem = parse_problem("64x256x256 relu");
  {
    Settings forced = settings(Mode::tune);
    const DeviceFacts& facts = resources().facts();
    for (const RankedTactic& ranked : make_space(problem, facts).tactics)
      if (ranked.tactic.family == FamilyId::sm80 && !forced.force_tactic &&
          family(FamilyId::sm80).geometry(problem, ranked.tactic, facts).workspace_bytes > 0)
        forced.force_tactic = ranked.tactic;
    REQUIRE(forced.force_tactic);
    Context::Impl context(forced);
    CHECK(context.prepare(problem).served_by == to_string(*forced.force_tactic));
    fake::memory(64 * kMiB, 64 * kMiB);
    fake::products(), fake::asked();
    context.matmul_act(nullptr, problem, sizes(problem));
    CHECK(fake::products().size() == 1);
    CHECK(fake::asked().empty());
    CHECK(context.counters().scratch_fallbacks == 1);
  }
  own.end();
}

TEST_CASE(
    "where cuBLASLt cannot do without scratch memory an own kernel of the search stands by, in a capture and on a hit too") {
  fake::reset();
  OwnContext own;
  const Problem gated = parse_problem("64x256x256 silu gated");
  Settings kept = settings(Mode::tune);
  kept.cache_dir = AK_BINARY_DIR "/test_context_spare";
  std::filesystem::remove_all(kept.cache_dir);
  const auto captured_without_memory = [&](Context::Impl& context, int searches) {
    const OwnedStream stream = OwnedStream::make();
    fake::memory(64 * kMiB, 64 * kMiB);
    CUgraph graph = nullptr;
    check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
    CallArgs args = sizes(gated);
    args.b.ld = 512;
    CHECK_NOTHROW(context.matmul_act(stream.get(), gated, args));
    CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
    fake::memory(16384 * kMiB);
    CHECK(context.counters().scratch_fallbacks == 1);
    CHECK(context.counters().searches == searches);
    REQUIRE(!fake::launches().empty());
    CHECK(fake::launches().back().own);
    CHECK(fake::launches().back().args.workspace == nullptr);
  };
  {
    Context::Impl context(kept);
    REQUIRE(context.prepare(gated).served_by.starts_with("cuBLASLt"));
    captured_without_memory(context, 1);
  }
  fake::forget();
  kept.mode = Mode::hit;
  {
    Context::Impl context(kept);
    captured_without_memory(context, 0);
  }
  fake::forget();
  SUBCASE("what is in quarantine does not") {
    Context::Impl context(kept);
    StoredQuarantine quarantine(context.store(), context.hardware());
    for (const RankedTactic& ranked : make_space(gated, context.device()).tactics)
      quarantine.add(kernel_digest(family(ranked.tactic.family).sources(), gated, ranked.tactic, context.device().arch()),
                     "faults");
    fake::memory(64 * kMiB, 64 * kMiB);
    const OwnedStream stream = OwnedStream::make();
    CUgraph graph = nullptr;
    check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
    CHECK_THROWS_AS(context.matmul_act(stream.get(), gated, sizes(gated)), Error);
    CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
    fake::memory(16384 * kMiB);
  }
  own.end();
}

TEST_CASE("a CUDA context that ends before its ak::Context takes its handles with it, and a live one serves again") {
  fake::reset();
  const Problem problem = parse_problem("64x256x256 silu");
  auto context = std::make_unique<Context::Impl>(settings(Mode::off));
  OwnContext first;
  context->matmul_act(nullptr, problem, sizes(problem));
  first.end();

  OwnContext second;
  fake::products();
  context->matmul_act(nullptr, problem, sizes(problem));
  CHECK(fake::products().size() == 1);
  second.end();
  context.reset();
  CHECK(fake::misuses().empty());
}

TEST_CASE("owners of what an ended context took drop it without a call") {
  fake::reset();
  OwnContext own;
  {
    const OwnedStream stream = OwnedStream::make();
    const Buffer buffer = Buffer::make(256);
    const Event event = Event::make();
    const Module module = Module::load("a cubin");
    own.end();
    fake::forget();
  }
  CHECK(fake::misuses().empty());
  CHECK(fake::count("cuCtxPushCurrent") == 0);
}

TEST_CASE("a primary context that is reset serves again") {
  fake::reset();
  const Problem problem = parse_problem("64x256x256 silu");
  std::thread([&] {
    Context::Impl context(settings(Mode::off));
    context.matmul_act(nullptr, problem, sizes(problem));  // none is current: the primary one is retained
    fake::reset_primary();
    fake::products();
    context.matmul_act(nullptr, problem, sizes(problem));
    CHECK(fake::products().size() == 1);
  }).join();
  CHECK(fake::misuses().empty());
}

TEST_CASE("a search in one thread breaks no capture of another") {
  fake::reset();
  OwnContext own;
  {
    Context::Impl context(settings(Mode::tune));
    const Problem known = parse_problem("32x256x256 relu"), problem = parse_problem("64x256x256 relu");
    const OwnedStream stream = OwnedStream::make();
    for (const CUstreamCaptureMode mode :
         {CU_STREAM_CAPTURE_MODE_GLOBAL, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL, CU_STREAM_CAPTURE_MODE_RELAXED}) {
      CUgraph graph = nullptr;
      check(driver().cuStreamBeginCapture(stream.get(), mode), "capturing");
      context.matmul_act(stream.get(), known, sizes(known));
      Problem other = problem;
      other.m += 64 * mode;
      std::thread([&] {
        const ContextScope scope(own.handle);
        context.prepare(other);
        context.matmul_act(nullptr, other, sizes(other));
      }).join();
      context.matmul_act(stream.get(), known, sizes(known));
      CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
    }
    CHECK(context.counters().searches == 3);
    CHECK(fake::count("cuCtxSynchronize") == 0);
  }
  own.end();
  CHECK(fake::misuses().empty());
}

TEST_CASE("a search that proves and times has the turn of its GPU, for which another process waits a little, and no more") {
  fake::reset();
  const std::string folder = std::filesystem::temp_directory_path() / fmt::format("ak_test_turn_{}", getpid());
  OwnContext own;
  {
    Settings s = settings(Mode::tune);
    s.cache_dir = folder, s.isolation = Isolation::in_process;
    Context::Impl context(s);
    fake::hang("cuEventElapsedTime");
    std::thread searcher([&] {
      const ContextScope scope(own.handle);
      CHECK(context.prepare(parse_problem("64x256x256 relu")).source == "this process");
    });
    while (fake::hanging("cuEventElapsedTime") == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    DeviceTurn another(folder, device_uuid());
    CHECK_FALSE(another.take(Deadline::never()));
    fake::release("cuEventElapsedTime");
    searcher.join();
    DeviceTurn later(folder, device_uuid());
    const auto held = later.take(Deadline::never());
    CHECK(held);
    // Somebody who keeps it costs a search a moment, once.
    const auto began = Clock::now();
    CHECK(context.prepare(parse_problem("64x512x256 relu")).source == "this process");
    CHECK(seconds_since(began) < 2 * s.budget_s);
    CHECK(context.counters().searches == 2);
  }
  own.end();
  std::filesystem::remove_all(folder);
  CHECK(fake::misuses().empty());
}

TEST_CASE("a search asks the device first: what is not free is not taken, and the next call asks again") {
  fake::reset();
  OwnContext own;
  {
    Context::Impl context(settings(Mode::tune));
    const Problem problem = parse_problem("1024x1024x1024 relu");
    fake::memory(1024 * kMiB, 1020 * kMiB);
    const Explanation e = context.prepare(problem);
    CHECK(e.source == "vendor fallback");
    CHECK(e.note.find("bytes of device memory") != std::string::npos);
    CHECK(context.counters().searches == 0);

    const std::int64_t before = fake::allocated();
    fake::memory(1024 * kMiB, 960 * kMiB - before);
    const Explanation found = context.prepare(problem);
    CHECK(context.counters().searches == 1);
    CHECK(found.source == "this process");
    CHECK(fake::peak() - before < 64 * kMiB);
  }
  own.end();
}

TEST_CASE("a search holds no more device memory than it is allowed, and gives all of it back") {
  struct {
    const char* text;
    std::int64_t free, allowed, most;  // MiB; allowed 0: what is free, less an eighth
  } constexpr kSearches[] = {{"1024x1024x1024 relu", 64, 0, 56},
                             {"1024x1024x1024 relu", 8192, 64, 64},
                             {"64x1000x8192 silu bias=column gated", 512, 0, 448},
                             {"65536x1024x1024 relu", 256, 0, 224},
                             {"65536x1024x1024 relu", 8192, 300, 300},
                             {"16x256x16384 relu", 8192, 0, 7168},
                             {"333x1001x777 relu", 256, 0, 224}};
  for (const auto& [text, free, allowed, most] : kSearches) {
    CAPTURE(text);
    CAPTURE(free);
    fake::reset();
    OwnContext own;
    {
      Settings s = settings(Mode::tune);
      s.max_trials = 40, s.budget_s = 2, s.search_bytes = allowed * kMiB;
      Context::Impl context(s);
      const Problem problem = parse_problem(text);
      const std::int64_t before = fake::allocated();
      fake::memory(16384 * kMiB, (16384 - free) * kMiB - before);
      const Explanation found = context.prepare(problem);
      CHECK(context.counters().searches == 1);
      CHECK_MESSAGE(found.source == "this process", found.note);
      CHECK(fake::peak() > before);
      CHECK((fake::peak() - before) <= most * kMiB);
      CHECK(fake::allocated() == before);
      const std::vector<Trial> trials = context.store().trials(problem, Hardware::of(resources().facts()));
      CHECK(trials.size() > 4);
      for (const Trial& trial : trials) CHECK_MESSAGE(trial.why.find("memory") == std::string::npos, trial.why);
    }
    own.end();
  }
  CHECK(fake::misuses().empty());
}

TEST_CASE("a search reads and writes none of the caller's memory: its call's launch alone does, once, with C in D") {
  fake::reset();
  OwnContext own;
  {
    Options options;
    options.cache_dir = "", options.shipped = false, options.isolation = Isolation::in_process, options.max_trials = 6;
    Context context(options);
    const auto address = [](std::uintptr_t which) { return (std::uintptr_t{1} << 40) + (which << 32); };
    const auto is_callers = [&](const void* p) {
      return reinterpret_cast<std::uintptr_t>(p) >= address(0) && reinterpret_cast<std::uintptr_t>(p) < address(8);
    };
    const ConstMatrix x{reinterpret_cast<void*>(address(0)), 64, 512, 512, DType::bf16, Order::row},
        w{reinterpret_cast<void*>(address(1)), 512, 256, 512, DType::bf16, Order::col};
    const Matrix y{reinterpret_cast<void*>(address(2)), 64, 256, 256, DType::bf16, Order::row};
    Epilogue epilogue;
    epilogue.beta = 1, epilogue.c = y;
    fake::forget(), fake::products();
    context.matmul_act(nullptr, x, w, y, epilogue);
    CHECK(context.counters().searches == 1);
    int launches = 0, with_callers = 0;
    for (const fake::Launch& launch : fake::launches()) {
      if (!launch.own) continue;
      ++launches;
      const bool all = launch.args.a == x.data && launch.args.b == w.data && launch.args.c == y.data && launch.args.d == y.data;
      const bool none =
          !is_callers(launch.args.a) && !is_callers(launch.args.b) && !is_callers(launch.args.c) && !is_callers(launch.args.d);
      CHECK(all != none);
      with_callers += all;
    }
    for (const fake::Product& product : fake::products())
      with_callers += is_callers(product.first) || is_callers(product.second) || is_callers(product.d);
    CHECK(launches > 6);
    CHECK(with_callers == 1);
    for (const fake::Call& call : fake::calls())
      if (call.name.starts_with("cuMemcpy") || call.name.starts_with("cuMemset"))
        CHECK_MESSAGE(!is_callers(reinterpret_cast<void*>(call.args[0])), call.name);
  }
  own.end();
  CHECK(fake::misuses().empty());
}

TEST_CASE("a huge problem is searched on a panel of its rows, and launched whole where memory allows") {
  struct {
    const char* text;
    int rows;
    bool whole;
  } constexpr kHuge[] = {{"32768x151936x4096 relu", 1024, false}, {"16384x2048x65536 silu", 4352, true}};
  for (const auto& [text, rows, whole] : kHuge) {
    CAPTURE(text);
    fake::reset();
    OwnContext own;
    {
      Settings patient = settings(Mode::tune);
      patient.budget_s = 60;  // its trials end it, with sanitizers too
      Context::Impl context(patient);
      const Problem problem = parse_problem(text);
      fake::forget(), fake::asked(), fake::products();
      const Explanation found = context.prepare(problem);
      CHECK(context.counters().searches == 1);
      CHECK(found.source == "this process");
      CHECK_MESSAGE(
          found.note.find(fmt::format("proven and timed on panels of {} of {} rows", rows, problem.m)) != std::string::npos,
          found.note);
      CHECK(fake::peak() < 10 * 1024 * kMiB);
      int of_panel = 0, of_all = 0;
      for (const fake::Launch& launch : fake::launches())
        if (launch.own) (launch.args.m <= rows ? of_panel : of_all)++;
      CHECK(of_panel > 0);
      CHECK((of_all > 0) == whole);
      // cuBLASLt is asked for the whole problem, or for as many rows of it as scratch holds, and launched over the panel.
      const auto asked = fake::asked();
      CHECK(std::ranges::count(asked, static_cast<std::uint64_t>(problem.m)) > 0);
      CHECK(std::ranges::count(asked, static_cast<std::uint64_t>(rows)) == 0);
      const auto products = fake::products();
      CHECK(!products.empty());
      for (const fake::Product& product : products) CHECK(product.d_columns <= static_cast<std::uint64_t>(rows));
      for (const fake::Launch& launch : fake::launches())
        if (launch.kernel.starts_with("ak_reference")) CHECK(launch.grid[1] <= rows / 128u);
    }
    own.end();
  }
  CHECK(fake::misuses().empty());
}

TEST_CASE("a kernel that was proven on a panel is launched with the whole problem's grid") {
  fake::reset();
  OwnContext own;
  const Problem problem = parse_problem("16384x2048x65536 silu");
  const Space space = make_space(problem, DeviceFacts{});
  const auto first =
      std::ranges::find(space.tactics, FamilyId::sm80, [](const RankedTactic& ranked) { return ranked.tactic.family; });
  REQUIRE(first != space.tactics.end());
  Problem panel = problem;
  panel.m = 4352;
  const auto grid_of = [&](const Problem& p) { return family(FamilyId::sm80).geometry(p, first->tactic, DeviceFacts{}).grid; };
  REQUIRE(grid_of(problem) != grid_of(panel));
  {
    Settings forced = settings(Mode::tune);
    forced.force_tactic = first->tactic;
    Context::Impl context(forced);
    fake::forget();
    context.matmul_act(nullptr, problem, sizes(problem));
    std::vector<fake::Launch> kernels = fake::launches();
    std::erase_if(kernels, [](const fake::Launch& launch) { return !launch.own; });
    REQUIRE(kernels.size() > 1);
    CHECK(kernels.back().args.m == problem.m);
    CHECK(kernels.back().kernel == kernel_name(problem, first->tactic));
    CHECK(kernels.back().grid == grid_of(problem));
    kernels.pop_back();
    for (const fake::Launch& launch : kernels) CHECK(launch.args.m <= panel.m);
    CHECK(std::ranges::any_of(kernels, [&](const fake::Launch& launch) { return launch.grid == grid_of(panel); }));
  }
  own.end();
}

TEST_CASE("a search that may hold few sets of operands says so, and what it held") {
  const auto searched = [](std::int64_t allowed, std::vector<std::string>& lines) {
    fake::reset();
    fake::attribute(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 16 << 20);
    OwnContext own;
    Counters counters;
    {
      const ScopedLogSink sink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
      Settings s = settings(Mode::tune);
      s.search_bytes = allowed;
      Context::Impl context(s);
      const std::int64_t before = fake::allocated();
      CHECK(context.prepare(parse_problem("256x1024x1024 relu")).source == "this process");
      counters = context.counters();
      CHECK(counters.search_peak_bytes > 0);
      CHECK(counters.search_peak_bytes <= fake::peak() - before);
      if (allowed > 0) CHECK(counters.search_peak_bytes <= allowed);
    }
    own.end();
    return counters.search_peak_bytes;
  };
  const auto few = [](const std::vector<std::string>& lines) {
    return std::ranges::count_if(lines, [](const std::string& line) { return line.find("sets of operands") != line.npos; });
  };
  set_log_level(LogLevel::warn);
  std::vector<std::string> plenty, tight;
  const std::int64_t most = searched(0, plenty), least = searched(80 * kMiB, tight);
  set_log_level(LogLevel::off);
  CHECK(few(plenty) == 0);
  CHECK(few(tight) == 1);
  CHECK(least < most);
}

TEST_CASE("a search runs on its device's thread, in the context of who called") {
  fake::reset();
  fake::devices(2);
  for (const CUdevice device : {0, 1}) {
    const CUcontext handle = fake::make_context(device);
    check(driver().cuCtxPushCurrent(handle), "entering");
    {
      Context::Impl context(settings(Mode::tune));
      const std::int64_t before = fake::peak(device), elsewhere = fake::peak(1 - device);
      fake::forget();
      const Problem problem = parse_problem("64x256x256 relu");
      CHECK(context.prepare(problem).source == "this process");
      CHECK(context.counters().searches == 1);
      CHECK(fake::peak(device) > before);
      CHECK(fake::peak(1 - device) == elsewhere);
      fake::Call mine{};
      for (const fake::Call& call : fake::calls())
        if (call.name == "cuCtxGetCurrent") {
          mine = call;  // the first: who asks which context is current
          break;
        }
      REQUIRE(mine.thread > 0);
      int relaxed = 0;
      for (const fake::Call& call : fake::calls()) {
        if (call.name == "cuMemAlloc") CHECK(call.thread != mine.thread);
        relaxed += call.name == "cuThreadExchangeStreamCaptureMode" && call.thread != mine.thread;
      }
      CHECK(relaxed > 0);
      for (const fake::Launch& launch : fake::launches()) CHECK(launch.thread != mine.thread);
      CUcontext current = nullptr;
      CHECK(driver().cuCtxGetCurrent(&current) == CUDA_SUCCESS);
      CHECK(current == handle);
    }
    CUcontext popped;
    driver().cuCtxPopCurrent(&popped);
    fake::end_context(handle);
  }
  CHECK(fake::misuses().empty());
}

TEST_CASE("a context that ends while it is searched for: the call is served, or told") {
  fake::reset();
  OwnContext own;
  std::atomic<bool> ended{false};
  Settings ends = settings(Mode::tune);
  ends.progress = [&](const TuneProgress&) {
    if (!ended.exchange(true)) fake::end_context(own.handle);
  };
  {
    Context::Impl context(ends);
    try {
      context.prepare(parse_problem("64x256x256 relu"));
    } catch (const Error&) {
    }
    CHECK(ended);
  }
  CUcontext popped;
  driver().cuCtxPopCurrent(&popped);
}
