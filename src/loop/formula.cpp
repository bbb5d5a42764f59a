#include "loop/formula.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "ak/types.hpp"

namespace ak::loop {

namespace {

constexpr int kDeepest = 32;  // of the stack

[[noreturn]] void refuse(const Term& term, std::string_view why) {
  throw Error(ErrorCode::invalid_argument, fmt::format("'{}' is no size that a call can tell: {}", c_text(term), why));
}

}  // namespace

Formula::Formula(const Term& term, std::span<const std::string> names) {
  if (compile(term, names) > kDeepest) refuse(term, "it is nested too deeply");
}

int Formula::compile(const Term& term, std::span<const std::string> names) {
  using Kind = Term::Kind;
  if (is_real(term.type)) refuse(term, "it is a real number");
  switch (term.kind) {
    case Kind::integer: {
      std::int64_t value = 0;
      std::from_chars(term.text.data(), term.text.data() + term.text.size(), value);
      steps_.push_back({Op::constant, value});
      return 1;
    }
    case Kind::scalar: {
      const auto found = std::find(names.begin(), names.end(), term.text);
      if (found == names.end()) refuse(term, "it is no integer parameter");
      steps_.push_back({Op::value, found - names.begin()});
      return 1;
    }
    case Kind::unary: {
      const int depth = compile(term.terms[0], names);
      steps_.push_back({term.text == "-" ? Op::negate : term.text == "!" ? Op::invert : Op::complement});
      return depth;
    }
    case Kind::convert: {
      const int depth = compile(term.terms[0], names);
      if (term.type == ScalarType::i32) steps_.push_back({Op::narrow});
      return depth;
    }
    case Kind::binary: {
      constexpr std::string_view kOps[] = {"+", "-", "*",  "/", "%",  "<<", ">>", "&",  "|",
                                           "^", "<", "<=", ">", ">=", "==", "!=", "&&", "||"};
      const int first = compile(term.terms[0], names), second = compile(term.terms[1], names);
      const auto found = std::find(std::begin(kOps), std::end(kOps), term.text);
      if (found == std::end(kOps)) refuse(term, "its operator is not known");
      steps_.push_back({static_cast<Op>(static_cast<int>(Op::add) + (found - std::begin(kOps)))});
      return std::max(first, second + 1);
    }
    case Kind::choose: {
      const int condition = compile(term.terms[0], names), yes = compile(term.terms[1], names),
                no = compile(term.terms[2], names);
      steps_.push_back({Op::choose});
      return std::max({condition, yes + 1, no + 2});
    }
    case Kind::real:
    case Kind::element:
    case Kind::call:
      refuse(term, "only integers and their arithmetic are known before a kernel runs");
  }
  return 0;
}

std::int64_t Formula::operator()(std::span<const std::int64_t> values) const {
  std::int64_t stack[kDeepest];
  std::int64_t* top = stack;  // one past the last
  const auto wrap = [](auto compute, std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(compute(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b)));
  };
  for (const Step& step : steps_) {
    switch (step.op) {
      case Op::constant:
        *top++ = step.value;
        continue;
      case Op::value:
        *top++ = values[static_cast<std::size_t>(step.value)];
        continue;
      case Op::negate:
        top[-1] = wrap(std::minus<>(), 0, top[-1]);
        continue;
      case Op::invert:
        top[-1] = !top[-1];
        continue;
      case Op::complement:
        top[-1] = ~top[-1];
        continue;
      case Op::narrow:
        top[-1] = static_cast<std::int32_t>(top[-1]);
        continue;
      case Op::choose:
        top -= 2;
        top[-1] = top[-1] ? top[0] : top[1];
        continue;
      default:
        break;
    }
    const std::int64_t b = *--top;
    std::int64_t& a = top[-1];
    switch (step.op) {
      case Op::add:
        a = wrap(std::plus<>(), a, b);
        break;
      case Op::subtract:
        a = wrap(std::minus<>(), a, b);
        break;
      case Op::multiply:
        a = wrap(std::multiplies<>(), a, b);
        break;
      case Op::divide:
        a = b == 0 ? 0 : b == -1 ? wrap(std::minus<>(), 0, a) : a / b;
        break;
      case Op::modulo:
        a = b == 0 || b == -1 ? 0 : a % b;
        break;
      case Op::shift_left:
        a = b < 0 || b > 63 ? 0 : static_cast<std::int64_t>(static_cast<std::uint64_t>(a) << b);
        break;
      case Op::shift_right:
        a = b < 0 || b > 63 ? 0 : a >> b;
        break;
      case Op::bit_and:
        a &= b;
        break;
      case Op::bit_or:
        a |= b;
        break;
      case Op::bit_xor:
        a ^= b;
        break;
      case Op::less:
        a = a < b;
        break;
      case Op::less_equal:
        a = a <= b;
        break;
      case Op::greater:
        a = a > b;
        break;
      case Op::greater_equal:
        a = a >= b;
        break;
      case Op::equal:
        a = a == b;
        break;
      case Op::not_equal:
        a = a != b;
        break;
      case Op::both:
        a = a && b;
        break;
      case Op::either:
        a = a || b;
        break;
      default:
        break;
    }
  }
  return top == stack ? 0 : top[-1];
}

}  // namespace ak::loop
