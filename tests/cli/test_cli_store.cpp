// The ak tool on what a cache holds: removed, pruned, verified, merged.
#include <sys/stat.h>

#include <ctime>

#include "cache/pack.hpp"
#include "cache/store.hpp"
#include "context/describe.hpp"
#include "core/device_facts.hpp"
#include "families/family.hpp"
#include "jit/source.hpp"
#include "loop/winner.hpp"
#include "tests/cli/tool.hpp"

using namespace ak_tool;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kDay = 86400;

struct Folder {
  explicit Folder(const char* name) : path(fs::temp_directory_path() / fmt::format("ak_cli_store_{}_{}", getpid(), name)) {
    fs::remove_all(path);
  }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(const char* leaf) const { return (path / leaf).string(); }
  const fs::path path;
};

ak::Hardware hardware(const char* gpu = "NVIDIA H200") { return {gpu, 90, 132, "", ""}; }

// A winner as it would be made today, by these kernels.
ak::PlanRecord winner(const std::string& problem, double us = 3, std::int64_t days_ago = 0) {
  ak::PlanRecord r;
  r.problem = ak::parse_problem(problem);
  r.hardware = hardware();
  r.tactic = ak::parse_tactic("sm80 tile_m=64 tile_n=64 tile_k=32 stages=3 warps_m=2 warps_n=2");
  r.us = us, r.vendor_us = 4;
  r.provenance.driver = "580.1", r.provenance.nvrtc = "13.0", r.provenance.cublaslt = "13.1.0";
  const auto files = ak::family(r.tactic.family).sources();
  r.provenance.family_source = ak::source_digest(files);
  r.provenance.kernel_source = ak::kernel_digest(files, r.problem, r.tactic, "sm_90a");
  r.provenance.unix_time = std::time(nullptr) - days_ago * kDay;
  return r;
}

const std::string kFirst = "16x64x64 bf16 relu", kSecond = "32x64x64 bf16 relu", kThird = "64x64x64 bf16 relu";

// Bytes that do not compress.
std::string image(std::size_t size, std::uint64_t seed) {
  std::string out(size, '\0');
  for (char& c : out) seed = seed * 6364136223846793005ull + 1442695040888963407ull, c = static_cast<char>(seed >> 56);
  return out;
}

std::string loop_text(std::int64_t days_ago) {
  ak::loop::Winner winner;
  winner.verdict = "parallel";
  winner.unix_time = std::time(nullptr) - days_ago * kDay;
  return write_json(winner);
}

ak::Trial trial() {
  ak::Trial t;
  t.tactic = winner(kFirst).tactic;
  t.why = "history";
  return t;
}

int count(ak::Store& store) {
  int plans = 0;
  store.for_each([&](const ak::PlanRecord&) { ++plans; });
  return plans;
}

// Changes one byte of what the database's file holds of this text.
void flip(const std::string& folder, std::string_view part) {
  std::fstream file(folder + "/data.mdb", std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes(1 << 20, '\0');  // the rest is a hole
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const auto at = bytes.find(part);
  REQUIRE(at != bytes.npos);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(bytes[at] ^ 1));
}

}  // namespace

TEST_CASE("rm removes a problem, a loop, a kind or a GPU's records, and what belongs to them alone") {
  const Folder folder("rm");
  const std::string cache = folder / "cache", given = " --cache " + cache;
  {
    const auto store = ak::open_store(cache);
    const ak::PlanRecord r = store->put_if_absent(winner(kFirst), image(30000, 1));
    store->add_trials(r.problem, r.hardware, std::vector{trial(), trial()});
    store->put_if_absent(winner(kSecond), image(30000, 1));  // of the same image
    ak::PlanRecord elsewhere = winner(kFirst);
    elsewhere.hardware = hardware("NVIDIA H100");
    store->put_if_absent(elsewhere, "other image");
    store->put_work({"spare", to_string(r.problem) + " on " + describe(r.hardware), "", "its kernel without a workspace"});
    store->put_work({"loop", "smooth 6ad0 on " + describe(r.hardware), "{}", ""});
    store->put_work({"loop", "smoother 6ad1 on " + describe(r.hardware), "{}", ""});
    store->put_work({"quarantine", "00ff on " + describe(r.hardware), "", "hung"});
  }
  Result r = run_ak("rm 16 64 64 --act relu --hardware H200 --dry-run" + given);
  CAPTURE(r.output);
  CHECK(r.code == 0);
  CHECK(has(r.output, "would remove 16x64x64 bf16"));
  CHECK(has(r.output, "would be: 2 records removed with 2 trials"));  // with its spare
  r = run_ak("rm 16 64 64 --act relu --hardware H200" + given);
  CHECK(r.code == 0);
  CHECK(has(r.output, "removed  16x64x64 bf16"));
  CHECK(has(r.output, "removed  spare 16x64x64"));
  CHECK(!has(r.output, "H100"));
  {
    const auto store = ak::open_store(cache);
    CHECK(count(*store) == 2);
    CHECK(store->trials(winner(kFirst).problem, hardware()).empty());
    CHECK(store->cubin(ak::digest(image(30000, 1))));  // of another plan too
  }
  r = run_ak("rm 16 64 64 --act relu --hardware H200" + given);
  CHECK(r.code == 1);
  CHECK(has(r.output, "no such record in lmdb "));
  CHECK(has(run_ak("rm --json 32 64 64 --act relu" + given).output, "\"removed\": 1,\n  \"trials\": 0"));
  CHECK(!ak::open_store(cache)->cubin(ak::digest(image(30000, 1))));
  CHECK(has(run_ak("rm --kind loop --key smooth" + given).output, "removed  loop smooth 6ad0 on "));
  CHECK(ak::open_store(cache)->find_work("loop", "smoother 6ad1 on " + describe(hardware())));
  CHECK(has(run_ak("rm --kind quarantine" + given).output, "1 record removed"));
  CHECK(has(run_ak("rm --hardware H200" + given).output, "removed  loop smoother"));
  CHECK(count(*ak::open_store(cache)) == 1);
  CHECK(has(run_ak("rm --kind gemm" + given).output, "on NVIDIA H100"));
  CHECK(count(*ak::open_store(cache)) == 0);

  CHECK(run_ak("rm" + given).code == 2);
  CHECK(has(run_ak("rm" + given).output, "nothing is named"));
  CHECK(run_ak("rm 16 64 64 --kind loop" + given).code == 2);
  CHECK(run_ak("rm --key smooth" + given).code == 2);
  CHECK(has(run_ak("rm --kind loop --cache " + (folder / "gone")).output, "no such folder"));
  CHECK(!fs::exists(folder / "gone"));
}

TEST_CASE("prune removes what can serve no more, then by age and by size; the newest can be kept") {
  const Folder folder("prune");
  const std::string cache = folder / "cache", given = " --cache " + cache;
  const auto fill = [&] {
    fs::remove_all(cache);
    const auto store = ak::open_store(cache);
    store->put_if_absent(winner(kFirst, 3, 30), image(400000, 1));
    store->put_if_absent(winner(kSecond, 3, 10), image(400000, 2));
    store->put_if_absent(winner(kThird, 3, 1), image(400000, 3));
    store->put_work({"loop", "smooth 6ad0 on H200", loop_text(20), ""});
    store->put_work({"quarantine", "00ff on H200", "", "hung"});
  };
  fill();
  Result r = run_ak("prune" + given);
  CAPTURE(r.output);
  CHECK(r.code == 0);
  CHECK(has(r.output, "0 records removed with 0 trials and 0 images"));
  {
    const auto store = ak::open_store(cache);
    ak::PlanRecord changed = winner("128x64x64 bf16 relu");
    changed.provenance.kernel_source = {1, 2};
    store->put_if_absent(changed, "an image of its own");
    ak::PlanRecord harmful = winner("256x64x64 bf16 silu");
    store->put_if_absent(harmful, "a kernel that hangs");
    store->put_work({"quarantine", harmful.provenance.kernel_source.hex() + " on " + describe(harmful.hardware), "", "hung"});
    store->add_trials(ak::parse_problem("512x64x64 bf16 relu"), hardware(), std::vector{trial(), trial(), trial()});
    ak::PlanRecord vendors = winner("1024x64x64 bf16 relu");  // whatever the sources are
    vendors.tactic = ak::parse_tactic("vendor"), vendors.provenance.kernel_source = {3, 4};
    store->put_if_absent(vendors, "");
  }
  r = run_ak("prune --dry-run" + given);
  CHECK(has(r.output, "would be: 2 records removed with 3 trials and 2 images"));
  CHECK(count(*ak::open_store(cache)) == 6);
  r = run_ak("prune" + given);
  CHECK(has(r.output, "128x64x64 bf16 a=k b=k out=bf16 align=16,16,16,16 relu on NVIDIA H200 sm_90 132 SMs: what its kernel"));
  CHECK(has(r.output, "its kernel is in quarantine"));
  CHECK(has(r.output, "2 records removed with 3 trials and 2 images"));
  CHECK(count(*ak::open_store(cache)) == 4);
  CHECK(!ak::open_store(cache)->cubin(ak::digest("a kernel that hangs")));

  fill();
  r = run_ak("prune --older-than 15 --keep 3 --dry-run" + given);
  CHECK(has(r.output, "would be: 1 record removed"));  // the three newest: two winners and the loop
  CHECK(has(r.output, "would remove 16x64x64"));
  r = run_ak("prune --older-than 15" + given);
  CHECK(has(r.output, "loop smooth 6ad0 on H200: older than 15 days"));
  CHECK(has(r.output, "2 records removed"));
  CHECK(ak::open_store(cache)->find_work("quarantine", "00ff on H200"));
  CHECK(count(*ak::open_store(cache)) == 2);

  fill();
  r = run_ak("prune --to 0.9 --json" + given);  // three images of 0.38 MiB
  CHECK(has(r.output, "\"removed\": 1,"));
  CHECK(has(r.output, "the oldest, and there are more than 0.9 MiB"));
  CHECK(!ak::open_store(cache)->find(winner(kFirst).problem, hardware()));
  CHECK(count(*ak::open_store(cache)) == 2);
  r = run_ak("prune --to 0 --keep 1" + given);
  CHECK(count(*ak::open_store(cache)) == 1);
  CHECK(ak::open_store(cache)->find(winner(kThird).problem, hardware()));

  CHECK(run_ak("prune --older-than -1" + given).code == 2);
  CHECK(run_ak("prune --to x" + given).code == 2);
}

TEST_CASE("verify reads all that is stored; a line for each damaged piece, which --repair drops") {
  const Folder folder("verify");
  const std::string cache = folder / "cache", given = " --cache " + cache;
  const auto fill = [&] {
    fs::remove_all(cache);
    const auto store = ak::open_store(cache);
    ak::PlanRecord noted = winner(kFirst);
    noted.provenance.note = "noted in the record";
    store->put_if_absent(noted, image(30000, 1));
    store->put_if_absent(winner(kSecond), image(30000, 2));
    store->add_trials(noted.problem, noted.hardware, std::vector{trial()});
    store->put_work({"loop", "smooth 6ad0 on H200", loop_text(1), ak::loop::pack_images({})});
    store->put_work({"toy", "a toy", "words of the toy", ""});
  };
  fill();
  Result r = run_ak("verify" + given);
  CAPTURE(r.output);
  CHECK(r.code == 0);
  CHECK(has(r.output, "7 pieces checked, 0 damaged; lmdb "));

  const auto damaged_by = [&](std::string_view part, const std::string& line, int pieces) {
    CAPTURE(line);
    fill();
    flip(cache, part);
    r = run_ak("verify" + given);
    CAPTURE(r.output);
    CHECK(r.code == 1);
    CHECK(has(r.output, "damaged  "));
    CHECK(has(r.output, line));
    CHECK(has(r.output, fmt::format("7 pieces checked, {} damaged; ", pieces)));
    CHECK(has(run_ak("verify --json" + given, "", "2>/dev/null").output, fmt::format("\"damaged\": {},", pieces)));
    r = run_ak("verify --repair" + given);
    CHECK(r.code == 1);
    CHECK(has(r.output, fmt::format("{} damaged and dropped", pieces)));
    CHECK(run_ak("verify" + given).code == 0);
  };
  damaged_by("noted in the record", "damaged: its checksum does not match", 1);
  damaged_by(image(30000, 2).substr(1000, 64), "its image is damaged", 2);  // and the plan that names it
  damaged_by("history", "trial ", 1);
  damaged_by("words of the toy", "record of other work ", 1);

  fill();  // whole to the store, but not in the loop's own words
  {
    const auto store = ak::open_store(cache);
    store->put_work({"loop", "torn 6ad1 on H200", loop_text(1), ak::loop::pack_images({"an image"}) + "x"});
    store->put_work({"loop", "other 6ad2 on H200", "no JSON", ""});
  }
  r = run_ak("verify" + given);
  CHECK(has(r.output, "loop torn 6ad1 on H200: damaged: its images are not what their digests say"));
  CHECK(has(r.output, "loop other 6ad2 on H200: its text cannot be read"));
  CHECK(has(run_ak("verify --repair" + given).output, "2 damaged and dropped"));
  CHECK(run_ak("verify" + given).code == 0);
  CHECK(count(*ak::open_store(cache)) == 2);

  // A plan whose image is lost.
  {
    const auto store = ak::open_store(cache);
    const auto key = ak::digest(image(30000, 2)).bytes();
    auto pieces = store->pieces();
    std::erase_if(pieces, [&](const ak::Piece& piece) { return piece.key != std::string(key.begin(), key.end()); });
    REQUIRE(pieces.size() == 1);
    CHECK(store->drop(pieces) == 0);  // a plan names it
    pieces.front().damage = "for a test";
    CHECK(store->drop(pieces) == 1);
  }
  CHECK(has(run_ak("verify" + given).output,
            "32x64x64 bf16 a=k b=k out=bf16 align=16,16,16,16 relu on NVIDIA H200 sm_90 132 SMs: "
            "its image is lost"));

  CHECK(has(run_ak("verify --cache " + (folder / "gone")).output, "no such folder"));
  CHECK(!fs::exists(folder / "gone"));
  fs::create_directories(folder / "empty");
  r = run_ak("verify --cache " + (folder / "empty"));
  CHECK(r.code == 0);
  CHECK(has(r.output, "0 pieces checked"));
  CHECK(fs::is_empty(folder / "empty"));  // to look leaves nothing behind
}

TEST_CASE("verify survives a database that kills whoever reads it, and --repair moves it aside") {
  const Folder folder("pages");
  const std::string cache = folder / "cache", given = " --cache " + cache;
  ak::open_store(cache)->put_if_absent(winner(kFirst), image(200000, 1));
  {  // every page behind the meta pages is mangled in its header; LMDB trusts them
    std::fstream file(cache + "/data.mdb", std::ios::in | std::ios::out | std::ios::binary);
    for (int page = 2; page < 80; ++page) {
      file.seekp(page * 4096 + 10);
      file.write("\xff\xff\x13\x37\xff\xff", 6);
    }
  }
  Result r = run_ak("verify" + given);
  CAPTURE(r.output);
  CHECK(r.code == 1);
  CHECK(has(r.output, "/data.mdb: "));
  r = run_ak("verify --repair" + given);
  CHECK(r.code == 1);
  CHECK(has(r.output, "moved "));
  CHECK(has(r.output, "moved aside as data.mdb.damaged-"));
  CHECK(run_ak("verify" + given).code == 0);
  fs::resize_file(cache + "/data.mdb", 3 * 4096);
  r = run_ak("verify" + given);
  CHECK(r.code == 1);
  CHECK(has(r.output, "is missing"));
  CHECK(fs::file_size(cache + "/data.mdb") == 3 * 4096);  // to look changes nothing
}

TEST_CASE("merge takes folders whole and packs unproven; of two winners the proven, the faster, the newer stays") {
  const Folder folder("merge");
  const std::string here = folder / "here", there = folder / "there", pack = folder / "a.pack", given = " --cache " + here;
  ak::PlanRecord slower = winner(kSecond, 3.5), faster = winner(kThird, 2.5);
  {
    const auto store = ak::open_store(here);
    store->put_if_absent(winner(kSecond, 3), image(30000, 2));
    store->put_if_absent(winner(kThird, 3), image(30000, 3));
    const auto other = ak::open_store(there);
    const auto r = other->put_if_absent(winner(kFirst), image(30000, 1));
    other->add_trials(r.problem, r.hardware, std::vector{trial(), trial()});
    other->put_if_absent(slower, image(30000, 4));
    other->put_if_absent(faster, image(30000, 5));
    other->put_work({"loop", "smooth 6ad0 on H200", loop_text(1), ak::loop::pack_images({})});
  }
  Result r = run_ak("merge --dry-run " + there + given);
  CAPTURE(r.output);
  CHECK(has(r.output, "would be: 3 taken, 1 stood before, 0 refused"));
  r = run_ak("merge " + there + given);
  CAPTURE(r.output);
  CHECK(r.code == 0);
  CHECK(has(r.output, "relu on NVIDIA H200 sm_90 132 SMs: 3.00 us against 3.50 us"));
  CHECK(has(r.output, "3 taken, 1 stood before, 0 refused"));
  {
    const auto store = ak::open_store(here);
    const auto taken = store->find(winner(kFirst).problem, hardware());
    REQUIRE(taken);
    CHECK(store->cubin(taken->cubin) == image(30000, 1));
    CHECK(store->trials(taken->problem, taken->hardware).size() == 2);
    CHECK(store->find(faster.problem, hardware())->us == 2.5);
    CHECK(store->cubin(ak::digest(image(30000, 5))));
    CHECK(store->find(slower.problem, hardware())->us == 3);
  }
  r = run_ak("merge " + there + given);  // nothing is taken twice
  CHECK(has(r.output, "0 taken, 4 stood before"));
  CHECK(ak::open_store(here)->trials(winner(kFirst).problem, hardware()).size() == 2);

  // Made with other versions: times do not compare, the newer one stays.
  ak::PlanRecord newer = winner(kSecond, 9, -1);
  newer.provenance.driver = "590.1";
  ak::open_store(there)->replace(newer, image(30000, 6));
  CHECK(has(run_ak("merge " + there + given).output, "1 taken, 3 stood before"));
  CHECK(ak::open_store(here)->find(newer.problem, hardware())->us == 9);

  // A pack's claims displace nothing that is proven here.
  ak::PlanRecord claimed = winner(kFirst, 0.001), fresh = winner("256x64x64 bf16 relu", 3);
  ak::write_pack(pack, {{claimed, {}}, {fresh, {}}}, {{"loop", "smooth 6ad0 on H200", loop_text(0), ""}});
  r = run_ak("merge " + pack + given);
  CHECK(has(r.output, "1 taken, 2 stood before, 0 refused"));
  CHECK(has(r.output, "it is proven here"));
  CHECK(unproven(*ak::open_store(here)->find(fresh.problem, hardware())));
  CHECK(ak::open_store(here)->find(claimed.problem, hardware())->us == 3);

  CHECK(has(run_ak("merge " + here + given).output, "it is the cache itself"));
  r = run_ak("merge " + (folder / "gone") + given);
  CHECK(r.code == 1);
  CHECK(has(r.output, "no such file"));
}

TEST_CASE("merge loads nothing of a folder that other users can write") {
  const Folder folder("hostile");
  const std::string here = folder / "here", there = folder / "there";
  ak::open_store(there)->put_if_absent(winner(kFirst), image(30000, 1));
  for (const std::string& what : {there, there + "/data.mdb"}) {
    CAPTURE(what);
    const auto mode = fs::status(what).permissions();
    fs::permissions(what, fs::perms::all);
    const Result r = run_ak("merge " + there + " --cache " + here);
    CAPTURE(r.output);
    CHECK(r.code == 1);
    CHECK(has(r.output, "every user may write"));
    CHECK(has(r.output, "0 taken, 0 stood before, 1 refused"));
    CHECK(count(*ak::open_store(here)) == 0);
    fs::permissions(what, mode);
  }
  int files = 0;
  for ([[maybe_unused]] const auto& each : fs::directory_iterator(there)) ++files;
  const Result r = run_ak("merge " + there + " --cache " + here);
  CHECK(has(r.output, "1 taken"));
  int after = 0;
  for ([[maybe_unused]] const auto& each : fs::directory_iterator(there)) ++after;
  CHECK(after == files);  // nothing is made in the other folder
  fs::resize_file(there + "/data.mdb", 3 * 4096);
  CHECK(has(run_ak("merge " + there + " --cache " + here).output, ": data.mdb: it is cut off"));
}

TEST_CASE("a loop's record shows what whole calls take, and its name as it is") {
  const Folder folder("shown_loop");
  const std::string cache = folder / "cache", key = "größe 6ad0 on H200";
  ak::loop::Winner winner;
  winner.verdict = "i:parallel";
  winner.kernels.emplace_back().template_name = "map";
  winner.sizes = {{1000, 0, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5}};
  ak::open_store(cache)->put_work({"loop", key, write_json(winner), ""});
  const Result r = run_ak(fmt::format("show --kind loop --key '{}' --cache {}", key, cache));
  CHECK(r.code == 0);
  CHECK(has(r.output, "loop      größe 6ad0 on H200\n"));
  CHECK(has(r.output, "  copy in     copy out   moved call       C call  kernel\n"
                      "        1000      1.50 us      2.50 us      3.50 us      4.50 us      5.50 us      6.50 us  map"));
  CHECK(has(run_ak("ls --cache " + cache).output, "größe 6ad0 on H200:\n    1000 iterations: map  1.50 us"));
}

TEST_CASE("loops that cannot be read are named, and neither packed, imported nor merged; keys stay on their line") {
  const Folder folder("damaged_loops");
  const std::string cache = folder / "cache", other = folder / "other", pack = folder / "loops.pack", on = " 6ad0 on H200";
  const std::string images = ak::loop::pack_images({});
  const std::vector<std::pair<std::string, std::string>> wrong = {{"text", "no JSON"},
                                                                  {"kernel", R"({"sizes": [{"size": 5, "kernel": -3}]})"},
                                                                  {"time", R"({"unix_time": 9223372036854775807})"},
                                                                  {"size", R"({"kernels": [{}], "sizes": [{"size": -5}]})"}};
  {
    const auto store = ak::open_store(cache);
    for (const auto& [name, text] : wrong) store->put_work({"loop", name + on, text, images});
    store->put_work({"loop", "torn" + on, loop_text(1), images + "x"});
    store->put_work({"loop", "two\nlines" + on, loop_text(1), images});
    store->put_work({"loop", "again" + on, loop_text(1), images});
  }
  const std::string given = " --cache " + cache;
  Result r = run_ak("ls" + given);
  CHECK(r.code == 0);
  CHECK(has(r.output, "\nkernel 6ad0 on H200: loop.sizes[0].kernel is -3 of 0 kernels\n"));
  CHECK(has(r.output, "\ntime 6ad0 on H200: loop.unix_time is no time of these years\n"));
  CHECK(has(r.output, "\nsize 6ad0 on H200: loop.sizes[0].size is below 0\n"));
  CHECK(has(r.output, "two\\x0alines 6ad0 on H200:"));
  CHECK(r.output.find("again") < r.output.find("kernel 6ad0"));  // by key
  r = run_ak("show --kind loop --key 'time 6ad0 on H200'" + given);
  CHECK(r.code == 1);
  CHECK(r.output == "time 6ad0 on H200: its text cannot be read: loop.unix_time is no time of these years\n");
  CHECK(has(run_ak("verify" + given).output, "7 pieces checked, 5 damaged"));
  r = run_ak(fmt::format("pack {} --from {}", pack, cache));
  CHECK(has(r.output, ": 2 records of "));
  CHECK(has(r.output, "left out: 5 damaged"));
  r = run_ak(fmt::format("merge {} --cache {}", cache, other));
  CHECK(r.code == 1);
  CHECK(has(r.output, "2 taken, 0 stood before, 5 refused"));
  std::vector<ak::WorkRecord> work;
  for (const auto& [name, text] : wrong) work.push_back({"loop", name + on, text, ""});
  ak::write_pack(pack, {}, work);
  r = run_ak(fmt::format("import {} --cache {}", pack, other));
  CHECK(r.code == 1);
  CHECK(has(r.output, "refused  loop text 6ad0 on H200: its text cannot be read: "));
  CHECK(has(r.output, "0 taken, 0 stood before, 4 refused"));
  // A script's variable that is not set removes nothing.
  r = run_ak("rm --kind loop --key ''" + given);
  CHECK(r.code == 2);
  CHECK(r.output == "ak: --key: it is empty\n");
  CHECK(ak::open_store(cache)->find_work("loop", "again" + on));
}
