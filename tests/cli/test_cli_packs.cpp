// Packs, and work of other kinds than the GEMM, as the ak tool lists, imports and packs them.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/hash.hpp"
#include "cache/store.hpp"
#include "loop/winner.hpp"
#include "tests/cli/tool.hpp"

using namespace ak_tool;

TEST_CASE("ls counts work of other kinds than the GEMM, and lists one of them") {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("ak_other_kinds_{}", getpid());
  std::filesystem::remove_all(folder);
  {
    const auto store = ak::open_store(folder);
    store->put_work({"vector_add", "1000 elements", "words of its own\nand more", std::string(300, '\0')});
    store->put_work({"vector_add", "2000 elements", "words", ""});
    store->put_work({"quarantine", "a kernel", "", "faults"});
  }
  const std::string cache = " --cache " + folder.string();
  CHECK(has(run_ak("ls" + cache).output,
            fmt::format("# 0 records in lmdb {}\n# 1 quarantine, 2 vector_add: of other kinds\n", folder.string())));
  std::vector<std::string> kinds;  // --json counts nothing: it holds all that there is
  for (const auto& row : nlohmann::json::parse(run_ak("ls --json" + cache).output)) kinds.push_back(row.at("kind"));
  CHECK(kinds == std::vector<std::string>{"quarantine", "vector_add", "vector_add"});
  CHECK(run_ak("ls --json --kind gemm" + cache).output == "[]\n");
  CHECK(has(run_ak("ls --kind gemm" + cache).output, fmt::format("# 0 records in lmdb {}\n", folder.string())));
  Result r = run_ak("ls --kind vector_add" + cache);
  CHECK(r.code == 0);
  CHECK(has(r.output, "1000 elements: words of its own  300 bytes of this machine\n"));
  CHECK(has(r.output, "2000 elements: words  to be proven\n"));
  CHECK(has(r.output, "2 vector_add in lmdb "));
  CHECK(!has(r.output, "a kernel"));
  r = run_ak("ls --kind vector_add --json" + cache);
  CHECK(has(r.output, "\"key\": \"1000 elements\",\n    \"text\": \"words of its own\\nand more\",\n    \"local_bytes\": 300"));
  r = run_ak("ls --kind convolution" + cache);
  CHECK(r.code == 2);
  CHECK(r.output ==
        "ak: --kind: there is no kind 'convolution': there are gemm, loop, quarantine; here are 1 quarantine, 2 vector_add\n");
  r = run_ak("ls --kind loop" + cache);
  CHECK(r.code == 0);
  CHECK(has(r.output, "0 loop in lmdb "));
  for (const char* flag : {"--quarantined", "--kind quarantine"})
    CHECK(has(run_ak(std::string("ls ") + flag + cache).output, "a kernel: faults\n1 kernel in quarantine in lmdb "));

  r = run_ak("show --kind vector_add --key '1000 elements'" + cache);
  CHECK(r.code == 0);
  CHECK(has(r.output, "state     300 bytes of this machine\n\nwords of its own\nand more\n"));
  CHECK(has(run_ak("show --kind vector_add --key '2000 elements'" + cache).output, "imported, to be proven here"));
  CHECK(has(run_ak("show --json --kind vector_add --key '2000 elements'" + cache).output, "\"unproven\": true"));
  CHECK(has(run_ak("show --kind quarantine --key 'a kernel'" + cache).output, "\nfaults\n"));
  r = run_ak("show --kind vector_add --key '3000 elements'" + cache);
  CHECK(r.code == 1);
  CHECK(has(r.output, "no vector_add of 3000 elements in lmdb "));
  CHECK(run_ak("show --kind vector_add" + cache).code == 2);
  std::filesystem::remove_all(folder);
}

TEST_CASE("packs carry work of other kinds: packed where proven, imported once, to be proven again") {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("ak_packed_kinds_{}", getpid());
  std::filesystem::remove_all(folder);
  const std::string home = (folder / "home").string(), away = (folder / "away").string(), pack = (folder / "a.pack").string();
  {
    const auto store = ak::open_store(home);
    store->put_work({"vector_add", "1000 elements on H200", "words", std::string(300, '\0')});
    store->put_work({"vector_add", "2000 elements on H100", "other words", "image"});
    store->put_work({"vector_add", "3000 elements on H100", "not proven", ""});
    store->put_work({"quarantine", "a kernel", "", "faults"});
  }
  Result r = run_ak(fmt::format("pack {} --from {}", pack, home));
  CAPTURE(r.output);
  CHECK(r.code == 0);
  CHECK(has(r.output, ": 2 records of lmdb "));
  CHECK(has(r.output, "left out: 1 imported and not proven on this machine\nleft out: 1 that hold on this machine alone"));
  CHECK(has(run_ak(fmt::format("pack {}.2 --from {} --hardware H200", pack, home)).output, "left out: 1 of other hardware"));
  CHECK(has(run_ak("ls " + pack).output, fmt::format("# 0 records in pack {}\n# 2 vector_add: of other kinds\n", pack)));
  CHECK(has(run_ak("ls --kind vector_add " + pack).output, "1000 elements on H200: words  to be proven\n"));

  r = run_ak(fmt::format("import {} --cache {} --hardware H200", pack, away));
  CHECK(r.code == 0);
  CHECK(has(r.output, "taken    vector_add 1000 elements on H200\n1 taken, 0 stood before, 0 refused, 1 of other hardware"));
  r = run_ak(fmt::format("import {} --cache {}", pack, away));
  CHECK(has(r.output, "stands   vector_add 1000 elements on H200: there is one already"));
  CHECK(has(r.output, "1 taken, 1 stood before"));
  CHECK(has(run_ak(fmt::format("import {} --cache {} --force --dry-run", pack, home)).output, "would be: 2 taken"));
  CHECK(!ak::open_store(home)->find_work("vector_add", "1000 elements on H200")->local.empty());
  CHECK(ak::open_store(away)->find_work("vector_add", "1000 elements on H200") ==
        ak::WorkRecord{"vector_add", "1000 elements on H200", "words", ""});
  r = run_ak(fmt::format("pack {}.3 --from {}", pack, away));  // what nobody here proved is not handed on
  CHECK(r.code == 1);
  CHECK(has(r.output, "nothing to pack among 2 records"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("packs: a loop's text that no compiler may read is refused by name, whoever says that he wrote it") {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("ak_hostile_packs_{}", getpid());
  std::filesystem::remove_all(folder);
  const std::string home = (folder / "home").string(), away = (folder / "away").string(), pack = (folder / "a.pack").string();
  const std::string good =
      "extern \"C\" __global__ void k_map_1_(int n, float* a) { if (threadIdx.x < n) a[threadIdx.x] = 1; }\n";
  const auto hostile = [&](const std::string& what) { return good.substr(0, good.find('{') + 1) + "\n" + what + "\n}\n"; };
  struct Row {
    std::string name, text, why;
    ak::loop::Origin origin = ak::loop::Origin::llm;
  };
  const std::vector<Row> rows{
      {"assembly", hostile("asm(\"trap;\");"), "line 2: 'asm': no inline assembly"},
      {"a_template's", hostile("system(n);"), "line 2: 'system': it is neither declared", ak::loop::Origin::templates},
      {"file", "#include \"/etc/passwd\"\n" + good, "line 1: '#': no preprocessor"},
      {"no_kernel", "__device__ int f() { return 1; }", "there is no kernel k_map_1_"},
      {"long", good + std::string(20000, ' '), "more than 16384"},
      {"pointer", hostile("*(int*)4096ll = 1;"), "line 2: '*': no casts to pointers"},
      {"good", good, ""}};
  {
    const auto store = ak::open_store(home);
    for (const Row& row : rows) {
      ak::loop::Winner winner;
      winner.kernels = {{"map", {{"block", 256}}, row.text, {}, {{"k_map_1_", {}, 256, 0, false, false}}, true, row.origin}};
      winner.sizes = {{1000, 0, 5, 0, 0, 0, 0, 0}};
      store->put_work({"loop", row.name + " 00 on H200", write_json(winner), ak::loop::pack_images({"image"})});
    }
  }
  CHECK(run_ak(fmt::format("pack {} --from {}", pack, home)).code == 0);
  const Result r = run_ak(fmt::format("import {} --cache {}", pack, away));
  CAPTURE(r.output);
  CHECK(r.code == 1);
  for (const Row& row : rows) {
    INFO(row.name);
    const auto stored = ak::open_store(away)->find_work("loop", row.name + " 00 on H200");
    CHECK(stored.has_value() == row.why.empty());
    if (!row.why.empty())
      CHECK(has(r.output, fmt::format("refused  loop {} 00 on H200: the text of map block=256: ", row.name)));
    if (!row.why.empty()) CHECK(has(r.output, row.why));
  }
  CHECK(has(r.output, "1 taken, 0 stood before, 6 refused"));
  // Of another cache, whose owner need have no gate, as of its pack.
  for (const std::string& from : {pack, home}) {
    const std::string third = (folder / "third").string();
    std::filesystem::remove_all(third);
    const Result merged = run_ak(fmt::format("merge {} --cache {}", from, third));
    CAPTURE(merged.output);
    CHECK(merged.code == 1);
    CHECK(has(merged.output, "1 taken, 0 stood before, 6 refused"));
    for (const Row& row : rows) {
      CHECK(ak::open_store(third)->find_work("loop", row.name + " 00 on H200").has_value() == row.why.empty());
      if (!row.why.empty()) CHECK(has(merged.output, row.why));
    }
  }
  CHECK(has(run_ak("ls --kind loop --cache " + away).output, "map block=256, by an LLM"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("packs: listed, imported once, packed again only when proven; faults are named") {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / fmt::format("ak_packs_{}", getpid());
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::string pack = (folder / "a.pack").string(), cache = (folder / "cache").string();
  const std::string good =
      R"({"gpu":"NVIDIA H200","compute":90,"sm_count":132,"driver":"580.1","nvrtc":"13.0","cublaslt":"13.1.0"}
{"problem":"16x64x64 bf16 relu","tactic":"vendor","us":3.5,"vendor_us":3.5}
{"problem":"64x64x64 bf16 relu","tactic":"sm80 tile_m=64 tile_n=64 tile_k=32 stages=3 warps_m=2 warps_n=2","us":3,"vendor_us":4}
)";
  const auto seal = [&](const std::string& lines) {
    std::ofstream(pack) << fmt::format("{{\"ak_pack\":1,\"records\":2,\"checksum\":\"{}\"}}\n{}", ak::digest(lines).hex(),
                                       lines);
  };
  seal(good);
  Result r = run_ak("ls " + pack);
  CAPTURE(r.output);
  CHECK(r.code == 0);
  CHECK(has(r.output, "16x64x64 bf16 a=k b=k out=bf16 align=16,16,16,16 relu\n    NVIDIA H200: vendor  3.50 us"));
  CHECK(has(r.output, "2 records in pack " + pack));

  r = run_ak(fmt::format("import {} --dry-run --cache {}", pack, cache));
  CHECK(has(r.output, "would be: 2 taken"));
  CHECK(has(r.output, "would take 64x64x64 bf16"));
  CHECK_FALSE(std::filesystem::exists(cache));
  r = run_ak(fmt::format("import {} --cache {}", pack, cache));
  CHECK(r.code == 0);
  CHECK(has(r.output, "taken    64x64x64 bf16"));
  CHECK(has(r.output, "2 taken, 0 stood before, 0 refused"));
  r = run_ak(fmt::format("import {} --cache {}", pack, cache));
  CHECK(has(r.output, "0 taken, 2 stood before"));
  CHECK(has(run_ak(fmt::format("import {} --force --cache {}", pack, cache)).output, "2 taken"));
  CHECK(has(run_ak(fmt::format("import {} --hardware H100 --cache {}", pack, cache)).output, "2 of other hardware"));
  r = run_ak("ls --cache " + cache);
  CHECK(has(r.output, "to be proven"));
  {
    const File listed(r.output);  // is a list for `ak warm` as it stands
    const Result warm = run_ak("warm --dry-run " + listed.path);
    CAPTURE(warm.output);
    CHECK(warm.code == 0);
    CHECK(std::ranges::count(warm.output, '\n') == 2);
  }
  CHECK(has(run_ak("ls --json --cache " + cache).output, "\"unproven\": true"));
  r = run_ak("show 64 64 64 --act relu --cache " + cache);
  CHECK(has(r.output, "state     imported, not proven on this machine yet: `ak warm` or a first call does it\n"));
  CHECK(!has(r.output, "search "));
  r = run_ak(fmt::format("pack {}.out --from {}", pack, cache));  // what nobody here proved is not handed on
  CHECK(r.code == 1);
  CHECK(has(r.output, "nothing to pack among 2 records"));
  CHECK(!std::filesystem::exists(pack + ".out"));

  std::string impossible = good;
  impossible.replace(impossible.find("tile_m=64"), 9, "tile_m=63");
  seal(impossible);
  r = run_ak(fmt::format("import {} --cache {}", pack, (folder / "other").string()));
  CHECK(r.code == 1);
  CHECK(has(r.output, "refused  64x64x64 bf16"));
  CHECK(has(r.output, "tile_m=63"));
  CHECK(has(r.output, "1 taken, 0 stood before, 1 refused"));

  std::ofstream(pack, std::ios::app) << "damage\n";
  r = run_ak("ls " + pack);
  CHECK(r.code == 1);
  CHECK(has(r.output, pack + ":1: the checksum"));
  CHECK(has(run_ak(fmt::format("import {} --cache {}", pack, cache)).output, "1 refused"));
  CHECK(run_ak("ls " + folder.string() + "/none.pack").code == 1);
  std::filesystem::remove_all(folder);
}

TEST_CASE("doctor counts the packs' records and names what is wrong with one") {
  CHECK(has(run_ak("doctor").output, "shipped pack: "));
  const Result bad = run_ak("doctor", "AK_PACKS=/no/such.pack");
  CHECK(bad.code != 0);
  CHECK(has(bad.output, "pack /no/such.pack: no such file"));
}

TEST_CASE("a file that is no pack is told from one that is damaged, absent or empty") {
  const auto refused = [](const std::string& file) { return run_ak("import --dry-run " + file); };
  const std::string no_pack = R"(:1: not an Autokernel pack: its first line is not {"ak_pack":...})";
  for (const char* text : {"# A readme\n\nof lines\n", "{}", "\x01\xff\x80", "\n"}) {
    const File file(text);
    const Result r = refused(file.path);
    CAPTURE(r.output);
    CHECK(r.code == 1);
    CHECK(r.output.starts_with(fmt::format("refused  {}{}\n", file.path, no_pack)));
  }
  CHECK(has(refused("/no/such.pack").output, "refused  /no/such.pack: no such file\n"));
  const File empty("");
  CHECK(has(refused(empty.path).output, fmt::format("refused  {}: is empty\n", empty.path)));
  CHECK(has(refused("/tmp").output, "refused  /tmp: is a folder\n"));
}

TEST_CASE("the shipped pack is listed, and empty of faults") {
  const Result r = run_ak("ls --shipped");
  CHECK(r.code == 0);
  CHECK(has(r.output, "records in shipped pack"));
}
