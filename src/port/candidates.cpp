#include "port/candidates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "emulate/lines.hpp"
#include "jit/source.hpp"
#include "port/templates/templates.hpp"

namespace ak::port {

bool rounds_alike(const loop::Function& function) {
  constexpr std::string_view kExact[] = {
      "fabs", "fabsf", "sqrt",  "sqrtf",  "fmin",  "fminf",    "fmax",      "fmaxf",     "floor",     "floorf",
      "ceil", "ceilf", "trunc", "truncf", "round", "roundf",   "rint",      "rintf",     "fmod",      "fmodf",
      "fma",  "fmaf",  "abs",   "llabs",  "labs",  "copysign", "copysignf", "nearbyint", "nearbyintf"};
  bool alike = true;
  loop::for_each_node(function.body, [&](const loop::Node& node) {
    for (const loop::Term* term : {&node.target, &node.value, &node.condition, &node.begin, &node.end})
      loop::for_each(*term, [&](const loop::Term& part) {
        if (part.kind == loop::Term::Kind::call) alike = alike && std::ranges::find(kExact, part.text) != std::end(kExact);
      });
  });
  return alike;
}

bool rounds_otherwise(const loop::Verdict& verdict) {
  const auto real = [&](const std::string& name) {
    for (const loop::Local& local : verdict.function.locals)
      if (local.name == name) return is_real(local.type);
    const loop::Parameter* parameter = loop::find_parameter(verdict.function, name);
    return parameter && !parameter->pointer && is_real(parameter->type);
  };
  return std::ranges::any_of(verdict.groups, [&](const loop::Group& group) {
    const bool sums =
        std::ranges::any_of(group.reductions, [](const loop::Reduction& one) { return is_real(one.target.type); });
    return std::ranges::any_of(group.notes, [&](const loop::Note& note) {
      return (note.kind == loop::Note::Kind::induction && real(note.name)) || (note.kind == loop::Note::Kind::reroll && sums);
    });
  });
}

std::vector<loop::Candidate> port_candidates(const loop::Verdict& verdict, bool overlapping) {
  std::vector<loop::Candidate> all = candidates(verdict, {.restricted = !overlapping});
  const bool other_bits = rounds_otherwise(verdict);
  for (loop::Candidate& candidate : all) candidate.same_bits = candidate.same_bits && !other_bits;
  return all;
}

std::string tactic_text(const loop::Candidate& candidate) {
  std::string all = candidate.template_name;
  for (const auto& [knob, value] : candidate.knobs) all += fmt::format(" {}={}", knob, value);
  return all;
}

Compiled compile_kernels(const std::string& text, const std::string& arch, Compiler& compiler, const Deadline& deadline) {
  return compiler.compile(text, arch, deadline, Contraction::off);
}

std::string kernel_text(const loop::Candidate& candidate) {
  return kernel_file("loop.cuh") + "\n" + loop::kKernelLines + candidate.text;
}

loop::Candidate serial_candidate(const loop::Function& function, bool overlapping) {
  loop::Verdict verdict;
  verdict.function = function;
  return candidates(verdict, {.restricted = !overlapping}).back();
}

}  // namespace ak::port
