// How each access moves with the innermost parallel loop; what an iteration moves and computes; lengths that the text leaves open.
#include <fmt/format.h>

#include <algorithm>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

namespace {

using loop::Term;

/// The loop that threads will run: the innermost parallel one of the group, else its innermost.
int moving_loop(const loop::Group& group) {
  for (auto role = group.loops.rbegin(); role != group.loops.rend(); ++role)
    if (role->role != loop::Role::sequential && role->role != loop::Role::chains) return role->loop;
  return group.loops.empty() ? 0 : group.loops.back().loop;
}

/// The change of an integer term when the loop's count grows by one.
std::optional<std::int64_t> slope(const Term& term, const Statement& statement, int level) {
  const auto value = affine(term, statement.scope);
  if (!value) return std::nullopt;
  const isl::space space = statement.scope.space;
  isl_multi_aff* next = isl_multi_aff_identity_on_domain_space(space.copy());
  isl_aff* moved = isl_multi_aff_get_aff(next, level);
  next = isl_multi_aff_set_aff(next, level, isl_aff_add_constant_si(moved, 1));
  isl_pw_aff* later = isl_pw_aff_pullback_multi_aff(value->copy(), next);
  const isl::pw_aff change = isl::manage(isl_pw_aff_coalesce(isl_pw_aff_sub(later, value->copy())));
  if (!is_constant(change) || change.n_piece() != 1) return std::nullopt;
  return number(change.max_val());
}

loop::Access access_of(const Model& model, const Statement& statement, const Reference& reference, int level) {
  loop::Access access{statement.node->id, reference.term.text, reference.write, "gathered", {}};
  std::optional<std::int64_t> stride = 0;
  const loop::Parameter* parameter = loop::find_parameter(*model.function, reference.term.text);
  // By rows where the flat subscript is none that moves evenly.
  const bool flat = reference.rows.empty() || slope(reference.term.terms[0], statement, level);
  const std::vector<Term>& subscripts = flat ? reference.term.terms : reference.rows;
  for (std::size_t i = 0; i < subscripts.size(); ++i) {
    const auto change = slope(subscripts[i], statement, level);
    if (!change) return access;
    std::optional<std::int64_t> extent = 1;
    for (std::size_t j = i + 1; j < subscripts.size(); ++j) {
      const auto one = parameter && j < parameter->extents.size() ? loop::evaluate(parameter->extents[j], {}) : std::nullopt;
      extent = extent && one ? std::optional(*extent * *one) : std::nullopt;
    }
    if (*change == 0) continue;
    stride = stride && extent ? std::optional(*stride + *change * *extent) : std::nullopt;
  }
  access.stride = stride;
  access.pattern = stride == 0 ? "uniform" : stride == 1 || stride == -1 ? "coalesced" : "strided";
  return access;
}

double operations_of(const Term& term) {
  double count = term.kind == Term::Kind::binary || term.kind == Term::Kind::unary || term.kind == Term::Kind::call ? 1 : 0;
  if (!is_real(term.type) && term.kind != Term::Kind::call) count = 0;
  if (term.kind == Term::Kind::element) return 0;
  for (const Term& part : term.terms) count += operations_of(part);
  return count;
}

}  // namespace

void describe_accesses(const Model& model, loop::Verdict& verdict) {
  for (const loop::Group& group : verdict.groups) {
    const int loop = moving_loop(group);
    for (const Statement& statement : model.statements) {
      if (statement.joins || !std::count(group.statements.begin(), group.statements.end(), statement.node->id)) continue;
      const auto at = std::find_if(statement.loops.begin(), statement.loops.end(), [&](const loop::Node* one) { return one->id == loop; });
      if (at == statement.loops.end()) continue;
      const int level = static_cast<int>(at - statement.loops.begin());
      verdict.operations += operations_of(statement.node->value);
      for (const Reference& reference : statement.references) {
        if (reference.term.kind != Term::Kind::element) continue;
        verdict.accesses.push_back(access_of(model, statement, reference, level));
        if (verdict.accesses.back().pattern != "uniform") verdict.bytes += size_of(reference.term.type);
      }
    }
  }
}

}  // namespace ak::analyser::flow
