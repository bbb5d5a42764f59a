// The proof with kernels that the host plays: what is right is accepted, what is wrong is refused with its cause.
#include <doctest/doctest.h>

#include <cmath>
#include <optional>

#include "made.hpp"
#include "port/proof/proving.hpp"

using namespace ak::port;
using ak::loop::binary;
using ak::loop::Function;
using ak::loop::integer;
using ak::loop::Term;
using ak::Deadline;

namespace {

const Deadline kSoon = Deadline::in(600);  // from the program's start

/// One function and its plan, for many kernels.
struct Proven {
  made::Function function;
  Oracle oracle{function, std::nullopt, {}, kSoon};
  CasePlan plan = plan_cases(function, oracle, Level::quick, {}, kSoon);
  ExpectedCases cases{plan, oracle};

  Proof operator()(const std::function<void(std::vector<Memory>&, std::int64_t n)>& kernel, bool same_bits = true,
                   int orders = 1) {
    return prove(
        cases, same_bits, orders,
        [&](const Case& given, int) {
          KernelRun run;
          run.left = given.memories;
          kernel(run.left, given.integers().at("n"));
          return run;
        },
        kSoon);
  }
};

void halve(std::vector<Memory>& memories, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) memories[0].set<float>(i, memories[1].get<float>(i + 1) * 0.5f);
}

}  // namespace

TEST_CASE("prove: a map that is right, and its natural mistakes") {
  Proven proven{made::halved()};
  using Memories = std::vector<Memory>;
  const Proof right = proven([](Memories& m, std::int64_t n) { halve(m, 0, n); });
  CHECK(right.right());
  CHECK(right.weak == 0);
  CHECK(right.text() == "right " + std::to_string(right.cases) + "/" + std::to_string(right.cases));
  const std::function<void(Memories&, std::int64_t)> wrong[] = {
      [](Memories& m, std::int64_t n) { halve(m, 0, n - 1); },                             // the last one
      [](Memories& m, std::int64_t n) { halve(m, 1, n); },                                 // the first one
      [](Memories& m, std::int64_t n) { halve(m, 0, n / 256 * 256); },                     // the tail
      [](Memories& m, std::int64_t n) { halve(m, 0, n & ~std::int64_t{3}); },              // the tail of a vector
      [](Memories& m, std::int64_t n) { halve(m, 0, std::min<std::int64_t>(n, 16384)); },  // one grid, no stride
      [](Memories& m, std::int64_t n) { halve(m, 0, n), m[0].set<float>(n, 0); },          // guard <=
      [](Memories& m, std::int64_t n) { halve(m, 0, n), m[1].set<float>(n, 0); },          // an input
      [](Memories& m, std::int64_t n) {
        for (int i = 0; i < n; ++i) m[0].set<float>(i, m[1].get<float>(i) * 0.5f);
      },  // which element
      [](Memories& m, std::int64_t n) {
        halve(m, 0, n);
        for (int i = 0; i < n; ++i)
          if (m[0].get<float>(i) == 0) m[0].set<float>(i, 0.0f);
      },  // sign of 0
      [](Memories&, std::int64_t) {},
  };
  for (const auto& kernel : wrong) {
    const Proof proof = proven(kernel);
    CHECK(proof.cause == Cause::incorrect);
    CHECK_MESSAGE(proof.done < proof.cases, proof.text());
  }
  CHECK(proven(wrong[0]).text().starts_with("wrong at 1/"));
  CHECK(proven(wrong[0]).text().find("incorrect: b[256] is ") != std::string::npos);
  CHECK(proven(wrong[0]).text().ends_with("(n=257 mixed)"));
}

TEST_CASE("prove: what is wrong for infinities or for no numbers alone is wrong") {
  using Memories = std::vector<Memory>;
  Function f = made::halved();
  const Term a = made::at("a", binary("+", made::i32("i"), integer(1)));
  f.body[0].body[0].value = binary("-", a, a);  // 0, of numbers
  Proven zero{f};
  CHECK(zero([](Memories& m, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) m[0].set<float>(i, m[1].get<float>(i + 1) - m[1].get<float>(i + 1));
  }).right());
  CHECK(zero([](Memories& m, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) m[0].set<float>(i, 0);
  }).cause == Cause::incorrect);
}

TEST_CASE("prove: a sum in another order is right within the bound, and not in its bits; a part of it is wrong") {
  Proven proven{made::summed()};
  using Memories = std::vector<Memory>;
  const auto sum = [](std::int64_t from, std::int64_t stride) {
    return [=](Memories& m, std::int64_t n) {
      float parts[32] = {};
      for (std::int64_t i = from; i < n; i += stride) parts[i % 32] += m[1].get<float>(i);
      for (int i = 1; i < 32; ++i) parts[0] += parts[i];
      m[0].set<float>(0, parts[0]);
    };
  };
  CHECK(proven(sum(0, 1), false).right());
  CHECK(proven(sum(0, 1), true).cause == Cause::incorrect);
  CHECK(proven(sum(1, 1), false).cause == Cause::incorrect);
  CHECK(proven(sum(0, 2), false).cause == Cause::incorrect);
  CHECK(proven([](Memories& m, std::int64_t) { m[0].set<float>(0, 0); }, false).cause == Cause::incorrect);
}

TEST_CASE("prove: what kernels did is told with its cause, case and order") {
  Proven proven{made::halved()};
  const auto race = [&](const Case& given, int order) {
    KernelRun run;
    run.left = given.memories;
    halve(run.left, 0, given.integers().at("n"));
    if (order == 1) run.cause = Cause::race, run.fault = "two threads meet in b[3]";
    return run;
  };
  const Proof proof = prove(proven.cases, true, 3, race, kSoon);
  CHECK(proof.cause == Cause::race);
  CHECK(proof.why == "two threads meet in b[3] (n=257 mixed, order 2)");
}

TEST_CASE("prove: it goes on where a deadline ended it") {
  Proven proven{made::halved()};
  int runs = 0;
  const RunKernels run = [&](const Case& given, int) {
    ++runs;
    KernelRun made;
    made.left = given.memories;
    halve(made.left, 0, given.integers().at("n"));
    return made;
  };
  Proof proof = prove(proven.cases, true, 1, run, Deadline::in(0));
  CHECK(proof.done == 0);
  CHECK_FALSE(proof.right());
  CHECK(proof.text().ends_with("so far"));
  proof.done = proof.cases - 2;
  proof = prove(proven.cases, true, 1, run, kSoon, proof);
  CHECK(proof.right());
  CHECK(runs == 2);
}

TEST_CASE("prove: a function that rounding alone decides proves nothing") {
  using namespace made;
  // x = x * x - 1.9 from a[i], a hundred times over: chaos
  Function f = function("chaos", {size("n"), array("b", i32("n")), array("a", i32("n"), true)},
                        {loop(1, "i", integer(0), i32("n"),
                              {assign(2, f32("x"), call("fminf", {call("fabsf", {at("a", i32("i"))}), real("1.5")})),
                               loop(3, "j", integer(0), integer(100),
                                    {assign(4, f32("x"), binary("-", binary("*", f32("x"), f32("x")), real("1.9")))}),
                               assign(5, at("b", i32("i")), f32("x"))})});
  f.locals = {{"x", ScalarType::f32, {}}};
  Proven proven{f};
  // Accepted nearly everywhere: twice as far from double as C is, which is within eight times, and far from the value.
  const Proof proof = proven(
      [](std::vector<Memory>& m, std::int64_t n) {
        for (std::int64_t i = 0; i < n; ++i) {
          float c = std::fmin(std::abs(m[1].get<float>(i)), 1.5f);
          double d = c;
          for (int j = 0; j < 100; ++j) {
            c = c * c;
            c = c - 1.9f;
            d = d * d - 1.9;
          }
          m[0].set<float>(i, static_cast<float>(d + 2 * (c - d)));
        }
      },
      false);
  CHECK(proof.cause == Cause::unproven);
  CHECK(proof.text().starts_with("unproven: on "));
  CHECK(proof.text().ends_with(" cases rounding alone moves b further than its own value"));
  CHECK(proven([](std::vector<Memory>& m, std::int64_t n) {
          for (std::int64_t i = 0; i < n; ++i) {
            float x = std::fmin(std::abs(m[1].get<float>(i)), 1.5f);
            for (int j = 0; j < 100; ++j) {
              x = x * x;
              x = x - 1.9f;
            }
            m[0].set<float>(i, x);
          }
        }).right());
}
