// A kernel text as the gate reads it: tokens of which nothing is hidden from the eye, brackets that close, no directive.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "port/gate/gate.hpp"

namespace ak::port::gate {

struct Token {
  enum class Kind : std::uint8_t { word, number, literal, mark, end } kind = Kind::end;
  std::string_view text;  // a mark is a character, or :: or ->
  std::size_t match = 0;  // of ( [ { and what closes them: the other one
  bool joined = false;    // nothing stands between it and the token before

  bool is(std::string_view what) const { return text == what; }
  bool word() const { return kind == Kind::word; }
};

/// Throws Refusal.
class Text {
 public:
  explicit Text(std::string_view text);
  /// One beyond the last one is an empty one.
  const Token& operator[](std::size_t at) const { return at < tokens_.size() ? tokens_[at] : end_; }
  std::size_t size() const { return tokens_.size(); }
  [[noreturn]] void refuse(std::size_t at, std::string why) const;
  [[noreturn]] void refuse_byte(std::size_t byte, std::string_view word, std::string why) const;

 private:
  void check_bytes() const;
  void read();
  std::size_t directive(const std::vector<std::string_view>& all, std::size_t at) const;
  void close_brackets();

  const std::string_view text_;
  std::vector<Token> tokens_;
  const Token end_;
};

}  // namespace ak::port::gate
