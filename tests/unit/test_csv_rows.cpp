// Rows of a comparison that a killed run continues, and the table of what policies cost.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

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
