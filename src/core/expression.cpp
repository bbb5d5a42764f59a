#include "core/expression.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "ak/types.hpp"
#include "base/text.hpp"
#include "core/vocabulary.hpp"

namespace ak {
namespace {

constexpr std::size_t kMostText = 1024;
constexpr int kMostDepth = 64;

struct Function {
  std::string_view name;
  double (*one)(double);
  double (*two)(double, double);
};
constexpr Function kFunctions[] = {
    {"exp", math::exp, nullptr},   {"expm1", math::expm1, nullptr}, {"log1p", math::log1p, nullptr},
    {"tanh", math::tanh, nullptr}, {"erfc", math::erfc, nullptr},   {"sigmoid", math::sigmoid, nullptr},
    {"abs", math::abs, nullptr},   {"min", nullptr, math::min},     {"max", nullptr, math::max},
};

// Conditions are numbers that are 0 or 1 here; the parser keeps the two apart.
struct Operator {
  std::string_view sign;
  int strength;        // binds tighter where larger
  bool of_conditions;  // its operands are conditions
  bool condition;      // its result is one
  double (*apply)(double, double);
};
constexpr Operator kOperators[] = {
    {"||", 1, true, true, [](double a, double b) { return double(a != 0 || b != 0); }},
    {"&&", 2, true, true, [](double a, double b) { return double(a != 0 && b != 0); }},
    {"==", 3, false, true, [](double a, double b) { return double(a == b); }},
    {"!=", 3, false, true, [](double a, double b) { return double(a != b); }},
    {"<=", 4, false, true, [](double a, double b) { return double(a <= b); }},
    {">=", 4, false, true, [](double a, double b) { return double(a >= b); }},
    {"<", 4, false, true, [](double a, double b) { return double(a < b); }},
    {">", 4, false, true, [](double a, double b) { return double(a > b); }},
    {"+", 5, false, false, [](double a, double b) { return a + b; }},
    {"-", 5, false, false, [](double a, double b) { return a - b; }},
    {"*", 6, false, false, [](double a, double b) { return a * b; }},
    {"/", 6, false, false, [](double a, double b) { return a / b; }},
};
constexpr int kChoice = 0, kUnary = 7, kAtom = 8;  // strengths of what is not in the table

bool in_word(char c) { return is_letter(c) || is_digit(c) || c == '_'; }

}  // namespace

class Expression::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {
    check_length(text);
    const Part all = parse(kChoice);
    if (skip(); at_ < text_.size()) expected("an operator or the end");
    want(all, false);
    out_.root_ = all.node;
    out_.text_ = out_.text(all.node, kChoice);
    check_length(out_.text_);  // keys and records have it, and it must read back
  }
  Expression take() { return std::move(out_); }

 private:
  struct Part {
    int node;
    bool condition;
    std::size_t at;  // where it begins in the text
  };

  [[noreturn]] void fail(std::string_view why) const {
    throw Error(ErrorCode::invalid_argument, fmt::format("activation '{}': {}", text_.substr(0, kMostText), why));
  }
  [[noreturn]] void expected(std::string_view what) const {
    const auto found = at_ < text_.size() ? fmt::format("'{}'", text_.substr(at_, 12)) : std::string("the end");
    fail(fmt::format("expected {} at position {}, found {}", what, at_, found));
  }
  void check_length(std::string_view text) const {
    if (text.size() > kMostText) fail(fmt::format("longer than {} characters", kMostText));
  }
  void deeper() {
    if (++depth_ > kMostDepth) fail(fmt::format("nested deeper than {}", kMostDepth));
  }
  void want(const Part& part, bool condition) const {
    if (part.condition == condition) return;
    fail(fmt::format("what begins at position {} is a {}, expected a {}", part.at, part.condition ? "condition" : "number",
                     condition ? "condition" : "number"));
  }

  void skip() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  bool accept(std::string_view sign) {
    skip();
    if (text_.substr(at_, sign.size()) != sign) return false;
    at_ += sign.size();
    return true;
  }
  void require(std::string_view sign) {
    if (!accept(sign)) expected(fmt::format("'{}'", sign));
  }

  int add(Kind kind, std::uint8_t which = 0, std::array<int, 3> children = {-1, -1, -1}, float number = 0) {
    out_.nodes_.push_back({kind, which, number, {children[0], children[1], children[2]}});
    return static_cast<int>(out_.nodes_.size()) - 1;
  }

  // Operators of at least this strength, left to right (precedence climbing).
  Part parse(int strength) {
    deeper();
    Part left = unary();
    for (bool more = true; more;) {
      more = false;
      skip();
      for (std::size_t i = 0; i < std::size(kOperators) && !more; ++i) {
        const Operator& op = kOperators[i];
        if (op.strength < strength || !accept(op.sign)) continue;
        const Part right = parse(op.strength + 1);
        want(left, op.of_conditions), want(right, op.of_conditions);
        left = {add(Kind::binary, static_cast<std::uint8_t>(i), {left.node, right.node, -1}), op.condition, left.at};
        more = true;
      }
    }
    if (strength == kChoice && accept("?")) {
      const Part yes = parse(kChoice);
      require(":");
      const Part no = parse(kChoice);
      want(left, true), want(yes, false), want(no, false);
      left = {add(Kind::choose, 0, {left.node, yes.node, no.node}), false, left.at};
    }
    --depth_;
    return left;
  }

  Part unary() {
    skip();
    const std::size_t begin = at_;
    if (accept("+")) expected("no sign '+' before a value");
    const bool negate = accept("-"), invert = !negate && text_.substr(at_, 2) != "!=" && accept("!");
    if (!negate && !invert) return atom();
    deeper();
    const Part operand = unary();
    --depth_;
    want(operand, invert);
    return {add(negate ? Kind::negate : Kind::invert, 0, {operand.node, -1, -1}), invert, begin};
  }

  Part atom() {
    skip();
    const std::size_t begin = at_;
    if (accept("(")) {
      const Part inside = parse(kChoice);
      require(")");
      return {inside.node, inside.condition, begin};
    }
    const auto is = [&](auto test) { return at_ < text_.size() && test(text_[at_]); };
    if (is([](char c) { return is_digit(c) || c == '.'; })) return {number(), false, begin};
    while (is(in_word)) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word == "x") return {add(Kind::x), false, begin};
    if (word == "slope") return {add(Kind::slope), false, begin};
    for (std::size_t i = 0; i < std::size(kFunctions); ++i)
      if (word == kFunctions[i].name) return {call(i), false, begin};
    at_ = begin;
    expected("a number, x, slope, a function (exp expm1 log1p tanh erfc sigmoid abs min max) or '('");
  }

  int number() {
    float v = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), v);
    if (error != std::errc()) expected("a number that f32 holds");
    at_ = static_cast<std::size_t>(end - text_.data());
    if (at_ < text_.size() && (text_[at_] == 'f' || text_[at_] == 'F')) ++at_;
    if (at_ < text_.size() && (in_word(text_[at_]) || text_[at_] == '.')) expected("an operator after a number");
    return add(Kind::number, 0, {-1, -1, -1}, v);
  }

  int call(std::size_t function) {
    require("(");
    const Part first = parse(kChoice);
    want(first, false);
    int second = -1;
    if (kFunctions[function].two) {
      require(",");
      const Part other = parse(kChoice);
      want(other, false);
      second = other.node;
    }
    require(")");
    return add(Kind::call, static_cast<std::uint8_t>(function), {first.node, second, -1});
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  Expression out_;
};

Expression Expression::parse(std::string_view text) { return Parser(text).take(); }

double Expression::value(int index, double x, double slope) const {
  const Node& node = nodes_[index];
  const auto child = [&](int i) { return value(node.children[i], x, slope); };
  switch (node.kind) {
    case Kind::number:
      return node.number;
    case Kind::x:
      return x;
    case Kind::slope:
      return slope;
    case Kind::negate:
      return -child(0);
    case Kind::invert:
      return child(0) == 0;
    case Kind::binary:
      return kOperators[node.which].apply(child(0), child(1));
    case Kind::choose:
      return child(0) != 0 ? child(1) : child(2);
    case Kind::call: {
      const Function& function = kFunctions[node.which];
      return function.one ? function.one(child(0)) : function.two(child(0), child(1));
    }
  }
  return x;
}

std::string Expression::code(int index) const {
  const Node& node = nodes_[index];
  const auto child = [&](int i) { return code(node.children[i]); };
  switch (node.kind) {
    case Kind::number:
      return fmt::format("{:.9e}f", node.number);
    case Kind::x:
      return "x";
    case Kind::slope:
      return "slope";
    case Kind::negate:
      return fmt::format("(-{})", child(0));
    case Kind::invert:
      return fmt::format("(!{})", child(0));
    case Kind::binary:
      return fmt::format("({} {} {})", child(0), kOperators[node.which].sign, child(1));
    case Kind::choose:
      return fmt::format("({} ? {} : {})", child(0), child(1), child(2));
    case Kind::call:
      return node.children[1] < 0 ? fmt::format("{}({})", kFunctions[node.which].name, child(0))
                                  : fmt::format("{}({}, {})", kFunctions[node.which].name, child(0), child(1));
  }
  return "x";
}

// `strength`: what an operand must have to stand without parentheses.
std::string Expression::text(int index, int strength) const {
  const Node& node = nodes_[index];
  const auto child = [&](int i, int least) { return text(node.children[i], least); };
  int own = kAtom;
  std::string out;
  switch (node.kind) {
    case Kind::number:
      out = fmt::format("{}", node.number);
      break;
    case Kind::x:
      out = "x";
      break;
    case Kind::slope:
      out = "slope";
      break;
    case Kind::negate:
      own = kUnary, out = fmt::format("-{}", child(0, kUnary));
      break;
    case Kind::invert:
      own = kUnary, out = fmt::format("!{}", child(0, kUnary));
      break;
    case Kind::binary: {
      const Operator& op = kOperators[node.which];
      own = op.strength;
      out = fmt::format("{}{}{}", child(0, own), op.sign, child(1, own + 1));
      break;
    }
    case Kind::choose:
      own = kChoice, out = fmt::format("{}?{}:{}", child(0, 1), child(1, kChoice), child(2, kChoice));
      break;
    case Kind::call:
      out = fmt::format("{}({}{})", kFunctions[node.which].name, child(0, kChoice),
                        node.children[1] < 0 ? std::string() : fmt::format(",{}", child(1, kChoice)));
      break;
  }
  return own < strength ? fmt::format("({})", out) : out;
}

}  // namespace ak
