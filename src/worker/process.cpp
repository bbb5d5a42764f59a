#include "worker/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "ak/types.hpp"
#include "base/build.hpp"
#include "base/environment.hpp"
#include "base/spawn.hpp"

// glibc's clone() by the name that the thread sanitizer does not replace with one for children that have memory of their own.
extern "C" int __clone(int (*)(void*), void* stack, int flags, void* argument, ...);

namespace ak {
namespace {

constexpr int kSocket = 3;
constexpr double kHelloSeconds = 5;
constexpr double kReapSeconds = 1;  // it was killed, and ends once the driver lets it

// Code that these bring belongs to the host; the driver would load it into the worker too.
bool inherited(std::string_view variable) {
  const std::string_view name = variable.substr(0, variable.find('='));
  for (const std::string_view not_this : {"LD_PRELOAD", "LD_AUDIT", "CUDA_VISIBLE_DEVICES", "AK_LLM_KEY"})
    if (name == not_this) return false;
  return name.find("INJECTION") == name.npos;
}

// What a starter is given and hands back: its memory is the host's.
struct Spawn {
  const char* program;
  const posix_spawn_file_actions_t* actions;
  const posix_spawnattr_t* attributes;
  char *const *arguments, *const *environment;
  pid_t pid = 0;
  int handle = -1;        // of the process (pidfd), while its number is sure to be its own
  int error = ECANCELED;  // until the starter has said
};

int start(void* given) {
  Spawn& spawn = *static_cast<Spawn*>(given);
  spawn.error = posix_spawn(&spawn.pid, spawn.program, spawn.actions, spawn.attributes, spawn.arguments, spawn.environment);
  if (spawn.error == 0) spawn.handle = static_cast<int>(::syscall(SYS_pidfd_open, spawn.pid, 0));
  return 0;  // which ends it
}

class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

// By a starter that ends at once, so that the worker is an orphan from the start. The starter ends without a signal and is
// found only by who waits for such children (__WCLONE): a host that waits for any child, or ignores their ends, never meets it.
// It must not exec, which would give it that signal back: it runs in the host's memory, as vfork's child does, while this
// thread sleeps and no signal's handler can run, and opens the handle in the host's table. Orphans go to the container's first
// process or to who asked for them (PR_SET_CHILD_SUBREAPER): where that is the host, end() reaps the worker.
void start_as_orphan(Spawn& spawn) {
  constexpr std::size_t kStackBytes = 256 << 10;
  const std::unique_ptr<char[]> stack(new char[kStackBytes]);
  const SignalsBlocked blocked;
  const pid_t starter = __clone(start, stack.get() + kStackBytes, CLONE_VM | CLONE_VFORK | CLONE_FILES, &spawn);
  if (starter < 0) {
    spawn.error = errno;
    return;
  }
  while (::waitpid(starter, nullptr, __WCLONE) < 0 && errno == EINTR) {
  }
}

// Where it is this process's child after all.
void reap(int handle) {
  const Deadline deadline = Deadline::in(kReapSeconds);
  for (siginfo_t info{}; ::waitid(P_PIDFD, static_cast<id_t>(handle), &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0;) {
    if (deadline.passed()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// The folder of the file that this code was loaded from, as the kernel knows it: the loader has a program by the word that it
// was started with, which the working folder must not complete. Empty where that is not to be had.
std::string own_folder() {
  const auto here = reinterpret_cast<std::uintptr_t>(&own_folder);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {  // "begin-end rwxp offset device inode   /path"
    std::uintptr_t begin = 0, end = 0;
    const char* const last = line.data() + line.size();
    const auto dash = std::from_chars(line.data(), last, begin, 16);
    if (dash.ptr == last || std::from_chars(dash.ptr + 1, last, end, 16).ec != std::errc()) continue;
    const auto path = line.find('/');
    if (begin <= here && here < end && path != line.npos)
      return std::filesystem::path(line.substr(path)).parent_path().string();
  }
  return {};
}

}  // namespace

std::string find_worker(const std::string& chosen, std::string* looked) { return find_program("ak-worker", chosen, looked); }

std::string find_program(const std::string& name, const std::string& chosen, std::string* looked) {
  std::vector<std::string> places;
  if (!chosen.empty()) {
    places = {chosen};
  } else {
    if (const std::string folder = own_folder(); !folder.empty())
      for (const char* place : {"/", "/../libexec/ak/", "/../../libexec/ak/"}) places.push_back(folder + place + name);
    places.push_back(AK_LIBEXEC_DIR "/" + name);
  }
  for (std::string& place : places) {
    place = std::filesystem::path(place).lexically_normal().string();
    if (::access(place.c_str(), X_OK) == 0) return place;
  }
  if (looked) *looked = fmt::format("{}", fmt::join(places, ", "));
  return {};
}

// Delegates, so that what was started is ended should this throw.
WorkerProcess::WorkerProcess(const std::string& program, const std::string& device, const std::string& role) : WorkerProcess() {
  const auto failed = [&](const std::string& why) {
    return Error(ErrorCode::unsupported, fmt::format("the worker '{}' {}", program, why));
  };
  auto [ours, theirs] = socket_pair();
  // Above the descriptors that it is to have, should the host have closed its own.
  Descriptor end(::fcntl(theirs.get(), F_DUPFD_CLOEXEC, kSocket + 1));
  if (!end) throw failed(fmt::format("cannot be started: {}", std::strerror(errno)));
  std::vector<std::string> variables = environment_lines();
  std::erase_if(variables, [](const std::string& variable) { return !inherited(variable); });
  variables.push_back("CUDA_VISIBLE_DEVICES=" + device);
  std::vector<char*> given;
  for (std::string& variable : variables) given.push_back(variable.data());
  given.push_back(nullptr);

  const Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!nothing) throw failed(fmt::format("cannot be started: /dev/null: {}", std::strerror(errno)));
  SpawnActions actions;
  for (const int standard : {0, 1, 2}) actions.give(nothing.get(), standard);
  actions.give(end.get(), kSocket);
  actions.close_from(kSocket + 1);
  const SpawnAttributes attributes;
  char name[] = "ak-worker";
  std::string argument = role;
  char* arguments[] = {name, role.empty() ? nullptr : argument.data(), nullptr};
  Spawn spawn{program.c_str(), actions.get(), attributes.get(), arguments, given.data()};
  at_interruption_.set_with([&]() -> std::function<void()> {
    start_as_orphan(spawn);
    if (spawn.error) throw failed(fmt::format("cannot be started: {}", std::strerror(spawn.error)));
    return [pid = spawn.pid] { ::kill(-pid, SIGKILL); };
  });
  pid_ = spawn.pid, handle_ = Descriptor(spawn.handle);
  theirs = Descriptor(), end = Descriptor();  // only the worker holds it, so that its end is seen

  channel_ = Channel(std::move(ours));
  const auto frame = channel_.receive(Deadline::in(kHelloSeconds));
  const auto hello = frame ? decode_hello(*frame) : std::nullopt;
  if (!hello) throw failed(channel_.closed() ? "ended before it said a word" : "does not answer");
  if (hello->build != build_digest()) throw failed("is of another build than this library");
}

void WorkerProcess::end() {
  if (pid_ == 0) return;
  // Its number is its own while the handle finds it or, without one, the socket is still open.
  const bool lives = handle_ ? ::syscall(SYS_pidfd_send_signal, handle_.get(), 0, nullptr, 0) == 0 : channel_.connected();
  if (lives) ::kill(-pid_, SIGKILL);  // with what it may have started
  if (handle_) reap(handle_.get());
  at_interruption_.forget();
  channel_ = Channel(), handle_ = Descriptor();
  pid_ = 0;
}

}  // namespace ak
