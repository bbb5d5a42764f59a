// Calls: of the C library's mathematics, of functions with a body in the file, and of what is left out.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "analyser/lowering.hpp"
#include "analyser/mathematics.hpp"

namespace ak::analyser {

using loop::ScalarType;
using loop::Term;

namespace {

constexpr std::size_t kDeepestCalls = 16;
constexpr int kMostInlined = 200;

/// `return expression;` alone: the expression.
Ast only_value(const Ast& body) {
  const auto statements = body.children();
  return statements.size() == 1 && statements[0].is("ReturnStmt") ? statements[0].child(0) : Ast();
}

/// `return expression;` as the only return of a body, at its end: the expression.
Ast last_value(const Ast& body) {
  const auto statements = body.children();
  if (statements.empty() || !statements.back().is("ReturnStmt")) return {};
  int returns = 0;
  const auto look = [&](const auto& self, const Ast& node) -> void {
    if (node.is("ReturnStmt")) ++returns;
    for (const Ast& child : node.children()) self(self, child);
  };
  look(look, body);
  return returns == 1 ? statements.back().child(0) : Ast();
}

/// Whether anything is assigned to; of what it calls, the visible functions' bodies count, each once.
bool has_effects(const Unit& unit, const Ast& node, std::set<std::string_view>& seen) {
  const std::string_view op = node.text("opcode");
  if (node.is("CompoundAssignOperator") || (node.is("BinaryOperator") && op == "=") ||
      (node.is("UnaryOperator") && (op == "++" || op == "--")))
    return true;
  if (const Ast to = node.part("referencedDecl"); node.is("DeclRefExpr") && to.is("FunctionDecl"))
    if (const auto callee = seen.insert(to.name()).second ? unit.function(to.name()) : std::nullopt;
        callee && has_effects(unit, *callee, seen))
      return true;
  const auto children = node.children();
  return std::any_of(children.begin(), children.end(), [&](const Ast& child) { return has_effects(unit, child, seen); });
}
bool has_effects(const Unit& unit, const Ast& node) {
  std::set<std::string_view> seen;
  return has_effects(unit, node, seen);
}

/// The variable that a pointer comes from.
Ast root(Ast node) {
  for (;;) {
    const std::string_view op = node.text("opcode");
    if (node.is("DeclRefExpr")) return node.part("referencedDecl").is("FunctionDecl") ? Ast() : node;
    if (node.is("ParenExpr") || node.is("ImplicitCastExpr") || node.is("CStyleCastExpr") || node.is("UnaryOperator") ||
        node.is("ArraySubscriptExpr") || node.is("CompoundAssignOperator")) {
      node = node.child(0);
    } else if (node.is("BinaryOperator")) {
      const bool second = op == "," || (op == "+" && node.child(1).type_text().find('*') != std::string_view::npos);
      node = node.child(second ? 1 : 0);
    } else {
      return {};
    }
  }
}

/// For a call that nothing is known of.
std::string remedy(std::string_view name, bool value_needed) {
  if (name.starts_with("__builtin_")) name.remove_prefix(std::string_view("__builtin_").size());
  for (const std::string_view moves : {"memset", "memcpy", "memmove"})
    if (name == moves || name == fmt::format("__{}_chk", moves)) return "write it as a loop";
  if (value_needed) return "put its body into the file";
  return fmt::format("put its body into the file, or, if what it does may be missing, leave it out with --drop {}", name);
}

bool is_plain(const Term& term) {
  bool plain = true;
  loop::for_each(term, [&](const Term& part) { plain = plain && part.kind != Term::Kind::element; });
  return plain;
}

}  // namespace

std::string Lowering::callee_name(const Ast& node) const {
  Ast callee = node.child(0);
  while (callee.is("ImplicitCastExpr") || callee.is("ParenExpr")) callee = callee.child(0);
  const Ast to = callee.part("referencedDecl");
  if (!to.is("FunctionDecl")) refuse(node, "a call through a pointer: name the function");
  return std::string(to.name());
}

std::optional<Term> Lowering::call(const Ast& node, bool value_needed) {
  const std::string name = callee_name(node);
  const auto parts = node.children();
  if (choice_.drop.contains(name)) {
    for (std::size_t i = 1; i < parts.size(); ++i)
      if (unit_.type(parts[i]).is_scalar())
        if (Term given = value(parts[i]); !is_literal(given)) handed_out_ = std::move(given);
    if (does_not_return(node)) {
      Statement end;
      end.kind = Statement::Kind::finish;
      end.line = line(node);
      add(std::move(end));
    }
    return std::nullopt;
  }
  if (const auto callee = unit_.function(name)) return inlined(node, *callee);
  if (auto made = special_value(name)) return made;
  if (parts.size() == 2 && classifies(name)) {
    Term given = value(parts[1]);
    return classified(name, is_real(given.type) ? std::move(given) : cast(ScalarType::f64, std::move(given)));
  }
  const std::string known = mathematics(name);
  if (known.empty()) {
    refuse(node, fmt::format("it calls {}, whose body is not in the file: {}", name, remedy(name, value_needed)));
  }
  Term made{Term::Kind::call, scalar_type(node), known, {}};
  for (std::size_t i = 1; i < parts.size(); ++i) made.terms.push_back(value(parts[i]));
  return made;
}

bool Lowering::does_not_return(const Ast& node) const {
  Ast callee = node.child(0);
  while (callee.is("ImplicitCastExpr") || callee.is("ParenExpr")) callee = callee.child(0);
  return callee.part("referencedDecl").type_text().find("noreturn") != std::string_view::npos;
}

std::optional<Term> Lowering::inlined(const Ast& node, const Ast& callee) {
  const std::string name(callee.name());
  if (name == choice_.function || std::find(callees_.begin(), callees_.end(), name) != callees_.end())
    refuse(node, fmt::format("{} calls itself: write it as a loop", name));
  if (callees_.size() >= kDeepestCalls) refuse(node, fmt::format("calls are nested more than {} deep", kDeepestCalls));
  if (++inlined_ > kMostInlined) refuse(node, fmt::format("more than {} calls would have to be inlined", kMostInlined));
  const auto parts = node.children();
  std::vector<Ast> parameters;
  Ast body;
  for (const Ast& part : callee.children()) {
    if (part.is("ParmVarDecl")) parameters.push_back(part);
    if (part.is("CompoundStmt")) body = part;
  }
  if (callee.flag("variadic") || parameters.size() != parts.size() - 1)
    refuse(node, fmt::format("{} is called with {} arguments and takes {}", name, parts.size() - 1, parameters.size()));
  const std::size_t statements_before = here_->size(), locals_before = draft_.function.locals.size();
  const Ast only = only_value(body);
  std::optional<std::set<std::string>> written;  // what the callee may write through its pointers; nothing: it writes nothing
  if (!only.there() || has_effects(unit_, only)) {
    written.emplace();
    for (std::size_t i = 0; i < parameters.size(); ++i)
      if (const CType to = unit_.type(parameters[i]); to.is_pointer() && !to.constant)
        if (const Ast from = root(parts[i + 1]); from.there()) written->insert(variable(from).place.name);
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) bind(parameters[i], parts[i + 1], written);
  const std::string_view type = callee.type_text();
  const CType returns = unit_.type_of(type.substr(0, type.find('(')));
  if (returns.shape != CType::Shape::nothing && !returns.is_scalar())
    refuse(node, fmt::format("{} returns {}, which is not supported{}", name, returns.spelled, remedy(returns)));

  finish_effects();  // a call comes after its arguments
  callees_.push_back(name);
  const int instance = std::exchange(instance_, ++instances_);
  std::optional<Term> result;
  if (only.there()) {
    result = cast(returns.scalar, condition(only));
  } else if (const Ast last = last_value(body); last.there()) {
    auto statements = body.children();
    statements.pop_back();
    for (const Ast& one : statements) statement(one);
    result = cast(returns.scalar, condition(last));
  } else {
    Return target{fmt::format("end.{}", instance_), Term{}};
    target.value.type = ScalarType::none;
    if (returns.is_scalar()) target.value = draft_.local(name, returns.scalar);
    const std::string end = target.label;
    if (returns.is_scalar()) result = target.value;
    returns_.push_back(std::move(target));
    std::vector<Target> targets = std::exchange(targets_, {});
    statement(body);
    targets_ = std::move(targets);
    returns_.pop_back();
    Statement behind;
    behind.kind = Statement::Kind::label;
    behind.line = line(node);
    behind.name = end;
    add(std::move(behind));
  }
  // The value is that at the call, whatever another call in the same expression changes.
  std::set<std::string> changed = written_in({here_->begin() + static_cast<std::ptrdiff_t>(statements_before), here_->end()});
  for (std::size_t i = locals_before; i < draft_.function.locals.size(); ++i) changed.erase(draft_.function.locals[i].name);
  if (result && result->type != ScalarType::none && (mentions_any(*result, changed) || (!only.there() && !is_plain(*result)))) {
    const Term kept = draft_.local(name, result->type);
    add(assign(kept, std::move(*result), line(node)));
    result = kept;
  }
  instance_ = instance;
  callees_.pop_back();
  return result;
}

// An argument stands for its parameter itself where nothing can change it while the callee runs.
void Lowering::bind(const Ast& parameter, const Ast& argument, const std::optional<std::set<std::string>>& written) {
  const auto stays = [&](const Term& term) { return !written || (is_plain(term) && !mentions_any(term, *written)); };
  const CType type = unit_.type(parameter);
  const std::string id(parameter.id());
  Variable made;
  made.type = type;
  if (type.is_pointer()) {
    const Place to = pointer(argument);
    if (to.type != type.scalar) refuse(argument, fmt::format("{} is given a pointer of another type", parameter.name()));
    if (assigned_.contains(id) || !std::all_of(to.subscripts.begin(), to.subscripts.end(), stays)) {
      made.pointer = true;
      variables_[id] = made;
      point(parameter, to, line(argument));
      return;
    }
    made.place = to;
    made.pointer = made.bound = true;
  } else if (type.is_scalar()) {
    if (type.is_unsigned) ++counting_;
    Term given = cast(type.scalar, value(argument));
    if (type.is_unsigned) --counting_;
    const bool stands = !assigned_.contains(id) && effects_.empty() && stays(given);
    if (stands) {
      made.place.stands_for = given;
      made.place.type = type.scalar;
    } else {
      made.place = {draft_.local(std::string(parameter.name()), type.scalar).text, type.scalar, 0, {}};
      add(assign(made.place.term(), std::move(given), line(argument)));
    }
  } else {
    refuse(argument, fmt::format("{} is of type {}, which is not supported{}", parameter.name(), type.spelled, remedy(type)));
  }
  variables_[id] = std::move(made);
}

}  // namespace ak::analyser
