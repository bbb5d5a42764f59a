#include "port/templates/linear.hpp"

#include <algorithm>
#include <charconv>

#include "port/c/c_rewrite.hpp"

namespace ak::port {

using loop::Term;

namespace {

void add(Linear& sum, const std::vector<std::string>& atoms, std::int64_t factor) {
  std::int64_t& all = sum.parts[atoms];
  all += factor;
  if (all == 0) sum.parts.erase(atoms);
}

Linear scaled_sum(const Linear& a, const Linear& b, std::int64_t factor) {
  Linear sum = a;
  for (const auto& [atoms, f] : b.parts) add(sum, atoms, f * factor);
  return sum;
}

Linear product(const Linear& a, const Linear& b) {
  Linear all;
  for (const auto& [left, f] : a.parts)
    for (const auto& [right, g] : b.parts) {
      std::vector<std::string> atoms = left;
      atoms.insert(atoms.end(), right.begin(), right.end());
      std::sort(atoms.begin(), atoms.end());
      add(all, atoms, f * g);
    }
  return all;
}

/// n where it is n times the other, which is not 0; n is not.
std::optional<std::int64_t> multiple_of(const Linear& term, const Linear& other) {
  if (term.parts.empty() || term.parts.size() != other.parts.size()) return std::nullopt;
  const std::int64_t times = term.parts.begin()->second / other.parts.begin()->second;
  return times != 0 && scaled_sum(term, other, -times).parts.empty() ? std::optional(times) : std::nullopt;
}

}  // namespace

std::optional<std::int64_t> Linear::constant() const {
  if (parts.empty()) return 0;
  return parts.size() == 1 && parts.begin()->first.empty() ? std::optional(parts.begin()->second) : std::nullopt;
}

Linear operator-(const Linear& a, const Linear& b) { return scaled_sum(a, b, -1); }

Linear linear(const Term& term) {
  switch (term.kind) {
    case Term::Kind::integer: {
      std::int64_t value = 0;
      std::from_chars(term.text.data(), term.text.data() + term.text.size(), value);
      Linear constant;
      add(constant, {}, value);
      return constant;
    }
    case Term::Kind::convert:
      if (!is_real(term.type) && !is_real(term.terms[0].type) && size_of(term.type) >= size_of(term.terms[0].type))
        return linear(term.terms[0]);
      break;
    case Term::Kind::unary:
      if (term.text == "-") return Linear{} - linear(term.terms[0]);
      break;
    case Term::Kind::binary:
      if (is_real(term.type)) break;
      if (term.text == "+") return scaled_sum(linear(term.terms[0]), linear(term.terms[1]), 1);
      if (term.text == "-") return linear(term.terms[0]) - linear(term.terms[1]);
      if (term.text == "*") return product(linear(term.terms[0]), linear(term.terms[1]));
      break;
    default:
      break;
  }
  return Linear{{{{loop::c_text(term)}, 1}}};
}

std::optional<Linear> coefficient_of(const Linear& term, const std::string& variable) {
  Linear all;
  for (const auto& [atoms, f] : term.parts) {
    std::vector<std::string> others;
    for (const std::string& atom : atoms) {
      if (atom == variable) continue;
      // An atom that is more than a name may hold the variable anywhere.
      const bool name = std::ranges::all_of(atom, is_word);
      if (!name && atom.find(variable) != atom.npos) return std::nullopt;
      others.push_back(atom);
    }
    if (atoms.size() - others.size() > 1) return std::nullopt;
    if (others.size() < atoms.size()) add(all, others, f);
  }
  return all;
}

std::optional<std::int64_t> factor_of(const Linear& term, const std::string& variable) {
  const auto coefficient = coefficient_of(term, variable);
  return coefficient ? coefficient->constant() : std::nullopt;
}

bool never_zero(const Linear& term, const std::vector<Term>& conditions) {
  if (const auto number = term.constant()) return *number != 0;
  std::vector<std::string> names;  // above 0
  for (const Term& condition : conditions) {
    if (condition.kind != Term::Kind::binary || condition.text != ">" || loop::evaluate(condition.terms[1], {}) != 0) continue;
    const Linear above = linear(condition.terms[0]);
    if (multiple_of(term, above) || multiple_of(above, term)) return true;
    if (condition.terms[0].kind == Term::Kind::scalar) names.push_back(condition.terms[0].text);
  }
  return term.parts.size() == 1 && std::ranges::all_of(term.parts.begin()->first, [&](const std::string& atom) {
           return std::ranges::find(names, atom) != names.end();
         });
}

Apart apart(const Term& read, const Term& write, const std::string& variable, std::int64_t step,
            const std::vector<Term>& conditions) {
  if (read.terms.size() != 1 || write.terms.size() != 1) return {};
  const Linear r = linear(read.terms[0]), w = linear(write.terms[0]), difference = r - w;
  const auto rf = coefficient_of(r, variable), wf = coefficient_of(w, variable);
  if (!rf || !wf || *rf != *wf) return {};
  const Linear per_iteration = scaled_sum({}, *rf, step);
  if (per_iteration.parts.empty()) {
    const auto number = difference.constant();
    return !number || *number == 0 ? Apart{} : Apart{Apart::Kind::never};
  }
  if (const auto moved = per_iteration.constant()) {
    const auto number = difference.constant();
    if (!number) return {};
    if (*number % *moved != 0) return {Apart::Kind::never};
    return {Apart::Kind::iterations, *number / *moved};
  }
  if (!never_zero(per_iteration, conditions)) return {};
  if (difference.parts.empty()) return {Apart::Kind::iterations, 0};
  const auto iterations = multiple_of(difference, per_iteration);
  return iterations ? Apart{Apart::Kind::iterations, *iterations} : Apart{};
}

}  // namespace ak::port
