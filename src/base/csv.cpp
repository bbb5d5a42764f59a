#include "base/csv.hpp"

#include <algorithm>

#include "ak/types.hpp"
#include "base/text.hpp"

namespace ak {
namespace {

[[noreturn]] void bad(const char* why) { throw Error(ErrorCode::invalid_argument, why); }

// What stands between quotes, of which the first is at `at`; `at` is then behind the last.
std::string quoted(std::string_view text, std::size_t& at) {
  std::string value;
  for (++at; at < text.size(); ++at) {
    if (text[at] != '"')
      value += text[at];
    else if (at + 1 < text.size() && text[at + 1] == '"')
      value += text[at++];
    else
      return ++at, value;
  }
  bad("a quote that is never closed");
}

}  // namespace

std::vector<std::string> take_csv_record(std::string_view& text, char separator) {
  const std::string_view whole = text;
  text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  std::vector<std::string> fields;
  for (std::size_t at = 0;; ++at) {
    const auto begin = std::min(whole.find_first_not_of(separator == '\t' ? " " : " \t", at), whole.size());
    const bool in_quotes = begin < whole.size() && whole[begin] == '"';
    std::string value;
    if (in_quotes) value = quoted(whole, at = begin);
    const auto end = std::min({whole.find(separator, at), whole.find('\n', at), whole.size()});
    const std::string_view rest = trimmed(whole.substr(at, end - at));
    if (in_quotes && !rest.empty()) bad("text behind a closing quote");
    if (rest.find('"') != rest.npos) bad("a quote inside a field; in a quoted field quotes are written twice");
    fields.push_back(in_quotes ? std::move(value) : std::string(rest));
    at = end;
    if (at < whole.size() && whole[at] == separator) continue;
    text = whole.substr(std::min(at + 1, whole.size()));
    return fields;
  }
}

std::string csv_field(std::string_view value) {
  if (value.find_first_of(",\"\r\n") == value.npos && value == trimmed(value)) return std::string(value);
  std::string out = "\"";
  for (const char c : value) out.append(c == '"' ? 2 : 1, c);
  return out + '"';
}

}  // namespace ak
