// What the emulator makes of a kernels' text: its lines, its comments, what it leaves without a value, lengths beyond 32 bits.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "ak/types.hpp"
#include "emulating.hpp"
#include "jit/source.hpp"
#include "port/candidates.hpp"

using namespace ak::loop;

namespace {

std::string with_prelude(const std::string& kernel) {
  Candidate candidate;
  candidate.text = "extern \"C\" __global__ void k_1(int n, float* a, const float* b) {\n" + kernel + "}\n";
  return ak::port::kernel_text(candidate);
}

struct RunOnce {
  Emulation emulation;
  std::vector<float> a;
};
RunOnce run(const std::string& kernel, int threads = 64) {
  Emulator emulator(with_prelude(kernel), {"k_1"}, emulator_options());
  std::vector<NamedValue> values{{"n", 64}, {"a", std::vector<float>(64)}, {"b", std::vector<float>(64, -1.0f)}};
  EmulationRequest request;
  request.launches.push_back({"k_1", 1, threads, 0, false});
  give(request, values);
  RunOnce once;
  once.emulation = emulator.run(request);
  once.a = std::get<std::vector<float>>(values[1].value);
  return once;
}

}  // namespace

TEST_CASE(
    "emulator: what a compiler says, and where a kernel fails, are lines of its own text, or the prelude's by that name") {
  std::string refused;
  try {
    run("  a[0] = 1;\n  a[1] = nobody;\n");
  } catch (const ak::Error& error) {
    refused = error.what();
  }
  CHECK_MESSAGE(refused.find("kernel:3:") != refused.npos, refused);
  const auto text = [](const std::string& kernel) {
    const Emulation emulation = run(kernel).emulation;
    return emulation.faults.empty() ? std::string() : emulation.faults[0].text;
  };
  CHECK(text("  __shared__ float s[8];\n  s[threadIdx.x] = 1;\n").find("line 3, ") != std::string::npos);
  const std::string inner = text("  if (threadIdx.x % 2) ak::shuffle(b[0], 0);\n  else __syncthreads();\n");
  CHECK_MESSAGE(inner.find("of the prelude") != inner.npos, inner);
}

TEST_CASE("emulator: a comment may speak of dynamic shared memory") {
  const RunOnce once = run("  // no extern __shared__ here\n  /* nor extern __shared__ float s[]; */\n  a[threadIdx.x] = 2;\n");
  CHECK_MESSAGE(once.emulation.ok(), text_of(once.emulation));
  CHECK(once.a[63] == 2);
}

TEST_CASE("emulator: a variable without a value is none that happens to be right") {
  const RunOnce once = run("  float v;\n  if (b[threadIdx.x] > 0) v = b[threadIdx.x];\n  a[threadIdx.x] = v;\n");
  CHECK(once.a[0] != -1);
}

TEST_CASE("emulator: an own array's end is seen, in a struct too, where a function has it by reference") {
  const auto fault = [](const std::string& kernel) {
    const Emulation emulation = run(kernel).emulation;
    REQUIRE(!emulation.faults.empty());
    return emulation.faults[0].kind;
  };
  CHECK(fault("  float v[4] = {};\n  v[n / 16] = 1;\n  a[0] = v[n % 2];\n") == FaultKind::out_of_bounds);
  CHECK(fault("  ak::Pack<float> v{};\n  v.at[n / 16] = 1;\n  a[threadIdx.x] = v.at[n % 2];\n") == FaultKind::out_of_bounds);
  CHECK(fault("  float v[8] = {};\n  ak::load16(v, n / 8, b);\n  a[threadIdx.x] = v[n % 2];\n") == FaultKind::out_of_bounds);
}

TEST_CASE("emulator: a length beyond 32 bits is no short one") {
  for (const char* const kernel :
       {"  __builtin_memset(a, 0, (1ull << 32) + 4);\n", "  __builtin_memcpy(a, b, (1ull << 32) + 4);\n"}) {
    const Emulation emulation = run(kernel, 1).emulation;
    REQUIRE(!emulation.faults.empty());
    CHECK_MESSAGE(emulation.faults[0].kind == FaultKind::out_of_bounds, text_of(emulation));
  }
}
