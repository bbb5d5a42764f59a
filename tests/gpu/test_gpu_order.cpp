// Numeric policies on a GPU: all tactics that a policy allows give the same bits, and of batch_invariant every m the same rows.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "device_matrix.hpp"
#include "families/family.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"
#include "plan/kernel_plan.hpp"
#include "search/space.hpp"

using namespace ak;
using test::DeviceMatrix;

namespace {

constexpr std::size_t kTactics = 48;  // of a space of thousands: every n-th, so that every knob is among them

// Operands of the largest m; a problem with fewer rows has the first of them. Contiguous along k, as a linear layer's.
struct Operands {
  Operands(const Problem& p, std::int64_t most)
      : a(most, p.k, p.in),
        b(p.n, p.k, p.in),
        b2(p.n, p.k, p.in),
        c(most, p.n, p.epilogue.out),
        bias(1, p.wide_n(), p.epilogue.bias_dtype) {
    a.random(1, 0.3), b.random(2), b2.random(3), c.random(4), bias.random(5);
  }
  CallArgs args(const Problem& p) const {
    CallArgs x{};
    x.a = {a.data(), a.ld(), 0}, x.b = {b.data(), b.ld(), 0}, x.b2 = {b2.data(), b2.ld(), 0}, x.c = {c.data(), c.ld(), 0};
    x.bias = bias.data();
    x.m = static_cast<int>(p.m), x.n = static_cast<int>(p.n), x.k = static_cast<int>(p.k);
    x.alpha = 1, x.beta = -0.5f, x.slope = 0.1f;
    return x;
  }
  DeviceMatrix a, b, b2, c, bias;
};

std::vector<Tactic> some_of(const Problem& problem) {
  const auto all = make_space(problem, resources().facts()).tactics;
  std::vector<Tactic> some;
  for (std::size_t i = 0; i < all.size(); i += std::max<std::size_t>(1, all.size() / kTactics)) some.push_back(all[i].tactic);
  return some;
}

std::vector<std::string> compiled(const Problem& problem, const std::vector<Tactic>& tactics) {
  std::vector<std::string> cubins(tactics.size());
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < std::max(1u, std::thread::hardware_concurrency()); ++t)
    threads.emplace_back([&] {
      for (std::size_t i; (i = next++) < tactics.size();)
        cubins[i] =
            compile(make_source(family(tactics[i].family).sources(), problem, tactics[i]), resources().facts().arch()).cubin;
    });
  for (std::thread& thread : threads) thread.join();
  return cubins;
}

// The bits of D's first `rows` rows.
std::vector<std::uint64_t> result(const Problem& problem, const Tactic& tactic, const std::string& cubin,
                                  const Operands& operands, std::int64_t rows) {
  DeviceMatrix d(problem.m, problem.n, problem.epilogue.out);
  CallArgs args = operands.args(problem);
  args.d = {d.data(), d.ld(), 0};
  const KernelPlan plan(resources(), cubin.data(), problem, tactic,
                        family(tactic.family).geometry(problem, tactic, resources().facts()));
  plan.launch(nullptr, args);
  check(driver().cuStreamSynchronize(nullptr), "waiting");
  d.download();
  std::vector<std::uint64_t> values;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < problem.n; ++c) values.push_back(std::bit_cast<std::uint64_t>(d.at(r, c)));
  return values;
}

constexpr const char* kProblems[] = {"x512x4096 out=f32", "x512x1096 silu bias=column out=f32", "x520x1000 f16 out=f32 c",
                                     "x512x2048 gelu_tanh gated out=f32", "x512x2048 bf16"};

}  // namespace

TEST_CASE("policy: every tactic that deterministic allows gives the same bits") {
  for (const char* shape : kProblems)
    for (const int m : {1, 16, 100, 512}) {
      const Problem problem = parse_problem(std::to_string(m) + shape + " deterministic");
      CAPTURE(to_string(problem));
      const auto tactics = some_of(problem);
      REQUIRE(tactics.size() > 4);
      const auto cubins = compiled(problem, tactics);
      const Operands operands(problem, m);
      std::vector<std::uint64_t> first;
      for (std::size_t i = 0; i < tactics.size(); ++i) {
        if (cubins[i].empty()) continue;
        CAPTURE(to_string(tactics[i]));
        const auto got = result(problem, tactics[i], cubins[i], operands, m);
        if (first.empty()) first = got;
        CHECK(got == first);
      }
      CHECK(!first.empty());
    }
}

TEST_CASE("policy: of batch_invariant a row's bits do not depend on m, whichever tactic serves it") {
  constexpr std::int64_t kMost = 512;
  for (const char* shape : kProblems) {
    std::vector<std::uint64_t> first;
    const Operands operands(parse_problem(std::to_string(kMost) + shape), kMost);
    for (const int m : {1, 2, 7, 8, 16, 33, 128, 512}) {
      const Problem problem = parse_problem(std::to_string(m) + shape + " batch_invariant");
      CAPTURE(to_string(problem));
      auto tactics = some_of(problem);
      tactics.resize(std::min<std::size_t>(tactics.size(), 8));
      const auto cubins = compiled(problem, tactics);
      for (std::size_t i = 0; i < tactics.size(); ++i) {
        if (cubins[i].empty()) continue;
        CAPTURE(to_string(tactics[i]));
        const auto got = result(problem, tactics[i], cubins[i], operands, 1);
        if (first.empty()) first = got;
        CHECK(got == first);
      }
    }
    CHECK(!first.empty());
  }
}

TEST_CASE("policy: what fast allows beside it does give other bits") {
  const Problem problem = parse_problem("16x512x4096 out=f32");
  const Operands operands(problem, 16);
  std::set<std::vector<std::uint64_t>> results;
  const auto tactics = some_of(problem);
  const auto cubins = compiled(problem, tactics);
  for (std::size_t i = 0; i < tactics.size(); ++i)
    if (!cubins[i].empty()) results.insert(result(problem, tactics[i], cubins[i], operands, 16));
  CHECK(results.size() > 1);
}
