#include "port/c/c_rewrite.hpp"

#include <algorithm>
#include <iterator>

namespace ak::port {
namespace {

/// Functions of <math.h> that have an f behind their names for float.
bool is_math(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "acos",  "acosh",  "asin",  "asinh", "atan",   "atan2", "atanh",     "cbrt",      "ceil",    "copysign",  "cos",
      "cosh",  "erf",    "erfc",  "exp",   "exp2",   "expm1", "fabs",      "fdim",      "floor",   "fma",       "fmax",
      "fmin",  "fmod",   "frexp", "hypot", "ilogb",  "ldexp", "lgamma",    "llrint",    "llround", "log",       "log10",
      "log1p", "log2",   "logb",  "lrint", "lround", "modf",  "nearbyint", "nextafter", "pow",     "remainder", "rint",
      "round", "scalbn", "sin",   "sinh",  "sqrt",   "tan",   "tanh",      "tgamma",    "trunc"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

std::string word_in_double(std::string_view word) {
  if (word == "float") return "double";
  const std::string_view built_in = "__builtin_";
  const std::string_view name = word.starts_with(built_in) ? word.substr(built_in.size()) : word;
  if (name.ends_with('f') && is_math(name.substr(0, name.size() - 1))) word.remove_suffix(1);
  return std::string(word);
}

/// 0.5f, 1e-3F, .5f, 0x1p3f; but not 0x1f.
std::string number_in_double(std::string_view number) {
  const bool hexadecimal = number.starts_with("0x") || number.starts_with("0X");
  const bool real = number.find_first_of(hexadecimal ? ".pP" : ".eE") != number.npos;
  if (real && (number.ends_with('f') || number.ends_with('F'))) number.remove_suffix(1);
  return std::string(number);
}

std::size_t end_of_number(std::string_view text, std::size_t at) {
  while (at < text.size() &&
         (is_word(text[at]) || text[at] == '.' ||
          ((text[at] == '+' || text[at] == '-') && std::string_view("eEpP").find(text[at - 1]) != std::string_view::npos)))
    ++at;
  return at;
}

std::size_t end_of_literal(std::string_view text, std::size_t at) {
  const char quote = text[at++];
  while (at < text.size() && text[at] != quote && text[at] != '\n') at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

/// # 12 "file" 1 3 4: a 3 says that what follows is of a system header.
bool is_system(std::string_view marker) {
  marker.remove_prefix(marker.rfind('"') == marker.npos ? marker.size() : marker.rfind('"') + 1);
  for (const std::string_view flag : words(marker))
    if (flag == "3") return true;
  return false;
}

}  // namespace

std::string changed(std::string_view text, const TokenChanges& changes) {
  std::string made;
  made.reserve(text.size());
  bool system = false, line_begins = true;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    std::size_t end = at + 1;
    if (c == '\n') {
      line_begins = true;
    } else if (line_begins && c == '#') {
      end = std::min(text.find('\n', at), text.size());
      const std::string_view line = text.substr(at, end - at);
      if (line.size() > 2 && line[1] == ' ' && is_digit(line[2])) system = is_system(line);
    } else if (system) {
      line_begins = false;
      end = std::min(text.find('\n', at), text.size());
    } else if (c == '"' || c == '\'') {
      end = end_of_literal(text, at);
    } else if (is_digit(c) || (c == '.' && at + 1 < text.size() && is_digit(text[at + 1]))) {
      end = end_of_number(text, at + 1);
      if (changes.in_double) {
        made += number_in_double(text.substr(at, end - at));
        at = end;
        continue;
      }
    } else if (is_word(c)) {
      while (end < text.size() && is_word(text[end])) ++end;
      std::string word(text.substr(at, end - at));
      if (changes.in_double) word = word_in_double(word);
      if (changes.without_const && (word == "const" || word == "__const")) word.clear();
      if (word == "main") word = "main_";
      made += word;
      at = end;
      line_begins = false;
      continue;
    }
    if (!is_blank(c)) line_begins = false;
    made += text.substr(at, end - at);
    at = end;
  }
  return made;
}

}  // namespace ak::port
