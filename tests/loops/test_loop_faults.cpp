// What a GPU is given of the planted kernels: every one that may run there, launched and judged as ak port's proof does.
#include <doctest/doctest.h>

#include <map>

#include "emulating.hpp"
#include "planted_judge.hpp"
#include "port/candidates.hpp"
#include "port/proof/emulated.hpp"
#include "prove/loop_faults.hpp"

using namespace ak;
using namespace ak::proof;

namespace {

std::vector<loop::PlantedKernel> planted() {
  return loop::planted_kernels_of(std::string(AK_SOURCE_DIR) + "/tests/loops/planted");
}

}  // namespace

TEST_CASE("loop faults: every planted kernel that stays in its arrays and ends is given to a GPU") {
  std::map<std::string, int> counts, left_out;
  for (const loop::PlantedKernel& kernel : planted()) {
    ++(may_run(kernel.wrong) ? counts : left_out)[kernel.wrong];
    const loop::Candidate candidate = launchable(kernel);
    const loop::Function function = function_of(kernel);
    CHECK_MESSAGE(1 + candidate.scratch.size() + function.parameters.size() > kernel.arguments.size(), kernel.title());
    for (const loop::Launch& launch : candidate.launches)
      CHECK_MESSAGE(candidate.text.find("extern \"C\" __global__ void " + launch.kernel + "(") != std::string::npos,
                    kernel.title());
  }
  CHECK(counts[""] >= 133);
  CHECK(counts["value"] >= 79);
  CHECK(counts["race"] >= 71);
  CHECK(counts["unset"] >= 5);
  CHECK(counts.size() == 4);
  for (const auto& [wrong, count] : left_out) {
    const std::string known = "bounds crash deadlock divergence misaligned steps trap";
    CHECK_MESSAGE(known.find(wrong) != std::string::npos, wrong);
  }
}

TEST_CASE("loop faults: cases are filled, and judged by what the C function leaves") {
  for (const loop::PlantedKernel& kernel : planted()) {
    // Scratch that a kernel fills before, and a wrong one beside its right original.
    const bool right = kernel.title() == "first_negative", wrong = kernel.file == "map" && kernel.wrong == "value";
    if (!right && !wrong) continue;
    CAPTURE(kernel.title());
    const loop::Candidate candidate = launchable(kernel);
    port::Emulated kernels(candidate, port::kernel_text(candidate), loop::emulator_options());
    bool refused = false;
    for (const port::ProofCase& each : cases_of(kernel)) {
      const port::KernelRun run = kernels.run(each.given, 0, 30);
      REQUIRE_MESSAGE(run.cause == port::Cause::none, run.fault);
      refused |= !port::judge(each.given, each.expected, run.left, true).right();
    }
    CHECK(refused == wrong);
    if (wrong) return;
  }
  FAIL("neither kernel is there");
}

TEST_CASE("loop faults: what is prepared is read as it was written") {
  const std::vector<PreparedKernel> kernels = {{"map", "", {}, "{}", "image"},
                                               {"scan: late", "race", {"race", "value"}, "{}", ""}};
  const std::vector<PreparedKernel> read = decode_prepared(encode(kernels));
  REQUIRE(read.size() == 2);
  CHECK(read[0].image == "image");
  CHECK(read[1].title == "scan: late");
  CHECK(read[1].emulated == kernels[1].emulated);
  const std::string bytes = encode(kernels);
  for (std::size_t size = 0; size < bytes.size(); ++size) CHECK_THROWS_AS(decode_prepared(bytes.substr(0, size)), Error);
}
