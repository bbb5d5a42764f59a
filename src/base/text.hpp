// Text from outside, made fit for a log, a record or a prompt; and characters, words and lines of it. Nothing here asks the
// locale, as the C library's functions and streams do: under tr_TR the capital of i is no ASCII letter.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ak {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

inline std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

inline std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

/// What stands between blanks.
inline std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    while (at < text.size() && !is_blank(text[at])) ++at;
    if (at > begin) found.push_back(text.substr(begin, at - begin));
    if (at < text.size()) ++at;
  }
  return found;
}

/// What stands between separators: lines, entries of a list. A separator at the end begins nothing.
inline std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> found;
  while (!text.empty()) {
    const auto end = text.find(separator);
    found.push_back(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return found;
}

/// Bytes of the UTF-8 character that begins the text: 0 where none does.
std::size_t character(std::string_view text);

/// Whether this character is a control character, of ASCII or of C1 (U+0080 to U+009F), which terminals obey too.
bool is_control(std::string_view character);

/// How many characters; a byte that is part of none counts as one.
std::size_t characters(std::string_view text);

/// At most `most` bytes, no character torn; control characters become spaces, and bytes of what is not UTF-8.
std::string one_line(std::string_view text, std::size_t most);

/// Without the blanks around it, a carriage return among them.
inline std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r"), last = text.find_last_not_of(" \t\r");
  return first == text.npos ? std::string_view() : text.substr(first, last - first + 1);
}

}  // namespace ak
