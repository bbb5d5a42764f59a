// What templates make of verdicts, as far as it can be seen without running it: which loops they take, and how they are
// launched.
#include <doctest/doctest.h>

#include <algorithm>

#include "jit/compiler.hpp"
#include "port/candidates.hpp"
#include "port/cases/pinned.hpp"
#include "port/templates/linear.hpp"
#include "port/templates/templates.hpp"

using namespace ak::loop;
using ak::port::candidates;

namespace {

const Term n = scalar("n", ScalarType::i32), m = scalar("m", ScalarType::i32);
const Term i = scalar("i", ScalarType::i32), j = scalar("j", ScalarType::i32);

Term plus(const Term& a, std::int64_t b) { return binary(b < 0 ? "-" : "+", a, integer(b < 0 ? -b : b)); }
Term at(const char* array, std::vector<Term> subscripts) { return element(array, std::move(subscripts), ScalarType::f32); }

Node assign(int id, Term target, Term value) {
  Node node;
  node.id = id;
  node.target = std::move(target);
  node.value = std::move(value);
  return node;
}

Node loop_over(int id, const Term& variable, Term begin, Term end, std::vector<Node> body, std::int64_t step = 1) {
  Node node;
  node.kind = Node::Kind::loop;
  node.id = id;
  node.variable = variable.text;
  node.begin = std::move(begin);
  node.end = std::move(end);
  node.step = step;
  node.body = std::move(body);
  return node;
}

/// void f(int n, int m, float a[n + 1][m + 1], float b[n + 1]) with one group.
Verdict verdict_of(std::vector<Node> body, std::vector<int> statements, std::vector<LoopRole> loops) {
  Verdict verdict;
  verdict.function = {"f",
                      ScalarType::none,
                      {{"n", ScalarType::i32, false, false, false, {}, true},
                       {"m", ScalarType::i32, false, false, false, {}, true},
                       {"a", ScalarType::f32, true, false, false, {plus(n, 1), plus(m, 1)}, true},
                       {"b", ScalarType::f32, true, false, false, {plus(n, 1)}, true}},
                      {},
                      std::move(body)};
  Group group;
  group.statements = std::move(statements);
  group.loops = std::move(loops);
  verdict.groups = {group};
  return verdict;
}

bool has(const Verdict& verdict, const std::string& name) {
  const auto all = candidates(verdict);
  return std::any_of(all.begin(), all.end(), [&](const Candidate& one) { return one.template_name == name; });
}
bool maps(const Verdict& verdict) { return has(verdict, "map"); }

Node branch(int id, Term condition, std::vector<Node> body) {
  Node node;
  node.kind = Node::Kind::branch;
  node.id = id;
  node.condition = std::move(condition);
  node.body = std::move(body);
  return node;
}

}  // namespace

TEST_CASE("templates: serial is always there and last; a refused function has nothing") {
  Verdict verdict = verdict_of({loop_over(1, i, integer(0), n, {assign(2, at("b", {i}), at("a", {i, integer(0)}))})}, {2},
                               {{1, "i", Role::parallel}});
  const auto all = candidates(verdict);
  REQUIRE(all.size() > 1);
  CHECK(all.back().template_name == "serial");
  CHECK(std::all_of(all.begin(), all.end() - 1, [](const Candidate& one) { return one.template_name == "map"; }));
  verdict.refused = "why";
  CHECK(candidates(verdict).empty());
}

TEST_CASE("templates: geometry of any loop has blocks for all iterations, and one where there are none") {
  struct Row {
    Term begin, end;
    std::int64_t step;
  };
  for (const Row& row :
       {Row{integer(0), n, 1}, Row{integer(3), plus(n, -1), 5}, Row{plus(n, -1), integer(-1), -1}, Row{n, m, -7}}) {
    const Verdict verdict = verdict_of({loop_over(1, i, row.begin, row.end, {assign(2, at("b", {i}), integer(1))}, row.step)},
                                       {2}, {{1, "i", Role::parallel}});
    for (const Candidate& one : candidates(verdict)) {
      if (one.template_name != "map") continue;
      REQUIRE(one.launches.size() == 1);
      for (const std::int64_t size : {-5, 0, 1, 255, 256, 257, 1000000}) {
        const Values values{{"n", size}, {"m", 3}, {kSms, 100}};
        const std::int64_t begin = *evaluate(row.begin, values), end = *evaluate(row.end, values);
        std::int64_t trips = 0;
        for (std::int64_t k = begin; row.step > 0 ? k < end : k > end; k += row.step) ++trips;
        const auto blocks = evaluate(one.launches[0].blocks, values);
        REQUIRE(blocks);
        CHECK(*blocks >= 1);
        const std::int64_t a_block = one.launches[0].threads * one.knobs.at("unroll") * (one.knobs.at("vector") ? 4 : 1);
        CHECK(*blocks * a_block >= trips);
        CHECK((*blocks - 1) * a_block <= trips);
      }
    }
  }
}

TEST_CASE("templates: a loop inside one that carries is shared out only where its threads keep to their own elements") {
  const auto sweep = [](Term from) {
    const std::vector<Node> inner{assign(3, at("a", {i, j}), std::move(from))};
    return verdict_of({loop_over(1, i, integer(1), n, {loop_over(2, j, integer(1), m, inner)})}, {3},
                      {{1, "i", Role::scan}, {2, "j", Role::parallel}});
  };
  CHECK(maps(sweep(at("a", {plus(i, -1), j}))));
  CHECK_FALSE(maps(sweep(at("a", {plus(i, -1), plus(j, 1)}))));
  CHECK_FALSE(maps(sweep(at("a", {plus(i, -1), plus(j, -1)}))));
  CHECK_FALSE(maps(sweep(at("a", {plus(i, -1), integer(0)}))));
}

TEST_CASE("templates: what several iterations of a pack read is loaded once, and nothing that no iteration reads") {
  const auto text_of = [](Term value, Term to) {
    const auto all = candidates(verdict_of({loop_over(1, i, integer(1), n, {assign(2, std::move(to), std::move(value))})}, {2},
                                           {{1, "i", Role::parallel}}));
    return all[0].knobs.at("vector") ? all[0].text : std::string();
  };
  const auto count = [](const std::string& text, const std::string& what) {
    int found = 0;
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++found;
    return found;
  };
  const Term near = binary("+", at("b", {plus(i, -1)}), at("b", {plus(i, 1)})), out = at("a", {integer(0), i});
  const std::string both = text_of(near, out);
  CHECK(count(both, "ak::load16(") == 1);
  CHECK(count(both, "ak::store16(") == 1);
  CHECK(both.find("[0] = b[i - 1];") != both.npos);
  CHECK(both.find("[5] = b[i + 4];") != both.npos);
  CHECK(both.find("b[i + 5]") == both.npos);
  // As much of a second aligned piece as is read, or all of it.
  const std::string far = text_of(binary("+", at("b", {i}), at("b", {plus(i, 4)})), out);
  CHECK(count(far, "ak::load16(") == 2);
  // Elements that are too far apart are two strips; what is written is read nowhere else.
  CHECK(count(text_of(binary("+", at("b", {i}), at("b", {plus(i, 400)})), out), "ak::load16(") == 2);
  CHECK(text_of(at("b", {binary("*", integer(2), i)}), at("a", {i, integer(0)})).empty());
}

TEST_CASE("templates: threads keep their iterations where an outer loop carries something") {
  const auto sweep = [](Term end) {
    const std::vector<Node> inner{assign(3, at("b", {j}), binary("+", at("b", {j}), at("a", {i, j})))};
    const auto all =
        candidates(verdict_of({loop_over(1, i, integer(0), n, {loop_over(2, j, integer(0), std::move(end), inner)})}, {3},
                              {{1, "i", Role::scan}, {2, "j", Role::parallel}}));
    const auto map = std::find_if(all.begin(), all.end(), [](const Candidate& one) { return one.template_name == "map"; });
    REQUIRE(map != all.end());
    return map->knobs.at("vector");
  };
  CHECK(sweep(m) == 1);
  CHECK(sweep(i) == 0);  // which of them are in packs would change from row to row
}

TEST_CASE("templates: what iterations overwrite of each other, and scalars that go on, are not shared out by map") {
  const auto shifted = [](Note::Kind kind) {
    Verdict verdict = verdict_of({loop_over(1, i, integer(0), n, {assign(2, at("b", {i}), at("b", {plus(i, 1)}))})}, {2},
                                 {{1, "i", Role::parallel}});
    verdict.groups[0].notes = {{kind, "b", 1, 2, 2, 1}};
    return maps(verdict);
  };
  CHECK_FALSE(shifted(Note::Kind::anti));
  CHECK_FALSE(shifted(Note::Kind::output));
  Verdict verdict = verdict_of({loop_over(1, i, integer(0), n, {assign(2, scalar("t", ScalarType::f32), at("b", {i}))})}, {2},
                               {{1, "i", Role::parallel}});
  verdict.function.locals = {{"t", ScalarType::f32, {}}};
  Node& loop = verdict.function.body[0];
  loop.body.insert(loop.body.begin(), assign(4, at("b", {i}), scalar("t", ScalarType::f32)));
  verdict.groups[0].statements = {4, 2};
  CHECK_FALSE(maps(verdict));  // t of the iteration before, and no note that says so
}

TEST_CASE("templates: what stands behind a loop and takes nothing out of it leaves the loop a map") {
  Verdict verdict = verdict_of(
      {loop_over(1, i, integer(1), n, {assign(2, at("b", {i}), at("a", {i, i}))}), assign(3, at("b", {n}), at("a", {n, n}))},
      {2}, {{1, "i", Role::parallel}});
  verdict.groups.emplace_back().statements = {3};
  const auto all = candidates(verdict);
  CHECK(all.front().template_name == "map+serial");
  for (const Candidate& one : all) CHECK(one.template_name.find("reduce") == std::string::npos);
}

TEST_CASE("templates: a front over a flat array is one where the verdict has all of its accesses by rows") {
  const auto flat = [](const Term& row, const Term& place) { return at("a", {binary("+", binary("*", row, m), place)}); };
  Verdict verdict = verdict_of(
      {loop_over(
          1, i, integer(1), n,
          {loop_over(2, j, integer(1), m, {assign(3, flat(i, j), binary("+", flat(plus(i, -1), j), flat(i, plus(j, -1))))})})},
      {3}, {{1, "i", Role::wavefront}, {2, "j", Role::wavefront}});
  verdict.function.parameters[2].extents = {binary("*", n, m)};
  CHECK_FALSE(has(verdict, "wavefront"));
  verdict.in_rows = {{flat(i, j), at("a", {i, j})}, {flat(plus(i, -1), j), at("a", {plus(i, -1), j})}};
  CHECK_FALSE(has(verdict, "wavefront"));
  verdict.in_rows.push_back({flat(i, plus(j, -1)), at("a", {i, plus(j, -1)})});
  CHECK(has(verdict, "wavefront"));
  CHECK(has(ak::port::pinned(verdict, {{{"m", 40}}, {}}), "wavefront"));  // the size in the place of its name
}

TEST_CASE("templates: groups of one nest that need each other's scalars are a thread's, where its loop carries nothing") {
  const Term t = scalar("t", ScalarType::f32);
  // t is of the first group's cycle, and both groups need it.
  Verdict verdict = verdict_of(
      {loop_over(1, j, integer(1), m,
                 {loop_over(2, i, integer(1), n,
                            {assign(3, t, at("a", {plus(i, -1), j})),
                             assign(4, at("a", {i, j}), binary("/", at("a", {i, j}), t)), assign(5, at("b", {i, j}), t)})})},
      {3, 4}, {{1, "j", Role::parallel}, {2, "i", Role::sequential}});
  verdict.function.locals = {{"t", ScalarType::f32, {}}};
  verdict.function.parameters[3].extents = verdict.function.parameters[2].extents;
  Group& behind = verdict.groups.emplace_back();
  behind.statements = {5};
  behind.loops = {{1, "j", Role::parallel}, {2, "i", Role::parallel}};
  CHECK(maps(verdict));
  verdict.dependences = {{Dependence::Kind::flow, "a", 4, 3, 2, {1}, true}};
  CHECK(maps(verdict));
  verdict.dependences.push_back({Dependence::Kind::anti, "a", 5, 4, 1, {1}, true});
  CHECK_FALSE(maps(verdict));
  verdict.dependences.pop_back();
  verdict.groups[1].loops[0].role = Role::sequential;
  CHECK_FALSE(maps(verdict));
}

TEST_CASE("templates: where an assumption does not hold one thread alone runs") {
  Verdict verdict = verdict_of({loop_over(1, i, integer(0), n, {assign(2, at("b", {i}), at("a", {i, integer(0)}))})}, {2},
                               {{1, "i", Role::parallel}});
  verdict.assumed = {binary(">", m, integer(0)), binary(">", n, integer(3))};
  for (const Candidate& one : candidates(verdict)) {
    CAPTURE(one.template_name);
    const auto blocks = [&](std::int64_t rows, std::int64_t columns) {
      std::vector<std::int64_t> all;
      for (const Launch& launch : one.launches)
        all.push_back(*evaluate(launch.blocks, {{"n", rows}, {"m", columns}, {kSms, 132}}));
      return all;
    };
    if (one.template_name == ak::port::kSerial) {
      CHECK(blocks(1000, 0) == std::vector<std::int64_t>{1});
      continue;
    }
    CHECK(one.launches.size() == 2);
    CHECK(blocks(1000, 5)[0] > 0);
    CHECK(blocks(1000, 5)[1] == 0);
    CHECK(blocks(1000, 0) == std::vector<std::int64_t>{0, 1});
    CHECK(blocks(3, 5) == std::vector<std::int64_t>{0, 1});
  }
}

TEST_CASE("templates: a scan far back is that many chains, and where these fill no GPU tiles too") {
  const auto delayed = [](std::int64_t by) {
    Verdict verdict = verdict_of(
        {loop_over(1, i, integer(by), n, {assign(2, at("b", {i}), binary("+", at("b", {i}), at("b", {plus(i, -by)})))})}, {2},
        {{1, "i", Role::scan}});
    Recurrence recurrence;
    recurrence.target = "b", recurrence.distances = {by}, recurrence.statement = 2;
    recurrence.multipliers = {integer(1)}, recurrence.constant = at("b", {i});
    verdict.groups[0].recurrences = {recurrence};
    return verdict;
  };
  CHECK_FALSE(has(delayed(4), "chains"));
  CHECK(has(delayed(4), "scan"));
  CHECK(candidates(delayed(64)).front().template_name == "chains");
  CHECK(has(delayed(64), "scan"));
  CHECK(candidates(delayed(480)).front().template_name == "chains");
  CHECK_FALSE(has(delayed(480), "scan"));
}

TEST_CASE("templates: a distance that a call's value says is one that they see") {
  Verdict verdict =
      verdict_of({loop_over(1, i, m, n, {assign(2, at("b", {i}), binary("+", at("b", {i}), at("b", {binary("-", i, m)})))})},
                 {2}, {{1, "i", Role::scan}});
  Recurrence recurrence;
  recurrence.target = "b", recurrence.distances = {480}, recurrence.statement = 2;
  recurrence.multipliers = {integer(1)}, recurrence.constant = at("b", {i});
  verdict.groups[0].recurrences = {recurrence};
  CHECK_FALSE(has(verdict, "chains"));
  const Verdict known = ak::port::pinned(verdict, {{{"m", 480}}, {}});
  CHECK(has(known, "chains"));
  CHECK(known.function.parameters.size() == verdict.function.parameters.size());
  Node set = assign(3, m, integer(1));  // what is written has no one value
  verdict.function.body.push_back(set);
  CHECK(ak::port::pinned(verdict, {{{"m", 480}}, {}}) == verdict);
}

TEST_CASE("templates: reorder takes reads of what is overwritten later, and writes that all later iterations undo") {
  const auto verdict = [](std::vector<Node> body, std::vector<int> statements, Note::Kind kind) {
    Verdict verdict = verdict_of({loop_over(1, i, integer(1), plus(n, -1), std::move(body))}, std::move(statements),
                                 {{1, "i", Role::parallel}});
    verdict.groups[0].notes = {{kind, "b", 1, 0, 0, 1}};
    return verdict;
  };
  const auto moved = [&](int by) { return verdict({assign(2, at("b", {i}), at("b", {plus(i, by)}))}, {2}, Note::Kind::anti); };
  CHECK(has(moved(1), "reorder"));
  CHECK_FALSE(has(moved(-1), "reorder"));  // that flows from iteration to iteration, whatever the note says
  for (const Candidate& one : candidates(moved(1)))
    if (one.template_name == "reorder") {
      REQUIRE(one.launches.size() == 2);
      CHECK_FALSE(one.launches[0].dependent);
      CHECK(one.launches[1].dependent);
    }
  const Node first = assign(2, at("b", {i}), integer(1)), second = assign(4, at("b", {plus(i, 1)}), integer(2));
  CHECK(has(verdict({first, second}, {2, 4}, Note::Kind::output), "reorder"));
  // The write that would undo the other may not happen.
  const Node perhaps = branch(3, binary(">", n, i), {first});
  CHECK_FALSE(has(verdict({perhaps, second}, {2, 4}, Note::Kind::output), "reorder"));
}

TEST_CASE("templates: the length of an array that is copied is computed in 64 bits, whatever its term is") {
  Verdict verdict = verdict_of({loop_over(1, i, integer(1), plus(n, -1), {assign(2, at("b", {i}), at("b", {plus(i, 1)}))})},
                               {2}, {{1, "i", Role::parallel}});
  verdict.groups[0].notes = {{Note::Kind::anti, "b", 1, 0, 0, 1}};
  REQUIRE(verdict.function.parameters[3].name == "b");
  const Term product = binary("*", n, m);
  verdict.function.parameters[3].extents = {{Term::Kind::choose, ScalarType::i32, "", {binary("<", n, m), product, n}}};
  CHECK(std::ranges::any_of(candidates(verdict), [](const Candidate& one) {
    return one.text.find("at_ < ((long long)n < (long long)m ? (long long)n * (long long)m : (long long)n); at_ +=") !=
           std::string::npos;
  }));
}

TEST_CASE("templates: reductions of floats associate anew, those of integers and extrema do not") {
  for (const auto& [op, type, same] : {std::tuple{"+", ScalarType::f32, false},
                                       {"+", ScalarType::i32, true},
                                       {"max", ScalarType::f32, true},
                                       {"*", ScalarType::f64, false}}) {
    const Term s = scalar("s", type), value = convert(type, at("b", {i}));
    const Term next = std::string(op) == "max" ? Term{Term::Kind::choose, type, {}, {binary(">", value, s), value, s}}
                                               : convert(type, binary(op, s, value));
    Verdict verdict = verdict_of({loop_over(1, i, integer(0), n, {assign(2, s, next)}), assign(3, at("a", {n, m}), s)}, {2},
                                 {{1, "i", Role::reduce}});
    verdict.function.locals = {{"s", type, {}}};
    verdict.groups[0].reductions = {{s, op, value, {}, {}, false, {2}}};
    verdict.groups.push_back({});
    verdict.groups[1].statements = {3};
    const auto all = candidates(verdict);
    REQUIRE(all[0].template_name == "reduce");
    CHECK(all[0].same_bits == same);
    CHECK(all.back().same_bits);
    CHECK(all[0].launches.size() <= 2);  // what stands behind the loop is part of it
  }
}

TEST_CASE("templates: how far apart two subscripts are") {
  using ak::port::Apart;
  const auto apart = [](const Term& read, const Term& write, std::int64_t step = 1, const std::vector<Term>& conditions = {}) {
    return ak::port::apart(at("b", {read}), at("b", {write}), "i", step, conditions);
  };
  CHECK(apart(plus(i, 1), i).iterations == 1);
  CHECK(apart(plus(i, -2), i).iterations == -2);
  CHECK(apart(plus(i, -2), i, -1).iterations == 2);
  CHECK(apart(plus(i, 4), i, 2).iterations == 2);
  CHECK(apart(plus(i, 3), i, 2).kind == Apart::Kind::never);
  CHECK(apart(binary("+", i, n), binary("+", n, i)).iterations == 0);
  CHECK(apart(binary("+", i, n), i).kind == Apart::Kind::unknown);
  CHECK(apart(binary("*", integer(2), i), i).kind == Apart::Kind::unknown);
  CHECK(apart(integer(3), integer(4)).kind == Apart::Kind::never);
  CHECK(apart(integer(3), integer(3)).kind == Apart::Kind::unknown);
  // Rows of m, of which nothing is known or that they are no shorter than one element.
  const std::vector<Term> wide{binary(">", m, integer(0))}, other{binary(">", n, integer(0))},
      even{binary(">", binary("*", integer(2), m), integer(0))};
  const Term row = binary("*", i, m), two_before = binary("*", plus(i, -2), m);
  CHECK(apart(two_before, row, 1, wide).iterations == -2);
  CHECK(apart(two_before, row, -1, wide).iterations == 2);
  CHECK(apart(plus(two_before, 3), plus(row, 3), 1, wide).iterations == -2);
  CHECK(apart(row, row, 1, wide).kind == Apart::Kind::iterations);
  CHECK(apart(two_before, row, 1, even).iterations == -2);
  CHECK(apart(binary("*", row, n), binary("*", two_before, n), 1, {wide[0], other[0]}).iterations == 2);
  CHECK(apart(two_before, row, 3, wide).kind == Apart::Kind::unknown);
  CHECK(apart(plus(two_before, 1), row, 1, wide).kind == Apart::Kind::unknown);  // the row before, where m is 1
  CHECK(apart(binary("*", row, n), binary("*", two_before, n), 1, wide).kind == Apart::Kind::unknown);
  CHECK(apart(two_before, row, 1, other).kind == Apart::Kind::unknown);
  CHECK(apart(two_before, row).kind == Apart::Kind::unknown);
}

TEST_CASE("names that a kernel cannot have are others in its text alone") {
  const Term size = scalar("new", ScalarType::i32), index = scalar("threadIdx", ScalarType::i32);
  Verdict verdict;
  verdict.function.name = "f";
  verdict.function.parameters = {{"new", ScalarType::i32, false, false, false, {}, true},
                                 {"this", ScalarType::f32, true, false, false, {size}, true},
                                 {"c_this", ScalarType::f32, true, true, false, {size}, true}};
  verdict.function.body = {loop_over(
      1, index, integer(0), size, {assign(2, at("this", {index}), binary("*", at("c_this", {index}), at("c_this", {index})))})};
  Group group;
  group.statements = {2}, group.loops = {{1, "threadIdx", Role::parallel}};
  verdict.groups = {group};
  const auto all = candidates(verdict);
  REQUIRE(all.size() > 1);
  for (const Candidate& candidate : all) {
    CAPTURE(candidate.text);
    CHECK(candidate.text.find("float* __restrict__ c_c_this") != std::string::npos);
    CHECK(candidate.text.find(" this[") == std::string::npos);
    for (const Launch& launch : candidate.launches) CHECK(evaluate(launch.blocks, {{"new", 1000}, {kSms, 100}}).has_value());
  }
}

TEST_CASE("names of a kernel's text have ASCII's letters alone, and none is also the template's own") {
  const Term size = scalar("cols_", ScalarType::i32), index = scalar("ï", ScalarType::i32);
  Verdict verdict;
  verdict.function.name = "größe";
  verdict.function.parameters = {{"cols_", ScalarType::i32, false, false, false, {}, true},
                                 {"row_", ScalarType::f32, true, false, false, {size}, true},
                                 {"row__", ScalarType::f32, true, true, false, {size}, true}};
  verdict.function.body = {loop_over(1, index, integer(0), size, {assign(2, at("row_", {index}), at("row__", {index}))})};
  Group group;
  group.statements = {2}, group.loops = {{1, "ï", Role::parallel}};
  verdict.groups = {group};
  const auto all = candidates(verdict);
  REQUIRE(all.size() > 1);
  CHECK(all[0].launches[0].kernel == "grxc3xb6xc3x9fe_map_1_");
  for (const Candidate& candidate : {all.front(), all.back()}) {
    CAPTURE(candidate.text);
    CHECK(candidate.text.find("float* __restrict__ c_row,") != std::string::npos);
    CHECK(candidate.text.find("float* __restrict__ c_c_row)") != std::string::npos);
    for (const Launch& launch : candidate.launches) CHECK(evaluate(launch.blocks, {{"cols_", 1000}, {kSms, 100}}).has_value());
    if (ak::compiler_available()) CHECK(ak::port::compile_kernels(ak::port::kernel_text(candidate), "sm_90a").failure == "");
  }
}

TEST_CASE("templates: a real number becomes an integer as on the host's processor, also one that no integer is near") {
  const auto text = [&](ScalarType to, Term value) {
    Verdict verdict =
        verdict_of({loop_over(1, i, integer(0), n, {assign(2, element("k", {i}, to), convert(to, std::move(value)))})}, {2},
                   {{1, "i", Role::parallel}});
    return candidates(verdict)[0].text;
  };
  CHECK(text(ScalarType::i32, at("b", {i})).find("k[i] = ak::to_i32(b[i]);") != std::string::npos);
  CHECK(text(ScalarType::i64, at("b", {i})).find("k[i] = ak::to_i64(b[i]);") != std::string::npos);
  CHECK(text(ScalarType::i64, i).find("ak::to_i") == std::string::npos);
}
