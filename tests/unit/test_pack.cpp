// The pack's text: what it keeps, how it is read, and what of a damaged one is said.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/log.hpp"
#include "cache/pack.hpp"
#include "cache/store.hpp"
#include "records.hpp"

using namespace ak;

namespace {

PackEntry own_entry(int n = 64) { return {sample::record(n), std::nullopt}; }

PackEntry vendor_entry(int n = 128) {
  PackEntry entry{sample::record(n), sample::tactic()};
  entry.record.tactic = Tactic{};
  entry.record.tactic.family = FamilyId::vendor;
  entry.record.tactic.algo = 5;
  entry.record.provenance.family_source = {};
  return entry;
}

Pack parsed(const std::string& text) { return parse_pack("pack x", "x.pack", text); }

// The same pack with one of its lines changed, sealed anew: what a newer or a careless writer might have written.
std::string resealed(const std::string& text, const std::string& from, const std::string& to) {
  std::string lines = text.substr(text.find('\n') + 1);
  const auto at = lines.find(from);
  REQUIRE(at != lines.npos);
  lines.replace(at, from.size(), to);
  return fmt::format("{{\"ak_pack\":1,\"records\":1,\"checksum\":\"{}\"}}\n{}", digest(lines).hex(), lines);
}

}  // namespace

TEST_CASE("a pack keeps problem, hardware, tactic, times and what they were made with, and nothing that is of one machine") {
  const Pack pack = parsed(pack_text({own_entry(), vendor_entry()}));
  CHECK(pack.faults.empty());
  REQUIRE(pack.entries.size() == 2);
  const PlanRecord before = sample::record(64), &own = pack.entries[0].record, &vendor = pack.entries[1].record;
  CHECK(own.problem == before.problem);
  CHECK(own.hardware == before.hardware);
  CHECK(own.tactic == before.tactic);
  CHECK(own.us == before.us);
  CHECK(own.vendor_us == before.vendor_us);
  CHECK(own.provenance.driver == before.provenance.driver);
  CHECK(own.provenance.nvrtc == before.provenance.nvrtc);
  CHECK(own.provenance.cublaslt == before.provenance.cublaslt);
  CHECK(own.provenance.family_source == before.provenance.family_source);
  CHECK(own.provenance.kernel_source == Digest{});
  PackEntry said = own_entry();
  said.record.provenance.kernel_source = digest("a kernel");
  CHECK(parsed(pack_text({said})).entries.at(0).record.provenance.kernel_source == digest("a kernel"));
  CHECK(parsed(resealed(pack_text({said}), "\"kernel\":\"", "\"kernel\":\"x")).faults.at(0) ==
        "x.pack:3: 'kernel' is not a digest");
  CHECK(own.provenance.proposer == before.provenance.proposer);
  CHECK(own.provenance.unix_time == before.provenance.unix_time);
  CHECK(own.provenance.provisional);
  PackEntry sound = own_entry();
  sound.record.provenance.provisional = false;
  CHECK(!parsed(pack_text({sound})).entries.at(0).record.provenance.provisional);
  CHECK(own.cubin == Digest{});
  CHECK(unproven(own));
  CHECK(!pack.entries[0].own);
  CHECK(vendor.tactic.algo == 0);  // a rank among the heuristics of another version means nothing
  CHECK(vendor.vendor_algo.empty());
  CHECK(unproven(vendor));
  CHECK(pack.entries[1].own == sample::tactic());
}

TEST_CASE("the same records give the same text, whatever their order; the later of two with one key stands") {
  const std::string text = pack_text({own_entry(64), own_entry(65), vendor_entry()});
  CHECK(text == pack_text({vendor_entry(), own_entry(65), own_entry(64)}));
  const Pack again = parsed(text);
  CHECK(pack_text(again.entries) == text);
  PackEntry faster = own_entry(64);
  faster.record.us = 1;
  const Pack merged = parsed(pack_text({own_entry(64), faster}));
  REQUIRE(merged.entries.size() == 1);
  CHECK(merged.entries[0].record.us == 1);
  PackEntry batch = own_entry(64);  // another problem
  batch.record.problem.batch = 12;
  const Pack both = parsed(pack_text({own_entry(64), batch}));
  REQUIRE(both.entries.size() == 2);
  CHECK(both.entries[0].record.problem.batch + both.entries[1].record.problem.batch == 13);
  PackEntry elsewhere = own_entry(64);
  elsewhere.record.hardware.gpu = "NVIDIA Other";
  CHECK(parsed(pack_text({own_entry(64), elsewhere})).entries.size() == 2);
}

TEST_CASE("every damaged byte of a pack is noticed, and the fault names file and line") {
  const std::string text = pack_text({own_entry(), vendor_entry()});
  const Pack whole = parsed(text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = damaged[i] == 'x' ? 'y' : 'x';
    const Pack pack = parsed(damaged);
    CAPTURE(i);
    // The count in the first line is for people; all else is covered.
    const bool count = i < text.find('\n') && pack.faults.empty();
    if (count) continue;
    CHECK(pack.entries.empty());
    REQUIRE(pack.faults.size() == 1);
    CHECK(pack.faults[0].starts_with("x.pack:1: "));
  }
  for (std::size_t length = 0; length < text.size(); ++length) {
    const Pack pack = parsed(text.substr(0, length));
    CHECK(pack.entries.empty());
  }
  CHECK(parsed("").entries.empty());
}

TEST_CASE("a line that says something unknown is left out and named; the others stay") {
  const std::string text = pack_text({own_entry(), vendor_entry()});
  const auto fault_of = [&](const std::string& from, const std::string& to, std::size_t left) {
    const Pack pack = parsed(resealed(text, from, to));
    CAPTURE(to);
    CHECK(pack.entries.size() == left);
    REQUIRE(!pack.faults.empty());
    return pack.faults[0];
  };
  CHECK(fault_of("sm90 tile_m=128", "sm99 tile_m=128", 1).starts_with("x.pack:3: "));
  CHECK(fault_of("16x64x4096", "16x64", 1).find("MxNxK") != std::string::npos);
  CHECK(fault_of("\"us\":10.25", "\"us\":-1", 1).find("'us'") != std::string::npos);
  CHECK(fault_of("\"us\":10.25", "\"us\":\"fast\"", 1).find("'us'") != std::string::npos);
  CHECK(fault_of("\"problem\":\"16x64x", "\"problen\":\"16x64x", 1).find("'problem'") != std::string::npos);
  CHECK(fault_of("\"provisional\":true", "\"provisional\":\"no\"", 1).find("'provisional'") != std::string::npos);
  CHECK(fault_of("{\"problem\":\"16x64x", "\"problem\":\"16x64x", 1).starts_with("x.pack:3: "));
  CHECK(
      fault_of("\"compute\":90", "\"compute\":\"ninety\"", 0).starts_with("x.pack:2: "));  // and what is below belongs nowhere
}

TEST_CASE("a pack carries work of any kind as its text, and nothing of it that is local") {
  const WorkRecord add{"vector_add", "1000 elements", "sums \"x\"\nand y", std::string("an\0image", 8)},
      other{"convolution", "3x3", "words", "image"}, quarantined{std::string(kQuarantine), "a kernel", "", "hangs"};
  const std::string text = pack_text({own_entry()}, {add, other, quarantined});
  CHECK(text == pack_text({own_entry()}, {quarantined, other, add}));
  CHECK(
      text.ends_with("{\"kind\":\"convolution\",\"key\":\"3x3\",\"text\":\"words\"}\n"
                     "{\"kind\":\"vector_add\",\"key\":\"1000 elements\",\"text\":\"sums \\\"x\\\"\\nand y\"}\n"));
  CHECK(text.find("\"records\":3,") != text.npos);
  const Pack pack = parsed(text);
  CHECK(pack.faults.empty());
  CHECK(pack.entries.size() == 1);
  REQUIRE(pack.work.size() == 2);
  CHECK(pack.work[1] == WorkRecord{add.kind, add.key, add.text, ""});
  CHECK(unproven(pack.work[1]));
  CHECK_FALSE(unproven(add));
  CHECK(pack_text(pack.entries, pack.work) == text);

  CHECK(pack_text({}, {add, {add.kind, add.key, "later", ""}}).find("later") != std::string::npos);
  const std::string alone = pack_text({}, {add});  // below no line that says where it was made
  CHECK(parsed(alone).work.size() == 1);
  const auto fault_of = [&](const char* from, const char* to) {
    const Pack bad = parsed(resealed(alone, from, to));
    CHECK(bad.work.empty());
    REQUIRE(bad.faults.size() == 1);
    return bad.faults[0];
  };
  CHECK(fault_of("vector_add", "quarantine") == "x.pack:2: a quarantine holds where it was found, and does not travel");
  CHECK(fault_of("\"text\"", "\"image\"") == "x.pack:2: no text 'text'");
  CHECK(fault_of("\"key\":", "\"keys\":") == "x.pack:2: no text 'key'");
  CHECK(fault_of("\"vector_add\"", "7") == "x.pack:2: no text 'kind'");
  CHECK(fault_of("\"vector_add\"", "\"\"") == "x.pack:2: 'kind' or 'text' is empty");
}

TEST_CASE("a pack of a newer format is left alone, with its reason") {
  const std::string text = pack_text({own_entry()});
  std::string newer = text;
  newer.replace(newer.find(":1,"), 3, ":2,");
  const Pack pack = parsed(newer);
  CHECK(pack.entries.empty());
  REQUIRE(pack.faults.size() == 1);
  CHECK(pack.faults[0].find("format 2") != std::string::npos);
}

TEST_CASE("packs are files: whole or not at all, and an absent one is a fault") {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("ak_pack_{}", ::getpid());
  std::filesystem::create_directories(folder);
  const std::string file = (folder / "a.pack").string();
  write_pack(file, {own_entry()});
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  CHECK(read_pack(file).entries.size() == 1);
  CHECK(read_pack((folder / "b.pack").string()).faults.size() == 1);
  CHECK(read_pack(folder.string()).faults.size() == 1);
  const std::string pipe = (folder / "pipe").string();
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(read_pack(pipe).faults.size() == 1);  // and does not wait for a writer
  CHECK_THROWS_AS(write_pack((folder / "none" / "a.pack").string(), {own_entry()}), Error);
  std::filesystem::remove_all(folder);
}

TEST_CASE("writers of one pack do not meet in one file") {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("ak_pack_writers_{}", ::getpid());
  std::filesystem::create_directories(folder);
  const std::string file = (folder / "a.pack").string();
  write_pack(file, {own_entry()});
  std::atomic<int> failed{0};
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i)
    writers.emplace_back([&] {
      for (int j = 0; j < 50; ++j) try {
          write_pack(file, {own_entry()});
        } catch (const Error&) {
          ++failed;
        }
    });
  for (int i = 0; i < 100; ++i) failed += read_pack(file).entries.size() != 1;
  for (std::thread& writer : writers) writer.join();
  CHECK(failed == 0);
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  std::filesystem::remove_all(folder);
}

TEST_CASE("several packs: the first that knows a problem answers, the shipped one last; faults are logged once") {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("ak_packs_{}", ::getpid());
  std::filesystem::create_directories(folder);
  const auto file = [&](const char* name) { return (folder / name).string(); };
  PackEntry slower = own_entry();
  slower.record.us = 99;
  write_pack(file("first.pack"), {own_entry()});
  write_pack(file("second.pack"), {slower, vendor_entry()});
  std::ofstream(file("bad.pack")) << "not a pack\n";
  std::vector<std::string> lines;
  const LogLevel before = log_level();
  set_log_level(LogLevel::warn);
  set_log_sink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  const Packs packs(false, {file("bad.pack"), file("first.pack"), file("second.pack")});
  const auto found = packs.find(sample::problem(), sample::hardware());
  REQUIRE(found);
  CHECK(found.entry->record.us == 10.25);
  CHECK(*found.pack == "pack " + file("first.pack"));
  CHECK(packs.find(sample::problem(128), sample::hardware()));
  CHECK(!packs.find(sample::problem(7), sample::hardware()));
  Hardware other = sample::hardware();
  other.sm_count = 78;
  CHECK(!packs.find(sample::problem(), other));
  set_log_sink({});
  set_log_level(before);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find(file("bad.pack") + ":1: ") != std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a folder of packs: what one process proved the next one finds, to be proven again; nothing half-written is read") {
  const std::string folder = (std::filesystem::temp_directory_path() / fmt::format("ak_pack_store_{}", ::getpid())).string();
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const PlanRecord record = sample::record();
  const auto first = pack_store(folder);
  CHECK(!first->find(record.problem, record.hardware));
  CHECK(first->put_if_absent(record, "image").tactic == record.tactic);
  const auto stored = first->find(record.problem, record.hardware);
  REQUIRE(stored);
  CHECK(!unproven(*stored));
  CHECK(first->cubin(stored->cubin) == "image");

  const auto second = pack_store(folder);
  const auto found = second->find(record.problem, record.hardware);
  REQUIRE(found);
  CHECK(unproven(*found));
  CHECK(found->tactic == record.tactic);
  const auto written = [&] { return std::filesystem::last_write_time(std::filesystem::directory_iterator(folder)->path()); };
  const auto before = written();
  second->replace(record, "image");  // proven: nothing new for the others
  CHECK(!unproven(*second->find(record.problem, record.hardware)));
  CHECK(written() == before);
  REQUIRE(found->provenance.provisional);
  PlanRecord sound = record;
  sound.provenance.provisional = false;
  second->replace(sound, "image");  // timed in peace: that the others are to know
  CHECK(!pack_store(folder)->find(record.problem, record.hardware)->provenance.provisional);
  PlanRecord slower = record;
  slower.tactic.stages = 2;
  const auto third = pack_store(folder);
  CHECK(third->put_if_absent(slower, "other").tactic == slower.tactic);  // it goes on with what it has
  CHECK(pack_store(folder)->find(record.problem, record.hardware)->tactic == record.tactic);
  third->replace(slower, "other");
  CHECK(pack_store(folder)->find(record.problem, record.hardware)->tactic == slower.tactic);

  PlanRecord other = sample::record(65);
  third->put_if_absent(other, "image");
  int seen = 0;
  second->for_each([&](const PlanRecord&) { ++seen; });
  CHECK(seen == 2);

  // Work of another kind: its text is for all, what is local stays here.
  third->put_work({"toy", "a key", "words", "image"});
  third->put_work({std::string(kQuarantine), "a kernel", "", "hangs"});
  CHECK(third->find_work("toy", "a key")->local == "image");
  CHECK(second->find_work("toy", "a key") == WorkRecord{"toy", "a key", "words", ""});
  CHECK_FALSE(second->find_work(kQuarantine, "a kernel"));
  int kinds = 0;
  second->for_each_work({}, [&](const WorkRecord& r) { kinds += r.kind == "toy"; });
  CHECK(kinds == 1);
  CHECK(second->erase_work("toy", "a key"));
  CHECK_FALSE(pack_store(folder)->find_work("toy", "a key"));
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 2);
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    CHECK(file.path().extension() == ".pack");
    std::ofstream(file.path(), std::ios::app) << "damage\n";
  }
  CHECK(!pack_store(folder)->find(record.problem, record.hardware));
  CHECK(third->erase(record.problem, record.hardware));
  CHECK(!third->find(record.problem, record.hardware));
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  std::filesystem::remove_all(folder);
}
