// Comma-separated values, as RFC 4180 has them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ak {

/// Takes the first record off `text`: its fields, up to the newline (LF or CRLF) or the end. A field in double quotes may hold
/// commas, newlines and, each written twice, quotes. Blanks around a field do not belong to it. Throws
/// Error{invalid_argument} where quotes are wrong; then one line is taken. separator: where a spreadsheet's commas are decimal,
/// it writes ; or a tab.
std::vector<std::string> take_csv_record(std::string_view& text, char separator = ',');

/// One field as it is written: in quotes where it needs them.
std::string csv_field(std::string_view value);

}  // namespace ak
