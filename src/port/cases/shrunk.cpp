#include "port/cases/shrunk.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>

#include "port/cases/roles.hpp"

namespace ak::port {

using loop::Term;
using loop::Verdict;

namespace {

constexpr std::int64_t kSmall = 64, kNextTo = 8, kLargestDivisor = 4096;

class Shrinking {
 public:
  Shrinking(const loop::Function& function, std::int64_t divisor) : divisor_(divisor) {
    const auto say = [this](const Term& place) {
      loop::for_each(place, [this](const Term& part) {
        if (part.kind == Term::Kind::scalar) say_where_.insert(part.text);
      });
    };
    loop::for_each_node(function.body, [&](const loop::Node& node) {
      say(node.begin), say(node.end);
      for (const Term* term : {&node.target, &node.value, &node.condition})
        loop::for_each(*term, [&](const Term& part) {
          if (part.kind != Term::Kind::element) return;
          for (const Term& subscript : part.terms) say(subscript);
        });
    });
  }

  Verdict of(Verdict verdict) const {
    for (loop::Parameter& parameter : verdict.function.parameters) places(parameter.extents);
    for (loop::Local& local : verdict.function.locals) places(local.extents);
    body(verdict.function.body);
    for (loop::InRows& access : verdict.in_rows) value(access.flat), value(access.by_rows);
    places(verdict.assumed);
    for (loop::Group& group : verdict.groups) {
      for (loop::Reduction& reduction : group.reductions) {
        value(reduction.target), value(reduction.value), condition(reduction.condition);
        for (auto& [name, at] : reduction.positions) value(at);
      }
      for (loop::Recurrence& recurrence : group.recurrences) {
        for (std::int64_t& distance : recurrence.distances) distance = less(distance);
        for (Term& multiplier : recurrence.multipliers) value(multiplier);
        if (recurrence.constant) value(*recurrence.constant);
      }
      for (loop::Counter& counter : group.counters) condition(counter.condition);
      for (loop::Note& note : group.notes)
        if (note.distance) note.distance = less(*note.distance);
    }
    return verdict;
  }

 private:
  // 15999 is one less than 16000, and stays one less.
  std::int64_t less(std::int64_t constant) const {
    const std::int64_t size = std::abs(constant);
    if (size < kSmall) return constant;
    const std::int64_t nearest = (size + divisor_ / 2) / divisor_, apart = size - nearest * divisor_;
    const std::int64_t made = nearest + (std::abs(apart) <= kNextTo ? apart : 0);
    return constant < 0 ? -made : made;
  }

  // Of a term that says where: all constants.
  void place(Term& term) const {
    if (term.kind == Term::Kind::integer) {
      std::int64_t constant = 0;
      std::from_chars(term.text.data(), term.text.data() + term.text.size(), constant);
      term.text = loop::integer(less(constant), term.type).text;
    }
    for (Term& part : term.terms) place(part);
  }
  void places(std::vector<Term>& terms) const {
    for (Term& term : terms) place(term);
  }
  // Of a value: those in subscripts alone.
  void value(Term& term) const {
    if (term.kind == Term::Kind::element)
      places(term.terms);
    else
      for (Term& part : term.terms) value(part);
  }
  // What loops' variables are compared with is a place too; what elements are is none.
  void condition(Term& term) const {
    bool elements = false;
    loop::for_each(term, [&](const Term& part) {
      elements = elements || part.kind == Term::Kind::element || part.kind == Term::Kind::real || is_real(part.type);
    });
    elements ? value(term) : place(term);
  }
  void condition(std::optional<Term>& term) const {
    if (term) condition(*term);
  }

  void body(std::vector<loop::Node>& nodes) const {
    for (loop::Node& node : nodes) {
      const bool says_where = node.target.kind == Term::Kind::scalar && say_where_.contains(node.target.text);
      value(node.target), says_where ? place(node.value) : value(node.value), condition(node.condition);
      place(node.begin), place(node.end);
      body(node.body);
      body(node.otherwise);
    }
  }

  const std::int64_t divisor_;
  std::set<std::string> say_where_;  // scalars that subscripts and loops' ends consist of
};

}  // namespace

std::optional<Verdict> shrunk(const Verdict& verdict, double most_iterations) {
  std::int64_t largest = 0;
  for (const loop::Parameter& parameter : verdict.function.parameters)
    for (const Term& extent : parameter.extents) largest = std::max(largest, loop::evaluate(extent, {}).value_or(0));
  for (std::int64_t divisor = 2; divisor <= kLargestDivisor; ++divisor) {
    if (largest % divisor) continue;  // a size stays one, and half of it the half
    Verdict made = Shrinking(verdict.function, divisor).of(verdict);
    if (iterations(made.function, {}) <= most_iterations && elements(made.function, {}) < most_iterations) return made;
  }
  return std::nullopt;
}

}  // namespace ak::port
