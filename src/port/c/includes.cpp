#include "port/c/includes.hpp"

#include <fstream>
#include <functional>
#include <iterator>

#include "base/environment.hpp"
#include "base/text.hpp"

namespace ak::port {

namespace fs = std::filesystem;

namespace {

constexpr int kMostIncludes = 1000;

}  // namespace

std::optional<std::string> content_of(const std::string& file) {
  std::error_code error;
  // Of a FIFO or a device nobody knows when it ends.
  if (!fs::is_regular_file(file, error) || fs::file_size(file, error) > kLargestSource || error) return std::nullopt;
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  return in.bad() ? std::nullopt : std::optional(std::move(text));
}

Includes::Includes(const LoopSource& source) {
  const auto& flags = source.flags;
  std::vector<fs::path> system, after;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    const auto value = [&](std::string_view option) -> std::optional<std::string> {
      if (!flags[i].starts_with(option)) return std::nullopt;
      if (flags[i].size() > option.size()) return flags[i].substr(option.size());
      return i + 1 < flags.size() ? std::optional(flags[i + 1]) : std::nullopt;
    };
    if (const auto file = value("-include"))
      forced_.push_back(*file);
    else if (const auto macros = value("-imacros"))
      macros_.push_back(*macros);
    else if (const auto last = value("-idirafter"))
      after.emplace_back(*last);
    else if (const auto quoted = value("-iquote"))
      quoted_.emplace_back(*quoted);
    else if (const auto of_system = value("-isystem"))
      system.emplace_back(*of_system);
    else if (const auto folder = value("-I"))
      folders_.emplace_back(*folder);
    else if (const auto macro = value("-D"); macro && macro->find('=') != macro->npos)
      macros_defined_.emplace(macro->substr(0, macro->find('=')), macro->substr(macro->find('=') + 1));
  }
  // What compilers take from the environment; an empty part is the working folder.
  const auto add_of = [&](const char* variable) {
    const std::string list = environment(variable);
    if (list.empty()) return;
    for (const std::string_view folder : split(list, ':')) folders_.emplace_back(folder.empty() ? "." : folder);
  };
  add_of("CPATH");
  folders_.insert(folders_.end(), system.begin(), system.end());
  add_of("C_INCLUDE_PATH");
  folders_.insert(folders_.end(), after.begin(), after.end());
}

std::vector<fs::path> Includes::places(const loop::Include& include, const fs::path& beside) const {
  std::vector<fs::path> places;
  if (include.quoted) {
    places.push_back(beside / include.name);
    for (const fs::path& folder : quoted_) places.push_back(folder / include.name);
  }
  for (const fs::path& folder : folders_) places.push_back(folder / include.name);
  return places;
}

std::optional<Includes::Found> Includes::find(const loop::Include& include, const fs::path& beside) const {
  if (include.macro) return std::nullopt;
  for (fs::path& place : places(include, beside))
    if (auto content = content_of(place.string())) return Found{std::move(place), *std::move(content)};
  return std::nullopt;
}

std::vector<Includes::Found> Includes::all(const loop::Include& include, const fs::path& beside) const {
  std::vector<Found> found;
  if (include.macro) {
    for (const loop::Include& one : meant(include.name))
      if (auto file = find(one, beside)) found.push_back(*std::move(file));
  } else if (include.next) {
    for (fs::path& place : places(include, beside))
      if (auto content = content_of(place.string())) found.push_back({std::move(place), *std::move(content)});
  } else if (auto file = find(include, beside)) {
    found.push_back(*std::move(file));
  }
  return found;
}

std::vector<loop::Include> Includes::meant(const std::string& macro) const {
  std::vector<loop::Include> all;
  std::vector<std::string> names = {macro};
  std::set<std::string> seen = {macro};  // texts may define one in terms of another, and that of the first
  while (!names.empty()) {
    const auto [first, last] = macros_defined_.equal_range(names.back());
    names.pop_back();
    for (auto one = first; one != last; ++one) {
      const auto tokens = loop::c_tokens(one->second);
      if (auto include = loop::include_of(tokens))
        all.push_back(*std::move(include));
      else if (tokens.size() == 1 && seen.insert(std::string(tokens[0])).second)
        names.emplace_back(tokens[0]);
    }
  }
  return all;
}

void Includes::define(const std::string& text) {
  for (const loop::Definition& one : loop::definitions_of(text)) {
    if (one.value.empty() || one.value.size() > 16) continue;
    const char* const end = one.value.back().data() + one.value.back().size();
    macros_defined_.emplace(one.name, std::string(one.value.front().data(), end));
  }
}

bool Includes::first_time(const fs::path& place) {
  return seen_.size() < kMostIncludes && seen_.insert(place.lexically_normal().string()).second;
}

std::vector<loop::KnownSource::File> included_files(const LoopSource& source, const std::string& text) {
  Includes includes(source);
  std::vector<loop::KnownSource::File> files;
  const std::function<void(const std::string&, const fs::path&)> take_all = [&](const std::string& of, const fs::path& beside) {
    includes.define(of);
    for (const loop::Include& include : loop::includes_of(of)) {
      const auto found = includes.all(include, beside);
      if (include.macro && found.empty()) files.push_back({include.name, kUnknownFile});
      for (const Includes::Found& one : found) {
        if (!includes.first_time(one.place)) continue;
        files.push_back({include.name, loop::token_digest(one.content).hex()});
        take_all(one.content, one.place.parent_path());
      }
    }
  };
  for (const auto* const list : {&includes.macros(), &includes.forced()})
    for (const std::string& file : *list) {
      const auto found = includes.find({file, true, {}, false, false}, fs::path());
      if (!found || !includes.first_time(found->place)) continue;
      files.push_back({file, loop::token_digest(found->content).hex()});
      take_all(found->content, found->place.parent_path());
    }
  take_all(text, fs::path(source.file).parent_path());
  return files;
}

std::string with_includes(const LoopSource& source, const std::string& text) {
  Includes includes(source);
  std::string all;
  const std::function<void(const std::string&, const fs::path&)> add = [&](const std::string& of, const fs::path& beside) {
    includes.define(of);
    std::size_t at = 0;
    for (const loop::Include& include : loop::includes_of(of)) {
      const auto found = includes.all(include, beside);
      if (include.macro && found.empty()) continue;  // who compiles it says that it is not there
      const std::size_t begin = static_cast<std::size_t>(include.line.data() - of.data());
      all.append(of, at, begin - at);
      at = begin + include.line.size();
      if (found.size() == 1 && includes.first_time(found[0].place)) {
        add(found[0].content, found[0].place.parent_path());
        if (!all.empty() && all.back() != '\n') all += '\n';
      }
    }
    all.append(of, at);
  };
  for (const std::string& file : includes.forced())
    if (const auto found = includes.find({file, true, {}, false, false}, fs::path());
        found && includes.first_time(found->place))
      add(found->content + "\n", found->place.parent_path());
  add(text, fs::path(source.file).parent_path());
  return all;
}

}  // namespace ak::port
