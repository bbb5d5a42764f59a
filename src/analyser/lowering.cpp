#include "analyser/lowering.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ak/types.hpp"
#include "analyser/declarator.hpp"
#include "analyser/refused.hpp"
#include "base/text.hpp"

namespace ak::analyser {

using loop::ScalarType;
using loop::Term;

namespace {

// Names that geometry and kernels have beside the function's own.
constexpr const char* kReserved[] = {"result_", "sms_"};

bool calls(const Ast& node, std::string_view function) {
  if (node.is("DeclRefExpr") && node.part("referencedDecl").name() == function) return true;
  const auto children = node.children();
  return std::ranges::any_of(children, [&](const Ast& child) { return calls(child, function); });
}

std::string those_there_are(const Unit& unit) {
  std::string names;
  for (const Ast& function : unit.functions())
    if (unit.in_main_file(function)) names.append(names.empty() ? ": there are " : ", ").append(function.name());
  return one_line(names, 300);
}

}  // namespace

Term Place::term() const {
  if (stands_for) return *stands_for;
  return dimensions == 0 ? loop::scalar(name, type) : loop::element(name, subscripts, type);
}

void Lowering::refuse(const Ast& where, const std::string& words) const {
  throw Refused(fmt::format("line {}: {}", line(where), words));
}

ScalarType Lowering::scalar_type(const Ast& node, const char* key) const {
  const CType type = unit_.type(node, key);
  if (type.shape == CType::Shape::nothing) return ScalarType::none;
  if (!type.is_scalar())
    refuse(node,
           fmt::format("the type {} is not supported: float, double, int and long long are{}", type.spelled, remedy(type)));
  return type.scalar;
}

void Lowering::add(Statement statement) {
  constexpr int kMost = 3000;
  if (++statements_ > kMost)
    throw Refused(fmt::format("line {}: more than {} statements: split the function", statement.line, kMost));
  here_->push_back(std::move(statement));
}

void Lowering::refuse_kind(const Ast& node) const {
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {{"CaseStmt", "a case inside another statement"},
                                                                      {"DefaultStmt", "a default inside another statement"},
                                                                      {"GCCAsmStmt", "asm"},
                                                                      {"StmtExpr", "a block inside an expression"},
                                                                      {"CompoundLiteralExpr", "a compound literal"},
                                                                      {"StringLiteral", "a string"},
                                                                      {"IndirectGotoStmt", "a goto to a computed place"},
                                                                      {"InitListExpr", "a list of values"}};
  if (node.is("StmtExpr") && calls(node, "__assert_fail"))
    refuse(node, "assert is not supported: leave it out with -DNDEBUG (behind --)");
  std::string_view found = node.kind();
  for (const auto& [kind, words] : kWords)
    if (kind == node.kind()) found = words;
  refuse(node, fmt::format("{} is not supported{}", found,
                           node.is("GCCAsmStmt") ? ": write it in C"
                           : node.is("StmtExpr") ? ": make it a function"
                                                 : ""));
}

Draft Lowering::run() {
  const auto function = unit_.function(choice_.function);
  if (!function)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("there is no function {} with a body{}", one_line(choice_.function, 80), those_there_are(unit_)));
  if (choice_.function == "main" && choice_.body.empty())
    refuse(*function, "main is a program's own: make a function of its loops, or name one of them with --body");
  draft_.function.name = choice_.function;
  for (const char* word : kReserved) draft_.taken.insert(word);
  here_ = &draft_.body;
  std::set<std::string> seen{choice_.function};
  survey(*function, seen);
  unsigned_.settle();
  if (choice_.body.empty())
    whole(*function);
  else
    region(*function);
  order_parameters(draft_.function);
  return std::move(draft_);
}

// What the function and those that it calls assign to and use of file scope.
void Lowering::survey(const Ast& node, std::set<std::string>& seen) {
  unsigned_.survey(node);
  if (node.is("DeclRefExpr")) {
    const Ast to = node.part("referencedDecl");
    const std::string name(to.name());
    if (unit_.is_file_scope(to)) draft_.taken.insert(name);
    if (to.is("FunctionDecl") && seen.insert(name).second)
      if (const auto callee = unit_.function(name)) survey(*callee, seen);
  } else if (node.is("VarDecl") || node.is("ParmVarDecl")) {
    const CType type = unit_.type(node);
    wide_ = wide_ || (type.scalar == ScalarType::i64 && !type.is_unsigned);
  }
  if (const Ast target = assigned_by(node); target.there()) {
    assigned_.insert(std::string(target.id()));
    if (unit_.is_file_scope(target)) assigned_.insert(std::string(target.name()));
  }
  for (const Ast& child : node.children()) survey(child, seen);
}

Ast assigned_by(const Ast& node) {
  const std::string_view op = node.text("opcode");
  const bool assigns = node.is("CompoundAssignOperator") || (node.is("BinaryOperator") && op == "=") ||
                       (node.is("UnaryOperator") && (op == "++" || op == "--" || op == "&"));
  if (!assigns) return {};
  Ast target = node.child(0);
  while (target.is("ParenExpr")) target = target.child(0);
  return target.is("DeclRefExpr") ? target.part("referencedDecl") : Ast();
}

void Lowering::whole(const Ast& function) {
  const std::string_view type = function.type_text();
  const CType returns = unit_.type_of(type.substr(0, type.find('(')));
  if (returns.shape != CType::Shape::nothing && (!returns.is_scalar() || returns.is_unsigned))
    refuse(function, fmt::format("it returns {}: nothing, float, double, int and long long are supported{}",
                                 trimmed(returns.spelled), remedy(returns)));
  if (function.flag("variadic")) refuse(function, "its arguments vary in number: give it a fixed list");
  draft_.function.returns = returns.scalar;
  Ast body;
  for (const Ast& part : function.children()) {
    if (part.is("ParmVarDecl")) parameter(part);
    if (part.is("CompoundStmt")) body = part;
  }
  statement(body);
}

void Lowering::parameter(const Ast& declaration) {
  const CType type = unit_.type(declaration);
  const std::string id(declaration.id());
  if (declaration.name().empty()) refuse(declaration, "a parameter has no name: give it one");
  if (!type.is_scalar() && !type.is_pointer())
    refuse(declaration,
           fmt::format("the parameter {} is of type {}: float, double, int and long long and pointers to them are supported{}",
                       declaration.name(), type.spelled, remedy(type)));
  if (type.is_unsigned)
    refuse(declaration,
           fmt::format("the parameter {} is unsigned ({}): make it int or long long", declaration.name(), type.spelled));
  loop::Parameter made;
  made.name = draft_.unique(std::string(declaration.name()));
  made.type = type.scalar;
  made.pointer = type.is_pointer();
  made.constant = made.pointer && type.constant;
  if (made.pointer) add_extents(made, declaration, type);
  Variable variable;
  variable.type = type;
  variable.place = {made.name, made.type, made.extents.size(), {}};
  if (assigned_.contains(id)) {
    const Term own = draft_.local(made.name, made.pointer ? pointer_step() : made.type);
    add(assign(own, made.pointer ? loop::integer(0, own.type) : loop::scalar(made.name, made.type), line(declaration)));
    if (made.pointer) {
      variable.pointer = variable.bound = true;
      variable.place.subscripts = {own};
    } else {
      variable.place.name = own.text;
    }
  }
  draft_.function.parameters.push_back(std::move(made));
  variables_[id] = std::move(variable);
}

void Lowering::add_extents(loop::Parameter& parameter, const Ast& declaration, const CType& type) {
  const std::size_t begin = declaration.begin(), end = std::min(declaration.end(), unit_.text().size());
  const std::string_view text = std::string_view(unit_.text()).substr(begin, end > begin ? end - begin : 0);
  const NameValue value = [&](std::string_view name) -> std::optional<Term> {
    for (const loop::Parameter& other : draft_.function.parameters)
      if (other.name == name && !other.pointer && !is_real(other.type)) return loop::scalar(other.name, other.type);
    if (const auto number = unit_.enumerator(name)) return loop::integer(*number);
    if (const auto global = unit_.variable(name))
      if (const auto literal = literal_initial(*global); literal && constant(*literal)) return literal;
    return std::nullopt;
  };
  auto extents = read_declarator(text, declaration.name(), value);
  if (extents.size() != type.extents.size() + 1) extents.assign(type.extents.size() + 1, std::nullopt);
  for (std::size_t i = 0; i < extents.size(); ++i) {
    if (i > 0 && type.extents[i - 1]) extents[i] = loop::integer(*type.extents[i - 1]);
    if (!extents[i] && i > 0)
      refuse(declaration,
             fmt::format("the extent {} of {} is not an expression over the parameters before it", i + 1, parameter.name));
    parameter.extents.push_back(extents[i] ? *extents[i] : loop::integer(0));
  }
  parameter.length_known = extents[0].has_value();
}

std::optional<Term> Lowering::literal_initial(const Ast& declaration) {
  const CType type = unit_.type(declaration);
  if (!type.is_scalar() || !type.constant || declaration.text("init").empty()) return std::nullopt;
  Statements none;
  Statements* const before = std::exchange(here_, &none);
  std::optional<Term> found;
  try {
    found = cast(type.scalar, value(declaration.children().back()));
  } catch (const Refused&) {
  }
  here_ = before;
  if (!none.empty() || !found) return std::nullopt;
  const Term& inner = found->kind == Term::Kind::unary ? found->terms[0] : *found;
  if (const auto whole = constant(*found)) return loop::integer(*whole, type.scalar);
  return inner.kind == Term::Kind::real ? found : std::nullopt;
}

// `const float kHalf = 0.5f;` is its value wherever it stands.
std::optional<Term> Lowering::constant_variable(const Ast& reference) {
  const bool whole = !reference.text("init").empty();
  if (whole) return literal_initial(reference);
  if (variables_.contains(reference.id())) return std::nullopt;
  const auto global = unit_.is_file_scope(reference) ? unit_.variable(reference.name()) : std::nullopt;
  return global ? literal_initial(*global) : std::nullopt;
}

Variable& Lowering::variable(const Ast& reference) {
  const Ast to = reference.part("referencedDecl");
  const auto found = variables_.find(to.id());
  if (found != variables_.end()) {
    if (found->second.type.shape == CType::Shape::other)
      refuse(reference, fmt::format("{} is of type {}, which is not supported{}", to.name(), found->second.type.spelled,
                                    remedy(found->second.type)));
    return found->second;
  }
  if (to.is("EnumConstantDecl"))
    refuse(reference, fmt::format("{} is of an enum inside the function: declare that before it", to.name()));
  if (!unit_.is_file_scope(to)) refuse(reference, fmt::format("{} is not a variable that can be followed", to.name()));
  return file_scope(reference, to.name());
}

Variable& Lowering::file_scope(const Ast& reference, std::string_view name) {
  const auto [at, is_new] = globals_.try_emplace(std::string(name));
  Variable& variable = at->second;
  if (!is_new) return variable;
  const CType type = unit_.type(*unit_.variable(name));
  const bool assigned = assigned_.contains(std::string(name));
  variable.type = type;
  if (type.shape == CType::Shape::other || type.is_unsigned)
    refuse(reference,
           fmt::format("the file-scope variable {} is of type {}, which is not supported{}", name, type.spelled, remedy(type)));
  loop::Parameter made;
  made.name = name;
  made.type = type.scalar;
  made.implicit = true;
  made.constant = type.constant;
  made.pointer = !type.is_scalar() || assigned;
  if (type.is_pointer()) {
    if (assigned && choice_.body.empty())
      refuse(reference, fmt::format("the file-scope pointer {} is assigned to: make it a local", name));
    variable.pointer = assigned;
    made.extents.push_back(loop::integer(0));
    made.length_known = false;
  }
  for (std::size_t i = 0; i < type.extents.size(); ++i) {
    if (!type.extents[i] && i > 0) refuse(reference, fmt::format("the extents of {} are not constant", name));
    if (!type.extents[i] && choice_.body.empty())
      refuse(reference, fmt::format("the file-scope array {0} has no length here: write it, {0}[LENGTH]", name));
    made.length_known = made.length_known && type.extents[i].has_value();
    made.extents.push_back(loop::integer(type.extents[i].value_or(0)));
  }
  variable.place = {made.name, made.type, made.extents.size(), {}};
  if (variable.pointer) {
    draft_.taken.erase(made.name);  // a local stands for it
    variable.place.name.clear();
    return variable;
  }
  if (type.is_scalar() && assigned) {  // written for others to see: an array of one
    made.extents = {loop::integer(1)};
    variable.place = {made.name, made.type, 1, {loop::integer(0)}};
  }
  draft_.function.parameters.push_back(std::move(made));
  return variable;
}

}  // namespace ak::analyser
