#include "random_function.hpp"

#include <random>

namespace ak::test {

namespace {

using loop::Node;
using loop::ScalarType;
using loop::Term;

class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}

  loop::Function make() {
    loop::Function function;
    function.name = "f";
    for (const char* name : {"n", "m"}) function.parameters.push_back({name, ScalarType::i32, false, false, false, {}, true});
    for (const char* name : {"a", "b", "c"})
      function.parameters.push_back({name, ScalarType::f32, true, false, false, {loop::integer(64)}, true});
    function.parameters.push_back({"aa", ScalarType::f32, true, false, false, {loop::integer(64), loop::integer(64)}, true});
    function.parameters.push_back({"ip", ScalarType::i32, true, true, false, {loop::integer(64)}, true});
    for (const char* name : {"s", "t"}) function.locals.push_back({name, ScalarType::f32, {}});
    function.locals.push_back({"k", ScalarType::i32, {}});
    for (const char* name : {"s", "t"}) function.body.push_back(assign(loop::scalar(name, ScalarType::f32), real("0.5")));
    function.body.push_back(assign(loop::scalar("k", ScalarType::i32), loop::integer(0)));
    const int nests = upto(3) == 0 ? 2 : 1;
    for (int i = 0; i < nests; ++i) function.body.push_back(nest(0));
    for (const char* name : {"s", "t"})
      if (upto(2)) function.body.push_back(assign(element("c", {loop::integer(40 + upto(3))}), loop::scalar(name, ScalarType::f32)));
    return function;
  }

 private:
  int upto(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
  static Term real(const char* text) { return {Term::Kind::real, ScalarType::f32, text, {}}; }
  static Term element(const char* array, std::vector<Term> subscripts) {
    return loop::element(array, std::move(subscripts), array == std::string("ip") ? ScalarType::i32 : ScalarType::f32);
  }

  Node node(Node::Kind kind) {
    Node made;
    made.kind = kind;
    made.id = ++ids_;
    made.value = loop::integer(0);
    return made;
  }

  Node assign(Term target, Term value) {
    Node made = node(Node::Kind::assign);
    made.target = std::move(target);
    made.value = std::move(value);
    return made;
  }

  Term variable() { return loop::scalar(variables_[upto(static_cast<int>(variables_.size()))], ScalarType::i32); }

  Term subscript() {
    switch (upto(12)) {
      case 0: return loop::integer(upto(4));
      case 1: return element("ip", {variable()});
      case 2: return loop::binary("-", loop::scalar("n", ScalarType::i32), variable());
      case 3: return loop::binary("*", loop::integer(2), variable());
      case 4: return loop::binary("/", variable(), loop::integer(2));
      case 5: return loop::binary("+", variable(), variable());
      case 6: return loop::scalar("k", ScalarType::i32);
      case 7: return loop::binary("/", loop::scalar("n", ScalarType::i32), loop::integer(2));
      default: return loop::binary(upto(2) ? "+" : "-", variable(), loop::integer(upto(3)));
    }
  }

  Term place() {
    static constexpr const char* kArrays[] = {"a", "b", "c"};
    if (upto(5) == 0) return element("aa", {subscript(), subscript()});
    return element(kArrays[upto(3)], {subscript()});
  }

  Term value(int depth) {
    switch (upto(depth > 0 ? 7 : 4)) {
      case 0: return loop::scalar(upto(2) ? "s" : "t", ScalarType::f32);
      case 1:
      case 2:
      case 3: return place();
      case 4: return loop::binary("*", value(depth - 1), real("0.5"));
      default: return loop::binary(upto(2) ? "+" : "-", value(depth - 1), value(depth - 1));
    }
  }

  Term condition() {
    if (upto(2)) return loop::binary(upto(2) ? "<" : "==", variable(), upto(2) ? loop::integer(upto(5)) : loop::scalar("m", ScalarType::i32));
    return loop::binary(">", value(1), real("0.1"));
  }

  Node statement() {
    switch (upto(6)) {
      case 0: {
        const Term scalar = loop::scalar(upto(2) ? "s" : "t", ScalarType::f32);
        return assign(scalar, upto(2) ? loop::binary("+", scalar, value(1)) : value(1));
      }
      case 1: {
        const Term target = place();
        return assign(target, loop::binary("+", target, value(1)));
      }
      case 2:
        if (upto(3) == 0) {
          const Term k = loop::scalar("k", ScalarType::i32);
          return assign(k, loop::binary("+", k, loop::integer(1)));
        }
        [[fallthrough]];
      default:
        return assign(place(), value(2));
    }
  }

  std::vector<Node> statements(int depth) {
    std::vector<Node> body;
    const int count = 1 + upto(3);
    for (int i = 0; i < count; ++i) {
      if (upto(4) == 0) {
        Node branch = node(Node::Kind::branch);
        branch.condition = condition();
        branch.body.push_back(statement());
        if (upto(2)) branch.body.push_back(statement());
        if (upto(2)) branch.otherwise.push_back(statement());
        if (upto(8) == 0) {
          Node leave = node(Node::Kind::leave);
          leave.of = loops_.back();
          branch.body.push_back(leave);
        }
        // Ids rise in text order.
        body.push_back(branch);
      } else if (depth < 2 && upto(4) == 0) {
        body.push_back(nest(depth));
      } else {
        body.push_back(statement());
      }
    }
    return body;
  }

  Node nest(int depth) {
    static constexpr const char* kNames[] = {"i", "j", "l"};
    Node made = node(Node::Kind::loop);
    made.variable = kNames[depth];
    const Term n = loop::scalar("n", ScalarType::i32), one = loop::integer(upto(2));
    switch (upto(5)) {
      case 0:
        made.begin = loop::binary("-", n, loop::integer(1)), made.end = loop::integer(-1), made.step = -1;
        break;
      case 1:
        made.begin = one, made.end = n, made.step = 2 + upto(2);
        break;
      case 2:
        made.begin = one, made.end = depth > 0 ? loop::scalar(kNames[depth - 1], ScalarType::i32) : n;
        break;
      case 3:
        made.begin = one, made.end = depth > 0 ? element("ip", {loop::scalar(kNames[depth - 1], ScalarType::i32)}) : n;
        break;
      default:
        made.begin = one, made.end = n;
    }
    variables_.push_back(made.variable);
    loops_.push_back(made.id);
    made.body = statements(depth + 1);
    variables_.pop_back();
    loops_.pop_back();
    return made;
  }

  std::mt19937 random_;
  int ids_ = 0;
  std::vector<std::string> variables_;
  std::vector<int> loops_;
};

class ImageMaker {
 public:
  explicit ImageMaker(unsigned seed) : random_(seed) {}

  loop::Function make() {
    loop::Function function;
    function.name = "f";
    for (const char* name : {"n", "m"}) function.parameters.push_back({name, ScalarType::i32, false, false, false, {}, true});
    for (const char* name : {"a", "b"})
      function.parameters.push_back({name, ScalarType::f32, true, false, false, {loop::integer(64)}, true});
    const int nests = 1 + upto(2);
    for (int i = 0; i < nests; ++i) function.body.push_back(upto(6) ? rows() : pixels());
    return function;
  }

 private:
  int upto(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
  static Term name(const char* of) { return loop::scalar(of, ScalarType::i32); }
  static Term sum(const Term& a, int by) { return loop::binary(by < 0 ? "-" : "+", a, loop::integer(by < 0 ? -by : by)); }

  Node loop_over(const char* variable, Term begin, Term end, std::int64_t step = 1) {
    Node made;
    made.kind = Node::Kind::loop;
    made.id = ++ids_;
    made.value = loop::integer(0);
    made.variable = variable;
    made.begin = std::move(begin), made.end = std::move(end), made.step = step;
    return made;
  }

  /// y * m + x and its like.
  Term subscript() {
    const Term y = name("y"), x = name("x"), m = name("m");
    const auto in_row = [&](const Term& row, const Term& place) {
      return loop::binary("+", loop::binary("*", row, m), place);
    };
    switch (upto(10)) {
      case 0: return in_row(y, loop::binary("-", sum(m, -1), x));
      case 1: return in_row(x, y);
      case 2: return sum(loop::binary("*", in_row(y, x), loop::integer(2)), upto(3));
      case 3: return loop::binary("*", y, m);
      case 4: return loop::binary("+", loop::binary("*", y, sum(m, 1)), x);
      case 5: return x;
      default: return in_row(sum(y, upto(3) - 1), sum(x, upto(3) - 1));
    }
  }

  Term element(const Term& at) { return loop::element(upto(3) ? "a" : "b", {at}, ScalarType::f32); }

  Node assign(Term target, Term value) {
    Node made;
    made.id = ++ids_;
    made.target = std::move(target), made.value = std::move(value);
    return made;
  }

  /// Read under a condition, now and then.
  Term read() {
    const Term whole = element(subscript());
    const int side = upto(12);
    if (side > 2) return whole;
    const Term asked = side == 0   ? loop::binary(">", name("x"), loop::integer(0))
                       : side == 1 ? loop::binary(">", name("y"), loop::integer(0))
                                   : loop::binary("<", name("x"), sum(name("m"), -1));
    return {Term::Kind::choose, ScalarType::f32, {}, {asked, whole, {Term::Kind::real, ScalarType::f32, "0.25", {}}}};
  }

  Node rows() {
    const Term n = name("n"), m = name("m"), first = loop::integer(upto(2));
    Node outer = upto(4) ? loop_over("y", first, upto(2) ? n : sum(n, -1)) : loop_over("y", sum(n, -1), loop::integer(-1), -1);
    Node inner;
    switch (upto(6)) {
      case 0: inner = loop_over("x", sum(m, -1), loop::integer(-1), -1); break;
      case 1: inner = loop_over("x", loop::integer(0), sum(m, upto(2) + 1)); break;  // into the next row
      case 2: inner = loop_over("x", loop::integer(0), name("y")); break;
      case 3: inner = loop_over("x", loop::integer(0), m, 2); break;
      default: inner = loop_over("x", loop::integer(upto(2)), upto(2) ? m : sum(m, -1));
    }
    const int count = 1 + upto(2);
    for (int i = 0; i < count; ++i) {
      const Term target = element(subscript());
      inner.body.push_back(assign(target, loop::binary("+", read(), upto(2) ? read() : target)));
    }
    outer.body.push_back(inner);
    return outer;
  }

  Node pixels() {
    Node made = loop_over("i", loop::integer(0), loop::binary("*", name("n"), name("m")));
    made.body.push_back(assign(element(name("i")), Term{Term::Kind::real, ScalarType::f32, "0.5", {}}));
    return made;
  }

  std::mt19937 random_;
  int ids_ = 0;
};

}  // namespace

loop::Function random_function(unsigned seed) { return Maker(seed).make(); }
loop::Function random_image(unsigned seed) { return ImageMaker(seed).make(); }

}  // namespace ak::test
