// results.json both ways, and what `ak report` says of it, on figures that a person can compute.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "ak/types.hpp"
#include "port/report/figures.hpp"
#include "port/report/report.hpp"
#include "port/report/results.hpp"
#include "port/report/section.hpp"
#include "tests/texts.hpp"

using namespace ak::port;

namespace {

Timing timing(const std::string& size, double c_us, double kernel_us) {
  Timing t;
  t.size = size;
  if (c_us > 0) t[ArmId::c] = {c_us, c_us * 0.9, 100, false};
  if (kernel_us > 0) t[ArmId::kernel] = {kernel_us, kernel_us * 0.9, 100, false};
  return t;
}

Entry entry(const std::string& name, const std::string& work_class, double c_us, double kernel_us) {
  Entry e;
  e.name = name, e.file = "filters.c", e.work_class = work_class, e.verdict = "i:" + work_class;
  e.tactic = work_class + " block=256", e.right = e.cases = 48, e.kept = true;
  e.attempts = {{false, e.tactic, Status::passed, ""}};
  e.timings = {timing("n=32000", c_us, kernel_us)};
  return e;
}

Entry failed(const std::string& name, const std::string& work_class, Status status, const std::string& why) {
  Entry e;
  e.name = name, e.file = "filters.c", e.work_class = work_class, e.verdict = "i:" + work_class;
  e.status = status, e.why = why;
  e.attempts = {{false, work_class, status, why}};
  return e;
}

// Resident 4x, 1.5x, 1x, 0.25x.
Results four() {
  Results r;
  r.date = "2026-11-29 17:25 UTC", r.gpu = "a GPU", r.cpu = "a CPU", r.compiler = "gcc 12", r.flags = "-O3 -march=native";
  r.entries = {entry("scale", "map", 100, 25), entry("prefix", "scan", 30, 20), entry("copy", "map", 10, 10),
               entry("walk", "serial", 5, 20)};
  return r;
}

// Every field has a value of its own, words among them that JSON, Markdown and terminals take for something else.
Results odd() {
  Results r = four();
  r.clocks = "1.98 GHz", r.runs = 50, r.cores = 16;
  Entry& e = r.entries[0];
  e.file = "a \"folder\"\\größe.c";
  e.changed_by = {"write after read", "reduction"};
  e.note = "no OpenMP arm: it is left early";
  e.right = 47, e.cases = 48, e.llm_retries = 3, e.llm_tokens = 12345678901;
  e.attempts = {{false, "map", Status::race, "a[3]:\n\t\x01 twice"}, {true, "a model", Status::passed, ""}};
  e.timings.push_back(timing("n=1000000", 0.1, 1.0 / 3));
  int number = 0;
  for (Arm& arm : e.timings[1].arms) {
    ++number;
    arm = {number + 0.1, number / 3.0, number * 7, number % 2 == 0};
  }
  r.entries.push_back(failed("hard", "sequential", Status::refused, "calls rand | <b>"));
  return r;
}

std::string refusal(const std::string& json) {
  try {
    read_results("r.json", json);
  } catch (const ak::Error& error) {
    CHECK(error.code() == ak::ErrorCode::invalid_argument);
    return error.what();
  }
  return "";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  REQUIRE_MESSAGE(has(text, from), from);
  return text.replace(text.find(from), from.size(), to);
}

// From a line that is `title` to an empty line or the end.
std::string section(const std::string& report, const std::string& title) {
  const auto begin = report.find("\n" + title + "\n"), end = report.find("\n\n", begin);
  if (begin == report.npos) return "";
  return end == report.npos ? report.substr(begin + 1) : report.substr(begin + 1, end - begin);
}

}  // namespace

TEST_CASE("results are read as they were written") {
  const Results odds = odd();
  CHECK(read_results("r.json", write_json(odds)) == odds);
  CHECK(read_results("r.json", write_json(four())) == four());
  CHECK(read_results("r.json", write_json({})) == Results{});
  for (std::size_t i = 0; i < std::size(kStatusNames); ++i) {
    Results r = four();
    r.entries[1].status = r.entries[1].attempts[0].status = static_cast<Status>(i);
    CHECK(has(write_json(r), fmt::format("\"status\": \"{}\"", kStatusNames[i])));
    CHECK(read_results("r.json", write_json(r)) == r);
  }
  const std::string json = write_json(four());
  CHECK(has(json, "\"format\": 1"));
  CHECK(!has(json, "openmp"));  // what was not timed is left out
  CHECK(!has(json, "\"why\""));

  const auto file = (std::filesystem::temp_directory_path() / fmt::format("ak_results_{}.json", std::rand())).string();
  save_results(file, odds);
  CHECK(load_results(file) == odds);
  std::filesystem::remove(file);
}

TEST_CASE("bytes that are no UTF-8 do not spoil the file") {
  Results r = four();
  r.entries[0].why = "\xff\xfe";
  CHECK(read_results("r.json", write_json(r)).entries[0].why == "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("what is wrong with a file is said by field") {
  const std::string json = write_json(odd());
  REQUIRE(refusal(json) == "");
  const auto said = [&](const std::string& from, const std::string& to) { return refusal(replaced(json, from, to)); };
  CHECK(said("\"format\": 1", "\"format\": 2") == "results r.json: format: written by a newer version; this one reads up to 1");
  CHECK(said("\"format\"", "\"form\"") == "results r.json: format: missing");
  CHECK(said("\"entries\"", "\"entry\"") == "results r.json: entries: missing");
  CHECK(said("\"gpu\": \"a GPU\"", "\"gpu\": 7") == "results r.json: gpu: expected a text");
  CHECK(said("\"runs\": 50", "\"runs\": -1") == "results r.json: runs: -1 is not in 0..2147483647");
  CHECK(said("\"name\": \"prefix\"", "\"name\": \"\"") == "results r.json: entries[1].name: is empty");
  CHECK(said("\"name\": \"copy\"", "\"name\": \"prefix\"") == "results r.json: entries: prefix of filters.c stands twice");
  CHECK(said("\"status\": \"refused\"", "\"status\": \"refuse\"") == "results r.json: entries[4].status: no such status");
  CHECK(said("\"status\": \"race\"", "\"status\": 1") == "results r.json: entries[0].attempts[0].status: expected a text");
  CHECK(said("\"right\": 47", "\"right\": 49") == "results r.json: entries[0].right: is more than there are cases");
  CHECK(said("\"changed_by\": [", "\"changed_by\": [3,") == "results r.json: entries[0].changed_by[0]: expected a text");
  CHECK(said("\"kept\": true", "\"kept\": \"yes\"") == "results r.json: entries[0].kept: expected true or false");
  CHECK(said("\"us\": 25.0", "\"us\": -25.0") == "results r.json: entries[0].timings[0].kernel.us: expected a number >= 0");
  CHECK(said("\"us\": 25.0", "\"us\": 0") == "results r.json: entries[0].timings[0].kernel.us: expected 1e-06 to 1e+12");
  CHECK(said("\"us\": 25.0", "\"us\": 1e300") == "results r.json: entries[0].timings[0].kernel.us: expected 1e-06 to 1e+12");
  CHECK(said("\"us\": 25.0", "\"us\": null") == "results r.json: entries[0].timings[0].kernel.us: expected a number");
  CHECK(said("\"us\": 25.0", "\"us\": 12.0") ==
        "results r.json: entries[0].timings[0].kernel.least_us: is more than the median");
  CHECK(said("\"size\": \"n=1000000\"", "\"size\": \"n=32000\"") ==
        "results r.json: entries[0].timings: the size n=32000 stands twice");
  CHECK(said("\"llm_tokens\": 12345678901", "\"llm_tokens\": 1.5") ==
        "results r.json: entries[0].llm_tokens: expected a whole number");
  CHECK(has(refusal("[]"), "results r.json: (the whole): expected an object"));
  CHECK(has(refusal(""), "results r.json: not JSON: "));
  CHECK(has(refusal("\xff"), "results r.json: not JSON: "));
  CHECK(has(refusal(std::string(100000, '[')), "results r.json: not JSON: "));
  CHECK(said("\"runs\": 100", "\"runs\": 0") ==
        "results r.json: entries[0].timings[0].kernel.runs: none, of an arm that did not time out");
}

TEST_CASE("a file that is cut off anywhere, or has another byte anywhere, is refused or read, never more") {
  const std::string json = write_json(odd());
  for (std::size_t length = 0; length + 1 < json.size(); ++length)
    CHECK_MESSAGE(has(refusal(json.substr(0, length)), "not JSON"), length);
  int refused = 0;
  for (std::size_t at = 0; at < json.size(); ++at) {
    std::string other = json;
    other[at] = static_cast<char>(other[at] ^ 0x11);
    refused += !refusal(other).empty();
  }
  CHECK(refused > static_cast<int>(json.size() / 3));
}

TEST_CASE("files that cannot be results are told apart") {
  const auto said = [](const std::string& file) {
    try {
      load_results(file);
    } catch (const ak::Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(said("/nowhere/r.json") == "results /nowhere/r.json: no such file");
  CHECK(said("/dev/zero") == "results /dev/zero: is no file");
  CHECK_THROWS_AS(save_results("/nowhere/r.json", four()), ak::Error);
}

TEST_CASE("results of several runs in one folder are one") {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("ak_results_{}", std::rand());
  const auto file = [&](const char* name) {
    std::filesystem::create_directories(folder / name);
    return (folder / name / "results.json").string();
  };
  const auto said = [&] {
    try {
      load_results(folder.string());
    } catch (const ak::Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string first = file("a"), second = file("b/deep");
  CHECK(said() == fmt::format("results {}: there is no results.json in this folder", folder.string()));
  Results one = four(), other = four();
  one.entries.resize(2);
  other.date = "2026-11-30 01:02 UTC";
  other.entries.erase(other.entries.begin(), other.entries.begin() + 2);
  save_results(first, one);
  save_results(second, other);
  Results both = four();
  both.date = other.date;
  CHECK(load_results(folder.string()) == both);

  Results twice = other;
  twice.entries[1] = one.entries[1];
  save_results(second, twice);
  CHECK(said() == fmt::format("results {}: prefix of filters.c is in a file before it too", second));
  for (const auto field : {&Results::gpu, &Results::cpu, &Results::compiler, &Results::flags}) {
    Results elsewhere = other;
    elsewhere.*field += " more";
    save_results(second, elsewhere);
    CHECK(has(said(), fmt::format("results {}: another ", second)));
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("the README's example is read, and its table has every word") {
  std::ifstream in(std::string(AK_SOURCE_DIR) + "/examples/README.md");
  const std::string readme(std::istreambuf_iterator<char>(in), {});
  const auto begin = readme.find("```json\n") + 8;
  const Results r = read_results("README.md", readme.substr(begin, readme.find("```", begin) - begin));
  REQUIRE(r.entries.size() == 1);
  CHECK(speed_up(r.entries[0].timings[0], kResident)->times == 4);
  for (const std::string_view status : kStatusNames) CHECK(has(readme, fmt::format("`{}`", status)));
  for (const std::string_view arm : kArmNames) CHECK(has(readme, fmt::format("`{}`", arm)));
  // Each name of a field in a file that has them all.
  const std::string json = write_json(odd());
  for (std::size_t at = 0; (at = json.find("\": ", at)) != json.npos; ++at) {
    const auto open = json.rfind('"', at - 1);
    CHECK(has(readme, fmt::format("`{}`", json.substr(open + 1, at - open - 1))));
  }
}

TEST_CASE("figures of a distribution") {
  const Figures f = figures({4, 1.5, 1, 0.25});
  CHECK(f.count == 4);
  CHECK(f.bins == std::array<std::size_t, 6>{1, 1, 1, 0, 1, 0});
  CHECK(f.at_least_1 == 3);
  CHECK(f.mean == doctest::Approx(6.75 / 4));
  CHECK(f.median == doctest::Approx(1.25));
  CHECK(f.geomean == doctest::Approx(std::sqrt(std::sqrt(1.5))));
  CHECK(f.least == 0.25);
  CHECK(f.most == 4);
  CHECK(figures({3, 1, 2}).median == 2);
  // A bin has its lower edge.
  CHECK(figures({2, 1.5, 1, 0.5, 0.1}).bins == std::array<std::size_t, 6>{1, 1, 1, 1, 1, 0});
  CHECK(figures({1.999, 1.499, 0.999, 0.499, 0.099}).bins == std::array<std::size_t, 6>{0, 1, 1, 1, 1, 1});
  CHECK(figures({}).count == 0);
  CHECK(figures({}).geomean == 0);
}

TEST_CASE("speed-ups that are only bounded") {
  Timing t = timing("n=1", 600, 30);
  CHECK(speed_up(t, kResident)->times == 20);
  CHECK(speed_up(t, kResident)->bound == SpeedUp::Bound::none);
  CHECK(!speed_up(t, kComparisons[1]));  // moved was not timed
  t[ArmId::c].timed_out = true;
  CHECK(speed_up(t, kResident)->bound == SpeedUp::Bound::least);
  t[ArmId::kernel].timed_out = true;
  CHECK(!speed_up(t, kResident));
  t[ArmId::c].timed_out = false;
  CHECK(speed_up(t, kResident)->bound == SpeedUp::Bound::most);
}

TEST_CASE("a report has the distribution, the classes and the extremes") {
  Results r = four();
  r.entries[0].timings[0][ArmId::moved] = {200, 190, 100, false};
  r.entries[0].timings[0][ArmId::in_place] = {150, 140, 100, false};
  r.entries[0].timings.push_back(timing("n=1000000", 3000, 100));
  r.entries[1].timings.push_back(timing("n=1000000", 1000, 100));
  const std::string text = report(r, nullptr, Markup::text);
  CAPTURE(text);
  CHECK(has(text,
            "Loops, 2026-11-29 17:25 UTC\n  GPU: a GPU\n  CPU: a CPU\n  C: gcc 12 -O3 -march=native\n"
            "  4 functions: 4 passed (100.0 %), 4 kept, 0 not timed\n"));
  CHECK(section(text, "Speed-ups") ==
        "Speed-ups\n"
        "  comparison  size       functions  >= 2  1.5-2  1-1.5  0.5-1  0.1-0.5  < 0.1     >= 1    mean  median  geomean     "
        "min     max\n"
        "  resident    n=32000            4     1      1      1      0        1      0   75.0 %   1.69x   1.25x    1.11x   "
        "0.25x   4.00x\n"
        "  resident    n=1000000          2     2      0      0      0        0      0  100.0 %  20.00x  20.00x   17.32x  "
        "10.00x  30.00x\n"
        "  moved       n=32000            1     0      0      0      1        0      0    0.0 %   0.50x   0.50x    0.50x   "
        "0.50x   0.50x\n"
        "  in place    n=32000            1     1      0      0      0        0      0  100.0 %   6.00x   6.00x    6.00x   "
        "6.00x   6.00x\n");
  CHECK(section(text, "By class, resident") ==
        "By class, resident\n"
        "          functions  passed  timed   mean  geomean    min    max  functions\n"
        "  map             2       2      2  2.50x    2.00x  1.00x  4.00x  scale, copy\n"
        "  scan            1       1      1  1.50x    1.50x  1.50x  1.50x  prefix\n"
        "  serial          1       1      1  0.25x    0.25x  0.25x  0.25x  walk\n");
  CHECK(has(section(text, "Top ten, resident"),
            "  scale     map     n=32000  100.00 us  25.00 us     4.00x  map block=256\n  prefix"));
  CHECK(has(section(text, "Bottom ten, resident"), "tactic\n  walk      serial  n=32000    5.00 us  20.00 us     0.25x"));
  CHECK(!has(text, "Failures"));
  CHECK(!has(text, "Timeouts"));
  CHECK(!has(text, "Stopped early"));
  CHECK(!has(text, "Against"));

  const std::string markdown = report(r, nullptr, Markup::markdown);
  CHECK(has(markdown, "## Speed-ups\n\n| comparison | size | functions | \\>= 2 |"));
  CHECK(has(markdown, "|\n| --- | --- | --: | --: |"));
  CHECK(has(markdown, "| scale | map | n=32000 | 100.00 us | 25.00 us | 4.00x | map block=256 |\n"));
  CHECK(has(markdown, "- GPU: a GPU\n"));
}

TEST_CASE("only ten stand at the top and the bottom") {
  Results r = four();
  r.entries.clear();
  for (int i = 1; i <= 25; ++i) r.entries.push_back(entry(fmt::format("f{}", i), "map", 10 * i, 10));
  const std::string text = report(r, nullptr, Markup::text);
  const std::string top = section(text, "Top ten, resident"), bottom = section(text, "Bottom ten, resident");
  CHECK(std::ranges::count(top, '\n') == 12);
  CHECK(has(top, "  f25 "));
  CHECK(has(top, "  f16 "));
  CHECK(!has(top, "  f15 "));
  CHECK(std::ranges::count(bottom, '\n') == 12);
  CHECK(has(bottom, "  f1 "));
  CHECK(has(bottom, "  f10 "));
  CHECK(!has(bottom, "  f11 "));
}

TEST_CASE("functions of their own sizes stand in one row, rare sizes in another") {
  Results r = four();
  for (int i = 0; i < 20; ++i) {
    r.entries.push_back(entry(fmt::format("f{}", i), "map", 40, 10));
    r.entries.back().timings[0].size = fmt::format("n={}", i);
    r.entries.back().timings.push_back(timing("m=5", 30, 10));
  }
  r.entries[0].timings.push_back(timing("m=6", 2, 1));
  r.entries[1].timings.push_back(timing("m=7", 8, 1));
  const std::string text = section(report(r, nullptr, Markup::text), "Speed-ups");
  CAPTURE(text);
  CHECK(has(text, "  resident    its own         24    21 "));
  CHECK(has(text, "  resident    m=5             20    20 "));
  CHECK(has(text, "  resident    others           2     2 "));
  CHECK(has(text, "5.00x    4.00x  2.00x  8.00x\n"));
}

TEST_CASE("failures have their class and cause, and no time of theirs counts") {
  Results r = four();
  Entry wrong = entry("wrong", "scan", 1000, 1);
  wrong.status = Status::incorrect, wrong.why = "b[7] is 3, not 4";
  r.entries.push_back(wrong);
  r.entries.push_back(failed("racy", "scatter", Status::race, "a[1] by threads 0 and 1"));
  r.entries.push_back(failed("odd", "", Status::race, ""));
  const std::string text = report(r, nullptr, Markup::text);
  CAPTURE(text);
  CHECK(has(text, "  7 functions: 4 passed (57.1 %), 5 kept, 0 not timed\n  3 failed: 2 race, 1 incorrect\n"));
  CHECK(section(text, "Failures") ==
        "Failures\n"
        "  function  class    cause      why\n"
        "  wrong     scan     incorrect  b[7] is 3, not 4\n"
        "  racy      scatter  race       a[1] by threads 0 and 1\n"
        "  odd                race\n");
  CHECK(has(text, "  resident    n=32000          4 "));
  CHECK(has(text, "  scan             2       1      1  1.50x"));
  CHECK(has(text, "  -                1       0      0      -"));
}

TEST_CASE("what each analysis module changed") {
  Results r = four();
  r.entries[0].changed_by = {"reduction", "prefix sum"};
  r.entries[2].changed_by = {"reduction"};
  CHECK(section(report(r, nullptr, Markup::text), "Verdicts that an analysis module changed, resident") ==
        "Verdicts that an analysis module changed, resident\n"
        "              functions  passed  timed   mean  geomean    min    max  functions\n"
        "  prefix sum          1       1      1  4.00x    4.00x  4.00x  4.00x  scale\n"
        "  reduction           2       2      2  2.50x    2.00x  1.00x  4.00x  scale, copy\n");
}

TEST_CASE("what was left out, and of how many cores the OpenMP arm is") {
  Results r = four();
  r.cores = 16;
  r.entries[0].note = r.entries[1].note = "no OpenMP arm: it is not parallel";
  const std::string text = report(r, nullptr, Markup::text);
  CHECK(has(text, "CPU: a CPU, 16 cores\n"));
  CHECK(section(text, "Left out") ==
        "Left out\n"
        "  what                               functions  functions\n"
        "  no OpenMP arm: it is not parallel          2  scale, prefix\n");
  CHECK(section(report(four(), nullptr, Markup::text), "Left out").empty());
}

TEST_CASE("which attempt was the first to pass") {
  Results r = four();
  const auto attempts = [](int wrong, bool llm) {
    std::vector<Attempt> all(static_cast<std::size_t>(wrong), Attempt{llm, "x", Status::compile, "no"});
    all.push_back({llm, "x", Status::passed, ""});
    return all;
  };
  r.entries[1].attempts = attempts(1, true);
  r.entries[1].attempts[0].llm = false;
  r.entries[1].llm_retries = 1, r.entries[1].llm_tokens = 900;
  r.entries[2].attempts = attempts(12, true);
  r.entries[2].attempts.push_back({false, "x", Status::race, ""});
  r.entries[2].llm_retries = 12, r.entries[2].llm_tokens = 100;
  r.entries.push_back(failed("hard", "scan", Status::budget, ""));
  const std::string text = report(r, nullptr, Markup::text);
  CAPTURE(text);
  CHECK(section(text, "Attempts") ==
        "Attempts\n"
        "  5 functions with attempts; 15 attempts failed: 13 compile, 1 race, 1 budget\n"
        "  1 candidate not tried in time: --seconds gives more\n"
        "  first to pass  by template  by LLM   share  so far  share so far\n"
        "  try 1                    2       0  40.0 %       2        40.0 %\n"
        "  try 2                    0       1  20.0 %       3        60.0 %\n"
        "  a later try              0       1  20.0 %       4        80.0 %\n");
  CHECK(has(text, "  an LLM was asked for 2 functions: 13 retries, 1000 tokens\n"));
}

TEST_CASE("timeouts of C, of the kernel and of both are told apart") {
  Results r = four();
  const auto add = [&](const char* name, Arm c, Arm kernel) {
    r.entries.push_back(entry(name, "map", 1, 1));
    r.entries.back().timings[0][ArmId::c] = c;
    r.entries.back().timings[0][ArmId::kernel] = kernel;
    if (kernel.timed_out) r.entries.back().status = Status::timeout;
  };
  add("slow_c", {60e6, 0, 0, true}, {20e6, 19e6, 3, false});
  add("slow_kernel", {6e6, 5e6, 3, false}, {60e6, 0, 0, true});
  add("slow_both", {60e6, 0, 0, true}, {60e6, 0, 0, true});
  r.entries[0].timings[0][ArmId::openmp] = {60e6, 0, 0, true};
  r.entries[1].timings[0][ArmId::c].runs = 7;
  const std::string text = report(r, nullptr, Markup::text);
  CAPTURE(text);
  CHECK(section(text, "Timeouts") ==
        "Timeouts\n"
        "  C alone 1, the kernel alone 1, both 1, others 1\n"
        "  what timed out  function     size             C     kernel  speed-up\n"
        "  openmp          scale        n=32000  100.00 us   25.00 us     4.00x\n"
        "  c               slow_c       n=32000  > 60.00 s    20.00 s  >= 3.00x\n"
        "  kernel          slow_kernel  n=32000     6.00 s  > 60.00 s  <= 0.10x\n"
        "  kernel, c       slow_both    n=32000  > 60.00 s  > 60.00 s         -\n");
  CHECK(section(text, "Stopped early") ==
        "Stopped early\n"
        "  fewer than 100 runs; at least: C's fastest run over the kernel's median\n"
        "  function  size            C  C's runs    kernel  kernel's runs  speed-up  at least\n"
        "  prefix    n=32000  30.00 us         7  20.00 us            100     1.50x     1.35x\n");
  CHECK(has(text,
            "  resident, n=32000: 1 with the least that it can be, as c timed out\n"
            "  resident, n=32000: 1 with the most that it can be, as kernel timed out\n"));
  CHECK(has(text, "  OpenMP, n=32000: 1 with the least that it can be, as openmp timed out\n"));
  CHECK(has(text, "  resident    n=32000          6     2 "));
}

TEST_CASE("what changed between two runs") {
  const Results before = [] {
    Results r = four();
    r.date = "before", r.gpu = "another GPU";
    r.entries.push_back(failed("mended", "scan", Status::race, "was racy"));
    r.entries.push_back(entry("broken", "map", 10, 5));
    r.entries.push_back(entry("gone", "map", 10, 5));
    return r;
  }();
  Results now = four();
  now.entries[0].timings[0][ArmId::kernel].us = 20;  // 25: 1.25 times as fast
  now.entries[0].tactic = "map block=512";
  now.entries[1].timings[0][ArmId::kernel].us = 18.2;      // 20: 9.9 % faster, not told
  now.entries[2].timings[0] = timing("n=64000", 10, 100);  // another size
  now.entries[3].timings.insert(now.entries[3].timings.begin(), timing("n=5", 1, 1));
  now.entries[3].timings[1][ArmId::kernel].us = 80;  // 20: at the size that both have
  now.entries.push_back(entry("mended", "scan", 10, 5));
  now.entries.push_back(failed("broken", "map", Status::bounds, "a[-1]"));
  now.entries.push_back(entry("fresh", "map", 10, 5));
  for (Entry& e : now.entries) e.file = "elsewhere/filters.c";

  const Changes c = changes(before, now);
  CHECK(c.both.size() == 6);
  REQUIRE(c.failed.size() == 1);
  CHECK(c.failed[0].now->name == "broken");
  REQUIRE(c.mended.size() == 1);
  CHECK(c.mended[0].now->name == "mended");
  REQUIRE(c.faster.size() == 1);
  CHECK(c.faster[0].of.now->name == "scale");
  CHECK(c.faster[0].times.times == 1.25);
  REQUIRE(c.slower.size() == 1);
  CHECK(c.slower[0].of.now->name == "walk");
  CHECK(c.slower[0].now->size == "n=32000");
  REQUIRE(c.added.size() == 1);
  CHECK(c.added[0]->name == "fresh");
  REQUIRE(c.removed.size() == 1);
  CHECK(c.removed[0]->name == "gone");

  const std::string text = report(now, &before, Markup::text);
  CAPTURE(text);
  CHECK(has(section(text, "Against before"),
            "  another GPU: a GPU, before another GPU\n"
            "  6 functions in both: 5 passed, before 5\n"));
  CHECK(has(text, "  1 new: fresh\n  1 gone: gone\n  1 failed anew, 1 mended, 1 faster and 1 slower by more than 10 %\n"));
  CHECK(section(text, "New failures") ==
        "New failures\n  function  class before  cause   why\n"
        "  broken    map           bounds  a[-1]\n");
  CHECK(section(text, "Mended") ==
        "Mended\n  function  class  cause before  why before\n"
        "  mended    scan   race          was racy\n");
  CHECK(section(text, "Faster") ==
        "Faster\n"
        "  function  size     kernel before    kernel  before / now   C before          C  tactic before  tactic\n"
        "  scale     n=32000       25.00 us  20.00 us         1.25x  100.00 us  100.00 us  map block=256  map block=512\n");
  CHECK(has(section(text, "Slower"), "  walk      n=32000       20.00 us  80.00 us         0.25x"));
  CHECK(changes(now, now).faster.empty());
  CHECK(changes(now, now).failed.empty());
}

TEST_CASE("a kernel that timed out in one of two runs is faster or slower by at least that") {
  Results finished = four(), timed_out = four();
  finished.entries[0].timings[0][ArmId::kernel].us = 30e6;
  timed_out.entries[0].timings[0][ArmId::kernel] = {60e6, 0, 0, true};
  CHECK(changes(finished, timed_out).slower.size() == 1);
  CHECK(changes(finished, timed_out).slower[0].times.bound == SpeedUp::Bound::most);
  CHECK(changes(timed_out, finished).faster.size() == 1);
  finished.entries[0].timings[0][ArmId::kernel].us = 70e6;  // then nobody knows
  CHECK(changes(finished, timed_out).faster.empty());
  CHECK(changes(timed_out, finished).slower.empty());
}

TEST_CASE("functions of one name are told apart by their files") {
  Results before = four(), now = four();
  for (Results* r : {&before, &now}) {
    r->entries.push_back(entry("scale", "map", 100, 50));
    r->entries.back().file = "other.c";
  }
  now.entries[4].timings[0][ArmId::kernel].us = 500;
  const Changes c = changes(before, now);
  CHECK(c.both.size() == 5);
  REQUIRE(c.slower.size() == 1);
  CHECK(c.slower[0].of.before->file == "other.c");
  CHECK(has(report(now, &before, Markup::text), "  other.c:scale    map     n=32000"));
  now.entries[4].file = "moved.c";  // which of the two it was nobody knows
  CHECK(changes(before, now).both.size() == 4);
  CHECK(changes(before, now).added.size() == 1);
}

TEST_CASE("words from a file can neither break a table nor steer a terminal") {
  Results r = odd();
  r.date = "\x1b[2J";
  r.entries[4].why = "a | b\nc <b> \x1b[31m `" + std::string(1000, 'x');
  const std::string text = report(r, nullptr, Markup::text), markdown = report(r, nullptr, Markup::markdown);
  for (const char c : text + markdown) CHECK((c == '\n' || (c >= 0x20 && c < 0x7f)));
  CHECK(has(markdown, "| a \\| b c \\<b\\>  \\[31m \\`xxx"));
  CHECK(has(text, "xxx...\n"));
  CHECK(text.find(std::string(501, 'x')) == text.npos);
  CHECK(has(text, std::string(400, 'x')));  // a remedy stands at the end
}

TEST_CASE("names beyond ASCII stand as they are, and their columns are as wide as they look") {
  Results r = four();
  r.entries[0].name = "größe", r.entries[0].file = "übung.c";
  r.entries[1].name = "prefix";
  CHECK(summary(r.entries[0]).starts_with("größe  "));
  CHECK(has(section(report(r, nullptr, Markup::text), "Top ten, resident"),
            "  größe     map     n=32000  100.00 us  25.00 us     4.00x  map block=256\n  prefix"));
  r.entries[0].why = std::string(499, 'x') + "ß", r.entries[0].status = Status::refused;
  CHECK(has(summary(r.entries[0]), std::string(499, 'x') + "..."));  // no character is torn
  CHECK(!has(summary(r.entries[0]), "\xc3..."));
  CHECK(plain("a\nb\x1b[1m\xff \xc2\x9b ß") == "a b [1m    ß");
}

TEST_CASE("a run of nothing has a report too") {
  const std::string text = report({}, nullptr, Markup::text);
  CHECK(text.starts_with("Loops\n  GPU: none\n  0 functions: 0 passed (-), 0 kept, 0 not timed\n"));
  CHECK(has(text, "  nothing was timed\n"));
  const Results empty;
  CHECK(has(report({}, &empty, Markup::text), "  resident geomean -, before -\n"));
}

TEST_CASE("a function in one line") {
  Entry e = entry("smooth", "map", 7.4, 2.1);
  e.timings[0][ArmId::moved] = {41, 40, 100, false};
  CHECK(summary(e) == "smooth  i:map  map block=256  right 48/48  2.10 us  C 7.40 us 3.52x  moved 41.00 us  kept");
  e.timings.clear(), e.kept = false;
  CHECK(summary(e) == "smooth  i:map  map block=256  right 48/48  proven, not timed");
  e.only = "k=3";
  CHECK(summary(e) == "smooth  i:map  map block=256  right 48/48  proven, not timed  only for k=3");
  CHECK(summary(failed("racy", "scan", Status::race, "a[1]")) == "racy  i:scan  race: a[1]");
  e.one_thread = "no template runs i:scan(y:1,2)";
  CHECK(summary(e).ends_with("proven, not timed  only for k=3  one GPU thread, because no template runs i:scan(y:1,2)"));
  e.work_class = "map+serial";
  CHECK(summary(e).ends_with("  one GPU thread for a part, because no template runs i:scan(y:1,2)"));
  e.attempts = {{false, "map", Status::passed, {}},
                {false, "map", Status::budget, {}},
                {false, "map", Status::budget, "its proof has not ended in time"},
                {false, "map", Status::budget, "no memory"}};
  CHECK(has(summary(e), "  2 of 4 candidates not tried in time (--seconds)  one GPU thread"));
  Entry refused = failed("hard", "", Status::refused, "it calls rand" + std::string(300, '.') + "remedy");
  refused.verdict = "refused";
  CHECK(summary(refused).starts_with("hard  refused: it calls rand.."));
  CHECK(summary(refused).ends_with("..remedy"));
  refused.verdict.clear();
  CHECK(summary(refused).starts_with("hard  refused: it calls rand.."));
}

TEST_CASE("what runs as one GPU thread is listed with why") {
  Results r = odd();
  CHECK(!has(report(r, nullptr, Markup::text), "One GPU thread"));
  r.entries[0].one_thread = "map block=256 failed: compile: static assertion failed";
  CHECK(has(report(r, nullptr, Markup::text), "  map block=256 failed: compile: static assertion failed\n"));
}
