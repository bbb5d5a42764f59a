// The body of a loop inside a function, as a function of its own: what it reads from outside becomes a parameter or, where its
// value is known there, a constant.
#include "analyser/region.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ak/types.hpp"
#include "analyser/liveness.hpp"
#include "analyser/lowering.hpp"
#include "analyser/refused.hpp"

namespace ak::analyser {

using loop::ScalarType;
using loop::Term;
using Kind = Statement::Kind;

namespace {

bool counts_over(const Ast& loop, std::string_view variable) {
  const Ast init = loop.child(0);
  if (init.is("DeclStmt")) return init.child(0).name() == variable;
  const Ast target = assigned_by(init);
  return target.there() && target.name() == variable;
}

bool is_loop(const Ast& node) { return node.is("ForStmt") || node.is("WhileStmt") || node.is("DoStmt"); }
bool is_label(const Ast& node) { return node.is("LabelStmt") || node.is("CaseStmt") || node.is("DefaultStmt"); }

/// What runs before the loop over `variable`, outermost block first, with the loops and labels around it, and the loop; false
/// where there is none.
bool find_region(const Ast& node, std::string_view variable, Region& found) {
  if (node.is("ForStmt") && counts_over(node, variable)) {
    found.loop = node;
    return true;
  }
  const std::size_t outer = found.before.size();
  if (is_loop(node) || is_label(node)) found.before.push_back({node, true});
  for (const Ast& child : node.children()) {
    if (find_region(child, variable, found)) return true;
    if (node.is("CompoundStmt")) found.before.push_back({child, false});
  }
  found.before.resize(outer);
  return false;
}

using Ids = std::set<std::string, std::less<>>;

/// Ids of the variables that are named below the node, and those that are declared there.
void names_in(const Ast& node, Ids& named, Ids& declared) {
  if (node.is("DeclRefExpr")) named.emplace(node.part("referencedDecl").id());
  if (node.is("VarDecl")) declared.emplace(node.id());
  for (const Ast& child : node.children()) names_in(child, named, declared);
}

/// Ids of what has its address taken below the node.
void addressed_in(const Ast& node, Ids& found) {
  if (node.is("UnaryOperator") && node.text("opcode") == "&")
    if (const Ast target = assigned_by(node); target.there()) found.emplace(target.id());
  for (const Ast& child : node.children()) addressed_in(child, found);
}

/// Ids and file-scope names of what is assigned to below the node and in the functions that are called there.
void assigned_in(const Unit& unit, const Ast& node, Ids& found, Ids& seen) {
  if (const Ast target = assigned_by(node); target.there())
    found.emplace(unit.is_file_scope(target) ? target.name() : target.id());
  if (node.is("DeclRefExpr"))
    if (const Ast to = node.part("referencedDecl"); to.is("FunctionDecl") && seen.emplace(to.name()).second)
      if (const auto callee = unit.function(to.name())) assigned_in(unit, *callee, found, seen);
  for (const Ast& child : node.children()) assigned_in(unit, child, found, seen);
}

bool has_label(const Ast& node) {
  const auto children = node.children();
  return is_label(node) || std::ranges::any_of(children, has_label);
}

/// Whether a goto, a case or a return may lead there; a loop's own place for continue is none.
bool may_be_entered(const Statement& statement) {
  bool found = false;
  for_each_statement(only(statement), [&](const Statement& one) {
    found = found || (one.kind == Kind::label && !one.name.starts_with("again."));
  });
  return found;
}

}  // namespace

void Lowering::region(const Ast& function) {
  Region region;
  Ast body;
  for (const Ast& part : function.children()) {
    if (part.is("CompoundStmt")) body = part;
    if (part.is("ParmVarDecl")) region.before.push_back({part, false});
  }
  if (!find_region(body, choice_.body, region))
    throw Error(ErrorCode::invalid_argument, fmt::format("there is no for loop over {} in {}", choice_.body, choice_.function));
  const Ast inside = region.loop.children().back();
  Ids named, own;
  names_in(inside, named, own);

  Known known;
  region.before.push_back({region.loop, true});
  for (const auto& [node, around] : region.before) {
    if (!around)
      run_before(node, named, known);
    else if (is_loop(node))
      enter_loop(node, named, known);
    else
      known.clear();
  }
  Ids addressed;
  addressed_in(body, addressed);
  forget(addressed, known);
  for (const auto& [name, value] : known) draft_.known[name] = value;
  const std::string end = fmt::format("end.{}", ++draft_.loops);
  targets_.push_back({0, end, end});
  statement(inside);
  targets_.pop_back();
  Statement label;
  label.kind = Kind::label;
  label.line = line(region.loop);
  label.name = end;
  add(std::move(label));
  draft_.handed_out = handed_out_;
  if (handed_out_) return;
  // What the function looks at behind it, which is all that a loop around it runs again.
  const Ast first = std::ranges::find_if(region.before, [](const auto& one) { return one.around; })->node;
  bool behind = has_label(body);
  Ids after;
  const auto look = [&](const auto& self, const Ast& node) -> void {
    if (node.id() == inside.id()) return;
    behind = behind || node.id() == first.id();
    if (behind && node.is("DeclRefExpr")) after.emplace(node.part("referencedDecl").id());
    for (const Ast& child : node.children()) self(self, child);
  };
  look(look, body);
  const std::set<std::string> written = written_in(draft_.body);
  for (const std::string& id : after) {
    const auto found = variables_.find(id);
    if (found == variables_.end() || own.contains(id) || !found->second.type.is_scalar()) continue;
    const Term value = found->second.place.term();
    if (value.kind == Term::Kind::scalar && written.contains(value.text)) draft_.wanted.push_back(value);
  }
}

// What a loop around the region assigns to has another value in each iteration.
void Lowering::enter_loop(const Ast& loop, const Ids& named, Known& known) {
  const Ast init = loop.is("ForStmt") ? loop.child(0) : Ast();
  if (init.there()) run_before(init, named, known);
  Ids assigned, seen;
  assigned_in(unit_, loop, assigned, seen);
  forget(assigned, known);
}

void Lowering::forget(const Ids& variables, Known& known) const {
  const auto drop = [&](const Variable& variable) {
    known.erase(variable.place.name);
    for (const Term& subscript : variable.place.subscripts) known.erase(subscript.text);
  };
  for (const std::string& one : variables) {
    if (const auto found = variables_.find(one); found != variables_.end()) drop(found->second);
    if (const auto found = globals_.find(one); found != globals_.end()) drop(found->second);
  }
}

// What a statement before the region says of scalars; one that cannot be read says nothing.
void Lowering::run_before(const Ast& statement, const Ids& named, Known& known) {
  Statements list;
  here_ = &list;
  effects_.clear();
  targets_.assign(1, {0, "left", "left"});
  Ids unread, declared, seen;
  std::vector<Ast> declarations;
  if (statement.is("ParmVarDecl")) declarations.push_back(statement);
  if (statement.is("DeclStmt")) declarations = statement.children();
  try {
    if (declarations.empty()) this->statement(statement);
  } catch (const Refused&) {
    names_in(statement, unread, declared);
    assigned_in(unit_, statement, unread, seen);
    start_again();
  }
  for (const Ast& declaration : declarations) {
    if (!declaration.is("VarDecl") && !declaration.is("ParmVarDecl")) continue;
    here_ = &list;
    try {
      declare(declaration);
    } catch (const Refused&) {
      names_in(declaration, unread, declared);
      assigned_in(unit_, declaration, unread, seen);
      unread.emplace(declaration.id());
      start_again();
    }
    if (named.contains(declaration.id())) from_outside(declaration);
  }
  here_ = &draft_.body;
  effects_.clear();
  targets_.clear();
  for (const Statement& one : list) {
    if (may_be_entered(one)) {
      known.clear();
    } else if (one.kind == Kind::assign && one.target.kind == Term::Kind::scalar) {
      const Term value = rebuilt(loop::replace(one.value, [&](const Term& part) -> std::optional<Term> {
        const auto found = part.kind == Term::Kind::scalar ? known.find(part.text) : known.end();
        return found == known.end() ? std::nullopt : std::optional(found->second);
      }));
      known.erase(one.target.text);
      if (is_literal(value)) known[one.target.text] = value;
    } else {
      for (const std::string& name : written_in(only(one))) known.erase(name);
    }
  }
  if (is_label(statement)) known.clear();
  forget(unread, known);
}

// Behind a refusal somewhere inside a statement.
void Lowering::start_again() {
  callees_.clear();
  returns_.clear();
  instance_ = in_subscript_ = counting_ = 0;
  test_ = {};
}

// A pointer that nothing is known of is a parameter; scalars are settled when it is known which are read.
void Lowering::from_outside(const Ast& declaration) {
  Variable& variable = variables_[std::string(declaration.id())];
  const CType& type = variable.type;
  if (!type.is_pointer() || variable.bound || type.is_unsigned) return;
  loop::Parameter made;
  made.name = draft_.unique(std::string(declaration.name()));
  made.type = type.scalar;
  made.pointer = true;
  made.constant = type.constant;
  made.length_known = false;
  made.extents.push_back(loop::integer(0));
  for (const auto& extent : type.extents) {
    if (!extent) return;
    made.extents.push_back(loop::integer(*extent));
  }
  variable.pointer = false;
  variable.place = {made.name, made.type, made.extents.size(), {}};
  draft_.function.parameters.push_back(std::move(made));
}

void settle_region(Draft& draft) {
  // What one iteration leaves to the next is wanted too.
  const std::set<std::string> changed = written_in(draft.body);
  std::vector<Term> wanted = draft.wanted;
  for (const loop::Local& local : draft.function.locals) {
    const Term value = loop::scalar(local.name, local.type);
    if (local.extents.empty() && changed.contains(local.name) && read_first(draft.body, local.name) &&
        std::ranges::find(wanted, value) == wanted.end())
      wanted.push_back(value);
  }
  // One is returned, where a call that is left out was not given the result; of others each has an array of one.
  std::optional<Term> result = draft.handed_out;
  if (!result && wanted.size() == 1) result = std::exchange(wanted, {})[0];
  for (const Term& value : wanted) {
    loop::Parameter made;
    made.name = draft.unique(value.text + "_out");
    made.type = value.type;
    made.pointer = made.implicit = true;
    made.extents = {loop::integer(1)};
    draft.body.push_back(assign(loop::element(made.name, {loop::integer(0)}, value.type), value, 0));
    draft.function.parameters.push_back(std::move(made));
  }
  if (result) {
    draft.function.returns = result->type;
    Statement finish;
    finish.kind = Kind::finish;
    finish.value = *result;
    draft.body.push_back(std::move(finish));
  }
  const std::set<std::string> written = written_in(draft.body);
  Statements first;
  std::vector<loop::Local> locals;
  for (loop::Local& local : draft.function.locals) {
    const bool free = local.extents.empty() && read_first(draft.body, local.name);
    const auto known = draft.known.find(local.name);
    if (free && known != draft.known.end() && !written.contains(local.name)) {
      first.push_back(assign(loop::scalar(local.name, local.type), cast(local.type, known->second), 0));
    } else if (free) {
      loop::Parameter made;
      made.name = local.name;
      made.type = local.type;
      if (written.contains(local.name)) {
        made.name = draft.unique(local.name + "_before");
        first.push_back(assign(loop::scalar(local.name, local.type), loop::scalar(made.name, made.type), 0));
      }
      const bool stays = made.name != local.name;
      draft.function.parameters.push_back(std::move(made));
      if (!stays) continue;
    }
    locals.push_back(std::move(local));
  }
  draft.function.locals = std::move(locals);
  draft.body.insert(draft.body.begin(), std::make_move_iterator(first.begin()), std::make_move_iterator(first.end()));
  order_parameters(draft.function);
}

}  // namespace ak::analyser
