#include "base/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "ak/types.hpp"
#include "base/environment.hpp"
#include "base/file_size.hpp"
#include "base/spawn.hpp"
#include "base/text.hpp"
#include "base/thread.hpp"

namespace ak {
namespace {

constexpr double kLook = 0.02;  // for a stop, which wakes nobody
constexpr std::size_t kMostOutput = 64 << 10;

bool inherited(std::string_view variable) {
  const std::string_view name = variable.substr(0, variable.find('='));
  return name != "LD_PRELOAD" && name != "LD_AUDIT" && name != "AK_LLM_KEY" && !name.starts_with("LC_") && name != "LANG" &&
         name != "LANGUAGE";
}

Error failed(const std::string& program, int error) {
  return Error(ErrorCode::unsupported, fmt::format("'{}' cannot be started: {}", program, std::strerror(error)));
}

}  // namespace

Child::Child(const std::vector<std::string>& command, const std::vector<std::pair<int, int>>& given,
             const ChildOptions& options) {
  int last = 2;
  for (const auto& [ours, theirs] : given) last = std::max(last, theirs);
  // Above every number that is given away, so that none is lost to another.
  std::vector<Descriptor> copies;
  for (const auto& [ours, theirs] : given) {
    copies.emplace_back(::fcntl(ours, F_DUPFD_CLOEXEC, last + 1));
    if (!copies.back()) throw failed(command[0], errno);
  }
  const Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));  // opened here: the program may not be allowed to
  SpawnActions actions;
  for (const int standard : {0, 1, 2}) actions.give(nothing.get(), standard);
  for (std::size_t i = 0; i < given.size(); ++i) actions.give(copies[i].get(), given[i].second);
  actions.close_from(last + 1);

  std::vector<std::string> words = command, variables = environment_lines();
  const auto anew = [&](const std::string& variable) {
    return std::ranges::any_of(options.variables, [name = variable.substr(0, variable.find('=') + 1)](const std::string& own) {
      return own.starts_with(name);
    });
  };
  std::erase_if(variables, [&](const std::string& variable) { return !inherited(variable) || anew(variable); });
  variables.push_back("LC_ALL=C");
  variables.insert(variables.end(), options.variables.begin(), options.variables.end());
  std::vector<char*> arguments, environment;
  for (std::string& word : words) arguments.push_back(word.data());
  for (std::string& variable : variables) environment.push_back(variable.data());
  arguments.push_back(nullptr), environment.push_back(nullptr);
  const SpawnAttributes attributes;
  int error = 0;
  const auto spawn = [&] {
    error = posix_spawn(&pid_, command[0].c_str(), actions.get(), attributes.get(), arguments.data(), environment.data());
  };
  at_interruption_.set_with([&]() -> std::function<void()> {
    if (options.restrict) {
      try {
        start_thread([&] { options.restrict(), spawn(); }).join();
      } catch (const std::system_error&) {
        error = EAGAIN;
      }
    } else {
      spawn();
    }
    if (error) throw failed(command[0], error);
    return [pid = pid_] { ::kill(-pid, SIGKILL); };
  });
  const auto limit = [this](__rlimit_resource resource, std::uint64_t most) {
    const rlimit value{most, most};
    ::prlimit(pid_, resource, &value, nullptr);
  };
  limit(RLIMIT_CORE, 0);
  if (options.most_memory > 0) limit(RLIMIT_AS, options.most_memory);
  if (options.most_file > 0) limit(RLIMIT_FSIZE, options.most_file);
  handle_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
}

std::optional<int> Child::wait(Deadline deadline) {
  while (!status_) {
    const double seconds = std::min(deadline.remaining(), deadline.stop().stop_possible() || !handle_ ? kLook : 3600);
    pollfd one{handle_.get(), POLLIN, 0};  // a negative descriptor is no descriptor: it waits
    ::poll(&one, 1, static_cast<int>(seconds * 1e3) + (seconds > 0));
    int status = 0;
    const pid_t got = ::waitpid(pid_, &status, WNOHANG);
    if (got == pid_) status_ = status;
    if (got < 0 && errno != EINTR) status_ = -1;
    if (status_) at_interruption_.forget();
    if (!status_ && deadline.passed()) return std::nullopt;
  }
  return status_;
}

void Child::end() {
  if (status_ || pid_ == 0) return;
  ::kill(-pid_, SIGKILL);
  wait(Deadline::in(1));
  pid_ = 0;
}

namespace {

constexpr std::size_t kMostOfOne = std::size_t{64} << 20;

Descriptor memory_file(std::string_view content) {
  const NoFileSizeSignal no_signal;
  Descriptor file(::memfd_create("text", MFD_CLOEXEC));
  if (!file) throw Error(ErrorCode::out_of_memory, fmt::format("no file in memory for a program: {}", std::strerror(errno)));
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t wrote = ::write(file.get(), content.data() + done, content.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0)
      throw Error(ErrorCode::out_of_memory, fmt::format("a text of {} bytes cannot be given to a program: {}{}", content.size(),
                                                        std::strerror(errno), errno == EFBIG ? " (ulimit -f)" : ""));
    done += static_cast<std::size_t>(wrote);
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

std::string content(int file, std::size_t most) {
  struct stat status {};
  std::string text(::fstat(file, &status) ? 0 : std::min(most, static_cast<std::size_t>(status.st_size)), '\0');
  std::size_t got = 0;
  for (ssize_t some; got < text.size(); got += static_cast<std::size_t>(some))
    if ((some = ::pread(file, text.data() + got, text.size() - got, static_cast<off_t>(got))) <= 0) break;
  text.resize(got);
  return text;
}

std::vector<std::pair<int, int>> streams(int input, int output, int errors) {
  return {{input, 0}, {output, 1}, {errors < 0 ? output : errors, 2}};
}

}  // namespace

Run::Run(const std::vector<std::string>& command, Errors errors, std::string_view input, const ChildOptions& options)
    : most_output_(errors == Errors::with_output ? kMostOutput : std::max<std::size_t>(kMostOfOne, options.most_file)),
      input_(memory_file(input)),
      output_(memory_file({})),
      errors_(errors == Errors::apart ? memory_file({}) : Descriptor()),
      child_(command, streams(input_.get(), output_.get(), errors_.get()), options) {}

Run::Run(const std::vector<std::string>& command, int input, const ChildOptions& options)
    : most_output_(std::max<std::size_t>(kMostOfOne, options.most_file)),
      output_(memory_file({})),
      errors_(memory_file({})),
      child_(command, streams(input, output_.get(), errors_.get()), options) {}

std::optional<int> Run::wait(Deadline deadline) {
  const auto status = child_.wait(deadline);
  if (!status) child_.end();
  return status;
}

std::string Run::output() const { return content(output_.get(), most_output_); }
int Run::output_file() const {
  ::lseek(output_.get(), 0, SEEK_SET);
  return output_.get();
}
std::string Run::errors() const { return errors_ ? content(errors_.get(), kMostOutput) : std::string(); }

std::string on_path(const std::string& program) {
  const auto runs = [](const std::string& path) { return ::access(path.c_str(), X_OK) == 0; };
  if (program.find('/') != program.npos) return runs(program) ? program : std::string();
  const std::string path = environment("PATH");
  for (const std::string_view folder : split(path, ':'))
    if (const std::string file = fmt::format("{}/{}", folder, program); !folder.empty() && runs(file)) return file;
  return {};
}

std::string ending(int status) {
  if (status == -1) return "an unknown status";
  if (WIFEXITED(status)) return fmt::format("exit code {}", WEXITSTATUS(status));
  switch (WTERMSIG(status)) {
    case SIGSEGV:
    case SIGBUS:
      return "an access to memory that is not its own";
    case SIGFPE:
      return "an integer division by zero";
    case SIGABRT:
      return "abort()";
    case SIGILL:
    case SIGTRAP:
      return "a trap";
    case SIGSYS:
      return "a call of the system that it may not make, such as to write a file";
    case SIGXFSZ:
      return "its limit of a file's size (ulimit -f)";
    case SIGXCPU:
    case SIGKILL:
      return "its limit of time or memory";
    default:
      return fmt::format("signal {}", WTERMSIG(status));
  }
}

}  // namespace ak
