// Objects and pointers: every pointer is an array with subscripts, and a pointer that moves has locals for them.
#include <fmt/format.h>

#include <algorithm>

#include "analyser/lowering.hpp"

namespace ak::analyser {

using loop::ScalarType;
using loop::Term;

namespace {

Ast without_parentheses(Ast node) {
  while (node.is("ParenExpr")) node = node.child(0);
  return node;
}

}  // namespace

Place Lowering::place(const Ast& given) {
  const Ast node = without_parentheses(given);
  if (node.is("DeclRefExpr")) {
    const Variable& found = variable(node);
    if (found.type.is_pointer()) refuse(node, "a pointer is used as a number");
    return found.place;
  }
  if (node.is("ArraySubscriptExpr")) {
    const Ast left = node.child(0), right = node.child(1);
    const bool turned = unit_.type(right).is_pointer();  // 2[a]
    const Place base = pointer(turned ? right : left);
    return advanced(base, subscript(turned ? left : right), node);
  }
  if (node.is("UnaryOperator") && node.text("opcode") == "*") return pointer(node.child(0));
  if (node.is("ImplicitCastExpr") && node.text("castKind") == "NoOp") return place(node.child(0));
  if (node.is("MemberExpr")) refuse(node, fmt::format("the member {} of a struct: pass its value as a parameter", node.name()));
  refuse_kind(node);
}

Place Lowering::pointer(const Ast& given) {
  const Ast node = without_parentheses(given);
  const std::string_view op = node.text("opcode");
  if (node.is("ImplicitCastExpr") || node.is("CStyleCastExpr")) {
    const std::string_view kind = node.text("castKind");
    if (kind == "ArrayToPointerDecay") {
      Place array = place(node.child(0));
      array.subscripts.push_back(loop::integer(0));
      return array;
    }
    if (kind == "LValueToRValue") {
      const Ast object = without_parentheses(node.child(0));
      if (!object.is("DeclRefExpr")) refuse(node, "a pointer is read from memory: arrays of pointers are not supported");
      const Variable& found = variable(object);
      const bool unknown_rows = std::ranges::any_of(found.type.extents, [](const auto& one) { return !one; });
      if (found.pointer && !found.bound && unknown_rows && !choice_.body.empty())
        refuse(node, fmt::format("the inner extents of {} are not constant, which the body of a loop alone needs",
                                 object.part("referencedDecl").name()));
      if (found.pointer && !found.bound)
        refuse(node, fmt::format("the pointer {} is used before it is set", object.part("referencedDecl").name()));
      Place to = found.place;
      walks(to);
      if (!found.pointer && to.dimensions > 0 && found.type.is_pointer() && to.subscripts.empty())
        to.subscripts.push_back(loop::integer(0));
      return to;
    }
    if (kind == "NoOp" || kind == "BitCast") {
      const CType from = unit_.type(node.child(0)), to = unit_.type(node);
      if (from.is_pointer() && to.is_pointer() && from.scalar == to.scalar && from.extents == to.extents)
        return pointer(node.child(0));
      if (from.spelled == "void *")
        refuse(node,
               fmt::format("memory of no type is made a {}: make it a parameter, which the caller allocates", to.spelled));
      refuse(node, fmt::format("a {} is made a {}: what it points to would change its type", from.spelled, to.spelled));
    }
  }
  if (node.is("UnaryOperator")) {
    if (op == "&") {
      const Place object = place(node.child(0));
      if (object.dimensions > 0 && object.subscripts.empty())
        refuse(node, "the address of a whole array: use its first element's");
      walks(object);
      return object;
    }
    if (op == "++" || op == "--") {
      const Ast target = without_parentheses(node.child(0));
      const Term by = loop::integer(op == "++" ? 1 : -1);
      if (!node.flag("isPostfix")) {
        move_pointer(target, by, line(node));
        return moved(target);
      }
      const Place now = moved(target);
      Statements* const before = std::exchange(here_, &effects_);
      move_pointer(target, by, line(node));
      here_ = before;
      return now;
    }
  }
  if (node.is("BinaryOperator")) {
    if (op == "+" || op == "-") {
      const bool turned = !unit_.type(node.child(0)).is_pointer();
      const Place base = pointer(node.child(turned ? 1 : 0));
      const Term by = subscript(node.child(turned ? 0 : 1));
      return advanced(base, op == "-" ? loop::unary("-", by) : by, node);
    }
    if (op == "=") {
      const Ast target = without_parentheses(node.child(0));
      point(target, pointer(node.child(1)), line(node));
      return moved(target);
    }
    if (op == ",") {
      sequenced(node.child(0));
      return pointer(node.child(1));
    }
  }
  if (node.is("CompoundAssignOperator")) {
    const Ast target = without_parentheses(node.child(0));
    const Term by = subscript(node.child(1));
    move_pointer(target, op == "-=" ? loop::unary("-", by) : by, line(node));
    return moved(target);
  }
  refuse(node, fmt::format("where this pointer ({}) leads cannot be followed: use arrays and subscripts", node.kind()));
}

// A pointer to an element of a row may go on into the next.
void Lowering::walks(const Place& to) {
  if (to.dimensions > 1 && to.is_element()) draft_.walked.insert(to.name);
}

Place Lowering::advanced(Place base, const Term& by, const Ast& where) const {
  if (base.subscripts.empty()) {
    if (constant(by) == 0) return base;
    refuse(where, fmt::format("the pointer to {} moves, which is no array", base.name));
  }
  Term& last = base.subscripts.back();
  if (constant(last) == 0 && last.kind == Term::Kind::integer)
    last = by;
  else if (by.kind == Term::Kind::unary && by.text == "-")
    last = loop::binary("-", last, by.terms[0]);
  else if (const auto less = constant(by); less && *less < 0)
    last = loop::binary("-", last, loop::integer(-*less, by.type));
  else
    last = loop::binary("+", last, by);
  return base;
}

// The value of an integer to be used as a subscript: widening changes nothing of it.
Term Lowering::subscript(const Ast& node) {
  ++in_subscript_;
  Term found = value(node);
  --in_subscript_;
  while (found.kind == Term::Kind::convert && found.type == ScalarType::i64 && !is_real(found.terms[0].type))
    found = Term(found.terms[0]);
  if (const auto number = constant(found); number && *number == static_cast<std::int32_t>(*number))
    return loop::integer(*number);
  return found;
}

Place& Lowering::moved(const Ast& target) {
  if (!target.is("DeclRefExpr")) refuse(target, "a pointer in memory is changed: arrays of pointers are not supported");
  Variable& found = variable(target);
  if (!found.pointer || !found.bound)
    refuse(target, fmt::format("the pointer {} moves before it is set", target.part("referencedDecl").name()));
  return found.place;
}

void Lowering::move_pointer(const Ast& target, const Term& by, int at) {
  const Place& now = moved(target);
  if (now.subscripts.empty()) refuse(target, fmt::format("the pointer to {} moves, which is no array", now.name));
  const Term last = now.subscripts.back();
  const Place next = advanced(now, by, target);
  add(assign(last, cast(last.type, next.subscripts.back()), at));
}

void Lowering::point(const Ast& target, const Place& to, int at) {
  const bool is_declaration = target.is("VarDecl") || target.is("ParmVarDecl");
  if (!target.is("DeclRefExpr") && !is_declaration)
    refuse(target, "a pointer in memory is set: arrays of pointers are not supported");
  Variable& pointer = is_declaration ? variables_[std::string(target.id())] : variable(target);
  const std::string name(is_declaration ? target.name() : target.part("referencedDecl").name());
  if (!pointer.bound) {
    pointer.bound = pointer.pointer = true;
    pointer.place = to;
    for (std::size_t i = 0; i < to.subscripts.size(); ++i) {
      const bool last = i + 1 == to.subscripts.size();
      pointer.place.subscripts[i] = draft_.local(last ? name : name + "_row", pointer_step());
    }
  } else if (pointer.place.name != to.name || pointer.place.subscripts.size() != to.subscripts.size()) {
    refuse(target,
           fmt::format("the pointer {} points into {} and into {}: use two pointers", name, pointer.place.name, to.name));
  }
  // At once: a pointer may be set from itself.
  const Place own = pointer.place;
  for (std::size_t i = 0; i < to.subscripts.size(); ++i)
    add(assign(own.subscripts[i], cast(own.subscripts[i].type, to.subscripts[i]), at));
}

Term Lowering::compare_pointers(const Ast& node, const std::string& op) {
  const Place left = pointer(node.child(0)), right = pointer(node.child(1));
  if (left.name != right.name || left.subscripts.size() != right.subscripts.size() || left.subscripts.empty())
    refuse(node, fmt::format("pointers into {} and into {} are compared: give the loop a count of elements", left.name, right.name));
  const std::size_t last = left.subscripts.size() - 1;
  for (std::size_t i = 0; i < last; ++i)
    if (left.subscripts[i] != right.subscripts[i]) refuse(node, "pointers into two rows are compared: give the loop a count of elements");
  return loop::binary(op, left.subscripts[last], right.subscripts[last]);
}

}  // namespace ak::analyser
