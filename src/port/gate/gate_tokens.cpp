#include "port/gate/gate_tokens.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "base/terminal.hpp"
#include "base/text.hpp"
#include "loop/c_tokens.hpp"

namespace ak::port::gate {

namespace {

// Beyond what people write, and far below where compilers end.
constexpr std::size_t kMostDepth = 48, kMostNumber = 40, kMostStatement = 1200, kMostChoices = 32, kMostUnary = 6;
constexpr int kMostUnroll = 128;

bool begins_word(char c) { return is_letter(c) || c == '_'; }

bool is_number(std::string_view text) {
  const bool hex = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  std::size_t at = hex ? 2 : 0;
  const auto digits = [&] {
    const std::size_t from = at;
    while (at < text.size() && (is_digit(text[at]) || (hex && std::string_view("abcdefABCDEF").find(text[at]) != text.npos)))
      ++at;
    return at > from;
  };
  bool any = digits(), real = false;
  if (at < text.size() && text[at] == '.') ++at, real = true, any = digits() || any;
  if (!any) return false;
  if (at < text.size() && std::string_view(hex ? "pP" : "eE").find(text[at]) != text.npos) {
    ++at, real = true;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const std::size_t from = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    if (at == from) return false;
  }
  constexpr std::string_view kReal[] = {"", "f", "F"},
                             kWhole[] = {"",   "u",  "U",  "l",   "L",   "ul",  "UL",  "uL",  "Ul", "lu",
                                         "LU", "ll", "LL", "ull", "ULL", "uLL", "Ull", "llu", "LLU"};
  const std::string_view rest = text.substr(at);
  return real ? std::ranges::find(kReal, rest) != std::end(kReal) : std::ranges::find(kWhole, rest) != std::end(kWhole);
}

}  // namespace

Text::Text(std::string_view text) : text_(text) {
  if (text.size() > kMostKernelText)
    throw Refusal{0, "", fmt::format("the text has {} bytes, more than {}; write less", text.size(), kMostKernelText)};
  check_bytes();
  read();
  close_brackets();
}

void Text::refuse(std::size_t at, std::string why) const {
  const std::string_view word = (*this)[at].text;
  if (word.empty()) refuse_byte(text_.size(), "the end", std::move(why));
  refuse_byte(static_cast<std::size_t>(word.data() - text_.data()), word, std::move(why));
}

void Text::refuse_byte(std::size_t byte, std::string_view word, std::string why) const {
  const auto line = 1 + std::ranges::count(text_.substr(0, byte), '\n');
  throw Refusal{static_cast<int>(line), printable_line(word.substr(0, 40)), std::move(why)};  // a literal may hold tabs
}

// Of comments too, in which a backslash or a trigraph would hide the next line.
void Text::check_bytes() const {
  for (std::size_t i = 0; i < text_.size(); ++i) {
    const char c = text_[i], next = i + 1 < text_.size() ? text_[i + 1] : '\0';
    if (c == '\\') refuse_byte(i, "\\", "no backslash: neither lines that go on nor escapes are taken");
    if (c == '?' && next == '?' && i + 2 < text_.size() && std::string_view("=/'()!<>-").find(text_[i + 2]) != text_.npos)
      refuse_byte(i, text_.substr(i, 3), "no trigraphs; write one ?");
    const bool line_end = c == '\n' || (c == '\r' && next == '\n');
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t' && !line_end) || byte == 0x7f)
      refuse_byte(i, fmt::format("{:#04x}", byte), "no control characters; spaces, tabs and line ends alone");
    if (byte >= 0x80) {
      const std::size_t bytes = character(text_.substr(i));
      if (bytes == 0) refuse_byte(i, fmt::format("{:#04x}", byte), "a comment's letters are UTF-8");
      i += bytes - 1;
    }
  }
  for (std::size_t i = 0; i + 1 < text_.size(); ++i) {  // as c_tokens() passes over them; literals are refused there
    if (text_[i] != '/') continue;
    if (text_[i + 1] == '/') i = std::min(text_.find('\n', i), text_.size());
    if (i + 1 < text_.size() && text_[i] == '/' && text_[i + 1] == '*') {
      const auto end = text_.find("*/", i + 2);
      if (end == text_.npos) refuse_byte(i, "/*", "the comment does not end");
      i = end + 1;
    }
  }
}

// `#pragma unroll`, `#pragma unroll 4`: behind it.
std::size_t Text::directive(const std::vector<std::string_view>& all, std::size_t at) const {
  const auto word = [&](std::size_t i) { return i < all.size() ? all[i] : std::string_view("\n"); };
  const auto byte = static_cast<std::size_t>(all[at].data() - text_.data());
  if (word(at + 1) != "pragma" || word(at + 2) != "unroll")
    refuse_byte(byte, "#", "no preprocessor; #pragma unroll, with a number or without, is the only directive");
  if (word(at + 3) == "\n") return at + 4;
  int times = 0;
  const std::string_view number = word(at + 3);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), times);
  if (error != std::errc() || end != number.data() + number.size() || times < 1 || times > kMostUnroll || word(at + 4) != "\n")
    refuse_byte(byte, "#", fmt::format("#pragma unroll takes one number from 1 to {}", kMostUnroll));
  return at + 5;
}

void Text::read() {
  const auto all = loop::c_tokens(text_);
  const auto minuses = [&] {
    std::size_t count = 0, at = tokens_.size();
    while (at > 0 && tokens_[at - 1].is("-") && (count == 0 || tokens_[at].joined)) ++count, --at;
    return count;
  };
  const char* end = nullptr;  // of the token before
  for (std::size_t i = 0; i < all.size();) {
    const std::string_view text = all[i];
    if (text == "#") {
      i = directive(all, i), end = nullptr;
      continue;
    }
    const auto byte = static_cast<std::size_t>(text.data() - text_.data());
    Token token;
    token.text = text, token.joined = text.data() == end;
    const char c = text[0];
    if (static_cast<unsigned char>(c) >= 0x80 || std::ranges::any_of(text, [](char each) { return (each & 0x80) != 0; }))
      refuse_byte(byte, "not ASCII", "names have ASCII's letters alone");
    if (begins_word(c)) {
      token.kind = Token::Kind::word;
    } else if (is_digit(c) || (c == '.' && text.size() > 1)) {
      token.kind = Token::Kind::number;
      if (text.size() > kMostNumber || !is_number(text))
        refuse_byte(byte, text, "no such number; suffixes are f, u, l, ll, ul, ull");
    } else if (c == '"' || c == '\'') {
      token.kind = Token::Kind::literal;
    } else {
      token.kind = Token::Kind::mark;
      if (std::string_view("@$`\\").find(c) != std::string_view::npos) refuse_byte(byte, text, "no such character in C++");
      if (token.joined && !tokens_.empty() && tokens_.back().kind == Token::Kind::mark) {
        Token& last = tokens_.back();
        const auto pair = std::string_view(last.text.data(), last.text.size() + 1);
        if (pair == "::" || (pair == "->" && minuses() % 2 == 1)) {  // i-->0 has -- and >
          last.text = pair, end = text.data() + 1, ++i;
          continue;
        }
        for (const char* const digraph : {"<:", ":>", "<%", "%>", "%:"})
          if (pair == digraph) refuse_byte(byte - 1, pair, "no digraphs; write the character itself, or a space between");
      }
    }
    end = text.data() + text.size();
    tokens_.push_back(token), ++i;
  }
}

void Text::close_brackets() {
  std::vector<std::size_t> open;
  std::size_t statement = 0, choices = 0, unary = 0;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    Token& token = tokens_[i];
    if (token.is("(") || token.is("[") || token.is("{")) {
      open.push_back(i);
      if (open.size() > kMostDepth) refuse(i, fmt::format("brackets within {} others; use variables", kMostDepth));
    } else if (token.is(")") || token.is("]") || token.is("}")) {
      const std::string_view opener = token.is(")") ? "(" : token.is("]") ? "[" : "{";
      if (open.empty() || !tokens_[open.back()].is(opener)) refuse(i, "it closes nothing");
      token.match = open.back(), tokens_[open.back()].match = i;
      open.pop_back();
    }
    if (token.is(";") || token.is("{") || token.is("}")) statement = choices = 0;
    if (++statement > kMostStatement)
      refuse(i, fmt::format("a statement of more than {} words; use variables", kMostStatement));
    if (token.is("?") && ++choices > kMostChoices)
      refuse(i, fmt::format("more than {} ?: in a statement; use if", kMostChoices));
    unary = token.kind == Token::Kind::mark && std::string_view("!~-+*&").find(token.text[0]) != std::string_view::npos
                ? unary + 1
                : 0;
    if (unary > kMostUnary) refuse(i, "too many operators in a row; use brackets or variables");
  }
  if (!open.empty()) refuse(open.back(), "it is not closed");
}

}  // namespace ak::port::gate
