// Fuzzed data: sizes, index arrays that stay in their arrays, and every side of every branch.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "ak/types.hpp"
#include "made.hpp"
#include "port/cases/case_plan.hpp"

using namespace ak::port;
using namespace made;
using ak::Deadline;
using ak::loop::Values;

namespace {

const Deadline kSoon = Deadline::in(600);  // from the program's start

CasePlan planned(const Function& function, Level level = Level::quick, const Facts& facts = {}) {
  Oracle oracle(function, std::nullopt, {}, kSoon);
  return plan_cases(function, oracle, level, facts, kSoon);
}

std::vector<std::int64_t> integers(const Case& of, const std::string& name) {
  std::vector<std::int64_t> values;
  for (const Argument& argument : of.arguments)
    for (std::int64_t i = 0; argument.name == name && i < argument.elements; ++i)
      values.push_back(of.memories[argument.memory].integer(argument.offset + i));
  return values;
}

/// for i < n: a[ip[i] + shift] = b[i]
Function scattered(int shift = 0) {
  return function(
      "scattered", {size("n"), array("a", i32("n")), array("b", i32("n"), true), array("ip", i32("n"), true, ScalarType::i32)},
      {loop(1, "i", integer(0), i32("n"),
            {assign(2, at("a", binary("+", at("ip", i32("i"), ScalarType::i32), integer(shift))), at("b", i32("i")))})});
}

}  // namespace

TEST_CASE("data: an integer parameter is a size where it bounds a loop or an array") {
  const Function f = function("f", {size("n"), size("k"), size("m"), array("a", binary("+", i32("n"), integer(4)))},
                              {loop(1, "i", i32("k"), i32("n"),
                                    {branch(2, binary("==", i32("m"), integer(2)),
                                            {assign(3, at("a", binary("+", i32("i"), i32("k"))), real("3.5"))})})});
  const Roles roles = roles_of(f);
  CHECK(roles.sizes == std::vector<std::string>{"n"});
  CHECK(roles.integers == std::vector<std::string>{"k", "m"});
  CHECK(roles.depth == 1);
  CHECK(roles.thresholds == std::vector<double>{-2, 0, 2});
  const auto sizes = sizes_of(f, roles, {});
  CHECK(sizes.front() == Values{{"n", 0}});
  CHECK(sizes.back() == Values{{"n", 32000}});
  CHECK(sizes.size() == 13);
  CHECK(sizes_of(f, roles, {{{"n", 77}}, {}}) == std::vector<Values>{{{"n", 77}}});
}

TEST_CASE("data: sizes lie around where a loop begins, and the probe is behind it") {
  const Function f = function(
      "echo", {size("n"), array("a", i32("n"))},
      {loop(1, "i", integer(480), i32("n"), {assign(2, at("a", i32("i")), at("a", binary("-", i32("i"), integer(480))))})});
  const CasePlan plan = planned(f);
  std::set<std::int64_t> sizes;
  for (const auto& one : plan.cases) sizes.insert(one.sizes.at("n"));
  for (const std::int64_t n : {480, 481, 482}) CHECK(sizes.count(n) == 1);
  CHECK(plan.cases[0].sizes.at("n") == 737);
}

TEST_CASE("data: two dimensions have smaller sizes, equal and unlike") {
  const Function f =
      function("f", {size("n"), size("m"), array("a", binary("*", i32("n"), i32("m")))},
               {loop(1, "i", integer(0), i32("n"),
                     {loop(2, "j", integer(0), i32("m"),
                           {assign(3, at("a", binary("+", binary("*", i32("i"), i32("m")), i32("j"))), real("3.5"))})})});
  const Roles roles = roles_of(f);
  CHECK(roles.depth == 2);
  const auto sizes = sizes_of(f, roles, {});
  CHECK(std::count(sizes.begin(), sizes.end(), Values{{"n", 33}, {"m", 33}}) == 1);
  CHECK(std::count(sizes.begin(), sizes.end(), Values{{"n", 12}, {"m", 33}}) == 1);
  CHECK(std::count(sizes.begin(), sizes.end(), Values{{"n", 33}, {"m", 12}}) == 1);
  CHECK(iterations(f, {{"n", 12}, {"m", 33}}) == 12 * 33);
}

TEST_CASE("data: how far loops stay from edges, or reach around a place, is small beside the sizes") {
  // for (i = r; i < n - r; i++) for (d = -r; d <= r; d++) a[i] = b[i + d];
  const Term r = i32("r"), n = i32("n");
  const Function window = function("window", {size("n"), size("r"), array("a", n), array("b", n, true)},
                                   {loop(1, "i", r, binary("-", n, r),
                                         {loop(2, "d", ak::loop::unary("-", r), binary("+", r, integer(1)),
                                               {assign(3, at("a", i32("i")), at("b", binary("+", i32("i"), i32("d"))))})})});
  CHECK(margins(window) == std::vector<std::string>{"r"});
  const Roles roles = roles_of(window);
  CHECK(roles.margins == std::vector<std::string>{"r"});
  CHECK(roles.depth == 1);
  const auto sizes = sizes_of(window, roles, {});
  for (const std::int64_t large : {4099, 10000, 32000})
    CHECK(std::ranges::any_of(sizes,
                              [&](const Values& one) { return one.at("n") == large && iterations(window, one) >= large; }));
  for (const std::int64_t margin : {0, 1, 2, 3})
    CHECK(std::ranges::any_of(sizes, [&](const Values& one) { return one.at("n") > 30 && one.at("r") == margin; }));
  // A size that ends one loop and begins another is none, nor one that a whole loop ends with.
  const Function halves = function("halves", {size("n"), size("m"), array("a", i32("m"))},
                                   {loop(1, "i", integer(0), n, {assign(2, at("a", i32("i")), real("1.0"))}),
                                    loop(3, "i", n, i32("m"), {assign(4, at("a", i32("i")), real("2.0"))})});
  CHECK(margins(halves).empty());
  CHECK(margins(halved()).empty());
}

TEST_CASE("data: a stride is as wide as the rows that it separates") {
  // for (z < d) for (i < h) for (j < w) a[(z * plane + i) * pitch + j] = 1;
  const Term row = binary("+", binary("*", i32("z"), i32("plane")), i32("i"));
  const Term place = binary("+", binary("*", row, i32("pitch")), i32("j"));
  const Function f = function("pitched",
                              {size("d"), size("h"), size("w"), size("pitch"), size("plane"), size("other"),
                               array("a", binary("*", binary("*", i32("d"), i32("plane")), i32("pitch")))},
                              {loop(1, "z", integer(0), i32("d"),
                                    {loop(2, "i", integer(0), i32("h"),
                                          {loop(3, "j", integer(0), i32("w"), {assign(4, at("a", place), real("1.0"))})})})});
  const Roles roles = roles_of(f);
  CHECK(roles.integers == std::vector<std::string>{"pitch", "plane", "other"});
  const Values call{{"d", 4}, {"h", 5}, {"w", 7}};
  CHECK(widths_of(f, roles, call) == Values{{"pitch", 7}, {"plane", 5}, {"other", 1}});
  CHECK(widths_of(f, roles, {{"d", 4}, {"h", 5}, {"w", 7}, {"pitch", 9}}) == Values{{"plane", 5}, {"other", 1}});
  Recipe recipe;
  const auto made = [&](std::int64_t integer) {
    recipe.integer = integer;
    return make_case(f, roles, {}, call, recipe).integers();
  };
  CHECK(made(1).at("pitch") == 7);
  CHECK(made(2).at("pitch") == 8);
  CHECK(made(0).at("pitch") == 0);
  CHECK(make_case(f, roles, {{{"pitch", 30}}, {}}, call, recipe).integers().at("pitch") == 30);
  // What a diagonal goes along is no row: a[i * pitch + i].
  const Function diagonal =
      function("diagonal", {size("n"), size("pitch"), array("a", binary("*", i32("n"), i32("pitch")))},
               {loop(1, "i", integer(0), i32("n"),
                     {assign(2, at("a", binary("+", binary("*", i32("i"), i32("pitch")), i32("i"))), real("1.0"))})});
  CHECK(widths_of(diagonal, roles_of(diagonal), {{"n", 1000}}) == Values{{"pitch", 1}});
}

TEST_CASE("data: a nest is run with a size of 0 too, where it takes one") {
  // for i < n: { for j < m: b[i] += a[i]; ... }, and with a[m - 1] beside the inner loop
  const auto nest = [](Term beside) {
    return function("f", {size("n"), size("m"), array("b", i32("n")), array("a", i32("m"), true)},
                    {loop(1, "i", integer(0), i32("n"),
                          {loop(2, "j", integer(0), i32("m"),
                                {assign(3, at("b", i32("i")), binary("+", at("b", i32("i")), at("a", i32("j"))))}),
                           assign(4, at("b", i32("i")), std::move(beside))})});
  };
  const auto zeros = [](const CasePlan& plan, const std::string& size) {
    return std::ranges::count_if(plan.cases, [&](const auto& one) { return one.sizes.at(size) == 0; });
  };
  const CasePlan both = planned(nest(binary("*", at("b", i32("i")), real("0.5"))));
  CHECK(zeros(both, "n") == 1);
  CHECK(zeros(both, "m") == 1);
  const CasePlan one = planned(nest(at("a", binary("-", i32("m"), integer(1)))));
  CHECK(zeros(one, "n") == 1);
  CHECK(zeros(one, "m") == 0);
  CHECK(one.left_out == 0);
}

TEST_CASE("data: the same on every call, and another for each data set") {
  const Function f = halved();
  const Roles roles = roles_of(f);
  std::set<float> firsts;
  for (const Recipe& recipe : basic_recipes()) {
    const Case one = make_case(f, roles, {}, {{"n", 50}}, recipe);
    CHECK(one == make_case(f, roles, {}, {{"n", 50}}, recipe));
    firsts.insert(one.memories[1].get<float>(7));
    if (recipe.shape == Recipe::Shape::positive)
      for (int i = 0; i < 51; ++i) CHECK(one.memories[1].get<float>(i) > 0);
    CHECK(one.memories[1].guards_intact());
  }
  CHECK(firsts.size() == 5);
  // No array is another one moved: a kernel that writes nothing would be right then.
  const Case two = make_case(f, roles, {}, {{"n", 50}}, basic_recipes()[0]);
  for (int moved = -5; moved <= 5; ++moved) {
    int same = 0;
    for (int i = 5; i < 45; ++i) same += two.memories[0].get<float>(i) == two.memories[1].get<float>(i + moved);
    CHECK(same == 0);
  }
  // Of this generator, whatever the library's distributions are.
  CHECK(make_case(f, roles, {}, {{"n", 50}}, basic_recipes()[0]).memories[1].get<float>(7) == doctest::Approx(0.215331));
}

TEST_CASE("data: index arrays stay in what they are subscripts of") {
  for (const int shift : {0, 3, -2}) {
    const Function f = scattered(shift);
    const Roles roles = roles_of(f);
    REQUIRE(roles.indices.size() == 1);
    CHECK(roles.indices[0].name == "ip");
    const Range range = range_of(roles.indices[0], f, {{"n", 40}});
    CHECK(range.low == -shift);
    CHECK(range.high == 39 - shift);
    Recipe recipe;
    for (int kind = 0; kind < 5; ++kind) {
      recipe.indices = static_cast<Recipe::Indices>(kind);
      for (const std::int64_t value : integers(make_case(f, roles, {}, {{"n", 40}}, recipe), "ip")) {
        CHECK(value >= range.low);
        CHECK(value <= range.high);
      }
    }
  }
  Recipe recipe;
  auto values = integers(make_case(scattered(), roles_of(scattered()), {}, {{"n", 40}}, recipe), "ip");
  CHECK_FALSE(std::is_sorted(values.begin(), values.end()));
  CHECK(std::set<std::int64_t>(values.begin(), values.end()).size() == 40);
  const CasePlan plan = planned(scattered(2), Level::full);
  CHECK(plan.left_out > 0);  // with one or two elements there is none to write to
  for (const auto& one : plan.cases) CHECK(one.sizes.at("n") != 2);
  CHECK(plan.cases.size() > 50);
}

TEST_CASE("data: a scalar between an index array and a subscript is seen through") {
  Function f = scattered();
  f.locals = {{"k", ScalarType::i32, {}}};
  f.body[0].body = {assign(2, i32("k"), at("ip", i32("i"), ScalarType::i32)), assign(3, at("a", i32("k")), at("b", i32("i")))};
  CHECK(roles_of(f).indices.size() == 1);
}

TEST_CASE("data: links from one element to the next stay in their array") {
  // k = 0; for i < n: k = next[k], seen[i] = k
  Function f = function(
      "f",
      {size("n"), size("m"), array("next", i32("m"), true, ScalarType::i32), array("seen", i32("n"), false, ScalarType::i32)},
      {assign(1, i32("k"), integer(0)), loop(2, "i", integer(0), i32("n"),
                                             {assign(3, i32("k"), at("next", i32("k"), ScalarType::i32)),
                                              assign(4, at("seen", i32("i"), ScalarType::i32), i32("k"))})});
  f.locals = {{"k", ScalarType::i32, {}}};
  const CasePlan plan = planned(f);
  CHECK(plan.cases.size() > 15);
  CHECK(plan.left_out < 10);  // without an element there is no first one
}

TEST_CASE("data: a subscript that takes any integer gets negative ones too") {
  // for i < n: b[i] = table[code[i] & 7]
  const Function f = function(
      "f", {size("n"), array("code", i32("n"), true, ScalarType::i32), array("b", i32("n")), array("table", integer(8), true)},
      {loop(1, "i", integer(0), i32("n"),
            {assign(2, at("b", i32("i")), at("table", binary("&", at("code", i32("i"), ScalarType::i32), integer(7))))})});
  const Roles roles = roles_of(f);
  CHECK(range_of(roles.indices.at(0), f, {{"n", 9}}).low < 0);
  CHECK(planned(f).left_out == 0);
}

TEST_CASE("data: a stride is no size") {
  // for i < n: b[i] = a[i * stride]
  const Function f = function(
      "f",
      {size("n"), size("stride"), array("b", i32("n")),
       array("a", binary("+", binary("*", i32("n"), i32("stride")), integer(1)), true)},
      {loop(1, "i", integer(0), i32("n"), {assign(2, at("b", i32("i")), at("a", binary("*", i32("i"), i32("stride"))))})});
  const Roles roles = roles_of(f);
  CHECK(roles.sizes == std::vector<std::string>{"n"});
  CHECK(roles.integers == std::vector<std::string>{"stride"});
  CHECK(planned(f, Level::full).left_out == 0);
  CHECK(elements(f, {{"n", 10}, {"stride", 3}}) == 10 + 31);
}

TEST_CASE("data: where few data fit, others are looked for") {
  // for i < n: bins[(int)x[i]] += 1 of 10 bins
  const Term cell = ak::loop::convert(ScalarType::i32, at("x", i32("i")));
  const Term bin = at("bins", cell, ScalarType::i32);
  const Function f = function("f", {size("n"), array("x", i32("n"), true), array("bins", integer(10), false, ScalarType::i32)},
                              {loop(1, "i", integer(0), i32("n"), {assign(2, bin, binary("+", bin, integer(1)))})});
  const CasePlan plan = planned(f);
  int at_middle = 0;
  for (const auto& one : plan.cases) at_middle += one.sizes.at("n") == 257;
  CHECK(at_middle >= 5);
}

TEST_CASE("data: an array that bounds an inner loop ascends, and ends where what it bounds ends") {
  // for i < n: for j = row[i]; j < row[i + 1]: y[i] = y[i] + x[col[j]]
  const Function f = function(
      "sparse",
      {size("n"), size("m"), size("w"), array("y", i32("n")), array("x", i32("w"), true),
       array("col", i32("m"), true, ScalarType::i32), array("row", binary("+", i32("n"), integer(1)), true, ScalarType::i32)},
      {loop(1, "i", integer(0), i32("n"),
            {loop(2, "j", at("row", i32("i"), ScalarType::i32), at("row", binary("+", i32("i"), integer(1)), ScalarType::i32),
                  {assign(3, at("y", i32("i")),
                          binary("+", at("y", i32("i")), at("x", at("col", i32("j"), ScalarType::i32))))})})});
  const Roles roles = roles_of(f);
  REQUIRE(roles.indices.size() == 2);
  const Case made = make_case(f, roles, {}, {{"n", 20}, {"m", 50}, {"w", 7}}, {});
  const auto rows = integers(made, "row"), columns = integers(made, "col");
  CHECK(std::is_sorted(rows.begin(), rows.end()));
  CHECK(rows.back() <= 50);
  CHECK(*std::max_element(columns.begin(), columns.end()) == 6);
  const CasePlan plan = planned(f);
  CHECK(plan.cases.size() > 5);
}

TEST_CASE("data: what a loop multiplies again and again is 0 once, among factors that overflow together") {
  const auto carried = [](Term target, Term made) {
    return function("f", {size("n"), array("a", binary("+", i32("n"), integer(1))), array("b", i32("n"), true), value("g")},
                    {loop(1, "i", integer(0), i32("n"), {assign(2, std::move(target), std::move(made))})});
  };
  const Term next = at("a", binary("+", i32("i"), integer(1)));
  const Term product = binary("*", binary("*", f32("g"), at("b", i32("i"))), at("a", i32("i")));
  const CasePlan plan = planned(carried(next, product));
  CHECK(plan.roles.factors == std::vector<std::string>{"g", "b"});
  const auto found = std::ranges::find_if(plan.cases, [](const auto& one) { return one.recipe.shape == Recipe::Shape::still; });
  REQUIRE(found != plan.cases.end());
  const Case given = plan.at(static_cast<std::size_t>(found - plan.cases.begin()));
  for (const Argument& argument : given.arguments) {
    if (argument.name == "g") CHECK(argument.real >= 2);
    for (std::int64_t i = 0; argument.pointer && i < argument.elements; ++i) {
      const double value = given.memories[argument.memory].real(argument.offset + i);
      CHECK((argument.name == "a" ? value == 0 : value >= 2));
    }
  }
  CHECK_FALSE(planned(carried(at("a", i32("i")), product)).roles.carries_products);  // of its own iteration
}

TEST_CASE("data: both sides of conditions that ordinary values never meet") {
  // for i < n: if (a[i] > 1000) b[i] = 1; if (a[i] == -7.25) b[i] = 2; if (k == 9) b[i] = 3; if (i == n) b[i] = 4; if (a[i] / w
  // > 63) b[i] = 5
  const auto set = [](int id, Term condition, const char* value) {
    return branch(id, std::move(condition), {assign(id + 1, at("b", i32("i")), real(value))});
  };
  Function f =
      function("f", {size("n"), size("k"), array("b", i32("n")), array("a", i32("n"), true)},
               {loop(1, "i", integer(0), i32("n"),
                     {set(2, binary(">", at("a", i32("i")), real("1000.0")), "1.0"),
                      set(4, binary("==", at("a", i32("i")), real("-7.25")), "2.0"),
                      set(6, binary("==", i32("k"), integer(9)), "3.0"), set(8, binary("==", i32("i"), i32("n")), "4.0")})});
  f.parameters.push_back(value("w"));
  f.body[0].body.push_back(set(10, binary(">", binary("/", at("a", i32("i")), f32("w")), integer(63)), "5.0"));
  const CasePlan plan = planned(f);
  CHECK(plan.unreached == std::vector<std::string>{"line 8: i == n is never true"});
  CHECK(plan.left_out == 0);
}

TEST_CASE("data: a loop that is left early is left at once, late and never") {
  // for i < n: { if (a[i] < t) break; b[i] = a[i]; }
  Function f = function("f", {size("n"), value("t"), array("b", i32("n")), array("a", i32("n"), true)},
                        {loop(1, "i", integer(0), i32("n"),
                              {branch(2, binary("<", at("a", i32("i")), f32("t")), {leave(3, 1)}),
                               assign(4, at("b", i32("i")), at("a", i32("i")))})});
  Oracle oracle(f, std::nullopt, {}, kSoon);
  const CasePlan plan = plan_cases(f, oracle, Level::quick, {}, kSoon);
  bool early = false, late = false, last = false, never = false;
  for (std::size_t i = 0; i < plan.cases.size(); ++i) {
    if (plan.cases[i].sizes.at("n") != 257) continue;
    const auto walk = oracle.walk(plan.at(i), kSoon);
    const std::int64_t left = walk->taken[0], stayed = walk->taken[1];
    early = early || (left && stayed < 10);
    late = late || (left && stayed > 200);
    last = last || (left && stayed == 256);
    never = never || !left;
  }
  CHECK(early);
  CHECK(late);
  CHECK(last);
  CHECK(never);
}

TEST_CASE("data: cases on which the C function leaves its arrays are left out, and of none but such it says so") {
  Function f = halved();
  f.parameters[2].extents = {integer(40)};  // a[i + 1]
  const CasePlan plan = planned(f);
  for (const auto& one : plan.cases) CHECK(one.sizes.at("n") < 40);
  CHECK(plan.left_out > 5);
  CHECK(plan.left_out_why.starts_with("it leaves its arrays at line 2: subscript 40 (n=257"));

  f.parameters[2].extents = {i32("n")};  // only a loop that does not run leaves no array
  Oracle oracle(f, std::nullopt, {}, kSoon);
  CHECK_THROWS_WITH_AS(plan_cases(f, oracle, Level::quick, {}, kSoon),
                       "'halved' cannot be called where a loop of it runs more than once: it leaves its arrays at line 2: "
                       "subscript 257 (n=257 mixed)",
                       ak::Error);
  CHECK_THROWS_WITH_AS(
      plan_cases(f, oracle, Level::quick, {{{"n", 10}}, {}}, kSoon),
      "no data is found that 'halved' may be called with: it leaves its arrays at line 2: subscript 10 (n=10 mixed)",
      ak::Error);
}

TEST_CASE("data: a loop that runs once at most is none that its arrays bear") {
  // x[n] of n elements: n = 1 runs, and says nothing of two iterations
  const Function f = function(
      "sum_back", {size("taps"), array("h", i32("taps"), true), array("x", integer(1)), array("y", integer(1))},
      {loop(1, "k", integer(0), i32("taps"),
            {assign(2, at("y", integer(0)), binary("*", at("h", i32("k")), at("x", binary("-", integer(0), i32("k")))))})});
  Oracle oracle(f, std::nullopt, {}, kSoon);
  CHECK_THROWS_WITH_AS(plan_cases(f, oracle, Level::full, {}, kSoon),
                       "'sum_back' cannot be called where a loop of it runs more than once: it leaves its arrays at line 2: "
                       "subscript -1 (taps=257 mixed)",
                       ak::Error);
}

TEST_CASE("data: a plan is bounded and begins with what finds faults soonest") {
  const CasePlan quick = planned(halved()), full = planned(halved(), Level::full);
  CHECK(quick.cases.size() >= 10);
  CHECK(quick.cases.size() <= 40);
  CHECK(full.cases.size() >= 13 * 5);
  CHECK(full.cases.size() <= 110);
  CHECK(quick.cases[0].sizes.at("n") == 257);
  CHECK(full.cases.back().sizes.at("n") == 32000);
}
