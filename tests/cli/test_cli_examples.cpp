// The examples where there is no GPU: each ends at once and says what to do.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "tool.hpp"

using namespace ak_tool;

namespace {

Result example(const std::string& name, const std::string& arguments = "") {
  return run_program("examples/" + name, arguments, "CUDA_VISIBLE_DEVICES= AK_RECORDING=");
}

}  // namespace

TEST_CASE("examples: without a GPU each ends with one line that names the remedy") {
  if (!std::filesystem::exists(AK_BINARY_DIR "/examples/engine")) return;  // AK_BUILD_EXAMPLES
  for (const char* name : {"engine", "mlp_block", "loops", "c_example", "quickstart"}) {
    CAPTURE(name);
    const Result result = example(name);
    CHECK(result.code == 3);
    CHECK_MESSAGE((has(result.output, "ak doctor") || has(result.output, "AK_RECORDING")), result.output);
  }
}

TEST_CASE("examples: a wrong argument is told before anything is begun") {
  if (!std::filesystem::exists(AK_BINARY_DIR "/examples/engine")) return;
  for (const char* wrong : {"x", "-1", "1 0", "1 -3", "1 2x", "1 2 3", "nan", "1 99999999999999999999"}) {
    CAPTURE(wrong);
    const Result result = example("engine", wrong);
    CHECK(result.code == 2);
    CHECK(has(result.output, "engine [seconds [layers]]: "));
  }
  for (const char* wrong : {"0", "x", "-5", "1 2"}) CHECK(has(example("loops", wrong).output, "loops [samples]: "));
  for (const char* wrong : {"0", "x", "64 -1", "64 4096 1"}) {
    CAPTURE(wrong);
    const Result result = example("mlp_block", wrong);
    CHECK(result.code == 2);
    CHECK(has(result.output, "mlp_block [tokens [width]]: "));
  }
}
