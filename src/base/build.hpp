// Which build this is.
#pragma once

#include <string_view>

namespace ak {

/// Of everything the library is made from: its own sources, the device code, the packs. A tool of another build has another.
std::string_view build_digest();

}  // namespace ak
