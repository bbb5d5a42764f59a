#include "port/templates/linear.hpp"

#include <algorithm>
#include <charconv>

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

std::optional<std::int64_t> factor_of(const Linear& term, const std::string& variable) {
  std::int64_t factor = 0;
  for (const auto& [atoms, f] : term.parts)
    for (const std::string& atom : atoms) {
      const bool is_name = atom == variable;
      // An atom that is more than a name may hold the variable anywhere.
      if (!is_name && atom.find_first_of("([ ") == atom.npos) continue;
      if (!is_name) {
        if (atom.find(variable) != atom.npos) return std::nullopt;
        continue;
      }
      if (atoms.size() != 1) return std::nullopt;
      factor += f;
    }
  return factor;
}

Apart apart(const Term& read, const Term& write, const std::string& variable, std::int64_t step) {
  if (read.terms.size() != 1 || write.terms.size() != 1) return {};
  const Linear r = linear(read.terms[0]), w = linear(write.terms[0]);
  const auto rf = factor_of(r, variable), wf = factor_of(w, variable);
  const auto difference = (r - w).constant();
  if (!rf || !wf || *rf != *wf || !difference) return {};
  const std::int64_t per_iteration = *rf * step;
  if (per_iteration == 0) return *difference == 0 ? Apart{} : Apart{Apart::Kind::never};
  if (*difference % per_iteration != 0) return {Apart::Kind::never};
  return {Apart::Kind::iterations, *difference / per_iteration};
}

}  // namespace ak::port
