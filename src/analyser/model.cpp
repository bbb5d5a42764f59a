#include "analyser/model.hpp"

#include <algorithm>

#include "analyser/counters.hpp"
#include "analyser/flat_rows.hpp"
#include "analyser/integer_sum.hpp"

namespace ak::analyser::flow {

namespace {

using loop::Node;
using loop::Term;

std::set<std::string> written_names(const loop::Function& function) {
  std::set<std::string> names;
  loop::for_each_node(function.body, [&](const Node& node) {
    if (node.kind == Node::Kind::assign) names.insert(node.target.text);
  });
  return names;
}

/// Loops that a leave or a finish below ends before their count.
std::set<int> left_loops(const std::vector<Node>& body, std::vector<int> around = {}) {
  std::set<int> left;
  for (const Node& node : body) {
    if (node.kind == Node::Kind::leave) left.insert(std::find(around.begin(), around.end(), node.of), around.end());
    if (node.kind == Node::Kind::finish) {
      left.insert(around.begin(), around.end());
      left.insert(0);  // and the function itself
    }
    std::vector<int> inside = around;
    if (node.kind == Node::Kind::loop) inside.push_back(node.id);
    left.merge(left_loops(node.body, inside));
    left.merge(left_loops(node.otherwise, inside));
  }
  return left;
}

/// Whether the scalar is assigned to whatever the conditions are.
bool sets_for_certain(const std::vector<Node>& body, const Term& target) {
  return std::any_of(body.begin(), body.end(), [&](const Node& node) {
    if (node.kind == Node::Kind::assign) return node.target == target;
    return node.kind == Node::Kind::branch && sets_for_certain(node.body, target) && sets_for_certain(node.otherwise, target);
  });
}

/// Scalars that both sides of a branch set.
std::vector<Term> set_on_both_sides(const Node& branch) {
  std::vector<Term> found;
  loop::for_each_node(branch.body, [&](const Node& node) {
    if (node.kind != Node::Kind::assign || node.target.kind != Term::Kind::scalar) return;
    if (std::find(found.begin(), found.end(), node.target) != found.end()) return;
    if (sets_for_certain(branch.body, node.target) && sets_for_certain(branch.otherwise, node.target))
      found.push_back(node.target);
  });
  return found;
}

bool is_zero(const Term& term) { return loop::evaluate(term, {}) == 0; }

class Builder {
 public:
  Builder(isl::ctx context, const loop::Function& function, const Facts& facts) : context_(context), facts_(facts) {
    model_.function = &function;
    model_.written = std::make_shared<const std::set<std::string>>(written_names(function));
    model_.used = std::make_shared<std::set<std::string>>();
    for (const loop::Parameter& parameter : function.parameters)
      if (parameter.pointer) model_.arrays.insert(parameter.name);
    for (const loop::Local& local : function.locals)
      if (!local.extents.empty()) model_.arrays.insert(local.name);
    left_ = left_loops(function.body);
    // A finish that ends the text skips nothing.
    if (!function.body.empty() && function.body.back().kind == Node::Kind::finish) {
      int finishes = 0;
      loop::for_each_node(function.body, [&](const Node& node) { finishes += node.kind == Node::Kind::finish; });
      if (finishes == 1) left_.erase(0);
    }
  }

  Model build() && {
    if (left_.contains(0)) context_of_.guards.push_back({Guard::Kind::leave, 0, 0, 0});
    walk(model_.function->body);
    return std::move(model_);
  }

 private:
  /// Where the walk stands.
  struct Place {
    std::vector<const Node*> loops;
    std::vector<Guard> guards;
    std::vector<int> branches, owners;
    std::vector<std::pair<const Term*, bool>> conditions;  // which hold, where affine: the term and its side
  };

  /// The scope and the domain of an instance of `node` here.
  void place(Statement& statement) {
    const int depth = static_cast<int>(context_of_.loops.size());
    statement.index = static_cast<int>(model_.statements.size());
    statement.loops = context_of_.loops;
    statement.guards = context_of_.guards;
    statement.branches = context_of_.branches;
    statement.owners = context_of_.owners;
    Scope& scope = statement.scope;
    scope.space = isl::space::unit(context_).add_named_tuple(statement.name(), depth);
    scope.written = model_.written;
    scope.given = &facts_.values, scope.used = model_.used;
    for (const auto& [name, value] : facts_.values)
      if (!model_.written->contains(name)) scope.variables.emplace(name, constant(scope.space, value));
    isl::set domain = isl::set::universe(scope.space);
    for (int level = 0; level < depth; ++level) {
      const Node& loop = *context_of_.loops[level];
      const isl::pw_aff count = dimension(scope.space, level);
      domain = domain.intersect(count.ge_set(constant(scope.space, 0)));
      const auto begin = affine(loop.begin, scope), end = affine(loop.end, scope);
      scope.variables.erase(loop.variable);
      scope.unknown.insert(loop.variable);
      if (!begin) continue;
      const isl::pw_aff value = begin->add(count.scale(static_cast<long>(loop.step)));
      if (end) domain = domain.intersect(loop.step > 0 ? value.lt_set(*end) : value.gt_set(*end));
      scope.unknown.erase(loop.variable);
      scope.variables.insert_or_assign(loop.variable, value);
      // A loop that ends has a step above 0; what runs once at most has nothing that its iterations carry.
      if (const auto step = loop.step == 1 ? counted_step(loop.end) : std::nullopt)
        if (const auto by = affine(*step, scope); by && is_zero(loop.begin))
          domain = domain.intersect(by->ge_set(constant(scope.space, 1)));
    }
    for (const auto& [condition, side] : context_of_.conditions)
      if (const auto where = holds(*condition, scope)) domain = side ? domain.intersect(*where) : domain.subtract(*where);
    for (const Term& condition : facts_.assumed)
      if (const auto where = holds(condition, scope)) domain = domain.intersect(*where);
    statement.domain = domain;
  }

  void refer(Statement& statement, const Term& term, bool write, const isl::set& domain, bool always = true) {
    Reference reference{term.text, write, true, term, domain, {}, {}, {}, false, always && statement.guards.empty()};
    std::int64_t offset = 0;
    for (const Alias& alias : facts_.aliases)
      if (alias.pointer == term.text && term.kind == Term::Kind::element) reference.name = alias.base, offset = alias.offset;
    std::vector<std::optional<isl::pw_aff>> subscripts;
    for (const Term& subscript : term.terms) {
      subscripts.push_back(affine(subscript, statement.scope));
      reference.exact = reference.exact && subscripts.back();
    }
    if (!subscripts.empty() && subscripts[0]) subscripts[0] = subscripts[0]->add_constant(static_cast<long>(offset));
    reference.map = elements_at(domain, reference.name, subscripts);
    statement.references.push_back(std::move(reference));
  }

  void read(Statement& statement, const Term& term) { read(statement, term, statement.domain); }

  /// always: no condition that isl cannot read decides whether it is read in that domain.
  void read(Statement& statement, const Term& term, const isl::set& domain, bool always = true) {
    const bool memory = term.kind == Term::Kind::element ||
                        (term.kind == Term::Kind::scalar && model_.written->contains(term.text) &&
                         !statement.scope.variables.contains(term.text) && !statement.scope.unknown.contains(term.text));
    if (memory) refer(statement, term, false, domain, always);
    const bool either = term.kind == Term::Kind::binary && (term.text == "&&" || term.text == "||");
    const bool chooses = either || term.kind == Term::Kind::choose;
    const auto where = chooses ? holds(term.terms[0], statement.scope) : std::nullopt;
    if (!where) {
      for (const Term& part : term.terms) read(statement, part, domain, always && (!chooses || &part == term.terms.data()));
      return;
    }
    const isl::set yes = domain.intersect(*where), no = domain.subtract(*where);
    read(statement, term.terms[0], domain, always);
    read(statement, term.terms[1], either && term.text == "||" ? no : yes, always);
    if (!either) read(statement, term.terms[2], no, always);
  }

  Statement begin(const Node& node) {
    Statement statement;
    statement.node = &node;
    place(statement);
    return statement;
  }

  void walk(const std::vector<Node>& body) {
    for (const Node& node : body) {
      if (node.kind == Node::Kind::branch)
        walk_branch(node);
      else if (node.kind == Node::Kind::loop)
        walk_loop(node);
      else
        add_leaf(node);
    }
  }

  void add_leaf(const Node& node) {
    Statement statement = begin(node);
    if (node.kind == Node::Kind::assign) {
      read(statement, node.value);
      for (const Term& subscript : node.target.terms) read(statement, subscript);
      refer(statement, node.target, true, statement.domain);
    } else if (node.kind == Node::Kind::finish) {
      read(statement, node.value);
    }
    model_.statements.push_back(std::move(statement));
  }

  /// What is known of a side: both parts of `x > 0 && a[x - 1] < v` hold where it does, though the second is no affine one.
  void imply(const Term& condition, bool side) {
    if (condition.kind == Term::Kind::unary && condition.text == "!") return imply(condition.terms[0], !side);
    if (condition.kind == Term::Kind::binary && condition.text == (side ? "&&" : "||")) {
      imply(condition.terms[0], side), imply(condition.terms[1], side);
      return;
    }
    context_of_.conditions.emplace_back(&condition, side);
  }

  void walk_branch(const Node& node) {
    Statement statement = begin(node);
    const bool known = holds(node.condition, statement.scope).has_value();
    const Place before = context_of_;
    if (!known) {
      read(statement, node.condition);
      context_of_.owners.push_back(static_cast<int>(model_.statements.size()));
      model_.statements.push_back(std::move(statement));
    }
    const Place around = context_of_;
    for (const int side : {1, 0}) {
      context_of_ = around;
      context_of_.branches.push_back(node.id);
      if (!known) context_of_.guards.push_back({Guard::Kind::branch, node.id, side, static_cast<int>(around.loops.size())});
      imply(node.condition, side == 1);
      walk(side ? node.body : node.otherwise);
    }
    context_of_ = before;
    if (!known)
      for (const Term& target : set_on_both_sides(node)) add_join(node, target);
  }

  /// The branch's end as a statement that sets the scalar.
  void add_join(const Node& node, const Term& target) {
    Statement statement;
    statement.node = &node;
    statement.joins = true;
    place(statement);
    refer(statement, target, true, statement.domain);
    model_.statements.push_back(std::move(statement));
  }

  void walk_loop(const Node& node) {
    const Place before = context_of_;
    Statement statement = begin(node);
    const bool known = affine(node.begin, statement.scope) && affine(node.end, statement.scope);
    const int depth = statement.depth();
    if (!known) {
      read(statement, node.begin);
      read(statement, node.end);
      context_of_.owners.push_back(static_cast<int>(model_.statements.size()));
      model_.statements.push_back(std::move(statement));
      context_of_.guards.push_back({Guard::Kind::loop, node.id, 0, depth + 1});
    }
    if (left_.contains(node.id)) context_of_.guards.push_back({Guard::Kind::leave, node.id, 0, depth});
    context_of_.loops.push_back(&node);
    walk(node.body);
    context_of_ = before;
  }

  isl::ctx context_;
  const Facts& facts_;
  std::set<int> left_;
  Place context_of_;
  Model model_;
};

}  // namespace

const Reference* Statement::target() const {
  for (const Reference& reference : references)
    if (reference.write) return &reference;
  return nullptr;
}

isl::map elements_at(const isl::set& domain, const std::string& array,
                     const std::vector<std::optional<isl::pw_aff>>& subscripts) {
  const int dimensions = static_cast<int>(subscripts.size());
  const isl::space elements = isl::space::unit(domain.ctx()).add_named_tuple(named(domain.ctx(), array), dimensions);
  isl::map map = isl::manage(isl_map_from_domain_and_range(domain.copy(), isl::set::universe(elements).release()));
  for (int i = 0; i < dimensions; ++i) {
    if (!subscripts[i]) continue;
    const isl::map one = subscripts[i]->as_map();  // instance -> its value, then as dimension i of the element
    isl_map* wide = isl_map_insert_dims(one.copy(), isl_dim_out, 0, i);
    wide = isl_map_insert_dims(wide, isl_dim_out, i + 1, dimensions - i - 1);
    map = map.intersect(isl::manage(isl_map_set_tuple_name(wide, isl_dim_out, array.c_str())));
  }
  return map;
}

int common_depth(const Statement& a, const Statement& b) {
  int depth = 0;
  while (depth < a.depth() && depth < b.depth() && a.loops[depth] == b.loops[depth]) ++depth;
  return depth;
}

Model build_model(isl::ctx context, const loop::Function& function, const Facts& facts) {
  Model model = Builder(context, function, facts).build();
  recover_rows(model, facts);
  bound_counted_elements(model);
  return model;
}

}  // namespace ak::analyser::flow
