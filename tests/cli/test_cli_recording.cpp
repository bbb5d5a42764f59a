// Whole commands on a recording. Its times are made up: the cost model's, with a deterministic spread.
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "recording/recording.hpp"
#include "recording/sweep.hpp"
#include "search/space.hpp"
#include "tests/cli/tool.hpp"

using namespace ak_tool;
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

// A folder with one recording in it, and an empty cache beside it.
struct Recorded {
  const fs::path folder = fs::temp_directory_path() / fmt::format("ak_cli_{}", getpid());
  const std::string environment = fmt::format("AK_CACHE_DIR='{}' AK_RECORDING='{}' AK_MAX_TRIALS=12 AK_BUDGET_S=20",
                                              (folder / "cache").string(), (folder / "made_up").string());
  Recorded() {
    fs::remove_all(folder);
    fs::create_directories(folder / "made_up");
    const auto problem = ak::parse_problem("16x512x1024 bf16 align=16,16,16,16 silu");
    ak::DeviceFacts device;
    device.memory_tb_s = 4.55;  // a driver says something else than an H200's facts
    std::vector<ak::Tactic> tactics;
    const ak::Space space = ak::make_space(problem, device);
    for (const auto& ranked : space.tactics) tactics.push_back(ranked.tactic);
    REQUIRE(tactics.size() >= 20);
    ak::RecordingWriter writer((folder / "made_up").string(), ak::make_header(problem, device, tactics, "1.0", "1.0"));
    const auto add = [&](const ak::Tactic& tactic, double us) {
      ak::RecordedTrial each;
      each.trial.tactic = tactic;
      each.trial.outcome = ak::Outcome::correct;
      each.trial.us = each.final_us = us;
      each.trial.ratio = 50 / us;
      writer.add(each);
    };
    ak::Tactic vendor;
    vendor.family = ak::FamilyId::vendor;
    vendor.separate = 1;
    add(vendor, 50);
    for (std::size_t i = 0; i < tactics.size(); ++i) add(tactics[i], space.tactics[i].cost_us * (1 + i % 7 / 20.0));
    ak::VendorTimes times;
    times.best_us = times.separate_us = 50;
    writer.finish(times, 0);
  }
  ~Recorded() { fs::remove_all(folder); }

  Result run(const std::string& arguments) const { return run_ak(arguments, environment); }
  // stdout alone, as JSON.
  Json json(const std::string& arguments) const {
    const Result r = run_ak(arguments + " --json", environment, "2>/dev/null");
    CAPTURE(r.output);
    Json parsed = Json::parse(r.output, nullptr, false);
    REQUIRE(!parsed.is_discarded());
    return parsed;
  }
};

}  // namespace

TEST_CASE(
    "a recorded problem: tune searches, then hits; ls, show and bench read what it left; all say that it is a recording") {
  const Recorded recorded;
  const std::string problem = "16 512 1024 --act silu";

  const Json first = recorded.json("tune " + problem);
  CHECK(first["trials"] > 0);
  CHECK(first["from_recording"] == true);
  CHECK(first["us"] < 50);
  CHECK(first["vendor_us"] == 50);
  const Json again = recorded.json("tune " + problem);
  CHECK(again["source"] == "store");
  CHECK(again["served_by"] == first["served_by"]);
  CHECK(has(recorded.run("tune " + problem).output, "times come from a recording"));
  CHECK(recorded.json("tune --force " + problem)["source"] != "store");

  const Json list = recorded.json("ls");
  REQUIRE(list.size() == 1);
  CHECK(list[0]["recording"] == "made_up");
  const Json shown = recorded.json("show " + problem);
  REQUIRE(shown.size() == 1);
  CHECK(shown[0]["history"].size() >= 10);
  CHECK(has(recorded.run("show " + problem).output, "nothing was launched"));
  CHECK(recorded.json("show --problem '" + list[0]["problem"].get<std::string>() + "'") == shown);

  const Result forgotten = recorded.run("show 16 512 1024");
  CHECK(forgotten.code == 1);
  CHECK(has(forgotten.output, "there is one of 16x512x1024 bf16 a=k b=k out=bf16 align=16,16,16,16 silu\n"));

  const Json bench = recorded.json("bench " + problem);
  REQUIRE(bench.size() == 1);
  CHECK(bench[0]["floor_us"] == shown[0]["floor_us"]);
  CHECK(bench[0]["own_us"] > 0);
  CHECK(bench[0]["separate_us"] == 50);
  CHECK(bench[0]["from_recording"] == true);
  const Result csv = recorded.run("bench --format csv " + problem);
  CHECK(csv.output.starts_with("m,n,k,dtype,activation,own_us"));
  CHECK(has(csv.output, ",50.000,,50.000,"));  // cuBLASLt has no fused time there
  CHECK(csv.output.ends_with(",\"16x512x1024 bf16 a=k b=k out=bf16 align=16,16,16,16 silu\"\n"));
}

TEST_CASE("tune, show and explain count the same trials, and say what else was run") {
  const Recorded recorded;
  const std::string problem = "16 512 1024 --act silu";
  const Result tune = recorded.run("tune " + problem), show = recorded.run("show " + problem);
  CAPTURE(tune.output);
  CAPTURE(show.output);
  const Json again = recorded.json("tune " + problem), record = recorded.json("show " + problem)[0];
  const auto trials = again["trials"].get<int>();
  CHECK(trials > 1);
  CHECK(trials <= 12);
  CHECK(record["trials"] == trials);
  CHECK(record["history"].size() > trials);
  CHECK(has(tune.output, fmt::format("search     {} trials of own kernels in ", trials)));
  CHECK(has(show.output, fmt::format("search    {} trials of own kernels in ", trials)));
  CHECK(has(show.output, fmt::format("\n{} runs, cuBLASLt's and the final timings included: ", record["history"].size())));
  // Every figure has a name, and a ratio says of what.
  CHECK(has(tune.output, " s  best so far 50.00 us  cuBLASLt, heuristic 0 + separate pass\n"));
  CHECK(has(tune.output, "   cuBLASLt's best 50.00 us ("));
  CHECK(has(show.output, "   cuBLASLt's best 50.00 us ("));
  CHECK(has(show.output, "\nratio: cuBLASLt's best over this tactic, timed in turn"));
  CHECK(has(recorded.run("ls").output, "  cuBLASLt's best 50.00 us ("));
}

TEST_CASE("a recording of earlier kernels warns nobody") {
  const Result r =
      run_ak("tune 512 512 512 --act relu --bias", "AK_MAX_TRIALS=1 AK_RECORDING=" AK_SOURCE_DIR "/tests/recordings");
  CAPTURE(r.output);
  CHECK(r.code == 0);
  CHECK(!has(r.output, "ak warn"));
}

TEST_CASE("warm tunes the good lines, skips what is known, and its exit code tells of the bad ones") {
  const Recorded recorded;
  const File list("m,n,k,act\n16,512,1024,silu\n16,512\n");
  const Result first = recorded.run("warm " + list.path);
  CAPTURE(first.output);
  CHECK(first.code == 2);
  CHECK(has(first.output, list.path + ":3: "));
  CHECK(has(first.output, "1 tuned, 0 known before, 0 failed, 1 bad line\n"));
  const File good("m,n,k,act\n16,512,1024,silu\n");
  const Result second = recorded.run("warm " + good.path);
  CHECK(second.code == 0);
  CHECK(has(second.output, "0 tuned, 1 known before"));
  const File foreign("m,n,k,act\n17,512,1024,silu\n16,512,1024,silu\n");
  const Result third = recorded.run("warm " + foreign.path);
  CAPTURE(third.output);
  CHECK(third.code == 1);
  CHECK(has(third.output, "0 tuned, 1 known before, 1 failed"));
  const Json rows = recorded.json("warm " + foreign.path)["problems"];
  REQUIRE(rows.size() == 2);
  CHECK(rows[0]["state"] == "failed");
  CHECK(has(rows[0]["why"], "does not hold 17x512x1024"));
  CHECK(rows[1]["state"] == "known");
}

TEST_CASE("a wrong list exits with 2, whichever command reads it") {
  const Recorded recorded;
  REQUIRE(recorded.run("tune 16 512 1024 --act silu").code == 0);
  const File list("m,n,k,act\n16,512,1024,silu\n16,512\n");
  for (const char* command : {"warm ", "warm --dry-run ", "bench --file "}) {
    const Result r = recorded.run(command + list.path);
    CAPTURE(r.output);
    CHECK(r.code == 2);
    CHECK(has(r.output, ":3: 2 comma-separated fields, 4 expected"));
  }
  CHECK(has(recorded.run("ls").output, "# 1 record in "));
}

TEST_CASE("bench: of a list, a problem that cannot be timed says why and the next follows; a range of m is its buckets") {
  const Recorded recorded;
  REQUIRE(recorded.run("tune 16 512 1024 --act silu").code == 0);
  const File list("m,n,k,act\n9:32,512,1024,silu\n16,512,1024,silu\n");
  const Json rows = recorded.json("bench --file " + list.path);
  REQUIRE(rows.size() == 2);  // 17 to 32, then 9 to 16, which is the second line too
  CHECK(has(rows[0]["problem"], "32x512x1024 "));
  CHECK(has(rows[0]["why"], "does not hold 32x512x1024 "));
  CHECK(has(rows[1]["problem"], "16x512x1024 "));
  CHECK(rows[1]["own_us"] > 0);
  const Result text = recorded.run("bench --format csv --file " + list.path);
  CHECK(text.code == 1);
  CHECK(has(text.output, "silu: the recording "));
  CHECK(has(text.output, "\n16,512,1024,bf16,silu,"));
  CHECK(has(recorded.run("bench 32 512 1024 --act silu").output, "ak: the recording "));
}

TEST_CASE("with --json stdout is JSON, whatever came of the command") {
  const Recorded recorded;
  const std::string pack = (recorded.folder / "a.pack").string();
  const Json listed = recorded.json("warm --dry-run " + File("m,n,k,act\n16,512,1024,silu\n16,512\n").path);
  CHECK(listed["bad_lines"] == 1);
  REQUIRE(listed["problems"].size() == 2);
  CHECK(listed["problems"][0]["problem"] == "16x512x1024 bf16 a=k b=k out=bf16 align=16,16,16,16 silu");
  CHECK(listed["problems"][0]["state"] == "listed");
  CHECK(listed["problems"][1]["state"] == "bad line");
  CHECK(recorded.json("warm --dry-run " + File("# nothing\n").path)["problems"].empty());
  CHECK(has(recorded.json("warm " + File("").path)["error"], "is empty"));
  CHECK(has(recorded.json("tune 1 2 0x3")["error"], "K: '0x3' is not a whole number"));
  CHECK(has(recorded.json("pack /dev/null --from /dev/null")["error"], "the records cannot be read: /dev/null"));
  CHECK(recorded.json("pack " + pack)["packed"] == 0);
  REQUIRE(recorded.run("tune 16 512 1024 --act silu").code == 0);
  CHECK(recorded.json("pack " + pack)["left_out"]["of_recordings"] == 1);
  const Result text = recorded.run("pack " + pack);
  CHECK(text.code == 1);
  CHECK(has(text.output, "nothing to pack among 1 record of lmdb "));
  CHECK_FALSE(fs::exists(pack));
}

TEST_CASE("warm says which problems are to be searched again") {
  const Recorded recorded;
  const fs::path kernels = recorded.folder / "kernels";
  fs::copy(AK_SOURCE_DIR "/kernels", kernels, fs::copy_options::recursive);
  for (const auto& entry : fs::directory_iterator(kernels))
    if (entry.path().extension() == ".cu") std::ofstream(entry.path(), std::ios::app) << "#error no kernel\n";
  const std::string list_text = "m,n,k,act\n16,512,1024,silu\n";
  const File list(list_text);
  const std::string environment = recorded.environment + " AK_KERNEL_DIR=" + kernels.string();
  for (int i = 0; i < 2; ++i) {
    const Result r = run_ak("warm " + list.path, environment);
    CAPTURE(r.output);
    CHECK(r.code == 0);
    CHECK(has(r.output, "1 tuned (1 to be searched again: provisional), 0 known before, 0 failed"));
  }
  const Result json = run_ak("warm --json " + list.path, environment, "2>/dev/null");
  CHECK(Json::parse(json.output)["provisional"] == 1);
}

TEST_CASE("warm --json has a row for every line of the list that says something, a bad one too") {
  const Recorded recorded;
  const File list("m,n,k,act\n16,512\n# a word\n16,512,1024,silu\n16,512,1024,sillu\n17,512,1024,silu\n");
  const Json warmed = recorded.json("warm " + list.path);
  CHECK(warmed["bad_lines"] == 2);
  const Json rows = warmed["problems"];
  REQUIRE(rows.size() == 4);
  const char* const states[] = {"bad line", "tuned", "bad line", "failed"};
  const int lines[] = {2, 4, 5, 6};
  for (int i = 0; i < 4; ++i) {
    CHECK(rows[i]["state"] == states[i]);
    CHECK(rows[i]["line"] == lines[i]);
  }
  CHECK(has(rows[2]["why"], "'sillu' is none of"));
  CHECK(rows[2]["problem"] == "");

  const File bad("m,n,k\n16,512\n");
  const Json none = recorded.json("warm " + bad.path);
  REQUIRE(none["problems"].size() == 1);
  CHECK(none["problems"][0]["line"] == 2);
  CHECK(recorded.run("warm --json " + bad.path).code == 2);
}

TEST_CASE("warm works through its list whatever the process budget is, and a budget that is too short is blamed itself") {
  const Recorded recorded;
  const File list("m,n,k,act\n16,512,1024,silu\n");
  const Result tiny = recorded.run("warm --budget 0.07 " + list.path);
  CAPTURE(tiny.output);
  CHECK(tiny.code == 2);
  CHECK(has(tiny.output, "budget_s='0.07': expected a number from 0.2 to "));
  CHECK(!has(tiny.output, "PROCESS"));
  const Result spent = run_ak("warm " + list.path, recorded.environment + " AK_PROCESS_BUDGET_S=0");
  CAPTURE(spent.output);
  CHECK(spent.code == 0);
  CHECK(has(spent.output, "1 tuned"));
}

TEST_CASE("processes that are started together on an empty cache: one searches, all have its winner") {
  const Recorded recorded;
  std::vector<Result> results(6);
  std::vector<std::thread> threads;
  for (Result& result : results)
    threads.emplace_back([&] { result = run_ak("tune 16 512 1024 --act silu", recorded.environment + " AK_BUDGET_S=30"); });
  for (std::thread& thread : threads) thread.join();
  const auto line = [](const std::string& output, const std::string& word) {
    const auto at = output.find(word);
    return at == output.npos ? std::string() : output.substr(at, output.find('\n', at) - at);
  };
  int searched = 0;
  for (const Result& result : results) {
    CAPTURE(result.output);
    CHECK(result.code == 0);
    CHECK(!line(result.output, "served by  ").empty());
    CHECK(line(result.output, "served by  ") == line(results[0].output, "served by  "));
    searched += has(result.output, "this process");
  }
  CHECK(searched == 1);
}

TEST_CASE("a problem that the recording does not hold: how many it holds is said, and nobody calls that a success") {
  const Recorded recorded;
  const Result tune = recorded.run("tune 17 512 1024 --act silu");
  CAPTURE(tune.output);
  CHECK(tune.code == 1);
  CHECK(has(tune.output, "does not hold 17x512x1024 bf16"));
  CHECK(has(tune.output, "align=16,16,16,16 silu, but another problem\n"));
  const Result shipped = run_ak("tune 17 512 1024", "AK_RECORDING=" AK_SOURCE_DIR "/tests/recordings");
  CAPTURE(shipped.output);
  CHECK(has(shipped.output, AK_SOURCE_DIR "/tests/recordings does not hold 17x512x1024 bf16 a=k b=k out=bf16 "
                                          "align=16,16,16,16 identity, but 7 others\n"));
  const std::string quickstart = "examples/quickstart";
  if (!fs::exists(fs::path(AK_BINARY_DIR) / quickstart)) return;
  const Result example = run_program(quickstart, "17 512 1024", recorded.environment);
  CAPTURE(example.output);
  CHECK(example.code == 1);
  CHECK(has(example.output, "quickstart: nothing serves 17x512x1024"));
  CHECK(has(example.output, ", but another problem"));
  CHECK(!has(example.output, "winner"));
  CHECK(run_program(quickstart, "17 512", recorded.environment).code == 2);
  CHECK(has(run_program(quickstart, "17 512 1k", recorded.environment).output, "'1k' is not a size"));
  const Result held =
      run_program(quickstart, "512 512 512 relu", "AK_MAX_TRIALS=2 AK_RECORDING=" AK_SOURCE_DIR "/tests/recordings");
  CAPTURE(held.output);
  CHECK(held.code == 0);
  CHECK(has(held.output, "winner"));
}
