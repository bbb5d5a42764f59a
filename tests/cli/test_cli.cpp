// The ak tool as a script sees it: exit codes, stdout, stderr. No GPU.
#include <simdjson.h>

#include <sstream>

#include "tests/cli/tool.hpp"

using namespace ak_tool;

TEST_CASE("every subcommand explains itself, and the exit codes are documented") {
  const Result top = run_ak("--help");
  CHECK(top.code == 0);
  CHECK(has(top.output, "Exit codes"));
  for (const char* command : {"tune", "warm", "ls", "show", "pack", "import", "bench", "sweep", "doctor", "env"}) {
    CAPTURE(command);
    CHECK(has(top.output, command));
    const Result help = run_ak(fmt::format("{} --help", command));
    CHECK(help.code == 0);
    CHECK(has(help.output, "Usage"));
    std::istringstream lines(help.output);
    const std::string beside(28, ' ');
    for (std::string line, next; std::getline(lines, next); line = next)  // "  name    description", or that in the next line
      if (line.starts_with("  ") && !line.starts_with(beside))
        CHECK_MESSAGE((line.find_last_not_of(' ') >= beside.size() || next.starts_with(beside)), line);
  }
  CHECK(run_ak("--version").output == "ak 0.1.0\n");
}

TEST_CASE("a wrong command line exits with 2 and says what is wrong") {
  CHECK(run_ak("").code == 2);
  CHECK(run_ak("tuen 1 2 3").code == 2);
  CHECK(run_ak("tune 1 2").code == 2);
  CHECK(run_ak("tune 1 2 x").code == 2);
  const auto wrong = [](const std::string& arguments, const std::string& message) {
    const Result r = run_ak(arguments);
    CAPTURE(arguments);
    CAPTURE(r.output);
    CHECK(r.code == 2);
    CHECK(has(r.output, message));
  };
  wrong("port", "ak: file is required\n");
  wrong("tune 16 32 64 --act swish", "'swish' is none of identity relu");
  wrong("tune 16 32 64 --dtype f64", "dtype: 'f64'");
  wrong("tune 16 32 64 --dtype f32", "dtype: f32 inputs");
  wrong("tune 16 32 64 --out int8", "out: 'int8'");
  wrong("tune 16 32 64 --layout nx", "layout: 'nx'");
  wrong("tune 16 32 0 --problem 16x32x64", "not both");
  wrong("tune 0 32 64", "nothing to tune");
  wrong("tune -- -1 32 64", "negative size");
  wrong("tune 16 3000000000 64", "2^31 - 1");
  wrong("tune --problem 16x3000000000x64", "2^31 - 1");
  wrong("tune --problem 16x32", "expected MxNxK");
  wrong("tune --problem 0x32x64", "nothing to tune");
  wrong("tune", "give M N K");
  wrong("tune 1 2 3 --budget -1", "--budget: seconds above 0 are expected\n");
  wrong("tune 1 2 3 --budget soon", "--budget: seconds above 0 are expected\n");
  wrong("tune 1 2 3 --trials 1.5", "--trials: trials above 0, a whole number, are expected\n");
  wrong("tune 16 4096 x", "K: 'x' is not a whole number");
  wrong("tune 16x4096x4096", "M: '16x4096x4096' is not a whole number; M N K are three of them");
  wrong("tune 16 32 64 --batch 2", "a batch of 2");
  wrong("bench 16 32 64 --gated --c", "a gated product has none");
  wrong("bench --file /dev/null 1 2 3", "either a problem or --file");
  wrong("sweep --file /dev/null 1 2 3", "either a problem or --file");
  wrong("warm /tmp", "/tmp: is a folder\n");
  wrong("warm /dev/null", "/dev/null: is empty\n");
  wrong("tune 16 32 64 --akt silu", "'--akt' is not an option of `ak tune`, --act is");
  wrong("tune --bugdet=3 16 32 64", "'--bugdet' is not an option of `ak tune`, --budget is");
  wrong("tune 16 32 64 --frobnicate", "'--frobnicate' is not an option of `ak tune`; `ak tune --help` lists them");
  wrong("--verson", "'--verson' is not an option of `ak`, --version is");
  wrong("tune -act silu 16 32 64", "'-act' is not an option of `ak tune`");
  wrong("warm", "file");
  wrong("warm /no/such/list", "/no/such/list: no such file\n");
  wrong("bench 16 32 64 --tactic 'sm91 tile_m=1'", "sm91");
}

TEST_CASE("a bad setting in the environment names the variable") {
  const Result r = run_ak("ls", "AK_MODE=fast");
  CHECK(r.code == 2);
  CHECK(has(r.output, "AK_MODE"));
  CHECK(has(r.output, "fast"));
}

TEST_CASE("env and doctor show every row, and mark those that are wrong") {
  const Result env = run_ak("env", "AK_MODE=fast AK_BUDGET_S=soon AK_MAX_TRIALS=1.5 AK_LLM=oracle");
  CAPTURE(env.output);
  CHECK(env.code == 2);
  CHECK(has(env.output, "AK_MODE='fast': expected one of tune, hit, off, background, record"));
  CHECK(has(env.output, "AK_BUDGET_S='soon': expected a number"));
  CHECK(has(env.output, "AK_MAX_TRIALS='1.5': expected a whole number"));
  CHECK(has(env.output, "AK_LLM='oracle': expected "));
  CHECK(has(env.output, "AK_SCRATCH_BYTES"));
  CHECK(has(env.output, "AK_LLM_CLIENT_CERT"));
  const Result unread = run_ak("doctor", "AK_CAHCE_DIR=/tmp AK_XYZ=1 AK_BUILD_DIR=b");
  CAPTURE(unread.output);
  CHECK(has(unread.output, "AK_CAHCE_DIR no such variable: it is not read\n                    AK_CACHE_DIR is read\n"));
  CHECK(has(unread.output, "AK_XYZ "));
  CHECK(!has(unread.output, "AK_BUILD_DIR "));
  CHECK(has(run_ak("doctor", "CUDA_VISIBLE_DEVICES= AK_WORKER=/bin/true").output, "/bin/true: not named ak-worker"));
  const Result idle = run_ak("doctor",
                             "AK_MODE=hit AK_FORCE_TACTIC=vendor AK_PROCESS_BUDGET_S=0 AK_SEARCH_BYTES=1048576 "
                             "AK_KERNEL_DIR=" AK_SOURCE_DIR "/tests");
  CAPTURE(idle.output);
  CHECK(has(idle.output, "AK_MODE    hit: only what is known already serves"));
  CHECK(has(idle.output, "AK_FORCE_TACTIC vendor: serves all"));
  CHECK(has(idle.output, "AK_PROCESS_BUDGET_S 0: no time for any search"));
  CHECK(has(idle.output, "AK_SEARCH_BYTES 1.0 MiB: what takes more"));
  CHECK(has(idle.output, "/tests: no kernel file (*.cu) in it"));
  const Result doctor = run_ak("doctor", "AK_MODE=fast AK_LOG=loud");
  CAPTURE(doctor.output);
  CHECK(doctor.code != 0);
  CHECK(has(doctor.output, "AK_MODE='fast'"));
  CHECK(has(doctor.output, "AK_LOG='loud'"));
  CHECK(has(doctor.output, "NVRTC"));
}

TEST_CASE("a cache that cannot be read is an error of what lists it") {
  const std::string pack = std::filesystem::temp_directory_path() / ("ak_no_pack_" + std::to_string(getpid()));
  for (const std::string& command : {std::string("ls"), std::string("show 64 64 64"), "pack " + pack + " --from /dev/null"}) {
    const Result r = run_ak(command + (command.find("--from") == command.npos ? " --cache /dev/null" : ""));
    CAPTURE(r.output);
    CHECK(r.code == 1);
    CHECK(has(r.output, "the records cannot be read: /dev/null"));
  }
  CHECK_FALSE(std::filesystem::exists(pack));
}

TEST_CASE("a folder that is not there: an error of what was told to read it, and nothing creates it") {
  const std::string folder = std::filesystem::temp_directory_path() / fmt::format("ak_absent_{}", getpid());
  for (const std::string command :
       {"ls --cache ", "show 64 64 64 --cache ", "pack /dev/null --from ", "pack /dev/null --cache "}) {
    const Result r = run_ak(command + folder);
    CAPTURE(r.output);
    CHECK(r.code == 1);
    CHECK(r.output == fmt::format("ak: {}: no such folder\n", folder));
  }
  const Result ls = run_ak("ls", "AK_CACHE_DIR=" + folder);
  CHECK(ls.code == 0);
  CHECK(has(ls.output, fmt::format("0 records in memory only: {} is not there yet", folder)));
  CHECK(run_ak("import --dry-run " AK_SOURCE_DIR "/cache/shipped/h200.pack --cache " + folder).code == 0);
  CHECK_FALSE(std::filesystem::exists(folder));
}

TEST_CASE("a cache that can only be read is listed; doctor says so, import fails") {
  const std::string folder = std::filesystem::temp_directory_path() / ("ak_read_only_" + std::to_string(getpid()));
  const std::string pack = AK_SOURCE_DIR "/cache/shipped/h200.pack", cache = " --cache " + folder;
  REQUIRE(run_ak("import " + pack + cache).code == 0);
  const std::string listed = run_ak("ls" + cache).output;
  std::filesystem::remove(folder + "/open.lock");
  std::filesystem::create_directory(folder + "/open.lock");  // which not even root can open
  const Result ls = run_ak("ls" + cache);
  CAPTURE(ls.output);
  CHECK(ls.code == 0);
  CHECK(has(ls.output, "is only read"));
  CHECK(has(ls.output, listed.substr(0, listed.find("records in"))));
  CHECK(has(run_ak("doctor", "AK_CACHE_DIR=" + folder).output, "read-only: its open.lock cannot be taken"));
  const Result import = run_ak("import " + pack + cache);
  CHECK(import.code == 1);
  CHECK(has(import.output, "nothing would be kept"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("the tool says what its user should know, unless AK_LOG=off") {
  const std::string show = "show 16 32 64 --cache /dev/null", only_errors = "2>&1 >/dev/null";
  const std::string warning = "ak warn: winners are remembered by this process alone: /dev/null";
  CHECK(has(run_ak(show, "", only_errors).output, warning));
  CHECK(has(run_ak(show, "AK_LOG=", only_errors).output, warning));
  CHECK(!has(run_ak(show, "AK_LOG=error", only_errors).output, warning));
  CHECK(!has(run_ak(show, "AK_LOG=off", only_errors).output, warning));
  CHECK(has(run_ak("doctor", "AK_LOG=off AK_CACHE_DIR=/proc/nothing").output, "memory only: /proc/nothing"));
}

TEST_CASE("a folder that cannot be used: ls, import and warm fail, the latter two before any work is lost") {
  const File list("16,32,64\n");
  for (const std::string command :
       {"ls --cache /dev/null", "import " AK_SOURCE_DIR "/cache/shipped/h200.pack --cache /proc/nothing",
        "import " AK_SOURCE_DIR "/cache/shipped/h200.pack"}) {
    const Result r = run_ak(command);
    CAPTURE(r.output);
    CHECK(r.code == 1);
    CHECK(has(r.output, "memory only"));
    CHECK(!has(r.output, "taken"));
  }
  const Result warm = run_ak("warm --cache /proc/nothing " + list.path);
  CAPTURE(warm.output);
  CHECK(warm.code == 1);
  CHECK(has(warm.output, "ak: nothing would be kept: memory only: /proc/nothing"));
}

TEST_CASE("warm reads both kinds of list; bad lines are named with file and line, the good ones stay") {
  const File list(
      "# a comment\n"
      "m,n,k,class,act,bias\n"
      "16,4096,4096,decode,silu,1\n"
      "16,4096,abc,decode,silu,1\n"
      "16,4096\n"
      "16,4096,99999999999999999999,decode,silu,1\n"
      "\n"
      "16,1001,4096,decode,,0\n"
      "64x128x256 bf16 align=16,16,16,16 relu\n"
      "64x128x256 bf16 align=16,16,16,16 reul\n");
  const Result r = run_ak("warm --dry-run " + list.path);
  CAPTURE(r.output);
  CHECK(r.code == 2);
  CHECK(has(r.output, list.path + ":4: k: 'abc' is not a number"));
  CHECK(has(r.output, list.path + ":5: 2 comma-separated fields, 6 expected: m,n,k"));
  CHECK(has(r.output, list.path + ":6: k: 99999999999999999999 is over 2^31 - 1"));
  CHECK(has(r.output, list.path + ":10: problem: 'reul'"));
  CHECK(has(r.output, "16x4096x4096 bf16 a=k b=k out=bf16 align=16,16,16,16 silu bias=column:bf16"));
  CHECK(has(r.output, "16x1001x4096 bf16 a=k b=k out=bf16 align=16,16,16,2 identity"));
  CHECK(has(r.output, "64x128x256 bf16 a=k b=k out=bf16 align=16,16,16,16 relu"));
}

TEST_CASE("what mode record wrote down: one problem for all of its lines, what was asked for most first") {
  const std::string few = "16x64x64 bf16 a=k b=k out=bf16 align=16,16,16,16 relu",
                    many = "32x64x64 bf16 a=k b=k out=bf16 align=16,16,16,16 relu";
  const File list(few + " count=3\n" + many + " count=2\n" + many + " count=0\n" + many + " count=2\n" + many + " count=x\n");
  const Result r = run_ak("warm --dry-run " + list.path);
  CAPTURE(r.output);
  CHECK(r.code == 2);
  CHECK(has(r.output, many + ", serving m 17 to 32\n" + few + ", serving m 9 to 16\n"));
  CHECK(has(r.output, list.path + ":3: count: '0' is not a number of 1 or more"));
  CHECK(has(r.output, list.path + ":5: count: 'x' is not a number of 1 or more"));
}

TEST_CASE("of what mode record wrote down each bucket is tuned once, however many numbers of tokens were called") {
  std::string text;
  for (int m = 1; m <= 512; ++m) text += std::to_string(m) + "x64x64 bf16 a=k b=k out=bf16 align=16,16,16,16 relu count=1\n";
  const File list(text);
  const Result r = run_ak("warm --dry-run " + list.path);
  CHECK(r.code == 0);
  CHECK(std::count(r.output.begin(), r.output.end(), '\n') == 17);
  CHECK(r.output.starts_with("320x64x64 bf16 a=k b=k out=bf16 align=16,16,16,16 relu, serving m 257 to 320\n"));  // of 64 calls
}

TEST_CASE("gate, aux and scales in a list, and as options") {
  const File list(
      "m,n,k,act,gated,aux,scale,layout\n"
      "16,14336,4096,silu,1,0,,nt\n"
      "16,1001,4096,silu,1,1,both,nn\n"
      "16,4096,4096,relu,0,0,rows,nt\n");
  const Result r = run_ak("warm --dry-run " + list.path);
  CAPTURE(r.output);
  CHECK(r.code == 2);
  CHECK(has(r.output, "16x14336x4096 bf16 a=k b=k out=bf16 align=16,16,16,16 silu gated\n"));
  CHECK(has(r.output, "16x1001x4096 bf16 a=k b=n out=bf16 align=16,2,16,2 silu gated aux scale=both\n"));
  CHECK(has(r.output, list.path + ":4: scale: 'rows' is none of row column both"));
  CHECK(has(run_ak("show 16 4096 4096 --gated --c").output, "C: a gated product has none"));
  CHECK(has(run_ak("show 16 4096 4096 --act silu --gated --aux --scale row").output, "silu gated aux scale=row"));
}

TEST_CASE("a list quotes what holds a comma: a caller's own activation") {
  const File list(
      "m,n,k,act,bias\n"
      "16,4096,4096,\"max(x, 0) * x\",1\n"
      "16,4096,4096,\"min(x,\n 6)\",0\n"
      "16,4096,4096,max(x, 0),1\n"
      "16,4096,4096,\"max(x, 0),1\n"
      "16x64x64 bf16 align=16,16,16,16 max(x,0)\n");
  const Result r = run_ak("warm --dry-run " + list.path);
  CAPTURE(r.output);
  CHECK(r.code == 2);
  CHECK(has(r.output, "16x4096x4096 bf16 a=k b=k out=bf16 align=16,16,16,16 max(x,0)*x bias=column:bf16\n"));
  CHECK(has(r.output, "16x4096x4096 bf16 a=k b=k out=bf16 align=16,16,16,16 min(x,6)\n"));
  CHECK(has(r.output, list.path + ":5: 6 comma-separated fields, 5 expected"));
  CHECK(has(r.output, list.path + ":6: a quote that is never closed"));
  CHECK(has(r.output, "16x64x64 bf16 a=k b=k out=bf16 align=16,16,16,16 max(x,0)\n"));
}

TEST_CASE("rows under a column that nobody knows are left out, not searched as something else") {
  const File list("64x128x256 relu\nm,n,k,activatoin\n16,32,64,silu\n");
  const Result r = run_ak("warm --dry-run " + list.path);
  CAPTURE(r.output);
  CHECK(r.code == 2);
  CHECK(has(r.output, list.path + ":2: 'activatoin' is not a column"));
  CHECK(has(r.output, "64x128x256"));
  CHECK(!has(r.output, "16x32x64"));
}

TEST_CASE("a word that is no command is named") {
  const Result r = run_ak("frob");
  CHECK(r.code == 2);
  CHECK(has(r.output, "'frob' is not a command; `ak --help` lists them"));
  CHECK(has(run_ak("tuen 1 2 3").output, "'tuen' is not a command, tune is"));
}

TEST_CASE("an option's value may begin with a dash") {
  const Result r = run_ak("show 16 32 64 --act '-x*2'");
  CAPTURE(r.output);
  CHECK(r.code == 1);
  CHECK(has(r.output, "no record of 16x32x64 bf16 a=k b=k out=bf16 align=16,16,16,16 -x*2 in "));
  CHECK(has(run_ak("show 16 32 64 --act '-x*2' --josn").output, "'--josn' is not an option of `ak show`, --json is"));
}

TEST_CASE("a plain m,n,k list needs no header") {
  const File list("1,4096,14336\n2,32,64\n");
  const Result r = run_ak("warm --dry-run " + list.path);
  CHECK(r.code == 0);
  CHECK(r.output ==
        "1x4096x14336 bf16 a=k b=k out=bf16 align=16,16,16,16 identity\n2x32x64 bf16 a=k b=k out=bf16 align=16,16,16,16 "
        "identity\n");
}

TEST_CASE("without a GPU or a recording the tool says so and exits with 3") {
  if (run_ak("doctor").code == 0) return;  // a machine with everything
  const Result r = run_ak("tune 16 4096 4096", "CUDA_VISIBLE_DEVICES=");
  CAPTURE(r.output);
  CHECK(r.code == 3);
  CHECK(has(r.output, "ak: "));
  CHECK(has(r.output, "`ak doctor` says what to do; with --recording tune, warm and bench work without a GPU\n"));
}

TEST_CASE("the proof on a GPU says where there is none, and leaves record and progress alone") {
  const std::string prove = AK_BINARY_DIR "/tests/ak_prove", script = AK_SOURCE_DIR "/tests/gpu/run.sh";
  const File progress("what an earlier run left\n");
  const auto run = [&](const std::string& arguments) {
    return run_command(fmt::format("env CUDA_VISIBLE_DEVICES= AK_PROVE='{}' AK_PROGRESS='{}' '{}' {}", prove, progress.path,
                                   script, arguments));
  };
  const Result r = run("--only bench");
  CAPTURE(r.output);
  CHECK(r.code == 3);
  CHECK(has(r.output, "no GPU here"));
  CHECK(!has(r.output, "|"));
  CHECK(std::filesystem::file_size(progress.path) == 25);
  CHECK(run("--only bnech").code == 2);
  CHECK(has(run("--only bnech").output, "--only bnech: no such step"));
  const Result together = run_command("env -u AK_RECORDING CUDA_VISIBLE_DEVICES= AK_TOOL='" AK_BINARY_DIR "/ak' '" AK_SOURCE_DIR
                                      "/tests/gpu/together.sh'");
  CHECK(together.code == 3);
  CHECK(has(together.output, "no GPU here"));
}

TEST_CASE("ls and show on an empty cache") {
  CHECK(run_ak("ls").code == 0);
  CHECK(has(run_ak("ls").output, "0 records"));
  CHECK(run_ak("ls --json").output == "[]\n");
  const Result r = run_ak("show 16 4096 4096");
  CHECK(r.code == 1);
  CHECK(has(r.output, "no record of 16x4096x4096"));
}

TEST_CASE("doctor names each thing and a remedy for what is missing; env shows every variable and hides the key") {
  simdjson::dom::parser parser;
  const Result doctor = run_ak("doctor --json", "CUDA_VISIBLE_DEVICES= AK_LLM=openai AK_LLM_ENDPOINT=ftp://x");
  simdjson::dom::array checks;
  REQUIRE(parser.parse(doctor.output).get(checks) == simdjson::SUCCESS);
  int missing = 0;
  std::string names;
  for (const auto check : checks) {
    names += std::string(check["what"].get_c_str()) + " ";
    if (std::string_view(check["health"].get_string()) != "missing") continue;
    ++missing;
    CHECK(std::string_view(check["remedy"].get_string()).size() > 10);
  }
  CHECK(has(names, "GPU NVRTC cuBLASLt cache packs worker loops LLM"));
  CHECK(missing >= 1);
  CHECK(doctor.code != 0);

  const Result env = run_ak("env", "AK_LLM_KEY=canary123 AK_BUDGET_S=7");
  CHECK(env.code == 0);
  CHECK(!has(env.output, "canary123"));
  CHECK(has(env.output, "AK_BUDGET_S"));
  REQUIRE(parser.parse(run_ak("env --json", "AK_BUDGET_S=7").output).get(checks) == simdjson::SUCCESS);
  bool found = false;
  for (const auto entry : checks)
    if (std::string_view(entry["variable"].get_string()) == "AK_BUDGET_S") {
      found = true;
      CHECK(std::string_view(entry["value"].get_string()) == "7");
      CHECK(std::string_view(entry["source"].get_string()) == "environment");
    }
  CHECK(found);
}
