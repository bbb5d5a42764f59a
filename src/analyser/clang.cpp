#include "analyser/clang.hpp"

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

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "ak/types.hpp"
#include "base/clock.hpp"
#include "base/compiler_flags.hpp"
#include "base/text.hpp"

namespace ak::analyser {
namespace {

constexpr rlim_t kMostOutput = rlim_t{256} << 20;  // bytes; the tree of a file of 4000 lines has 26 MB
constexpr rlim_t kMostMemory = rlim_t{4} << 30;

[[noreturn]] void fail(const std::string& line) { throw Error(ErrorCode::invalid_argument, one_line(line, 500)); }

/// In memory, without a name; its end closes it.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("ak-analyse", MFD_CLOEXEC)) {
    if (descriptor_ < 0) fail(fmt::format("no memory file: {}", std::strerror(errno)));
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int descriptor() const { return descriptor_; }
  std::string read() const {
    struct stat about {};
    ::fstat(descriptor_, &about);
    std::string text(static_cast<std::size_t>(about.st_size), '\0');
    std::size_t got = 0;
    while (got < text.size()) {
      const ssize_t some = ::pread(descriptor_, text.data() + got, text.size() - got, static_cast<off_t>(got));
      if (some <= 0) break;
      got += static_cast<std::size_t>(some);
    }
    text.resize(got);
    return text;
  }

 private:
  int descriptor_;
};

/// The first line that says "error", without the colours that nobody asked for.
std::string first_error(const std::string& words) {
  std::string_view found;
  for (const std::string_view line : split(words, '\n')) {
    if (found.empty()) found = line;
    if (line.find("error:") != line.npos) {
      found = line;
      break;
    }
  }
  if (found.empty()) return "clang gave no reason";
  const bool lacks_file = found.ends_with("file not found");
  return std::string(found) + (lacks_file ? ": give its folder as a compiler's flag, -IFOLDER (behind --)" : "");
}

struct Child {
  pid_t pid = -1;
  ~Child() {
    if (pid <= 0) return;
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
};

[[noreturn]] void become(std::vector<char*>& arguments, int in, int out, int errors) {
  ::setpgid(0, 0);
  const rlimit output{kMostOutput, kMostOutput}, memory{kMostMemory, kMostMemory}, none{0, 0};
  ::setrlimit(RLIMIT_FSIZE, &output);
  ::setrlimit(RLIMIT_AS, &memory);
  ::setrlimit(RLIMIT_CORE, &none);
  ::dup2(in, 0), ::dup2(out, 1), ::dup2(errors, 2);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

/// Of one clang: waits for its end.
void run(std::vector<std::string> words, int in, const MemoryFile& out, const Deadline& deadline, double seconds) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const MemoryFile errors;
  Child child;
  child.pid = ::fork();
  if (child.pid < 0) fail(fmt::format("{} cannot be started: {}", words[0], std::strerror(errno)));
  if (child.pid == 0) become(arguments, in, out.descriptor(), errors.descriptor());
  ::setpgid(child.pid, child.pid);  // whoever of the two comes first

  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0));
  pollfd ended{handle, POLLIN, 0};
  int ready = 0;
  while ((ready = ::poll(&ended, 1, static_cast<int>(deadline.remaining() * 1000))) < 0 && errno == EINTR) {
  }
  ::close(handle);
  if (ready == 0)
    fail(fmt::format("{} did not end within {} s: does the file include a pipe, or a text without an end?", words[0], seconds));
  int status = 0;
  ::waitpid(child.pid, &status, 0);
  child.pid = -1;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ)
    fail(fmt::format("what {} says of this file is more than {} MB", words[0], kMostOutput >> 20));
  const std::string said = errors.read();
  if (said.find("too large") != said.npos || said.find("out of memory") != said.npos)
    fail(fmt::format("what {} says of this file is more than {} MB, or needs more than {} GB", words[0], kMostOutput >> 20,
                     kMostMemory >> 30));
  if (WIFSIGNALED(status)) fail(fmt::format("{} ended by signal {}: {}", words[0], WTERMSIG(status), first_error(said)));
  if (WEXITSTATUS(status) == 127 && said.empty())
    throw Error(ErrorCode::missing_library, fmt::format("there is no program {}, which reads C: install clang", words[0]));
  if (WEXITSTATUS(status) != 0) fail(first_error(said));
}

void require_readable(const std::string& file) {
  struct stat about {};
  if (::stat(file.c_str(), &about)) fail(fmt::format("{}: {}", file, std::strerror(errno)));
  if (!S_ISREG(about.st_mode)) fail(fmt::format("{}: not a regular file", file));
  if (::access(file.c_str(), R_OK)) fail(fmt::format("{}: {}", file, std::strerror(errno)));
}

ParsedText parsed(const ClangCall& call) {
  if (call.file != "-") require_readable(call.file);
  const Deadline deadline = Deadline::in(call.seconds);
  // Preprocessed first: then every offset of the tree leads into one text, in which macros are gone.
  MemoryFile text, json;
  const std::vector<std::string> quiet = {"-w", "-fno-color-diagnostics", "-fno-caret-diagnostics"};
  std::vector<std::string> words = {call.program};
  const std::vector<std::string> flags = flags_of_meaning(call.flags);
  words.insert(words.end(), flags.begin(), flags.end());
  words.insert(words.end(), quiet.begin(), quiet.end());
  std::vector<std::string> dump = words;
  if (call.file == "-" && !call.name.empty())
    words.insert(words.end(), {"-iquote", (std::filesystem::path(call.name).parent_path() / ".").string()});
  words.insert(words.end(), {"-E", "-x", "c", "--", call.file});
  if (call.file == "-") words.erase(words.end() - 2);  // "--" would make it a name
  run(words, STDIN_FILENO, text, deadline, call.seconds);
  ::lseek(text.descriptor(), 0, SEEK_SET);
  dump.insert(dump.end(),
              {"-Wno-unused-command-line-argument", "-fsyntax-only", "-Xclang", "-ast-dump=json", "-x", "cpp-output", "-"});
  run(dump, text.descriptor(), json, deadline, call.seconds);
  return {text.read(), json.read()};
}

}  // namespace

std::string with_file_name(std::string words, const ClangCall& call) {
  constexpr std::string_view kInput = "<stdin>";
  if (call.file != "-" || call.name.empty()) return words;
  for (std::size_t at = 0; (at = words.find(kInput, at)) != words.npos; at += call.name.size())
    words.replace(at, kInput.size(), call.name);
  return words;
}

ParsedText parse(const ClangCall& call) {
  try {
    return parsed(call);
  } catch (const Error& error) {
    throw Error(error.code(), with_file_name(error.what(), call));
  }
}

}  // namespace ak::analyser
