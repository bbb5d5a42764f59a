// A C text without an understanding of it: its tokens, and which files it includes by name in quotes. So it is known again
// whatever its comments and spacing are, without a compiler.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.hpp"

namespace ak::loop {

/// One a token: names, numbers, literals, punctuation a character each; the end of a preprocessor line is "\n". Comments,
/// spacing and lines continued by a backslash are as C's first phases have them.
std::vector<std::string_view> c_tokens(std::string_view text);

/// Of the tokens.
Digest token_digest(std::string_view text);

struct Include {
  std::string name;
  bool quoted = false;    // "name", else <name>
  std::string_view line;  // of the text: from "#" to the name's end
  bool macro = false;     // the name is a macro's, which says what is included
  bool next = false;      // include_next
};
/// In order.
std::vector<Include> includes_of(std::string_view text);

/// `#define name ...`: its tokens behind the name, of which there are some.
struct Definition {
  std::string_view name;
  std::vector<std::string_view> value;
};
std::vector<Definition> definitions_of(std::string_view text);

/// What `#include` with these tokens behind it includes; nothing where they are no name in quotes or <>.
std::optional<Include> include_of(std::span<const std::string_view> tokens);

}  // namespace ak::loop
