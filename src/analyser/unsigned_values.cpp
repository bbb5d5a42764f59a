#include "analyser/unsigned_values.hpp"

#include <algorithm>

namespace ak::analyser {

namespace {

using Wraps = UnsignedValues::Wraps;

Ast plain(Ast node) {
  while (node.is("ParenExpr") || node.is("ConstantExpr") || (node.is("ImplicitCastExpr") && node.text("castKind") != "IntegralCast"))
    node = node.child(0);
  return node;
}

/// Without conversions too.
Ast core(Ast node) {
  while (node.is("ParenExpr") || node.is("ConstantExpr") || node.is("ImplicitCastExpr") || node.is("CStyleCastExpr"))
    node = node.child(0);
  return node;
}

bool is_literal(const Ast& node) {
  return node.is("IntegerLiteral") || node.is("CharacterLiteral") || node.is("UnaryExprOrTypeTraitExpr");
}

bool is_zero(const Ast& node) { return core(node).is("IntegerLiteral") && core(node).text("value") == "0"; }

std::string variable_of(const Ast& node) {
  const Ast found = core(node);
  return found.is("DeclRefExpr") ? std::string(found.part("referencedDecl").id()) : std::string();
}

Wraps worse(Wraps a, Wraps b) { return std::max(a, b); }

}  // namespace

void UnsignedValues::survey(const Ast& node) {
  const std::string_view op = node.text("opcode");
  if (node.is("ForStmt"))
    survey_loop(node.child(2), node);
  else if (node.is("WhileStmt"))
    survey_loop(node.children()[node.children().size() - 2], node);
  else if (node.is("DoStmt"))
    survey_loop(node.child(1), {});
  if (node.is("VarDecl") && is_unsigned(node) && !node.text("init").empty()) {
    sources_.push_back({std::string(node.id()), node.children().back()});
  } else if (node.is("CallExpr")) {
    const auto arguments = node.children();
    const auto callee = unit_.function(core(arguments[0]).part("referencedDecl").name());
    std::size_t i = 0;
    for (const Ast& part : callee ? callee->children() : std::vector<Ast>())
      if (part.is("ParmVarDecl") && ++i < arguments.size() && is_unsigned(part))
        sources_.push_back({std::string(part.id()), arguments[i]});
  }
  const bool compound = node.is("CompoundAssignOperator"), steps = node.is("UnaryOperator") && (op == "++" || op == "--");
  if (!(compound || steps || (node.is("BinaryOperator") && op == "=")) || !is_unsigned(node.child(0))) return;
  Source source{variable_of(node.child(0)), {}};
  if (op == "=" || op == "+=" || op == "|=" || op == "^=") source.value = node.child(1);
  if (op == "--" || op == "-=") source.wraps = Wraps::counted;
  if (const auto loop = guarded_.find(node.begin()); loop != guarded_.end())
    source.begin = loop->second.first, source.end = loop->second.second;
  // Steps of one never come round in 32 bits.
  if (op == "+=" && core(node.child(1)).text("value") != "1" && !asked_.contains(source.variable))
    sources_.push_back({source.variable, {}, Wraps::counted});
  sources_.push_back(std::move(source));
}

/// `while (i-- > 0)` steps below 0 where it ends, `for (; i > 0; i--)` never.
void UnsignedValues::survey_loop(const Ast& condition, const Ast& whole) {
  const auto visit = [&](const auto& self, const Ast& node) -> void {
    if (!node.there()) return;
    if (node.is("DeclRefExpr")) asked_.insert(std::string(node.part("referencedDecl").id()));
    for (const Ast& child : node.children()) self(self, child);
  };
  visit(visit, condition);
  const auto guard = [&](const auto& self, const Ast& given) -> void {
    const Ast node = core(given);
    const std::string_view op = node.text("opcode");
    if (node.is("BinaryOperator") && op == "&&") return self(self, node.child(0)), self(self, node.child(1));
    const bool beside_zero = node.is("BinaryOperator") && (op == ">" || op == "!=") && is_zero(node.child(1));
    const Ast asked = beside_zero ? core(node.child(0)) : node;
    if (asked.is("UnaryOperator") && asked.text("opcode") == "--" && asked.flag("isPostfix"))
      guarded_[asked.begin()] = {whole.begin(), whole.end()};
    const Ast step = whole.is("ForStmt") ? core(whole.child(3)) : Ast();
    if (asked.is("DeclRefExpr") && step.is("UnaryOperator") && variable_of(step.child(0)) == variable_of(asked))
      guarded_[step.begin()] = {0, static_cast<std::size_t>(-1)};
  };
  if (condition.there() && whole.there()) guard(guard, condition);
}

void UnsignedValues::settle() {
  for (bool changed = true; changed;) {
    changed = false;
    for (const Source& source : sources_) {
      if (source.end) continue;
      Wraps& known = settled_[source.variable];
      const Wraps now = worse(known, of_source(source));
      changed = changed || now != known;
      known = now;
    }
  }
}

UnsignedValues::Wraps UnsignedValues::of(const Ast& expression) const {
  const Ast node = plain(expression);
  const std::string_view op = node.text("opcode");
  if (is_literal(node)) return Wraps::never;
  if ((node.is("ImplicitCastExpr") || node.is("CStyleCastExpr")) && is_unsigned(node)) return of_converted(node.child(0));
  if (!is_unsigned(node)) return Wraps::any;
  if (node.is("DeclRefExpr")) {
    const std::string id(node.part("referencedDecl").id());
    const auto found = settled_.find(id);
    Wraps wraps = found == settled_.end() ? Wraps::never : found->second;
    for (const Source& source : sources_)
      if (source.end && source.variable == id && (node.begin() < source.begin || node.begin() >= source.end))
        wraps = worse(wraps, source.wraps);
    return wraps;
  }
  if (node.is("UnaryOperator")) return op == "++" || op == "+" ? of(node.child(0)) : worse(Wraps::counted, of(node.child(0)));
  if (node.is("ConditionalOperator")) return worse(of(node.child(1)), of(node.child(2)));
  if (!node.is("BinaryOperator")) return Wraps::any;
  if (op == ",") return of(node.child(1));
  const Wraps left = of(node.child(0)), right = of(node.child(1));
  if (op == "&") return std::min(left, right);
  return op == "-" ? worse(Wraps::counted, worse(left, right)) : worse(left, right);
}

UnsignedValues::Wraps UnsignedValues::of_converted(const Ast& inner) const {
  if (is_unsigned(inner)) return of(inner);
  const Ast node = core(inner);
  if (is_literal(node)) return Wraps::never;
  if (node.is("UnaryOperator") && node.text("opcode") == "-" && is_literal(core(node.child(0)))) return Wraps::counted;
  if (node.is("DeclRefExpr") && node.part("referencedDecl").is("EnumConstantDecl")) return Wraps::never;
  if (node.is("DeclRefExpr") && node.part("referencedDecl").is("ParmVarDecl")) return Wraps::size;
  if (node.is("BinaryOperator")) {
    const std::string_view op = node.text("opcode");
    const Wraps parts = worse(of_converted(node.child(0)), of_converted(node.child(1)));
    if (op == "+" || op == "*" || op == "/" || op == ">>" || op == "%") return parts;
    if (op == "-") return worse(Wraps::counted, parts);
    if (op == "&") return std::min(of_converted(node.child(0)), of_converted(node.child(1)));
    if (op == "<" || op == ">" || op == "<=" || op == ">=" || op == "==" || op == "!=") return Wraps::never;
  }
  return Wraps::any;
}

}  // namespace ak::analyser
