// Packs and imports on a fake machine: what starts at a hit, what is timed again, what is refused.
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include "base/log.hpp"
#include "cache/pack.hpp"
#include "fake_machine.hpp"

using namespace ak;
using namespace ak::testing;

namespace {

// A correct tactic of the landscape: the best one, or the worst.
Tactic some_tactic(bool best = true) {
  const Landscape land;
  const Tactic* found = nullptr;
  const Space space = land.space();
  for (const RankedTactic& ranked : space.tactics)
    if (land.outcome(ranked.tactic) == Outcome::correct && (!found || (land.us(ranked.tactic) < land.us(*found)) == best))
      found = &ranked.tactic;
  return *found;
}

Tactic failing_tactic() {
  const Landscape land;
  const Space space = land.space();
  for (const RankedTactic& ranked : space.tactics)
    if (land.outcome(ranked.tactic) == Outcome::incorrect) return ranked.tactic;
  FAIL("none fails");
  return {};
}

// A pack's file with one record of the fixture's problem, and a context that consults it.
struct Packed {
  std::string file = (std::filesystem::temp_directory_path() / fmt::format("ak_context_{}.pack", ::getpid())).string();
  PackEntry entry;
  Settings settings = quick();
  std::vector<std::string> lines;
  LogLevel before = log_level();
  Fixture f;

  Packed() : f(quick()) {
    entry.record.problem = f.problem;
    entry.record.hardware = f.world.hardware;
    entry.record.tactic = some_tactic();
    entry.record.us = 33, entry.record.vendor_us = 44;
    entry.record.provenance = f.world.today;
    settings.packs = {file};
    set_log_level(LogLevel::info);
    set_log_sink([this](LogLevel, std::string_view line) { lines.emplace_back(line); });
  }
  ~Packed() {
    set_log_sink({});
    set_log_level(before);
    std::filesystem::remove(file);
  }
  void open() {
    write_pack(file, {entry});
    f.open(settings);
  }
  Explanation call() {
    f.call();
    return f.context->explain(f.problem);
  }
  Counters counters() const { return f.context->counters(); }
  bool logged(const std::string& text) const {
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) { return line.find(text) != line.npos; });
  }
  std::optional<PlanRecord> stored() const { return f.context->store().find(f.problem, f.world.hardware); }
};

Tactic vendor_winner() {
  Tactic t;
  t.family = FamilyId::vendor;
  return t;
}

}  // namespace

TEST_CASE(
    "what a pack knows is proven once and served: no search, its times stand, and the next process finds it in the store") {
  Packed p;
  p.settings.cache_dir = fresh_folder("test_context_pack");
  p.open();
  const Explanation before = p.f.context->explain(p.f.problem);
  CHECK(before.source == "pack " + p.file);
  CHECK(before.note.find("first call") != std::string::npos);
  CHECK(p.f.world.runners == 0);

  const Explanation e = p.call();
  CHECK(e.source == "pack " + p.file);
  CHECK(e.served_by == to_string(p.entry.record.tactic));
  CHECK(e.us == 33);
  CHECK(e.vendor_us == 44);
  CHECK(e.note.find("proven here") != std::string::npos);
  CHECK(p.counters().searches == 0);
  CHECK(p.counters().pack_hits == 1);
  CHECK(p.counters().trials == 1);
  CHECK(p.f.world.launched == 1);
  REQUIRE(p.f.world.ran_first.size() == 1);
  CHECK(p.f.world.ran_first[0] == p.entry.record.tactic);
  REQUIRE(p.stored());
  CHECK(!unproven(*p.stored()));
  p.f.call();
  CHECK(p.f.world.runners == 1);

  p.settings.packs.clear();
  p.f.open(p.settings);
  CHECK(p.call().source == "store");
  CHECK(p.counters().store_hits == 1);
  CHECK(p.f.world.runners == 1);
}

TEST_CASE(
    "a pack made with other versions is timed here against cuBLASLt, its kernels alone; a search follows where they lose") {
  Packed p;
  p.entry.record.provenance.driver = "570.1";
  p.open();
  const Explanation e = p.call();
  CHECK(e.source == "pack " + p.file);
  CHECK(e.served_by == to_string(p.entry.record.tactic));
  CHECK(e.us != 33);
  CHECK(e.vendor_us == 52);
  CHECK(e.note.find("580.1, was 570.1") != std::string::npos);
  CHECK(p.counters().searches == 0);
  CHECK(p.counters().trials < 5);
  CHECK(p.stored()->provenance.driver == "580.1");

  Packed changed;
  changed.entry.record.provenance.family_source = digest("older kernels");
  changed.entry.record.tactic = some_tactic(false);
  changed.open();
  const Explanation after = changed.call();
  CHECK(after.source == "this process");
  CHECK(changed.counters().searches == 1);
  CHECK(changed.counters().pack_hits == 0);
  CHECK(changed.logged("does not win here"));
  CHECK(after.served_by != to_string(some_tactic(false)));
}

TEST_CASE("a pack's provisional times do not stand: its kernels are timed here, whatever else is the same") {
  Packed p;
  p.entry.record.provenance.provisional = true;
  p.open();
  const Explanation e = p.call();
  CHECK(e.source == "pack " + p.file);
  CHECK(e.us != 33);
  CHECK(e.vendor_us == 52);
  CHECK(e.note.find("its times are provisional") != std::string::npos);
  CHECK(p.counters().searches == 0);
  CHECK(!p.stored()->provenance.provisional);
}

TEST_CASE("a pack that names cuBLASLt starts no own kernel where nothing changed, and tries the runner-up where it did") {
  Packed p;
  p.entry.record.tactic = vendor_winner();
  p.entry.record.provenance.family_source = {};
  p.entry.own = some_tactic();
  p.open();
  CHECK(p.f.context->explain(p.f.problem).served_by == "cuBLASLt");
  const Explanation e = p.call();
  CHECK(e.served_by == "cuBLASLt, heuristic 1");  // found here
  CHECK(e.us == 52);
  CHECK(p.counters().searches == 0);
  CHECK(p.counters().pack_hits == 1);
  CHECK(p.counters().trials == 0);
  CHECK(!p.stored()->vendor_algo.empty());

  p.entry.record.provenance.cublaslt = "12.0";
  p.open();
  CHECK(p.call().served_by == to_string(*p.entry.own));
  CHECK(p.counters().searches == 0);
  CHECK(p.counters().trials > 0);
}

TEST_CASE("the same product under another activation is a short search over the pack's kernels") {
  Packed p;
  p.entry.record.problem.epilogue.activation = Activation::silu;
  p.open();
  CHECK(p.f.context->explain(p.f.problem).source == "none");
  CHECK(p.f.context->explain(p.f.problem).note.find("silu") != std::string::npos);
  const Explanation e = p.call();
  CHECK(e.source == "pack " + p.file);
  CHECK(e.vendor_us == 52);
  CHECK(p.counters().searches == 0);
  CHECK(p.counters().trials < 5);
  CHECK(p.stored()->problem == p.f.problem);

  Packed other;  // another size, layout or alignment is a search, with the pack's kernel tried first
  other.entry.record.problem.m = 2;
  other.open();
  CHECK(other.call().source == "this process");
  CHECK(other.counters().searches == 1);
  CHECK(other.f.world.ran_first.front() == other.entry.record.tactic);
}

TEST_CASE("a pack of other hardware is no hit; its kernels are proposed") {
  Packed p;
  p.entry.record.hardware.gpu = "NVIDIA H100";
  p.open();
  CHECK(p.call().source == "this process");
  CHECK(p.counters().searches == 1);
  CHECK(p.counters().pack_hits == 0);
  CHECK(p.f.world.ran_first.front() == p.entry.record.tactic);

  Packed recorded;  // what a recording said is not even proposed on a GPU
  recorded.entry.record.hardware.recording = "h200";
  recorded.entry.record.tactic = some_tactic(false);
  recorded.open();
  recorded.call();
  CHECK(recorded.counters().searches == 1);
  for (const Trial& t : recorded.f.context->store().trials(recorded.f.problem, recorded.f.world.hardware))
    CHECK(t.proposer != "portfolio");
}

TEST_CASE("a damaged pack is a logged miss that names file and line") {
  Packed p;
  p.open();
  std::ofstream(p.file, std::ios::app) << "one line more\n";
  p.f.open(p.settings);
  CHECK(p.call().source == "this process");
  CHECK(p.counters().searches == 1);
  CHECK(p.logged(p.file + ":1: the checksum does not match"));
}

TEST_CASE("a tactic that the rules refuse, or that computes wrongly here, is logged and a search goes on") {
  Packed p;
  p.entry.record.tactic.tile_m = 4096;
  p.open();
  CHECK(p.call().source == "this process");
  CHECK(p.counters().searches == 1);
  CHECK(p.logged("names sm80 tile_m=4096"));
  CHECK(p.logged("tile out of range"));

  Packed wrong;
  wrong.entry.record.tactic = failing_tactic();
  wrong.open();
  CHECK(wrong.call().source == "this process");
  CHECK(wrong.logged("which fails here: incorrect"));
  const auto history = wrong.f.context->store().trials(wrong.f.problem, wrong.f.world.hardware);
  CHECK(std::any_of(history.begin(), history.end(),
                    [](const Trial& t) { return t.proposer == "pack" && t.outcome == Outcome::incorrect; }));
}

TEST_CASE("packs prove nothing in mode hit, without a compiler, or when a new search is asked for") {
  Packed p;
  p.settings.mode = Mode::hit;
  p.open();
  CHECK(p.call().source == "vendor fallback");
  CHECK(p.f.world.runners == 0);

  Packed bare;
  bare.f.world.no_compiler = "NVRTC is not available";
  bare.f.world.today.nvrtc = "";
  bare.open();
  CHECK(bare.call().served_by.starts_with("cuBLASLt"));
  CHECK(bare.counters().pack_hits == 0);

  Packed again;
  again.open();
  again.f.context->retune(again.f.problem);
  CHECK(again.counters().searches == 1);
  CHECK(again.counters().pack_hits == 0);
}

TEST_CASE("an import is a record to be proven: by the first call, never during a capture, never in mode hit") {
  Packed p;
  p.settings.packs.clear();
  p.settings.cache_dir = fresh_folder("test_context_import");
  const auto import_it = [&] {
    p.f.open(p.settings);
    PlanRecord record = p.entry.record;
    p.f.context->store().replace(record, {});
  };
  import_it();
  CHECK(!p.f.context->proven(p.f.problem));
  CHECK(p.f.context->explain(p.f.problem).note.find("imported") != std::string::npos);
  p.f.world.capturing = true;
  p.f.call();
  CHECK(p.counters().vendor_fallbacks == 1);
  CHECK(p.f.world.runners == 0);
  p.f.world.capturing = false;
  p.f.open(p.settings);
  CHECK(p.call().source == "import");
  CHECK(p.counters().searches == 0);
  CHECK(p.counters().pack_hits == 1);
  CHECK(p.f.context->proven(p.f.problem));
  CHECK(!unproven(*p.stored()));

  import_it();
  p.settings.mode = Mode::hit;
  p.f.open(p.settings);
  CHECK(p.call().source == "vendor fallback");
  CHECK(unproven(*p.stored()));
}

TEST_CASE("new kernels come with a new pack: a winner of the old ones is not searched for again") {
  Packed p;
  p.settings.packs.clear();
  p.settings.cache_dir = fresh_folder("test_context_upgrade");
  p.f.open(p.settings);
  p.f.call();
  CHECK(p.counters().searches == 1);
  p.f.world.today.family_source = digest("newer kernels");
  p.settings.packs = {p.file};
  p.open();
  CHECK(p.call().source == "this process");  // the pack is as old
  CHECK(p.counters().searches == 1);

  p.f.world.today.family_source = p.entry.record.provenance.family_source = digest("newest kernels");
  p.open();
  CHECK(p.call().source == "pack " + p.file);
  CHECK(p.counters().searches == 0);
  CHECK(p.stored()->tactic == p.entry.record.tactic);
}

TEST_CASE("the library's own pack is consulted unless it is switched off") {
  Packed p;
  const Pack shipped = shipped_pack();
  CHECK(shipped.faults.empty());
  Settings settings = quick();
  settings.shipped = true;
  p.f.open(settings);
  for (const PackEntry& entry : shipped.entries) {
    if (!(entry.record.hardware == p.f.world.hardware)) continue;
    CHECK(p.f.context->explain(entry.record.problem).source == "shipped pack");
    settings.shipped = false;
    p.f.open(settings);
    CHECK(p.f.context->explain(entry.record.problem).source == "none");
    break;
  }
}
