// Rows of a comparison that a killed run continues, and the table of what policies cost.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "ak/types.hpp"
#include "core/problem.hpp"
#include "prove/csv_rows.hpp"

using namespace ak;
using namespace ak::proof;

TEST_CASE("rows of a comparison continue a killed run's, whatever it was cut off in; another file's columns are refused") {
  const std::string path = std::string(AK_BINARY_DIR) + "/test_rows.csv";
  std::filesystem::remove(path);
  {
    CsvRows csv(path, "problem,us,tactic", true);
    csv.add("\"16x32x64 align=16,16\",1.5,sm80 tile_m=16");
    CHECK(csv.has("16x32x64 align=16,16"));
  }
  for (const char* cut : {"\"32x32", "\"32x32x64 align=16,16\",2.", "\"32x32x64 align=16,16\""}) {
    CAPTURE(cut);
    std::ofstream(path, std::ios::app) << cut;
    CsvRows csv(path, "problem,us,tactic", true);
    CHECK(csv.rows().size() == 1);
    CHECK(number(csv.rows().at("16x32x64 align=16,16")[0]) == 1.5);
    CHECK_FALSE(csv.has("32x32x64 align=16,16"));
  }
  {
    CsvRows csv(path, "problem,us,tactic", true);
    csv.add("\"32x32x64 align=16,16\",2.5,skinny");
  }
  CHECK(CsvRows(path, "problem,us,tactic", true).rows().size() == 2);
  CHECK_THROWS_WITH_AS(CsvRows(path, "problem,us", true), doctest::Contains("its columns are others than problem,us"), Error);
  CHECK(CsvRows(path, "problem,us", false).rows().empty());
  CHECK_THROWS_WITH_AS(CsvRows("/nowhere/at/all.csv", "problem", false), doctest::Contains("cannot be written"), Error);
}

TEST_CASE(
    "a comparison makes the rows that are missing, says what failed and what is left, and ends with a driver that fails") {
  const std::string path = std::string(AK_BINARY_DIR) + "/test_complete.csv", printed = path + ".txt";
  const auto run = [&](const std::vector<std::string>& problems, double seconds, ErrorCode failure, std::string& told) {
    CsvRows csv(path, "problem,us", true);
    std::FILE* const to = std::fopen(printed.c_str(), "w");
    std::string made;
    const int status = csv.complete(
        problems, Clock::now(), seconds,
        [&](std::size_t i) {
          made += problems[i] + ' ';
          if (problems[i] == "wrong") throw Error(failure, "because");
          return fmt::format("\"{}\",{}", problems[i], i);
        },
        [&] { return fmt::format("{} rows\n", csv.rows().size()); }, to);
    std::fclose(to);
    std::ifstream in(printed);
    told.assign(std::istreambuf_iterator<char>(in), {});
    return std::pair(status, made);
  };
  std::filesystem::remove(path);
  std::string told;
  CHECK(run({"one"}, 60, ErrorCode::unsupported, told) == std::pair(0, std::string("one ")));
  CHECK(told == "\"one\",0\n1 rows\n# 0 s, 0 failed\n");
  CHECK(run({"one", "wrong", "two"}, 60, ErrorCode::unsupported, told) == std::pair(1, std::string("wrong two ")));
  CHECK(told == "# FAILED wrong: because\n\"two\",2\n2 rows\n# 0 s, 1 failed\n");
  CHECK(run({"wrong", "three"}, 60, ErrorCode::driver, told) == std::pair(1, std::string("wrong ")));
  CHECK(run({"one", "two", "three", "four"}, -1, ErrorCode::unsupported, told) == std::pair(1, std::string()));
  CHECK(told == "2 rows\n# 0 s, 0 failed, 2 rows not begun: run again with --resume\n");
  CHECK(run({"one", "two"}, -1, ErrorCode::unsupported, told).first == 0);
}

TEST_CASE("what policies cost is told class by class, in geometric means") {
  const std::string path = std::string(AK_BINARY_DIR) + "/test_policies.csv";
  CsvRows csv(path, kPolicyHeader, false);
  csv.add("\"16x4096x4096 align=16,16\",prefill,10,11,12,24,1900,sm90,sm90,sm90");
  csv.add("\"1x4096x4096 align=16,16\",decode_wide,10,10,40,20,1900,skinny,sm80,sm80");
  csv.add("\"2x4096x4096 align=16,16\",decode_wide,10,40,10,20,1900,skinny,sm80,sm80");
  csv.add("\"4x4096x4096 align=16,16\",decode_wide,0,0,0,0,1900,skinny,sm80,sm80");  // could not be timed
  const std::string table = policy_table(csv.rows());
  CAPTURE(table);
  CHECK(table.find("| decode_wide | 2 | 2.00x | 2.00x | 4.00x | 1.00x |\n") != std::string::npos);
  CHECK(table.find("| prefill | 1 | 1.10x | 1.20x | 1.20x | 2.00x |\n") != std::string::npos);
  CHECK(table.find("| decode_wide") < table.find("| prefill"));
  CHECK(table.find("| all | 3 |") != std::string::npos);
}
