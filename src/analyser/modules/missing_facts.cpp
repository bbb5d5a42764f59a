// What would have to be known of a call for another verdict, and how it is said.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

namespace {

using loop::Term;

std::string lacks(const std::string& parameter, const std::string& array) {
  return fmt::format(
      "neither value nor sign of {0} is known, on which it depends which elements of {1} meet: give --size {0}=...", parameter,
      array);
}

class Missing {
 public:
  Missing(const Model& model, const std::vector<Dependence>& dependences, const Facts& facts, loop::Verdict& verdict)
      : model_(model), dependences_(dependences), facts_(facts), verdict_(verdict) {}

  void run() {
    for (const loop::Group& group : verdict_.groups)
      if (std::ranges::any_of(group.loops, [](const loop::LoopRole& one) {
            return one.role == loop::Role::sequential || one.role == loop::Role::scatter;
          }))
        of_group(group);
  }

 private:
  void of_group(const loop::Group& group) {
    const auto runs = [&](int statement) {
      const int id = model_.statements[statement].node->id;
      return std::ranges::find(group.statements, id) != group.statements.end();
    };
    for (const Dependence& one : dependences_) {
      if (one.level == Dependence::kWithin || model_.is_scalar(one.name) || !runs(one.from) || !runs(one.to)) continue;
      if (one.exact && !one.distances.empty()) continue;
      for (const int s : {one.from, one.to})
        for (const Reference& reference : model_.statements[s].references)
          if (reference.name == one.name) of_access(model_.statements[s], reference);
    }
  }

  void of_access(const Statement& statement, const Reference& reference) {
    for (const Term& subscript : reference.rows.empty() ? reference.term.terms : reference.rows)
      loop::for_each(subscript, [&](const Term& part) {
        if (part.kind == Term::Kind::element)
          add(statement,
              fmt::format("nothing is known of the elements of {}: two may be equal, or lead to what another iteration "
                          "accesses. An array that the loop writes and does not read helps",
                          part.text));
        if (part.kind != Term::Kind::scalar || facts_.values.contains(part.text)) return;
        const loop::Parameter* parameter = loop::find_parameter(*model_.function, part.text);
        if (parameter && !parameter->pointer && !is_real(parameter->type) && !model_.written->contains(part.text))
          add(statement, lacks(part.text, reference.term.text));
      });
  }

  void add(const Statement& statement, std::string text) {
    loop::Finding found{"aliasing, indirection, thresholds", statement.node->id, std::move(text), false};
    if (std::ranges::none_of(verdict_.findings, [&](const loop::Finding& other) { return other.text == found.text; }))
      verdict_.findings.push_back(std::move(found));
  }

  const Model& model_;
  const std::vector<Dependence>& dependences_;
  const Facts& facts_;
  loop::Verdict& verdict_;
};

}  // namespace

void name_what_steers(loop::Verdict& verdict) {
  if (verdict.steering.empty()) return;
  const auto steers = [&](const std::string& name) {
    return std::ranges::find(verdict.steering, name) != verdict.steering.end();
  };
  std::vector<loop::Finding> found;
  const auto add = [&](const loop::Finding& finding) {
    if (std::ranges::find(found, finding) == found.end()) found.push_back(finding);
  };
  for (const loop::Finding& finding : verdict.findings) {
    std::string other;  // the array that it is of, where it names another parameter
    for (const loop::Parameter& parameter : verdict.function.parameters)
      for (const loop::Parameter& array : verdict.function.parameters)
        if (array.pointer && !steers(parameter.name) && finding.text == lacks(parameter.name, array.name)) other = array.name;
    if (other.empty()) add(finding);
    for (const std::string& name : verdict.steering)
      if (!other.empty()) add({finding.module, finding.node, lacks(name, other), finding.changed});
  }
  verdict.findings = std::move(found);
}

void find_missing_facts(const Model& model, const std::vector<Dependence>& dependences, const Facts& facts,
                        loop::Verdict& verdict) {
  Missing(model, dependences, facts, verdict).run();
}

}  // namespace ak::analyser::flow
