#include "port/templates/kernel_names.hpp"

#include <algorithm>
#include <set>

#include "loop/cpp_words.hpp"

namespace ak::port {

using loop::Term;

namespace {

bool is_taken(const std::string& name) {
  if (name.ends_with('_')) return true;  // the templates' own
  if (loop::name_on_device(name) != name) return true;
  constexpr std::string_view kOthers[] = {"ak",           "asm",       "half",     "alignas",  "alignof",   "blockDim",
                                          "blockIdx",     "bool",      "char16_t", "char32_t", "constexpr", "false",
                                          "gridDim",      "linux",     "max",      "min",      "nullptr",   "static_assert",
                                          "thread_local", "threadIdx", "true",     "unix",     "warpSize",  "wchar_t"};
  return loop::is_cpp_keyword(name) || std::find(std::begin(kOthers), std::end(kOthers), name) != std::end(kOthers);
}

}  // namespace

KernelNames::KernelNames(const loop::Function& function) {
  std::set<std::string> all;
  for (const loop::Parameter& parameter : function.parameters) all.insert(parameter.name);
  for (const loop::Local& local : function.locals) all.insert(local.name);
  loop::for_each_node(function.body, [&](const loop::Node& node) {
    if (node.kind == loop::Node::Kind::loop) all.insert(node.variable);
  });
  for (const std::string& name : all) {
    if (!is_taken(name)) continue;
    std::string other = "c_" + loop::name_on_device(name);
    while (other.ends_with('_')) other.pop_back();
    while (all.contains(other) || back_.contains(other)) other = "c_" + other;
    to_[name] = other, back_[other] = name;
  }
}

void KernelNames::rename(const Names& names, std::string& name) {
  if (const auto found = names.find(name); found != names.end()) name = found->second;
}

void KernelNames::rename(const Names& names, Term& term) {
  if (term.kind == Term::Kind::scalar || term.kind == Term::Kind::element) rename(names, term.text);
  for (Term& part : term.terms) rename(names, part);
}

loop::Verdict KernelNames::renamed(loop::Verdict verdict) const {
  loop::for_each_term(verdict, [&](Term& term) { rename(to_, term); });
  const auto variables = [&](const auto& self, std::vector<loop::Node>& body) -> void {
    for (loop::Node& node : body) rename(to_, node.variable), self(self, node.body), self(self, node.otherwise);
  };
  variables(variables, verdict.function.body);
  for (loop::Parameter& parameter : verdict.function.parameters) rename(to_, parameter.name);
  for (loop::Local& local : verdict.function.locals) rename(to_, local.name);
  for (loop::Group& group : verdict.groups) {
    for (loop::LoopRole& role : group.loops) rename(to_, role.variable);
    for (loop::Reduction& reduction : group.reductions)
      for (auto& [name, value] : reduction.positions) rename(to_, name);
    for (loop::Counter& counter : group.counters) rename(to_, counter.name);
    for (std::string& array : group.scattered) rename(to_, array);
    for (loop::Recurrence& recurrence : group.recurrences) {
      rename(to_, recurrence.target);
      for (std::string& name : recurrence.with) rename(to_, name);
    }
    for (loop::Note& note : group.notes) rename(to_, note.name);
  }
  for (loop::Access& access : verdict.accesses) rename(to_, access.array);
  for (std::string& name : verdict.used) rename(to_, name);
  return verdict;
}

void KernelNames::restore(loop::Candidate& candidate) const {
  for (loop::Scratch& scratch : candidate.scratch) rename(back_, scratch.elements);
  for (loop::Launch& launch : candidate.launches) rename(back_, launch.blocks);
}

}  // namespace ak::port
