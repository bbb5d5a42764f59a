#include "analyser/modules/call_sets.hpp"

#include <isl/constraint.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "analyser/modules/isl_terms.hpp"

namespace ak::analyser::flow {

using loop::Term;

namespace {

bool is_count_name(const std::string& name) { return name.starts_with('#'); }

std::optional<std::int64_t> bound_of(const isl::set& calls, const std::string& name, bool least) {
  if (is_count_name(name)) return least ? std::optional<std::int64_t>(0) : std::nullopt;
  const int at = isl_set_find_dim_by_name(calls.get(), isl_dim_param, name.c_str());
  if (at < 0) return std::nullopt;
  isl_set* values =
      isl_set_move_dims(isl_set_from_params(calls.copy()), isl_dim_set, 0, isl_dim_param, static_cast<unsigned>(at), 1);
  values = isl_set_project_out(values, isl_dim_param, 0, static_cast<unsigned>(isl_set_dim(values, isl_dim_param)));
  const isl::set all = isl::manage(isl_set_remove_divs(values));
  const auto has = least ? isl_set_dim_has_lower_bound : isl_set_dim_has_upper_bound;
  if (all.is_empty() || has(all.get(), isl_dim_set, 0) != isl_bool_true) return std::nullopt;
  const isl::pw_aff end = isl::manage(least ? isl_set_dim_min(all.copy(), 0) : isl_set_dim_max(all.copy(), 0));
  return number(least ? end.min_val() : end.max_val());
}

/// Where each name begins or ends at a number and no product makes it less.
bool by_its_products(const Polynomial& of, const isl::set& calls) {
  Meanings beside;
  for (const auto& [monomial, factor] : of)
    for (const std::string& name : monomial) {
      if (beside.contains(name)) continue;
      const auto least = bound_of(calls, name, true), most = bound_of(calls, name, false);
      if (!least && !most) return false;
      const std::int64_t factor_of_it = least && most && *least == *most ? 0 : least ? 1 : -1;
      beside[name] = plus(plus({}, {{{name}, 1}}, factor_of_it), {{{}, 1}}, least.value_or(most.value_or(0)));
      std::erase_if(beside[name], [](const auto& one) { return one.second == 0; });
    }
  return std::ranges::all_of(with(of, beside), [](const auto& one) { return one.second > 0; });
}

bool as_affine(const Polynomial& of, const isl::set& calls) {
  const isl::space space = calls.space();
  isl::pw_aff sum = constant(space, 0);
  isl::set where = calls;
  for (const auto& [monomial, factor] : of) {
    if (monomial.size() > 1) return false;
    if (monomial.empty()) {
      sum = sum.add(constant(space, factor));
      continue;
    }
    const isl::pw_aff value = parameter(space, monomial.front());
    sum = sum.add(value.scale(static_cast<long>(factor)));
    if (is_count_name(monomial.front())) where = where.intersect(value.ge_set(constant(space, 0)));
  }
  return where.intersect(sum.lt_set(constant(space, 0))).is_empty();
}

std::vector<isl::basic_set> parts_of(const isl::set& calls) {
  std::vector<isl::basic_set> parts;
  calls.foreach_basic_set([&](const isl::basic_set& part) { parts.push_back(part); });
  return parts;
}

/// A set's constraint, as an expression that is 0 or not negative.
struct Constraint {
  isl::aff value;
  bool equal = false;
  isl::set calls;  // in which it holds
};

std::vector<Constraint> constraints_of(const isl::basic_set& part) {
  std::vector<Constraint> all;
  const auto take = [](isl_constraint* one, void* user) {
    static_cast<std::vector<Constraint>*>(user)->push_back({isl::manage(isl_constraint_get_aff(one)),
                                                            isl_constraint_is_equality(one) == isl_bool_true,
                                                            isl::set(isl::manage(isl_basic_set_from_constraint(one)))});
    return isl_stat_ok;
  };
  const isl::basic_set least = isl::manage(isl_basic_set_remove_redundancies(part.copy()));
  isl_basic_set_foreach_constraint(least.get(), take, &all);
  return all;
}

/// As `left < right`; nothing where it has values that parameters cannot say.
std::optional<Term> condition_term(const loop::Function& function, const Constraint& constraint) {
  std::optional<Term> sides[2];  // what is taken away, what is added
  const auto add = [&](int side, const Term& part) {
    sides[side] = sides[side] ? loop::binary("+", *sides[side], part) : part;
  };
  const auto base = number(isl::manage(isl_aff_get_constant_val(constraint.value.get())));
  if (!base || isl_aff_dim(constraint.value.get(), isl_dim_div) > 0) return std::nullopt;
  const int parameters = static_cast<int>(isl_aff_dim(constraint.value.get(), isl_dim_param));
  for (int i = 0; i < parameters; ++i) {
    const auto factor = number(isl::manage(isl_aff_get_coefficient_val(constraint.value.get(), isl_dim_param, i)));
    if (!factor) return std::nullopt;
    if (*factor == 0) continue;
    const auto value =
        parameter_term(function, isl_aff_get_dim_name(constraint.value.get(), isl_dim_param, static_cast<unsigned>(i)));
    if (!value) return std::nullopt;
    add(*factor > 0, loop::binary("*", loop::integer(std::abs(*factor), value->type), *value));
  }
  const bool strict = !constraint.equal && *base < 0;
  if (const std::int64_t rest = *base + strict; rest != 0) add(rest > 0, loop::integer(std::abs(rest)));
  const Term none = loop::integer(0);
  return loop::binary(constraint.equal ? "==" : strict ? "<" : "<=", sides[0].value_or(none), sides[1].value_or(none));
}

/// What tells calls in which all constraints hold; nothing where that is all of them. `exact`: of no others.
std::optional<Term> all_of(const loop::Function& function, const std::vector<Constraint>& constraints, bool& exact) {
  std::optional<Term> all;
  for (const Constraint& constraint : constraints) {
    const auto one = condition_term(function, constraint);
    exact = exact && one;
    if (one) all = all ? loop::binary("&&", *all, *one) : *one;
  }
  return all;
}

}  // namespace

bool never_negative(const Polynomial& of, const isl::set& calls) {
  if (of.empty()) return true;
  return std::ranges::all_of(parts_of(calls), [&](const isl::basic_set& part) {
    return by_its_products(of, isl::set(part)) || as_affine(of, isl::set(part));
  });
}

InCalls in_calls(const loop::Function& function, const isl::set& calls, const Term& value, const IsNothing& is_nothing) {
  const isl::set known = isl::manage(isl_set_remove_divs(calls.copy())).coalesce();
  const isl::set any = isl::set::universe(known.space());
  const Term none = loop::integer(0, value.type);
  if (known.is_empty()) return {none};
  bool exact = known.is_subset(calls);
  if (is_nothing(any.subtract(known))) return {value, exact};
  const isl::basic_set hull = isl::manage(isl_set_simple_hull(known.copy()));
  std::optional<Term> condition;
  constexpr std::size_t kMost = 4;
  if (const auto parts = parts_of(known); parts.size() <= kMost && !isl::set(hull).is_subset(known)) {
    for (const isl::basic_set& part : parts) {
      const auto one = all_of(function, constraints_of(part), exact);
      if (!one) return {value, false};
      condition = condition ? loop::binary("||", *condition, *one) : *one;
    }
  } else {
    exact = exact && isl::set(hull).is_subset(known);
    std::vector<Constraint> constraints = constraints_of(hull);
    for (std::size_t i = 0; i < constraints.size();) {
      isl::set rest = any;
      for (std::size_t j = 0; j < constraints.size(); ++j)
        if (j != i) rest = rest.intersect(constraints[j].calls);
      if (is_nothing(rest.subtract(known)))
        constraints.erase(constraints.begin() + static_cast<std::ptrdiff_t>(i));
      else
        ++i;
    }
    condition = all_of(function, constraints, exact);
  }
  return {condition ? Term{Term::Kind::choose, value.type, {}, {*condition, value, none}} : value, exact};
}

}  // namespace ak::analyser::flow
