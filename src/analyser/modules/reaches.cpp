#include "analyser/modules/reaches.hpp"

#include <algorithm>
#include <map>

#include "analyser/counters.hpp"
#include "analyser/integer_sum.hpp"
#include "analyser/modules/isl_terms.hpp"

namespace ak::analyser::flow {

using loop::Term;

namespace {

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

/// The greatest value of what rises or falls with each loop around the statement: y * w + x with y < h and x < w is (h - 1) * w
/// + w - 1. `counted`: a counter that is part of it, once, and is left out.
std::optional<Polynomial> most_of(const loop::Function& function, const Statement& statement, const Term& value,
                                  const std::string& counted = {}) {
  const Polynomial counter{{{"#" + counted}, 1}};
  Counts counts;
  if (!counted.empty()) counts.variables[counted] = counter;
  auto all = sum_of(value, function, statement.scope, counts.variables);
  if (!all) {
    auto found = counts_of(function, statement);
    if (!found) return std::nullopt;
    counts = *std::move(found);
    if (!counted.empty()) counts.variables[counted] = counter;
    all = sum_of(value, function, statement.scope, counts.variables);
  }
  if (all && !counted.empty()) all = plus(*std::move(all), counter, -1);
  for (const auto& [count, step] : counts.steps) all = all ? with_steps(*all, count, step) : std::nullopt;
  if (!all) return std::nullopt;
  Meanings& most = counts.most;
  // Of a loop along which it falls the first iteration has the greatest.
  std::map<std::string, bool> falls;
  for (const auto& [monomial, factor] : *all)
    for (const std::string& name : monomial) {
      if (!counted.empty() && name == "#" + counted) return std::nullopt;
      if (most.contains(name) && falls.emplace(name, factor < 0).first->second != (factor < 0)) return std::nullopt;
    }
  for (const auto& [name, down] : falls)
    if (down) most[name] = {};
  return with(*all, most);
}

/// Whether it is a constant, and not negative.
bool is_no_less(const Polynomial& of) {
  return std::ranges::all_of(of, [](const auto& one) { return one.first.empty() && one.second > 0; });
}

/// What follows the element that an access reaches at most, if it runs: `base`, and what loops count, each as much as it can,
/// which is nothing where that is below 0.
struct Reach {
  Polynomial base;
  std::map<Polynomial, std::int64_t> counted;  // how often each
  bool counts = false;

  bool covers(const Reach& other) const {
    if (counted.empty() || other.counted == counted)
      return other.counted == counted && never_negative(plus(base, other.base, -1));
    const Polynomial rest = plus(base, other.base, -1);
    for (const auto& [count, times] : other.counted)
      if (const auto mine = counted.find(count); mine == counted.end() || mine->second < times) return false;
    // Where one of the others is as long as this counts, as a[i] for all i is.
    const auto is_as_long = [&](const auto& one) { return is_no_less(plus(rest, one.first)); };
    return is_no_less(rest) || (other.counted.empty() && std::ranges::any_of(counted, is_as_long));
  }

  Term term(const loop::Function& function) const {
    std::optional<Term> all;
    if (!base.empty() || counted.empty()) all = as_term(function, base);
    for (const auto& [count, times] : counted) {
      const Term most = as_term(function, count), none = loop::integer(0, most.type);
      const Term runs{Term::Kind::choose, most.type, {}, {loop::binary("<", none, most), most, none}};
      const Term part = loop::binary("*", loop::integer(times, most.type), runs);
      all = all ? loop::binary("+", *all, part) : part;
    }
    return *all;
  }
};

bool sets(const Statement& statement, const std::string& name) {
  return !statement.joins && statement.target() && statement.target()->term.kind == Term::Kind::scalar &&
         statement.target()->name == name;
}

bool below_same_root(const Statement& a, const Statement& b) {
  return !a.loops.empty() && !b.loops.empty() && a.loops.front() == b.loops.front();
}

/// Whether in each iteration that runs one statement the other may run too.
bool comes_with(const Statement& other, const Statement& one) {
  if (other.loops != one.loops) return false;
  const auto nameless = [](const Statement& of) { return isl::manage(isl_set_reset_tuple_id(of.domain.copy())); };
  return nameless(one).is_subset(nameless(other));
}

/// Of a subscript that counts under conditions (y[k++]): what a counter reaches that counts every time, in loops before too.
std::optional<Reach> counted_reach(const loop::Function& function, const Model& model, const Statement& statement,
                                   const Term& subscript) {
  std::string name;
  loop::for_each(subscript, [&](const Term& part) {
    if (part.kind == Term::Kind::scalar && model.is_scalar(part.text) && model.written->contains(part.text)) name = part.text;
  });
  if (name.empty()) return std::nullopt;
  std::vector<const Statement*> counts;
  const Statement* start = nullptr;  // behind which nothing that was counted before counts
  for (const Statement& one : model.statements) {
    if (!sets(one, name) || (one.index > statement.index && !below_same_root(one, statement))) continue;
    if (step_of(one)) {
      counts.push_back(&one);
    } else if (one.depth() == 0 && one.branches.empty() && one.index < statement.index) {
      start = &one;
      counts.clear();
    } else {
      return std::nullopt;
    }
  }
  const auto begin = start ? sum_of(start->node->value, function, start->scope, {}) : std::nullopt;
  const auto besides = most_of(function, statement, subscript, name);
  if (!begin || !besides) return std::nullopt;
  Reach reach{plus(plus(*begin, *besides), {{{}, 1}}), {}, true};
  bool own = true;
  for (const Statement* count : counts) {
    const std::int64_t step = *step_of(*count);
    const auto runs = counts_of(function, *count);
    if (step < 0 || !runs || !runs->steps.empty()) return std::nullopt;
    Polynomial times{{{}, 1}};
    for (const auto& [loop, last] : runs->most) times = product(times, plus(last, {{{}, 1}}));
    // In the last iteration of all it counts too where it stands before the statement, or in loops of its own.
    const bool beside = comes_with(*count, statement);
    if (beside && count->index > statement.index) reach.base = plus(reach.base, {{{}, -step}});
    if (runs->most.empty())
      reach.base = plus(reach.base, times, step);
    else
      reach.counted[times] += step;
    own = own && beside;
  }
  if (own && reach.counted.size() == 1) {  // which is above 0 where the access runs
    const auto [count, times] = *reach.counted.begin();
    reach = {plus(reach.base, count, times), {}, true};
  }
  return reach;
}

std::optional<Reach> reach_of(const loop::Function& function, const Model& model, const Statement& statement,
                              const Term& subscript) {
  if (const auto most = most_of(function, statement, subscript)) return Reach{plus(*most, {{{}, 1}}), {}, false};
  return counted_reach(function, model, statement, subscript);
}

}  // namespace

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

Term as_term(const loop::Function& function, const Polynomial& of) {
  return flow::as_term(of,
                       [&](const std::string& name) { return loop::scalar(name, loop::find_parameter(function, name)->type); });
}

std::optional<Term> product_length(const Model& model, const loop::Function& function, const std::string& array) {
  std::vector<Reach> reaches;
  for (const Statement& statement : model.statements)
    for (const Reference& reference : statement.references) {
      if (reference.term.kind != Term::Kind::element || reference.term.text != array) continue;
      const auto one = reach_of(function, model, statement, reference.term.terms[0]);
      if (!one) return std::nullopt;
      reaches.push_back(*one);
    }
  std::vector<Reach> longest;  // none of which covers another
  for (const Reach& one : reaches) {
    if (std::ranges::any_of(longest, [&](const Reach& other) { return other.covers(one); })) continue;
    std::erase_if(longest, [&](const Reach& other) { return one.covers(other); });
    longest.push_back(one);
  }
  constexpr std::size_t kMost = 4;
  const bool counts = std::ranges::any_of(reaches, &Reach::counts);
  if (longest.empty() || longest.size() > (counts ? kMost : 1)) return std::nullopt;
  Term length = longest[0].term(function);
  for (std::size_t i = 1; i < longest.size(); ++i) {
    const Term other = longest[i].term(function);
    length =
        Term{Term::Kind::choose, loop::binary("+", length, other).type, {}, {loop::binary("<", length, other), other, length}};
  }
  return length;
}

}  // namespace ak::analyser::flow
