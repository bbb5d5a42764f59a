#include "recording/recorded.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ak/types.hpp"
#include "base/log.hpp"
#include "families/family.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"

namespace ak {
namespace {

void check_digests(const Recording& recording) {
  std::string changed;
  for (const Family* own : families()) {
    const std::string family(name(own->id()));
    const auto recorded = recording.header.digests.find(family);
    if (recorded != recording.header.digests.end() && recorded->second != source_digest(own->sources()))
      changed += changed.empty() ? family : ", " + family;
  }
  if (!changed.empty())
    log(LogLevel::info,
        "recording {}: its times were measured with earlier sources of {}, not with those that are compiled now",
        recording.name, changed);
}

// Asked before a tactic is compiled; what else became of it is the prover's to say.
std::optional<std::string> refusal(const RecordedAnswers& answers, const Tactic& tactic) {
  const RecordedTrial* const recorded = answers.find(tactic);
  if (!recorded) return "not in the recording";
  return recorded->trial.outcome == Outcome::constraints ? std::optional(recorded->trial.why) : std::nullopt;
}

}  // namespace

RecordedAnswers::RecordedAnswers(Recording recording) : recording_(std::move(recording)) {
  if (std::string why; !compiler_available(&why))
    throw Error(ErrorCode::missing_library,
                fmt::format("recording {}: its tactics are compiled, but {}", recording_.name, why));
  for (const RecordedTrial& recorded : recording_.trials) index_.emplace(recorded.trial.tactic, &recorded);
  check_digests(recording_);
}

const RecordedTrial* RecordedAnswers::find(const Tactic& tactic) const {
  const auto at = index_.find(tactic);
  return at == index_.end() ? nullptr : at->second;
}

const RecordedTrial& RecordedAnswers::at(const Tactic& tactic) const {
  if (const RecordedTrial* const recorded = find(tactic)) return *recorded;
  throw Failed{Outcome::constraints, "not in the recording"};
}

Proven RecordedProver::prove(const Kernel& kernel, Effort, Deadline) {
  const Trial& recorded = answers_.at(kernel.tactic).trial;
  if (!recorded.correct()) throw Failed{recorded.outcome, recorded.why};
  return {};
}

std::vector<Tactic> RecordedTimer::vendor_tactics(Deadline) {
  std::vector<Tactic> out;
  for (const RecordedTrial& recorded : answers_.recording().trials)
    if (is_vendor(recorded.trial.tactic)) out.push_back(recorded.trial.tactic);
  return out;
}

void RecordedTimer::load(const Kernel& kernel, Trial& trial, Deadline) {
  const Trial& recorded = answers_.at(kernel.tactic).trial;
  trial.registers = recorded.registers, trial.smem_bytes = recorded.smem_bytes, trial.spill_bytes = recorded.spill_bytes;
}

void RecordedTimer::time(const Kernel& kernel, Effort effort, Trial& trial, Deadline) {
  const double compile_s = trial.compile_s;
  trial = answers_.at(kernel.tactic).trial;
  if (!is_vendor(kernel.tactic)) trial.compile_s = compile_s;
  trial.final_timing = effort == Effort::full;
}

void RecordedTimer::time_finals(std::span<const Kernel> kernels, std::span<Trial* const> trials, Deadline deadline) {
  // Times of two windows do not compare: the recorded final ones only when all were in that window.
  const bool all_final =
      std::ranges::all_of(kernels, [&](const Kernel& kernel) { return answers_.at(kernel.tactic).final_us > 0; });
  double vendor_us = 0;
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    Trial& trial = *trials[i];
    time(kernels[i], Effort::full, trial, deadline);
    if (all_final && trial.correct()) trial.us = answers_.at(kernels[i].tactic).final_us;
    if (trial.correct() && is_vendor(trial.tactic) && (vendor_us == 0 || trial.us < vendor_us)) vendor_us = trial.us;
  }
  if (vendor_us > 0)
    for (Trial* trial : trials)
      if (trial->correct()) trial->ratio = vendor_us / trial->us;
}

RecordedTrials::RecordedTrials(Recording recording, const Allowance& allowance)
    : RecordedParts(std::move(recording)),
      Trials(answers.recording().header.problem, answers.recording().header.device.arch(), allowance, prover, timer,
             {.refuses = [this](const Tactic& tactic) { return refusal(answers, tactic); }, .reported = false}) {
}  // the recording's compiler has the word

}  // namespace ak
