// The C function on all cores: which loops get a pragma, with which clauses, and that they are right.
#include <doctest/doctest.h>

#include <algorithm>

#include "ak/types.hpp"
#include "corpus.hpp"
#include "made.hpp"
#include "port/c/c_bench.hpp"
#include "port/c/openmp.hpp"

using namespace ak;
using namespace made;
using loop::Role;

namespace {

// Of one loop 1 over i, with statements 2, ...
loop::Verdict verdict(std::vector<Node> body, Role role = Role::parallel, std::vector<Node> behind = {}) {
  loop::Verdict made;
  made.function = function("f", {size("n"), array("a", i32("n")), array("b", i32("n"), true)}, {});
  made.function.locals = {{"t", ScalarType::f32, {}}, {"s", ScalarType::f32, {}}};
  loop::Group group;
  for (const Node& node : body) group.statements.push_back(node.id);
  group.loops = {{1, "i", role}};
  made.function.body = {made::loop(1, "i", integer(0), i32("n"), std::move(body))};
  for (Node& node : behind) made.function.body.push_back(std::move(node));
  made.groups = {group};
  return made;
}

loop::Verdict scaled() {
  return verdict({assign(2, f32("t"), at("b", i32("i"))), assign(3, at("a", i32("i")), binary("*", f32("t"), f32("t")))});
}
loop::Verdict summed_up() {
  loop::Verdict made = verdict({assign(2, f32("s"), binary("+", f32("s"), at("b", i32("i"))))}, Role::reduce,
                               {assign(5, at("a", integer(0)), f32("s"))});
  made.groups[0].reductions = {{f32("s"), "+", at("b", i32("i")), {}, {}, false, {2}}};
  return made;
}

std::string pragma_of(const loop::Verdict& of) {
  const port::OpenMp made = port::with_openmp(of, "f");
  if (!made.why.empty()) return made.why;
  const auto at = made.text.find("#pragma");
  REQUIRE(at != std::string::npos);
  return made.text.substr(at, made.text.find('\n', at) - at);
}

port::CompilerOptions on_all_cores() {
  port::CompilerOptions options;
  options.optimize = {{}, {"-O1", "-ffp-contract=off", "-fopenmp"}};
  return options;
}

}  // namespace

TEST_CASE("openmp: a parallel loop, with what each thread has of its own and the reductions as clauses") {
  CHECK(pragma_of(scaled()) == "#pragma omp parallel for private(t)");
  CHECK(pragma_of(summed_up()) == "#pragma omp parallel for reduction(+:s)");
  loop::Verdict assuming = scaled();
  assuming.assumed = {binary(">", i32("n"), integer(2))};
  CHECK(pragma_of(assuming) == "#pragma omp parallel for if((n > 2)) private(t)");
}

TEST_CASE("openmp: what keeps it from a loop is said") {
  loop::Verdict one = scaled();
  one.groups[0].notes = {{loop::Note::Kind::anti, "a", 1, 3, 3, 1}};
  CHECK(pragma_of(one) == "the loop of line 1: iterations meet in a, which would have to be renamed");
  one.groups[0].notes[0].loop = 9;  // another loop's
  CHECK(pragma_of(one) == "#pragma omp parallel for private(t)");
  one = scaled();
  one.groups[0].loops[0].role = Role::sequential;
  CHECK(pragma_of(one) == "the loop of line 1: it is not parallel");
  one = scaled();
  one.groups.push_back(one.groups[0]);
  CHECK(pragma_of(one) == "the loop of line 1: it would have to be distributed");
  one = scaled();
  one.function.body.push_back(assign(5, at("a", integer(0)), f32("t")));
  CHECK(pragma_of(one) == "the loop of line 1: the last value of t is wanted behind it");
  one = summed_up();
  one.groups[0].reductions[0].positions = {{"t", i32("i")}};
  CHECK(pragma_of(one) == "the loop of line 1: OpenMP has no clause for what it makes of s");
  one = scaled();
  one.function.body = {assign(2, at("a", integer(0)), f32("t"))};
  CHECK(pragma_of(one) == "no loop is an outermost one");
}

TEST_CASE("openmp: it is compiled and timed like the other arms; a compiler without it is said") {
  const loop::Verdict of = scaled();
  const port::OpenMp made = port::with_openmp(of, port::CBench::kDefined);
  port::CBench bench(of.function, made.text, on_all_cores());
  port::Case given = port::laid_out(of.function, {{"n", 1000}});
  for (port::Memory& memory : given.memories)
    for (std::int64_t i = 0; i < memory.elements; ++i) memory.set_real(i, 3);
  const std::vector<port::Memory> left = bench.run(given, Deadline::in(60));
  CHECK(left[0].real(0) == 9);
  CHECK(left[0].real(999) == 9);
  const port::Arm arm = bench.time(given, {}, Deadline::in(60));
  CHECK(arm.runs >= 3);
  CHECK(arm.us > 0);
  port::CompilerOptions without = on_all_cores();
  without.optimize.behind.pop_back();
  std::string why;
  try {
    port::CBench(of.function, made.text, without).await(Deadline::in(60));
  } catch (const Error& error) {
    why = error.what();
  }
  CHECK_MESSAGE(why.find("no OpenMP") != why.npos, why);
}

TEST_CASE("openmp: own loops are right on all cores, or said why they have no such arm") {
  const auto loops = test::takes_all() ? test::all_ported() : test::sample_of(1);
  int right = 0;
  for (const test::OwnLoop* own : loops) {
    CAPTURE(own->name);
    const loop::Verdict verdict = test::verdict_of(*own);
    const port::OpenMp made = port::with_openmp(verdict, port::CBench::kDefined);
    CHECK(made.why.empty() != made.text.empty());
    if (!made.why.empty()) continue;
    test::Data data(*own, port::Level::quick);
    port::CBench bench(verdict.function, made.text, on_all_cores());
    const port::Proof proof = port::prove(
        data.cases(), false, 2,
        [&](const port::Case& given, int) {
          return port::KernelRun{port::Cause::none, {}, bench.run(given, Deadline::in(30))};
        },
        Deadline::in(120));
    CHECK_MESSAGE(proof.right(), proof.text());
    right += proof.right();
  }
  MESSAGE(right, " of ", loops.size(), " loops on all cores");
}
