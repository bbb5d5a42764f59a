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

/// The statements before the loop over `variable`, outermost block first, and the loop; false where there is none.
bool find_region(const Ast& node, std::string_view variable, Region& found) {
  if (node.is("ForStmt") && counts_over(node, variable)) {
    found.loop = node;
    return true;
  }
  const std::size_t outer = found.before.size();
  for (const Ast& child : node.children()) {
    if (find_region(child, variable, found)) return true;
    if (node.is("CompoundStmt")) found.before.push_back(child);
  }
  found.before.resize(outer);
  return false;
}

/// Ids of the variables that are named below the node, and those that are declared there.
void names_in(const Ast& node, std::set<std::string, std::less<>>& named, std::set<std::string, std::less<>>& declared) {
  if (node.is("DeclRefExpr")) named.emplace(node.part("referencedDecl").id());
  if (node.is("VarDecl")) declared.emplace(node.id());
  for (const Ast& child : node.children()) names_in(child, named, declared);
}

}  // namespace

void Lowering::region(const Ast& function) {
  Region region;
  Ast body;
  for (const Ast& part : function.children()) {
    if (part.is("CompoundStmt")) body = part;
    if (part.is("ParmVarDecl")) region.before.push_back(part);
  }
  if (!find_region(body, choice_.body, region))
    throw Error(ErrorCode::invalid_argument, fmt::format("there is no for loop over {} in {}", choice_.body, choice_.function));
  const Ast inside = region.loop.children().back();
  std::set<std::string, std::less<>> named, own;
  names_in(inside, named, own);

  Known known;
  for (const Ast& statement : region.before) run_before(statement, named, known);
  // The loop's own variable has another value in each iteration.
  const Ast init = region.loop.child(0);
  if (init.is("DeclStmt")) run_before(init, named, known);
  std::vector<Ast> counts = init.is("DeclStmt") ? init.children() : std::vector<Ast>{assigned_by(init)};
  for (const Ast& variable : counts)
    if (const auto found = variables_.find(variable.id()); found != variables_.end()) known.erase(found->second.place.name);
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
  if (handed_out_) {
    draft_.function.returns = handed_out_->type;
    Statement finish;
    finish.kind = Kind::finish;
    finish.line = line(region.loop);
    finish.value = *handed_out_;
    add(std::move(finish));
    return;
  }
  // What the function looks at behind the loop.
  bool behind = false;
  std::set<std::string, std::less<>> after, unused;
  const auto look = [&](const auto& self, const Ast& node) -> void {
    if (node.id() == region.loop.id()) {
      behind = true;
      return;
    }
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

// What a statement before the region says of scalars; one that cannot be read says nothing.
void Lowering::run_before(const Ast& statement, const std::set<std::string, std::less<>>& named, Known& known) {
  Statements list;
  here_ = &list;
  effects_.clear();
  const auto unreadable = [&](const Ast& node) {
    std::set<std::string, std::less<>> touched, declared;
    names_in(node, touched, declared);
    for (const std::string& id : touched)
      if (const auto found = variables_.find(id); found != variables_.end()) known.erase(found->second.place.name);
  };
  std::vector<Ast> declarations;
  if (statement.is("ParmVarDecl")) declarations.push_back(statement);
  if (statement.is("DeclStmt")) declarations = statement.children();
  try {
    if (declarations.empty()) this->statement(statement);
  } catch (const Refused&) {
    unreadable(statement);
  }
  for (const Ast& declaration : declarations) {
    if (!declaration.is("VarDecl") && !declaration.is("ParmVarDecl")) continue;
    try {
      declare(declaration);
    } catch (const Refused&) {
    }
    if (named.contains(declaration.id())) from_outside(declaration);
  }
  here_ = &draft_.body;
  for (const Statement& one : list) {
    if (one.kind == Kind::assign && one.target.kind == Term::Kind::scalar) {
      const Term value = rebuilt(loop::replace(one.value, [&](const Term& part) -> std::optional<Term> {
        const auto found = part.kind == Term::Kind::scalar ? known.find(part.text) : known.end();
        return found == known.end() ? std::nullopt : std::optional(found->second);
      }));
      known.erase(one.target.text);
      if (is_literal(value)) known[one.target.text] = value;
    } else {
      for (const std::string& name : written_in({one})) known.erase(name);
    }
  }
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
  // What is wanted behind it: one is returned, of several each has an array of one.
  if (draft.wanted.size() == 1) {
    draft.function.returns = draft.wanted[0].type;
    Statement finish;
    finish.kind = Kind::finish;
    finish.value = draft.wanted[0];
    draft.body.push_back(std::move(finish));
  } else {
    for (const Term& value : draft.wanted) {
      loop::Parameter made;
      made.name = draft.unique(value.text + "_out");
      made.type = value.type;
      made.pointer = made.implicit = true;
      made.extents = {loop::integer(1)};
      draft.body.push_back(assign(loop::element(made.name, {loop::integer(0)}, value.type), value, 0));
      draft.function.parameters.push_back(std::move(made));
    }
  }
  const std::set<std::string> written = written_in(draft.body);
  Statements first;
  std::vector<loop::Local> locals;
  for (loop::Local& local : draft.function.locals) {
    const bool free = local.extents.empty() && read_first(draft.body, local.name);
    const auto known = draft.known.find(local.name);
    if (free && known != draft.known.end()) {
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
