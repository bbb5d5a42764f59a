// Expression: a caller's own activation, parsed. Nothing but arithmetic of x and slope passes, so its text can become part of a
// kernel, of a key and of a record.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ak {

/// Grammar, with C's precedence:
///   expression = condition ? expression : expression | sum
///   condition  = comparisons < <= > >= == != of sums, joined by && || ! and parentheses
///   sum        = numbers, x, slope, + - * /, parentheses and the functions of include/ak/activations.def
/// Numbers are f32, as the kernels compute with them: 6 / 4 is 1.5.
class Expression {
 public:
  /// Throws Error{invalid_argument} that quotes the text and names the place and what was expected there.
  static Expression parse(std::string_view text);

  /// In double: the reference that kernels are held to.
  double operator()(double x, double slope) const { return value(root_, x, slope); }

  /// Canonical and without spaces: texts that parse to the same tree have the same.
  const std::string& text() const { return text_; }

  /// As kernels compile it: every number an f32 literal, every operation in parentheses.
  std::string code() const { return code(root_); }

 private:
  enum class Kind : std::uint8_t { number, x, slope, call, negate, invert, binary, choose };
  struct Node {
    Kind kind = Kind::number;
    std::uint8_t which = 0;  // row of the table of functions or of operators
    float number = 0;
    int children[3] = {-1, -1, -1};
  };
  class Parser;

  double value(int node, double x, double slope) const;
  std::string code(int node) const;
  std::string text(int node, int strength) const;

  std::vector<Node> nodes_;
  int root_ = -1;
  std::string text_;
};

}  // namespace ak
