// Recordings as files. Every number here is made up.
#include <doctest/doctest.h>
#include <unistd.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "ak/types.hpp"
#include "base/log.hpp"
#include "recording/recording.hpp"
#include "recording/recording_json.hpp"
#include "recording/sweep.hpp"

using namespace ak;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() : path(fs::temp_directory_path() / ("ak_recording_" + std::to_string(getpid()))) { fs::remove_all(path); }
  ~Folder() { fs::remove_all(path); }
  operator std::string() const { return path; }
  const fs::path path;
};

Tactic own(std::int16_t i) {
  Tactic t;
  t.family = FamilyId::sm80;
  t.tile_m = t.tile_n = 64, t.tile_k = 32, t.stages = static_cast<std::int16_t>(i + 1), t.warps_m = 2;
  return t;
}

Tactic vendor(std::int16_t rank) {
  Tactic t;
  t.family = FamilyId::vendor;
  t.algo = rank;
  return t;
}

RecordingHeader header(const char* problem = "16x32x64 f16 silu bias=row:f32") {
  RecordingHeader h;
  h.problem = parse_problem(problem);
  h.device.mig = "1g.10gb";
  h.digests = {{"sm80", {1, 0xfedcba9876543210}}, {"sm90", {0x123456789abcdef0, 2}}};
  h.space = "a space", h.space_size = 7, h.date = "2026-11-21T10:00:00Z";
  h.driver = "580.1", h.nvrtc = "13.0", h.cublaslt = "13.1.0";
  return h;
}

Recording sample_recording() {
  Recording r;
  r.header = header();
  r.vendor = {10, 12, 9.5, 10, 13.25};
  r.anchor_drift = 0.015625;
  for (int i = 0; i < 7; ++i) {  // one of each outcome
    RecordedTrial t;
    t.trial.tactic = own(static_cast<std::int16_t>(i));
    t.trial.outcome = static_cast<Outcome>(i);
    if (i == 0)
      t.trial.us = 9.5, t.trial.ratio = 1.0625, t.final_us = 9.75;
    else
      t.trial.why = "why \"" + std::to_string(i) + "\"";
    t.trial.registers = 100 + i, t.trial.smem_bytes = 1000 * i, t.trial.spill_bytes = 4 * i, t.trial.compile_s = 0.25 * i;
    r.trials.push_back(t);
  }
  RecordedTrial v;
  v.trial.tactic = vendor(1), v.trial.tactic.separate = 1, v.trial.outcome = Outcome::correct, v.trial.us = 10,
  v.trial.ratio = 1;
  r.trials.push_back(v);
  return r;
}

void check_same(const Recording& a, const Recording& b) {
  CHECK(a.header.problem == b.header.problem);
  CHECK(a.header.device == b.header.device);
  CHECK(a.header.digests == b.header.digests);
  CHECK(a.header.space == b.header.space);
  CHECK(a.header.space_size == b.header.space_size);
  CHECK(a.header.date == b.header.date);
  CHECK(a.header.driver == b.header.driver);
  CHECK(a.header.nvrtc == b.header.nvrtc);
  CHECK(a.header.cublaslt == b.header.cublaslt);
  CHECK(a.vendor.best_us == b.vendor.best_us);
  CHECK(a.vendor.first_us == b.vendor.first_us);
  CHECK(a.vendor.gemm_us == b.vendor.gemm_us);
  CHECK(a.vendor.fused_us == b.vendor.fused_us);
  CHECK(a.vendor.separate_us == b.vendor.separate_us);
  CHECK(a.anchor_drift == b.anchor_drift);
  REQUIRE(a.trials.size() == b.trials.size());
  for (std::size_t i = 0; i < a.trials.size(); ++i) {
    const Trial &x = a.trials[i].trial, &y = b.trials[i].trial;
    CHECK(x.tactic == y.tactic);
    CHECK(x.outcome == y.outcome);
    CHECK(x.why == y.why);
    CHECK(x.us == y.us);
    CHECK(x.ratio == y.ratio);
    CHECK(x.registers == y.registers);
    CHECK(x.smem_bytes == y.smem_bytes);
    CHECK(x.spill_bytes == y.spill_bytes);
    CHECK(x.compile_s == doctest::Approx(y.compile_s));
    CHECK(a.trials[i].final_us == b.trials[i].final_us);
  }
}

void write_packed(const fs::path& file, std::string_view text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 1));
  std::ofstream(file, std::ios::binary) << packed;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  REQUIRE(at != text.npos);
  return text.replace(at, from.size(), to);
}

// A runner of made-up times that fails from its `fatal`-th own run on, as a lost context does.
class Pretend : public Runner {
 public:
  std::vector<Tactic> vendor_tactics(Deadline) override { return {::vendor(0), ::vendor(1)}; }
  void prefetch(std::span<const Tactic> some) override { prefetched.insert(prefetched.end(), some.begin(), some.end()); }
  bool ready(const Tactic&) override { return true; }
  Trial run(const Tactic& tactic, Effort, Deadline) override {
    Trial t;
    t.tactic = tactic;
    const bool is_own = tactic.family != FamilyId::vendor;
    if (is_own) ++own_runs;
    if (fatal > 0 && own_runs >= fatal) {
      t.outcome = Outcome::runtime, t.why = "700";
      return t;
    }
    t.outcome = Outcome::correct;
    t.us = is_own ? 100.0 + tactic.stages : 90.0 + tactic.algo;
    return t;
  }
  std::vector<Trial> finals(std::span<const Tactic> tactics, Deadline deadline) override {
    std::vector<Trial> out;
    for (const Tactic& tactic : tactics) out.push_back(run(tactic, Effort::full, deadline)), out.back().us += 0.5;
    own_runs = 0;
    return out;
  }
  Artifact artifact(const Tactic&) override { return {}; }
  VendorTimes vendor() override { return {90, 91, 90, 0, 95}; }
  int compiles() const override { return 0; }
  double anchor_drift() override { return 0.25; }

  int own_runs = 0, fatal = 0;
  std::vector<Tactic> prefetched;
};

}  // namespace

TEST_CASE("a recording reads back to itself") {
  const Folder folder;
  fs::create_directories(folder.path);
  const Recording r = sample_recording();
  const std::string file = folder.path / "one.json.zst";
  r.write(file);
  const Recording back = Recording::read(file);
  check_same(back, r);
  CHECK(back.name == "one");
  CHECK(std::distance(fs::directory_iterator(folder.path), fs::directory_iterator()) == 1);  // nothing left beside it
}

TEST_CASE("a recording is found by its very problem, in a file or a folder") {
  const Folder folder;
  fs::create_directories(folder.path);
  Recording r = sample_recording();
  r.write(folder.path / recording_file_name(r.header.problem));
  const Problem first = r.header.problem;
  r.header.problem.align_a = 8;
  r.write(folder.path / "renamed.json.zst");
  CHECK(recording_file_name(first) != recording_file_name(r.header.problem));
  CHECK(Recording::open(folder, first)->header.problem == first);
  CHECK(Recording::open(folder, r.header.problem)->name == "renamed");
  CHECK(Recording::open(folder.path / "renamed.json.zst", r.header.problem));
  CHECK_FALSE(Recording::open(folder.path / "renamed.json.zst", first));
  r.header.problem.epilogue.unit_alpha = false;
  CHECK_FALSE(Recording::open(folder, r.header.problem));
  CHECK_THROWS_WITH_AS(Recording::open(folder.path / "absent", first), doctest::Contains("no such file"), Error);
}

TEST_CASE("a malformed recording is an error that names the file and the field") {
  const Folder folder;
  fs::create_directories(folder.path);
  const std::string good = recording_json::document(sample_recording());
  const std::string file = folder.path / "bad.json.zst";
  const auto says = [&](const std::string& text, const char* expected) {
    write_packed(file, text);
    try {
      Recording::read(file);
      FAIL_CHECK(expected);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::invalid_argument);
      CHECK(std::string(error.what()).find(file) != std::string::npos);
      CHECK_MESSAGE(std::string(error.what()).find(expected) != std::string::npos, std::string(error.what()));
    }
  };
  says(good.substr(0, good.size() / 2), "not JSON");
  says("[]", "(the whole): expected an object");
  says("{}", "metadata: missing");
  says(replaced(good, "\"format\":1", "\"format\":2"), "metadata.format: written in format 2 by a newer version");
  says(replaced(good, "16x32x64", "16x32"), "metadata.problem");
  says(replaced(good, "\"sm_count\":132", "\"sm_count\":\"many\""), "metadata.device.sm_count: expected a whole number");
  says(replaced(good, "\"sm_count\":132", "\"sm_count\":-1"), "metadata.device.sm_count: -1 is not in");
  says(replaced(good, "\"driver\":", "\"river\":"), "metadata.driver: missing");
  says(replaced(good, "fedcba98", "fedcba9g"), "metadata.digests.sm80: expected 32 hexadecimal digits");
  says(replaced(good, "\"best_us\":10.0", "\"best_us\":-10.0"), "metadata.vendor.best_us: expected a number >= 0");
  says(replaced(good, "\"stages\":3", "\"stages\":40000"), "results[2].configuration.stages: 40000 is not in");
  says(replaced(good, "\"stages\":3", "\"stage\":3"), "results[2].configuration.stage: no such knob");
  says(replaced(good, "\"family\":\"sm80\"", "\"family\":\"sm81\""), "results[0].configuration.family: not a kernel family");
  says(replaced(good, "\"invalidity\":\"spills\"", "\"invalidity\":\"melts\""), "results[3].invalidity: not an outcome");
  says(replaced(good, "\"value\":9.5", "\"value\":0"), "results[0].measurements: a correct trial needs a time");
  says(std::string(100000, '['), "not JSON");

  std::ofstream(file) << "plain text";
  CHECK_THROWS_WITH_AS(Recording::read(file), doctest::Contains("not a zstd file"), Error);
  write_packed(file, good);
  fs::resize_file(file, fs::file_size(file) - 20);
  CHECK_THROWS_WITH_AS(Recording::read(file), doctest::Contains("damaged"), Error);
  CHECK_THROWS_WITH_AS(Recording::read(folder.path / "absent.json.zst"), doctest::Contains("No such file"), Error);
}

TEST_CASE("a writer takes up what a killed one left, and finishes whole") {
  const Folder folder;
  const Recording r = sample_recording();
  const fs::path part = folder.path / (recording_file_name(r.header.problem) + ".part");
  {
    RecordingWriter writer(folder, r.header);
    for (int i = 0; i < 4; ++i) writer.add(r.trials[i]);
  }
  std::ofstream(part, std::ios::app) << "{\"configuration\":{\"fam";  // killed in the middle of a line
  RecordingHeader later = r.header;
  later.date = "2027-01-01T00:00:00Z";
  {
    RecordingWriter writer(folder, later);
    CHECK(writer.size() == 4);
    CHECK(writer.has(r.trials[3].trial.tactic));
    CHECK_FALSE(writer.has(r.trials[4].trial.tactic));
    writer.add(r.trials[4]);
    RecordedTrial wrong = r.trials[2];
    wrong.trial.registers = 7;
    writer.add(wrong);
  }
  RecordingWriter writer(folder, later);
  CHECK(writer.size() == 5);
  CHECK(writer.recording().trials[2].trial.registers == 7);
  writer.add(r.trials[2]);
  for (std::size_t i = 5; i < r.trials.size(); ++i) writer.add(r.trials[i]);
  check_same(Recording::read(writer.finish(r.vendor, r.anchor_drift)), r);
  CHECK_FALSE(fs::exists(part));
}

TEST_CASE("a .part of other device code is begun anew; a folder that cannot be written is an error") {
  const Folder folder;
  const Recording r = sample_recording();
  { RecordingWriter(folder, r.header).add(r.trials[0]); }
  RecordingHeader other = r.header;
  other.digests["sm80"].low++;
  { CHECK(RecordingWriter(folder, other).size() == 0); }
  CHECK(RecordingWriter(folder, other).size() == 0);
  std::ofstream(folder.path / "file") << "in the way";
  CHECK_THROWS_WITH_AS(RecordingWriter(folder.path / "file", r.header), doctest::Contains("cannot write there"), Error);
}

TEST_CASE("a sample keeps the best and spreads the rest evenly") {
  std::vector<Tactic> all;
  for (std::int16_t i = 0; i < 1000; ++i) all.push_back(own(i));
  CHECK(sample(all, 1000) == all);
  CHECK(sample(all, 5000) == all);
  const auto some = sample(all, 400);
  REQUIRE(some.size() == 400);
  for (int i = 0; i < 100; ++i) CHECK(some[i] == all[i]);
  std::set<int> stages;
  for (const Tactic& t : some) stages.insert(t.stages);
  CHECK(stages.size() == 400);
  CHECK(some.back().stages > 990);
  CHECK(sample(all, 10) == std::vector<Tactic>(all.begin(), all.begin() + 10));
}

TEST_CASE("a sweep records all, stops when the context is lost, and resumes with what is missing") {
  const Folder folder;
  std::vector<Tactic> all;
  for (std::int16_t i = 0; i < 150; ++i) all.push_back(own(i));
  RecordingHeader h = make_header(parse_problem("16x32x64"), DeviceFacts{}, all, "580.1", "13.1");
  CHECK(h.space_size == 150);
  SweepBudget budget;
  budget.most = 120;
  {
    Pretend runner;
    runner.fatal = 31;
    RecordingWriter writer(folder, h);
    CHECK_THROWS_WITH_AS(sweep(all, runner, writer, budget), doctest::Contains("resumes in a new process"), Error);
    CHECK(writer.size() == 2 + 31);
  }
  Pretend runner;
  RecordingWriter writer(folder, h);
  std::size_t reports = 0, last = 0;
  SweepBudget none = budget;
  none.seconds = 0;
  CHECK(sweep(all, runner, writer, none).empty());
  CHECK(runner.own_runs == 0);
  const std::string file = sweep(all, runner, writer, budget, [&](const SweepProgress& p) {
    ++reports, last = p.done;
    CHECK(p.total == 122);
  });
  CHECK(reports == 2 + 120 - 31);
  CHECK(last == 122);
  for (std::size_t i = 31; i < 120; ++i)
    CHECK(std::count(runner.prefetched.begin(), runner.prefetched.end(), sample(all, 120)[i]) > 0);

  const Recording r = Recording::read(file);
  CHECK(r.trials.size() == 122);
  CHECK(r.vendor.best_us == 90);
  CHECK(r.anchor_drift == 0.25);
  CHECK(std::count_if(r.trials.begin(), r.trials.end(), [](const auto& t) { return t.trial.outcome == Outcome::runtime; }) ==
        1);
  int finals = 0;
  for (const auto& t : r.trials)
    if (t.final_us > 0) {
      ++finals;
      CHECK(t.final_us == t.trial.us + 0.5);
    }
  CHECK(finals == 13);  // twelve own and the vendor's best
}
