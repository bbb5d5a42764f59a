// Subscripts that leave the extents of their arrays.
#include <fmt/format.h>

#include <algorithm>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

namespace {

using loop::Term;

const std::vector<Term>* extents_of(const loop::Function& function, const std::string& name) {
  for (const loop::Parameter& parameter : function.parameters)
    if (parameter.name == name) return &parameter.extents;
  for (const loop::Local& local : function.locals)
    if (local.name == name) return &local.extents;
  return nullptr;
}

/// Whether every subscript but the first is known to be one of its dimension.
bool stays_in_its_row(const Statement& statement, const Reference& reference, const std::vector<Term>& extents) {
  for (std::size_t i = 1; i < extents.size(); ++i) {
    const auto at = affine(reference.term.terms[i], statement.scope), end = affine(extents[i], statement.scope);
    if (!at || !end) return false;
    const isl::set outside = at->ge_set(*end).unite(at->lt_set(constant(statement.scope.space, 0)));
    if (!reference.domain.intersect(outside).is_empty()) return false;
  }
  return true;
}

bool is_in_one_row(const Term& element, const Term& other) {
  for (std::size_t i = 0; i + 1 < element.terms.size(); ++i)
    if (element.terms[i] != other.terms[i] || element.terms[i].kind != Term::Kind::integer) return false;
  return true;
}

/// Parameters that the set says nothing of are gone from it.
isl::set of_its_own(isl::set set) {
  isl_set* raw = set.release();
  for (int i = static_cast<int>(isl_set_dim(raw, isl_dim_param)) - 1; i >= 0; --i)
    if (isl_set_involves_dims(raw, isl_dim_param, static_cast<unsigned>(i), 1) != isl_bool_true)
      raw = isl_set_project_out(raw, isl_dim_param, static_cast<unsigned>(i), 1);
  return isl::manage(raw);
}

/// Whether some element is outside whenever there is an instance, a few sizes aside: for a[2 * i] of a[n] those below 2.
bool leaves_whenever_it_runs(const isl::set& domain, const isl::set& outside) {
  if (outside.is_empty()) return false;
  const isl::set other = domain.params().subtract(outside.params());
  if (other.is_empty()) return true;
  isl_set* sizes = isl_set_from_params(of_its_own(other).release());
  const auto parameters = static_cast<unsigned>(isl_set_dim(sizes, isl_dim_param));
  sizes = isl_set_move_dims(sizes, isl_dim_set, 0, isl_dim_param, 0, parameters);
  const bool few = isl_set_is_bounded(sizes) == isl_bool_true;
  isl_set_free(sizes);
  return few;
}

}  // namespace

std::string left_row(const Model& model, const Facts& facts, const loop::Function& function) {
  for (const std::string& name : facts.walked) {
    const std::vector<Term>* extents = extents_of(function, name);
    const Term* first = nullptr;
    bool one_row = true, stays = true;
    for (const Statement& statement : model.statements)
      for (const Reference& reference : statement.references) {
        const Term& element = reference.term;
        if (!extents || element.kind != Term::Kind::element || element.text != name) continue;
        if (!first) first = &element;
        one_row = one_row && is_in_one_row(element, *first);
        stays = stays && stays_in_its_row(statement, reference, *extents);
      }
    if (!one_row && !stays)
      return fmt::format(
          "a pointer into a row of {0} may lead into another row, and {0} is used by rows too: give every "
          "dimension its subscript",
          name);
  }
  return {};
}

void find_out_of_extents(const Model& model, loop::Verdict& verdict) {
  for (const Statement& statement : model.statements) {
    if (!statement.guards.empty() || statement.joins) continue;  // data may keep it inside
    for (const Reference& reference : statement.references) {
      const loop::Parameter* array = loop::find_parameter(verdict.function, reference.term.text);
      if (!array || reference.term.kind != Term::Kind::element || array->extents.size() != reference.term.terms.size())
        continue;
      for (std::size_t d = 0; d < array->extents.size(); ++d) {
        if (d == 0 && !array->length_known) continue;
        const Term& subscript = reference.term.terms[d];
        const auto at = affine(subscript, statement.scope), extent = affine(array->extents[d], statement.scope);
        if (!at || !extent) continue;
        const isl::set outside = at->ge_set(*extent).unite(at->lt_set(constant(statement.scope.space, 0)));
        if (!leaves_whenever_it_runs(reference.domain, reference.domain.intersect(outside))) continue;
        loop::Finding found{"out of extents", statement.node->id,
                            fmt::format("the subscript {} leaves the extent {} of {}", c_text(subscript),
                                        c_text(array->extents[d]), array->name),
                            false};
        if (std::find(verdict.findings.begin(), verdict.findings.end(), found) == verdict.findings.end())
          verdict.findings.push_back(std::move(found));
      }
    }
  }
}

}  // namespace ak::analyser::flow
