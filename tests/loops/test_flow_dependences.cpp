// What happens between statements at run time, the analysis must have predicted; and what it calls parallel, must be.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "analyser/analyse.hpp"
#include "interpreter.hpp"
#include "made.hpp"
#include "random_function.hpp"

using namespace ak;
using loop::Dependence;

namespace {

std::string text(const test::SeenDependence& seen) {
  static constexpr const char* kKinds[] = {"flow", "anti", "output"};
  return fmt::format("{} of {} from {} to {}, loop {} distance {}", kKinds[static_cast<int>(seen.kind)], seen.name, seen.from,
                     seen.to, seen.loop, seen.distance);
}

bool predicts(const Dependence& one, const test::SeenDependence& seen) {
  return static_cast<int>(one.kind) == static_cast<int>(seen.kind) && one.name == seen.name && one.from == seen.from &&
         one.to == seen.to && one.loop == seen.loop &&
         (one.loop == 0 || one.distances.empty() || std::count(one.distances.begin(), one.distances.end(), seen.distance));
}

/// Where the verdict would let this dependence be broken; empty: nowhere.
std::string broken(const loop::Verdict& verdict, const test::SeenDependence& seen) {
  using Kind = test::SeenDependence::Kind;
  using Note = loop::Note::Kind;
  if (!verdict.function.locals.empty())
    for (const loop::Local& local : verdict.function.locals)
      if (local.name == seen.name && local.extents.empty() && seen.kind != Kind::flow) return {};  // scalars are private
  const auto has = [](const loop::Group& group, int id) {
    return std::count(group.statements.begin(), group.statements.end(), id) > 0;
  };
  const auto noted = [&](const loop::Group& group, Note kind) {
    return std::any_of(group.notes.begin(), group.notes.end(), [&](const loop::Note& note) {
      return note.kind == kind && note.name == seen.name && (!note.distance || *note.distance == seen.distance || kind == Note::expand);
    });
  };
  for (std::size_t source = 0; source < verdict.groups.size(); ++source) {
    const loop::Group& group = verdict.groups[source];
    if (!has(group, seen.from)) continue;
    for (std::size_t sink = 0; sink < verdict.groups.size(); ++sink) {
      if (!has(verdict.groups[sink], seen.to)) continue;
      if (sink < source) {
        if (has(group, seen.to) || has(verdict.groups[sink], seen.from)) continue;  // what sets a scalar runs in several groups
        if (seen.kind == Kind::anti && noted(group, Note::anti)) continue;
        return "the groups run the other way round";
      }
      if (sink != source || seen.loop == 0) continue;
      for (const loop::LoopRole& role : group.loops) {
        if (role.loop != seen.loop || role.role != loop::Role::parallel) continue;
        if (seen.kind == Kind::flow && !noted(group, Note::expand)) return "the loop is not parallel";
        const bool reduced = std::any_of(group.reductions.begin(), group.reductions.end(),
                                         [&](const loop::Reduction& one) { return one.target.text == seen.name; });
        if (seen.kind == Kind::anti && !noted(group, Note::anti) && !reduced) return "nothing is said of the old value";
        if (seen.kind == Kind::output && !noted(group, Note::output) && !reduced) return "nothing is said of the last value";
      }
    }
  }
  return {};
}

bool holds(const loop::Verdict& verdict, const loop::Values& values) {
  return std::ranges::all_of(verdict.assumed, [&](const loop::Term& one) { return loop::evaluate(one, values) != 0; });
}

void check(const loop::Function& function, unsigned seed, const std::vector<std::pair<int, int>>& sizes) {
  const loop::Verdict found = analyser::analyse(function, {});
  for (const auto& [n, m] : sizes) {
    const loop::Values values = {{"n", n}, {"m", m}};
    if (!holds(found, values)) continue;
    const test::Observed observed = test::observe(found.function, values, seed);
    for (const test::SeenDependence& seen : observed.dependences) {
      const bool predicted = std::any_of(found.dependences.begin(), found.dependences.end(),
                                         [&](const Dependence& one) { return predicts(one, seen); });
      const std::string fault = broken(found, seen);
      if (predicted && fault.empty()) continue;
      FAIL_CHECK(fmt::format("function {}, n = {}, m = {}: {}: {}\n{}{}", seed, n, m, text(seen), predicted ? fault : "not predicted",
                             loop::explain(found), loop::c_text(found.function.body, 2)));
      return;
    }
  }
}

}  // namespace

TEST_CASE("flow: every dependence that happens was predicted, and no verdict breaks one") {
  for (unsigned seed = 0; seed < 150; ++seed) 
    check(test::random_function(seed), seed, {{0, 3}, {1, 3}, {2, 3}, {5, 3}, {8, 3}});
}

TEST_CASE("flow: rows of flat arrays are told apart only where they are, whatever their length") {
  for (unsigned seed = 0; seed < 150; ++seed)
    check(test::random_image(seed), seed, {{3, 0}, {3, 1}, {4, 2}, {2, 3}, {3, 5}, {5, 4}});
}

TEST_CASE("flow: accesses by rows meet where the flat ones do") {
  std::size_t several = 0;
  for (unsigned seed = 0; seed < 150; ++seed) {
    const loop::Verdict found = analyser::analyse(test::random_image(seed), {});
    const loop::Function by_rows = loop::by_rows(found);
    several += found.in_rows.size() > 1;
    for (const int n : {2, 3, 5})
      for (const int m : {0, 1, 2, 5}) {
        const loop::Values values = {{"n", n}, {"m", m}};
        if (!holds(found, values)) continue;
        CHECK_MESSAGE(test::observe(by_rows, values, seed).dependences == test::observe(found.function, values, seed).dependences,
                      "function ", seed, ", n = ", n, ", m = ", m, "\n", loop::c_text(by_rows.body, 2));
      }
  }
  CHECK(several > 20);
}

TEST_CASE("flow: a counter that an earlier loop moved on reaches elements behind its second loop's own count") {
  // int k = 0; for (i < n) if (a[i] > 0) { b[k] = a[i]; k++; } for (i < n) if (a[i] > 0) { b[k] = b[i + 3]; k++; }
  using namespace made;
  const auto pack = [](int id, Term value) {
    return made::loop(id, "i", integer(0), i32("n"),
                      {branch(id + 1, binary(">", at("a", i32("i")), integer(0)),
                              {assign(id + 2, at("b", i32("k")), std::move(value)),
                               assign(id + 3, i32("k"), binary("+", i32("k"), integer(1)))})});
  };
  const Term length = binary("+", binary("*", integer(2), i32("n")), integer(3));
  loop::Function function =
      made::function("pack_twice", {size("n"), array("a", i32("n"), true), array("b", length)},
                     {assign(1, i32("k"), integer(0)), pack(2, at("a", i32("i"))),
                      pack(6, at("b", binary("+", i32("i"), integer(3))))});
  function.locals = {{"k", ScalarType::i32, {}}};
  for (unsigned seed = 0; seed < 20; ++seed) check(function, seed, {{8, 0}});
}
