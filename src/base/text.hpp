// Text from outside, made fit for a log, a record or a prompt.
#pragma once

#include <string>
#include <string_view>

namespace ak {

/// At most `most` bytes; whatever is not printable ASCII becomes a space.
inline std::string one_line(std::string_view text, std::size_t most) {
  std::string line(text.substr(0, most));
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = ' ';
  return line;
}

}  // namespace ak
