// The proof's own parts that need no GPU: its cases cover what they promise, its record reads back, and the committed record
// belongs to the device code as it stands.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <tuple>

#include "families/family.hpp"
#include "jit/source.hpp"
#include "prove/cases.hpp"
#include "prove/planted.hpp"
#include "prove/proof_record.hpp"

using namespace ak;
using namespace ak::proof;

namespace {

struct Scratch {
  std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("ak-proof-{}", ::getpid());
  Scratch() { std::filesystem::create_directories(path); }
  ~Scratch() { std::filesystem::remove_all(path); }
  std::string file(const char* name) const { return (path / name).string(); }
};

BenchRow some_row() {
  BenchRow r;
  r.m = 16, r.n = 4096, r.k = 4096, r.kind = "decode_narrow", r.dtype = "bf16", r.activation = "silu";
  r.ak_us = 10.125, r.own_us = 10.125, r.own_tactic = "skinny tile_m=16", r.vendor_us = 12.9, r.lt_first_us = 12.7,
  r.lt_gemm_us = 12.7;
  r.lt_separate_us = 14, r.clock_mhz = 1980, r.search_s = 2.4, r.trials = 31;
  return r;
}

}  // namespace

TEST_CASE("the record on file was made with the device code as it stands, but for the families named as stale") {
  const std::filesystem::path gpu = std::filesystem::path(AK_SOURCE_DIR) / "tests" / "gpu";
  const Record record = read_record((gpu / "record.json").string());
  std::set<std::string> stale;
  std::ifstream in(gpu / "stale.txt");
  REQUIRE(in);
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) stale.insert(line);
  const auto digests = current_digests();
  CHECK(digests.size() == families().size());
  for (const auto& [family, digest] : digests) {
    if (stale.count(family)) continue;
    CAPTURE(family);
    REQUIRE(record.digests.count(family));
    CHECK_MESSAGE(record.digests.at(family) == digest,
                  "the device code changed: run tests/gpu/run.sh on a GPU, or name the family in tests/gpu/stale.txt");
    REQUIRE(record.tests.count(family));
    CHECK(record.tests.at(family).failed == 0);
    CHECK(record.tests.at(family).passed > 300);
  }
  for (const std::string& name : stale) CHECK_MESSAGE(digests.count(name), "stale.txt names no family: " << name);
}

TEST_CASE("a record reads back, and merging replaces what was run again and nothing else") {
  const Scratch scratch;
  Record record;
  record.gpu = "NVIDIA H200", record.driver = "580.1", record.date = "2026-11-21";
  record.digests = {{"sm90", "00"}, {"sm80", "11"}};
  record.tests = {{"sm90", {7, 1}}, {"sm80", {5, 0}}};
  record.nvrtc = "13.0", record.cublaslt = "13.1.0";
  BenchRow beyond = some_row();
  beyond.epilogue = "gated", beyond.rounds = 3, beyond.default_us = 11.5, beyond.default_tactic = "sm80 tile_m=16";
  beyond.own_digest = "00c0ffee";
  record.bench = {some_row(), beyond};
  write_record(scratch.file("record.json"), record);
  Record read = read_record(scratch.file("record.json"));
  CHECK(read.gpu == record.gpu);
  CHECK(read.digests == record.digests);
  CHECK(read.tests.at("sm90").failed == 1);
  CHECK(read.nvrtc == "13.0");
  CHECK(read.cublaslt == "13.1.0");
  REQUIRE(read.bench.size() == 2);
  CHECK(read.bench[1].epilogue == "gated");
  CHECK(read.bench[1].rounds == 3);
  CHECK(read.bench[1].default_us == 11.5);
  CHECK(read.bench[1].default_tactic == "sm80 tile_m=16");
  CHECK(read.bench[1].own_digest == "00c0ffee");
  CHECK(read.bench[0].rounds == 1);
  CHECK(!read.bench[0].default_us);
  read.bench.pop_back();
  CHECK(read.bench[0].own_us == 10.125);
  CHECK(!read.bench[0].lt_fused_us);
  CHECK(read.bench[0].kind == "decode_narrow");

  std::map<std::string, Step> steps;
  steps["case 1"] = {"case 1", "sm90", "d", true, "", {}, {}};
  steps["case 2"] = {"case 2", "sm90", "d", true, "", {}, {}};
  Step bench{"bench a", "bench", "d", true, "", some_row(), {}};
  bench.bench->ak_us = 9;
  steps["bench a"] = bench;
  bench.bench->activation = "relu";
  steps["bench b"] = bench;
  merge(read, steps, {"sm90"});
  CHECK(read.tests.at("sm90").passed == 2);
  CHECK(read.tests.at("sm90").failed == 0);
  CHECK(read.tests.at("sm80").passed == 5);
  CHECK(read.bench.size() == 2);
  for (const BenchRow& row : read.bench) CHECK(row.ak_us == 9);
  CHECK(read.digests.at("sm90") == current_digests().at("sm90"));
  CHECK(read.digests.at("sm80") == "11");

  std::ofstream(scratch.file("bad.json")) << R"({"gpu": 3})";
  CHECK_THROWS_WITH_AS(read_record(scratch.file("bad.json")), doctest::Contains("gpu"), Error);
  CHECK(read_record(scratch.file("absent.json")).bench.empty());
}

TEST_CASE("a killed run's progress resumes: a torn line is dropped, another digest does not count") {
  const Scratch scratch;
  const std::string path = scratch.file("progress.jsonl");
  {
    ProgressFile progress(path, false);
    progress.ran_on({"NVIDIA H200", "580.1", "13.0", "13.1.0", "2026-11-20"});
    progress.append({"case 1", "sm90", "d1", true, "note", {}, {}});
    progress.append({"bench x", "bench", "d1", true, "", some_row(), {"sm90 tile_m=64", "sm80 tile_m=32"}});
  }
  std::ofstream(path, std::ios::app) << R"({"id": "case 2", "gro)";
  const ProgressFile resumed(path, true);
  CHECK(resumed.steps().size() == 2);
  CHECK(resumed.machine().gpu == "NVIDIA H200");
  CHECK(resumed.machine().date == "2026-11-20");
  REQUIRE(resumed.find("case 1", "d1"));
  CHECK(resumed.find("case 1", "d1")->passed);
  CHECK(!resumed.find("case 1", "d2"));
  CHECK(resumed.find("bench x", "d1")->bench->trials == 31);
  CHECK(resumed.find("bench x", "d1")->leaders == std::vector<std::string>{"sm90 tile_m=64", "sm80 tile_m=32"});
  CHECK(ProgressFile(path, false).steps().empty());
}

TEST_CASE("the correctness cases cover every pair of levels that can occur, and every edge size with every family") {
  const DeviceFacts h200;
  const auto cases = proof_cases(h200, 2000, 2026);
  CHECK(cases.size() >= 2000);
  // Stated independently of the generator: only these combinations do not exist.
  const auto rows = covering_rows(h200, 2000, 2026);
  std::set<std::tuple<std::size_t, int, std::size_t, int>> seen;
  for (const Row& row : rows) {
    REQUIRE(row.size() == factors().size());
    for (std::size_t i = 0; i < row.size(); ++i)
      for (std::size_t j = i + 1; j < row.size(); ++j) seen.insert({i, row[i], j, row[j]});
  }
  const auto index = [](const char* name) {
    return static_cast<std::size_t>(
        std::find_if(factors().begin(), factors().end(), [&](const Factor& f) { return f.name == name; }) - factors().begin());
  };
  const auto gated = [](int extras) { return extras == 5 || extras == 7 || extras == 11; };
  const auto absent = [&](std::size_t i, int a, std::size_t j, int b) {
    if (j == index("extras") && gated(b) && i == index("c") && a == 1) return true;
    if (j == index("extras") && gated(b) && i == index("bias") && a == static_cast<int>(BiasAxis::row)) return true;
    return i == index("out") && a == static_cast<int>(DType::f32) && j == index("align_out") && b == 0;
  };
  for (std::size_t i = 0; i < factors().size(); ++i)
    for (int a = 0; a < factors()[i].levels; ++a)
      for (std::size_t j = i + 1; j < factors().size(); ++j)
        for (int b = 0; b < factors()[j].levels; ++b) {
          CAPTURE(factors()[i].name);
          CAPTURE(a);
          CAPTURE(factors()[j].name);
          CAPTURE(b);
          CHECK(seen.count({i, a, j, b}) == (absent(i, a, j, b) ? 0 : 1));
        }
  for (const Family* own : families()) {
    std::set<std::int64_t> m, n, k;
    int count = 0;
    for (const ProofCase& c : cases)
      if (c.family == own->id()) m.insert(c.problem.m), n.insert(c.problem.n), k.insert(c.problem.k), ++count;
    CHECK(count > 300);
    for (const auto size : edge_sizes()) {
      if (own->id() != FamilyId::skinny) CHECK(m.count(size));
      CHECK(n.count(size));
    }
    for (const auto depth : edge_depths()) CHECK(k.count(depth));
    if (own->id() == FamilyId::skinny) CHECK(m.size() == 8);
  }
}

TEST_CASE("every case has a tactic, drawn alike on every run") {
  const DeviceFacts h200;
  const auto cases = proof_cases(h200, 2000, 2026);
  for (std::size_t i = 0; i < cases.size(); i += 23) {
    const auto tactics = drawn_tactics(cases[i], h200, 4);
    CAPTURE(to_string(cases[i].problem));
    CHECK(!tactics.empty());
    CHECK(tactics == drawn_tactics(cases[i], h200, 4));
    for (const Tactic& t : tactics) CHECK(t.family == cases[i].family);
  }
}

TEST_CASE("every planted mistake applies to the kernels as they stand") {
  const DeviceFacts h200;
  CHECK(planted_kernels().size() >= 20);
  std::set<std::string> names;
  for (const Planted& planted : planted_kernels()) {
    CAPTURE(planted.name);
    CHECK(names.insert(planted.name).second);
    const Problem problem = parse_problem(planted.problem);
    const auto tactic = find_tactic(problem, planted.tactic, h200);
    REQUIRE(tactic);
    const std::string right = make_source(family(tactic->family).sources(), problem, *tactic);
    CHECK(planted.apply(right) != right);
  }
}
