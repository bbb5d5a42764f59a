#include "analyser/modules/reaches.hpp"

#include <algorithm>
#include <map>

#include "analyser/counters.hpp"
#include "analyser/integer_sum.hpp"
#include "analyser/modules/call_sets.hpp"
#include "analyser/modules/isl_terms.hpp"

namespace ak::analyser::flow {

using loop::Term;

namespace {

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
bool is_together(const std::string& name) { return name.find('*') != name.npos; }

/// In that part of the statement's domain.
std::optional<Counts> counts_of(const loop::Function& function, const Statement& statement, const isl::set& domain) {
  if (!is_box(domain, statement.depth())) return std::nullopt;
  const auto as_sum = [&](const std::optional<isl::pw_aff>& end) {
    const auto term = end ? as_term(function, *end) : std::nullopt;
    return term ? sum_of(*term, function, statement.scope, {}) : std::nullopt;
  };
  Counts all;
  for (int level = 0; level < statement.depth(); ++level) {
    const loop::Node& loop = *statement.loops[level];
    const auto begin = sum_of(loop.begin, function, statement.scope, all.variables);
    const std::string name = count_name(loop.variable);
    if (const auto step = counted_step(loop.end); step && step->kind == Term::Kind::scalar && begin && begin->empty()) {
      const Term& runs = loop.end.terms[0];
      const auto span = sum_of(loop::binary("-", runs.terms[1], runs.terms[0]), function, statement.scope, {});
      if (!span) return std::nullopt;
      all.variables[loop.variable] = {{{name}, 1}};
      all.steps[name] = step->text;
      all.most[together(name, step->text)] = plus(*span, {{{}, -1}});
      continue;
    }
    const auto first = as_sum(least(domain, static_cast<unsigned>(level)));
    const auto last = as_sum(greatest(domain, static_cast<unsigned>(level)));
    if (!begin || !first || !last) return std::nullopt;
    all.variables[loop.variable] = plus(plus(*begin, *first, loop.step), {{{name}, loop.step}});
    all.most[name] = plus(*last, *first, -1);
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

Polynomial negated(const Polynomial& of) { return plus({}, of, -1); }

/// What is added in calls of which it holds, and nothing in others.
struct Part {
  Polynomial value;
  isl::set calls;
  bool operator==(const Part& other) const { return value == other.value && calls.is_equal(other.calls); }
};

/// What follows the element that an access reaches at most, in calls in which it runs.
struct Reach {
  isl::set calls, valid;  // of all calls, those that keep to their arrays
  Polynomial base;
  std::vector<Part> parts;  // none of which is below 0
  bool certain = false;     // it reaches that whatever the data are

  bool is_never_negative(const Polynomial& of, const isl::set& where) const {
    return never_negative(of, where.intersect(valid));
  }
  bool is_never_negative(const Polynomial& of) const { return is_never_negative(of, calls); }
  bool is_zero(const Polynomial& of, const isl::set& where) const {
    return is_never_negative(of, where) && is_never_negative(negated(of), where);
  }

  void add(Polynomial value, const isl::set& where) {
    if (is_zero(value, calls.subtract(where)))
      base = plus(std::move(base), value);
    else
      parts.push_back({std::move(value), where});
  }

  /// Nothing where it is one or the other.
  std::optional<Polynomial> sum(const isl::set& where) const {
    Polynomial all = base;
    for (const Part& part : parts) {
      if (where.is_subset(part.calls))
        all = plus(std::move(all), part.value);
      else if (!where.is_disjoint(part.calls))
        return std::nullopt;
    }
    return all;
  }

  bool covers(const Reach& other) const {
    if (!other.calls.intersect(valid).is_subset(calls)) return false;
    std::vector<Part> mine = parts;
    for (const Part& part : other.parts) {
      const auto same = std::ranges::find(mine, part);
      if (same == mine.end()) return false;
      mine.erase(same);
    }
    Polynomial rest = plus(base, other.base, -1);
    for (const Part& part : mine)
      if (other.calls.is_subset(part.calls)) rest = plus(std::move(rest), part.value);
    return is_never_negative(rest, other.calls);
  }

  /// `others`: which it is beside.
  Length length(const loop::Function& function, const std::vector<Reach>& others) const {
    Term all = as_term(function, base);
    bool exact = certain;
    for (const Part& part : parts) {
      const InCalls one = in_calls(function, part.calls, as_term(function, part.value),
                                   [&](const isl::set& where) { return is_zero(part.value, where.intersect(calls)); });
      all = loop::binary("+", all, one.term);
      exact = exact && one.exact;
    }
    const InCalls whole = in_calls(function, calls, all, [&](const isl::set& any) {
      const isl::set where = any.intersect(valid);
      const auto own = sum(where);
      if (!own) return where.is_empty();
      return never_negative(negated(*own), where) || std::ranges::any_of(others, [&](const Reach& other) {
               const auto its = where.is_subset(other.calls) ? other.sum(where) : std::nullopt;
               return its && never_negative(plus(*its, *own, -1), where);
             });
    });
    return {whole.term, exact && whole.exact};
  }
};

/// `of` as first + name * second.
std::pair<Polynomial, Polynomial> parted_by(const Polynomial& of, const std::string& name) {
  std::pair<Polynomial, Polynomial> parts;
  for (const auto& [monomial, factor] : of) {
    Monomial without = monomial;
    const auto at = std::ranges::find(without, name);
    if (at != without.end()) without.erase(at);
    (without.size() < monomial.size() ? parts.second : parts.first)[without] = factor;
  }
  return parts;
}

bool mentions(const Polynomial& of, const auto& is_one) {
  return std::ranges::any_of(of, [&](const auto& part) { return std::ranges::any_of(part.first, is_one); });
}

/// A subscript by the counts of the loops around it; `counted`: a counter that is part of it, once, and is left out.
struct Subscript {
  Polynomial at;
  Meanings most;  // of the counts

  bool is_count(const std::string& name) const { return most.contains(name); }
  Polynomial first() const {
    Meanings none;
    for (const auto& [count, last] : most) none[count] = {};
    return with(at, none);
  }
};

std::optional<Subscript> subscript_of(const loop::Function& function, const Statement& statement, const isl::set& domain,
                                      const Term& value, const std::string& counted = {}) {
  const Polynomial counter{{{count_name(counted)}, 1}};
  Counts counts;
  if (!counted.empty()) counts.variables[counted] = counter;
  auto all = sum_of(value, function, statement.scope, counts.variables);
  if (!all) {
    auto found = counts_of(function, statement, domain);
    if (!found) return std::nullopt;
    counts = *std::move(found);
    if (!counted.empty()) counts.variables[counted] = counter;
    all = sum_of(value, function, statement.scope, counts.variables);
  }
  if (all && !counted.empty()) all = plus(*std::move(all), counter, -1);
  for (const auto& [count, step] : counts.steps) all = all ? with_steps(*all, count, step) : std::nullopt;
  if (!all || (!counted.empty() && mentions(*all, [&](const auto& name) { return name == count_name(counted); })))
    return std::nullopt;
  return Subscript{*std::move(all), std::move(counts.most)};
}

/// The greatest value of what rises or falls with each loop around the statement: y * w + x with y < h and x < w is (h - 1) * w
/// + w - 1.
std::optional<Reach> most_of(const loop::Function& function, const Statement& statement, const isl::set& domain,
                             const isl::set& valid, const Subscript& subscript) {
  Reach reach{calls_of(statement, domain), valid, {}, {}, false};
  Polynomial all = subscript.at;
  for (const auto& [count, most] : subscript.most) {
    auto [rest, factor] = parted_by(all, count);
    if (factor.empty()) continue;
    const bool turns =
        mentions(factor, [&](const auto& name) { return name == count; }) &&
        std::ranges::any_of(factor, [&](const auto& one) { return (one.second > 0) != (factor.begin()->second > 0); });
    if (turns) return std::nullopt;
    const bool alone = !mentions(factor, [&](const auto& name) { return subscript.is_count(name); });
    if (reach.is_never_negative(factor) || (alone && reach.is_never_negative(product(factor, most)))) {
      all = plus(std::move(rest), product(with(factor, {{count, most}}), most));
    } else if (reach.is_never_negative(negated(factor))) {
      all = std::move(rest);
    } else {
      const auto sign = alone ? affine(as_term(function, factor), statement.scope) : std::nullopt;
      if (!sign) return std::nullopt;
      reach.add(product(factor, most), sign->ge_set(constant(statement.scope.space, 0)).params());
      all = std::move(rest);
    }
  }
  reach.base = plus(reach.base, all);
  return reach;
}

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

/// Whether no iteration runs both: they stand on two sides of a branch.
bool exclude(const Statement& a, const Statement& b) {
  return a.loops == b.loops && std::ranges::any_of(a.guards, [&](const Guard& one) {
           return one.kind == Guard::Kind::branch && std::ranges::any_of(b.guards, [&](const Guard& other) {
                    return other.kind == one.kind && other.node == one.node && other.side != one.side;
                  });
         });
}

/// Counts of which an iteration makes one at most, together; each with all the others that run as often.
std::vector<std::vector<const Statement*>> exclusive_counts(const std::vector<const Statement*>& counts) {
  std::vector<std::vector<const Statement*>> all;
  for (const Statement* count : counts) {
    const auto same = std::ranges::find_if(all, [&](const auto& some) {
      return std::ranges::all_of(some, [&](const Statement* other) {
        return exclude(*count, *other) && comes_with(*count, *other) && comes_with(*other, *count);
      });
    });
    if (same == all.end())
      all.push_back({count});
    else
      same->push_back(count);
  }
  return all;
}

/// Of a subscript that counts under conditions (y[k++]): what a counter reaches that counts every time, in loops before too.
std::optional<Reach> counted_reach(const loop::Function& function, const Model& model, const Statement& statement,
                                   const isl::set& domain, const isl::set& valid, const Term& subscript) {
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
  const auto besides = subscript_of(function, statement, domain, subscript, name);
  auto reach = besides ? most_of(function, statement, domain, valid, *besides) : std::nullopt;
  if (!begin || !reach) return std::nullopt;
  reach->base = plus(plus(reach->base, *begin), {{{}, 1}});
  for (const std::vector<const Statement*>& some : exclusive_counts(counts)) {
    std::int64_t step = 0;
    bool last_too =
        false;  // in the last iteration of all one counts where it stands before the statement, or in loops of its own
    for (const Statement* count : some) {
      if (*step_of(*count) < 0) return std::nullopt;
      step = std::max(step, *step_of(*count));
      last_too = last_too || !comes_with(*count, statement) || (count->index < statement.index && !exclude(*count, statement));
    }
    const Statement& first = *some.front();
    const auto runs = counts_of(function, first, first.domain);
    if (!runs || !runs->steps.empty()) return std::nullopt;
    Polynomial times{{{}, step}};
    for (const auto& [loop, last] : runs->most) times = product(times, plus(last, {{{}, 1}}));
    if (!last_too) reach->base = plus(reach->base, {{{}, -step}});
    reach->add(std::move(times), calls_of(first, first.domain));
  }
  return reach;
}

std::optional<Reach> reach_of(const loop::Function& function, const Model& model, const Statement& statement,
                              const isl::set& valid, const Reference& reference) {
  const Term& term = reference.term.terms[0];
  const auto subscript = subscript_of(function, statement, reference.domain, term);
  auto reach = subscript ? most_of(function, statement, reference.domain, valid, *subscript) : std::nullopt;
  if (!reach) return counted_reach(function, model, statement, reference.domain, valid, term);
  reach->base = plus(reach->base, {{{}, 1}});
  // A loop that steps by a parameter may end before its end, one whose iterations isl has with divisions too.
  const bool steps = std::ranges::any_of(subscript->most, [](const auto& one) { return is_together(one.first); });
  const isl::set without = isl::manage(isl_set_remove_divs(reference.domain.copy()));
  reach->certain =
      reference.certain && !steps && without.is_subset(reference.domain) && reach->calls.is_subset(reference.domain.params());
  return reach;
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

isl::set calls_of(const Statement& statement, const isl::set& domain) {
  isl_set* calls = domain.params().release();
  for (const loop::Node* loop : statement.loops)
    if (const auto step = counted_step(loop->end); step && step->kind == Term::Kind::scalar)
      if (const int at = isl_set_find_dim_by_name(calls, isl_dim_param, step->text.c_str()); at >= 0)
        calls = isl_set_eliminate(calls, isl_dim_param, static_cast<unsigned>(at), 1);
  return isl::manage(calls);
}

isl::set valid_calls(const Model& model, const loop::Function& function) {
  isl::set valid;
  constexpr int kMost = 8;
  for (const Statement& statement : model.statements) {
    if (valid.is_null()) valid = isl::set::universe(statement.domain.params().space());
    for (const Reference& reference : statement.references) {
      if (!reference.certain || reference.term.kind != Term::Kind::element || reference.term.terms.size() != 1) continue;
      const auto subscript = subscript_of(function, statement, reference.domain, reference.term.terms[0]);
      if (!subscript) continue;
      const isl::pw_aff zero = constant(statement.scope.space, 0);
      const auto value = [&](const Polynomial& of) { return affine(as_term(function, of), statement.scope); };
      const isl::set calls = reference.domain.params();  // no more than those in which it runs
      isl::set outside = isl::set::empty(calls.space());
      const Polynomial first = subscript->first();
      if (const auto begin = value(first)) outside = outside.unite(calls.intersect(begin->lt_set(zero).params()));
      if (never_negative(negated(first), calls))
        for (const auto& [count, most] : subscript->most) {
          if (is_together(count)) continue;  // above 0 by what may be one long step
          const Polynomial factor = parted_by(subscript->at, count).second;
          if (mentions(factor, [&](const auto& name) { return subscript->is_count(name); }) ||
              mentions(most, [](const auto& name) { return name.starts_with('#'); }))
            continue;
          const auto moves = value(factor), last = value(most);
          if (moves && last)
            outside = outside.unite(calls.intersect(moves->lt_set(zero).intersect(last->gt_set(zero)).params()));
        }
      const isl::set next = valid.subtract(outside).coalesce();
      if (next.n_basic_set() <= kMost) valid = next;
    }
  }
  return valid;
}

std::optional<Length> product_length(const Model& model, const loop::Function& function, const isl::set& valid,
                                     const std::string& array) {
  std::vector<Reach> reaches;
  for (const Statement& statement : model.statements)
    for (const Reference& reference : statement.references) {
      if (reference.term.kind != Term::Kind::element || reference.term.text != array) continue;
      const auto one = reach_of(function, model, statement, valid, reference);
      if (!one) return std::nullopt;
      reaches.push_back(*one);
    }
  std::ranges::stable_partition(reaches, &Reach::certain);
  std::vector<Reach> longest;  // none of which covers another
  for (const Reach& one : reaches) {
    if (std::ranges::any_of(longest, [&](const Reach& other) { return other.covers(one); })) continue;
    std::erase_if(longest, [&](const Reach& other) { return one.covers(other); });
    longest.push_back(one);
  }
  constexpr std::size_t kMost = 4;
  if (longest.empty() || longest.size() > kMost) return std::nullopt;
  Length length = longest[0].length(function, longest);
  for (std::size_t i = 1; i < longest.size(); ++i) {
    const auto [other, certain] = longest[i].length(function, longest);
    Term& all = length.elements;
    all = Term{Term::Kind::choose, loop::binary("+", all, other).type, {}, {loop::binary("<", all, other), other, all}};
    length.certain = length.certain && certain;
  }
  return length;
}

}  // namespace ak::analyser::flow
