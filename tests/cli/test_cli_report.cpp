// `ak report` as a script sees it.
#include "tests/cli/tool.hpp"

using namespace ak_tool;

namespace {

std::string results(const std::string& status, const std::string& kernel_us) {
  return R"({"format": 1, "date": "today", "gpu": "", "cpu": "", "compiler": "gcc", "flags": "-O3", "runs": 100, "entries": [
    {"name": "smooth", "file": "filters.c", "class": "map", "verdict": "i:parallel", "status": ")" +
         status + R"(",
     "timings": [{"size": "n=32000", "kernel": {"us": )" +
         kernel_us + R"(, "runs": 100}, "c": {"us": 10, "runs": 100}}]}]})";
}

}  // namespace

TEST_CASE("report prints text or Markdown, and compares with an older file") {
  const File now(results("passed", "2.5"));
  Result r = run_ak("report " + now.path);
  CAPTURE(r.output);
  CHECK(r.code == 0);
  CHECK(has(r.output, "Loops, today\n  GPU: none\n"));
  CHECK(has(r.output, "  smooth    map    n=32000  10.00 us  2.50 us     4.00x\n"));
  CHECK(!has(r.output, "Against"));
  r = run_ak("report --md " + now.path);
  CHECK(r.code == 0);
  CHECK(has(r.output, "## By class, resident\n\n| "));

  const std::string older = now.path + ".older";
  std::ofstream(older) << results("race", "1000");
  r = run_ak(fmt::format("report {} {}", now.path, older));
  CHECK(r.code == 0);
  CHECK(has(r.output, "Against today\n"));
  CHECK(has(r.output, "Mended\n  function  class  cause before  why before\n  smooth    map    race\n"));
  std::filesystem::remove(older);
}

TEST_CASE("report names what is wrong with a file in one line") {
  Result r = run_ak("report /nowhere.json");
  CHECK(r.code == 2);
  CHECK(r.output == "ak: results /nowhere.json: no such file\n");
  const File damaged(results("passed", "\"fast\""));
  r = run_ak("report " + damaged.path);
  CHECK(r.code == 2);
  CHECK(r.output == fmt::format("ak: results {}: entries[0].timings[0].kernel.us: expected a number\n", damaged.path));
  const File whole(results("passed", "1"));
  CHECK(run_ak(fmt::format("report {} /dev/null", whole.path)).output == "ak: results /dev/null: is no file\n");
  CHECK(run_ak("report").code == 2);
}
