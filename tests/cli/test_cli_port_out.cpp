// `ak port --out` as a script sees it, with an analyser that knows one verdict.
#include <pty.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "llm/chat.hpp"
#include "port/report/results.hpp"
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

struct OutFolder {
  fs::path path = fs::temp_directory_path() / fmt::format("ak_port_{}", getpid());
  OutFolder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~OutFolder() { fs::remove_all(path); }
  std::string file(const char* name, const std::string& text) const {
    std::ofstream(path / name) << text;
    return (path / name).string();
  }
  // A program that answers kVerdict, behind a line of shell.
  std::string analyser(const std::string& before = {}) const {
    const std::string verdict = file("verdict.json", kVerdict);
    const std::string program = file("analyse", fmt::format("#!/bin/sh\n{}\ncat '{}'\n", before, verdict));
    fs::permissions(program, fs::perms::owner_all);
    return program;
  }
};

}  // namespace

TEST_CASE("port --out leaves a folder for each function that passed, and says at once where it cannot") {
  const OutFolder folder;
  const std::string source =
      folder.file("d.c", "void doubled(int n, float a[n]) { for (int i = 0; i < n; i++) a[i] = 2.0f * a[i]; }\n");
  const std::string analyser = folder.analyser();
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

TEST_CASE("port --out that is killed keeps what it had done") {
  const OutFolder folder;
  const std::string source = folder.file("d.c",
                                         "void doubled(int n, float a[n]) { for (int i = 0; i < n; i++) a[i] = 2.0f * a[i]; }\n"
                                         "void last(int n, float a[n]) { for (int i = 0; i < n; i++) a[i] = 1.0f; }\n");
  const std::string analyser = folder.analyser("case \"$*\" in *last*) kill -KILL $PPID ;; esac");
  const fs::path out = folder.path / "ported";
  const Result r =
      run_ak(fmt::format("port {} doubled last --quick --out {}", source, out.string()), "AK_ANALYSER=" + analyser);
  CAPTURE(r.output);
  CHECK(r.code != 0);
  CHECK(!has(r.output, "last  "));
  const Result report = run_ak("report " + (out / "results.json").string());
  CHECK_MESSAGE(report.code == 0, report.output);
  CHECK_MESSAGE(has(report.output, "doubled"), report.output);
}

TEST_CASE("port --out into an older run's folder: what that left of the function goes, and nothing of the user's") {
  const OutFolder folder;
  const std::string source =
      folder.file("d.c", "void doubled(int n, float a[n]) { for (int i = 0; i < n; i++) a[i] = 2.0f * a[i]; }\n");
  const std::string analyser = folder.analyser();
  const std::string refusing = folder.file(
      "refuse",
      "#!/bin/sh\necho '{\"function\": {\"name\": \"doubled\", \"returns\": \"void\"}, \"refused\": \"a reason\"}'\n");
  for (const std::string& program : {analyser, refusing}) fs::permissions(program, fs::perms::owner_all);
  const fs::path out = folder.path / "ported";
  const auto port = [&](const std::string& by) {
    return run_ak(fmt::format("port {} doubled --quick --out {}", source, out.string()), "AK_ANALYSER=" + by);
  };
  REQUIRE(port(analyser).code == 0);
  const std::vector<std::string> files = {"doubled.cu",      "doubled.h",        "doubled_c.c", "doubled_calls.cuh",
                                          "doubled_test.cu", "doubled_bench.cu", "harness.cuh", "README.md"};
  for (const char* part : {"doubled n=5", "doubled_more"}) {
    fs::create_directory(out / part);
    for (const std::string& file : files) fs::copy(out / "doubled" / file, out / part / file);
  }
  for (const char* own : {"notes.txt", "doubled n=5/notes.txt"}) std::ofstream(out / own) << "mine";
  fs::create_directory(out / "doubled twice");
  std::ofstream(out / "doubled twice" / "README.md") << "mine";

  CHECK(port(refusing).code == 1);
  CHECK(!fs::exists(out / "doubled"));
  CHECK(!fs::exists(out / "doubled n=5" / "doubled.cu"));
  CHECK(fs::exists(out / "doubled n=5" / "notes.txt"));
  CHECK(fs::exists(out / "doubled_more" / "doubled.cu"));
  CHECK(fs::exists(out / "doubled twice" / "README.md"));
  CHECK(fs::exists(out / "notes.txt"));
  std::ifstream results(out / "results.json");
  CHECK(has(std::string(std::istreambuf_iterator<char>(results), {}), "a reason"));
}

TEST_CASE("port shows that it goes on, on a terminal, when it takes longer than two seconds") {
  const OutFolder folder;
  const std::string source = folder.file("d.c", "void doubled(int n, float a[n]) { a[0] = n; }\n");
  const std::string slow = folder.file("slow", "#!/bin/sh\nsleep 3\necho no; exit 3\n");
  fs::permissions(slow, fs::perms::owner_all);
  int terminal = -1, other = -1;
  if (openpty(&terminal, &other, nullptr, nullptr, nullptr) != 0) {
    MESSAGE("there are no pseudo-terminals here (/dev/pts)");
    return;
  }
  const std::string device = ttyname(other);
  run_ak(fmt::format("port {} doubled --out {}", source, (folder.path / "out").string()), "AK_ANALYSER=" + slow, "2>" + device);
  close(other);
  std::string seen(4096, '\0');
  const ssize_t size = read(terminal, seen.data(), seen.size());
  seen.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  close(terminal);
  CHECK_MESSAGE(has(seen, "] doubled  2."), seen);
  CHECK_MESSAGE(has(seen, " s  analysis"), seen);
}

TEST_CASE("port --all leaves out static functions that have no loop; an integer that is added to subscripts alone is small") {
  const OutFolder folder;
  const std::string source = folder.file("s.c", R"(
static float doubled(float x) { return 2 * x; }
static void cleared(int n, float a[n]) { for (int i = 0; i < n; i++) a[i] = 0; }
void shifted(int n, int k, float a[n + k]) { for (int i = 0; i < n; i++) a[i] = doubled(a[i + k]); }
)");
  Result r = run_ak(fmt::format("port {} --all --quick", source));
  CAPTURE(r.output);
  CHECK(r.code == 0);
  CHECK(has(r.output, "cleared  i:parallel"));
  CHECK(has(r.output, "\nshifted  i:parallel anti(a:3)"));
  CHECK_FALSE(has(r.output, "doubled"));
}

TEST_CASE("port whose seconds are used up says so, whatever was under way, and keeps the function's line") {
  const OutFolder folder;
  const std::string source =
      folder.file("d.c", "void doubled(int n, float a[n]) { for (int i = 0; i < n; i++) a[i] = 2.0f * a[i]; }\n");
  const std::string analyser = folder.analyser(), slow = folder.file("cc", "#!/bin/sh\nexec sleep 60\n");
  for (const std::string& program : {analyser, slow}) fs::permissions(program, fs::perms::owner_all);
  const Result r = run_ak(fmt::format("port {} doubled --seconds 0.25", source), fmt::format("AK_ANALYSER={} AK_CC={}", analyser, slow));
  CHECK(r.code == 1);
  CHECK(r.output.starts_with("doubled  "));
  CHECK(r.output.ends_with("  budget: 0.25 s are used up: --seconds gives it more\n"));
}

TEST_CASE("port that is interrupted ends what it has started and leaves no folder") {
  const OutFolder folder;
  const std::string source =
      folder.file("d.c", "void doubled(int n, float a[n]) { for (int i = 0; i < n; i++) a[i] = 2.0f * a[i]; }\n");
  const std::string analyser = folder.analyser();
  const std::string seconds = fmt::format("600.{}", getpid());  // that no other sleep has
  const std::string slow = folder.file("cc", fmt::format("#!/bin/sh\nsleep {}\n", seconds));
  for (const std::string& program : {analyser, slow}) fs::permissions(program, fs::perms::owner_all);
  for (const char* signal : {"INT", "TERM"}) {
    const fs::path temporary = folder.path / signal;
    fs::create_directory(temporary);
    const Result r = run_command(fmt::format(
        "env --default-signal AK_CACHE_DIR= TMPDIR='{0}' AK_ANALYSER='{1}' AK_CC='{2}' '{3}/ak' port '{4}' doubled & ak=$!; "
        "until pgrep -ax sleep | grep -q {5}; do kill -0 $ak || break; sleep 0.05; done; ls '{0}'; kill -{6} $ak; wait $ak; "
        "echo code $?; ls '{0}'; pgrep -ax sleep | grep {5}; echo then",
        temporary.string(), analyser, slow, AK_BINARY_DIR, source, seconds, signal));
    CHECK_MESSAGE(has(r.output, "ak-oracle-"), r.output);  // before
    CHECK_MESSAGE(r.output.ends_with(fmt::format("code {}\nthen\n", signal[0] == 'I' ? 130 : 143)), r.output);
  }
}

TEST_CASE("port --llm asks nobody where AK_LLM_CODE is off; doctor says what it is otherwise") {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("ak_llm_code_{}", getpid());
  std::filesystem::create_directories(folder);
  const std::string source = (folder / "f.c").string();
  std::ofstream(source) << "void twice(int n, float a[n]) { for (int i = 0; i < n; ++i) a[i] *= 2; }\n";
  const Result r = run_ak(fmt::format("port {} twice --llm mailbox:{}", source, (folder / "box").string()), "AK_LLM_CODE=off");
  CHECK(r.code == 2);
  CHECK(has(r.output, "--llm: AK_LLM_CODE is off; worker proves what a language model writes, kept keeps it too"));
  CHECK(!std::filesystem::exists(folder / "box"));
  CHECK(has(run_ak("doctor", "AK_LLM_CODE=kept").output,
            "kept: kernels that an LLM wrote for a loop serve once they are proven"));
  CHECK(!has(run_ak("doctor").output, "AK_LLM_CODE"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("port --verdict refuses what the port refuses") {
  const OutFolder folder;
  const std::string source =
      folder.file("d.c", "void doubled(int n, float a[n]) { for (int i = 0; i < n; i++) a[i] = 2.0f * a[i]; }\n");
  const std::string analyser = folder.analyser();
  const auto refused = [&](const std::string& words) {
    const Result port = run_ak(fmt::format("port {} doubled {}", source, words), "AK_ANALYSER=" + analyser),
                 read = run_ak(fmt::format("port {} doubled --verdict {}", source, words), "AK_ANALYSER=" + analyser);
    CHECK_MESSAGE(port.code == 2, port.output);
    CHECK(read.code == port.code);
    CHECK(read.output == port.output);
  };
  refused("--size n=-1");
  refused("--size n=3000000000");
  refused("--size m=5");
  refused("--size n=1,x");
  refused("--alias q=a+1");
  refused("-- --no-such-flag");
  CHECK(has(run_ak(fmt::format("port {} doubled --verdict --out x", source), "AK_ANALYSER=" + analyser).output,
            "--out: it does not go with --verdict"));
}

TEST_CASE("port: a file that is no source is told apart from one that is not there") {
  const OutFolder folder;
  const auto said = [&](const std::string& file) {
    const Result r = run_ak(fmt::format("port '{}' f", file));
    CHECK(r.code == 2);
    return r.output;
  };
  const std::string large = folder.file("large.c", "");
  fs::resize_file(large, (16 << 20) + 1);
  CHECK(said((folder.path / "none.c").string()).ends_with("none.c' is not there\n"));
  CHECK(said(folder.path.string()).ends_with("' is a folder: name a C source in it\n"));
  CHECK(said("/dev/null").ends_with("' is no file but a device or a pipe: name a C source\n"));
  CHECK(said(large).ends_with("' has more than 16 MiB: put the functions that are to be ported into a file of their own\n"));

  const std::string failing = folder.file("fail", "#!/bin/sh\necho 'd.cpp:1:8: error: expected identifier' >&2; exit 3\n");
  fs::permissions(failing, fs::perms::owner_all);
  const std::string cpp = folder.file("d.cpp", "extern \"C\" void f() {}\n");
  const fs::path out = folder.path / "out";
  const Result r = run_ak(fmt::format("port {} f --out {}", cpp, out.string()), "AK_ANALYSER=" + failing);
  CHECK(r.code == 2);
  CHECK(has(r.output, "expected identifier: loops are read as C, which a .cpp may not be: put the function into a .c file\n"));
  CHECK(!fs::exists(out));  // nothing was ported
  CHECK(run_ak(fmt::format("port {} f --verdict --json", cpp), "AK_ANALYSER=" + failing).output.find("ak: ") ==
        std::string::npos);
}

TEST_CASE("port --size: lists of numbers for parameters and macros; what is wrong is said by its name") {
  const OutFolder folder;
  const std::string source =
      folder.file("d.c",
                  "#define LEN 2\n"
                  "void doubled(int n, float a[n]) { for (int i = 0; i < n; i++) a[i] = LEN * a[i]; }\n");
  const std::string verdict = folder.file("verdict.json", kVerdict);
  const std::string analyser = folder.file(
      "analyse", fmt::format("#!/bin/sh\nlen=$(sed -n 's/#define LEN //p')\nsed \"s/2\\.0/$len.0/\" '{}'\n", verdict));
  fs::permissions(analyser, fs::perms::owner_all);
  const std::string environment = "AK_ANALYSER=" + analyser;
  const auto line = [&](const std::string& sizes) {
    const Result r = run_ak(fmt::format("port {} doubled {}", source, sizes), environment);
    CHECK(r.code == 2);
    return r.output;
  };
  CHECK(line("--size n") == "ak: --size n: NAME=NUMBER or NAME=NUMBER,NUMBER,... is wanted\n");
  CHECK(line("--size =3") == "ak: --size =3: NAME=NUMBER or NAME=NUMBER,NUMBER,... is wanted\n");
  CHECK(line("--size n=") == "ak: --size n=: there is no number\n");
  CHECK(line("--size n=1,2,") == "ak: --size n=1,2,: there is no number behind the last comma\n");
  CHECK(line("--size n=1,,2") == "ak: --size n=1,,2: '' is no whole number\n");
  CHECK(line("--size n=1,2x") == "ak: --size n=1,2x: '2x' is no whole number\n");
  CHECK(line("--size n=99999999999999999999") ==
        "ak: --size n=99999999999999999999: '99999999999999999999' is no whole number\n");
  CHECK(line("--size n=3,2") == "ak: --size n=3,2: 2 does not rise above 3; the smallest comes first\n");
  CHECK(line("--size n=3 --size n=4") == "ak: --size n=4: n has numbers already\n");
  CHECK(line("--size n=1,2,3 --size LEN=4,5") == "ak: --size LEN=4,5: 2 numbers, and another name has 3: as many, or one\n");
  CHECK(line("--size LEN=-1") == "ak: --size LEN=-1: a macro that is a size is not negative\n");
  CHECK(line("--size n=-1") == "ak: --size n=-1: a size is not negative\n");
  CHECK(line("--size n=3000000000") == "ak: --size n=3000000000: an int has no such value\n");
  CHECK(line("--size LENGTH=4") ==
        fmt::format("ak: --size LENGTH: neither an integer parameter of doubled nor a macro of {}\n", source));
  CHECK(line("--size a=4") == fmt::format("ak: --size a: neither an integer parameter of doubled nor a macro of {}\n", source));

  const fs::path out = folder.path / "ported";
  const auto calls = [&](const char* of) {
    std::stringstream text;
    text << std::ifstream(out / of / "doubled_calls.cuh").rdbuf();
    return text.str().substr(text.str().find("kTimed[]"));
  };
  Result r = run_ak(fmt::format("port {} doubled --quick --out {} --size n=500,600,700", source, out.string()), environment);
  CAPTURE(r.output);
  REQUIRE(r.code == 0);
  for (const char* n : {"\"n=500 ", "\"n=600 ", "\"n=700 "}) CHECK(has(calls("doubled"), n));
  CHECK(!has(calls("doubled"), "\"n=32000 "));

  // Another value of a macro is another function with kernels of its own.
  r = run_ak(fmt::format("port {} doubled --quick --out {} --size LEN=3,5 --size n=800", source, out.string()), environment);
  CAPTURE(r.output);
  REQUIRE(r.code == 0);
  CHECK(has(calls("doubled"), "\"n=800 "));
  CHECK(has(calls("doubled LEN=5"), "\"n=800 "));
  const auto kernel = [&](const char* of) {
    std::stringstream text;
    text << std::ifstream(out / of / "doubled.cu").rdbuf();
    return text.str();
  };
  CHECK(has(kernel("doubled"), "3.0f"));
  CHECK(has(kernel("doubled LEN=5"), "5.0f"));
}

TEST_CASE("port: what is wrong with its words is said by name") {
  const OutFolder folder;
  const std::string source =
      folder.file("d.c", "void doubled(int n, float a[n]) { for (int i = 0; i < n; i++) a[i] = 2.0f * a[i]; }\n");
  const std::string analyser = folder.analyser("for w; do [ $w = --list ] && exit; done");
  const auto said = [&](const std::string& words) {
    return run_ak(fmt::format("port {} {}", source, words), "AK_ANALYSER=" + analyser).output;
  };
  CHECK(said("--all") == fmt::format("ak: {} has no function with a body\n", source));
  CHECK(has(said("doubled --json"), "--json: it goes with --verdict"));
  CHECK(has(said("doubled --alias b=foo+1"), "--alias: b is no pointer of doubled"));
  CHECK(has(said("doubled --alias a=foo+1 --verdict"), "--alias: foo is no pointer of doubled"));
  CHECK(has(said("doubled -Iinc"), "flags of the C compiler stand behind --\n"));
  CHECK(said("doubled other --verdict").find("doubled: i:parallel\n") == 0);
  CHECK(has(said("doubled other --verdict"), "\nother: i:parallel\n"));
}

TEST_CASE("doctor: loops lack clang where it is not on the path") {
  const OutFolder folder;
  fs::create_symlink("/bin/true", folder.path / "cc");
  const std::string analyser = folder.file("analyse", "");
  fs::permissions(analyser, fs::perms::owner_all);
  const Result r = run_ak("doctor", fmt::format("AK_ANALYSER={} PATH={}", analyser, folder.path.string()));
  CHECK_MESSAGE(has(r.output, "no clang on PATH"), r.output);
}

TEST_CASE("port: a stride of which nothing is said is as wide as its rows, and a line says so") {
  if (!fs::exists(AK_BINARY_DIR "/ak-analyse")) return;
  const OutFolder folder;
  const std::string source = folder.file("rows.c",
                                         "void rows(int h, int w, int pitch, float* a) {\n"
                                         "  for (int y = 0; y < h; y++)\n"
                                         "    for (int x = 0; x < w; x++) a[y * pitch + x] += 1;\n"
                                         "}\n");
  const auto line = [&](const std::string& words) {
    const Result r = run_ak(fmt::format("port {} rows --quick {}", source, words));
    CAPTURE(r.output);
    CHECK(r.code == 0);
    return r.output;
  };
  const std::string chosen = line("--size h=4 --size w=9");
  CHECK(has(chosen, "  only for pitch=9\n  pitch=9 is chosen: --size pitch=NUMBER says another\n"));
  const std::string given = line("--size h=4 --size w=9 --size pitch=12");
  CHECK(has(given, "  only for pitch=12\n"));
  CHECK(!has(given, "chosen"));
}

TEST_CASE("port --llm: its options go together; a mailbox's answer is proven, said and written with its attempt, and replays") {
  if (!ak::has_llm()) return;
  const OutFolder folder;
  const std::string source =
      folder.file("d.c", "void doubled(int n, float a[n]) { for (int i = 0; i < n; i++) a[i] = 2.0f * a[i]; }\n");
  const std::string environment = "AK_ANALYSER=" + folder.analyser();
  const auto run = [&](const std::string& words) {
    return run_ak(fmt::format("port {} doubled {}", source, words), environment);
  };
  CHECK(run("--attempts x").output == "ak: --attempts: it goes with --llm\n");
  CHECK(run("--rounds 2").output == "ak: --rounds: it goes with --llm\n");
  CHECK(run("--proposals 2").output == "ak: --proposals: it goes with --llm\n");
  CHECK(run("--llm mailbox:/ --rounds x").output == "ak: --rounds: 'x' is not a number from 0 to 100\n");
  CHECK(run("--llm mailbox:/ --rounds 101").output == "ak: --rounds: '101' is not a number from 0 to 100\n");
  CHECK(has(run("--llm mailbox:/ --rounds 0 --proposals 0").output, "nobody would be asked"));
  CHECK(run("--proposer both").output == "ak: --proposer both: it goes with --llm\n");
  CHECK(run("--llm mailbox:/ --proposer template").output == "ak: --proposer template: it does not go with --llm\n");
  CHECK(run("--prompt --verdict").output == "ak: --prompt: it does not go with --verdict\n");

  const std::string llm = fmt::format(
      "--quick --rounds 1 --proposals 0 --proposer llm --prompt-arm verdict --llm mailbox:{} --attempts {}/a.jsonl ",
      folder.path.string(), folder.path.string());
  Result r = run(llm + "--seconds 0.7");
  CAPTURE(r.output);
  CHECK(r.code == 1);
  std::string prompt;
  for (const auto& one : fs::directory_iterator(folder.path))
    if (one.path().string().ends_with(".prompt.txt")) prompt = one.path().string();
  REQUIRE(!prompt.empty());
  std::ostringstream asked;
  asked << std::ifstream(prompt).rdbuf();
  CHECK(run("--prompt --prompt-arm verdict").output == asked.str());
  std::ofstream(prompt.substr(0, prompt.size() - 10) + "reply.txt")
      << "```json\n{\"launches\": [{\"kernel\": \"doubled_1\", \"blocks\": \"(n + 63) / 64\", \"threads\": "
         "64}]}\n```\n```cuda\n"
         "extern \"C\" __global__ void doubled_1(int n, float* a) {\n  const int i = blockIdx.x * 64 + threadIdx.x;\n"
         "  if (i < n) a[i] = 2.0f * a[i];\n}\n```\n";
  for (int time = 0; time < 2; ++time) {
    r = run(llm);
    CHECK(r.code == 0);
    CHECK(r.output.find("LLM right at attempt 1, ") != r.output.npos);
    std::ostringstream lines;
    lines << std::ifstream(folder.path / "a.jsonl").rdbuf();
    CHECK(lines.str().starts_with("{\"function\":\"doubled\","));
    CHECK(lines.str().find("\"status\":\"passed\"") != std::string::npos);
    CHECK(std::ranges::count(lines.str(), '\n') == 1);
  }
}

TEST_CASE("port --llm: what was asked for a function's other sizes stands in its results too, and its tokens are counted") {
  if (!ak::has_llm()) return;
  const OutFolder folder;
  const std::string source =
      folder.file("d.c", "#define LEN 2\nvoid doubled(int n, float a[n]) { for (int i = 0; i < n; i++) a[i] = LEN * a[i]; }\n");
  const std::string verdict = folder.file("verdict.json", kVerdict);
  const std::string analyser = folder.file(
      "analyse", fmt::format("#!/bin/sh\nlen=$(sed -n 's/#define LEN //p')\nsed \"s/2\\.0/$len.0/\" '{}'\n", verdict));
  fs::permissions(analyser, fs::perms::owner_all);
  const auto run = [&](const std::string& seconds) {
    return run_ak(
        fmt::format("port {0} doubled --size LEN=3,5 --quick --proposer llm --prompt-arm bare --llm mailbox:{1} --out "
                    "{1}/out --seconds {2}",
                    source, folder.path.string(), seconds),
        "AK_ANALYSER=" + analyser);
  };
  // Each question as it comes; what is answered once is so at every run.
  for (int size = 0; size < 2; ++size) {
    run("1.5");
    for (const auto& one : fs::directory_iterator(folder.path)) {
      const std::string prompt = one.path().string();
      if (!prompt.ends_with(".prompt.txt")) continue;
      std::ostringstream asked;
      asked << std::ifstream(prompt).rdbuf();
      std::ofstream(prompt.substr(0, prompt.size() - 10) + "reply.txt")
          << "```json\n{\"launches\": [{\"kernel\": \"doubled_1\", \"blocks\": \"(n + 63) / 64\", \"threads\": "
             "64}]}\n```\n```cuda\n"
             "extern \"C\" __global__ void doubled_1(int n, float* a) {\n  const int i = blockIdx.x * 64 + threadIdx.x;\n  if "
             "(i < n) "
             "a[i] = "
          << (has(asked.str(), "LEN 5") ? 5 : 3) << " * a[i];\n}\n```\n";
    }
  }
  const Result r = run("20");
  CAPTURE(r.output);
  const ak::port::Results results = ak::port::load_results((folder.path / "out").string());
  REQUIRE(results.entries.size() == 1);
  const ak::port::Entry& entry = results.entries[0];
  REQUIRE(entry.attempts.size() == 1);
  REQUIRE(entry.further.size() >= 1);
  CHECK(entry.further[0].llm);
  CHECK(entry.further[0].part == "LEN=5");
  CHECK(entry.attempts[0].part == "");
  std::int64_t tokens = entry.attempts[0].tokens;
  for (const ak::port::Attempt& one : entry.further) tokens += one.tokens;
  CHECK(entry.further[0].tokens > 0);
  CHECK(entry.llm_tokens == tokens);
}
