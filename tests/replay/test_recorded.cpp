// The recorded runner over a synthetic recording: its times are made up by a formula; its compiles are real.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <mutex>

#include "ak/types.hpp"
#include "base/log.hpp"
#include "families/family.hpp"
#include "jit/source.hpp"
#include "recording/recorded.hpp"
#include "recording/sweep.hpp"
#include "search/space.hpp"

using namespace ak;

namespace {

const Problem& problem() {
  static const Problem p = parse_problem("512x1024x512 bf16 silu");
  return p;
}

const Space& space() {
  static const Space s = make_space(problem(), DeviceFacts{});
  return s;
}

Tactic vendor_tactic(std::int16_t rank) {
  Tactic t;
  t.family = FamilyId::vendor;
  t.algo = rank;
  return t;
}

// Every 40th tactic of the real space. Rank i takes 20 + i us; the third one failed on "the GPU", the fourth is a constraint.
constexpr std::size_t kStride = 40;
Recording synthetic() {
  Recording r;
  r.name = "synthetic";
  std::vector<Tactic> all;
  for (const auto& ranked : space().tactics) all.push_back(ranked.tactic);
  r.header = make_header(problem(), DeviceFacts{}, all, "0", "0");
  r.vendor = {21.5, 25, 21, 21.5, 28};
  r.anchor_drift = 0.01;
  for (std::int16_t i = 0; i < 2; ++i) {
    RecordedTrial v;
    v.trial.tactic = vendor_tactic(i), v.trial.outcome = Outcome::correct, v.trial.us = 21.5 + i, v.final_us = v.trial.us;
    r.trials.push_back(v);
  }
  for (std::size_t i = 0; i * kStride < all.size() && i < 6; ++i) {
    RecordedTrial t;
    t.trial.tactic = all[i * kStride];
    t.trial.outcome = i == 2 ? Outcome::incorrect : i == 3 ? Outcome::constraints : Outcome::correct;
    if (t.trial.correct()) t.trial.us = 20.0 + static_cast<double>(i), t.trial.ratio = 21.5 / t.trial.us;
    if (i == 1) t.final_us = 19;
    if (i == 0) t.final_us = 20.5;
    t.trial.registers = 77;
    r.trials.push_back(t);
  }
  return r;
}

Allowance threads(int count) {
  Allowance allowance;
  allowance.compile_threads = count;
  return allowance;
}

}  // namespace

TEST_CASE("the recorded runner answers from its file, and compiles each tactic for the recorded GPU") {
  REQUIRE(space().tactics.size() > 5 * kStride);
  RecordedTrials runner(synthetic(), threads(2));
  const auto& trials = runner.recording().trials;
  const Tactic first = trials[2].trial.tactic, second = trials[3].trial.tactic;

  CHECK(runner.vendor_tactics(Deadline::never()) == std::vector<Tactic>{vendor_tactic(0), vendor_tactic(1)});
  CHECK(runner.ready(vendor_tactic(0)));
  CHECK(runner.run(vendor_tactic(0), Effort::quick, Deadline::in(0)).us == 21.5);
  CHECK(runner.vendor().separate_us == 28);
  CHECK(runner.anchor_drift() == 0.01);
  CHECK(runner.compiles() == 0);

  CHECK_FALSE(runner.ready(first));
  const Tactic both[] = {first, second};
  runner.prefetch(both);
  const Trial quick = runner.run(first, Effort::quick, Deadline::in(120));
  CHECK(quick.correct());
  CHECK(quick.us == 20);
  CHECK(quick.ratio == doctest::Approx(21.5 / 20));
  CHECK(quick.registers == 77);
  CHECK(quick.compile_s > 0);
  CHECK_FALSE(quick.final_timing);
  CHECK(runner.ready(first));
  CHECK(runner.run(second, Effort::full, Deadline::in(120)).final_timing);
  CHECK(runner.compiles() == 2);

  const Artifact artifact = runner.artifact(first);
  REQUIRE(artifact.cubin.size() > 64);
  CHECK(artifact.cubin.substr(1, 3) == "ELF");
  CHECK(static_cast<unsigned char>(artifact.cubin[18]) == 190);  // e_machine: EM_CUDA
  CHECK(artifact.cubin.find(kernel_name(synthetic().header.problem, first)) != std::string::npos);
  CHECK(runner.artifact(vendor_tactic(0)).cubin.empty());
}

TEST_CASE("what the file does not hold, or holds as a failure, is answered so") {
  RecordedTrials runner(synthetic(), threads(2));
  const Tactic absent = space().tactics[1].tactic;
  CHECK(runner.ready(absent));
  const Trial unknown = runner.run(absent, Effort::quick, Deadline::in(60));
  CHECK(unknown.outcome == Outcome::constraints);
  CHECK(unknown.why == "not in the recording");
  CHECK(unknown.tactic == absent);

  const auto& trials = runner.recording().trials;
  CHECK(runner.run(trials[5].trial.tactic, Effort::quick, Deadline::in(0)).outcome == Outcome::constraints);
  CHECK(runner.compiles() == 0);
  const Trial incorrect = runner.run(trials[4].trial.tactic, Effort::full, Deadline::in(120));
  CHECK(incorrect.outcome == Outcome::incorrect);
  CHECK(incorrect.us == 0);
  CHECK(runner.compiles() == 1);

  const Trial late = runner.run(trials[2].trial.tactic, Effort::quick, Deadline::in(0));
  CHECK(late.outcome == Outcome::timeout);
}

TEST_CASE("finals compare times of one window only") {
  RecordedTrials runner(synthetic(), threads(2));
  const auto& trials = runner.recording().trials;
  const Tactic timed[] = {trials[2].trial.tactic, trials[3].trial.tactic, vendor_tactic(0)};
  const auto finals = runner.finals(timed, Deadline::in(120));
  REQUIRE(finals.size() == 3);
  CHECK(finals[0].us == 20.5);
  CHECK(finals[1].us == 19);
  CHECK(finals[1].ratio == doctest::Approx(21.5 / 19));
  CHECK(finals[2].ratio == 1);
  for (const Trial& t : finals) CHECK(t.final_timing);

  const Tactic mixed[] = {trials[3].trial.tactic, trials[6].trial.tactic};  // the latter was in no final window
  const auto quick = runner.finals(mixed, Deadline::in(120));
  CHECK(quick[0].us == 21);
  CHECK(quick[1].us == 24);
}

TEST_CASE("changed device code is said to whom it concerns, and answered") {
  std::string lines;
  const LogLevel before = log_level();
  set_log_level(LogLevel::info);
  set_log_sink([&](LogLevel level, std::string_view line) { lines += fmt::format("{}: {}\n", name(level), line); });
  { const RecordedTrials unchanged(synthetic(), threads(1)); }
  CHECK(lines.empty());
  Recording old = synthetic();
  old.name = "older";
  const std::string family(name(old.trials[2].trial.tactic.family));
  REQUIRE(old.header.digests.contains(family));
  old.header.digests[family].low++;
  {
    RecordedTrials runner(old, threads(1));
    CHECK(runner.run(old.trials[2].trial.tactic, Effort::quick, Deadline::in(120)).us == 20);
  }
  set_log_sink({});
  set_log_level(before);
  CHECK(lines ==
        fmt::format("info: recording older: its times were measured with earlier sources of {}, not with those that are "
                    "compiled now\n",
                    family));
}
