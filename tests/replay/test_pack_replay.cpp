// A pack on a recorded machine: real rules, a real cubin from NVRTC, the recording's verdict; no GPU and no search.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "cache/pack.hpp"
#include "context/context.hpp"
#include "families/family.hpp"
#include "jit/source.hpp"
#include "recording/recorded_machine.hpp"
#include "recording/recording.hpp"

using namespace ak;

TEST_CASE("what a pack knows of a recorded problem is compiled once and served without a search; a failure is searched past") {
  const std::string recordings = std::string(AK_SOURCE_DIR) + "/tests/recordings";
  const std::string file = (std::filesystem::temp_directory_path() / fmt::format("ak_replay_{}.pack", ::getpid())).string();
  const Problem problem = parse_problem("512x512x512 bf16 relu bias=column");
  const auto recording = Recording::open(recordings, problem);
  REQUIRE(recording);
  const auto machine = make_recording_machine(recordings);
  const Space space = machine->space(problem);
  const Trial *right = nullptr, *wrong = nullptr;
  for (const RecordedTrial& each : recording->trials) {
    if (is_vendor(each.trial.tactic) || space.rejects(each.trial.tactic)) continue;
    const Trial*& kept = each.trial.correct() ? right : wrong;
    if (!kept) kept = &each.trial;
  }
  REQUIRE(right);

  Settings settings;
  settings.cache_dir = "";
  settings.recording = recordings;
  settings.packs = {file};
  settings.budget_s = 20;
  settings.max_trials = 3;
  PackEntry entry;
  entry.record.problem = problem;
  entry.record.hardware = machine->hardware();
  entry.record.us = 7, entry.record.vendor_us = 8;
  const auto explained = [&](const Tactic& tactic, Counters& counters, std::optional<Digest> source = {}) {
    entry.record.tactic = tactic;
    entry.record.provenance = machine->provenance(problem, tactic, true);
    if (source) entry.record.provenance.kernel_source = *source;
    write_pack(file, {entry});
    Context::Impl context(settings);
    const Explanation e = context.prepare(problem);
    counters = context.counters();
    const auto stored = context.store().find(problem, machine->hardware());
    REQUIRE(stored);
    if (!is_vendor(stored->tactic)) {
      CHECK(!context.store().cubin(stored->cubin).value_or("").empty());
      CHECK(stored->provenance.kernel_source ==
            kernel_digest(family(stored->tactic.family).sources(), problem, stored->tactic, machine->device().arch()));
    }
    return e;
  };
  Counters counters;
  const Explanation e = explained(right->tactic, counters);
  CHECK(e.source == "pack " + file);
  CHECK(e.served_by == to_string(right->tactic));
  CHECK(e.us == 7);
  CHECK(e.from_recording);
  CHECK(counters.searches == 0);
  CHECK(counters.pack_hits == 1);
  CHECK(counters.compiles == 1);
  CHECK(explained(right->tactic, counters, Digest{}).us == 7);                 // a pack need not say what it was compiled from
  CHECK(explained(right->tactic, counters, digest("other defines")).us != 7);  // its time is not that of today's kernel
  if (wrong) {
    CHECK(explained(wrong->tactic, counters).source == "this process");
    CHECK(counters.searches == 1);
    CHECK(counters.pack_hits == 0);
  }
  std::filesystem::remove(file);
}
