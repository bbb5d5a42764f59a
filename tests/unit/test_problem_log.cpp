#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>
#include <vector>

#include "base/text.hpp"
#include "child_process.hpp"
#include "context/problem_log.hpp"
#include "fake_machine.hpp"

using namespace ak;
using namespace ak::testing;

namespace {

std::string fresh_file(const char* name) { return fresh_folder(name) + ".txt"; }

std::string text_of(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Problem -> how often it was asked for; every line has to be whole.
std::map<std::string, int> counts_of(const std::string& file) {
  std::map<std::string, int> counts;
  const std::string text = text_of(file);
  for (const std::string_view line : split(text, '\n')) {
    const auto at = line.find(" count=");
    REQUIRE(at != line.npos);
    CHECK(to_string(parse_problem(line.substr(0, at))) == line.substr(0, at));
    counts[std::string(line.substr(0, at))] += std::stoi(std::string(line.substr(at + 7)));
  }
  return counts;
}

Problem problem_of(std::int64_t m) {
  Problem problem = Landscape().problem;
  problem.m = m;
  return problem;
}

}  // namespace

TEST_CASE("a problem that was asked for is in the file at once, its counts add up") {
  const std::string file = fresh_file("problem_log");
  std::filesystem::remove(file);
  {
    ProblemLog log(file, "AK_RECORD_FILE");
    log.count(problem_of(16));
    CHECK(text_of(file) == to_string(problem_of(16)) + " count=1\n");
    for (int i = 0; i < 99; ++i) log.count(problem_of(16));
    CHECK(split(text_of(file), '\n').size() == 7);  // at 1, 2, 4, ... 64
    log.count(problem_of(32));
    Problem nothing = problem_of(8);
    nothing.k = 0;
    log.count(nothing);
  }
  CHECK(counts_of(file) == std::map<std::string, int>{{to_string(problem_of(16)), 100}, {to_string(problem_of(32)), 1}});
}

TEST_CASE("threads and processes share a file of problems") {
  const std::string file = fresh_file("problem_log_shared");
  std::filesystem::remove(file);
  std::vector<ChildProcess> children;
  for (int process = 0; process < 4; ++process)
    children.emplace_back([&](ChildProcess&) {
      ProblemLog log(file, "AK_RECORD_FILE");
      const auto some = [&] {
        for (int i = 0; i < 400; ++i) log.count(problem_of(1 + i % 8));
      };
      std::thread other;
      if (kChildHasThreads) other = std::thread(some);
      some();
      if (other.joinable()) other.join();
    });
  for (ChildProcess& child : children) CHECK(child.ended_well());
  const auto counts = counts_of(file);
  CHECK(counts.size() == 8);
  for (const auto& [problem, count] : counts) CHECK(count == 4 * 50 * (kChildHasThreads ? 2 : 1));
}

TEST_CASE("a file of problems has its limit, and may be one that cannot be written") {
  const std::string file = fresh_file("problem_log_full");
  std::ofstream(file) << "# before\n";
  std::filesystem::resize_file(file, ProblemLog::kMostBytes - 10);
  {
    ProblemLog log(file, "AK_RECORD_FILE");
    log.count(problem_of(16));
  }
  CHECK(std::filesystem::file_size(file) == ProblemLog::kMostBytes - 10);
  std::filesystem::remove(file);
  try {
    ProblemLog log("/nowhere/at/all", "record_file");
    FAIL("it was opened");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid_argument);
    CHECK(std::string(error.what()).starts_with("record_file='/nowhere/at/all': cannot be written: No such file"));
  }
}

TEST_CASE("what could not be written to a file of problems is written later, and ends no process") {
  const std::string file = fresh_file("problem_log_later");
  std::filesystem::remove(file);
  ChildProcess child([&](ChildProcess& self) {
    ProblemLog log(file, "AK_RECORD_FILE");
    log.count(problem_of(8));
    rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    const rlimit full{std::filesystem::file_size(file) + 10, limit.rlim_max};
    setrlimit(RLIMIT_FSIZE, &full);  // to write beyond it ends the process
    for (int i = 0; i < 5; ++i) log.count(problem_of(8));
    log.count(problem_of(16));
    self.say(std::to_string(counts_of(file).size()));
    setrlimit(RLIMIT_FSIZE, &limit);
  });
  CHECK(child.text() == "1");
  CHECK(child.ended_well());
  CHECK(counts_of(file) == std::map<std::string, int>{{to_string(problem_of(8)), 6}, {to_string(problem_of(16)), 1}});
}

TEST_CASE("mode record serves as mode hit does, and writes down every call") {
  Settings settings = quick(Mode::record);
  settings.record_file = fresh_file("mode_record");
  std::filesystem::remove(settings.record_file);
  Fixture f(settings);
  for (int i = 0; i < 3; ++i) f.call();
  CHECK(f.world.runners == 0);
  CHECK(FakePlan::vendor_ran_last);
  CHECK(f.context->explain(f.problem).note.starts_with("no record and AK_MODE is record"));
  f.context.reset();
  CHECK(counts_of(settings.record_file) == std::map<std::string, int>{{to_string(f.problem), 3}});
}
