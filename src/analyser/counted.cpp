#include "analyser/counted.hpp"

#include <fmt/format.h>

#include <optional>

#include "analyser/liveness.hpp"
#include "analyser/loop_test.hpp"
#include "analyser/refused.hpp"

namespace ak::analyser {
namespace {

using loop::ScalarType;
using loop::Term;
using Kind = Statement::Kind;

/// How a loop counts.
struct Count {
  std::string variable;
  ScalarType type = ScalarType::i32;
  LoopTest test;
  std::size_t which = 0;  // of the test's terms
  Term begin, bound, step;
  std::optional<std::int64_t> constant_step;
  bool down = false;
  bool meets = false;              // while the variable is not the bound
  std::vector<Term> offsets;       // of the variable before each statement of the body
  std::optional<std::size_t> set;  // the assignment before the loop that `begin` stands for
};

class Counting {
 public:
  Counting(Draft& draft, const loop::Values& known) : draft_(draft), known_(known) {}

  void all(Statements& list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      path_.push_back({&list, i});
      all(list[i].body);
      all(list[i].otherwise);
      path_.pop_back();
      if (list[i].kind == Kind::loop && !list[i].counted()) i = count(list, i);
    }
  }

 private:
  /// Counts the loop at list[at]; where it then stands.
  std::size_t count(Statements& list, std::size_t at) {
    Statement& loop = list[at];
    const std::set<std::string> written = written_in(loop.body);
    for (std::size_t i = 0; i < loop.body.size(); ++i) {
      const auto test = test_at(loop, i);
      for (std::size_t k = 0; test && k < test->holds.size(); ++k) {
        auto comparison = compared(test->holds[k], written);
        if (!comparison) comparison = meeting(list, at, test->holds[k], written);
        if (!comparison || (!test->last && !only_steps_before(loop.body, i, comparison->variable))) continue;
        if (const auto now = count_by(list, at, *test, k, *comparison, written)) return *now;
      }
    }
    throw Refused(fmt::format(
        "line {}: a loop without a countable end: give it a counter that moves by a fixed step towards a bound", loop.line));
  }

  static bool only_steps_before(const Statements& body, std::size_t at, const std::string& variable) {
    for (std::size_t i = 0; i < at; ++i)
      if (!step_of(body[i], variable)) return false;
    return true;
  }

  /// i < j where both move: i < its begin + half of the way.
  std::optional<Comparison> meeting(const Statements& list, std::size_t at, Term test,
                                    const std::set<std::string>& written) const {
    if (test.kind != Term::Kind::binary) return std::nullopt;
    Term left = test.terms[0], right = test.terms[1];
    std::string op = test.text;
    if (op[0] == '>') std::swap(left, right), op = turned(op);
    if ((op != "<" && op != "<=") || left.kind != Term::Kind::scalar || right.kind != Term::Kind::scalar) return std::nullopt;
    const auto rises = only_step(list[at].body, left.text), falls = only_step(list[at].body, right.text);
    const auto from = last_set(list, at, left.text), to = last_set(list, at, right.text);
    for (const auto& set : {from, to})
      if (set && may_change(list[*set].value, list[at].body, draft_.function)) return std::nullopt;
    if (rises != 1 || !falls || *falls >= 1 || !to || mentions_any(list[*to].value, written)) return std::nullopt;
    if (from && mentions_any(list[*from].value, written)) return std::nullopt;
    const Term begin = from ? list[*from].value : left;
    const std::int64_t closer = 1 - *falls;
    const Term way = loop::binary("-", list[*to].value, begin);
    const Term trips = loop::binary("/", plus(way, closer - (op == "<" ? 1 : 0)), loop::integer(closer));
    return Comparison{left.text, "<", loop::binary("+", begin, trips), 1};
  }

  /// Of the one step that every iteration makes.
  static std::optional<std::int64_t> only_step(const Statements& body, const std::string& variable) {
    std::optional<std::int64_t> step;
    for (const Statement& statement : body) {
      if (!written_in(only(statement)).contains(variable)) continue;
      const auto by = step_of(statement, variable);
      if (step || !by || !constant(*by)) return std::nullopt;
      step = constant(*by);
    }
    return step;
  }

  std::optional<std::size_t> count_by(Statements& list, std::size_t at, const LoopTest& test, std::size_t which,
                                      const Comparison& comparison, const std::set<std::string>& written) {
    Statement& loop = list[at];
    const std::string& v = comparison.variable;
    // All that changes v are steps in every iteration.
    Term step = loop::integer(0);
    std::vector<Term> offsets;  // of v before each statement of the body
    int inner_writes = 0, steps = 0;
    for (const Statement& statement : loop.body) {
      offsets.push_back(step);
      if (const auto by = step_of(statement, v)) {
        if (mentions_any(*by, written) || may_change(*by, loop.body, draft_.function)) return std::nullopt;
        step = loop::binary("+", step, *by);
        ++steps;
      }
    }
    for_each_statement(loop.body, [&](const Statement& statement) {
      if (statement.kind == Kind::assign && statement.target.kind == Term::Kind::scalar && statement.target.text == v)
        ++inner_writes;
    });
    if (steps == 0 || inner_writes != steps) return std::nullopt;
    std::optional<std::int64_t> constant_step = constant(step);
    if (!constant_step) constant_step = given_value(step);
    if (constant_step == 0 || (!constant_step && test.last && comparison.op == "!=")) return std::nullopt;
    if (!constant_step && (leaves_from(loop.body, loop.loop, test.at) || returns(loop.body)))
      throw Refused(
          fmt::format("line {}: the loop steps by {}, whose sign is not known, and may be left in another way too: "
                      "give the step's value",
                      loop.line, c_text(step)));
    const ScalarType type = type_of(v);
    // In units of v before the body: v + offset op bound.
    Term offset = offsets[test.at];
    if (test.last) offset = loop::binary("-", offset, step);
    if (comparison.factor != 1 && constant(offset) != 0) return std::nullopt;
    Term bound = loop::binary("-", comparison.bound, offset);
    // Of an unknown step the sign is the bound's.
    const bool taken_off = comparison.op == "!=" && step.kind == Term::Kind::unary && step.text == "-";
    const bool down = constant_step ? *constant_step < 0 : comparison.op[0] == '>' || taken_off;
    std::string op = comparison.op == "!=" ? (down ? ">" : "<") : comparison.op;
    if (down != (op[0] == '>')) return std::nullopt;
    if (op == "<=") bound = loop::binary("+", bound, loop::integer(1));
    if (op == ">=") bound = loop::binary("-", bound, loop::integer(1));

    // Where it begins.
    Term begin = loop::scalar(v, type);
    std::optional<std::size_t> set = last_set(list, at, v);
    if (set && !mentions_any(list[*set].value, written))
      begin = list[*set].value;
    else
      set.reset();
    // What the loop's end, or what stands behind it, is computed of must be what it was before.
    path_.push_back({&list, at});
    const bool again = !constant_step || test.last || comparison.factor != 1 || live_after(path_, v);
    path_.pop_back();
    if (again && may_change(bound, loop.body, draft_.function)) return std::nullopt;
    if (may_change(begin, loop.body, draft_.function)) begin = loop::scalar(v, type), set.reset();
    if (comparison.factor != 1) {
      if (down || constant(begin).value_or(-1) < 0) return std::nullopt;
      bound =
          loop::binary("/", loop::binary("+", bound, loop::integer(comparison.factor - 1)), loop::integer(comparison.factor));
    }
    if (test.last) {
      // It runs once before it asks.
      const Term first = loop::binary(down ? "-" : "+", begin, loop::integer(1));
      const Term asked = loop::binary(down ? ">" : "<", first, bound);
      bound = choice(asked, bound, first);
    }
    return rewrite(list, at,
                   {v, type, test, which, begin, bound, step, constant_step, down, comparison.op == "!=", offsets, set});
  }

  std::size_t rewrite(Statements& list, std::size_t at, const Count& count) {
    path_.push_back({&list, at});
    const bool live = live_after(path_, count.variable);
    path_.pop_back();
    Statement& loop = list[at];
    const std::string base = draft_.written[count.variable];
    const Term old = loop::scalar(count.variable, count.type);
    loop.variable = draft_.unique(base);
    loop.name = base;
    loop.variable_type = count.type;
    const Term counter = loop::scalar(loop.variable, count.type);
    Term begin = count.begin, final;  // of the old variable, behind the loop
    const bool leaves_early = live && leaves_from(loop.body, loop.loop, count.test.at);
    std::optional<Statement> kept;
    if (leaves_early && loop::mentions(begin, count.variable)) {
      const Term first = draft_.local(base + "_begin", count.type);
      kept = assign(first, begin, loop.line);
      begin = first;
    }
    Term now = counter;  // the old variable where an iteration begins
    if (count.constant_step) {
      const std::int64_t shift = common_offset(loop.body, count);
      loop.step = *count.constant_step;
      loop.begin = plus(begin, shift);
      loop.end = plus(count.bound, shift);
      now = plus(counter, -shift);
      final = last_value(begin, count.bound, loop.step);
    } else {
      // Nothing is known of the step but its sign: iterations are counted.
      const Term step = count.down ? opposite(count.step) : count.step;
      const Term &from = count.down ? count.bound : begin, &to = count.down ? begin : count.bound;
      const Term span = loop::binary("-", to, from);
      // One that ends where it meets its bound goes there, either way. What is added to a span may leave its type.
      const Term times = count.meets ? loop::binary("/", span, step)
                                     : loop::binary("+", loop::binary("/", loop::binary("-", span, loop::integer(1)), step),
                                                    loop::integer(1));
      const Term trips = choice(loop::binary(count.meets ? "!=" : "<", from, to), times, loop::integer(0));
      loop.begin = loop::integer(0);
      loop.end = trips;
      now = loop::binary(count.down ? "-" : "+", begin, loop::binary("*", counter, step));
      final = loop::binary(count.down ? "-" : "+", begin, loop::binary("*", trips, step));
    }
    if (!count.test.last) final = loop::binary("+", final, count.offsets[count.test.at]);

    Statements body;
    for (std::size_t i = 0; i < loop.body.size(); ++i) {
      Statement& statement = loop.body[i];
      if (step_of(statement, count.variable)) continue;
      Statements piece;
      if (i == count.test.at) {
        for (std::size_t k = 0; k < count.test.holds.size(); ++k)
          if (k != count.which)
            piece.push_back(branch(negated(count.test.holds[k]), {leave(loop.loop, statement.line)}, {}, statement.line));
      } else {
        piece.push_back(std::move(statement));
      }
      const Term here = cast(count.type, loop::binary("+", now, count.offsets[i]));
      replace_scalar(piece, count.variable, here);
      if (live) set_before_leaves(piece, old, here);
      for (Statement& one : piece) body.push_back(std::move(one));
    }
    loop.body = std::move(body);

    // A way out further in says its own value, so the loop's own end comes first then.
    Statement after = assign(old, cast(count.type, final), loop.line);
    std::size_t where = at + 1;
    if (leaves_early) {
      list.insert(list.begin() + static_cast<std::ptrdiff_t>(at), std::move(after));
      if (kept) list.insert(list.begin() + static_cast<std::ptrdiff_t>(at), std::move(*kept));
      where = at + (kept ? 2 : 1);
    } else if (live) {
      list.insert(list.begin() + static_cast<std::ptrdiff_t>(where), std::move(after));
    } else {
      where = at;
    }
    if (count.set) {
      list.erase(list.begin() + static_cast<std::ptrdiff_t>(*count.set));
      --where;
    }
    return where;
  }

  static Term opposite(const Term& term) {
    return term.kind == Term::Kind::unary && term.text == "-" ? term.terms[0] : loop::unary("-", term);
  }

  static Term plus(const Term& term, std::int64_t by) {
    return loop::binary(by < 0 ? "-" : "+", term, loop::integer(by < 0 ? -by : by));
  }

  /// By how much the counter may be moved so that all that reads it finds its own value; 0 when they differ.
  static std::int64_t common_offset(const Statements& body, const Count& count) {
    std::optional<std::int64_t> common;
    for (std::size_t i = 0; i < body.size(); ++i) {
      if (step_of(body[i], count.variable) || (i == count.test.at && count.test.holds.size() == 1)) continue;
      if (!reads(only(body[i]), count.variable)) continue;
      const auto offset = constant(count.offsets[i]);
      if (!offset || (common && common != offset)) return 0;
      common = offset;
    }
    return common.value_or(0);
  }

  static Term last_value(const Term& begin, const Term& end, std::int64_t step) {
    const bool down = step < 0;
    const Term runs = loop::binary(down ? ">" : "<", begin, end);
    Term last = end;
    if (step != 1 && step != -1) {
      const std::int64_t size = down ? -step : step;
      const Term span = down ? loop::binary("-", begin, end) : loop::binary("-", end, begin);
      const Term trips = loop::binary("/", plus(span, size - 1), loop::integer(size));
      last = loop::binary(down ? "-" : "+", begin, loop::binary("*", trips, loop::integer(size)));
    }
    return choice(runs, last, begin);
  }

  /// Whether something other than its test leaves the loop (or one around it).
  static bool leaves_from(const Statements& body, int loop, std::size_t test) {
    std::set<int> inner;
    for_each_statement(body, [&](const Statement& statement) {
      if (statement.kind == Kind::loop) inner.insert(statement.loop);
    });
    bool found = false;
    for (std::size_t i = 0; i < body.size(); ++i) {
      if (i == test && leaves_only(body[i], loop)) {
        std::vector<Term> all;
        conjuncts(body[i].body.empty() ? body[i].condition : negated(body[i].condition), all);
        found = found || all.size() > 1;
        continue;
      }
      for_each_statement(only(body[i]), [&](const Statement& statement) {
        found = found || (statement.kind == Kind::leave && !inner.contains(statement.loop));
      });
    }
    return found;
  }

  static bool returns(const Statements& body) {
    bool found = false;
    for_each_statement(body, [&](const Statement& statement) { found = found || statement.kind == Kind::finish; });
    return found;
  }

  static bool leaves_only(const Statement& statement, int loop) {
    return leaves(statement.body, loop) || leaves(statement.otherwise, loop);
  }

  static void set_before_leaves(Statements& list, const Term& variable, const Term& value) {
    std::set<int> inner;
    for_each_statement(list, [&](const Statement& statement) {
      if (statement.kind == Kind::loop) inner.insert(statement.loop);
    });
    const auto walk = [&](auto& self, Statements& statements) -> void {
      for (std::size_t i = 0; i < statements.size(); ++i) {
        self(self, statements[i].body);
        self(self, statements[i].otherwise);
        if (statements[i].kind != Kind::leave || inner.contains(statements[i].loop)) continue;
        statements.insert(statements.begin() + static_cast<std::ptrdiff_t>(i), assign(variable, value, statements[i].line));
        ++i;
      }
    };
    walk(walk, list);
  }

  /// The assignment before list[at] that gives the variable what it still has there.
  std::optional<std::size_t> last_set(const Statements& list, std::size_t at, const std::string& variable) const {
    std::set<std::string> between;
    for (std::size_t i = at; i-- > 0;) {
      const Statement& statement = list[i];
      if (statement.kind == Kind::assign && statement.target.kind == Term::Kind::scalar && statement.target.text == variable) {
        const bool another = mentions_any(statement.value, between) || loop::mentions(statement.value, variable) ||
                             may_change(statement.value, StatementList(list).subspan(i + 1, at - i - 1), draft_.function);
        return another ? std::nullopt : std::optional(i);
      }
      const std::set<std::string> written = written_in(only(statement));
      if (written.contains(variable) || reads(only(statement), variable)) return std::nullopt;
      if (statement.kind == Kind::label || statement.kind == Kind::jump) return std::nullopt;
      between.insert(written.begin(), written.end());
    }
    return std::nullopt;
  }

  ScalarType type_of(const std::string& name) const {
    for (const loop::Local& local : draft_.function.locals)
      if (local.name == name) return local.type;
    return ScalarType::i32;
  }

  /// Of a step that is made of parameters whose values are given.
  std::optional<std::int64_t> given_value(const Term& step) {
    const auto value = loop::evaluate(step, known_);
    if (value)
      loop::for_each(step, [&](const Term& part) {
        if (part.kind == Term::Kind::scalar) draft_.used.insert(part.text);
      });
    return value;
  }

  Draft& draft_;
  const loop::Values& known_;
  Path path_;
};

}  // namespace

void count_loops(Draft& draft, const loop::Values& known) { Counting(draft, known).all(draft.body); }

}  // namespace ak::analyser
