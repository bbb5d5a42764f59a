// The worker as a process: how it starts and ends, and what its host meets of it. On the fake driver.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "base/box.hpp"
#include "base/build.hpp"
#include "tests/unit/child_process.hpp"
#include "worker/gemm.hpp"
#include "worker/serve.hpp"
#include "worker_fixture.hpp"

using namespace ak;
using namespace ak::testing;
namespace fs = std::filesystem;

namespace {

int descriptors_of(const std::string& process) {
  return static_cast<int>(std::distance(fs::directory_iterator("/proc/" + process + "/fd"), fs::directory_iterator()));
}

}  // namespace

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
  struct sigaction hears {
  }, before{};
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

TEST_CASE("the worker gives up what no kernel needs when its GPU is open, and goes on proving") {
  if (!missing_from_box().empty() || kSanitized) return;
  const FakeDriver fakes;
  Worker worker(kProgram, "GPU-0");
  REQUIRE(worker.start() == std::nullopt);
  for (int time = 0; time < 2; ++time) proof_of(worker, "a cubin");
  std::ifstream file(fmt::format("/proc/{}/status", worker.pid()));
  const std::string status{std::istreambuf_iterator<char>(file), {}};
  CHECK_MESSAGE(status.find("NoNewPrivs:\t1\n") != status.npos, status);
  CHECK_MESSAGE(status.find("Seccomp:\t2\n") != status.npos, status);
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
