// Formula: an integer term, made ready to be evaluated at every call: no names, no allocation.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "loop/term.hpp"

namespace ak::loop {

class Formula {
 public:
  /// names: what the values stand for, in their order. Throws Error{invalid_argument} for a term that has another name in it,
  /// an element or a real number.
  Formula(const Term& term, std::span<const std::string> names);
  /// In 64 bits, as evaluate() does; 0 where that has no value (a division by zero).
  std::int64_t operator()(std::span<const std::int64_t> values) const;

 private:
  enum class Op : std::uint8_t {
    constant,
    value,
    negate,
    invert,
    complement,
    narrow,
    choose,
    add,
    subtract,
    multiply,
    divide,
    modulo,
    shift_left,
    shift_right,
    bit_and,
    bit_or,
    bit_xor,
    less,
    less_equal,
    greater,
    greater_equal,
    equal,
    not_equal,
    both,
    either
  };
  struct Step {
    Op op;
    std::int64_t value = 0;  // the constant, or which value
  };
  int compile(const Term& term, std::span<const std::string> names);  // how deep its stack becomes

  std::vector<Step> steps_;  // postfix
};

}  // namespace ak::loop
