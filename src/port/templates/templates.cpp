#include "port/templates/templates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "loop/cpp_words.hpp"
#include "port/templates/emit.hpp"
#include "port/templates/joined_nests.hpp"
#include "port/templates/kernel_names.hpp"
#include "port/templates/repeated.hpp"
#include "port/templates/spread.hpp"
#include "port/templates/work.hpp"

namespace ak::port {

using loop::Candidate;

namespace {

// In the order in which they are tried first.
Template* const kTemplates[] = {lines_stages,  map_stages,  reorder_stages, reduce_stages,    exit_stages,
                                chains_stages, scan_stages, compact_stages, wavefront_stages, scatter_stages};

Template* const kOtherwise[] = {meeting_stages, rounds_stages};

constexpr std::size_t kMost = 30;
constexpr std::int64_t kMostBlocks = 2147483647;  // of a grid

loop::Term at_most(const loop::Term& value, std::int64_t most) {
  if (const auto known = loop::evaluate(value, {})) return *known <= most ? value : loop::integer(most, loop::ScalarType::i64);
  const loop::Term limit = loop::integer(most, loop::ScalarType::i64);
  return {loop::Term::Kind::choose, loop::ScalarType::i64, {}, {loop::binary("<", value, limit), value, limit}};
}

std::vector<Stage> stages_of(std::span<Template* const> templates, const Work& work) {
  std::vector<Stage> all;
  for (Template* const make : templates)
    for (Stage& stage : make(work)) all.push_back(std::move(stage));
  return all;
}

struct Step {
  std::vector<Stage> stages;
  std::size_t last;  // group that it comes to
  std::size_t first = 0;
};

/// The ways to run a group, with as many of the straight groups behind it as one launch can do.
Step step(const Works& works, std::size_t group) {
  std::size_t last = group;
  for (std::size_t i = group + 1; i < works.size() && works.straight(i); ++i)
    if (!works.vanishes(i)) last = i;
  const Work whole = works.work(group, last);
  if (works.straight(group)) return {serial_stages(whole), last};
  const bool may_stand_alone = last > group && !finishes(whole.body);
  for (const std::span<Template* const> templates :
       {std::span<Template* const>(kTemplates), std::span<Template* const>(kOtherwise)}) {
    if (auto stages = stages_of(templates, whole); !stages.empty()) return {std::move(stages), last};
    if (!may_stand_alone) continue;
    if (auto stages = stages_of(templates, works.work(group, group)); !stages.empty()) return {std::move(stages), group};
  }
  return {serial_stages(works.work(group, may_stand_alone ? group : last)), may_stand_alone ? group : last};
}

class Assembly {
 public:
  Assembly(const Works& works, const Setting& setting) : function_(works.function()), own_(works.own()), setting_(setting) {}

  /// `otherwise`: where one of these conditions is false that one runs alone.
  Candidate candidate(const std::vector<const Stage*>& stages, const std::vector<loop::Term>& assumed,
                      const Stage& otherwise) const {
    Candidate fast = candidate(stages);
    if (assumed.empty()) return fast;
    const Candidate serial = candidate({&otherwise}, fast.scratch, fast.launches.size());
    return where_assumed(std::move(fast), assumed, serial);
  }

  /// also: scratch that the kernels take too, where it is not their own. before: kernels, by which these are counted.
  Candidate candidate(const std::vector<const Stage*>& stages, const std::vector<loop::Scratch>& also = {},
                      std::size_t before = 0) const {
    Candidate all;
    std::vector<const Kernel*> kernels;
    for (const loop::Local& local : function_.locals)
      if (!local.extents.empty() && !own_.count(local.name))
        all.scratch.push_back({local.name, local.type, local.extents[0], false});
    for (std::size_t i = 0; i < stages.size(); ++i) {
      const Stage& stage = *stages[i];
      all.template_name += (i ? "+" : "") + stage.template_name;
      for (const auto& [knob, value] : stage.knobs) all.knobs[i ? fmt::format("{}{}", knob, i + 1) : knob] = value;
      all.text += stage.helpers;
      all.scratch.insert(all.scratch.end(), stage.scratch.begin(), stage.scratch.end());
      all.same_bits = all.same_bits && stage.same_bits;
      for (const Kernel& kernel : stage.kernels) {
        kernels.push_back(&kernel);
        const bool follows = !all.launches.empty();
        const loop::Term blocks = kernel.strides ? at_most(kernel.blocks, kMostBlocks) : kernel.blocks;
        all.launches.push_back(
            {fmt::format("{}_{}_{}_", loop::name_on_device(function_.name), stage.template_name, before + kernels.size()),
             blocks, kernel.threads, kernel.shared_bytes, kernel.waits, follows});
      }
    }
    for (const std::vector<loop::Scratch>* more : {&also, &setting_.scratch})
      for (const loop::Scratch& one : *more)
        if (std::ranges::find(all.scratch, one.name, &loop::Scratch::name) == all.scratch.end()) all.scratch.push_back(one);
    const std::string parameters = kernel_parameters(function_, all.scratch, !setting_.restricted);
    for (std::size_t i = 0; i < kernels.size(); ++i) {
      all.text += fmt::format("\nextern \"C\" __global__ void __launch_bounds__({}) {}({}) {{\n", kernels[i]->threads,
                              all.launches[i].kernel, parameters);
      if (i > 0) all.text += "  ak::wait_for_previous();\n";
      if (i + 1 < kernels.size()) all.text += "  ak::start_next();\n";
      all.text += kernels[i]->body + "}\n";
    }
    return all;
  }

 private:
  const loop::Function& function_;
  const std::set<std::string>& own_;
  const Setting& setting_;
};

std::vector<Step> steps_of(const Works& works) {
  std::vector<Step> steps;
  if (!works.separable()) return steps;
  for (std::size_t group = 0; group < works.size(); ++group) {
    if (works.vanishes(group)) continue;
    steps.push_back(step(works, group));
    steps.back().first = group;
    group = steps.back().last;
  }
  return steps;
}

std::vector<Candidate> made(const loop::Verdict& verdict, const Setting& setting) {
  std::vector<Candidate> all;
  if (!verdict.refused.empty()) return all;
  const Works works(verdict, setting);
  const Assembly assembly(works, setting);
  const std::vector<Step> steps = steps_of(works);
  const std::vector<Stage> serial = serial_stages(works.whole());
  const auto parallel = [](const Step& one) { return one.stages[0].template_name != kSerial; };
  if (std::any_of(steps.begin(), steps.end(), parallel)) {
    std::size_t variants = 0;
    for (const Step& one : steps) variants = std::max(variants, one.stages.size());
    for (std::size_t i = 0; i < std::min(variants, kMost - 1); ++i) {
      std::vector<const Stage*> stages;
      for (const Step& one : steps) stages.push_back(&one.stages[std::min(i, one.stages.size() - 1)]);
      all.push_back(assembly.candidate(stages, verdict.assumed, serial.front()));
    }
  }
  for (const Stage& stage : serial) all.push_back(assembly.candidate({&stage}));
  return all;
}

/// A real number that no integer of its type is near is undefined in C, and programs rely on what their machine makes of it: a
/// GPU's own conversion makes something else.
loop::Verdict with_machine_conversions(loop::Verdict verdict) {
  loop::for_each_term(verdict, [](loop::Term& term) {
    term = loop::replace(term, [](const loop::Term& part) -> std::optional<loop::Term> {
      if (part.kind != loop::Term::Kind::convert || is_real(part.type) || !is_real(part.terms[0].type)) return std::nullopt;
      const char* const name = part.type == loop::ScalarType::i32 ? "ak::to_i32" : "ak::to_i64";
      return loop::Term{loop::Term::Kind::call, part.type, name, part.terms};
    });
  });
  return verdict;
}

/// By names that kernels may have.
std::vector<Candidate> named(const loop::Verdict& verdict, const Setting& setting) {
  const KernelNames names(verdict.function);
  if (names.empty()) return made(verdict, setting);
  std::vector<Candidate> all = made(names.renamed(verdict), setting);
  for (Candidate& candidate : all) names.restore(candidate);
  return all;
}

RunOnce prepared(const loop::Verdict& verdict, const Setting& setting) {
  RunOnce known{verdict, {}};
  if (setting.restricted) known = with_repeats_run_once(verdict);
  known.verdict = with_values_spread(std::move(known.verdict));
  return known;
}

}  // namespace

std::vector<Candidate> candidates(const loop::Verdict& of, const Setting& setting) {
  const loop::Verdict verdict = with_machine_conversions(of);
  std::vector<Candidate> all = named(prepared(verdict, setting).verdict, setting);
  if (all.size() > 1 || !setting.restricted) return all;
  const auto joined = with_nests_joined(verdict);
  return joined ? named(*joined, setting) : all;
}

Candidate where_assumed(Candidate fast, const std::vector<loop::Term>& assumed, const Candidate& serial) {
  const loop::Term none = loop::integer(0, loop::ScalarType::i64);
  const auto limited = [&](loop::Launch& launch, loop::Term where, const loop::Term& elsewhere) {
    for (const loop::Term& condition : assumed)
      where = {loop::Term::Kind::choose, loop::ScalarType::i64, {}, {condition, std::move(where), elsewhere}};
    launch.blocks = std::move(where);
  };
  for (loop::Launch& launch : fast.launches) limited(launch, loop::convert(loop::ScalarType::i64, launch.blocks), none);
  fast.launches.push_back(serial.launches.front());
  limited(fast.launches.back(), none, serial.launches.front().blocks);
  fast.text += serial.text;
  fast.same_bits = fast.same_bits && serial.same_bits;
  return fast;
}

std::string kernel_parameters(const loop::Function& function, const std::vector<loop::Scratch>& scratch, bool overlapping) {
  std::string text = loop::c_parameters(function, !overlapping);
  for (const loop::Scratch& one : scratch)
    text += fmt::format("{}{}* {}", text.empty() ? "" : ", ", loop::c_name(one.type), one.name);
  return text;
}

std::vector<std::size_t> groups_of_parts(const loop::Verdict& verdict) {
  std::vector<std::size_t> groups;
  if (!verdict.refused.empty()) return groups;
  const RunOnce known = prepared(verdict, {});
  for (const Step& one : steps_of(Works(known.verdict, {}))) groups.push_back(known.origins[one.first]);
  return groups;
}

bool runs_alone(std::string_view part, const loop::Group& group) {
  return (part == kSerial && !group.loops.empty()) || (part == kSequential && group.loops.size() == 1);
}

}  // namespace ak::port
