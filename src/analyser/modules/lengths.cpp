// Lengths that the text leaves open: the largest subscript says what a pointer must have.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

namespace {

using loop::Term;

std::optional<std::int64_t> taken(isl_val* val) {
  const isl::val owned = isl::manage(val);
  return number(owned);
}

/// An affine expression over integer parameters as a term; nothing where it has divisions.
std::optional<Term> as_term(const loop::Function& function, const isl::aff& aff) {
  if (isl_aff_dim(aff.get(), isl_dim_div) > 0) return std::nullopt;
  const auto base = taken(isl_aff_get_constant_val(aff.get()));
  if (!base) return std::nullopt;
  std::optional<Term> sum;
  const int parameters = static_cast<int>(isl_aff_dim(aff.get(), isl_dim_param));
  for (int i = 0; i < parameters; ++i) {
    const auto factor = taken(isl_aff_get_coefficient_val(aff.get(), isl_dim_param, i));
    if (!factor) return std::nullopt;
    if (*factor == 0) continue;
    const loop::Parameter* parameter = loop::find_parameter(function, isl_aff_get_dim_name(aff.get(), isl_dim_param, i));
    if (!parameter) return std::nullopt;
    const Term name = loop::scalar(parameter->name, parameter->type);
    const Term part = loop::binary("*", loop::integer(*factor, parameter->type), name);
    sum = sum ? loop::binary("+", *sum, part) : part;
  }
  if (!sum) return loop::integer(*base);
  return *base < 0 ? loop::binary("-", *sum, loop::integer(-*base)) : loop::binary("+", *sum, loop::integer(*base));
}

std::vector<isl::aff> pieces_of(const isl::pw_aff& value) {
  std::vector<isl::aff> affs;
  value.foreach_piece([&](const isl::set&, const isl::multi_aff& piece) {
    const isl::aff aff = isl::manage(isl_multi_aff_get_aff(piece.get(), 0));
    if (std::ranges::none_of(
            affs, [&](const isl::aff& one) { return isl_aff_plain_is_equal(one.get(), aff.get()) == isl_bool_true; }))
      affs.push_back(aff);
  });
  return affs;
}

/// The greatest value that the set's dimension has, for each of the parameters' values. Steps of loops are forgotten: of
/// `i < n; i += 2` it is n - 1.
std::optional<isl::pw_aff> greatest(const isl::set& set, unsigned dimension) {
  isl_set* plain = isl_set_remove_divs(set.copy());
  const bool bounded = isl_set_dim_has_upper_bound(plain, isl_dim_set, dimension) == isl_bool_true;
  isl_pw_aff* most = bounded ? isl_set_dim_max(plain, static_cast<int>(dimension)) : nullptr;
  if (!bounded) isl_set_free(plain);
  return most ? std::optional(isl::manage(most)) : std::nullopt;
}

/// The greatest value of the first subscript of an access over all instances, plus one.
std::optional<isl::pw_aff> reach(const Reference& reference) {
  if (!reference.exact) return std::nullopt;
  const auto most = greatest(isl::manage(isl_map_range(reference.map.copy())), 0);
  return most ? std::optional(most->add_constant(1L)) : std::nullopt;
}

/// The value as the greatest, or the smallest, of a few affine expressions.
std::optional<Term> as_term(const loop::Function& function, const isl::pw_aff& value) {
  constexpr std::size_t kMost = 4;
  for (const bool greatest : {true, false}) {
    const auto joined = [&](const std::vector<isl::aff>& affs) {
      isl_pw_aff* all = nullptr;
      for (const isl::aff& aff : affs) {
        isl_pw_aff* one = isl_pw_aff_from_aff(aff.copy());
        all = !all ? one : greatest ? isl_pw_aff_max(all, one) : isl_pw_aff_min(all, one);
      }
      return isl::manage(all);
    };
    std::vector<isl::aff> affs = pieces_of(value);
    if (affs.empty() || affs.size() > kMost || !joined(affs).ne_set(value).is_empty()) continue;
    for (std::size_t i = 0; i < affs.size() && affs.size() > 1;) {
      std::vector<isl::aff> fewer = affs;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      if (joined(fewer).ne_set(value).is_empty())
        affs = std::move(fewer);
      else
        ++i;
    }
    std::optional<Term> term;
    for (const isl::aff& aff : affs) {
      const auto one = as_term(function, aff);
      if (!one) return std::nullopt;
      const Term before = term.value_or(*one);
      const Term asked = loop::binary(greatest ? "<" : ">", before, *one);
      term = term ? Term{Term::Kind::choose, loop::binary("+", before, *one).type, {}, {asked, *one, before}} : *one;
    }
    return term;
  }
  return std::nullopt;
}

/// Where no parameter is negative: of a[i - k] with i < n the length is n.
isl::pw_aff of_sizes(const isl::pw_aff& value) {
  isl_set* sizes = isl_set_universe(isl_space_params(isl_pw_aff_get_domain_space(value.get())));
  const int parameters = static_cast<int>(isl_set_dim(sizes, isl_dim_param));
  for (int i = 0; i < parameters; ++i) sizes = isl_set_lower_bound_si(sizes, isl_dim_param, static_cast<unsigned>(i), 0);
  return isl::manage(isl_pw_aff_coalesce(isl_pw_aff_intersect_params(value.copy(), sizes)));
}

/// From subscripts that isl has exactly.
std::optional<Term> affine_length(const Model& model, const loop::Function& function, const std::string& array) {
  std::optional<isl::pw_aff> all;
  for (const Statement& statement : model.statements)
    for (const Reference& reference : statement.references) {
      if (reference.term.kind != Term::Kind::element || reference.term.text != array) continue;
      const auto one = reach(reference);
      if (!one) return std::nullopt;
      all = all ? isl::manage(isl_pw_aff_union_max(all->copy(), one->copy())) : *one;
    }
  return all ? as_term(function, of_sizes(*all)) : loop::integer(0);
}

/// Sums of products of integer parameters and of loops' counts.
using Monomial = std::vector<std::string>;  // ascending
using Polynomial = std::map<Monomial, std::int64_t>;
using Meanings = std::map<std::string, Polynomial>;  // of loops' variables, or of counts

Polynomial plus(Polynomial a, const Polynomial& b, std::int64_t times = 1) {
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

std::optional<Polynomial> polynomial(const Term& term, const loop::Function& function, const Scope& scope,
                                     const Meanings& variables) {
  const auto part = [&](int i) { return polynomial(term.terms[i], function, scope, variables); };
  if (is_real(term.type)) return std::nullopt;
  switch (term.kind) {
    case Term::Kind::integer: {
      const auto value = loop::evaluate(term, {});
      if (!value) return std::nullopt;
      return *value == 0 ? Polynomial{} : Polynomial{{{}, *value}};
    }
    case Term::Kind::scalar: {
      if (const auto found = variables.find(term.text); found != variables.end()) return found->second;
      const loop::Parameter* parameter = loop::find_parameter(function, term.text);
      if (!parameter || parameter->pointer || scope.written->contains(term.text)) return std::nullopt;
      return Polynomial{{{term.text}, 1}};
    }
    case Term::Kind::convert:
      return part(0);
    case Term::Kind::unary: {
      const auto a = part(0);
      return a && term.text == "-" ? std::optional(plus({}, *a, -1)) : std::nullopt;
    }
    case Term::Kind::binary: {
      const auto a = part(0), b = part(1);
      if (!a || !b) return std::nullopt;
      if (term.text == "+" || term.text == "-") return plus(*a, *b, term.text == "-" ? -1 : 1);
      return term.text == "*" ? std::optional(product(*a, *b)) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

/// Whether it is not negative where no parameter is below 1.
bool never_negative(const Polynomial& of) {
  Meanings from_one;
  for (const auto& [monomial, factor] : of)
    for (const std::string& name : monomial) from_one[name] = {{{}, 1}, {{name}, 1}};
  return std::ranges::all_of(with(of, from_one), [](const auto& one) { return one.second > 0; });
}

/// Where each loop runs as far for itself as its greatest count says.
bool is_box(const isl::set& domain, int depth) {
  isl_set* box = isl_set_universe(isl_set_get_space(domain.get()));
  for (int level = 0; level < depth; ++level) {
    isl_set* alone = isl_set_eliminate(domain.copy(), isl_dim_set, 0, static_cast<unsigned>(level));
    alone = isl_set_eliminate(alone, isl_dim_set, static_cast<unsigned>(level) + 1, static_cast<unsigned>(depth - level - 1));
    box = isl_set_intersect(box, alone);
  }
  return isl::manage(box).is_subset(domain);
}

/// The greatest value of a subscript that rises with every loop, plus one: y * w + x with y < h and x < w is h * w.
std::optional<Polynomial> product_reach(const loop::Function& function, const Statement& statement, const Term& subscript) {
  if (!is_box(statement.domain, statement.depth())) return std::nullopt;
  Meanings variables, most;
  for (int level = 0; level < statement.depth(); ++level) {
    const loop::Node& loop = *statement.loops[level];
    const auto begin = polynomial(loop.begin, function, statement.scope, variables);
    const auto last = greatest(statement.domain, static_cast<unsigned>(level));
    const auto term = last ? as_term(function, *last) : std::nullopt;
    const auto count = term ? polynomial(*term, function, statement.scope, {}) : std::nullopt;
    if (!begin || !count) return std::nullopt;
    const std::string name = "#" + loop.variable;
    variables[loop.variable] = plus(*begin, {{{name}, loop.step}});
    most[name] = *count;
  }
  const auto all = polynomial(subscript, function, statement.scope, variables);
  if (!all) return std::nullopt;
  for (const auto& [monomial, factor] : *all)
    if (factor < 0 && std::ranges::any_of(monomial, [&](const std::string& name) { return most.contains(name); }))
      return std::nullopt;
  return plus(with(*all, most), {{{}, 1}});
}

/// What several products have in common is a factor of their sum, (n - 1) * k + 1: who is a factor alone is a stride.
Term as_term(const loop::Function& function, const Polynomial& of) {
  std::map<std::string, int> counts;
  for (const auto& [monomial, factor] : of)
    for (const std::string& name : std::set<std::string>(monomial.begin(), monomial.end())) ++counts[name];
  const auto most = std::ranges::max_element(counts, {}, [](const auto& one) { return one.second; });
  const auto named = [&](const std::string& name) { return loop::scalar(name, loop::find_parameter(function, name)->type); };
  if (most != counts.end() && most->second > 1) {
    Polynomial inner, rest;
    for (const auto& [monomial, factor] : of) {
      Monomial without = monomial;
      const auto at = std::ranges::find(without, most->first);
      const bool has = at != without.end();
      if (has) without.erase(at);
      (has ? inner : rest)[without] = factor;
    }
    const Term product = loop::binary("*", as_term(function, inner), named(most->first));
    const auto constant = rest.size() == 1 && rest.begin()->first.empty() ? rest.begin()->second : 0;
    if (constant < 0) return loop::binary("-", product, loop::integer(-constant));
    return loop::binary("+", product, as_term(function, rest));
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

/// From subscripts with products of parameters and loops' variables, which isl does not have.
std::optional<Term> product_length(const Model& model, const loop::Function& function, const std::string& array) {
  std::vector<Polynomial> reaches;
  for (const Statement& statement : model.statements)
    for (const Reference& reference : statement.references) {
      if (reference.term.kind != Term::Kind::element || reference.term.text != array) continue;
      const auto one = product_reach(function, statement, reference.term.terms[0]);
      if (!one) return std::nullopt;
      reaches.push_back(*one);
    }
  for (const Polynomial& one : reaches)
    if (std::ranges::all_of(reaches, [&](const Polynomial& other) { return never_negative(plus(one, other, -1)); }))
      return as_term(function, one);
  return std::nullopt;
}

bool is_open(const loop::Parameter& parameter) {
  return parameter.pointer && !parameter.length_known && !parameter.extents.empty();
}

const std::vector<Term>* extents_of(const loop::Function& function, const std::string& name) {
  for (const loop::Parameter& parameter : function.parameters)
    if (parameter.name == name) return &parameter.extents;
  for (const loop::Local& local : function.locals)
    if (local.name == name) return &local.extents;
  return nullptr;
}

/// Whether every subscript but the first is known to be one of its dimension.
bool stays_in_its_row(const Statement& statement, const Term& element, const std::vector<Term>& extents) {
  for (std::size_t i = 1; i < extents.size(); ++i) {
    const auto at = affine(element.terms[i], statement.scope), end = affine(extents[i], statement.scope);
    if (!at || !end) return false;
    const isl::set outside = at->ge_set(*end).unite(at->lt_set(constant(statement.scope.space, 0)));
    if (!statement.domain.intersect(outside).is_empty()) return false;
  }
  return true;
}

bool is_in_one_row(const Term& element, const Term& other) {
  for (std::size_t i = 0; i + 1 < element.terms.size(); ++i)
    if (element.terms[i] != other.terms[i] || element.terms[i].kind != Term::Kind::integer) return false;
  return true;
}

}  // namespace

std::string left_row(const Model& model, const Facts& facts, const loop::Function& function) {
  for (const std::string& name : facts.walked) {
    const std::vector<Term>* extents = extents_of(function, name);
    const Term* first = nullptr;
    bool one_row = true, stays = true;
    for (const Statement& statement : model.statements)
      for (const Reference& reference : statement.references) {
        const Term& element = reference.term;
        if (!extents || element.kind != Term::Kind::element || element.text != name) continue;
        if (!first) first = &element;
        one_row = one_row && is_in_one_row(element, *first);
        stays = stays && stays_in_its_row(statement, element, *extents);
      }
    if (!one_row && !stays)
      return fmt::format("a pointer into a row of {0} may lead into another row, and {0} is used by rows too: give every "
                         "dimension its subscript",
                         name);
  }
  return {};
}

void set_given_lengths(const Facts& facts, loop::Function& function) {
  for (loop::Parameter& parameter : function.parameters) {
    const auto given = facts.lengths.find(parameter.name);
    if (!is_open(parameter) || given == facts.lengths.end()) continue;
    parameter.extents[0] = given->second;
    parameter.length_known = true;
  }
}

std::string unknown_length(const loop::Function& function) {
  std::string names, options;
  for (const loop::Parameter& parameter : function.parameters)
    if (is_open(parameter)) {
      names += (names.empty() ? "" : ", ") + parameter.name;
      options += fmt::format(" --length {}=...", parameter.name);
    }
  return names.empty() ? "" : fmt::format("the length of {} cannot be known: give{}", names, options);
}

std::string set_lengths(const Model& model, loop::Function& function) {
  for (loop::Parameter& parameter : function.parameters) {
    if (!is_open(parameter)) continue;
    auto length = affine_length(model, function, parameter.name);
    if (!length) length = product_length(model, function, parameter.name);
    if (!length) continue;
    parameter.extents[0] = *length;
    parameter.length_known = true;
  }
  return unknown_length(function);
}

namespace {

/// Parameters that the set says nothing of are gone from it.
isl::set of_its_own(isl::set set) {
  isl_set* raw = set.release();
  for (int i = static_cast<int>(isl_set_dim(raw, isl_dim_param)) - 1; i >= 0; --i)
    if (isl_set_involves_dims(raw, isl_dim_param, static_cast<unsigned>(i), 1) != isl_bool_true)
      raw = isl_set_project_out(raw, isl_dim_param, static_cast<unsigned>(i), 1);
  return isl::manage(raw);
}

/// Whether some element is outside whenever there is an instance, a few sizes aside: for a[2 * i] of a[n] those below 2.
bool leaves_whenever_it_runs(const isl::set& domain, const isl::set& outside) {
  if (outside.is_empty()) return false;
  const isl::set other = domain.params().subtract(outside.params());
  if (other.is_empty()) return true;
  isl_set* sizes = isl_set_from_params(of_its_own(other).release());
  const auto parameters = static_cast<unsigned>(isl_set_dim(sizes, isl_dim_param));
  sizes = isl_set_move_dims(sizes, isl_dim_set, 0, isl_dim_param, 0, parameters);
  const bool few = isl_set_is_bounded(sizes) == isl_bool_true;
  isl_set_free(sizes);
  return few;
}

}  // namespace

void find_out_of_extents(const Model& model, loop::Verdict& verdict) {
  for (const Statement& statement : model.statements) {
    if (!statement.guards.empty() || statement.joins) continue;  // data may keep it inside
    for (const Reference& reference : statement.references) {
      const loop::Parameter* array = loop::find_parameter(verdict.function, reference.term.text);
      if (!array || reference.term.kind != Term::Kind::element || array->extents.size() != reference.term.terms.size()) continue;
      for (std::size_t d = 0; d < array->extents.size(); ++d) {
        if (d == 0 && !array->length_known) continue;
        const Term& subscript = reference.term.terms[d];
        const auto at = affine(subscript, statement.scope), extent = affine(array->extents[d], statement.scope);
        if (!at || !extent) continue;
        const isl::set outside = at->ge_set(*extent).unite(at->lt_set(constant(statement.scope.space, 0)));
        if (!leaves_whenever_it_runs(statement.domain, statement.domain.intersect(outside))) continue;
        loop::Finding found{"out of extents", statement.node->id,
                            fmt::format("the subscript {} leaves the extent {} of {}", c_text(subscript),
                                        c_text(array->extents[d]), array->name),
                            false};
        if (std::find(verdict.findings.begin(), verdict.findings.end(), found) == verdict.findings.end())
          verdict.findings.push_back(std::move(found));
      }
    }
  }
}

}  // namespace ak::analyser::flow
