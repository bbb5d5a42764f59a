#include "emulate/compile_kernels.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

#include "ak/types.hpp"
#include "base/embedded.hpp"
#include "base/environment.hpp"
#include "base/sanitized.hpp"
#include "base/text.hpp"
#include "emulate/lines.hpp"

namespace ak::loop {
namespace {

constexpr const char* kPattern = "-ftrivial-auto-var-init=pattern";

bool on_path(std::string_view program) {
  if (program.find('/') != program.npos) return ::access(std::string(program).c_str(), X_OK) == 0;
  const std::string path = environment("PATH");
  for (const std::string_view folder : split(path, ':'))
    if (!folder.empty() && ::access(fmt::format("{}/{}", folder, program).c_str(), X_OK) == 0) return true;
  return false;
}

// A second reading of the table is none of the compiler's business.
std::string table_text() {
  std::string text(embedded_text("table.cuh"));
  if (const auto at = text.find("#pragma once"); at != text.npos) text.erase(at, 12);
  return text;
}

bool name_goes_on(char c) { return is_letter(c) || is_digit(c) || c == '_'; }

std::size_t after_word(std::string_view text, std::size_t at, std::string_view word) {
  if (text.substr(at, word.size()) != word || (at > 0 && name_goes_on(text[at - 1]))) return text.npos;
  const std::size_t end = at + word.size();
  return end < text.size() && name_goes_on(text[end]) ? text.npos : end;
}

// Behind the comment that begins here; `at` itself where none does.
std::size_t after_comment(std::string_view text, std::size_t at) {
  const std::string_view two = text.substr(at, 2);
  if (two != "//" && two != "/*") return at;
  const std::size_t end = two == "//" ? text.find('\n', at) : text.find("*/", at + 2);
  return end == text.npos ? text.size() : end + (two == "//" ? 0 : 2);
}

// `extern __shared__ float s[];` is the dynamic shared memory under a name of the kernel's own.
std::string with_dynamic_shared(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t behind = after_comment(text, at); behind > at) {
      out.append(text.substr(at, behind - at));
      at = behind;
      continue;
    }
    const std::size_t end = after_word(text, at, "extern");
    if (end != text.npos) {
      std::size_t next = end;
      while (next < text.size() && is_blank(text[next])) ++next;
      const std::size_t shared = next < text.size() ? after_word(text, next, "__shared__") : text.npos;
      const std::size_t semicolon = shared == text.npos ? shared : text.find(';', shared);
      if (semicolon != text.npos) {
        out.append("extern").append(text.substr(shared, semicolon - shared)).append(" __asm__(\"ak_dynamic_shared\")");
        at = semicolon;
        continue;
      }
    }
    out += text[at++];
  }
  return out;
}

void limit(int resource, rlim_t most) {
  const rlimit value{most, most};
  ::setrlimit(static_cast<__rlimit_resource>(resource), &value);
}

// Output and errors go to folder/log. Whether it ended well.
bool succeeds(const std::vector<std::string>& command, const std::string& folder) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const std::string log = folder + "/log";
  const pid_t child = ::fork();
  if (child < 0) return false;
  if (child == 0) {
    if (!kSanitized) limit(RLIMIT_AS, rlim_t{4} << 30);
    limit(RLIMIT_FSIZE, rlim_t{256} << 20), limit(RLIMIT_CORE, 0);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600),
              in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(in, 0), ::dup2(out, 1), ::dup2(out, 2);
    // It may write there alone; a cache of objects could not.
    ::setenv("TMPDIR", folder.c_str(), 1), ::setenv("CCACHE_DISABLE", "1", 1);
    if (::chdir(folder.c_str()) == 0) ::execvp(words[0], words.data());
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The first errors of a compiler's words, or its first line.
std::string first_errors(const std::string& log) {
  std::string found;
  int count = 0;
  for (const std::string_view line : split(log, '\n'))
    if (line.find("error:") != line.npos || line.find("undefined reference") != line.npos) {
      found += fmt::format("{}{}", found.empty() ? "" : "\n", one_line(line, 300));
      if (++count == 3) break;
    }
  return found.empty() ? one_line(trimmed(log), 300) : found;
}

}  // namespace

std::string find_compiler(const std::string& chosen) {
  const std::string named = chosen.empty() ? environment("CXX") : chosen;
  if (!named.empty()) {
    const auto parts = words(named);
    if (!parts.empty() && on_path(parts.front())) return named;
    throw Error(ErrorCode::unsupported,
                fmt::format("there is no C++ compiler '{}'{}", named, chosen.empty() ? ", which CXX names" : ""));
  }
  for (const char* const program : {"g++", "clang++", "c++"})
    if (on_path(program)) return program;
  throw Error(ErrorCode::unsupported,
              "there is no C++ compiler: none of g++, clang++, c++ is on the path; install one, or name it with CXX");
}

std::string kernels_source(const std::string& text, const std::vector<std::string>& kernels) {
  std::string source = table_text();
  source.append(embedded_text("shim.cuh")).append("namespace {\n");
  source += text.find(kKernelLines) == text.npos ? kKernelLines : fmt::format("#line {} \"prelude\"\n", kPreludeLines + 1);
  source += with_dynamic_shared(text);
  source +=
      "\n}\n#line 1 \"kernels\"\nextern \"C\" {\nextern __attribute__((visibility(\"hidden\"))) constexpr ak_emulated::Kernel "
      "ak_kernels[] = {\n";
  for (const std::string& kernel : kernels) source += fmt::format("AK_KERNEL({}),\n", kernel);
  source += fmt::format("}};\nextern __attribute__((visibility(\"hidden\"))) constexpr int ak_kernel_count = {};\n}}\n",
                        kernels.size());
  return source;
}

std::string hooks_source() { return table_text().append(embedded_text("hooks.cuh")); }

std::string compile_kernels(const std::string& folder, const std::string& compiler) {
  std::vector<std::string> command;
  for (const std::string_view word : words(compiler)) command.emplace_back(word);
  const std::string program = std::filesystem::path(command.back()).filename();
  bool clang = program.find("clang") != program.npos;
  if (!clang && program.find("g++") == program.npos) {
    auto asks = command;
    asks.push_back("--version");
    succeeds(asks, folder);
    clang = read_file(folder + "/log").find("clang") != std::string::npos;
  }
  // -O1: what the text says is what is watched; optimisation beyond it moves reads to where the text has none.
  auto compile = command, link = command;
  // A variable without a value has one that is right nowhere, rather than whatever makes the code shortest; g++ before 12 knows
  // no such.
  auto asks = command;
  asks.insert(asks.end(), {kPattern, "-E", "-x", "c++", "/dev/null"});
  if (succeeds(asks, folder)) compile.push_back(kPattern);
  for (const char* const flag : {"-std=c++17",
                                 "-O1",
                                 "-fPIC",
                                 "-fvisibility=hidden",
                                 "-w",
                                 "-fsanitize=thread,alignment",
                                 "-fno-sanitize-recover=all",
                                 "-fsanitize-coverage=trace-pc",
                                 "-ffp-contract=off",
                                 "-fno-exceptions",
                                 "-fno-rtti",
                                 "-fno-math-errno",
                                 "-fno-strict-aliasing",
                                 "-fwrapv",
                                 "-fno-finite-loops",
                                 "-fno-threadsafe-statics",
                                 "-fstack-clash-protection",  // an array beyond the stack ends at the page that guards it
                                 "-nostdinc",
                                 "-nostdinc++",
                                 "-fdiagnostics-color=never",
                                 "-c",
                                 "kernels.cpp",
                                 "-o",
                                 "kernels.o"})
    compile.push_back(flag);
  if (clang)
    compile.insert(compile.end(), {"-fsanitize=bounds", "-mllvm", "-tsan-distinguish-volatile=1"});
  else
    compile.insert(compile.end(), {"-fsanitize=bounds-strict", "--param=tsan-distinguish-volatile=1",
                                   "-fno-tree-loop-distribute-patterns", "-fno-tree-vectorize"});
  for (const char* const flag :
       {"-std=c++17", "-O2", "-w", "-fPIC", "-shared", "-nostartfiles", "-nodefaultlibs", "-fno-exceptions", "-Wl,-z,now",
        "-Wl,-z,defs", "kernels.o", "hooks.cpp", "-lm", "-lc", "-lgcc", "-o", "object.so"})
    link.push_back(flag);
  for (const auto& step : {compile, link})
    if (!succeeds(step, folder)) {
      const std::string why = first_errors(read_file(folder + "/log"));
      return why.empty() ? fmt::format("'{}' failed without a word", compiler) : why;
    }
  return {};
}

}  // namespace ak::loop
