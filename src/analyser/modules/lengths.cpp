// Lengths that the text leaves open: the largest subscript says what a pointer must have.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analyser/counters.hpp"
#include "analyser/integer_sum.hpp"
#include "analyser/modules/modules.hpp"
#include "analyser/polynomial.hpp"

namespace ak::analyser::flow {

namespace {

using loop::Term;

std::optional<std::int64_t> taken(isl_val* val) {
  const isl::val owned = isl::manage(val);
  return number(owned);
}

/// What isl's parameter of that name stands for, over integer parameters: one of them, or an expression that stands for itself.
std::optional<Term> named(const loop::Function& function, const std::string& name) {
  if (const loop::Parameter* parameter = loop::find_parameter(function, name))
    return loop::scalar(parameter->name, parameter->type);
  std::optional<Term> found;
  loop::for_each_node(function.body, [&](const loop::Node& node) {
    for (const Term* whole : {&node.begin, &node.end, &node.condition, &node.value, &node.target})
      loop::for_each(*whole, [&](const Term& part) {
        if (!found && part.kind == Term::Kind::binary && c_text(part) == name) found = part;
      });
  });
  bool parameters = true;
  if (found)
    loop::for_each(*found, [&](const Term& part) {
      parameters = parameters && (part.kind != Term::Kind::scalar || loop::find_parameter(function, part.text));
    });
  if (found)  // which a call may not be able to compute
    loop::for_each(*found, [&](const Term& part) {
      parameters = parameters && (part.kind != Term::Kind::binary || (part.text != "/" && part.text != "%") ||
                                  loop::evaluate(part.terms[1], {}).value_or(0) != 0);
    });
  return parameters ? found : std::nullopt;
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
    const auto value = named(function, isl_aff_get_dim_name(aff.get(), isl_dim_param, i));
    if (!value) return std::nullopt;
    const Term part = loop::binary("*", loop::integer(*factor, value->type), *value);
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

std::optional<Polynomial> sum_of(const Term& term, const loop::Function& function, const Scope& scope,
                                 const Meanings& variables) {
  return polynomial(term, [&](const Term& part) -> std::optional<Polynomial> {
    if (part.kind != Term::Kind::scalar) return std::nullopt;
    if (const auto found = variables.find(part.text); found != variables.end()) return found->second;
    const loop::Parameter* parameter = loop::find_parameter(function, part.text);
    if (!parameter || parameter->pointer || scope.written->contains(part.text)) return std::nullopt;
    return Polynomial{{{part.text}, 1}};
  });
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

/// Of the values that loops around a statement give to it: what each loop's variable is, and how often the loop may run on.
struct Counts {
  Meanings variables, most;
  std::map<std::string, std::string> steps;  // of a count whose loop steps by a parameter, that: both together have a `most`
};

std::string together(const std::string& count, const std::string& step) { return count + "*" + step; }

/// Of the loops from `first` on.
std::optional<Counts> counts_of(const loop::Function& function, const Statement& statement, int first = 0) {
  if (!is_box(statement.domain, statement.depth())) return std::nullopt;
  Counts all;
  for (int level = first; level < statement.depth(); ++level) {
    const loop::Node& loop = *statement.loops[level];
    const auto begin = sum_of(loop.begin, function, statement.scope, all.variables);
    const std::string name = "#" + loop.variable;
    if (const auto step = counted_step(loop.end); step && step->kind == Term::Kind::scalar && begin && begin->empty()) {
      const Term& runs = loop.end.terms[0];
      const auto span = sum_of(loop::binary("-", runs.terms[1], runs.terms[0]), function, statement.scope, {});
      if (!span) return std::nullopt;
      all.variables[loop.variable] = {{{name}, 1}};
      all.steps[name] = step->text;
      all.most[together(name, step->text)] = plus(*span, {{{}, -1}});
      continue;
    }
    const auto last = greatest(statement.domain, static_cast<unsigned>(level));
    const auto term = last ? as_term(function, *last) : std::nullopt;
    const auto count = term ? sum_of(*term, function, statement.scope, {}) : std::nullopt;
    if (!begin || !count) return std::nullopt;
    all.variables[loop.variable] = plus(*begin, {{{name}, loop.step}});
    all.most[name] = *count;
  }
  return all;
}

/// With count and step as one name; nothing where the count stands without it.
std::optional<Polynomial> with_steps(const Polynomial& of, const std::string& count, const std::string& step) {
  Polynomial all;
  for (const auto& [names, factor] : of) {
    Monomial monomial = names;
    if (std::ranges::find(monomial, count) != monomial.end()) {
      for (const std::string& name : {count, step}) {
        const auto at = std::ranges::find(monomial, name);
        if (at == monomial.end()) return std::nullopt;
        monomial.erase(at);
      }
      if (std::ranges::find(monomial, count) != monomial.end()) return std::nullopt;
      monomial.push_back(together(count, step));
      std::ranges::sort(monomial);
    }
    all = plus(std::move(all), {{monomial, factor}});
  }
  return all;
}

/// The greatest value of a subscript that rises or falls with each loop, plus one: y * w + x with y < h and x < w is h * w.
std::optional<Polynomial> product_reach(const loop::Function& function, const Statement& statement, const Term& subscript) {
  auto counts = counts_of(function, statement);
  auto all = counts ? sum_of(subscript, function, statement.scope, counts->variables) : std::nullopt;
  for (const auto& [count, step] : counts ? counts->steps : std::map<std::string, std::string>{})
    all = all ? with_steps(*all, count, step) : std::nullopt;
  if (!all) return std::nullopt;
  Meanings& most = counts->most;
  // Of a loop along which it falls the first iteration has the greatest.
  std::map<std::string, bool> falls;
  for (const auto& [monomial, factor] : *all)
    for (const std::string& name : monomial)
      if (most.contains(name) && falls.emplace(name, factor < 0).first->second != (factor < 0)) return std::nullopt;
  for (const auto& [name, down] : falls)
    if (down) most[name] = {};
  return plus(with(*all, most), {{{}, 1}});
}

/// Of a subscript that counts under conditions (y[k++]): what a counter reaches that counts every time, plus one.
std::optional<Polynomial> counted_reach(const loop::Function& function, const Model& model, const Statement& statement,
                                        const Term& subscript) {
  for (const auto& [name, counter] : find_counters(model, statement.loops.empty() ? 0 : statement.loops.front()->id)) {
    const auto offset = offset_from(subscript, name);
    if (!offset || counter.step < 0 || counter.starts.size() != 1) continue;
    const Statement& start = model.statements[counter.starts.front()];
    if (start.depth() > 0 || !start.branches.empty()) return std::nullopt;
    auto reach = sum_of(start.node->value, function, start.scope, {});
    if (!reach) return std::nullopt;
    for (const int count : counter.counts) {
      const Statement& one = model.statements[count];
      const auto counts = count > counter.starts.front() ? counts_of(function, one) : std::nullopt;
      if (!counts || !counts->steps.empty()) return std::nullopt;
      Polynomial times{{{}, 1}};
      for (const auto& [loop, last] : counts->most) times = product(times, plus(last, {{{}, 1}}));
      // In the last iteration of all it counts too where it stands before the statement, or in loops of its own.
      if (one.loops == statement.loops && count > statement.index) times = plus(times, {{{}, -1}});
      reach = plus(std::move(*reach), times, step_of(one).value());
    }
    return plus(std::move(*reach), {{{}, *offset + 1}});
  }
  return std::nullopt;
}

Term as_term(const loop::Function& function, const Polynomial& of) {
  return flow::as_term(of,
                       [&](const std::string& name) { return loop::scalar(name, loop::find_parameter(function, name)->type); });
}

/// From subscripts that isl does not have: products of parameters and loops' variables, and what counts.
std::optional<Term> product_length(const Model& model, const loop::Function& function, const std::string& array) {
  std::vector<Polynomial> reaches;
  for (const Statement& statement : model.statements)
    for (const Reference& reference : statement.references) {
      if (reference.term.kind != Term::Kind::element || reference.term.text != array) continue;
      auto one = product_reach(function, statement, reference.term.terms[0]);
      if (!one) one = counted_reach(function, model, statement, reference.term.terms[0]);
      if (!one) return std::nullopt;
      reaches.push_back(*one);
    }
  for (const Polynomial& one : reaches)
    if (std::ranges::all_of(reaches, [&](const Polynomial& other) { return never_negative(plus(one, other, -1)); }))
      return as_term(function, one);
  return std::nullopt;
}

/// Of a flat array of rows whose accesses are all known: what follows the last one in the last row.
std::optional<Term> rows_length(const Model& model, const loop::Function& function, const std::string& array) {
  const auto widths = model.widths.find(array);
  if (widths == model.widths.end()) return std::nullopt;
  isl::set all;
  for (const Statement& statement : model.statements)
    for (const Reference& reference : statement.references) {
      if (reference.name != array) continue;
      if (!reference.in_rows) return std::nullopt;
      const isl::set one = isl::manage(isl_set_remove_divs(isl_map_range(reference.in_rows->copy())));
      all = all.is_null() ? one : all.unite(one);
    }
  const auto dimensions = static_cast<int>(widths->second.size()) + 1;
  for (int i = 0; i < dimensions; ++i)
    if (isl_set_dim_has_upper_bound(all.get(), isl_dim_set, static_cast<unsigned>(i)) != isl_bool_true) return std::nullopt;
  const isl::pw_multi_aff last = all.coalesce().lexmax_pw_multi_aff();
  std::optional<Term> length;
  for (int i = 0; i < dimensions; ++i) {
    const auto at = as_term(function, of_sizes(isl::manage(isl_pw_multi_aff_get_pw_aff(last.get(), i))));
    if (!at) return std::nullopt;
    length = i == 0 ? *at : loop::binary("+", loop::binary("*", *length, widths->second[dimensions - 1 - i]), *at);
  }
  length = loop::binary("+", *length, loop::integer(1));
  const auto sum = sum_of(*length, function, model.statements.front().scope, {});
  return sum ? as_term(function, *sum) : *length;
}

bool is_open(const loop::Parameter& parameter) {
  return parameter.pointer && !parameter.length_known && !parameter.extents.empty();
}

}  // namespace

void set_given_lengths(const Facts& facts, loop::Function& function) {
  for (loop::Parameter& parameter : function.parameters) {
    const auto given = facts.lengths.find(parameter.name);
    if (!is_open(parameter) || given == facts.lengths.end()) continue;
    parameter.extents[0] = given->second;
    parameter.length_known = true;
  }
}

std::string unknown_length(const loop::Function& function) {
  std::string names, options, example;
  for (const loop::Parameter& parameter : function.parameters) {
    if (!parameter.pointer && !parameter.implicit && !is_real(parameter.type))
      example += (example.empty() ? "" : "*") + parameter.name;
  }
  if (example.empty()) example = "1000";
  for (const loop::Parameter& parameter : function.parameters)
    if (is_open(parameter)) {
      names += (names.empty() ? "" : ", ") + parameter.name;
      options += fmt::format(" --length {}={}", parameter.name, example);
    }
  if (names.empty()) return {};
  return fmt::format("the length of {} cannot be known: write it into the parameter's text, or give it, for example{}", names,
                     options);
}

std::string set_lengths(const Model& model, loop::Function& function) {
  for (loop::Parameter& parameter : function.parameters) {
    if (!is_open(parameter)) continue;
    auto length = affine_length(model, function, parameter.name);
    if (!length) length = product_length(model, function, parameter.name);
    if (!length) length = rows_length(model, function, parameter.name);
    if (!length) continue;
    parameter.extents[0] = *length;
    parameter.length_known = true;
  }
  return unknown_length(function);
}

}  // namespace ak::analyser::flow
