// gpu/loops.sh without a GPU: what it would run is whole.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "corpus.hpp"

using namespace ak;

namespace {

const std::string kScripts = std::string(AK_SOURCE_DIR) + "/tests/gpu/";

struct Ran {
  int code = -1;
  std::string output;
};
Ran shell(const std::string& command) {
  Ran ran;
  FILE* const pipe = popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe);
  char buffer[4096];
  while (std::fgets(buffer, sizeof buffer, pipe)) ran.output += buffer;
  const int status = pclose(pipe);
  if (WIFEXITED(status)) ran.code = WEXITSTATUS(status);
  return ran;
}

// "map+map" is two of a kind.
std::set<std::string> words(const std::string& templates) {
  std::set<std::string> all;
  std::istringstream text(templates);
  for (std::string word; std::getline(text, word, '+');) all.insert(word);
  return all;
}

}  // namespace

TEST_CASE("gpu/loops.sh: each template that own loops have is among the classes that compute-sanitizer sees") {
  const Ran ran = shell(kScripts + "loops.sh classes");
  REQUIRE_MESSAGE(ran.code == 0, ran.output);
  std::set<std::string> functions, seen;
  std::map<std::string, std::string> all;  // a loop of each template
  std::istringstream lines(ran.output);
  for (std::string line; std::getline(lines, line);) functions.insert(line.substr(line.find(':') + 1));
  CHECK(functions.size() >= 20);
  for (const test::OwnLoop& own : test::own_loops()) {
    const bool chosen = functions.erase(own.name) > 0;
    if (!chosen && own.expected == "refused") continue;
    const auto candidates = test::candidates_of(own);
    REQUIRE_MESSAGE(!candidates.empty(), own.name);
    for (const std::string& word : words(candidates[0].template_name)) {
      all.emplace(word, own.name);
      if (chosen) seen.insert(word);
    }
  }
  for (const std::string& name : functions) FAIL_CHECK(name << " is no own loop");
  for (const auto& [word, example] : all) CHECK_MESSAGE(seen.count(word) == 1, word << ", as of " << example);
}

TEST_CASE("gpu/loops.sh: an analysis is said again where there is no clang, and no other") {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("ak_analyses_{}", std::rand());
  std::filesystem::create_directories(folder);
  const std::string kept = fmt::format("LOOP_ANALYSES={} ", folder.string()),
                    asked = fmt::format("LOOP_ANALYSER={}/ak-analyse ", AK_BINARY_DIR),
                    one = fmt::format("{}repeat_analysis.sh {}/tests/loops/scatter_plain.c scatter_plain", kScripts,
                                      AK_SOURCE_DIR);
  const Ran first = shell(kept + asked + one), again = shell(kept + one);
  CHECK(first.code == 0);
  CHECK(first.output.find("scatter") != std::string::npos);
  CHECK(again.code == 0);
  CHECK(again.output == first.output);
  CHECK(shell(kept + one + " --int n=5").code == 4);
  CHECK(shell(kept + asked + one + "_not_there").code != 0);
  CHECK(shell(kept + one + "_not_there").code == 4);  // failures are not kept
  std::filesystem::remove_all(folder);
}

TEST_CASE("gpu/loops.sh: what a run left becomes lines for a README") {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("ak_loops_out_{}", std::rand());
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, const char* text) {
    FILE* const file = std::fopen((folder / name).c_str(), "w");
    REQUIRE(file);
    std::fputs(text, file);
    std::fclose(file);
  };
  write("faults.txt", "133 right: emulator refuses 0, GPU 0\n");
  write("sanitize.csv",
        "class,function,tactic,tool,result,says\nmap,f,map,memcheck,clean,\"\"\nmap,f,map,racecheck,exit code 9,\"x\"\n");
  write("by_hand.csv",
        "loop,n,tuned,hand_us,ours_us,hand_over_ours,hand_right,ours_right\nf,10,here,1.5,3.0,0.5,yes,yes\ng,10,here,3,1.5,2,"
        "no,yes\n");
  const Ran ran = shell(fmt::format("{}loops.sh summary {}", kScripts, folder.string()));
  CHECK(ran.code == 0);
  CHECK(ran.output ==
        "Planted kernels: 133 right: emulator refuses 0, GPU 0. A race, and shared memory that is read unset, need not show on a GPU.\n"
        "compute-sanitizer (memcheck, racecheck) on a proven kernel of each class: 1 of 2 runs clean.\n"
        "map,f,map,racecheck,exit code 9,\"x\"\n\n"
        "| loop | elements | by hand, us | `ak port`, us | by hand over ours |\n|---|---|---|---|---|\n"
        "| f | 10 | 1.50 | 3.00 | 0.50x |\n| g | 10 | 3.00 | 1.50 | 2.00x (a result is wrong) |\n");
  std::filesystem::remove_all(folder);
}

TEST_CASE("gpu/loops.sh: the hand-written kernels compile with nvcc alone") {
  if (!test::takes_all()) return;  // CUB takes nvcc some ten seconds
  const Ran ran =
      shell(fmt::format("{} -O3 -std=c++17 -Werror all-warnings -gencode=arch=compute_90a,code=sm_90a -c -o /dev/null "
                        "{}/tests/bench/by_hand/by_hand.cu",
                        AK_NVCC, AK_SOURCE_DIR));
  CHECK_MESSAGE(ran.code == 0, ran.output);
}
