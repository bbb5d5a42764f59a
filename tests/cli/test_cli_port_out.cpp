// `ak port --out` as a script sees it, with an analyser that knows one verdict.
#include "tests/cli/tool.hpp"

using namespace ak_tool;
namespace fs = std::filesystem;

namespace {

const char* const kVerdict = R"({"function": {"name": "doubled", "returns": "void", "parameters": [
    {"name": "n", "type": "i32"},
    {"name": "a", "type": "f32", "pointer": true, "extents": [{"kind": "scalar", "type": "i32", "text": "n"}]}],
  "body": [{"kind": "loop", "id": 1, "variable": "i", "begin": {"type": "i32", "text": "0"},
    "end": {"kind": "scalar", "type": "i32", "text": "n"}, "body": [{"id": 2,
      "target": {"kind": "element", "type": "f32", "text": "a", "terms": [{"kind": "scalar", "type": "i32", "text": "i"}]},
      "value": {"kind": "binary", "type": "f32", "text": "*", "terms": [{"kind": "real", "type": "f32", "text": "2.0"},
        {"kind": "element", "type": "f32", "text": "a", "terms": [{"kind": "scalar", "type": "i32", "text": "i"}]}]}}]}]},
  "groups": [{"statements": [2], "loops": [{"loop": 1, "variable": "i", "role": "parallel"}]}]})";

struct Folder {
  fs::path path = fs::temp_directory_path() / fmt::format("ak_port_{}", getpid());
  Folder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  std::string file(const char* name, const std::string& text) const {
    std::ofstream(path / name) << text;
    return (path / name).string();
  }
};

}  // namespace

TEST_CASE("port --out leaves a folder for each function that passed, and says at once where it cannot") {
  const Folder folder;
  const std::string source =
      folder.file("d.c", "void doubled(int n, float a[n]) { for (int i = 0; i < n; i++) a[i] = 2.0f * a[i]; }\n");
  const std::string verdict = folder.file("verdict.json", kVerdict);
  const std::string analyser = folder.file("analyse", fmt::format("#!/bin/sh\ncat '{}'\n", verdict));
  fs::permissions(analyser, fs::perms::owner_all);
  const std::string environment = "AK_ANALYSER=" + analyser;

  Result r = run_ak(fmt::format("port {} doubled --out {}/x", source, source), environment);
  CHECK(r.code == 2);
  CHECK(r.output.starts_with(fmt::format("ak: --out: '{}/x' cannot be made: ", source)));

  const fs::path out = folder.path / "ported";
  r = run_ak(fmt::format("port {} doubled --quick --out {}", source, out.string()), environment);
  CAPTURE(r.output);
  REQUIRE(r.code == 0);
  CHECK(fs::exists(out / "results.json"));
  for (const char* name : {"doubled.cu", "doubled.h", "doubled_c.c", "doubled_calls.cuh", "doubled_test.cu", "doubled_bench.cu",
                           "harness.cuh", "README.md"})
    CHECK_MESSAGE(fs::file_size(out / "doubled" / name) > 100, name);
}
