// What a profiler shows: the symbols of real cubins.
#include <doctest/doctest.h>

#include <set>
#include <string>
#include <string_view>

#include "families/family.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"

using namespace ak;

namespace {

// A kernel's code is a section of its own, ".text.SYMBOL".
std::set<std::string> kernels_of(std::string_view cubin) {
  constexpr std::string_view kSection{"\0.text.", 7};
  std::set<std::string> kernels;
  for (auto at = cubin.find(kSection); at != cubin.npos; at = cubin.find(kSection, at + 1)) {
    const auto name = cubin.substr(at + kSection.size());
    kernels.emplace(name.substr(0, name.find('\0')));
  }
  return kernels;
}

}  // namespace

TEST_CASE("a cubin of each family has one kernel, which is called by its tactic and its epilogue") {
  std::set<std::string> named;
  for (const char* of : {"64x64x64 bf16 silu bias=column", "64x64x64 bf16 out=f32 tanh(x)/(1+exp(x)) gated scale=both"})
    for (const char* text :
         {"sm90 tile_m=64 tile_n=64 tile_k=64 stages=3 schedule=cooperative",
          "sm80 tile_m=64 tile_n=64 tile_k=32 stages=3 warps_m=2 warps_n=2", "skinny tile_m=1 tile_n=2 warps_m=4 unroll=2"}) {
      CAPTURE(of);
      CAPTURE(text);
      const Problem problem = parse_problem(of);
      const Tactic tactic = parse_tactic(text);
      const Compiled compiled = compile(make_source(family(tactic.family).sources(), problem, tactic), "sm_90a");
      REQUIRE_MESSAGE(compiled.ok(), compiled.log);
      const std::string name = kernel_name(problem, tactic);
      CHECK(kernels_of(compiled.cubin) == std::set{name});
      named.insert(name);
    }
  CHECK(named.contains("ak_sm90_64x64x64_bf16_silu_bias"));
  CHECK(named.contains("ak_sm80_64x64x32_bf16_to_f32_own_gated_scaled"));
  CHECK(named.size() == 6);
}
