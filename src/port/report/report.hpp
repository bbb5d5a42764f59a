// What results.json says, for a person: the figures of a run, its failures, and what changed since an older one.
#pragma once

#include <cstdint>
#include <string>

#include "port/report/results.hpp"

namespace ak::port {

/// Text for a terminal, or Markdown; both ASCII.
enum class Markup : std::uint8_t { text, markdown };
std::string report(const Results& results, const Results* older, Markup markup);
/// Of files; older: empty for none. Throws as load_results().
std::string report_files(const std::string& file, const std::string& older, Markup markup);

/// One line, as `ak port` prints it of a function.
std::string summary(const Entry& entry);

}  // namespace ak::port
