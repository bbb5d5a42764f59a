// The pack that comes with the library: it is made of the record on file, and every tactic in it can run where it says.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "families/family.hpp"
#include "prove/proof_pack.hpp"

using namespace ak;
using namespace ak::proof;

namespace {

const std::filesystem::path kPackRoot = AK_SOURCE_DIR;

std::set<std::string> stale_families() {
  std::set<std::string> stale;
  std::ifstream in(kPackRoot / "tests/gpu/stale.txt");
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) stale.insert(line);
  return stale;
}

}  // namespace

TEST_CASE("the shipped pack is what the record on file makes, and the library carries it") {
  const Record record = read_record((kPackRoot / "tests/gpu/record.json").string());
  const auto entries = pack_entries(record);
  std::ifstream in(kPackRoot / "cache/shipped/h200.pack", std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  CHECK_MESSAGE(pack_text(entries) == text.str(), "make it again: ak_prove pack tests/gpu/record.json cache/shipped/h200.pack");
  const Pack shipped = shipped_pack();
  CHECK(shipped.faults.empty());
  CHECK(shipped.entries.size() == record.bench.size());
  CHECK(pack_text(shipped.entries) == text.str());
  CHECK(text.str().size() < 300000);
}

TEST_CASE("every tactic of the shipped pack can run on an H200; of families named as stale, what cannot is told") {
  const DeviceFacts h200;
  const auto stale = stale_families();
  int own = 0, refused = 0;
  for (const PackEntry& entry : shipped_pack().entries) {
    const PlanRecord& r = entry.record;
    CHECK(r.hardware == Hardware::of(h200));
    CHECK(r.us > 0);
    const Tactic* kernel = entry.kernel();
    if (!kernel) continue;
    ++own;
    const Family& family = ak::family(kernel->family);
    auto why = family.refuses(r.problem, h200);
    if (!why) why = family.rejects(r.problem, *kernel, h200);
    if (!why) continue;
    ++refused;
    const std::string text = to_string(r.problem) + ": " + to_string(*kernel) + ": " + *why;
    if (stale.count(std::string(name(kernel->family))))
      MESSAGE(text);
    else
      FAIL_CHECK(text);
  }
  CHECK(own > 100);
  CHECK(refused < own / 10);
}

TEST_CASE("a row becomes a record of who was dispatched, with the own kernel as runner-up where cuBLASLt was") {
  Record record;
  record.gpu = "NVIDIA H200", record.driver = "580.1", record.date = "2026-11-21";
  record.digests = {{"sm90", std::string(31, '0') + "1"}, {"skinny", std::string(32, '2')}};
  BenchRow row;
  row.m = 16, row.n = 4098, row.k = 4096, row.dtype = "bf16", row.activation = "silu";
  row.own_tactic = "skinny tile_m=16", row.own_us = 10, row.ak_us = 10, row.vendor_us = 12;
  BenchRow lost = row;
  lost.dtype = "f16", lost.epilogue = "bias=column c", lost.ak_us = lost.vendor_us = 9.5;
  record.bench = {row, lost};
  const auto entries = pack_entries(record);
  REQUIRE(entries.size() == 2);
  CHECK(to_string(entries[0].record.problem) == "16x4098x4096 bf16 a=k b=k out=bf16 align=16,16,16,4 silu bias=column:bf16");
  CHECK(entries[0].record.tactic == parse_tactic("skinny tile_m=16"));
  CHECK(entries[0].record.provenance.family_source.hex() == std::string(32, '2'));
  CHECK(entries[0].record.provenance.unix_time == 1795262400);
  CHECK(is_vendor(entries[1].record.tactic));
  CHECK(entries[1].own == parse_tactic("skinny tile_m=16"));
  CHECK(entries[1].record.us == 9.5);
  CHECK(entries[1].record.problem.epilogue.out == DType::f16);
  CHECK(entries[1].record.problem.epilogue.has_c);
  record.bench[0].own_digest = "33333333";  // measured with older device code
  CHECK(pack_entries(record)[0].record.provenance.family_source == Digest{});
  record.gpu = "NVIDIA H100";
  CHECK_THROWS_AS(pack_entries(record), Error);
}
