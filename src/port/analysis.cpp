#include "port/analysis.hpp"

#include <fmt/format.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>

#include "ak/types.hpp"
#include "base/terminal.hpp"
#include "base/text.hpp"
#include "loop/c_tokens.hpp"
#include "port/child.hpp"
#include "worker/process.hpp"

namespace ak::port {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t kLargestSource = 16 << 20;
constexpr int kMostIncludes = 1000;
constexpr int kLacksProgram = 4;  // the analyser's exit code where there is no clang

std::optional<std::string> content_of(const std::string& file) {
  std::error_code error;
  // Of a FIFO or a device nobody knows when it ends.
  if (!fs::is_regular_file(file, error) || fs::file_size(file, error) > kLargestSource || error) return std::nullopt;
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  return in.bad() ? std::nullopt : std::optional(std::move(text));
}

std::string first_line(const std::string& text) {
  const auto begin = text.find_first_not_of(" \n");
  if (begin == text.npos) return {};
  return printable(text.substr(begin, text.find('\n', begin) - begin));
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
  if (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0) {
    const std::string words = first_line(run.errors());
    const bool lacks = WIFEXITED(*status) && WEXITSTATUS(*status) == kLacksProgram;
    throw Error(lacks ? ErrorCode::missing_library : ErrorCode::invalid_argument,
                words.empty() ? fmt::format("{}: the analyser ended by {}", source.function, ending(*status)) : words);
  }
  return run.output();
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
  if (!text)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("'{}' is no file that can be read, or too large for a source", source.file));
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

namespace {

// Files that a text includes by name: `#include "name"` beside the text or in folders of -iquote and -I, `#include <name>` in
// folders of -I and -isystem alone; then those of -include.
class Includes {
 public:
  explicit Includes(const LoopSource& source) {
    const auto& flags = source.flags;
    for (std::size_t i = 0; i < flags.size(); ++i) {
      const auto value = [&](std::string_view option) -> std::optional<std::string> {
        if (!flags[i].starts_with(option)) return std::nullopt;
        if (flags[i].size() > option.size()) return flags[i].substr(option.size());
        return i + 1 < flags.size() ? std::optional(flags[i + 1]) : std::nullopt;
      };
      if (const auto file = value("-include"))
        forced_.push_back(*file);
      else if (const auto quoted = value("-iquote"))
        quoted_.emplace_back(*quoted);
      else if (const auto system = value("-isystem"))
        folders_.emplace_back(*system);
      else if (const auto folder = value("-I"))
        folders_.emplace_back(*folder);
    }
  }

  struct Found {
    fs::path place;
    std::string content;
  };
  std::optional<Found> find(const loop::Include& include, const fs::path& beside) const {
    std::vector<fs::path> places;
    if (include.quoted) {
      places.push_back(beside / include.name);
      for (const fs::path& folder : quoted_) places.push_back(folder / include.name);
    }
    for (const fs::path& folder : folders_) places.push_back(folder / include.name);
    for (fs::path& place : places)
      if (auto content = content_of(place.string())) return Found{std::move(place), *std::move(content)};
    return std::nullopt;
  }
  /// Once for each file.
  bool first_time(const fs::path& place) {
    return seen_.size() < kMostIncludes && seen_.insert(place.lexically_normal().string()).second;
  }
  const std::vector<std::string>& forced() const { return forced_; }

 private:
  std::vector<fs::path> quoted_, folders_;
  std::vector<std::string> forced_;
  std::set<std::string> seen_;
};

}  // namespace

std::vector<loop::KnownSource::File> included_files(const LoopSource& source, const std::string& text) {
  Includes includes(source);
  std::vector<loop::KnownSource::File> files;
  const std::function<void(const loop::Include&, const fs::path&)> take = [&](const loop::Include& include,
                                                                              const fs::path& beside) {
    const auto found = includes.find(include, beside);
    if (!found || !includes.first_time(found->place)) return;
    files.push_back({include.name, loop::token_digest(found->content).hex()});
    for (const loop::Include& inner : loop::includes_of(found->content)) take(inner, found->place.parent_path());
  };
  for (const std::string& file : includes.forced()) take({file, true, {}}, fs::path());
  for (const loop::Include& include : loop::includes_of(text)) take(include, fs::path(source.file).parent_path());
  return files;
}

std::string with_includes(const LoopSource& source, const std::string& text) {
  Includes includes(source);
  std::string all;
  const std::function<void(const std::string&, const fs::path&)> add = [&](const std::string& of, const fs::path& beside) {
    std::size_t at = 0;
    for (const loop::Include& include : loop::includes_of(of)) {
      const auto found = includes.find(include, beside);
      const std::size_t begin = static_cast<std::size_t>(include.line.data() - of.data());
      all.append(of, at, begin - at);
      at = begin + include.line.size();
      if (found && includes.first_time(found->place)) {
        add(found->content, found->place.parent_path());
        if (!all.empty() && all.back() != '\n') all += '\n';
      }
    }
    all.append(of, at);
  };
  for (const std::string& file : includes.forced())
    if (const auto found = includes.find({file, true, {}}, fs::path()); found && includes.first_time(found->place))
      add(found->content + "\n", found->place.parent_path());
  add(text, fs::path(source.file).parent_path());
  return all;
}

}  // namespace ak::port
