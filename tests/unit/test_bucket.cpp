// Buckets of token counts: their edges, and what they cost by the cost model.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "core/bucket.hpp"
#include "families/family.hpp"
#include "search/space.hpp"

using namespace ak;

TEST_CASE("bucket: every m is in one, they follow each other, and none is wider than an octave") {
  std::int64_t next = 1;
  while (next < 100000) {
    const TokenRange bucket = bucket_of(next);
    REQUIRE(bucket.from == next);
    REQUIRE(bucket.to < 2 * bucket.from);
    if (bucket.to < 5000)
      for (std::int64_t m = bucket.from; m <= bucket.to; ++m) REQUIRE(bucket_of(m) == bucket);
    next = bucket.to + 1;
  }
  CHECK(bucket_of(1) == TokenRange{1, 1});
  CHECK(bucket_of(3) == TokenRange{3, 4});
  CHECK(bucket_of(64) == TokenRange{33, 64});
  CHECK(bucket_of(65) == TokenRange{65, 96});
  CHECK(bucket_of(129) == TokenRange{129, 160});
  CHECK(bucket_of(512) == TokenRange{449, 512});
  CHECK(bucket_of(513) == TokenRange{513, 576});
  CHECK(bucket_of(2147483647).holds(2147483647));
}

TEST_CASE("bucket: a range meets those of both its ends and all between, the last first") {
  const auto all = buckets_of({1, 512});
  CHECK(all.size() == 17);
  CHECK(all.front() == TokenRange{449, 512});
  CHECK(all.back() == TokenRange{1, 1});
  CHECK(buckets_of({40, 70}) == std::vector<TokenRange>{{65, 96}, {33, 64}});
  CHECK(buckets_of({7, 7}) == std::vector<TokenRange>{{5, 8}});
}

TEST_CASE("bucket: an empty, a reversed and a huge range are refused by name") {
  const auto why = [](TokenRange tokens) -> std::string {
    try {
      check_tokens(tokens);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(why({1, 512}) == "");
  CHECK(why({512, 1}) == "tokens: 512 to 1: the range is empty or reversed");
  CHECK(why({0, 4}) == "tokens: 0 to 4: the least is 1");
  CHECK(why({1, std::int64_t{1} << 31}) == "tokens: 1 to 2147483648: over 2^31 - 1");
}

// What a bucket's last m is tuned to, at the others, against what each of them would be tuned to.
TEST_CASE("bucket: by the cost model one tactic for a bucket loses at most a tenth, and 3 % in the mean") {
  const DeviceFacts h200;
  double worst = 0, sum = 0;
  int count = 0;
  for (const char* shape : {"6144x4096", "4096x14336"}) {
    const auto problem = [&](std::int64_t m) { return parse_problem(std::to_string(m) + "x" + shape); };
    std::map<std::int64_t, Tactic> tuned;
    for (const std::int64_t m : {3, 9, 17, 33, 50, 65, 97, 129, 161, 193, 260, 300, 325, 449}) {
      const std::int64_t top = bucket_of(m).to;
      if (!tuned.contains(top)) tuned[top] = make_space(problem(top), h200).tactics.at(0).tactic;
      const Tactic& tactic = tuned[top];
      const Family& own = family(tactic.family);
      CAPTURE(shape);
      CAPTURE(m);
      CHECK(own.rejects(problem(m), tactic, h200) == std::nullopt);
      const double loss = own.cost_us(problem(m), tactic, h200) / make_space(problem(m), h200).tactics.at(0).cost_us;
      worst = std::max(worst, loss), sum += std::log(loss), ++count;
    }
  }
  CHECK(worst < 1.10);
  CHECK(std::exp(sum / count) < 1.03);
}
