#include "analyser/truth_steps.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "analyser/loop_test.hpp"

namespace ak::analyser {
namespace {

using loop::Term;
using Kind = Statement::Kind;

class TruthSteps {
 public:
  explicit TruthSteps(const Draft& draft) { find_truths(draft); }

  void count(Draft& draft) {
    Statements& body = draft.body;
    for_each_statement(body, [&](const Statement& statement) {
      for (const Term* whole : {&statement.target, &statement.value, &statement.condition})
        loop::for_each(*whole, [&](const Term& part) {
          if (part.kind != Term::Kind::element) return;
          for (const Term& subscript : part.terms)
            loop::for_each(subscript, [&](const Term& name) {
              if (name.kind == Term::Kind::scalar) subscripts_.insert(name.text);
            });
        });
    });
    change_statements(body, [&](Statement& statement) {
      if (statement.kind != Kind::assign || !subscripts_.contains(statement.target.text)) return;
      const auto added = step_of(statement, statement.target.text);
      const auto step = added ? step_in(*added) : std::nullopt;
      if (!step || is_real(statement.target.type)) return;
      const Term by = loop::integer(step->by, statement.target.type);
      statement = branch(step->condition, {assign(statement.target, loop::binary("+", statement.target, by), statement.line)},
                         {}, statement.line);
    });
  }

  void gather(Draft& draft) const {
    std::map<std::string, int> gathering;
    for_each_statement(draft.body, [&](const Statement& statement) { gathering[statement.target.text] += gathers(statement); });
    change_statements(draft.body, [&](Statement& statement) {
      if (!gathers(statement) || gathering[statement.target.text] > 1) return;
      const Term value = statement.value;
      const int side = value.terms[0] == statement.target ? 1 : 0;
      Term other = value.terms[side];
      if (other.type != statement.target.type || !condition_of(other))
        other = loop::convert(statement.target.type, loop::binary("!=", other, loop::integer(0, other.type)));
      statement.value = loop::binary(value.text == "&&" ? "&" : "|", statement.target, other);
    });
  }

 private:
  /// Whether it is f = f && other, or with ||.
  bool gathers(const Statement& statement) const {
    const Term& value = statement.value;
    if (statement.kind != Kind::assign || !truths_.contains(statement.target.text) || value.kind != Term::Kind::binary ||
        (value.text != "&&" && value.text != "||") || (value.terms[0] == statement.target) == (value.terms[1] == statement.target))
      return false;
    const Term& other = value.terms[value.terms[0] == statement.target ? 1 : 0];
    bool harmless = !is_real(other.type) && !loop::mentions(other, statement.target.text);
    loop::for_each(other, [&](const Term& part) {
      if (part.kind == Term::Kind::binary && (part.text == "/" || part.text == "%") && !is_real(part.type)) harmless = false;
      if (part.kind != Term::Kind::element) return;
      for (const Term& subscript : part.terms)
        loop::for_each(subscript, [&](const Term& inner) { harmless = harmless && inner.kind != Term::Kind::element; });
    });
    return harmless;
  }

  struct Step {
    Term condition;
    std::int64_t by = 1;
  };
  static constexpr std::int64_t kLargest = 1 << 20;  // which no conversion changes

  /// Locals that never have another value than 0 or 1.
  void find_truths(const Draft& draft) {
    std::set<std::string> truths, others;
    for_each_statement(draft.body, [&](const Statement& statement) {
      if (statement.kind != Kind::assign || statement.target.kind != Term::Kind::scalar) return;
      const auto number = constant(statement.value);
      const bool truth = number ? *number == 0 || *number == 1 : condition_of(statement.value).has_value();
      (truth ? truths : others).insert(statement.target.text);
    });
    for (const loop::Local& local : draft.function.locals)
      if (local.extents.empty() && truths.contains(local.name) && !others.contains(local.name)) truths_.insert(local.name);
  }

  /// What holds where the term is 1; else it is 0.
  std::optional<Term> condition_of(const Term& term) const {
    constexpr std::string_view kTruths[] = {"<", "<=", ">", ">=", "==", "!=", "&&", "||"};
    switch (term.kind) {
      case Term::Kind::scalar:
        return truths_.contains(term.text) ? std::optional(term) : std::nullopt;
      case Term::Kind::unary:
        return term.text == "!" ? std::optional(term) : std::nullopt;
      case Term::Kind::binary: {
        const bool lowest = term.text == "&" && (constant(term.terms[0]) == 1 || constant(term.terms[1]) == 1);
        return lowest || std::ranges::find(kTruths, term.text) != std::end(kTruths) ? std::optional(term) : std::nullopt;
      }
      case Term::Kind::choose: {
        const auto yes = constant(term.terms[1]), no = constant(term.terms[2]);
        if (yes == 1 && no == 0) return term.terms[0];
        return yes == 0 && no == 1 ? std::optional(negated(term.terms[0])) : std::nullopt;
      }
      case Term::Kind::convert:
        return is_real(term.type) ? std::nullopt : condition_of(term.terms[0]);
      default:
        return std::nullopt;
    }
  }

  std::optional<Step> step_in(const Term& added) const {
    if (auto condition = condition_of(added)) return Step{*std::move(condition)};
    if (is_real(added.type)) return std::nullopt;
    std::optional<Step> step;
    if (added.kind == Term::Kind::convert) return step_in(added.terms[0]);
    if (added.kind == Term::Kind::unary && added.text == "-") {
      step = step_in(added.terms[0]);
      if (step) step->by = -step->by;
    } else if (added.kind == Term::Kind::binary && added.text == "*") {
      for (const int side : {0, 1}) {
        const auto factor = constant(added.terms[side]);
        auto condition = condition_of(added.terms[1 - side]);
        if (factor && condition) step = Step{*std::move(condition), *factor};
      }
    } else if (added.kind == Term::Kind::choose) {
      const auto yes = constant(added.terms[1]), no = constant(added.terms[2]);
      if (yes && no == 0) step = Step{added.terms[0], *yes};
      if (yes == 0 && no) step = Step{negated(added.terms[0]), *no};
    }
    return step && step->by != 0 && std::abs(step->by) <= kLargest ? step : std::nullopt;
  }

  std::set<std::string> subscripts_, truths_;
};

}  // namespace

void count_under_conditions(Draft& draft) { TruthSteps(draft).count(draft); }

void gather_truths(Draft& draft) { TruthSteps(draft).gather(draft); }

}  // namespace ak::analyser
