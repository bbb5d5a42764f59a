// Sums of products of integer names, for which isl's linear expressions have no word: y * w + x.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loop/term.hpp"

namespace ak::analyser::flow {

using Monomial = std::vector<std::string>;            // names, ascending
using Polynomial = std::map<Monomial, std::int64_t>;  // no factor is 0
using Meanings = std::map<std::string, Polynomial>;   // of names

/// a + times * b
Polynomial plus(Polynomial a, const Polynomial& b, std::int64_t times = 1);
Polynomial product(const Polynomial& a, const Polynomial& b);
/// With what names mean in their places; who has no meaning stays.
Polynomial with(const Polynomial& of, const Meanings& meanings);

/// first * by + second: as often as the largest product of `by` goes into products of `of`.
std::pair<Polynomial, Polynomial> divided(const Polynomial& of, const Polynomial& by);

/// What a term that is no number, sum or product is; nothing: then the whole is no polynomial.
using Atom = std::function<std::optional<Polynomial>(const loop::Term&)>;
std::optional<Polynomial> polynomial(const loop::Term& term, const Atom& atom);

/// `named` gives the term of a name.
loop::Term as_term(const Polynomial& of, const std::function<loop::Term(const std::string&)>& named);

}  // namespace ak::analyser::flow
