// A C expression without side effects, as a tree. The analyser makes it, templates print it, geometry evaluates it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loop/scalar_type.hpp"

namespace ak::loop {

struct Term {
  enum class Kind : std::uint8_t {
    integer,  // text: digits, perhaps with a minus
    real,     // text: the literal as C writes it, without a suffix: 0.5, 1e-3
    scalar,   // text: the name of a parameter, a local or a loop's variable
    element,  // text: the array's name; terms: a subscript for each dimension, outermost first
    unary,    // text: - ! ~; one term
    binary,   // text: + - * / % << >> & | ^ < <= > >= == != && ||; two terms
    choose,   // condition ? a : b; three terms
    call,     // text: a function of the C library that kernels have too (fabsf, sqrt, fmaxf, ...)
    convert,  // to `type`, from its one term's
  };
  Kind kind = Kind::integer;
  ScalarType type = ScalarType::i32;  // of its value, as C's conversions have it; comparisons are i32
  std::string text;
  std::vector<Term> terms;

  bool operator==(const Term&) const = default;
};

Term integer(std::int64_t value, ScalarType type = ScalarType::i32);
Term scalar(std::string name, ScalarType type);
Term element(std::string array, std::vector<Term> subscripts, ScalarType type);
Term unary(std::string op, Term a);
/// Of C's type for these operands; what can be computed of integers is (2 * 3, x + 0, x * 1).
Term binary(std::string op, Term a, Term b);
Term convert(ScalarType to, Term a);
/// An integer term, computed in 64 bits from its names on: as evaluate() has it.
Term in_64_bits(const Term& term);

/// Another text for a term, nothing where it is printed as it stands. Asked from the root down, before the terms below.
using Substitute = std::function<std::optional<std::string>(const Term&)>;

/// As C: fully typed literals (0.5f, 3LL), parentheses only where precedence needs them, a[i][j] for an element.
std::string c_text(const Term& term, const Substitute& substitute = {});

/// With all terms that match replaced, from the leaves up.
Term replace(const Term& term, const std::function<std::optional<Term>(const Term&)>& with);
/// Calls `visit` for the term and all below it, from the root down.
void for_each(const Term& term, const std::function<void(const Term&)>& visit);
/// Whether the scalar or array of that name occurs.
bool mentions(const Term& term, const std::string& name);

/// Of integer terms, in 64 bits as C computes; nothing where a name has no value, an element occurs or a divisor is 0.
using Values = std::map<std::string, std::int64_t>;
std::optional<std::int64_t> evaluate(const Term& term, const Values& values);

}  // namespace ak::loop
