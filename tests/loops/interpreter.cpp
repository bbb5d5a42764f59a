#include "interpreter.hpp"

#include <cmath>
#include <functional>
#include <optional>
#include <stdexcept>

namespace ak::test {

namespace {

using loop::Node;
using loop::ScalarType;
using loop::Term;

struct Value {
  double real = 0;
  std::int64_t whole = 0;
};

struct Iteration {
  int loop = 0;
  std::int64_t number = 0;
  std::int64_t instance = 0;  // which run of the loop
};

struct Event {
  int node = 0;
  std::vector<Iteration> iterations;
};

using Element = std::pair<std::string, std::vector<std::int64_t>>;

struct Cell {
  std::optional<Value> value;
  std::optional<Event> writer;
  std::vector<Event> readers;  // since then
};

struct Left {
  int loop = 0;  // 0: the function
};
struct TooLong {};

class Run {
 public:
  Run(const loop::Function& function, const loop::Values& integers, unsigned seed, int steps)
      : integers_(integers), seed_(seed), steps_(steps) {
    loop::for_each_node(function.body, [&](const Node& node) {
      if (node.kind == Node::Kind::assign) written_.insert(node.target.text);
    });
  }

  Observed run(const std::vector<Node>& body) {
    try {
      execute(body);
    } catch (const Left&) {
    } catch (const TooLong&) {
      seen_.finished = false;
    }
    return std::move(seen_);
  }

 private:
  void execute(const std::vector<Node>& body) {
    for (const Node& node : body) {
      if (--steps_ < 0) throw TooLong{};
      node_ = node.id;
      switch (node.kind) {
        case Node::Kind::assign: {
          const Value value = converted(evaluate(node.value), node.value.type, node.target.type);
          write(place(node.target), value);
          break;
        }
        case Node::Kind::branch:
          execute(truth(node.condition) ? node.body : node.otherwise);
          break;
        case Node::Kind::loop:
          execute_loop(node);
          break;
        case Node::Kind::leave:
          throw Left{node.of};
        case Node::Kind::finish:
          evaluate(node.value);
          throw Left{0};
      }
    }
  }

  void execute_loop(const Node& node) {
    const std::int64_t begin = evaluate(node.begin).whole, end = evaluate(node.end).whole;
    const std::size_t depth = iterations_.size();
    const auto outer = variables_.find(node.variable) == variables_.end() ? std::nullopt : std::optional(variables_[node.variable]);
    iterations_.push_back({node.id, 0, ++instances_});
    try {
      for (std::int64_t i = begin; node.step > 0 ? i < end : i > end; i += node.step) {
        variables_[node.variable] = i;
        execute(node.body);
        ++iterations_.back().number;
      }
    } catch (const Left& left) {
      iterations_.resize(depth + 1);
      if (left.loop != node.id) throw;
    }
    iterations_.resize(depth);
    variables_.erase(node.variable);
    if (outer) variables_[node.variable] = *outer;
  }

  Element place(const Term& term) {
    std::vector<std::int64_t> subscripts;
    for (const Term& subscript : term.terms) subscripts.push_back(evaluate(subscript).whole);
    return {term.text, subscripts};
  }

  void remember(SeenDependence::Kind kind, const std::string& name, const Event& from) {
    SeenDependence seen{kind, name, from.node, node_, 0, 0};
    for (std::size_t level = 0; level < std::min(from.iterations.size(), iterations_.size()); ++level) {
      const Iteration &a = from.iterations[level], &b = iterations_[level];
      if (a.loop != b.loop || a.instance != b.instance) break;
      if (a.number == b.number) continue;
      seen.loop = a.loop;
      seen.distance = b.number - a.number;
      break;
    }
    if (seen.loop != 0 || from.node != node_) seen_.dependences.insert(seen);  // else one instance reads, then writes
  }

  Value read(const Element& element, ScalarType type) {
    Cell& cell = cells_[element];
    if (cell.writer) remember(SeenDependence::Kind::flow, element.first, *cell.writer);
    cell.readers.push_back({node_, iterations_});
    if (!cell.value) cell.value = initial(element, type);
    return *cell.value;
  }

  void write(const Element& element, const Value& value) {
    Cell& cell = cells_[element];
    for (const Event& reader : cell.readers) remember(SeenDependence::Kind::anti, element.first, reader);
    if (cell.writer) remember(SeenDependence::Kind::output, element.first, *cell.writer);
    cell.readers.clear();
    cell.writer = Event{node_, iterations_};
    cell.value = value;
  }

  Value initial(const Element& element, ScalarType type) const {
    std::size_t hash = std::hash<std::string>()(element.first) + 0x9e3779b97f4a7c15u * (seed_ + 1);
    for (const std::int64_t subscript : element.second) hash = (hash ^ static_cast<std::size_t>(subscript + 77)) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 33;
    if (is_real(type)) return {static_cast<double>(hash % 2001) / 1000.0 - 1.0, 0};
    return {0, static_cast<std::int64_t>(hash % 8)};
  }

  static Value converted(Value value, ScalarType from, ScalarType to) {
    if (is_real(from) && !is_real(to)) return {0, std::isfinite(value.real) && std::abs(value.real) < 1e9 ? static_cast<std::int64_t>(value.real) : 0};
    if (!is_real(from) && is_real(to)) return {static_cast<double>(value.whole), 0};
    if (to == ScalarType::i32) return {0, static_cast<std::int32_t>(value.whole)};
    return value;
  }

  bool truth(const Term& term) {
    const Value value = evaluate(term);
    return is_real(term.type) ? value.real != 0 : value.whole != 0;
  }

  Value evaluate(const Term& term) {
    switch (term.kind) {
      case Term::Kind::integer:
        return {0, *loop::evaluate(term, {})};
      case Term::Kind::real:
        return {std::stod(term.text), 0};
      case Term::Kind::scalar:
        if (const auto variable = variables_.find(term.text); variable != variables_.end()) return {0, variable->second};
        if (written_.contains(term.text)) return read({term.text, {}}, term.type);
        if (const auto given = integers_.find(term.text); given != integers_.end()) return {0, given->second};
        return initial({term.text, {}}, term.type);
      case Term::Kind::element:
        return read(place(term), term.type);
      case Term::Kind::choose:
        return converted(evaluate(term.terms[truth(term.terms[0]) ? 1 : 2]), term.terms[1].type, term.type);
      case Term::Kind::convert:
        return converted(evaluate(term.terms[0]), term.terms[0].type, term.type);
      case Term::Kind::unary: {
        if (term.text == "!") return {0, !truth(term.terms[0])};
        const Value a = evaluate(term.terms[0]);
        return term.text == "-" ? Value{-a.real, -a.whole} : Value{0, ~a.whole};
      }
      case Term::Kind::binary:
        return binary(term);
      case Term::Kind::call: {
        double total = 0;  // any function of its arguments will do
        for (const Term& argument : term.terms) total = total * 0.5 + evaluate(argument).real;
        return {std::sin(total), static_cast<std::int64_t>(total)};
      }
    }
    return {};
  }

  Value binary(const Term& term) {
    if (term.text == "&&") return {0, truth(term.terms[0]) && truth(term.terms[1])};
    if (term.text == "||") return {0, truth(term.terms[0]) || truth(term.terms[1])};
    const bool real = is_real(term.terms[0].type) || is_real(term.terms[1].type);
    const ScalarType common = real ? ScalarType::f64 : ScalarType::i64;
    const Value a = converted(evaluate(term.terms[0]), term.terms[0].type, common);
    const Value b = converted(evaluate(term.terms[1]), term.terms[1].type, common);
    if (!real) {
      loop::Values values = {{"a", a.whole}, {"b", b.whole}};
      Term plain{Term::Kind::binary, term.type, term.text, {loop::scalar("a", ScalarType::i64), loop::scalar("b", ScalarType::i64)}};
      return converted({0, loop::evaluate(plain, values).value_or(0)}, ScalarType::i64, term.type);
    }
    const double x = a.real, y = b.real;
    if (term.text == "+") return {x + y, 0};
    if (term.text == "-") return {x - y, 0};
    if (term.text == "*") return {x * y, 0};
    if (term.text == "/") return {y == 0 ? 0 : x / y, 0};
    const bool holds = term.text == "<" ? x < y : term.text == "<=" ? x <= y : term.text == ">" ? x > y
                     : term.text == ">=" ? x >= y : term.text == "==" ? x == y : x != y;
    return {0, holds};
  }

  const loop::Values& integers_;
  unsigned seed_;
  int steps_;
  int node_ = 0;
  std::int64_t instances_ = 0;
  std::set<std::string> written_;
  std::map<std::string, std::int64_t> variables_;
  std::vector<Iteration> iterations_;
  std::map<Element, Cell> cells_;
  Observed seen_;
};

}  // namespace

Observed observe(const loop::Function& function, const loop::Values& integers, unsigned seed, int most_steps) {
  return Run(function, integers, seed, most_steps).run(function.body);
}

}  // namespace ak::test
