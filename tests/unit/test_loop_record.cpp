// What is recorded, and said in README.md, of the loops of a suite that is not ours.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "prove/loop_record.hpp"
#include "prove/proof_table.hpp"
#include "tests/texts.hpp"

using namespace ak::port;
using namespace ak::proof;

namespace {

const std::filesystem::path kRoot = AK_SOURCE_DIR;

Timing timing(const std::string& size, double c_us, double kernel_us, double dispatched_us) {
  Timing t;
  t.size = size;
  t[ArmId::c] = {c_us, c_us, 100, false};
  t[ArmId::kernel] = {kernel_us, kernel_us, 100, false};
  t[ArmId::dispatched] = {dispatched_us, dispatched_us, 100, false};
  return t;
}

Entry entry(const char* name, const char* tactic, double c_us, double kernel_us, double dispatched_us) {
  Entry e;
  e.name = name, e.file = "theirs.c", e.verdict = "i:parallel(theirs)", e.note = "theirs", e.only = "theirs=1";
  e.work_class = tactic, e.tactic = std::string(tactic) + " block=32", e.right = e.cases = 5;
  e.attempts = {{false, "serial", Status::passed, ""}, {false, e.tactic, Status::passed, "theirs"}};
  e.timings = {timing("", c_us, kernel_us, dispatched_us)};
  return e;
}

// Resident 16x, 1x, 0.0625x; the third is behind C by too much, the second by little, the fourth is wrong.
Results sample() {
  Results r;
  r.date = "2026-01-02 03:04 UTC", r.gpu = "a GPU", r.cores = 8, r.compiler = "cc 1", r.flags = "-O9";
  r.entries = {entry("d", "scan", 80, 5, 80), entry("c", "map", 8, 8, 8.4), entry("b", "sequential", 5, 80, 5.6),
               entry("a", "map", 1000, 1, 1)};
  r.entries[3].right = 4;
  r.entries[0].timings.push_back(timing("n=1000000", 90, 10, 190));  // no figure of its own size
  return r;
}

}  // namespace

TEST_CASE("what README.md says of the loops is what their record says") {
  const Results record = load_results((kRoot / "tests/gpu/loops.json").string());
  const auto larger_file = kRoot / "tests/gpu/loops_1m.json";
  std::optional<Results> larger;
  if (std::filesystem::exists(larger_file)) larger = load_results(larger_file.string());
  std::ostringstream readme;
  readme << std::ifstream(kRoot / "README.md", std::ios::binary).rdbuf();
  CHECK_MESSAGE(with_table(readme.str(), loop_table(record, larger ? &*larger : nullptr), "loops") == readme.str(),
                "run: ak_prove loops RESULTS [--larger RESULTS] --record tests/gpu --into README.md, and commit all");
}

TEST_CASE("the record of foreign loops has no word of their text, and its table is that of the results") {
  const std::string json = loop_record(sample());
  CHECK(!has(json, "theirs"));
  CHECK(loop_record(read_results("r.json", json)) == json);
  CHECK(loop_table(read_results("r.json", json), nullptr) == loop_table(sample(), nullptr));
  CHECK(loop_names(read_results("r.json", json)) == loop_names(sample()));
}

TEST_CASE("the table counts what is right and parallel, and compares what is right") {
  Results larger = sample();
  larger.entries.resize(1);
  larger.entries[0].timings = {timing("n=1000000", 90, 10, 90)};
  const std::string table = loop_table(sample(), &larger);
  CAPTURE(table);
  CHECK(has(table,
            "a GPU, a host of 8 cores, cc 1 -O9, 2026-01-02: of 4 functions 3 are right, of which 2 have a parallel kernel; of "
            "1 over a million elements 1 are right.\n"));
  CHECK(
      has(table, "\n| *resident*: data on the GPU, data in the CPU's cache | 3 | 1 | 0 | 1 | 0 | 0 | 1 | 66.7 % | 1.00x |\n"));
  CHECK(has(table, "cache; a million elements | 1 | 1 | 0 | 0 | 0 | 0 | 0 | 100.0 % | 9.00x |\n"));
  CHECK(!has(table, "OpenMP"));
  CHECK(has(table, "\nBelow 0.99x of C and more than 0.5 us behind it, dispatched 1 of 3.\n"));
  Results promised = sample();
  for (Entry& e : promised.entries) e.timings[0][ArmId::promised] = e.timings[0][ArmId::c];
  CHECK(has(loop_table(promised, nullptr), "behind it, dispatched 1 of 3, promised 0 of 3.\n"));
  const std::string names = loop_names(sample());
  CAPTURE(names);
  CHECK(has(names, "not right: 1: a\nno parallel kernel: 1: b 0.062x (sequential)\nnot compared with C: 0\n"));
  CHECK(has(names, "below 0.1x of C: 1: b 0.062x (sequential)\nfrom 0.1x to 1x: 0\n"));
  CHECK(has(names, "dispatched behind C: 1: b 0.062x (sequential)\n"));
}
