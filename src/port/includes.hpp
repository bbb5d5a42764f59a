// Where the files lie that a C text includes, without a preprocessor.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loop/c_tokens.hpp"
#include "port/analysis.hpp"

namespace ak::port {

/// Nothing where it is no regular file, or too large for a source.
std::optional<std::string> content_of(const std::string& file);

/// Files that a text includes by name: `#include "name"` beside the text or in folders of -iquote and -I, `#include <name>` in
/// folders of -I and -isystem alone; then those of -include.
class Includes {
 public:
  explicit Includes(const LoopSource& source);

  struct Found {
    std::filesystem::path place;
    std::string content;
  };
  std::optional<Found> find(const loop::Include& include, const std::filesystem::path& beside) const;
  /// Once for each file.
  bool first_time(const std::filesystem::path& place);
  /// By -include.
  const std::vector<std::string>& forced() const { return forced_; }
  /// By -imacros.
  const std::vector<std::string>& macros() const { return macros_; }

 private:
  std::vector<std::filesystem::path> quoted_, folders_;
  std::vector<std::string> forced_, macros_;
  std::set<std::string> seen_;
};

}  // namespace ak::port
