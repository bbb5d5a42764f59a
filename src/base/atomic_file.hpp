// A file that others see whole or not at all.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ak {

/// Replaces `path` by these bytes: written beside it under a name nobody can predict, synchronised, renamed, and the folder
/// synchronised too. nullopt on success; else why not, and nothing is left of it. mode is what the umask leaves of it.
std::optional<std::string> write_atomically(const std::string& path, std::string_view bytes, unsigned mode = 0666);

}  // namespace ak
