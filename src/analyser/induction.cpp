#include "analyser/induction.hpp"

#include <algorithm>
#include <optional>

#include "analyser/integer_sum.hpp"
#include "analyser/liveness.hpp"
#include "analyser/ranges.hpp"

namespace ak::analyser {
namespace {

using loop::ScalarType;
using loop::Term;
using Kind = Statement::Kind;

Term plus(const Term& a, const Term& b) { return collected(loop::binary("+", a, b)); }
Term minus(const Term& a, const Term& b) { return collected(loop::binary("-", a, b)); }
Term times(const Term& a, const Term& b) {
  if (constant(a) == 0 || constant(b) == 0) return loop::integer(0, a.type);
  return collected(loop::binary("*", a, b));
}

/// What name = name + something adds.
std::optional<Term> added(const Statement& statement, const std::string& name) {
  if (statement.kind != Kind::assign || statement.target.kind != Term::Kind::scalar || statement.target.text != name)
    return std::nullopt;
  const Term& value = statement.value;
  if (value.kind != Term::Kind::binary || (value.text != "+" && value.text != "-")) return std::nullopt;
  if (is_real(value.type)) {
    if (value.terms[0] == statement.target && !loop::mentions(value.terms[1], name))
      return value.text == "+" ? value.terms[1] : loop::unary("-", value.terms[1]);
    if (value.text == "+" && value.terms[1] == statement.target && !loop::mentions(value.terms[0], name)) return value.terms[0];
    return std::nullopt;
  }
  const auto parts = linear_in(value, name);
  if (!parts || constant(parts->first) != 1) return std::nullopt;
  return collected(parts->second);
}

bool writes(StatementList list, const std::string& name) { return written_in(list).contains(name); }

class Inductions {
 public:
  explicit Inductions(Draft& draft) : draft_(draft) {
    for (const loop::Local& local : draft.function.locals)
      if (local.extents.empty()) locals_[local.name] = local.type;
  }

  void all(Statements& list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      path_.push_back({&list, i});
      const bool counted = list[i].counted();
      if (counted) around_.push_back({list[i].variable, list[i].begin, list[i].end, list[i].step});
      all(list[i].body);
      if (counted) around_.pop_back();
      all(list[i].otherwise);
      path_.pop_back();
      if (counted) i += in_loop(list, i);
    }
  }

 private:
  /// How many statements were added behind the loop.
  std::size_t in_loop(Statements& list, std::size_t at) {
    std::size_t added = 0;
    for (bool found = true; found;) {
      found = false;
      for (const std::string& name : written_in(list[at].body)) {
        if (!locals_.contains(name)) continue;
        if (const auto now = replaced(list, at, name)) {
          added += *now;
          found = true;
          break;  // another may stand on this one's closed form
        }
      }
    }
    return added;
  }

  std::optional<std::size_t> replaced(Statements& list, std::size_t at, const std::string& name) {
    Statement& loop = list[at];
    const ScalarType type = locals_.at(name);
    changing_ = written_in(loop.body);
    const std::optional<Term> step = moved(loop.body, name, zero(type));
    if (!step || !mentions_only_fixed(*step, loop.variable) || (!is_real(type) && constant(*step) == 0)) return std::nullopt;
    const bool linear_step = loop::mentions(*step, loop.variable);
    if (is_real(type) && (linear_step || !used_beside_its_step(loop.body, name))) return std::nullopt;
    if (!used_beside_its_step(loop.body, name) && is_real(type)) return std::nullopt;
    path_.push_back({&list, at});
    const bool live = live_after(path_, name);
    path_.pop_back();
    if (live && leaves_early(loop)) return std::nullopt;
    // The closed form is computed of the loop's bounds, in its body and behind it.
    if (may_change(loop.begin, loop.body, draft_.function) || (live && may_change(loop.end, loop.body, draft_.function)))
      return std::nullopt;

    const Term counter = loop::scalar(loop.variable, loop.variable_type);
    const auto before = sum(*step, loop, iterations(loop, counter), type);
    const Range range{loop.variable, loop.begin, loop.end, loop.step};
    const auto total = live ? sum(*step, loop, trips(loop), type) : std::optional(zero(type));
    if (!before || !total) return std::nullopt;
    const Term old = loop::scalar(name, type);
    around_.push_back(range);
    rewrite(loop.body, name, old, *before, zero(type));
    around_.pop_back();
    loop::Note note;
    note.kind = loop::Note::Kind::induction;
    note.name = draft_.written[name];
    note.loop = loop.loop;
    draft_.notes.push_back(std::move(note));
    if (!live) return 0;
    const int line = loop.line;
    list.insert(list.begin() + static_cast<std::ptrdiff_t>(at) + 1, assign(old, cast(type, plus(old, *total)), line));
    return 1;
  }

  static Term zero(ScalarType type) { return cast(type, loop::integer(0)); }

  bool mentions_only_fixed(const Term& term, const std::string& counter) const {
    bool fixed = true;
    loop::for_each(term, [&](const Term& part) {
      if (part.kind == Term::Kind::element) fixed = false;
      if (part.kind == Term::Kind::scalar && part.text != counter && changing_.contains(part.text)) fixed = false;
    });
    return fixed;
  }

  /// By how much the list moves it, whatever way is taken; nothing where that is not one term.
  std::optional<Term> moved(const Statements& list, const std::string& name, Term by) const {
    for (const Statement& statement : list) {
      if (!writes(only(statement), name)) continue;
      if (statement.kind == Kind::branch) {
        auto yes = moved(statement.body, name, by), no = moved(statement.otherwise, name, by);
        if (!yes || !no || *yes != *no) return std::nullopt;
        by = std::move(*yes);
      } else if (const auto more = added(statement, name)) {
        by = is_real(by.type) && by == zero(by.type) ? *more : plus(by, *more);
      } else {
        return std::nullopt;
      }
    }
    return by;
  }

  static bool used_beside_its_step(const Statements& list, const std::string& name) {
    bool used = false;
    for_each_statement(list, [&](const Statement& statement) {
      Statement alone = statement;
      alone.body.clear(), alone.otherwise.clear();
      if (!added(statement, name)) used = used || reads(only(alone), name);
    });
    return used;
  }

  static bool leaves_early(const Statement& loop) {
    std::set<int> inner;
    bool found = false;
    for_each_statement(loop.body, [&](const Statement& statement) {
      if (statement.kind == Kind::loop) inner.insert(statement.loop);
    });
    for_each_statement(loop.body, [&](const Statement& statement) {
      found = found || (statement.kind == Kind::leave && !inner.contains(statement.loop));
    });
    return found;
  }

  /// Of the iteration in which the counter has this value.
  static Term iterations(const Statement& loop, const Term& counter) {
    const Term span = loop.step > 0 ? minus(counter, loop.begin) : minus(loop.begin, counter);
    const std::int64_t size = loop.step > 0 ? loop.step : -loop.step;
    return loop::binary("/", span, loop::integer(size));
  }

  Term trips(const Statement& loop) const {
    const bool up = loop.step > 0;
    const std::int64_t size = up ? loop.step : -loop.step;
    const Term span = up ? minus(loop.end, loop.begin) : minus(loop.begin, loop.end);
    const Term all = loop::binary("/", plus(span, loop::integer(size - 1)), loop::integer(size));
    if (never_negative(span, around_)) return all;
    const Term runs = loop::binary(up ? "<" : ">", loop.begin, loop.end);
    return choice(runs, all, loop::integer(0, all.type));
  }

  /// Of `count` steps: with a step a * counter + b, a constant a.
  static std::optional<Term> sum(const Term& step, const Statement& loop, const Term& count, ScalarType type) {
    if (is_real(type)) {
      if (constant(count) == 0) return zero(type);
      return loop::binary("*", cast(type, count), step);
    }
    // (counter - begin) / 2 * 2
    const auto whole = constant(step);
    if (whole && count.kind == Term::Kind::binary && count.text == "/" && constant(count.terms[1]) != 0 &&
        *whole % *constant(count.terms[1]) == 0 && exact_division(count, loop))
      return times(count.terms[0], loop::integer(*whole / *constant(count.terms[1])));
    if (!loop::mentions(step, loop.variable)) return times(count, step);
    const auto parts = linear_in(step, loop.variable);
    const auto a = parts ? constant(parts->first) : std::nullopt;
    if (!a) return std::nullopt;
    // The product may be twice the sum.
    const Term first = plus(times(parts->first, loop.begin), collected(parts->second));
    const Term wide = cast(ScalarType::i64, count);
    const Term pairs =
        loop::binary("/", loop::binary("*", wide, minus(wide, loop::integer(1, ScalarType::i64))), loop::integer(2));
    return loop::binary("+", times(wide, cast(ScalarType::i64, first)), times(pairs, loop::integer(*a * loop.step)));
  }

  /// Whether it counts the iterations before one, which are whole.
  static bool exact_division(const Term& count, const Statement& loop) { return loop::mentions(count, loop.variable); }

  Term value_at(const Term& old, const Term& before, const Term& by) const {
    Term now = old;
    if (!is_real(old.type)) return known_to_run(plus(plus(now, before), by), around_);
    if (before != zero(old.type)) now = loop::binary("+", now, before);
    if (by != zero(old.type)) now = loop::binary("+", now, by);
    return now;
  }

  /// Reads become the closed form, and what moved it goes.
  Term rewrite(Statements& list, const std::string& name, const Term& old, const Term& before, Term by) {
    Statements made;
    for (Statement& statement : list) {
      if (const auto more = added(statement, name)) {
        by = is_real(by.type) && by == zero(by.type) ? *more : plus(by, *more);
        continue;
      }
      if (statement.kind == Kind::branch || statement.kind == Kind::loop) {
        Statements alone(1);
        alone[0] = statement;
        alone[0].body.clear(), alone[0].otherwise.clear();
        replace_scalar(alone, name, value_at(old, before, by));
        if (statement.counted()) around_.push_back({statement.variable, alone[0].begin, alone[0].end, statement.step});
        const Term after = rewrite(statement.body, name, old, before, by);
        rewrite(statement.otherwise, name, old, before, by);
        if (statement.counted()) around_.pop_back();
        alone[0].body = std::move(statement.body);
        alone[0].otherwise = std::move(statement.otherwise);
        by = after;
        made.push_back(std::move(alone[0]));
        continue;
      }
      Statements alone;
      alone.push_back(std::move(statement));
      replace_scalar(alone, name, cast(old.type, value_at(old, before, by)));
      made.push_back(std::move(alone[0]));
    }
    list = std::move(made);
    return by;
  }

  Draft& draft_;
  std::map<std::string, ScalarType> locals_;
  std::set<std::string> changing_;
  Path path_;
  std::vector<Range> around_;
};

}  // namespace

void replace_inductions(Draft& draft) { Inductions(draft).all(draft.body); }

}  // namespace ak::analyser
