// Real cubins of sm80 and skinny for every architecture they serve, over a covering set of structures; a part of it without
// AK_TEST_ALL.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "base/environment.hpp"
#include "families/family.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"

using namespace ak;

namespace {

DeviceFacts device(std::string_view arch) {
  DeviceFacts d;
  if (arch == "sm_80")
    d.compute_major = 8, d.compute_minor = 0, d.smem_per_block = 166912, d.smem_per_sm = 167936, d.sm_count = 108;
  if (arch == "sm_86")
    d.compute_major = 8, d.compute_minor = 6, d.smem_per_block = 101376, d.smem_per_sm = 102400, d.sm_count = 84;
  if (arch == "sm_89")
    d.compute_major = 8, d.compute_minor = 9, d.smem_per_block = 101376, d.smem_per_sm = 102400, d.sm_count = 128;
  if (arch == "sm_100") d.compute_major = 10, d.sm_count = 148;
  if (arch == "sm_120") d.compute_major = 12, d.smem_per_block = 101376, d.smem_per_sm = 102400, d.sm_count = 170;
  return d;
}

// A seeded structure: over a few dozen seeds every pair of the small axes appears.
Problem random_problem(std::mt19937& random, std::int64_t m) {
  const auto pick = [&](int count) { return static_cast<int>(random() % count); };
  const auto align = [&](int least) { return static_cast<std::uint8_t>(std::max(least, 2 << pick(4))); };
  Problem p;
  p.m = m, p.n = 1000, p.k = 777;
  p.in = pick(2) ? DType::bf16 : DType::f16;
  p.a_major = pick(2) ? Major::k : Major::mn;
  p.b_major = pick(2) ? Major::k : Major::mn;
  p.epilogue.out = static_cast<DType>(pick(3));
  p.epilogue.activation = static_cast<Activation>(pick(kActivationCount));
  p.epilogue.bias = static_cast<BiasAxis>(pick(3));
  if (p.epilogue.bias != BiasAxis::none) p.epilogue.bias_dtype = static_cast<DType>(pick(3));
  p.epilogue.has_c = pick(2);
  p.epilogue.unit_alpha = pick(2);
  p.epilogue.gated = !p.epilogue.has_c && pick(2);
  p.epilogue.aux = pick(2), p.epilogue.row_scale = pick(2), p.epilogue.column_scale = pick(2);
  p.align_a = align(2), p.align_b = align(2), p.align_d = align(size_of(p.epilogue.out));
  p.align_c = p.epilogue.has_c ? align(size_of(p.epilogue.out)) : 16;
  return p;
}

void compile_some(FamilyId id, std::string_view arch, int count, std::int64_t m_limit, unsigned seed) {
  const Family& f = family(id);
  const DeviceFacts d = device(arch);
  REQUIRE(d.arch() == arch);
  std::mt19937 random(seed);
  for (int i = 0; i < count; ++i) {
    const Problem p = random_problem(random, 1 + random() % m_limit);
    std::vector<Tactic> tactics;
    f.enumerate(p, d, tactics);
    REQUIRE(!tactics.empty());
    // ptxas now and then spills a few bytes to fit one more CTA on an SM; the search drops such a cubin, and the next tactic
    // serves.
    bool served = false;
    for (int tries = 0; tries < 3 && !served; ++tries) {
      const Tactic t = tactics[random() % tactics.size()];
      const Compiled cubin = compile(make_source(f.sources(), p, t), arch);
      CAPTURE(arch);
      CAPTURE(to_string(p));
      CAPTURE(to_string(t));
      CAPTURE(cubin.log);
      CHECK(cubin.failure == "");
      CHECK(!cubin.degraded);
      CHECK(!cubin.cubin.empty());
      served = cubin.ok();
    }
    CAPTURE(to_string(p));
    CHECK(served);
  }
}

int some_of(int all) { return environment("AK_TEST_ALL").empty() ? (2 * all + 2) / 3 : all; }

constexpr std::string_view kArchs[] = {"sm_80", "sm_86", "sm_89", "sm_90a", "sm_100", "sm_120"};

}  // namespace

TEST_CASE("sm80 compiles for every architecture") {
  unsigned seed = 1;
  for (const auto arch : kArchs) compile_some(FamilyId::sm80, arch, arch == "sm_90a" ? some_of(16) : some_of(5), 400, seed++);
}

TEST_CASE("skinny compiles for every architecture") {
  unsigned seed = 100;
  for (const auto arch : kArchs) compile_some(FamilyId::skinny, arch, arch == "sm_90a" ? some_of(12) : some_of(4), 8, seed++);
}
