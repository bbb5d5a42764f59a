#include <fmt/format.h>

#include "analyser/lowering.hpp"

namespace ak::analyser {

using loop::ScalarType;
using loop::Term;
using Kind = Statement::Kind;

namespace {

Statement label(std::string name, int line) {
  Statement made;
  made.kind = Kind::label;
  made.line = line;
  made.name = std::move(name);
  return made;
}

Statement jump(std::string name, int line) {
  Statement made = label(std::move(name), line);
  made.kind = Kind::jump;
  return made;
}

}  // namespace

Statements Lowering::lowered(const Ast& node) {
  Statements list;
  Statements* const before = std::exchange(here_, &list);
  if (node.there()) statement(node);
  here_ = before;
  return list;
}

void Lowering::statement(const Ast& node) {
  struct Level {
    int& depth;
    ~Level() { --depth; }
  } const level{++statement_depth_};
  if (statement_depth_ > 100) refuse(node, "statements are nested more than 100 deep");
  const std::string_view kind = node.kind();
  if (kind == "CompoundStmt") {
    for (const Ast& child : node.children()) statement(child);
  } else if (kind == "DeclStmt") {
    for (const Ast& child : node.children())
      if (child.is("VarDecl")) declare(child);
  } else if (kind == "IfStmt") {
    if_statement(node);
  } else if (kind == "ForStmt") {
    const auto parts = node.children();
    loop(parts[0], parts[2], parts[3], parts[4], true, line(node));
  } else if (kind == "WhileStmt") {
    const auto parts = node.children();
    loop({}, parts[parts.size() - 2], {}, parts.back(), true, line(node));
  } else if (kind == "DoStmt") {
    loop({}, node.child(1), {}, node.child(0), false, line(node));
  } else if (kind == "SwitchStmt") {
    switch_statement(node);
  } else if (kind == "ReturnStmt") {
    return_statement(node);
  } else if (kind == "BreakStmt") {
    const Target& target = targets_.back();
    add(target.loop ? leave(target.loop, line(node)) : jump(target.after, line(node)));
  } else if (kind == "ContinueStmt") {
    for (auto target = targets_.rbegin(); target != targets_.rend(); ++target)
      if (target->loop) return add(jump(target->again, line(node)));
  } else if (kind == "GotoStmt") {
    add(jump(label_name(node.text("targetLabelDeclId")), line(node)));
  } else if (kind == "LabelStmt") {
    add(label(label_name(node.text("declId")), line(node)));
    statement(node.child(0));
  } else if (kind == "AttributedStmt") {
    statement(node.children().back());
  } else if (kind != "NullStmt") {
    Statements pending = std::exchange(effects_, {});
    effect(node);
    finish_effects();
    effects_ = std::move(pending);
  }
}

std::string Lowering::label_name(std::string_view id) const { return fmt::format("{}.{}", id, instance_); }

void Lowering::if_statement(const Ast& node) {
  const auto parts = node.children();
  Term asked = condition(parts[0]);
  Statements yes = lowered(parts[1]), no = parts.size() > 2 ? lowered(parts[2]) : Statements();
  add(branch(std::move(asked), std::move(yes), std::move(no), line(node)));
}

// Every loop runs for ever until its test leaves it; counted.cpp finds those that count.
void Lowering::loop(const Ast& init, const Ast& test, const Ast& increment, const Ast& body, bool test_first, int at) {
  if (init.there()) statement(init);
  Statement made;
  made.kind = Kind::loop;
  made.line = at;
  made.loop = ++draft_.loops;
  const std::string again = fmt::format("again.{}", made.loop);
  Statements* const before = std::exchange(here_, &made.body);
  const auto add_test = [&] {
    if (!test.there()) return;
    ++in_subscript_;
    const auto around = std::exchange(test_, test);
    Term asked = condition(test);
    test_ = around;
    --in_subscript_;
    if (constant(asked).value_or(0) == 0) add(branch(std::move(asked), {}, {leave(made.loop, line(test))}, line(test)));
  };
  targets_.push_back({made.loop, {}, again});
  if (test_first) add_test();
  statement(body);
  add(label(again, at));
  if (increment.there()) statement(increment);
  if (!test_first) add_test();
  targets_.pop_back();
  here_ = before;
  add(std::move(made));
}

// A chain of ifs that jumps to the cases' labels.
void Lowering::switch_statement(const Ast& node) {
  Term asked = condition(node.child(0));
  if (asked.kind != Term::Kind::scalar && asked.kind != Term::Kind::integer) {
    const Term kept = draft_.local("chosen", asked.type);
    add(assign(kept, asked, line(node)));
    asked = kept;
  }
  const std::string name = fmt::format("switch.{}.", ++switches_);
  struct Case {
    std::optional<Term> value;  // nothing: default
    std::string label;
  };
  std::vector<Case> cases;
  Statements body;
  Statements* const before = std::exchange(here_, &body);
  targets_.push_back({0, name + "end", {}});
  const Ast block = node.children().back();
  for (Ast child : block.is("CompoundStmt") ? block.children() : std::vector<Ast>{block}) {
    while (child.is("CaseStmt") || child.is("DefaultStmt")) {
      const bool other = child.is("DefaultStmt");
      if (child.flag("isGNURange")) refuse(child, "a case of a range: name each value");
      cases.push_back({other ? std::nullopt : std::optional(value(child.child(0))), fmt::format("{}{}", name, cases.size())});
      add(label(cases.back().label, line(child)));
      child = child.children().back();
    }
    statement(child);
  }
  targets_.pop_back();
  here_ = before;
  Statements chain = {jump(name + "end", line(node))};
  for (const Case& one : cases)
    if (!one.value) chain = {jump(one.label, line(node))};
  for (auto one = cases.rbegin(); one != cases.rend(); ++one)
    if (one->value) {
      Statements rest = std::exchange(chain, {});
      chain.push_back(
          branch(loop::binary("==", asked, *one->value), {jump(one->label, line(node))}, std::move(rest), line(node)));
    }
  for (Statement& part : chain) add(std::move(part));
  for (Statement& part : body) add(std::move(part));
  add(label(name + "end", line(node)));
}

void Lowering::return_statement(const Ast& node) {
  std::optional<Term> given;
  Statements pending = std::exchange(effects_, {});
  if (node.child(0).there()) given = condition(node.child(0));
  effects_ = std::move(pending);
  if (returns_.empty()) {
    Statement made;
    made.kind = Kind::finish;
    made.line = line(node);
    if (given) made.value = cast(draft_.function.returns, std::move(*given));
    return add(std::move(made));
  }
  Return& target = returns_.back();
  if (given && target.value.type != ScalarType::none)
    add(assign(target.value, cast(target.value.type, std::move(*given)), line(node)));
  add(jump(target.label, line(node)));
}

void Lowering::declare(const Ast& declaration) {
  const std::string id(declaration.id()), name(declaration.name());
  const CType type = unit_.type(declaration);
  const std::string_view storage = declaration.text("storageClass");
  if (storage == "extern") return;
  if (storage == "static" && !constant_variable(declaration))
    refuse(declaration, fmt::format("{} is static and lives from call to call: pass it as a parameter", name));
  Variable& made = variables_[id];
  made = {};
  made.type = type;
  const bool has_value = !declaration.text("init").empty();
  if (type.is_scalar()) {
    made.place = {draft_.local(name, type.scalar).text, type.scalar, 0, {}};
    if (!has_value) return;
    if (type.is_unsigned) ++counting_;
    Statements pending = std::exchange(effects_, {});
    add(assign(made.place.term(), cast(type.scalar, value(declaration.children().back())), line(declaration)));
    finish_effects();
    effects_ = std::move(pending);
    if (type.is_unsigned) --counting_;
  } else if (type.is_pointer()) {
    made.pointer = true;
    if (!has_value) return;
    Statements pending = std::exchange(effects_, {});
    point(declaration, pointer(declaration.children().back()), line(declaration));
    finish_effects();
    effects_ = std::move(pending);
  } else if (type.is_array() && !type.is_unsigned) {
    loop::Local local{draft_.unique(name), type.scalar, {}};
    for (const auto& extent : type.extents) {
      if (!extent) refuse(declaration, fmt::format("the extents of {} are not constant: make it a parameter", name));
      local.extents.push_back(loop::integer(*extent));
    }
    made.place = {local.name, type.scalar, local.extents.size(), {}};
    draft_.function.locals.push_back(std::move(local));
    if (has_value) initial_values(made.place, type, declaration.children().back());
  } else {
    refuse(declaration, fmt::format("{} is of type {}, which is not supported: float, double, int and long long are{}", name,
                                    type.spelled, remedy(type, true)));
  }
}

void Lowering::initial_values(const Place& array, const CType& type, const Ast& list) {
  if (!list.is("InitListExpr")) refuse(list, fmt::format("the initial value of {} is not supported", array.name));
  std::int64_t elements = 1;
  for (const auto& extent : type.extents) elements *= *extent;
  if (elements > 64)
    refuse(list, fmt::format("{} has {} initial values, 64 are supported: make it a parameter", array.name, elements));
  // Depth first over the dimensions; what no value is given for is 0.
  const auto fill = [&](auto& self, const Ast& values, Place at) -> void {
    if (at.is_element()) {
      add(assign(at.term(),
                 cast(at.type, values.there() && !values.is("ImplicitValueInitExpr") ? value(values) : loop::integer(0)),
                 line(list)));
      return;
    }
    std::vector<Ast> given = values.there() ? values.initial_values() : std::vector<Ast>();
    const std::int64_t extent = *type.extents[at.subscripts.size()];
    for (std::int64_t i = 0; i < extent; ++i) {
      Place one = at;
      one.subscripts.push_back(loop::integer(i));
      self(self, static_cast<std::size_t>(i) < given.size() ? given[static_cast<std::size_t>(i)] : Ast(), one);
    }
  };
  fill(fill, list, array);
}

}  // namespace ak::analyser
