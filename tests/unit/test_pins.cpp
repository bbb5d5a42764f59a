// Pins: what the library made when they were written down (tests/pins), compared to the last bit. A change to a boundary
// leaves them as they are; a change that means to move one writes it again: AK_WRITE_PINS=1 test_unit -tc='pin*'
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <unordered_map>

#include "cache/pack.hpp"
#include "families/family.hpp"
#include "jit/source.hpp"
#include "prove/suite.hpp"
#include "recording/recording.hpp"
#include "records.hpp"
#include "search/proposers.hpp"
#include "search/search.hpp"

using namespace ak;
using namespace ak::proof;

namespace {

const std::string kTests = std::string(AK_SOURCE_DIR) + "/tests";

std::string read_text(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Line by line, so that a failure names what moved.
void hold(const std::string& name, const std::string& now) {
  const std::string file = kTests + "/pins/" + name;
  if (std::getenv("AK_WRITE_PINS")) std::ofstream(file, std::ios::binary) << now;
  std::istringstream pinned(read_text(file)), made(now);
  std::string was, is;
  int line = 0;
  while (std::getline(pinned, was)) {
    ++line;
    REQUIRE_MESSAGE(std::getline(made, is), name << ":" << line << " is gone: " << was);
    CHECK_MESSAGE(is == was, name << ":" << line);
  }
  CHECK_MESSAGE(line > 0, name << " is missing or empty");
  CHECK_MESSAGE(!std::getline(made, is), name << ": new at its end: " << is);
}

std::vector<Problem> suite_problems() {
  std::vector<Problem> problems;
  for (const char* suite : {"suite", "f16", "epilogues"})
    for (const SuiteRow& row : read_suite(fmt::format("{}/bench/{}.csv", kTests, suite)))
      problems.push_back(row.problem(row.activation.value_or(Activation::relu)));
  return problems;
}

std::string unhex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::strtol(std::string(hex.substr(i, 2)).c_str(), nullptr, 16));
  return bytes;
}

}  // namespace

TEST_CASE("pin: the text of every suite problem reads as it did, and back") {
  std::string text;
  for (const Problem& problem : suite_problems()) {
    text += to_string(problem) + '\n';
    CHECK(parse_problem(to_string(problem)) == problem);
  }
  hold("problems.txt", text);
}

TEST_CASE("pin: every enumerated tactic's source text, for all suite problems on an H200") {
  const DeviceFacts h200;
  std::map<std::string, Digest> made;  // a source does not depend on m, n, k
  std::string text;
  for (const Problem& problem : suite_problems()) {
    Problem structure = problem;
    structure.m = structure.n = structure.k = 0;
    const std::string kind = to_string(structure);
    const Space space = make_space(problem, h200);
    Hasher row;
    for (const RankedTactic& ranked : space.tactics) {
      const std::string tactic = to_string(ranked.tactic);
      auto [entry, fresh] = made.try_emplace(kind + '|' + tactic);
      if (fresh) {
        const std::string source = make_source(family(ranked.tactic.family).sources(), problem, ranked.tactic);
        entry->second = digest(source.substr(source.find('\n') + 1));  // its symbol stands in the first line
      }
      row.field(tactic, entry->second.hex());
    }
    text += fmt::format("{} {} {}\n", row.digest().hex(), space.tactics.size(), to_string(problem));
  }
  hold("sources.txt", text);
}

TEST_CASE("pin: the first 64 proposals on every recording at seed 1") {
  std::string text;
  for (const std::string& file : recording_files(kTests + "/recordings")) {
    const Recording recording = Recording::read(file);
    const Problem& problem = recording.header.problem;
    std::unordered_map<Tactic, const Trial*, TacticHash> trials;
    for (const RecordedTrial& each : recording.trials) trials[each.trial.tactic] = &each.trial;
    const Space space = make_space(problem, recording.header.device);
    for (const std::string_view proposer : {"local", "offline", "genetic", "random"}) {
      std::vector<std::unique_ptr<Proposer>> proposers;
      if (proposer == "local") proposers.push_back(make_proposer("offline", {1, {}}));  // it starts from others' trials
      proposers.push_back(make_proposer(proposer, {1, {}}));
      Search search(problem, recording.header.device, space, std::move(proposers), {.patience = 100000});
      for (int i = 0; i < 64; ++i) {
        if (search.queued() <= 8) search.refill(12, 1);
        const auto candidate = search.next();
        if (!candidate || candidate->full) break;
        // What was not recorded answers by its cost, so that a search goes on from something.
        Trial trial;
        if (const auto known = trials.find(candidate->tactic); known != trials.end()) {
          trial = *known->second;
        } else {
          trial.outcome = Outcome::correct;
          trial.us = space.cost_us(candidate->tactic);
        }
        text += fmt::format("{} {} {}: {}\n", recording.name, proposer, i, to_string(candidate->tactic));
        search.report(trial);
      }
    }
  }
  // Texts of 1,700 lines say little; a digest of each proposer's run and its first choices say where it moved.
  std::map<std::string, std::pair<Hasher, int>> runs;
  std::string short_text;
  std::istringstream lines(text);
  std::vector<std::string> order;
  for (std::string line; std::getline(lines, line);) {
    const std::string run = line.substr(0, line.find(' ', line.find(' ') + 1));
    auto [entry, fresh] = runs.try_emplace(run);
    if (fresh) order.push_back(run);
    entry->second.first.field("proposal", line);
    if (entry->second.second++ < 3) short_text += line + '\n';
  }
  for (const std::string& run : order)
    short_text += fmt::format("{}: {} proposals, {}\n", run, runs[run].second, runs[run].first.digest().hex());
  hold("proposals.txt", short_text);
}

TEST_CASE("pin: the shipped pack's keys") {
  std::string text;
  const Pack shipped = shipped_pack();
  for (const PackEntry& entry : shipped.entries)
    text += fmt::format("{} {}\n", key_of(entry.record.problem, entry.record.hardware).hex(), to_string(entry.record.tactic));
  CHECK(shipped.entries.size() == 310);
  hold("pack_keys.txt", text);
}

TEST_CASE("pin: records of formats 1 and 2 read as what was written") {
  std::istringstream lines(read_text(kTests + "/pins/records.txt"));
  int format = 0, formats[3] = {};
  for (std::string hex; lines >> format >> hex;) {
    REQUIRE((format == 1 || format == 2));
    ++formats[format];
    std::string why;
    const auto record = decode_record(unhex(hex), &why);
    REQUIRE_MESSAGE(record, "format " << format << ": " << why);
    PlanRecord written = sample::record();
    if (formats[format] == 2) {  // with what format 2 brought
      EpilogueSpec& e = written.problem.epilogue;
      e.has_c = false, e.bias = BiasAxis::column, e.gated = e.aux = e.row_scale = e.column_scale = true;
      written.problem.align_c = 16;
    }
    CHECK(record->problem == written.problem);
    CHECK(record->hardware == written.hardware);
    CHECK(record->tactic == written.tactic);
    CHECK(record->vendor_algo == written.vendor_algo);
    CHECK(record->cubin == written.cubin);
    CHECK(record->us == written.us);
    CHECK(record->vendor_us == written.vendor_us);
    CHECK(record->provenance == written.provenance);
  }
  CHECK(formats[1] == 1);
  CHECK(formats[2] == 2);
}
