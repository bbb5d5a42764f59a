#include "port/analysis.hpp"

#include <fmt/format.h>
#include <sys/wait.h>

#include <filesystem>

#include "ak/types.hpp"
#include "base/child.hpp"
#include "base/terminal.hpp"
#include "base/text.hpp"
#include "port/c/includes.hpp"
#include "worker/process.hpp"

namespace ak::port {

namespace fs = std::filesystem;

namespace {

constexpr int kLacksProgram = 4;  // the analyser's exit code where there is no clang

std::string first_line(const std::string& text) {
  const auto begin = text.find_first_not_of(" \n");
  if (begin == text.npos) return {};
  return printable(text.substr(begin, text.find('\n', begin) - begin));
}

/// What loops are read as is C, whatever the file is called.
std::string of_another_language(const std::string& file) {
  const std::string ending = fs::path(file).extension().string();
  for (const std::string_view other : {".cpp", ".cc", ".cxx", ".C", ".hpp", ".cu", ".cuh"})
    if (ending == other)
      return fmt::format(": loops are read as C, which a {} may not be: put the function into a .c file", ending);
  return {};
}

// What the program printed. Throws with its words.
std::string run_analyser(const std::vector<std::string>& arguments, const LoopSource& source, const Tools& tools,
                         Deadline deadline) {
  std::vector<std::string> command = {find_analyser(tools.analyser)};
  command.insert(command.end(), arguments.begin(), arguments.end());
  if (!source.flags.empty()) command.push_back("--");
  command.insert(command.end(), source.flags.begin(), source.flags.end());
  Run run(command, Run::Errors::apart, source.text);
  const auto status = run.wait(deadline);
  if (!status) throw Error(ErrorCode::unsupported, fmt::format("{}: its analysis has not ended in time", source.function));
  const std::string words = first_line(run.errors());
  // Where the host took its status, as one does that ignores its children's ends, what it has written tells.
  const bool unknown = *status == -1;
  if (unknown ? !words.empty() || run.output().empty() : !WIFEXITED(*status) || WEXITSTATUS(*status) != 0) {
    const bool lacks =
        unknown ? words.find("there is no program") != words.npos : WIFEXITED(*status) && WEXITSTATUS(*status) == kLacksProgram;
    throw Error(lacks ? ErrorCode::missing_library : ErrorCode::invalid_argument,
                words.empty() ? fmt::format("{}: the analyser ended by {}", source.function, ending(*status))
                              : words + (lacks ? "" : of_another_language(source.file)));
  }
  return run.output();
}

std::string why_no_source(const std::string& file) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (!fs::exists(status))
    return "is not there" + (error && error != std::errc::no_such_file_or_directory ? ": " + error.message() : "");
  if (fs::is_directory(status)) return "is a folder: name a C source in it";
  if (!fs::is_regular_file(status)) return "is no file but a device or a pipe: name a C source";
  if (fs::file_size(file, error) > kLargestSource)
    return fmt::format("has more than {} MiB: put the functions that are to be ported into a file of their own",
                       kLargestSource >> 20);
  return "cannot be read: it gives no permission";
}

std::vector<std::string> arguments_of(const LoopSource& source) {
  std::vector<std::string> arguments = {source.text.empty() ? source.file : "-"};
  if (!source.text.empty() && !source.file.empty()) arguments.insert(arguments.end(), {"--name", source.file});
  return arguments;
}

}  // namespace

std::string find_analyser(const std::string& chosen) {
  std::string looked;
  std::string program = find_program("ak-analyse", chosen, &looked);
  if (program.empty())
    throw Error(ErrorCode::unsupported, fmt::format("no program ak-analyse at {}: build it with clang and libisl-dev there "
                                                    "(AK_BUILD_ANALYSER=ON), or set AK_ANALYSER to where it is",
                                                    looked));
  return program;
}

std::string read_source(const LoopSource& source) {
  if (!source.text.empty()) return source.text;
  auto text = content_of(source.file);
  if (!text) throw Error(ErrorCode::invalid_argument, fmt::format("'{}' {}", source.file, why_no_source(source.file)));
  return *std::move(text);
}

std::vector<std::string> key_flags(const LoopSource& source) {
  std::vector<std::string> all = source.flags;
  for (const auto& [name, length] : source.lengths) all.push_back("length " + name + "=" + length);
  if (!source.body.empty()) all.push_back("body " + source.body);
  for (const std::string& drop : source.drops) all.push_back("drop " + drop);
  return all;
}

loop::Verdict analyse(const LoopSource& source, const loop::CallClass& call, const Tools& tools, Deadline deadline) {
  std::vector<std::string> arguments = arguments_of(source);
  arguments.push_back(source.function);
  for (const auto& [name, value] : call.values) arguments.insert(arguments.end(), {"--int", fmt::format("{}={}", name, value)});
  for (const auto& alias : call.aliases)
    arguments.insert(arguments.end(), {"--alias", fmt::format("{}={}{:+}", alias.pointer, alias.base, alias.offset)});
  for (const auto& [name, length] : source.lengths) arguments.insert(arguments.end(), {"--length", name + "=" + length});
  if (!source.body.empty()) arguments.insert(arguments.end(), {"--body", source.body});
  for (const std::string& drop : source.drops) arguments.insert(arguments.end(), {"--drop", drop});
  return loop::read_verdict(run_analyser(arguments, source, tools, deadline));
}

std::vector<std::string> functions_of(const LoopSource& source, const Tools& tools, Deadline deadline) {
  std::vector<std::string> arguments = arguments_of(source);
  arguments.push_back("--list");
  std::vector<std::string> names;
  const std::string output = run_analyser(arguments, source, tools, deadline);
  for (const std::string_view line : split(output, '\n'))
    if (!line.empty()) names.emplace_back(line);
  return names;
}

}  // namespace ak::port
