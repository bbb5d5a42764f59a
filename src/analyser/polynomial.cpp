#include "analyser/polynomial.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace ak::analyser::flow {

using loop::Term;

Polynomial plus(Polynomial a, const Polynomial& b, std::int64_t times) {
  for (const auto& [monomial, factor] : b)
    if ((a[monomial] += times * factor) == 0) a.erase(monomial);
  return a;
}

Polynomial product(const Polynomial& a, const Polynomial& b) {
  Polynomial all;
  for (const auto& [left, p] : a)
    for (const auto& [right, q] : b) {
      Monomial both = left;
      both.insert(both.end(), right.begin(), right.end());
      std::sort(both.begin(), both.end());
      all = plus(std::move(all), {{both, p * q}});
    }
  return all;
}

Polynomial with(const Polynomial& of, const Meanings& meanings) {
  Polynomial all;
  for (const auto& [monomial, factor] : of) {
    Polynomial one{{{}, factor}};
    for (const std::string& name : monomial) {
      const auto found = meanings.find(name);
      one = product(one, found == meanings.end() ? Polynomial{{{name}, 1}} : found->second);
    }
    all = plus(std::move(all), one);
  }
  return all;
}

std::pair<Polynomial, Polynomial> divided(const Polynomial& of, const Polynomial& by) {
  std::pair<Polynomial, Polynomial> result{{}, of};
  if (by.empty()) return result;
  const auto& [lead, times] = *std::ranges::max_element(by, {}, [](const auto& one) { return one.first.size(); });
  constexpr int kMost = 64;  // a remainder may hold the product again
  for (int round = 0; round < kMost; ++round) {
    const auto next = std::ranges::find_if(
        result.second, [&](const auto& one) { return one.second % times == 0 && std::ranges::includes(one.first, lead); });
    if (next == result.second.end()) break;
    Monomial others;
    std::ranges::set_difference(next->first, lead, std::back_inserter(others));
    const Polynomial part{{others, next->second / times}};
    result.first = plus(std::move(result.first), part);
    result.second = plus(std::move(result.second), product(part, by), -1);
  }
  return result;
}

std::optional<Polynomial> polynomial(const Term& term, const Atom& atom) {
  const auto part = [&](int i) { return polynomial(term.terms[i], atom); };
  if (is_real(term.type)) return std::nullopt;
  switch (term.kind) {
    case Term::Kind::integer: {
      const auto value = loop::evaluate(term, {});
      if (!value) return std::nullopt;
      return *value == 0 ? Polynomial{} : Polynomial{{{}, *value}};
    }
    case Term::Kind::convert:  // to a smaller type it may wrap round
      if (term.type != loop::ScalarType::i64 && term.type != term.terms[0].type) return atom(term);
      return part(0);
    case Term::Kind::unary:
      if (term.text == "-")
        if (const auto a = part(0)) return plus({}, *a, -1);
      return atom(term);
    case Term::Kind::binary: {
      if (term.text != "+" && term.text != "-" && term.text != "*") return atom(term);
      const auto a = part(0), b = part(1);
      if (!a || !b) return std::nullopt;
      if (term.text == "*") return product(*a, *b);
      return plus(*a, *b, term.text == "-" ? -1 : 1);
    }
    default:
      return atom(term);
  }
}

// What several products have in common is a factor of their sum, (n - 1) * k + 1: who is a factor alone is a stride.
Term as_term(const Polynomial& of, const std::function<Term(const std::string&)>& named) {
  std::map<std::string, int> counts;
  for (const auto& [monomial, factor] : of)
    for (const std::string& name : std::set<std::string>(monomial.begin(), monomial.end())) ++counts[name];
  const auto most = std::ranges::max_element(counts, {}, [](const auto& one) { return one.second; });
  if (most != counts.end() && most->second > 1) {
    Polynomial inner, rest;
    for (const auto& [monomial, factor] : of) {
      Monomial without = monomial;
      const auto at = std::ranges::find(without, most->first);
      const bool has = at != without.end();
      if (has) without.erase(at);
      (has ? inner : rest)[without] = factor;
    }
    const Term product = loop::binary("*", as_term(inner, named), named(most->first));
    const auto constant = rest.size() == 1 && rest.begin()->first.empty() ? rest.begin()->second : 0;
    if (constant < 0) return loop::binary("-", product, loop::integer(-constant));
    return loop::binary("+", product, as_term(rest, named));
  }
  std::vector<std::pair<Monomial, std::int64_t>> parts(of.begin(), of.end());
  std::ranges::stable_sort(parts, [](const auto& a, const auto& b) {
    return std::pair(a.second < 0, b.first.size()) < std::pair(b.second < 0, a.first.size());
  });
  Term sum = loop::integer(0);
  for (const auto& [monomial, factor] : parts) {
    Term part = loop::integer(factor < 0 ? -factor : factor);
    for (const std::string& name : monomial) part = loop::binary("*", part, named(name));
    sum = loop::binary(factor < 0 ? "-" : "+", sum, part);
  }
  return sum;
}

}  // namespace ak::analyser::flow
