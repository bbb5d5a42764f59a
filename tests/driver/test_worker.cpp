// Proofs in the worker, on the fake driver: kernels that fault, hang or crash there leave the host as it was.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/environment.hpp"
#include "context/context.hpp"
#include "context/stored_quarantine.hpp"
#include "families/family.hpp"
#include "gpu/owners.hpp"
#include "jit/source.hpp"
#include "machine/gpu.hpp"
#include "own_context.hpp"
#include "tests/unit/child_process.hpp"
#include "tune/service.hpp"
#include "worker/gemm.hpp"
#include "worker_fixture.hpp"

using namespace ak;
using namespace ak::testing;
namespace fs = std::filesystem;

namespace {

Settings settings() {
  Settings s;
  s.cache_dir = "", s.shipped = false;
  s.budget_s = 3, s.max_trials = 6;
  s.worker = kProgram;
  return s;
}

// The library's device code, each family's with a word for the fake compiler.
std::string kernels_that(const char* what) {
  const std::string folder = AK_BINARY_DIR "/kernels_that_fail";
  fs::remove_all(folder);
  fs::create_directories(folder);
  for (const char* file : {"sm80.cu", "sm90.cu", "skinny.cu"})
    std::ofstream(folder + "/" + file) << contents(std::string(AK_SOURCE_DIR "/kernels/") + file)
                                       << "\n// fake kernel: " << what << "\n";
  return folder;
}

}  // namespace

TEST_CASE("the worker proves a panel, and all rows once where its memory allows") {
  const FakeDriver fakes;
  Worker worker(kProgram, "GPU-0");
  struct {
    const char *panel, *whole;
    bool fits;
  } constexpr kHuge[] = {{"4352x2048x65536 relu", "16384x2048x65536 relu", true},
                         {"1024x151936x4096 relu", "32768x151936x4096 relu", false},
                         {"64x256x256 relu", "", true}};
  for (const auto& [panel, whole, fits] : kHuge) {
    CAPTURE(panel);
    ProofRequest r = request("a cubin", 20);
    r.subject = fmt::format("{}{}{}", panel, *whole ? "\n" : "", whole), r.launch = a_tactic();
    r.device_bytes = std::int64_t{8} << 30;
    ProofReply reply = worker.ask(r, Deadline::in(20));
    CHECK_MESSAGE(reply.outcome == Outcome::correct, reply.why);
    CHECK(reply.whole);
    r.whole = true;
    reply = worker.ask(r, Deadline::in(20));
    CHECK_MESSAGE(reply.outcome == Outcome::correct, reply.why);
    CHECK(reply.whole == fits);
  }
}

TEST_CASE("the worker proves, fails with what fails, and is there again for the next kernel") {
  const FakeDriver fakes;
  Worker worker(kProgram, "GPU-0");
  CHECK(worker.start() == std::nullopt);
  const int first = worker.pid();
  CHECK(runs(first));
  CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);
  CHECK(worker.pid() == first);

  ProofReply reply = proof_of(worker, "fake kernel: faults");
  CHECK(reply.outcome == Outcome::runtime);
  CHECK(reply.harms);
  CHECK(ends_within(first, 2));
  CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);

  reply = proof_of(worker, "fake kernel: crashes");
  CHECK(reply.outcome == Outcome::runtime);
  CHECK(reply.why == "crashed the worker's process");
  CHECK(reply.harms);
  CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);

  reply = proof_of(worker, "fake kernel: is killed");  // by the machine, short of memory: no kernel is to blame
  CHECK(reply.outcome == Outcome::timeout);
  CHECK(reply.why == "the worker ended without a word");
  CHECK(!reply.harms);
  CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);

  const int third = worker.pid();
  for (int i = 0; i < 2; ++i) {  // a lack of host memory passes, and harms nobody
    reply = proof_of(worker, "fake kernel: starves");
    CHECK(reply.outcome == Outcome::timeout);
    CHECK(!reply.harms);
  }
  CHECK(worker.pid() == third);
  CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);

  reply = proof_of(worker, "fake kernel: hangs", 0.1);
  CHECK(reply.outcome == Outcome::timeout);
  CHECK(reply.why == "does not end");
  CHECK(reply.harms);
  CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);
  CHECK(fake::launches().empty());  // nothing of it here
}

TEST_CASE("the worker holds what a search allows it, and lets go of it when the search ends") {
  const FakeDriver fakes;
  Worker worker(kProgram, "GPU-0");
  const Problem huge = parse_problem("4352x2048x65536 relu");  // of which a case takes 0.9 GiB
  const Tactic tactic = parse_tactic(a_tactic());
  const Kernel kernel{tactic, "a cubin"};
  const auto held = [&] {  // the fake's device memory is the process's own
    std::ifstream statm(fmt::format("/proc/{}/statm", worker.pid()));
    std::int64_t pages = 0;
    statm >> pages;
    return pages * ::getpagesize();
  };
  Allowance allowance;
  allowance.device_bytes = std::int64_t{256} << 20;
  try {
    WorkerProver(huge, huge, worker, allowance).prove(kernel, Effort::quick, Deadline::in(20));
    FAIL("it was proven");
  } catch (const Failed& failed) {
    CHECK(failed.outcome == Outcome::timeout);
    CHECK_MESSAGE(failed.why.find("device memory") != std::string::npos, failed.why);
  }
  const std::int64_t before = held();
  REQUIRE(before > 0);
  allowance.device_bytes = std::int64_t{3} << 30;
  {
    WorkerProver prover(huge, huge, worker, allowance);
    CHECK_NOTHROW(prover.prove(kernel, Effort::quick, Deadline::in(20)));
    CHECK(held() > before + (std::int64_t{800} << 20));
  }
  const Deadline deadline = Deadline::in(3);
  while (held() > before + (std::int64_t{64} << 20) && !deadline.passed())
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(held() <= before + (std::int64_t{64} << 20));
  CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);
}

TEST_CASE("a worker that does not answer is ended at its deadline") {
  const FakeDriver fakes;
  Worker worker(kProgram, "GPU-0");
  CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);
  const int pid = worker.pid();
  REQUIRE(pid > 0);
  ::kill(pid, SIGSTOP);
  const auto began = Clock::now();
  const ProofReply reply = proof_of(worker, "a cubin", 0.1);
  CHECK(reply.outcome == Outcome::timeout);
  CHECK(seconds_since(began) < 4);
  CHECK(ends_within(pid, 2));
  CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);
}

TEST_CASE("a proof that is stopped ends at once, its worker with it, and nothing is held against its kernel") {
  const FakeDriver fakes;
  Worker worker(kProgram, "GPU-0");
  REQUIRE(proof_of(worker, "a cubin").outcome == Outcome::correct);
  const int pid = worker.pid();
  const Tactic tactic = parse_tactic(a_tactic());
  struct Hanging : TuningWork {
    Hanging(Worker& by, const Tactic& what) : worker(by), tactic(what) {}
    void run(const Turn& turn) override {
      WorkerProver prover(problem(), problem(), worker, Allowance{});
      try {
        began = true;
        prover.prove({tactic, "fake kernel: hangs"}, Effort::quick, Deadline::in(60, turn.by.stop()));
      } catch (const Failed& failed) {
        outcome = failed.outcome, harms = failed.harms;
      }
    }
    Worker& worker;
    const Tactic tactic;
    std::atomic<bool> began = false;
    Outcome outcome = Outcome::correct;
    bool harms = true;
  };
  const auto hanging = std::make_shared<Hanging>(worker, tactic);
  auto ends = Clock::now();
  {
    TuningService service("");  // as a Context has one
    service.enqueue({.place = &worker, .key = {}, .work = hanging, .leased = false, .kept = true}, Deadline::in(60));
    while (!hanging->began) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // into the kernel
    SUBCASE("who asks of the worker meanwhile does not wait for the proof") {
      const auto asks = Clock::now();
      CHECK(worker.ready());
      CHECK(worker.pid() == pid);
      CHECK(seconds_since(asks) < 0.1);
    }
    ends = Clock::now();
  }
  CHECK(seconds_since(ends) < 1);
  CHECK(hanging->outcome == Outcome::timeout);
  CHECK(!hanging->harms);
  CHECK(ends_within(pid, 2));
  CHECK(!worker.ready());
  CHECK(worker.pid() == 0);
  CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);
}

TEST_CASE("a forced tactic that hangs is ended in time and put in quarantine") {
  const FakeDriver fakes;
  OwnContext own;
  {
    const Variable folder("AK_KERNEL_DIR", kernels_that("hangs"));
    Settings forced = settings();
    forced.cache_dir = AK_BINARY_DIR "/quarantine_of_forced";
    fs::remove_all(forced.cache_dir);
    forced.mode = Mode::hit;  // searches for no other
    forced.force_tactic = parse_tactic(a_tactic());
    Context::Impl context(forced);
    const auto began = Clock::now();
    CHECK(context.prepare(problem()).served_by.find("cuBLASLt") == 0);
    CHECK(seconds_since(began) < 25);
    int quarantined = 0;
    context.store().for_each_work("quarantine", [&](const WorkRecord&) { ++quarantined; });
    CHECK(quarantined == 1);
  }
  own.end();
}

TEST_CASE("a kernel that has had no time to end is late, and harms nobody") {
  const FakeDriver fakes;
  Worker worker(kProgram, "GPU-0");
  REQUIRE(proof_of(worker, "a cubin").outcome == Outcome::correct);
  const int pid = worker.pid();
  const ProofReply reply = proof_of(worker, "fake kernel: lasts", 0.02);  // 1.5 s, as on a GPU that others keep busy
  CHECK(reply.outcome == Outcome::timeout);
  CHECK_MESSAGE(!reply.harms, reply.why);
  CHECK(reply.why == "did not end in time");
  CHECK(worker.pid() == pid);
  CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);
}

TEST_CASE("a worker without host memory says so, and blames no kernel" * doctest::skip(kSanitized)) {
  const FakeDriver fakes;
  Worker worker(kProgram, "GPU-0");
  REQUIRE(proof_of(worker, "a cubin").outcome == Outcome::correct);
  const int pid = worker.pid();
  std::ifstream statm(fmt::format("/proc/{}/statm", pid));
  rlim_t pages = 0;
  statm >> pages;
  const rlim_t bytes = pages * static_cast<rlim_t>(::getpagesize()) + (rlim_t{128} << 20);
  const rlimit little{bytes, bytes};  // the frame can be read, not taken apart
  REQUIRE(::prlimit(pid, RLIMIT_AS, &little, nullptr) == 0);
  const ProofReply reply = proof_of(worker, std::string(std::size_t{40} << 20, 'x'));
  CHECK(reply.outcome == Outcome::timeout);
  CHECK_MESSAGE(reply.why.find("bad_alloc") != std::string::npos, reply.why);
  CHECK(!reply.harms);
  CHECK(ends_within(pid, 2));
  CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);
}

TEST_CASE("the worker has opened its GPU before a search times anything") {
  const FakeDriver fakes;
  OwnContext own;
  {
    Worker& worker = Worker::of(kProgram, device_uuid());
    proof_of(worker, "a cubin");
    ::kill(worker.pid(), SIGKILL);  // none runs, whatever was tested before
    CHECK(ends_within(worker.pid(), 2));
    for (const Deadline deadline = Deadline::in(2); worker.ready() && !deadline.passed();) worker.close();
    REQUIRE(!worker.ready());
    const auto machine = make_gpu_machine({.scratch_bytes = std::int64_t{64} << 20, .worker = kProgram});
    machine->warm_up(problem());
    CHECK(worker.ready());
  }
  own.end();
}

TEST_CASE("a worker that opens its GPU for long is waited for as long as is said, and no longer than until a stop") {
  const FakeDriver fakes;
  Worker worker(kProgram, "GPU-0");
  REQUIRE(worker.start() == std::nullopt);
  ::kill(worker.pid(), SIGSTOP);
  auto began = Clock::now();
  worker.await_open(Deadline::in(0.1));
  CHECK(seconds_since(began) < 1);
  std::stop_source stop;
  std::jthread stops([&] { std::this_thread::sleep_for(std::chrono::milliseconds(100)), stop.request_stop(); });
  began = Clock::now();
  worker.await_open(Deadline::in(20, stop.get_token()));
  CHECK(seconds_since(began) < 2);
  ::kill(worker.pid(), SIGCONT);
  worker.await_open(Deadline::in(5));
  CHECK(worker.ready());
  CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);
}

TEST_CASE("an own kernel that stands by is proven in the worker, unless a capture met it first, and the quarantine is heeded") {
  const FakeDriver fakes;
  const CUcontext own = fake::make_context();
  driver().cuCtxPushCurrent(own);
  const Problem gated = parse_problem("64x256x256 silu gated");  // cuBLASLt's way takes scratch memory
  Settings small = settings();
  small.mode = Mode::off, small.scratch_bytes = 1;
  CallArgs args{};
  args.m = 64, args.n = args.k = 256, args.alpha = 1;
  args.a.ld = args.b.ld = args.d.ld = args.c.ld = 512;
  const auto own_launches = [] {
    int count = 0;
    for (const fake::Launch& launch : fake::launches()) count += launch.own;
    return count;
  };
  const auto call = [&](Context::Impl& context, CUstream stream) {
    try {
      context.matmul_act(stream, gated, args);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::out_of_memory);
    }
  };
  SUBCASE("what faults there is not launched here") {
    const Variable folder("AK_KERNEL_DIR", kernels_that("faults"));
    Context::Impl context(small);
    call(context, nullptr);
    CHECK(own_launches() == 0);
    int quarantined = 0;
    context.store().for_each_work("quarantine", [&](const WorkRecord&) { ++quarantined; });
    CHECK(quarantined >= 1);
  }
  SUBCASE("what is right there is, also in a later capture") {
    Context::Impl context(small);
    const OwnedStream stream = OwnedStream::make();
    CUgraph graph = nullptr;
    check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
    call(context, stream.get());
    CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
    CHECK(own_launches() == 0);

    context.matmul_act(stream.get(), gated, args);
    CHECK(own_launches() == 1);
    check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
    context.matmul_act(stream.get(), gated, args);
    CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
    CHECK(own_launches() == 2);
  }
  SUBCASE("what is in quarantine is not even tried") {
    Context::Impl context(small);
    call(context, nullptr);
    const auto served = [&](Context::Impl& c) { return c.explain(gated).note; };
    Context::Impl again(small);
    StoredQuarantine known(again.store(), again.hardware());
    for (const RankedTactic& ranked : make_space(gated, again.device()).tactics)
      if (served(context).find(to_string(ranked.tactic) + " without") != std::string::npos)
        known.add(kernel_digest(family(ranked.tactic.family).sources(), gated, ranked.tactic, again.device().arch()), "faults");
    call(again, nullptr);
    CHECK(served(again) != served(context));
  }
  CUcontext popped;
  driver().cuCtxPopCurrent(&popped);
  fake::end_context(own);
}

TEST_CASE("calls go on whatever a search's kernels do") {
  const FakeDriver fakes;
  const CUcontext own = fake::make_context();
  driver().cuCtxPushCurrent(own);
  for (const char* what : {"faults", "crashes"}) {
    CAPTURE(what);
    const Variable folder("AK_KERNEL_DIR", kernels_that(what));
    Settings kept = settings();
    kept.cache_dir = AK_BINARY_DIR "/quarantine";
    fs::remove_all(kept.cache_dir);
    {
      Context::Impl context(kept);
      context.prepare(problem());
      int quarantined = 0;
      context.store().for_each_work("quarantine", [&](const WorkRecord&) { ++quarantined; });
      CHECK(quarantined >= 1);
      int by_record = 0;  // known by what a record says of its kernel
      StoredQuarantine known(context.store(), context.hardware());
      for (const Trial& trial : context.store().trials(problem(), context.hardware()))
        if (!is_vendor(trial.tactic) && trial.outcome == Outcome::runtime)
          by_record +=
              known.why(kernel_digest(family(trial.tactic.family).sources(), problem(), trial.tactic, context.device().arch()))
                  .has_value();
      CHECK(by_record == quarantined);
    }
    // Another process would not launch them again.
    Context::Impl again(kept);
    again.retune(problem());
    int refused = 0;
    for (const Trial& trial : again.store().trials(problem(), again.hardware()))
      refused += trial.why.find("in quarantine: ") == 0;
    CHECK(refused >= 1);
    Context::Impl context(settings());
    const Explanation e = context.prepare(problem());
    CHECK(e.served_by.find("cuBLASLt") == 0);
    CHECK(context.counters().trials >= 1);
    CHECK(driver().cuCtxGetCurrent(const_cast<CUcontext*>(&own)) == CUDA_SUCCESS);
    for (const fake::Launch& launch : fake::launches()) CHECK(!launch.own);
  }
  SUBCASE("sources of a folder are launched nowhere else unless that is asked for") {
    const Variable folder("AK_KERNEL_DIR", kernels_that("faults"));
    Settings absent = settings();
    absent.worker = "/nowhere/ak-worker";
    Context::Impl context(absent);
    CHECK(context.prepare(problem()).served_by.find("cuBLASLt") == 0);
    for (const fake::Launch& launch : fake::launches()) CHECK(!launch.own);
  }
  SUBCASE("nor are they where the folder is named while a search runs: what was reviewed is what is compiled") {
    std::atomic<int> foreign{0};
    fake::kernel("faults", [&](const fake::Launch&) { ++foreign; });
    const std::string folder = kernels_that("faults");
    Settings absent = settings();
    absent.worker = "/nowhere/ak-worker", absent.max_trials = 60;
    int shown = 0;
    absent.progress = [&](const TuneProgress&) {
      if (shown++ > 0) return;
      setenv("AK_KERNEL_DIR", folder.c_str(), 1);
      read_environment();
    };
    Context::Impl context(absent);
    context.prepare(problem());
    unsetenv("AK_KERNEL_DIR");
    read_environment();
    CHECK(shown > 10);
    CHECK(foreign == 0);
  }
  SUBCASE("the library's own are, where there is no worker") {
    Settings absent = settings();
    absent.worker = "/nowhere/ak-worker";
    Context::Impl context(absent);
    context.prepare(problem());
    bool launched = false;
    for (const fake::Launch& launch : fake::launches()) launched |= launch.own;
    CHECK(launched);
  }
  CUcontext popped;
  driver().cuCtxPopCurrent(&popped);
  fake::end_context(own);
}
