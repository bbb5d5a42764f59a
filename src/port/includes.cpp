#include "port/includes.hpp"

#include <fstream>
#include <functional>
#include <iterator>

namespace ak::port {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t kLargestSource = 16 << 20;
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
    else if (const auto after = value("-idirafter"))
      folders_.emplace_back(*after);
    else if (const auto quoted = value("-iquote"))
      quoted_.emplace_back(*quoted);
    else if (const auto system = value("-isystem"))
      folders_.emplace_back(*system);
    else if (const auto folder = value("-I"))
      folders_.emplace_back(*folder);
  }
}

std::optional<Includes::Found> Includes::find(const loop::Include& include, const fs::path& beside) const {
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

bool Includes::first_time(const fs::path& place) {
  return seen_.size() < kMostIncludes && seen_.insert(place.lexically_normal().string()).second;
}

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
  for (const auto* const list : {&includes.macros(), &includes.forced()})
    for (const std::string& file : *list) take({file, true, {}}, fs::path());
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
