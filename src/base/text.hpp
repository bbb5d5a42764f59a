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

/// Without the blanks around it, a carriage return among them.
inline std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r"), last = text.find_last_not_of(" \t\r");
  return first == text.npos ? std::string_view() : text.substr(first, last - first + 1);
}

}  // namespace ak
