// The device code and the shipped packs, embedded at build time (CMakeLists.txt generates the definition).
#pragma once

#include <span>
#include <string_view>

namespace ak {

struct EmbeddedFile {
  std::string_view name, text;
};

std::span<const EmbeddedFile> embedded_files();
/// Throws Error{internal}.
std::string_view embedded_text(std::string_view name);

/// Fatbin of the kernels that are compiled at build time: kernels/support/ (pass, reference, fill, compare).
std::string_view support_fatbin();

}  // namespace ak
