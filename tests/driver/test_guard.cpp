// The guard: one call in so many is checked beside cuBLASLt.
#include <doctest/doctest.h>

#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "ak/ak.hpp"
#include "base/log.hpp"
#include "cache/store.hpp"
#include "context/context.hpp"
#include "context/sampling.hpp"
#include "context/stored_quarantine.hpp"
#include "fake_cublaslt.hpp"
#include "fake_driver.hpp"
#include "gpu/owners.hpp"
#include "kernels/support/probe_args.cuh"
#include "layer.hpp"
#include "tune/service.hpp"

namespace {

bool any(const Geometry&) { return true; }

constexpr int kSide = 4096;
std::uint16_t bf16(float value) { return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16); }

// Where the caller's matrices lie nothing can be written here; the guard's memory is host memory.
bool callers(const void* d) {
  return reinterpret_cast<std::uintptr_t>(d) >= reinterpret_cast<std::uintptr_t>(Layer::memory(0)) &&
         reinterpret_cast<std::uintptr_t>(d) < reinterpret_cast<std::uintptr_t>(Layer::memory(8));
}

void write(void* d, std::int64_t rows, float value) {
  if (callers(d)) return;
  auto* const to = static_cast<std::uint16_t*>(d);
  for (std::int64_t i = 0; i < rows * kSide; ++i) to[i] = bf16(value);
}

// A layer whose kernel and whose cuBLASLt give what a test says.
struct Guarded {
  explicit Guarded(int every = 1) : layer(any, "fake kernel: own") {
    fake::kernel("own", [this](const fake::Launch& launch) {
      const auto& args = *static_cast<const KernelArgs*>(launch.parameters[0]);
      ++launched;
      if (callers(args.d)) return void(++to_caller);
      write(args.d, args.m, own + (drifts ? static_cast<float>(launched) : 0));
    });
    fake::multiply([this](const fake::Product& product) {
      if (!callers(product.d)) ++checked;
      write(const_cast<void*>(product.d), static_cast<std::int64_t>(product.d_columns), vendor);
    });
    layer.options.guard_every = every, layer.options.mode = Mode::hit;
    context.emplace(layer.options);
  }
  ~Guarded() {
    context.reset();
    fake::multiply({});
  }
  void call(Stream stream = nullptr) { context->matmul_act(stream, layer.x, layer.w, layer.y, layer.epilogue); }
  void tokens(std::int64_t m) { layer.x.rows = layer.y.rows = m; }
  Counters counters() const { return context->counters(); }
  // Calls until one is checked, and waits for the judgement.
  void step(Stream stream = nullptr) {
    for (int i = 0; i < 2000; ++i) {
      const auto judged = counters().guarded;
      const int before = checked;
      call(stream);
      for (int j = 0; j < 5000 && checked > before && counters().guarded == judged; ++j) nap();
      if (checked > before) return;
      nap();
    }
    FAIL("no call is checked");
  }
  void until(std::int64_t guarded) {
    while (counters().guarded < guarded) step();
  }
  // What follows a judgement has ended when the next call is checked, or cuBLASLt serves.
  void settle() {
    for (int i = 0; i < 3000 && counters().guard_demotions == 0; ++i) nap();
  }
  static void nap() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }
  std::string served_by() { return context->explain(layer.x, layer.w, layer.y, layer.epilogue).served_by; }

  std::atomic<float> own{1}, vendor{1};
  std::atomic<bool> drifts{false};
  std::atomic<int> launched{0}, to_caller{0}, checked{0};
  Layer layer;
  std::optional<Context> context;
};

}  // namespace

TEST_CASE("guard: a call is checked in memory of the guard's own, before it writes the caller's once, and without waiting") {
  Guarded guarded;
  guarded.call();
  CHECK(guarded.to_caller == 1);
  guarded.until(3);
  const OwnedStream stream = OwnedStream::make();
  guarded.step(stream.get());  // which has its scratch memory then
  int before = 0;
  for (const int checked = guarded.checked; guarded.checked == checked; guarded.nap()) {
    fake::forget();
    before = guarded.to_caller;
    guarded.call(stream.get());
  }
  std::vector<std::string> waits;
  int mine = 0;
  int launched = 0;
  const auto calls = fake::calls();
  for (const fake::Call& call : calls)
    if (call.name == "cuLaunchKernelEx" && !mine) mine = call.thread;
  for (const fake::Call& call : calls) {
    const bool waiting =
        call.name.find("Synchronize") != std::string::npos || call.name == "cuMemAlloc" || call.name == "cuMemcpyDtoH";
    if (call.thread == mine && waiting) waits.push_back(call.name);
  }
  for (const fake::Launch& launch : fake::launches()) launched += launch.stream == stream.get();
  CHECK(waits.empty());
  CHECK(launched == 3);  // twice for the check, then the call's own
  CHECK(guarded.to_caller == before + 1);
  const Counters counters = guarded.counters();
  CHECK(counters.guard_mismatches == 0);
  CHECK(counters.guard_unsure == 0);
  CHECK(counters.guard_demotions == 0);
  CHECK(guarded.served_by().find("cuBLASLt") == std::string::npos);
}

TEST_CASE("guard: off by default, and one call in so many") {
  {
    Guarded guarded(0);
    for (int i = 0; i < 50; ++i) guarded.call();
    CHECK(guarded.launched == 50);
    CHECK(guarded.checked == 0);
  }
  Guarded rare(50);
  rare.call();
  for (int i = 0; i < 1000; ++i) rare.call(), std::this_thread::sleep_for(std::chrono::microseconds(200));
  CHECK(rare.checked > 2);
  CHECK(rare.checked < 60);
  CHECK(rare.to_caller == 1001);
}

TEST_CASE("guard: a mismatch is met again before a kernel is accused, then cuBLASLt serves, and the epoch says so") {
  Guarded guarded;
  guarded.until(2);
  const auto epoch = guarded.context->epoch();
  guarded.own = 2;
  guarded.step();
  CHECK(guarded.counters().guard_mismatches == 1);
  CHECK(guarded.counters().guard_demotions == 0);
  CHECK(guarded.served_by().find("cuBLASLt") == std::string::npos);
  guarded.step();
  guarded.settle();
  const Counters counters = guarded.counters();
  CHECK(counters.guard_mismatches == 2);
  CHECK(counters.guard_demotions == 1);
  CHECK(guarded.served_by().find("cuBLASLt") != std::string::npos);
  const Explanation e = guarded.context->explain(guarded.layer.x, guarded.layer.w, guarded.layer.y, guarded.layer.epilogue);
  CHECK(e.source == "guard");
  CHECK(e.note.find("is 2, cuBLASLt's 1") != std::string::npos);
  CHECK(guarded.context->epoch() > epoch);
  const int launched = guarded.launched;
  fake::products();
  guarded.call();
  CHECK(guarded.launched == launched);
  CHECK(fake::products().size() == 1);
}

TEST_CASE("guard: one mismatch alone accuses nobody, nor inputs that change meanwhile") {
  Guarded guarded;
  guarded.until(1);
  guarded.own = 2;
  guarded.step();
  CHECK(guarded.counters().guard_mismatches == 1);
  guarded.own = 1;
  guarded.until(4);
  CHECK(guarded.counters().guard_demotions == 0);
  guarded.drifts = true;  // the same kernel, twice, gives two results
  guarded.until(10);
  CHECK(guarded.counters().guard_unsure == 6);
  CHECK(guarded.counters().guard_mismatches == 1);
  CHECK(guarded.counters().guard_demotions == 0);
  CHECK(guarded.served_by().find("cuBLASLt") == std::string::npos);
}

TEST_CASE("guard: a kernel that is slower than cuBLASLt's makes way, and its record is to be tuned again") {
  Guarded guarded;
  fake::elapsed_ms(std::vector<float>{0.012f, 0.010f});  // the kernel's, then cuBLASLt's
  guarded.until(8);
  for (int i = 0; i < 2000 && guarded.counters().guard_demotions == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(guarded.counters().guard_demotions == 1);
  CHECK(guarded.counters().guard_mismatches == 0);
  CHECK(guarded.served_by().find("cuBLASLt") != std::string::npos);
  guarded.context.reset();
  const auto machine = make_gpu_machine({});
  const auto record = open_store(guarded.layer.folder)->find(guarded.layer.problem, machine->hardware());
  REQUIRE(record);
  CHECK(record->provenance.provisional);
  CHECK(record->provenance.note.find("the guard: its calls took 1.20 of cuBLASLt's time") != std::string::npos);
}

TEST_CASE("guard: one that is slower now and then stays; nothing is checked in a capture") {
  Guarded guarded;
  fake::elapsed_ms(std::vector<float>{0.012f, 0.010f, 0.009f, 0.010f, 0.0095f, 0.010f});
  guarded.until(20);
  CHECK(guarded.counters().guard_demotions == 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const OwnedStream stream = OwnedStream::make();
  CUgraph graph = nullptr;
  check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
  fake::forget();
  for (int i = 0; i < 5; ++i) guarded.call(stream.get());
  CHECK(fake::launches().size() == 5);
  CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
}

TEST_CASE("guard: a launch that fails in a check is not the caller's") {
  Guarded guarded;
  guarded.until(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  fake::fail("cuEventRecord", CUDA_ERROR_UNKNOWN, -1);
  for (int i = 0; i < 5; ++i) CHECK_NOTHROW(guarded.call());
}

TEST_CASE("guard: neither a call that is refused nor a launch that fails ends the checks") {
  Guarded guarded;
  guarded.until(1);
  OwnContext other;
  OwnedStream foreign = OwnedStream::make();
  CUcontext popped;
  check(driver().cuCtxPopCurrent(&popped), "leaving a context");
  for (int i = 0; i < 10; ++i, guarded.nap())
    CHECK(has(error_of([&] { guarded.call(foreign.get()); }), "stream: belongs to another CUDA context"));
  guarded.until(2);
  fake::fail("cuLaunchKernelEx", CUDA_ERROR_INVALID_VALUE);
  bool failed = false;
  for (int i = 0; i < 3000 && !failed; ++i, guarded.nap()) {  // the check's, or a call's that is not checked
    const int before = fake::count("cuLaunchKernelEx");
    try {
      guarded.call();
      failed = fake::count("cuLaunchKernelEx") > before + 1;
    } catch (const Error&) {
      fake::fail("cuLaunchKernelEx", CUDA_ERROR_INVALID_VALUE);
    }
  }
  CHECK(failed);
  guarded.until(4);
  check(driver().cuCtxPushCurrent(other.handle), "back");
  foreign = OwnedStream();
  other.end();
}

TEST_CASE("guard: memory that is short ends no checks: they begin when there is some") {
  Guarded guarded;
  guarded.tokens(50);
  guarded.until(1);
  guarded.tokens(64);  // needs more than is there
  fake::fail("cuMemAlloc", CUDA_ERROR_OUT_OF_MEMORY);
  const int allocations = fake::count("cuMemAlloc");
  for (int i = 0; i < 3000 && fake::count("cuMemAlloc") == allocations; ++i) guarded.call(), guarded.nap();
  CHECK(guarded.counters().guarded == 1);
  guarded.tokens(50);  // whose memory that one gave up
  guarded.until(2);
  fake::memory(std::int64_t{1} << 34, (std::int64_t{1} << 34) - fake::allocated() - (std::int64_t{4} << 20));
  guarded.tokens(60);
  for (int i = 0; i < 20; ++i) guarded.call(), guarded.nap();
  fake::memory(std::int64_t{1} << 34);
  const auto guarded_before = guarded.counters().guarded;
  for (const Deadline deadline = Deadline::in(30); guarded.counters().guarded == guarded_before && !deadline.passed();)
    guarded.call(), guarded.nap();
  CHECK(guarded.counters().guarded > guarded_before);
}

TEST_CASE("guard: where cuBLASLt lacks memory its problem is guarded later; where it has no algorithm it never is") {
  for (const int status : {3, 15}) {  // CUBLAS_STATUS_ALLOC_FAILED, CUBLAS_STATUS_NOT_SUPPORTED
    CAPTURE(status);
    Guarded guarded;
    fake::asked();
    fake::refuse(100, status);
    for (int i = 0; i < 3000 && fake::asked().empty(); ++i) guarded.call(), guarded.nap();
    fake::refuse(0, 0);
    const bool comes = status == 3;
    for (const Deadline deadline = Deadline::in(comes ? 30 : 1.3); guarded.counters().guarded == 0 && !deadline.passed();)
      guarded.call(), guarded.nap();
    CHECK((guarded.counters().guarded > 0) == comes);
  }
}

TEST_CASE("guard: while the stream of a checked call is busy others have their turns, and then it is judged") {
  Guarded guarded;
  guarded.until(1);
  const OwnedStream stream = OwnedStream::make();
  fake::busy(stream.get(), true);
  for (int i = 0; i < 2000 && guarded.checked < 2; ++i) guarded.call(stream.get()), guarded.nap();
  REQUIRE(guarded.checked == 2);
  struct Other final : TuningWork {
    void run(const Turn&) override {}
  };
  TuningService service("");
  for (int i = 0; i < 3; ++i) {
    const auto ticket = service.enqueue({.key = {}, .work = std::make_shared<Other>(), .leased = false}, Deadline::in(5));
    CHECK(service.wait(ticket, Deadline::in(5)) == TuningService::End::done);
  }
  CHECK(guarded.counters().guarded == 1);
  fake::busy(stream.get(), false);
  guarded.until(3);
}

TEST_CASE("guard: of a bucket's kernel that is slower at some m its record is to be tuned again") {
  Guarded guarded;
  fake::elapsed_ms(std::vector<float>{0.012f, 0.010f});
  guarded.tokens(50);
  guarded.until(8);
  guarded.settle();
  CHECK(guarded.counters().guard_demotions == 1);
  CHECK(guarded.served_by().find("cuBLASLt") != std::string::npos);
  guarded.tokens(64);
  CHECK(guarded.served_by().find("cuBLASLt") == std::string::npos);
  guarded.context.reset();
  const auto record = open_store(guarded.layer.folder)->find(guarded.layer.problem, make_gpu_machine({})->hardware());
  REQUIRE(record);
  CHECK(record->provenance.provisional);
}

TEST_CASE("guard: a kernel that a proof finds wrong serves no m of its bucket any more, here nor in the next process") {
  Guarded guarded;
  guarded.tokens(50);
  guarded.call();
  CHECK(guarded.served_by().find("cuBLASLt") == std::string::npos);
  const auto epoch = guarded.context->epoch();
  fake::kernel("ak_compare_relu", [](const fake::Launch& launch) {
    Finding& finding = **static_cast<Finding* const*>(launch.parameters[2]);
    finding.violations = 1, finding.first = 0;
  });
  guarded.tokens(64);
  guarded.until(1);
  guarded.own = 2;
  guarded.step();
  guarded.step();
  const auto both = [&] { return guarded.context->epoch() >= epoch + 2; };
  for (int i = 0; i < 3000 && !both(); ++i) guarded.nap();
  CHECK(both());
  for (const std::int64_t m : {64, 50}) {
    guarded.tokens(m);
    CHECK(guarded.served_by().find("cuBLASLt") != std::string::npos);
  }
  CHECK(guarded.counters().guard_demotions == 1);
  guarded.context.reset();
  guarded.context.emplace(guarded.layer.options);
  const int launched = guarded.launched;
  for (const std::int64_t m : {64, 50}) guarded.tokens(m), guarded.call();
  CHECK(guarded.launched == launched);
}

TEST_CASE("guard: a check that fails later is logged and the next one follows") {
  std::atomic<bool> logged{false};
  const ScopedLogSink sink([&](LogLevel, std::string_view line) {
    if (line.find("a check came to nothing: reading event times") != line.npos) logged = true;
  });
  set_log_level(LogLevel::warn);
  Guarded guarded;
  guarded.until(1);
  fake::fail("cuEventElapsedTime", CUDA_ERROR_UNKNOWN);
  for (int i = 0; i < 5000 && !logged; ++i) guarded.call(), guarded.nap();
  CHECK(logged);
  guarded.until(3);
  set_log_level(LogLevel::off);
}

TEST_CASE("guard: a suspect that is never met again makes calls slow for so long only") {
  Sampling sampling(1 << 30);
  CHECK(sampling.due());  // the first of so many
  CHECK_FALSE(sampling.due());
  sampling.suspect(true);
  int calls = 0;
  while (calls < 100000 && sampling.due()) ++calls;
  CHECK(calls > 100);
  CHECK(calls < 100000);
  CHECK_FALSE(sampling.suspects());
}
