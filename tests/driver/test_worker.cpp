// The worker's process, on the fake driver: kernels that fault, hang or crash there leave the host as it was.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/build.hpp"
#include "base/environment.hpp"
#include "context/context.hpp"
#include "context/stored_quarantine.hpp"
#include "fake_driver.hpp"
#include "families/family.hpp"
#include "gpu/device.hpp"
#include "gpu/owners.hpp"
#include "jit/source.hpp"
#include "machine/gpu.hpp"
#include "own_context.hpp"
#include "search/space.hpp"
#include "tests/unit/child_process.hpp"
#include "tune/service.hpp"
#include "worker/gemm.hpp"
#include "worker/serve.hpp"
#include "worker/worker.hpp"

using namespace ak;
using testing::ChildProcess;
namespace fs = std::filesystem;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // and takes as much address space as there is
#else
constexpr bool kSanitized = false;
#endif

const std::string kProgram = AK_BINARY_DIR "/ak-worker";

// A variable for the time of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1), ak::read_environment(); }
  ~Variable() { unsetenv(name_), ak::read_environment(); }

 private:
  const char* name_;
};

// The worker finds the fake driver.
struct FakeDriver : Variable {
  FakeDriver() : Variable("LD_LIBRARY_PATH", AK_BINARY_DIR "/tests/fake") { fake::reset(); }
};

bool runs(int pid) {
  std::ifstream status(fmt::format("/proc/{}/stat", pid));
  const std::string line(std::istreambuf_iterator<char>(status), {});
  const auto name_ends = line.rfind(')');
  return name_ends != line.npos && line.at(name_ends + 2) != 'Z';
}

bool ends_within(int pid, double seconds) {
  for (const Deadline deadline = Deadline::in(seconds); runs(pid); std::this_thread::sleep_for(std::chrono::milliseconds(5)))
    if (deadline.passed()) return false;
  return true;
}

int descriptors_of(const std::string& process) {
  return static_cast<int>(std::distance(fs::directory_iterator("/proc/" + process + "/fd"), fs::directory_iterator()));
}

std::string contents(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

const Problem& problem() {
  static const Problem p = parse_problem("64x256x256 relu");
  return p;
}

ProofRequest request(const std::string& cubin, double seconds = 5) {
  ProofRequest r;
  r.tag = "gemm", r.subject = to_string(problem());
  r.launch = "sm80", r.image = cubin;
  r.seconds = seconds;
  return r;
}

// The first tactic of the space, so that its text is one that families take.
std::string a_tactic() { return to_string(make_space(problem(), DeviceFacts{}).tactics.front().tactic); }

ProofReply proof_of(Worker& worker, const std::string& cubin, double seconds = 5) {
  ProofRequest r = request(cubin, seconds);
  r.launch = a_tactic();
  return worker.ask(r, Deadline::in(seconds));
}

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

TEST_CASE("what crashed the worker fails, also where the worker cannot be started again: it is launched nowhere else") {
  const FakeDriver fakes;
  const std::string folder = AK_BINARY_DIR "/starts_once", program = folder + "/worker";
  fs::remove_all(folder), fs::create_directories(folder);
  std::ofstream(program) << fmt::format("#!/bin/sh\n[ -e {0}/ran ] && exit 1\n: > {0}/ran\nexec {1}\n", folder, kProgram);
  fs::permissions(program, fs::perms::owner_all);
  Worker worker(program, "GPU-0");
  ProofRequest r = request("fake kernel: crashes");
  r.launch = a_tactic();
  try {
    worker.prove(r, Deadline::in(10));
    FAIL("it was proven");
  } catch (const Failed& failed) {
    CHECK(failed.why == "crashed the worker's process");
    CHECK(!failed.harms);  // once may be chance
  }
  CHECK_THROWS_AS(worker.prove(r, Deadline::in(10)), Unavailable);
}

TEST_CASE("a signal that somebody sends ends the worker, and is held against no kernel") {
  const FakeDriver fakes;
  Worker worker(kProgram, "GPU-0");
  REQUIRE(proof_of(worker, "a cubin").outcome == Outcome::correct);
  const int segv = kSanitized ? SIGSYS : SIGSEGV;  // of which a sanitizer makes a report
  for (const int signal : {segv, SIGTRAP}) {
    CAPTURE(signal);
    const int idle = worker.pid();
    ::kill(idle, signal);
    CHECK(ends_within(idle, 2));
    CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);
  }
  std::atomic<bool> ended = false;
  std::thread killer([&] {  // of every worker that proves
    for (int last = 0; !ended; std::this_thread::sleep_for(std::chrono::milliseconds(50)))
      if (const int pid = worker.pid(); pid && pid != last && worker.ready())
        std::this_thread::sleep_for(std::chrono::milliseconds(100)), ::kill(last = pid, segv);
  });
  ProofReply reply = proof_of(worker, "fake kernel: hangs", 20);
  ended = true;
  killer.join();
  CHECK(reply.outcome == Outcome::timeout);
  CHECK(reply.why == "the worker ended without a word");
  CHECK(!reply.harms);
}

TEST_CASE("a host that takes orphans has the worker for a child, and keeps nothing of it") {
  const FakeDriver fakes;
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  {
    Worker worker(kProgram, "GPU-0");
    CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);
    CHECK(proof_of(worker, "fake kernel: hangs", 0.1).outcome == Outcome::timeout);
    CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
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

TEST_CASE("the worker is nobody's child, takes nothing along, and loads no foreign code") {
  const FakeDriver fakes;
  const Variable preload("LD_PRELOAD", ""), injection("CUDA_INJECTION64_PATH", "/nowhere.so"), key("AK_LLM_KEY", "secret");
  const int open = ::dup(1);  // not to be inherited, though it has no close-on-exec
  const int before = descriptors_of("self");
  Worker worker(kProgram, "GPU-0");
  REQUIRE(worker.start() == std::nullopt);
  CHECK(::getsid(worker.pid()) == worker.pid());
  const std::string environment = contents(fmt::format("/proc/{}/environ", worker.pid()));
  for (const char* not_this : {"LD_PRELOAD", "INJECTION", "AK_LLM_KEY", "secret"})
    CHECK(environment.find(not_this) == environment.npos);
  CHECK(environment.find("CUDA_VISIBLE_DEVICES=GPU-0") != environment.npos);
  worker.await_open(Deadline::in(20));  // until then it opens libraries
  CHECK(descriptors_of(std::to_string(worker.pid())) == 4);
  CHECK(descriptors_of("self") == before + 2);  // the socket and the process's handle
  ::close(open);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
  ::signal(SIGCHLD, SIG_IGN);
  CHECK(proof_of(worker, "fake kernel: faults").outcome == Outcome::runtime);
  CHECK(proof_of(worker, "a cubin").outcome == Outcome::correct);
  ::signal(SIGCHLD, SIG_DFL);
}

TEST_CASE("what says nothing is no worker for long: it is ended, with its reason, and not tried again at once") {
  const std::string silent = AK_BINARY_DIR "/silent-worker", pids = AK_BINARY_DIR "/silent-pids";
  std::ofstream(silent) << "#!/bin/sh\nsleep 40 &\necho $$ $! > '" << pids << "'\nwait\n";
  fs::permissions(silent, fs::perms::owner_all);
  Worker worker(silent, "");
  auto began = Clock::now();
  CHECK(worker.start()->find("does not answer") != std::string::npos);
  CHECK(seconds_since(began) < 10);
  std::istringstream ended(contents(pids));
  int shell = 0, sleeps = 0;
  ended >> shell >> sleeps;
  REQUIRE(sleeps > 0);
  CHECK(ends_within(shell, 2));
  CHECK(ends_within(sleeps, 2));
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  began = Clock::now();
  CHECK(worker.start()->find("does not answer") != std::string::npos);
  CHECK(seconds_since(began) < 1);
}

TEST_CASE("a host without descriptors to spare gives none of its own to the worker") {
  const FakeDriver fakes;
  ChildProcess child([&](ChildProcess& self) {
    const rlimit few{64, 64};
    ::setrlimit(RLIMIT_NOFILE, &few);
    int last = -1;
    for (int fd; (fd = ::dup(0)) >= 0;) last = fd;
    ::close(last), ::close(last - 1);  // for the two ends alone
    self.say(Worker(kProgram, "GPU-0").start().value_or("started"));
  });
  const std::string why = child.text();
  CHECK_MESSAGE(why.find("cannot be started: Too many open files") != std::string::npos, why);
  CHECK(child.ended_well());
}

TEST_CASE("a host that may not start a process as it does says so") {
  const FakeDriver fakes;
  ChildProcess child([&](ChildProcess& self) {
    sock_filter refuses_vfork[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_VFORK, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{static_cast<unsigned short>(std::size(refuses_vfork)), refuses_vfork};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    self.say(Worker(kProgram, "GPU-0").start().value_or("started"));
  });
  const std::string why = child.text();
  CHECK_MESSAGE(why.find("cannot be started: Operation not permitted") != std::string::npos, why);
  CHECK(child.ended_well());
}

TEST_CASE("a host to which orphans come gets its worker as one of them") {
  const FakeDriver fakes;
  ChildProcess child([&](ChildProcess& self) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    Worker worker(kProgram, "GPU-0");
    const bool proven = proof_of(worker, "a cubin").outcome == Outcome::correct;
    const int pid = worker.pid();
    ::kill(pid, SIGKILL);
    self.say(fmt::format("{} {}", proven, ::waitpid(-1, nullptr, 0) == pid));
  });
  CHECK(child.text() == "true true");
  CHECK(child.ended_well());
}

TEST_CASE("a host without a standard input ends its worker too") {
  const FakeDriver fakes;
  ChildProcess child([&](ChildProcess& self) {
    ::close(0);  // which the connection gets
    Worker worker(kProgram, "GPU-0");
    const bool proven = proof_of(worker, "a cubin").outcome == Outcome::correct;
    const int pid = worker.pid();
    ::kill(pid, SIGSTOP);
    const bool late = proof_of(worker, "a cubin", 0.1).outcome == Outcome::timeout;
    self.say(fmt::format("{} {} {}", proven, late, ends_within(pid, 2)));
    ::kill(pid, SIGKILL);
  });
  CHECK(child.text() == "true true true");
  CHECK(child.ended_well());
}

TEST_CASE("a host that waits for any of its children meets nothing of a worker, and hears of none") {
  const FakeDriver fakes;
  static std::atomic<int> heard;  // deaths of children that are not `own`
  static pid_t own;
  heard = 0;
  own = ::fork();
  if (own == 0) {
    for (;;) ::pause();
  }
  struct sigaction hears {}, before {};
  hears.sa_flags = SA_SIGINFO | SA_RESTART;
  hears.sa_sigaction = [](int, siginfo_t* info, void*) { heard += info->si_pid != own; };
  REQUIRE(::sigaction(SIGCHLD, &hears, &before) == 0);
  std::vector<pid_t> met;
  std::thread waits([&] {
    for (pid_t pid = 0; pid != own;)
      if ((pid = ::waitpid(-1, nullptr, 0)) > 0) met.push_back(pid);
  });
  for (const char* cubin : {"a cubin", "fake kernel: faults", "fake kernel: crashes", "a cubin", "a cubin"}) {
    Worker worker(kProgram, "GPU-0");
    REQUIRE(worker.start() == std::nullopt);
    const int pid = worker.pid();
    proof_of(worker, cubin);
    ::kill(pid, SIGKILL);
    CHECK(ends_within(pid, 2));
  }
  CHECK(Worker("/nowhere/ak-worker", "").start() != std::nullopt);
  CHECK(Worker("/bin/true", "").start() != std::nullopt);
  CHECK(runs(own));  // so that it blocked all the while
  ::kill(own, SIGKILL);
  waits.join();
  ::sigaction(SIGCHLD, &before, nullptr);
  CHECK(met == std::vector{own});
  CHECK(heard == 0);
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

TEST_CASE("the worker ends with its host, even one that is killed, whatever it does") {
  const FakeDriver fakes;
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t host = ::fork();
  if (host == 0) {
    Worker worker(kProgram, "GPU-0");
    worker.start();
    const int pid = worker.pid();
    if (::write(ends[1], &pid, sizeof pid) != sizeof pid) std::_Exit(1);
    proof_of(worker, "fake kernel: hangs", 60);
    std::_Exit(0);
  }
  int worker = 0;
  REQUIRE(::read(ends[0], &worker, sizeof worker) == sizeof worker);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // into the kernel
  CHECK(runs(worker));
  ::kill(host, SIGKILL);
  ::waitpid(host, nullptr, 0);
  CHECK(ends_within(worker, 2));
  ::close(ends[0]), ::close(ends[1]);
}

TEST_CASE("an idle worker ends") {
  const FakeDriver fakes;
  auto [ours, theirs] = socket_pair();
  const pid_t child = ::fork();
  if (child == 0) {
    { const Descriptor closed = std::move(ours); }
    ServeOptions options;
    options.idle_s = 0.1;
    const WorkKind kinds[] = {gemm_kind()};
    std::_Exit(serve(::dup(theirs.get()), kinds, options));
  }
  theirs = Descriptor();
  Channel channel(std::move(ours));
  REQUIRE(channel.receive(Deadline::in(5)));  // hello
  const auto last = channel.receive(Deadline::in(5));
  REQUIRE(last);
  CHECK(decode_reply(*last)->kind == Answered::leaving);
  CHECK(channel.receive(Deadline::in(5)) == std::nullopt);
  CHECK(channel.closed());
  int status = 1;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("what is no worker, or one of another build, is told by name") {
  const FakeDriver fakes;
  CHECK(Worker("/nowhere/ak-worker", "").start()->find("cannot be started: No such file") != std::string::npos);
  CHECK(Worker("/bin/true", "").start()->find("ended before it said a word") != std::string::npos);
  Hello other;
  other.build = "another";
  const std::string hello = encode(other), script = AK_BINARY_DIR "/another-worker", words = AK_BINARY_DIR "/another-words";
  std::ofstream(words, std::ios::binary) << static_cast<char>(hello.size()) << std::string(3, '\0') << hello;
  std::ofstream(script) << "#!/bin/sh\ncat '" << words << "' >&3\n";
  fs::permissions(script, fs::perms::owner_all);
  CHECK(Worker(script, "").start()->find("is of another build than this library") != std::string::npos);
}

TEST_CASE("bytes that are no message are none") {
  const std::string good = encode(request("cubin"));
  CHECK(decode_request(good));
  for (std::size_t cut = 0; cut < good.size(); ++cut) CHECK_FALSE(decode_request(good.substr(0, cut)));
  std::string odd = good;
  odd[0] = 99;
  CHECK_FALSE(decode_request(odd));
  CHECK_FALSE(decode_request(good + "x"));
  CHECK_FALSE(decode_reply(""));
  CHECK_FALSE(decode_hello("ak-worker"));
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
    for (const fake::Launch& launch : fake::launches()) count += launch.kernel == "ak_kernel";
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
    for (const fake::Launch& launch : fake::launches()) CHECK(launch.kernel != "ak_kernel");
  }
  SUBCASE("sources of a folder are launched nowhere else unless that is asked for") {
    const Variable folder("AK_KERNEL_DIR", kernels_that("faults"));
    Settings absent = settings();
    absent.worker = "/nowhere/ak-worker";
    Context::Impl context(absent);
    CHECK(context.prepare(problem()).served_by.find("cuBLASLt") == 0);
    for (const fake::Launch& launch : fake::launches()) CHECK(launch.kernel != "ak_kernel");
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
    for (const fake::Launch& launch : fake::launches()) launched |= launch.kernel == "ak_kernel";
    CHECK(launched);
  }
  CUcontext popped;
  driver().cuCtxPopCurrent(&popped);
  fake::end_context(own);
}
