// A range of token counts, prepared and called through the C++ API.
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ak/ak.hpp"
#include "core/bucket.hpp"
#include "fake_cublaslt.hpp"
#include "fake_driver.hpp"
#include "gpu/driver.hpp"
#include "jit/source.hpp"
#include "layer.hpp"
#include "machine/compile_ahead.hpp"
#include "search/proposers.hpp"

namespace {

Options tuning() {
  Options options;
  options.cache_dir = "", options.shipped = false, options.isolation = Isolation::in_process;
  options.max_trials = 4, options.budget_s = 20;  // its trials end a search, on a busy machine too
  return options;
}

struct Linear {
  ConstMatrix x{Layer::memory(0), 16, 512, 512, DType::bf16, Order::row},
      w{Layer::memory(1), 512, 256, 512, DType::bf16, Order::col};
  Matrix y{const_cast<void*>(Layer::memory(2)), 16, 256, 256, DType::bf16, Order::row};

  Call call(TokenRange tokens) const { return {x, w, y, {}, tokens}; }
  void run(Context& context, std::int64_t m) {
    x.rows = y.rows = m;
    context.matmul_act(nullptr, x, w, y);
  }
};

}  // namespace

TEST_CASE("tokens: a call with a range is prepared bucket by bucket, and no number of it searches or compiles again") {
  fake::reset();
  OwnContext own;
  {
    Context context(tuning());
    Linear layer;
    std::vector<std::string> told;
    std::size_t all = 0;
    const auto explained = context.prepare({layer.call({1, 512})}, [&](std::size_t, std::size_t of, const Explanation& e) {
      told.push_back(e.problem.substr(0, e.problem.find(' '))), all = of;
    });
    CHECK(all == 17);
    REQUIRE(told.size() == 17);
    CHECK(told.front() == "512x256x512");
    CHECK(told.back() == "1x256x512");
    REQUIRE(explained.size() == 1);
    CHECK(explained[0].bucket == TokenRange{449, 512});
    const Counters before = context.counters();
    CHECK(before.searches == 17);
    fake::forget();
    for (std::int64_t m = 1; m <= 512; ++m) layer.run(context, m);
    const Counters after = context.counters();
    CHECK(after.searches == before.searches);
    CHECK(after.trials == before.trials);
    CHECK(after.compiles == before.compiles);
    CHECK(after.passing_fallbacks == before.passing_fallbacks);
    // 513 is of another bucket, which no one has prepared.
    layer.run(context, 513);
    CHECK(context.counters().searches == before.searches + 1);
  }
  own.end();
  CHECK(fake::misuses().empty());
}

TEST_CASE("tokens: a range that is none, or of matrices without any, is refused by the call's place") {
  Options options = tuning();
  options.mode = Mode::hit;
  fake::reset();
  OwnContext own;
  {
    Context context(options);
    Linear layer;
    const auto why = [&](TokenRange tokens) {
      return error_of([&] { context.prepare({layer.call({}), layer.call(tokens)}); });
    };
    CHECK(why({1, 512}) == "none");
    CHECK(why({512, 1}) == "calls[1]: tokens: 512 to 1: the range is empty or reversed");
    CHECK(why({0, 4}) == "calls[1]: tokens: 0 to 4: the least is 1");
    layer.x.rows = layer.y.rows = 0;
    CHECK(why({}) == "none");
    CHECK(why({1, 512}) == "calls[1]: tokens: the matrices are those of any number of them, not of none");
  }
  own.end();
}

TEST_CASE(
    "tokens: what a bucket's search tries first is compiled while the one before is timed, and no longer than it is wanted") {
  const DeviceFacts device;
  std::vector<Machine::Coming> buckets;
  for (const std::int64_t m : {64, 32, 16}) buckets.push_back({with_tokens(parse_problem("64x512x256 relu"), m), {}});
  const auto compiled = std::make_shared<CompiledKernels>();
  const auto all_there = [&] {
    for (const auto& [problem, tactics] : buckets) {
      const Space space = make_space(problem, device);
      const TacticSet none;
      const auto proposals = make_proposer("offline")->propose({problem, device, space, {}, 0, 1, &none}, 8);
      REQUIRE(proposals.size() == 8);
      for (const Proposal& proposal : proposals) {
        const Source source(make_source(family(proposal.tactic.family).sources(), problem, proposal.tactic));
        if (!compiled->find(source.digest)) return false;
      }
    }
    return true;
  };
  {
    const CompileAhead ahead(buckets, device, {}, 2, compiled, compiler_here());
    const Deadline deadline = Deadline::in(60);
    while (!all_there() && !deadline.passed()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    CHECK(all_there());
  }
  const auto began = Clock::now();
  std::vector<Machine::Coming> many;
  for (std::int64_t m = 1; m <= 2000; ++m) many.push_back({with_tokens(buckets[0].problem, m), {}});
  { const CompileAhead dropped(many, device, {}, 2, compiled, compiler_here()); }
  CHECK(seconds_since(began) < 10);
}
