#include "recording/recorded.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ak/types.hpp"
#include "base/log.hpp"
#include "families/family.hpp"
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
    warn_once(fmt::format("recording {}: its times are of earlier device code ({})", recording.name, changed));
}

// Never compiled: a constraint says that it cannot be.
bool needs_cubin(const Trial& trial) { return !is_vendor(trial.tactic) && trial.outcome != Outcome::constraints; }

}  // namespace

RecordedRunner::RecordedRunner(Recording recording, const Allowance& allowance)
    : recording_(std::move(recording)), pool_(recording_.header.device.arch(), allowance) {
  if (std::string why; !compiler_available(&why))
    throw Error(ErrorCode::missing_library,
                fmt::format("recording {}: its tactics are compiled, but {}", recording_.name, why));
  for (const RecordedTrial& recorded : recording_.trials) index_.emplace(recorded.trial.tactic, &recorded);
  check_digests(recording_);
}

const RecordedTrial* RecordedRunner::find(const Tactic& tactic) const {
  const auto at = index_.find(tactic);
  return at == index_.end() ? nullptr : at->second;
}

// Throws Error for a family that this build does not have.
const Source& RecordedRunner::source_of(const Tactic& tactic) {
  if (const auto made = sources_.find(tactic); made != sources_.end()) return made->second;
  return sources_.emplace(tactic, make_source(family(tactic.family).sources(), recording_.header.problem, tactic))
      .first->second;
}

std::vector<Tactic> RecordedRunner::vendor_tactics(Deadline) {
  std::vector<Tactic> out;
  for (const RecordedTrial& recorded : recording_.trials)
    if (is_vendor(recorded.trial.tactic)) out.push_back(recorded.trial.tactic);
  return out;
}

void RecordedRunner::prefetch(std::span<const Tactic> tactics) {
  for (const Tactic& tactic : tactics) try {
      if (const auto recorded = find(tactic); recorded && needs_cubin(recorded->trial)) pool_.want(source_of(tactic));
    } catch (const Error&) {  // no source: run() says why
    }
}

void RecordedRunner::drop_prefetched() { pool_.drop_waiting(); }

bool RecordedRunner::ready(const Tactic& tactic) {
  const auto recorded = find(tactic);
  if (!recorded || !needs_cubin(recorded->trial)) return true;
  const auto source = sources_.find(tactic);
  return source != sources_.end() && pool_.ready(source->second.digest);
}

Trial RecordedRunner::run(const Tactic& tactic, Effort effort, Deadline deadline) {
  Trial trial;
  trial.tactic = tactic;
  const auto recorded = find(tactic);
  if (!recorded) {
    trial.why = "not in the recording";
    return trial;
  }
  trial = recorded->trial;
  trial.final_timing = trial.correct() && effort == Effort::full;
  if (!needs_cubin(trial)) return trial;

  const auto failed = [&](Outcome outcome, std::string why, double compile_s) {
    trial = {};
    trial.tactic = tactic, trial.outcome = outcome, trial.why = std::move(why), trial.compile_s = compile_s;
    return trial;
  };
  try {
    const auto compiled = pool_.get(source_of(tactic), deadline);
    if (!compiled) return failed(Outcome::timeout, "its compile did not end in time", 0);
    // A recorded failure stands. What ran on the GPU but does not compile here has no cubin to give.
    if (!compiled->failure.empty() && trial.correct()) return failed(Outcome::compile, compiled->failure, compiled->seconds);
    trial.compile_s = compiled->seconds;
  } catch (const Error& error) {
    return failed(Outcome::compile, error.what(), 0);
  }
  return trial;
}

std::vector<Trial> RecordedRunner::finals(std::span<const Tactic> tactics, Deadline deadline) {
  // Times of two windows do not compare: the recorded final ones only when all were in that window.
  const bool all_final = std::all_of(tactics.begin(), tactics.end(), [&](const Tactic& tactic) {
    const auto recorded = find(tactic);
    return recorded && recorded->final_us > 0;
  });
  std::vector<Trial> out;
  double vendor_us = 0;
  for (const Tactic& tactic : tactics) {
    Trial trial = run(tactic, Effort::full, deadline);
    if (all_final && trial.correct()) trial.us = find(tactic)->final_us;
    if (trial.correct() && is_vendor(tactic) && (vendor_us == 0 || trial.us < vendor_us)) vendor_us = trial.us;
    out.push_back(std::move(trial));
  }
  if (vendor_us > 0)
    for (Trial& trial : out)
      if (trial.correct()) trial.ratio = vendor_us / trial.us;
  return out;
}

Artifact RecordedRunner::artifact(const Tactic& tactic) {
  if (is_vendor(tactic)) return {};
  const auto compiled = pool_.get(source_of(tactic), Deadline::never());
  if (!compiled || compiled->cubin.empty())
    throw Error(ErrorCode::internal, fmt::format("recording {}: no cubin of {}", recording_.name, to_string(tactic)));
  return {compiled->cubin, {}};
}

}  // namespace ak
