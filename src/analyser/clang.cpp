#include "analyser/clang.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>

#include "ak/types.hpp"
#include "base/child.hpp"
#include "base/clock.hpp"
#include "base/compiler_flags.hpp"
#include "base/landlock.hpp"
#include "base/text.hpp"

namespace ak::analyser {
namespace {

constexpr std::uint64_t kMostOutput = std::uint64_t{256} << 20;  // bytes; the tree of a file of 4000 lines has 26 MB
constexpr std::uint64_t kMostMemory = std::uint64_t{4} << 30;

[[noreturn]] void fail(const std::string& line) { throw Error(ErrorCode::invalid_argument, one_line(line, 500)); }

/// The files that include each other, of "In file included from ./a.h:1:" and more of its kind.
std::string included_again(const std::string& words) {
  constexpr std::string_view kFrom = "In file included from ";
  std::map<std::string_view, int> times;
  for (std::string_view line : split(words, '\n')) {
    if (!line.starts_with(kFrom)) continue;
    line.remove_prefix(kFrom.size());
    ++times[line.substr(0, line.rfind(':', line.size() - 2))];
  }
  std::vector<std::string_view> again;
  for (const auto& [file, count] : times)
    if (count > 1) again.push_back(file);
  if (again.empty()) return {};
  return fmt::format(": {} {}: give {} an include guard (#pragma once)", fmt::join(again, " and "),
                     again.size() > 1 ? "include each other" : "includes itself", again.size() > 1 ? "each" : "it");
}

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
  if (found.ends_with("#include nested too deeply")) return std::string(found) + included_again(words);
  const bool lacks_file = found.ends_with("file not found");
  return std::string(found) + (lacks_file ? ": give its folder as a compiler's flag, -IFOLDER (behind --)" : "");
}

/// Waits for the end of one clang. Throws with its words.
void await(Run& run, const std::string& program, const Deadline& deadline, double seconds) {
  const auto status = run.wait(deadline);
  if (!status)
    fail(fmt::format("{} did not end within {} s: does the file include a pipe, or a text or macros without an end?", program,
                     seconds));
  if (WIFSIGNALED(*status) && WTERMSIG(*status) == SIGXFSZ)
    fail(fmt::format("what {} says of this file is more than {} MB", program, kMostOutput >> 20));
  const std::string said = run.errors();
  if (said.find("File too large") != said.npos || said.find("LLVM ERROR: out of memory") != said.npos)
    fail(fmt::format("what {} says of this file is more than {} MB, or needs more than {} GB", program, kMostOutput >> 20,
                     kMostMemory >> 30));
  if (WIFSIGNALED(*status)) fail(fmt::format("{} ended by signal {}: {}", program, WTERMSIG(*status), first_error(said)));
  if (*status != 0) fail(first_error(said));
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
  const std::string program = on_path(call.program);
  if (program.empty())
    throw Error(ErrorCode::missing_library, fmt::format("there is no program {}, which reads C: install clang", call.program));
  // Preprocessed first: then every offset of the tree leads into one text, in which macros are gone.
  const std::vector<std::string> quiet = {"-w", "-fno-color-diagnostics", "-fno-caret-diagnostics"};
  std::vector<std::string> words = {program};
  const std::vector<std::string> flags = flags_of_meaning(call.flags);
  words.insert(words.end(), flags.begin(), flags.end());
  words.insert(words.end(), quiet.begin(), quiet.end());
  std::vector<std::string> dump = words;
  if (call.file == "-" && !call.name.empty())
    words.insert(words.end(), {"-iquote", (std::filesystem::path(call.name).parent_path() / ".").string()});
  words.insert(words.end(), {"-E", "-x", "c", "--", call.file});
  if (call.file == "-") words.erase(words.end() - 2);  // "--" would make it a name
  ChildOptions options;
  options.most_memory = kMostMemory, options.most_file = kMostOutput;
  options.restrict = [] { restrict_files({}); };         // it writes to what is open
  options.variables = {"LLVM_DISABLE_SYMBOLIZATION=1"};  // of its own crash, for which it writes files
  Run text(words, STDIN_FILENO, options);
  await(text, call.program, deadline, call.seconds);
  dump.insert(dump.end(),
              {"-Wno-unused-command-line-argument", "-fsyntax-only", "-Xclang", "-ast-dump=json", "-x", "cpp-output", "-"});
  Run tree(dump, text.output_file(), options);
  await(tree, call.program, deadline, call.seconds);
  return {text.output(), tree.output()};
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
