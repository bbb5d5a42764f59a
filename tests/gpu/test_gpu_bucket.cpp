// A bucket's kernel at every m of it: one cubin, a geometry of its own for each.
#include <doctest/doctest.h>

#include <map>
#include <string>

#include "families/family.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"
#include "plan/resources.hpp"
#include "proof/testbed.hpp"
#include "runner/gpu_trials.hpp"
#include "search/space.hpp"

using namespace ak;

namespace {

constexpr std::int64_t kLast = 130;

// Of each family, and of sm90 each way round: the likeliest that runs at every m up to the last.
std::map<std::string, Tactic> lent_tactics(const Problem& top) {
  std::map<std::string, Tactic> tactics;
  for (const RankedTactic& ranked : make_space(top, resources().facts()).tactics) {
    const Tactic& t = ranked.tactic;
    tactics.try_emplace(std::string(name(t.family)) + (t.swap_ab ? " swap_ab" : "") + (t.split_k > 1 ? " split_k" : ""), t);
  }
  return tactics;
}

// Compiled once, proven at every m.
void prove_all(const Problem& top) {
  for (const auto& [kind, tactic] : lent_tactics(top)) {
    const std::string cubin =
        compile(make_source(family(tactic.family).sources(), top, tactic), resources().facts().arch()).cubin;
    REQUIRE_FALSE(cubin.empty());
    for (std::int64_t m = 1; m <= top.m; ++m) {
      Problem here = top;
      here.m = m;
      CAPTURE(to_string(here));
      CAPTURE(to_string(tactic));
      REQUIRE(family(tactic.family).rejects(here, tactic, resources().facts()) == std::nullopt);
      GpuTrials trials(here, resources());
      trials.know(tactic, cubin);
      const Trial trial = trials.verify(tactic, Effort::quick, Deadline::in(30));
      CHECK_MESSAGE(trial.correct(), trial.why);
      CHECK(trials.compiles() == 0);
    }
  }
}

}  // namespace

TEST_CASE("bucket: one kernel is right at every m of 1 to 130, in every family") {
  prove_all(parse_problem("130x384x512 bf16 gelu_erf bias=column:bf16"));
  prove_all(parse_problem("130x256x512 bf16 silu gated"));
}

TEST_CASE("bucket: a kernel of few rows is right at every m up to its tile") {
  prove_all(parse_problem("8x384x1024 bf16 silu bias=column:bf16"));
}

TEST_CASE("bucket: rows of A and D off 16-byte boundaries, which are packed into the workspace") {
  Problem p = parse_problem("96x383x509 bf16 relu");
  p.align_a = p.align_b = p.align_d = 2;
  prove_all(p);
}
