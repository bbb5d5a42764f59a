#include "worker/process.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>
#include <vector>

#include "ak/types.hpp"
#include "base/build.hpp"
#include "base/environment.hpp"

namespace ak {
namespace {

constexpr int kSocket = 3;
constexpr double kHelloSeconds = 5;

// Code that these bring belongs to the host; the driver would load it into the worker too.
bool inherited(std::string_view variable) {
  const std::string_view name = variable.substr(0, variable.find('='));
  for (const std::string_view not_this : {"LD_PRELOAD", "LD_AUDIT", "CUDA_VISIBLE_DEVICES", "AK_LLM_KEY"})
    if (name == not_this) return false;
  return name.find("INJECTION") == name.npos;
}

// What is to happen before the program runs must all be said: it would else run with what is the host's.
void must(int error) {
  if (error) throw Error(ErrorCode::unsupported, fmt::format("a worker cannot be prepared: {}", std::strerror(error)));
}

struct Actions {
  posix_spawn_file_actions_t value;
  Actions() { must(posix_spawn_file_actions_init(&value)); }
  ~Actions() { posix_spawn_file_actions_destroy(&value); }
};

struct Attributes {
  posix_spawnattr_t value;
  Attributes() {
    must(posix_spawnattr_init(&value));
    sigset_t none, all;
    sigemptyset(&none), sigfillset(&all);
    posix_spawnattr_setsigmask(&value, &none);
    posix_spawnattr_setsigdefault(&value, &all);
    posix_spawnattr_setflags(&value, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  }
  ~Attributes() { posix_spawnattr_destroy(&value); }
};

// The process that starts the worker: the host's child, until it ends or is ended here.
class Starter {
 public:
  explicit Starter(pid_t pid) : pid_(pid) {}
  ~Starter() {
    if (!reaped()) ::kill(-pid_, SIGKILL);  // with what it started: all of its session
    while (!reaped()) std::this_thread::sleep_for(kPause);
  }
  Starter(const Starter&) = delete;
  Starter& operator=(const Starter&) = delete;

  /// Whether it has ended by then.
  bool wait(Deadline deadline) {
    while (!reaped() && !deadline.passed()) std::this_thread::sleep_for(kPause);
    return reaped();
  }

 private:
  static constexpr auto kPause = std::chrono::milliseconds(1);

  // By whomever: the host may wait for any child, or ignore their ends.
  bool reaped() {
    if (pid_ == 0) return true;
    const pid_t ended = ::waitpid(pid_, nullptr, WNOHANG);
    if (ended > 0 || (ended < 0 && errno != EINTR)) pid_ = 0;
    return pid_ == 0;
  }

  pid_t pid_;
};

std::string beside(const void* symbol) {
  Dl_info info;
  char path[PATH_MAX];
  if (!dladdr(symbol, &info) || !realpath(info.dli_fname, path)) return {};
  return std::filesystem::path(path).parent_path().string();
}

}  // namespace

std::string find_worker(const std::string& chosen, std::string* looked) {
  std::vector<std::string> places;
  if (!chosen.empty()) {
    places = {chosen};
  } else {
    const std::string folder = beside(reinterpret_cast<const void*>(&find_worker));
    places = {folder + "/ak-worker", folder + "/../libexec/ak/ak-worker", folder + "/../../libexec/ak/ak-worker",
              AK_LIBEXEC_DIR "/ak-worker"};
  }
  for (std::string& place : places) {
    place = std::filesystem::path(place).lexically_normal().string();
    if (::access(place.c_str(), X_OK) == 0) return place;
  }
  if (looked) *looked = fmt::format("{}", fmt::join(places, ", "));
  return {};
}

// The program starts itself once more and ends at once, so that the worker is no child of the host's: a host that waits for any
// child, or ignores their ends, never meets it. It may meet the starter, which lives for some milliseconds.
WorkerProcess::WorkerProcess(const std::string& program, const std::string& device) {
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

  Actions actions;
  for (const int standard : {0, 1, 2})
    must(posix_spawn_file_actions_addopen(&actions.value, standard, "/dev/null", standard ? O_WRONLY : O_RDONLY, 0));
  must(posix_spawn_file_actions_adddup2(&actions.value, end.get(), kSocket));
  must(posix_spawn_file_actions_addclosefrom_np(&actions.value, kSocket + 1));
  const Attributes attributes;
  char name[] = "ak-worker";
  char* arguments[] = {name, nullptr};
  pid_t pid = 0;
  if (const int error = posix_spawn(&pid, program.c_str(), &actions.value, &attributes.value, arguments, given.data()))
    throw failed(fmt::format("cannot be started: {}", std::strerror(error)));
  Starter starter(pid);
  theirs = Descriptor(), end = Descriptor();  // only the worker holds it, so that its end is seen

  channel_ = Channel(std::move(ours));
  const Deadline deadline = Deadline::in(kHelloSeconds);
  const auto frame = channel_.receive(deadline);
  const auto hello = frame ? decode_hello(*frame) : std::nullopt;
  if (!hello) throw failed(channel_.closed() ? "ended before it said a word" : "does not answer");
  if (hello->build != build_digest()) throw failed("is of another build than this library");
  if (!starter.wait(deadline)) throw failed("does not leave its host");
  pid_ = hello->pid;
  handle_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
}

void WorkerProcess::end() {
  if (channel_.socket() < 0 || pid_ == 0) return;
  // A socket that is still open says that the number is still its own.
  if (handle_)
    ::syscall(SYS_pidfd_send_signal, handle_.get(), SIGKILL, nullptr, 0);
  else if (!channel_.closed())
    ::kill(pid_, SIGKILL);
  channel_ = Channel();
  pid_ = 0;
}

}  // namespace ak
