// Expressions: the value as a term, side effects as statements before it and, for x++, after it.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "analyser/lowering.hpp"

namespace ak::analyser {

using loop::ScalarType;
using loop::Term;

namespace {

constexpr int kDeepest = 200;  // an expression's levels

struct Level {
  int& depth;
  explicit Level(int& depth_) : depth(++depth_) {}
  ~Level() { --depth; }
};

constexpr const char* kPointerTested = "a test of a pointer, or its use as a number: leave it to the caller";

constexpr const char* kInsteadOfWrapping =
    "use int or long long; where wrapping at 32 bits is meant, long long and & 0xffffffff";

/// NULL, 0, (void*)0
bool is_null(Ast node) {
  while (node.is("ParenExpr") || node.is("ImplicitCastExpr") || node.is("CStyleCastExpr")) {
    if (node.text("castKind") == "NullToPointer") return true;
    node = node.child(0);
  }
  return node.is("IntegerLiteral");
}

/// Of a _Generic: each choice is a node without a kind, with its type before its value.
Ast selected(const Ast& node) {
  for (const Ast& choice : node.children())
    if (choice.flag("selected")) return choice.children().back();
  return {};
}

/// A name alone, which has no side effects: of `(void)name;`
bool is_name(Ast node) {
  while (node.is("ParenExpr") || node.is("ImplicitCastExpr") || node.is("CStyleCastExpr")) node = node.child(0);
  return node.is("DeclRefExpr");
}

/// 0 or 1
Term is_true(Term term) {
  constexpr std::string_view kSays[] = {"<", "<=", ">", ">=", "==", "!=", "&&", "||"};
  const bool says =
      term.kind == Term::Kind::binary && std::find(std::begin(kSays), std::end(kSays), term.text) != std::end(kSays);
  return says || (term.kind == Term::Kind::unary && term.text == "!") ? term
                                                                      : loop::binary("!=", std::move(term), loop::integer(0));
}

}  // namespace

Term Lowering::value(const Ast& node) {
  const Level level(depth_);
  if (depth_ > kDeepest) refuse(node, fmt::format("an expression is nested more than {} deep", kDeepest));
  const std::string_view kind = node.kind();
  if (kind == "ParenExpr" || kind == "ConstantExpr") return value(node.child(0));
  if (kind == "GenericSelectionExpr") return value(selected(node));
  if (kind == "ImplicitCastExpr" || kind == "CStyleCastExpr") return conversion(node);
  if (kind == "IntegerLiteral" || kind == "CharacterLiteral") return integer_literal(node);
  if (kind == "FloatingLiteral") return real_literal(node);
  if (kind == "UnaryOperator") return unary_value(node);
  if (kind == "BinaryOperator") return binary_value(node);
  if (kind == "CompoundAssignOperator") return assignment(node);
  if (kind == "ConditionalOperator") return choose(node);
  if (kind == "UnaryExprOrTypeTraitExpr" && node.name() == "sizeof") return size_of_value(node);
  if (kind == "CallExpr") {
    if (auto result = call(node, true)) return *result;
    refuse(node, fmt::format("the value of {}, which is left out, is used", callee_name(node)));
  }
  if (kind == "DeclRefExpr" && node.part("referencedDecl").is("EnumConstantDecl"))
    if (const auto number = unit_.enumerator(node.part("referencedDecl").name())) return loop::integer(*number);
  if (kind == "DeclRefExpr" || kind == "ArraySubscriptExpr" || kind == "MemberExpr") return place(node).term();
  refuse_kind(node);
}

Term Lowering::integer_literal(const Ast& node) {
  const ScalarType type = scalar_type(node);
  std::int64_t number = 0;
  std::string_view text = node.text("value");
  if (node.is("CharacterLiteral")) {
    number = node.number("value");
  } else if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc()) {
    refuse(node, fmt::format("the number {} does not fit a long long", text));
  }
  return loop::integer(number, type);
}

Term Lowering::real_literal(const Ast& node) const {
  std::string text = unit_.text().substr(node.begin(), node.first_token());
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  const auto suffix = text.find_last_not_of("fFlL");
  if (!hex || text.find_first_of("pP") != text.npos) text.resize(suffix + 1);
  return {Term::Kind::real, scalar_type(node), text, {}};
}

Term Lowering::conversion(const Ast& node) {
  const std::string_view kind = node.text("castKind");
  const Ast inner = node.child(0);
  if (kind == "LValueToRValue") {
    if (const Ast to = inner.part("referencedDecl"); inner.is("DeclRefExpr") && to.is("VarDecl"))
      if (const auto literal = constant_variable(to)) return *literal;
    if (unit_.type(node).is_pointer()) refuse(node, kPointerTested);
    scalar_type(node);
    const Place object = place(inner);
    if (!object.is_element()) refuse(node, "an array is used as a number");
    return object.term();
  }
  if (kind == "NoOp") return value(inner);
  if (kind == "IntegralCast" || kind == "FloatingCast" || kind == "IntegralToFloating" || kind == "FloatingToIntegral") {
    const CType from = unit_.type(inner), to = unit_.type(node);
    if (kind == "FloatingToIntegral" && to.is_unsigned) refuse(node, "a floating-point number is made unsigned: make it int");
    const bool widens = from.is_narrow && kind == "IntegralCast" && to.scalar == ScalarType::i64 && !to.is_narrow;
    if (widens && in_subscript_ == 0) refuse_wrapped(node, inner, UnsignedValues::Wraps::size);
    if (from.is_unsigned && kind == "IntegralToFloating") refuse_wrapped(node, inner, UnsignedValues::Wraps::size);
    Term found = value(inner);
    if (to.is_unsigned && !from.is_unsigned && in_subscript_ == 0 && counting_ == 0 && constant(found).value_or(-1) < 0)
      refuse(node,
             fmt::format("a signed number, which may be negative, is made unsigned ({}): use int or long long", to.spelled));
    return cast(scalar_type(node), std::move(found));
  }
  refuse(node, fmt::format("the conversion {} to {} is not supported", kind, unit_.type(node).spelled));
}

Term Lowering::unary_value(const Ast& node) {
  const std::string op(node.text("opcode"));
  if (op == "++" || op == "--") return step(node, true);
  if (op == "*") return place(node).term();
  if (op == "&") refuse(node, "an address is used as a number");
  if (op == "+" || op == "__extension__") return value(node.child(0));
  if (op != "!" && unit_.type(node).is_unsigned && in_subscript_ == 0)
    refuse(node, fmt::format("{} of an unsigned number, which wraps: {}", op, kInsteadOfWrapping));
  return loop::unary(op, value(node.child(0)));
}

Term Lowering::binary_value(const Ast& node) {
  const std::string op(node.text("opcode"));
  if (op == "=") return assignment(node);
  if (op == ",") {
    sequenced(node.child(0));
    return value(node.child(1));
  }
  if (op == "&&" || op == "||") return logical(node);
  const CType left = unit_.type(node.child(0)), right = unit_.type(node.child(1));
  if ((left.is_pointer() && is_null(node.child(1))) || (right.is_pointer() && is_null(node.child(0))))
    refuse(node, kPointerTested);
  if (left.is_pointer() || right.is_pointer()) return compare_pointers(node, op);
  Term a = value(node.child(0));
  Term b = value(node.child(1));
  if (left.is_unsigned && (op == "/" || op == "%" || op == ">>")) {
    refuse_wrapped(node, node.child(0), UnsignedValues::Wraps::size);
    if (op != ">>") refuse_wrapped(node, node.child(1), UnsignedValues::Wraps::size);
  } else if (left.is_unsigned && (op[0] == '<' || op[0] == '>' || op == "==" || op == "!=") && op != "<<") {
    // What alone ends a loop would else lead out of the array.
    const bool whole_test = test_.there() && test_.begin() == node.begin() && test_.end() == node.end();
    const auto from = test_.there() ? UnsignedValues::Wraps::any : UnsignedValues::Wraps::counted;
    for (const std::size_t side : {0, 1})
      if (!whole_test) refuse_wrapped(node, node.child(side), from);
  }
  if (unit_.type(node).is_unsigned) refuse_wrapping(node, op, a, b);
  // Of an unsigned number x >= 0 says nothing.
  if (left.is_unsigned && op == ">=" && constant(b) == 0) return loop::integer(1);
  if (left.is_unsigned && op == "<" && constant(b) == 0) return loop::integer(0);
  return loop::binary(op, std::move(a), std::move(b));
}

void Lowering::refuse_wrapped(const Ast& node, const Ast& number, UnsignedValues::Wraps from) const {
  if (unsigned_.of(number) >= from)
    refuse(node, "an unsigned number is used that may have been made of a negative one, or have wrapped: use int or long long");
}

// Unsigned numbers are 64-bit ones here, which do not wrap: only counting by constants, and what leads to an array's element,
// is sure to have no need to.
void Lowering::refuse_wrapping(const Ast& node, const std::string& op, const Term& a, const Term& b) const {
  const bool adds = op == "+" || op == "-";
  if ((!adds && op != "*" && op != "<<") || in_subscript_ > 0) return;
  if (adds && counting_ > 0 && (constant(a) || constant(b))) return;
  refuse(node, fmt::format("{} of unsigned numbers, which wraps: {}", op, kInsteadOfWrapping));
}

// An operand that C may not evaluate: its side effects stand in the list.
Statements Lowering::aside(const Ast& node, Term& result) {
  Statements list;
  Statements* const before = std::exchange(here_, &list);
  Statements pending = std::exchange(effects_, {});
  result = condition(node);
  effects_ = std::move(pending);
  here_ = before;
  return list;
}

Term Lowering::logical(const Ast& node) {
  const std::string op(node.text("opcode"));
  Term left = condition(node.child(0)), right;  // all of it has happened before the right
  Statements effects = aside(node.child(1), right);
  if (effects.empty()) return loop::binary(op, std::move(left), std::move(right));
  const Term truth = draft_.local("truth", ScalarType::i32);
  add(assign(truth, is_true(std::move(left)), line(node)));
  effects.push_back(assign(truth, is_true(std::move(right)), line(node)));
  const Term asked = op == "&&" ? truth : loop::unary("!", truth);
  add(branch(asked, std::move(effects), {}, line(node)));
  return truth;
}

Term Lowering::choose(const Ast& node) {
  const ScalarType type = scalar_type(node);
  Term asked = condition(node.child(0)), yes, no;
  Statements before_yes = aside(node.child(1), yes), before_no = aside(node.child(2), no);
  yes = cast(type, std::move(yes)), no = cast(type, std::move(no));
  if (const auto known = constant(asked); known && (*known ? before_yes : before_no).empty()) return *known ? yes : no;
  if (before_yes.empty() && before_no.empty())
    return {Term::Kind::choose, type, {}, {std::move(asked), std::move(yes), std::move(no)}};
  const Term chosen = draft_.local("chosen", type);
  before_yes.push_back(assign(chosen, std::move(yes), line(node)));
  before_no.push_back(assign(chosen, std::move(no), line(node)));
  add(branch(std::move(asked), std::move(before_yes), std::move(before_no), line(node)));
  return chosen;
}

Term Lowering::assignment(const Ast& node) {
  const std::string op(node.text("opcode"));
  const CType type = unit_.type(node.child(0));
  if (type.is_unsigned) ++counting_;
  const Place object = place(node.child(0));
  if (!object.is_element() || !type.is_scalar())
    refuse(node, fmt::format("a {} is assigned to: float, double, int and long long are supported", type.spelled));
  const Term target = object.term();
  Term given = value(node.child(1));
  if (op != "=") {
    const Term left = cast(scalar_type(node, "computeLHSType"), target);
    if (unit_.type(node, "computeResultType").is_unsigned) refuse_wrapping(node, op.substr(0, op.size() - 1), left, given);
    given = cast(type.scalar, loop::binary(op.substr(0, op.size() - 1), left, std::move(given)));
  }
  given = cast(type.scalar, std::move(given));
  if (type.is_unsigned) --counting_;
  add(assign(target, given, line(node)));
  return is_literal(given) ? given : target;
}

Term Lowering::step(const Ast& node, bool value_needed) {
  const Place object = place(node.child(0));
  const ScalarType type = scalar_type(node);
  if (!object.is_element()) refuse(node, "an array is counted up");
  const Term target = object.term();
  const Term one = cast(type, loop::integer(1));
  Statement change = assign(target, loop::binary(node.text("opcode") == "++" ? "+" : "-", target, one), line(node));
  if (value_needed && node.flag("isPostfix"))
    effects_.push_back(std::move(change));
  else
    add(std::move(change));
  return target;
}

void Lowering::finish_effects() {
  for (Statement& statement : std::exchange(effects_, {})) add(std::move(statement));
}

// The left of a comma: all of it has happened before the right.
void Lowering::sequenced(const Ast& node) {
  Statements pending = std::exchange(effects_, {});
  effect(node);
  finish_effects();
  effects_ = std::move(pending);
}

// A value whose side effects have all happened when it is looked at: x++ > 0 is x = x + 1; x - 1 > 0.
Term Lowering::condition(const Ast& node) {
  Statements pending = std::exchange(effects_, {});
  Term found = value(node);
  for (Statement& statement : std::exchange(effects_, {})) {
    const Term target = statement.target, after = statement.value;
    const bool steps = target.kind == Term::Kind::scalar && !is_real(target.type) && after.kind == Term::Kind::binary &&
                       after.terms[0] == target && constant(after.terms[1]);
    if (!steps && loop::mentions(found, target.text)) {
      const Term kept = draft_.local("before", found.type);
      add(assign(kept, found, statement.line));
      found = kept;
    }
    add(std::move(statement));
    if (!steps) continue;
    const Term before = loop::binary(after.text == "+" ? "-" : "+", target, after.terms[1]);
    found = loop::replace(found, [&](const Term& part) { return part == target ? std::optional(before) : std::nullopt; });
  }
  effects_ = std::move(pending);
  return found;
}

void Lowering::effect(const Ast& node) {
  const std::string_view kind = node.kind(), op = node.text("opcode");
  const bool assigns = kind == "CompoundAssignOperator" || (kind == "BinaryOperator" && op == "=");
  const bool steps = kind == "UnaryOperator" && (op == "++" || op == "--");
  if (kind == "ParenExpr" || ((kind == "CStyleCastExpr" || kind == "ImplicitCastExpr") && node.text("castKind") == "ToVoid")) {
    if (!is_name(node.child(0))) effect(node.child(0));
  } else if ((assigns || steps) && unit_.type(node).is_pointer()) {
    pointer(node);
  } else if (assigns) {
    assignment(node);
  } else if (steps) {
    step(node, false);
  } else if (kind == "BinaryOperator" && op == ",") {
    sequenced(node.child(0));
    effect(node.child(1));
  } else if (kind == "CallExpr") {
    call(node, false);
  } else if (kind == "ConditionalOperator" && unit_.type(node).shape == CType::Shape::nothing) {
    Term asked = condition(node.child(0));
    Statements yes = lowered(node.child(1)), no = lowered(node.child(2));
    add(branch(std::move(asked), std::move(yes), std::move(no), line(node)));
  } else {
    value(node);
  }
}

Term Lowering::size_of_value(const Ast& node) {
  Ast of = node.child(0);
  while (of.is("ParenExpr")) of = of.child(0);
  const CType type = of.there() ? unit_.type(of) : unit_.type(node, "argType");
  if ((!type.is_scalar() && !type.is_array()) || type.is_unsigned)
    refuse(node, fmt::format("the size of a {} is not supported", type.spelled));
  std::int64_t size = size_of(type.scalar);
  for (const auto& extent : type.extents) {
    if (!extent) refuse(node, "the size of an array that is not constant");
    size *= *extent;
  }
  return loop::integer(size, ScalarType::i64);
}

}  // namespace ak::analyser
