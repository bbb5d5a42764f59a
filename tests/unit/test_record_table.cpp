// The benchmark's arithmetic and what is made of it: suites read, rows selected, means, the READMEs' tables.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "core/activation.hpp"
#include "prove/suite.hpp"
#include "prove/proof_table.hpp"

using namespace ak;
using namespace ak::proof;

namespace {

const std::filesystem::path kRoot = AK_SOURCE_DIR;

BenchRow row(std::int64_t m, const char* kind, const char* activation, double own_us, double vendor_us) {
  BenchRow r;
  r.m = m, r.n = 64, r.k = 64, r.kind = kind, r.dtype = "bf16", r.activation = activation;
  r.own_us = own_us, r.vendor_us = vendor_us, r.ak_us = std::min(own_us, vendor_us), r.own_tactic = "sm90 tile_m=64";
  r.own_digest = "12345678", r.lt_separate_us = 2 * vendor_us, r.default_us = 2 * own_us, r.clock_mhz = 1500;
  return r;
}

Record sample() {
  Record record;
  record.gpu = "NVIDIA Sample", record.driver = "1.2", record.date = "2026-01-02";
  record.digests = {{"sm90", "1234567890"}};
  record.tests = {{"sm90", {10, 0}}, {"verify", {4, 1}}};
  record.bench = {row(1, "decode_wide", "relu", 10, 20), row(2, "decode_wide", "relu", 10, 5),
                  row(3, "awkward", "relu", 10, 80), row(1, "decode_wide", "silu", 10, 40)};
  return record;
}

bool has(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

std::string read(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

struct ScratchFile {
  std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("ak-suite-{}.csv", ::getpid());
  explicit ScratchFile(const std::string& text) { std::ofstream(path) << text; }
  ~ScratchFile() { std::filesystem::remove(path); }
};

}  // namespace

TEST_CASE("what the READMEs say was measured is what the record says") {
  const Record record = read_record((kRoot / "tests/gpu/record.json").string());
  const std::string measured = read(kRoot / "tests/gpu/README.md"), readme = read(kRoot / "README.md");
  const char* const how =
      "run: ak_prove table tests/gpu/record.json --into tests/gpu/README.md --summary-into README.md, and commit all three";
  CHECK_MESSAGE(with_table(measured, table(record)) == measured, how);
  CHECK_MESSAGE(with_table(readme, summary(record)) == readme, how);
}

TEST_CASE("once no family is stale, the record holds every problem of the suites") {
  std::string stale;
  if (std::ifstream in(kRoot / "tests/gpu/stale.txt"); std::getline(in, stale) && !stale.empty()) return;
  std::set<std::string> keys;
  for (const BenchRow& r : read_record((kRoot / "tests/gpu/record.json").string()).bench) keys.insert(r.key());
  for (const char* name : {"suite", "f16", "epilogues"})
    for (const SuiteRow& r : read_suite((kRoot / "tests/bench" / fmt::format("{}.csv", name)).string()))
      for (const auto activation : {Activation::relu, Activation::leaky_relu, Activation::silu, Activation::gelu_tanh}) {
        BenchRow wanted;
        wanted.m = r.m, wanted.n = r.n, wanted.k = r.k, wanted.dtype = ak::name(r.dtype), wanted.epilogue = r.epilogue;
        wanted.activation = ak::name(r.activation.value_or(activation));
        CHECK_MESSAGE(keys.count(wanted.key()), wanted.key() << " is missing: run tests/gpu/run.sh --only bench on a GPU");
      }
}

TEST_CASE("a table's means are geometric, and leave out what was not measured") {
  const Record record = sample();
  std::vector<const BenchRow*> rows;
  for (const BenchRow& r : record.bench) rows.push_back(&r);
  const auto own = [](const BenchRow& r) { return r.own_us.value_or(0); };
  const auto vendor = [](const BenchRow& r) { return r.vendor_us; };
  const Gain all = gain(rows, vendor, own);
  CHECK(all.rows == 4);
  CHECK(all.mean == doctest::Approx(std::sqrt(std::sqrt(2 * 0.5 * 8 * 4))));
  Record holes = record;
  holes.bench[2].own_us.reset();
  holes.bench[3].vendor_us = 0;
  rows.clear();
  for (const BenchRow& r : holes.bench) rows.push_back(&r);
  CHECK(gain(rows, vendor, own).rows == 2);
  CHECK(gain(rows, vendor, own).mean == doctest::Approx(1));
  CHECK(gain({}, vendor, own).rows == 0);
}

TEST_CASE("a table tells classes, activations, wins, the worst row and what stays slow") {
  Record record = sample();
  const std::string text = table(record);
  CAPTURE(text);
  CHECK(has(text, "| decode_wide | 2 | 1.00x | 4.00x |"));
  CHECK(has(text, "| awkward | 1 | 8.00x | - |"));
  CHECK(has(text, "| as dispatched, against cuBLASLt's best | 1.41x | 4.00x |"));
  CHECK(has(text, "| as dispatched, against cuBLASLt's first heuristic + pass | 2.83x | 8.00x |"));
  CHECK(has(text, "| the tuned own kernel, against that first choice | 2.00x | 2.00x |"));
  CHECK(has(text, "| rows where an own kernel is faster than cuBLASLt's best | 1 of 2 (50 %) | 1 of 1 (100 %) |"));
  CHECK(has(text, "| the same without large, with awkward | 2 of 3 (67 %) | 1 of 1 (100 %) |"));
  CHECK(has(text, "| slowest row as dispatched | 1.00x 2x64x64 | 4.00x 1x64x64 |"));
  CHECK(has(text, "None of the 4 rows is dispatched at less than 0.99x of cuBLASLt's best."));
  CHECK(has(text, "Checks: 14 passed, 1 failed (sm90 10, verify 5)."));
  CHECK(text.find("other device code") == std::string::npos);
  std::istringstream lines(summary(record));  // says nothing else
  for (std::string line; std::getline(lines, line);) CHECK(has(text, line));
  CHECK(has(summary(record), "| as dispatched, against cuBLASLt's best | 1.41x | 4.00x |"));

  record.bench[1].ak_us = 5.1;  // of 5: 0.980
  record.digests["sm90"] = "ffff";
  const std::string slow = table(record);
  CAPTURE(slow);
  CHECK(slow.find("1 of 4 rows, 2x64x64 bf16 relu (0.98x).") != std::string::npos);
  CHECK(slow.find("4 rows were measured with other device code") != std::string::npos);
  CHECK(class_tables(record).find("| awkward | relu | silu |") != std::string::npos);

  // Rows beyond the suite stand one by one and in no mean.
  BenchRow beyond = row(4, "gated", "silu", 1, 3);
  beyond.epilogue = "gated";
  record.bench.push_back(beyond);
  BenchRow half = row(5, "small", "relu", 1, 2);
  half.dtype = "f16";
  record.bench.push_back(half);
  const std::string more = table(record);
  CAPTURE(more);
  CHECK(has(more, "| decode_wide | 2 | 1.00x | 4.00x |"));
  CHECK(has(more, "| gated 4x64x64 bf16 silu gated | 1.00 | 2.00 | 3.00 | - | 6.00 | 3.00x |"));
  CHECK(more.find("f16, 1 rows of all classes: own kernel against cuBLASLt's best 2.00x") != std::string::npos);
}

TEST_CASE("a table goes between its marks and nowhere else") {
  const std::string text = "before\n<!-- measured -->\nold\n<!-- /measured -->\nafter\n";
  CHECK(with_table(text, "new\n") == "before\n<!-- measured -->\nnew\n<!-- /measured -->\nafter\n");
  CHECK_THROWS_AS(with_table("nothing here\n", "new\n"), Error);
}

TEST_CASE("the suites hold what they are for") {
  const auto suite = read_suite((kRoot / "tests/bench/suite.csv").string());
  CHECK(suite.size() == 71);
  std::set<std::string> kinds;
  for (const SuiteRow& r : suite) kinds.insert(r.kind);
  CHECK(kinds.size() == 7);
  const Problem odd = suite[64].problem(Activation::silu);  // n = 4096, k = 4095
  CHECK(to_string(odd) ==
        fmt::format("{}x{}x{} bf16 a=k b=k out=bf16 align=2,2,16,16 silu bias=column:bf16", odd.m, odd.n, odd.k));

  const auto half = read_suite((kRoot / "tests/bench/f16.csv").string());
  CHECK(half.size() == 12);
  kinds.clear();
  for (const SuiteRow& r : half) {
    kinds.insert(r.kind);
    REQUIRE(r.activation);
    CHECK(r.problem(*r.activation).in == DType::f16);
    CHECK(r.problem(*r.activation).epilogue.out == DType::f16);
  }
  CHECK(kinds.size() == 7);

  bool residual = false, gated = false, aux = false;
  for (const SuiteRow& r : read_suite((kRoot / "tests/bench/epilogues.csv").string())) {
    REQUIRE(r.activation);
    CHECK(!r.epilogue.empty());
    CHECK(class_rank(r.kind) > class_rank("awkward"));
    const EpilogueSpec e = r.problem(*r.activation).epilogue;
    residual |= e.has_c, gated |= e.gated, aux |= e.aux;
  }
  CHECK(residual);
  CHECK(gated);
  CHECK(aux);
}

TEST_CASE("a suite that says nonsense is refused with its line") {
  const auto refused = [](const char* text, const char* why) {
    const ScratchFile file(text);
    CHECK_THROWS_WITH_AS(read_suite(file.path.string()), doctest::Contains(why), Error);
  };
  refused("m,n,k,class\n1,2,x,small\n", ":2: 'x' is no size");
  refused("m,n,k,class\n1,2,3,small\n1,2,3\n", ":3: 3 cells under 4 columns");
  refused("m,n,k,kind\n1,2,3,small\n", "no column 'kind'");
  refused("m,n,k,class,epilogue\n1,2,3,small,sparse\n", "'sparse'");
  CHECK_THROWS_AS(read_suite("/nonexistent.csv"), Error);
}

TEST_CASE("rows are selected by class and number") {
  CHECK(row_wanted("all", 5, "small"));
  CHECK(row_wanted("3,small", 5, "small"));
  CHECK(row_wanted("3,small", 3, "large"));
  CHECK(!row_wanted("3,small", 4, "large"));
  CHECK(row_wanted("0-2,9", 2, "large"));
  CHECK(!row_wanted("0-2,9", 3, "large"));
}
