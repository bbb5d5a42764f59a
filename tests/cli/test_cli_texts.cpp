// Texts from outside: bytes that are no text, spreadsheets, the toolkit's stub of the driver.
#include <simdjson.h>
#include <unistd.h>

#include "cache/pack.hpp"
#include "cache/store.hpp"
#include "tests/cli/tool.hpp"

using namespace ak_tool;

TEST_CASE("JSON is valid whatever bytes a variable holds") {
  for (const char* command : {"env --json", "doctor --json"}) {
    const Result r =
        run_ak(command, "AK_CACHE_DIR=\"$(printf '/tmp/caf\\351')\" AK_PACKS=\"$(printf '/\\377.pack')\"", "2>/dev/null");
    CAPTURE(r.output);
    simdjson::dom::parser parser;
    CHECK(parser.parse(r.output).error() == simdjson::SUCCESS);
    CHECK(has(r.output, "caf\xef\xbf\xbd"));
  }
}

TEST_CASE("a list as spreadsheets write it is read; what is wrong is named") {
  const auto warm = [](const std::string& text) {
    const File list(text);
    return run_ak("warm --dry-run " + list.path);
  };
  const Result plain = warm("m,n,k,act\n16,32,64,silu\n");
  CHECK(plain.code == 0);
  const Result sheet = warm("\xef\xbb\xbfM,N,K,Act\r\n16.0,32,64.00,silu\r\n");
  CHECK(sheet.output == plain.output);
  CHECK(sheet.code == 0);
  CHECK(warm("\xef\xbb\xbf" + plain.output).output == plain.output);
  CHECK(has(warm("m,n,k\n16.5,32,64\n").output, "m: '16.5' is not a whole number"));
  CHECK(has(warm("m,n,k\n.0,32,64\n").output, "m: '.0' is not a number"));
  CHECK(has(warm("M,N,K,Akt\n16,32,64,silu\n").output, "'akt' is not a column"));

  for (const char* same :
       {"m;n;k;act\n16;32;64;silu\n", "m\tn\tk\tact\n16\t32\t64\tsilu\n", "m,n,k,act\r16,32,64,silu\r",
        "m,n,k,act,,\n16,32,64,silu,,\n,,,,,\n", "act,k,n,m\nsilu,64,32,16\n", "M,N,K,Act,Bias\n16,32,64,silu,FALSE\n",
        "# cases\n\n\"m\",\"n\",\"k\",\"act\"\n16,32,64,silu,,,\n"}) {
    CAPTURE(same);
    const Result r = warm(same);
    CHECK(r.output == plain.output);
    CHECK(r.code == 0);
  }
  CHECK(has(warm("m;n;k;act\n16;32;64;max(x,0)\n").output, "max(x,0)"));
  CHECK(has(warm(std::string("\xff\xfem\0,\0", 6)).output, "UTF-16; save it as UTF-8"));
  const Result other = warm("rows,cols,depth\n16,32,64\n");
  CHECK(has(other.output, ":1: 'rows,cols,depth' is no header: m, n and k are not among its columns"));
  CHECK(!has(other.output, "16x32x64"));
  const Result twice = warm("m,n,m,k\n16,32,3,64\n");
  CHECK(has(twice.output, "'m' is a column twice"));
  CHECK(!has(twice.output, "16x32x64"));
  CHECK(has(warm("m,n,k\n1e3,32,64\n").output, ":2: m: '1e3' is not a whole number"));
  CHECK(has(warm("m,n,k,bias\n\n16,32,64,yes\n").output, ":3: bias: 'yes' is not 0 or 1"));
}

TEST_CASE("warm: a range of m, in a list or for all of it, is its buckets; one that is none is refused by name") {
  const auto warm = [](const std::string& text, const std::string& options = "") {
    const File list(text);
    return run_ak("warm --dry-run " + list.path + " " + options);
  };
  const Result range = warm("m,n,k\n60:100,32,64\n");
  CAPTURE(range.output);
  CHECK(range.code == 0);
  CHECK(has(range.output, "128x32x64"));
  CHECK(has(range.output, ", serving m 97 to 128\n"));
  CHECK(has(range.output, "96x32x64"));
  CHECK(has(range.output, "64x32x64"));
  CHECK(!has(range.output, ", serving m 17 to 32"));
  CHECK(warm("m,n,k\n7,32,64\n8,32,64\n", "--m 60:100").output == range.output);
  CHECK(warm("m,n,k\n60..100,32,64\n").output == range.output);
  CHECK(warm("m,n,k\n7,32,64\n", "--m 60..100").output == range.output);
  for (const auto& [m, why] :
       {std::pair{"1-512",
                  "'1-512' is no range: two whole numbers with a colon or two dots between them, as in 1:512 or 1..512"},
        {"1.512..2", "'1.512..2' is no range"},
        {"1...512", "'1...512' is no range"},
        {"512..1", "'512..1': tokens: 512 to 1: the range is empty or reversed"},
        {"1:", "'1:' is no range"},
        {"512:1", "'512:1': tokens: 512 to 1: the range is empty or reversed"},
        {"0:4", "'0:4': tokens: 0 to 4: the least is 1"}}) {
    CAPTURE(m);
    const Result line = warm(std::string("m,n,k\n16,32,64\n") + m + ",32,64\n");
    CHECK(line.code == 2);
    CHECK(has(line.output, std::string(":3: m: ") + why));
    CHECK(has(line.output, "16x32x64"));
    const Result option = warm("m,n,k\n16,32,64\n", std::string("--m ") + m);
    CHECK(option.code == 2);
    CHECK(has(option.output, std::string("--m: ") + why));
  }
  const Result unset = warm("m,n,k\n16,32,64\n", "--m ''");  // a script's variable
  CHECK(unset.code == 2);
  CHECK(has(unset.output, "--m: '' is no range"));
}

TEST_CASE("a file that is no text is one fault, and none of its bytes reaches the terminal") {
  std::string binary(
      "\x7f"
      "ELF\x02\x01\n\0",
      8);
  for (int i = 0; i < 4096; ++i) binary += static_cast<char>(i % 3 ? i * 7 : '\n');
  const File list(binary);
  for (const char* command : {"warm --dry-run ", "bench --file "}) {
    const Result r = run_ak(command + list.path, "AK_RECORDING=" AK_SOURCE_DIR "/tests/recordings");
    CAPTURE(r.output);
    CHECK(r.code == 2);
    CHECK(r.output == list.path + ":2: the file is no text: it has a zero byte here\n");
  }
  CHECK(has(run_ak("warm --dry-run " + File("m,n,k\n1\x1b[2J,32,64\n").path).output,
            ":2: m: '1\\x1b[2J' is not a whole number\n"));
  CHECK(has(run_ak("warm --dry-run " + File("m,n,k\n\xe9,32,64\n").path).output, ":2: m: '\\xe9' is not a number\n"));
  CHECK(has(run_ak("warm --dry-run " + File("m,n,k\n\xc3\xa9,32,64\n").path).output, ":2: m: '\xc3\xa9' is not a number\n"));
  const std::string pack = fmt::format("/tmp/ak_no_text_{}.pack", getpid());
  std::ofstream(pack) << "{\"ak_pack\":1,\"rec\x1b[31m";
  CHECK(!has(run_ak("ls " + pack).output, "\x1b"));
  std::filesystem::remove(pack);
}

TEST_CASE("a driver that is too old is told with its version and with the one that is needed") {
  const Result r = run_ak("tune 16 32 64", "AK_RECORDING= LD_LIBRARY_PATH=" AK_BINARY_DIR "/tests/old");
  CAPTURE(r.output);
  CHECK(r.code == 3);
  CHECK(has(r.output, "has no function cu"));
  CHECK(has(r.output, "it is of CUDA 12.2; one for CUDA 13 (release 580) or later is needed"));
}

TEST_CASE("doctor says what makes a GPU one process's, and what ends that") {
  const auto doctor = [](const std::string& environment) {
    return run_ak("doctor", "LD_LIBRARY_PATH=" AK_BINARY_DIR "/tests/fake " + environment).output;
  };
  CHECK(has(doctor(""), "ok       worker     " AK_BINARY_DIR "/ak-worker\n"));
  const std::string exclusive = doctor("FAKE_ATTRIBUTE_20=3"), mps = doctor("FAKE_ATTRIBUTE_133=1");  // mode, MPS
  CAPTURE(exclusive);
  CAPTURE(mps);
  CHECK(has(exclusive, "note     worker     the GPU is in exclusive-process mode\n"));
  CHECK(has(exclusive, "  `nvidia-smi -c 0` sets the default mode; until then "));
  CHECK(has(mps, "note     worker     the GPU's processes share one context (MPS)\n"));
  CHECK(has(mps, "  `echo quit | nvidia-cuda-mps-control` stops MPS; until then "));
  for (const std::string& text : {exclusive, mps}) CHECK(has(text, "which AK_ISOLATION=in_process accepts"));
}

TEST_CASE("a library that lacks a function is no library: doctor says so") {
  const std::string folder = fmt::format("/tmp/ak_lacks_{}", getpid());
  std::filesystem::create_directory(folder);
  for (const auto& [file, what] : {std::pair("libcublasLt.so.13", "cuBLASLt"), std::pair("libnvrtc.so.13", "NVRTC")}) {
    std::filesystem::copy_file(AK_BINARY_DIR "/tests/old/libcuda.so.1", folder + "/" + file);
    const Result r = run_ak("doctor", "LD_LIBRARY_PATH=" + folder);
    CAPTURE(r.output);
    CHECK(r.output.find(fmt::format("missing  {:<10} {}", what, what)) != std::string::npos);
    CHECK(has(r.output, "has no function"));
    std::filesystem::remove(folder + "/" + file);
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("a batch is in lists, texts, packs and JSON; one of more than 1 is refused by name wherever it would be served") {
  const auto warm = [](const std::string& text) {
    const File list(text);
    return run_ak("warm --dry-run " + list.path);
  };
  CHECK(warm("m,n,k,batch\n16,32,64,1\n16,32,64,\n").output == warm("m,n,k\n16,32,64\n16,32,64\n").output);
  Result r = warm("m,n,k,batch\n16,32,64,4\n");
  CHECK(r.code != 0);
  CHECK(has(r.output, ":2: A: a batch of 4 matrices is not served yet, only of 1"));
  CHECK(has(warm("16x32x64 bf16 batch=4\n").output, ":1: batch=4: not served yet, only a batch of 1"));
  CHECK(has(run_ak("tune 16 32 64 --batch 4").output, "A: a batch of 4 matrices"));
  CHECK(has(run_ak("tune --problem '16x32x64 batch=4'").output, "batch=4: not served yet"));
  CHECK(run_ak("tune --problem '16x32x64 batch=4'").code == 2);

  const std::string folder = fmt::format("/tmp/ak_batch_{}", getpid()), cache = " --cache " + folder + "/cache";
  std::filesystem::create_directory(folder);
  ak::PackEntry entry;  // what a later version may have found
  entry.record.problem = ak::parse_problem("16x32x64 bf16 relu batch=4");
  entry.record.hardware = {"NVIDIA H200", 90, 132, "", ""};
  entry.record.tactic = ak::parse_tactic("sm80 tile_m=16 tile_n=32 tile_k=64 stages=4 warps_m=1 warps_n=2");
  entry.record.us = 3, entry.record.vendor_us = 4;
  ak::write_pack(folder + "/a.pack", {entry});
  const std::string text = ak::to_string(entry.record.problem);
  CHECK(has(text, "batch=4"));
  CHECK(has(run_ak("ls --json " + folder + "/a.pack").output, "\"problem\": \"" + text + "\""));
  r = run_ak("import " + folder + "/a.pack" + cache);
  CHECK(r.code == 1);
  CHECK(has(r.output, "batches are not served yet"));
  entry.record.cubin = ak::digest("image");
  ak::open_store(folder + "/cache")->replace(entry.record, "image");
  r = run_ak("show --json --problem '" + text + "'" + cache);
  CHECK(r.code == 0);
  CHECK(has(r.output, "\"problem\": \"" + text + "\""));
  CHECK(run_ak("pack " + folder + "/b.pack --from " + folder + "/cache").code == 0);
  CHECK(ak::read_pack(folder + "/b.pack").entries.at(0).record.problem == entry.record.problem);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a driver's library that cannot be opened is named once") {
  const std::string folder = fmt::format("/tmp/ak_broken_{}", getpid());
  std::filesystem::create_directory(folder);
  for (const char* file : {"/libcuda.so.1", "/libcuda.so"}) std::ofstream(folder + file) << "broken";
  const Result r = run_ak("tune 64 64 64", "LD_LIBRARY_PATH=" + folder);
  std::filesystem::remove_all(folder);
  CAPTURE(r.output);
  CHECK(r.code == 3);
  CHECK(has(r.output, "the CUDA driver is not available: " + folder + "/libcuda.so.1: "));
  CHECK(r.output.find("libcuda") == r.output.rfind("libcuda"));
}

TEST_CASE("the toolkit's stub of the driver is named by the tool") {
  const std::string stub = "/usr/local/cuda/lib64/stubs/libcuda.so";
  if (access(stub.c_str(), R_OK) != 0) return;  // no toolkit
  const std::string folder = fmt::format("/tmp/ak_stub_{}", getpid());
  std::filesystem::create_directory(folder);
  std::filesystem::create_symlink(stub, folder + "/libcuda.so.1");  // as containers are made
  const Result r = run_ak("doctor", "LD_LIBRARY_PATH=" + folder);
  std::filesystem::remove_all(folder);
  CAPTURE(r.output);
  CHECK(r.code == 3);
  CHECK(has(r.output, "CUDA_ERROR_STUB_LIBRARY"));
  CHECK(has(r.output, "LD_LIBRARY_PATH"));
}

TEST_CASE("a program that is found by its name finds its own worker, never one in the working folder") {
  const std::string folder = (std::filesystem::temp_directory_path() / fmt::format("ak_not_ours_{}", getpid())).string();
  std::filesystem::create_directories(folder);
  for (const char* name : {"ak", "ak-worker"}) {
    std::ofstream(folder + "/" + name) << "#!/bin/sh\n";
    std::filesystem::permissions(folder + "/" + name, std::filesystem::perms::owner_all);
  }
  const Result r = run_command(fmt::format("cd {} && env AK_CACHE_DIR= PATH={}:$PATH ak doctor", folder, AK_BINARY_DIR));
  std::filesystem::remove_all(folder);
  CAPTURE(r.output);
  CHECK(has(r.output, "worker     " AK_BINARY_DIR "/ak-worker\n"));
}
