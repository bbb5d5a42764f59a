// Words for a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ak {

/// Control characters (line ends and tabs aside), and bytes that are part of no UTF-8 character, become \x1b and the like.
std::string printable(std::string_view text);
/// The same of what is to be one line, as keys are.
std::string printable_line(std::string_view text);
/// "1 record", "2 records".
std::string counted(std::size_t count, std::string_view one);
/// "12.30 us", "1.240 ms", "60.00 s"; "-" for 0.
std::string shown_us(double us);

}  // namespace ak
