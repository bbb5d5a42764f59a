// Changes to a preprocessed C text, token by token: what the compiler's own headers say stays as it is.
#pragma once

#include <string>
#include <string_view>

#include "base/text.hpp"

namespace ak::port {

/// Of a name in a preprocessed text.
constexpr bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '$'; }

struct TokenChanges {
  bool in_double = false;      // float is double, 0.5f is 0.5, fabsf is fabs
  bool without_const = false;  // so that tables of file scope can be given other values
};

/// `text`: what `cc -E` wrote, line markers and all. A main in it becomes main_: the program has its own.
std::string changed(std::string_view text, const TokenChanges& changes);

}  // namespace ak::port
