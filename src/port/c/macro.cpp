#include "port/c/macro.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <vector>

#include "loop/c_tokens.hpp"
#include "port/c/includes.hpp"

namespace ak::port {

namespace fs = std::filesystem;

namespace {

class Redefining {
 public:
  Redefining(LoopSource& source, const std::string& name, std::int64_t value)
      : source_(source), includes_(source), name_(name), value_(value) {}

  bool run() {
    bool found = in_flags();
    if (auto text = redefined(source_.text, source_.file, fs::path(source_.file).parent_path()))
      source_.text = *std::move(text), found = true;
    for (const fs::path& folder : opened_) source_.flags.insert(source_.flags.end(), {"-iquote", folder.string()});
    return found;
  }

 private:
  bool in_flags() {
    bool found = false;
    for (std::size_t i = 0; i < source_.flags.size(); ++i) {
      const bool apart = source_.flags[i] == "-D" && i + 1 < source_.flags.size();
      std::string& flag = source_.flags[apart ? ++i : i];
      const std::string_view definition = apart ? flag : flag.starts_with("-D") ? std::string_view(flag).substr(2) : "";
      if (definition.substr(0, definition.find('=')) != name_) continue;
      flag = fmt::format("{}{}={}", apart ? "" : "-D", name_, value_);
      found = true;
    }
    return found;
  }

  // Its lines keep their numbers. Nothing where no definition is met.
  std::optional<std::string> redefined(const std::string& text, const std::string& file, const fs::path& folder) {
    std::string made;
    std::size_t done = 0;
    const auto offset = [&](std::string_view token) { return static_cast<std::size_t>(token.data() - text.data()); };
    const auto replace = [&](std::size_t begin, std::size_t end, const std::string& with) {
      made += text.substr(done, begin - done) + with;
      done = end;
    };
    const std::vector<loop::Include> includes = loop::includes_of(text);
    auto include = includes.begin();
    const auto tokens = loop::c_tokens(text);
    for (std::size_t i = 0; i + 3 < tokens.size(); ++i) {
      if (tokens[i] != "#") continue;
      if (tokens[i + 1] == "define" && tokens[i + 2] == name_) {
        const std::size_t begin = offset(tokens[i + 2]) + name_.size();
        const auto line_end = std::find(tokens.begin() + static_cast<std::ptrdiff_t>(i) + 3, tokens.end(), "\n");
        if (text[begin] == '(' || line_end == tokens.begin() + static_cast<std::ptrdiff_t>(i) + 3) continue;
        const std::size_t end = offset(line_end[-1]) + line_end[-1].size();
        const auto lines = std::count(text.data() + begin, text.data() + end, '\n');
        std::string with = fmt::format(" {}", value_);
        for (std::ptrdiff_t line = 0; line < lines; ++line) with += "\\\n";
        replace(begin, end, with);
      } else if (tokens[i + 1] == "include" && include != includes.end() && include->line.data() == tokens[i].data()) {
        if (auto inside = included(*include, folder)) {
          const std::size_t begin = offset(include->line), end = begin + include->line.size();
          const auto line = std::count(text.data(), text.data() + end, '\n') + 2;  // the next one
          replace(begin, end, fmt::format("{}\n#line {} \"{}\"", *inside, line, file));
        }
        ++include;
      }
    }
    if (done == 0) return std::nullopt;
    return made + text.substr(done);
  }

  // The file's text, once, where it or what it includes defines the macro.
  std::optional<std::string> included(const loop::Include& include, const fs::path& beside) {
    const auto found = includes_.find(include, beside);
    if (!found || !includes_.first_time(found->place)) return std::nullopt;
    const fs::path folder = found->place.parent_path();
    auto inside = redefined(found->content, found->place.string(), folder);
    if (!inside) return std::nullopt;
    if (std::find(opened_.begin(), opened_.end(), folder) == opened_.end() && !folder.empty()) opened_.push_back(folder);
    return fmt::format("#line 1 \"{}\"\n{}", found->place.string(), *inside);
  }

  LoopSource& source_;
  Includes includes_;
  const std::string& name_;
  const std::int64_t value_;
  std::vector<fs::path> opened_;  // folders of files that stand in the text now, whose own includes lie beside them
};

}  // namespace

std::optional<LoopSource> with_macro(LoopSource source, const std::string& name, std::int64_t value) {
  if (!Redefining(source, name, value).run()) return std::nullopt;
  return source;
}

}  // namespace ak::port
