// Where the files lie that a C text includes, without a preprocessor.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loop/c_tokens.hpp"
#include "port/analysis.hpp"

namespace ak::port {

inline constexpr std::uintmax_t kLargestSource = 16 << 20;  // bytes

/// Nothing where it is no regular file, or too large for a source.
std::optional<std::string> content_of(const std::string& file);

/// Files that a text includes: `#include "name"` beside the text or in folders of -iquote and -I, `#include <name>` in folders
/// of -I, CPATH, -isystem and C_INCLUDE_PATH alone; then those of -include. Where a macro says what is included, any of its
/// definitions in the flags and the files seen so far may hold.
class Includes {
 public:
  explicit Includes(const LoopSource& source);

  struct Found {
    std::filesystem::path place;
    std::string content;
  };
  std::optional<Found> find(const loop::Include& include, const std::filesystem::path& beside) const;
  /// Of a macro those that it may stand for, empty where that is not seen; of include_next every folder's; else the one.
  std::vector<Found> all(const loop::Include& include, const std::filesystem::path& beside) const;
  /// A text whose macros may say what is included.
  void define(const std::string& text);
  /// Once for each file.
  bool first_time(const std::filesystem::path& place);
  /// By -include.
  const std::vector<std::string>& forced() const { return forced_; }
  /// By -imacros.
  const std::vector<std::string>& macros() const { return macros_; }

 private:
  std::vector<std::filesystem::path> places(const loop::Include& include, const std::filesystem::path& beside) const;
  std::vector<loop::Include> meant(const std::string& macro) const;

  std::vector<std::filesystem::path> quoted_, folders_;  // in the order in which they are searched
  std::multimap<std::string, std::string> macros_defined_;
  std::vector<std::string> forced_, macros_;
  std::set<std::string> seen_;
};

}  // namespace ak::port
