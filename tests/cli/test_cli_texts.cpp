// Texts from outside: bytes that are no text, spreadsheets, the toolkit's stub of the driver.
#include <simdjson.h>
#include <unistd.h>

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
