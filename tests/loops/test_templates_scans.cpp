// Templates for what goes from iteration to iteration: which loops they take, which they leave, and what their kernels need.
#include <doctest/doctest.h>

#include <algorithm>

#include "port/templates/affine_form.hpp"
#include "port/templates/linear.hpp"
#include "port/templates/templates.hpp"

using namespace ak::loop;
using ak::port::candidates;

namespace {

const Term n = scalar("n", ScalarType::i32), m = scalar("m", ScalarType::i32), i = scalar("i", ScalarType::i32),
           j = scalar("j", ScalarType::i32), k = scalar("k", ScalarType::i32);
const Term s = scalar("s", ScalarType::f32);

Term plus(const Term& a, std::int64_t b) { return binary(b < 0 ? "-" : "+", a, integer(b < 0 ? -b : b)); }
Term at(const char* array, std::vector<Term> subscripts) { return element(array, std::move(subscripts), ScalarType::f32); }
Term times(const char* factor, Term term) {
  return binary("*", {Term::Kind::real, ScalarType::f32, factor, {}}, std::move(term));
}

Node assign(int id, Term target, Term value) {
  Node node;
  node.id = id;
  node.target = std::move(target);
  node.value = std::move(value);
  return node;
}

Node loop_over(int id, const Term& variable, Term begin, Term end, std::vector<Node> body) {
  Node node;
  node.kind = Node::Kind::loop;
  node.id = id;
  node.variable = variable.text;
  node.begin = std::move(begin);
  node.end = std::move(end);
  node.body = std::move(body);
  return node;
}

Node branch(int id, Term condition, std::vector<Node> body) {
  Node node;
  node.kind = Node::Kind::branch;
  node.id = id;
  node.condition = std::move(condition);
  node.body = std::move(body);
  return node;
}

/// void f(int n, int m, float a[n + 9], float b[n + 9], float c[n + 9][m + 9]) with s, k and one group of all statements.
Verdict verdict_of(std::vector<Node> body, std::vector<LoopRole> loops) {
  Verdict verdict;
  verdict.function = {"f",
                      ScalarType::none,
                      {{"n", ScalarType::i32, false, false, false, {}, true},
                       {"m", ScalarType::i32, false, false, false, {}, true},
                       {"a", ScalarType::f32, true, false, false, {plus(n, 9)}, true},
                       {"b", ScalarType::f32, true, false, false, {plus(n, 9)}, true},
                       {"c", ScalarType::f32, true, false, false, {plus(n, 9), plus(m, 9)}, true}},
                      {{"s", ScalarType::f32, {}}, {"k", ScalarType::i32, {}}},
                      std::move(body)};
  Group group;
  for_each_node(verdict.function.body, [&](const Node& node) {
    if (node.kind == Node::Kind::assign) group.statements.push_back(node.id);
  });
  group.loops = std::move(loops);
  verdict.groups = {group};
  return verdict;
}

/// for (i = 0; i < n; i++) body
Verdict one_loop(std::vector<Node> body, Role role) {
  return verdict_of({loop_over(1, i, integer(0), n, std::move(body))}, {{1, "i", role}});
}

Verdict recurrence(std::vector<Node> body, const char* target, std::vector<std::int64_t> distances) {
  Verdict verdict = one_loop(std::move(body), Role::scan);
  Recurrence one;
  one.target = target;
  one.distances = std::move(distances);
  verdict.groups[0].recurrences = {one};
  return verdict;
}

std::string first_of(const Verdict& verdict) { return candidates(verdict).at(0).template_name; }

bool has(const Verdict& verdict, const char* text) { return candidates(verdict).at(0).text.find(text) != std::string::npos; }

}  // namespace

TEST_CASE("scans: affine recurrences, of order two, interleaved; their law is the simplest that holds") {
  const auto next = [](Term value, std::vector<std::int64_t> distances) {
    return recurrence({assign(2, at("a", {plus(i, 4)}), std::move(value))}, "a", std::move(distances));
  };
  const Term before = at("a", {plus(i, 3)}), b = at("b", {i});
  CHECK(has(next(binary("+", before, b), {1}), "ak::Add<float>"));
  CHECK(has(next(binary("+", times("0.5", before), b), {1}), "ak::Affine<float>"));
  CHECK(has(next(binary("-", times("0.5", before), at("a", {plus(i, 2)})), {1, 2}), "ak::Affine<float, 2>"));
  CHECK(has(next(binary("+", at("a", {plus(i, 2)}), b), {2}), "phase_"));
  CHECK(has(next(binary("+", convert(ScalarType::f64, before), convert(ScalarType::f64, b)), {1}), "ak::Add<double>"));
  CHECK(first_of(next(binary("*", before, before), {1})) == "serial");
  // Through a scalar, also where what that was made of changes after it.
  const auto through = [&](std::vector<Node> more) {
    std::vector<Node> body{assign(2, s, binary("+", before, b))};
    body.insert(body.end(), more.begin(), more.end());
    body.push_back(assign(9, at("a", {plus(i, 4)}), times("0.5", s)));
    return recurrence(std::move(body), "a", {1});
  };
  CHECK(has(through({}), "ak::Affine<float>"));
  CHECK(has(through({assign(3, at("b", {i}), integer(0))}), "a_step_.row[0].c = ak::weighted<float>(0.5f, a_s_row_.c)"));
  CHECK(first_of(through({assign(3, s, binary("*", s, s))})) == "serial");
  CHECK(first_of(next(binary("+", before, at("a", {plus(i, 1)})), {1, 3})) == "serial");
  // A distance that a parameter's value tells: of one read it must be this one's.
  const Term far = at("a", {binary("-", plus(i, 4), m)});
  CHECK(has(next(binary("+", far, b), {3}), "phase_"));
  CHECK(first_of(next(binary("+", binary("*", far, b), at("a", {binary("+", i, n)})), {3})) == "serial");
  // An old value that another scan's blocks may have overwritten.
  CHECK(first_of(next(binary("+", at("a", {plus(i, 2)}), at("a", {plus(i, 6)})), {2})) == "scan");
  CHECK(first_of(next(binary("+", at("a", {plus(i, 2)}), at("a", {plus(i, 5)})), {2})) == "serial");
}

TEST_CASE("scans: a scalar that the loop uses as it goes") {
  const Node add = assign(2, s, binary("+", s, at("a", {i})));
  CHECK(first_of(recurrence({add, assign(3, at("b", {i}), s)}, "s", {1})) == "scan");
  CHECK(has(
      recurrence({branch(4, binary(">", at("a", {i}), integer(0)), {assign(2, s, at("a", {i}))}), assign(3, at("b", {i}), s)},
                 "s", {1}),
      "ak::Hold<float>"));
  // What decides on it depends on it; what it takes up depends on it.
  CHECK(first_of(recurrence({branch(4, binary(">", s, integer(9)), {add}), assign(3, at("b", {i}), s)}, "s", {1})) == "serial");
  CHECK(has(recurrence({assign(2, at("b", {i}), s), assign(3, s, binary("+", s, at("b", {i})))}, "s", {1}),
            "s_step_.row[0].m[0] = ak::added<float>(1, s_b_now__row_.m[0])"));
  CHECK(first_of(recurrence({assign(2, at("b", {k}), s), assign(3, s, binary("+", s, at("b", {i})))}, "s", {1})) == "serial");
  // What it takes up the same iteration has written.
  CHECK(has(
      recurrence({assign(2, at("b", {i}), times("2.0", at("b", {i}))), assign(3, s, binary("+", s, at("b", {i})))}, "s", {1}),
      "s_step_ = s_step_ + b_now_"));
  // An iteration reads what a later one overwrites: kept in a register until that may write, in its order.
  const Verdict ahead = recurrence({add, assign(3, at("a", {i}), binary("+", s, at("a", {plus(i, 1)})))}, "s", {1});
  CHECK(has(ahead, "a_saved0_[k_] = a[i + 1]"));
  // What an earlier one wrote would have to be there already.
  CHECK(first_of(recurrence({add, assign(3, at("a", {plus(i, 1)}), s)}, "s", {1})) == "serial");
  // An operator with a condition that is not its own.
  Verdict extreme =
      recurrence({branch(4, binary(">", at("a", {i}), s), {assign(2, s, at("a", {i}))}), assign(3, at("b", {i}), s)}, "s", {1});
  extreme.groups[0].recurrences[0].op = "max";
  extreme.groups[0].recurrences[0].constant = at("a", {i});
  CHECK(has(extreme, "ak::Max<float>"));
  extreme.function.body[0].body[0].condition =
      binary("&&", binary(">", at("a", {i}), s), binary(">", at("b", {i}), integer(0)));
  CHECK(first_of(extreme) == "serial");
}

TEST_CASE("scans: two values that are made of both") {
  const Term x = scalar("x", ScalarType::f32), y = scalar("y", ScalarType::f32), a = at("a", {i});
  const auto pair = [&](std::vector<Node> body, std::vector<std::int64_t> distances) {
    Verdict verdict = recurrence(std::move(body), "x", std::move(distances));
    verdict.groups[0].recurrences[0].with = {"y"};
    for (const Term& local : {x, y}) verdict.function.locals.push_back({local.text, ScalarType::f32, {}});
    return verdict;
  };
  const Node kept = assign(9, at("b", {i}), x);
  // The first that is set is what the second is made of, unless a scalar keeps what it was.
  CHECK(has(pair({assign(2, x, binary("+", times("0.5", x), y)), assign(3, y, binary("-", x, a)), kept}, {1}),
            "x_step_.row[1].m[1] = x_step_.row[0].m[1]"));
  CHECK(has(pair({assign(2, s, binary("+", times("0.5", x), y)), assign(3, y, binary("-", x, a)), assign(4, x, s), kept}, {1}),
            "x_step_.row[0].m[1] = x_s_row_.m[1]"));
  CHECK(has(pair({assign(2, s, binary("+", times("0.5", x), y)), assign(3, y, x), assign(4, x, s), kept}, {1, 2}),
            "ak::Compose<float, 2>()"));
  CHECK(first_of(pair({assign(2, x, binary("*", x, y)), assign(3, y, binary("-", x, a)), kept}, {1})) == "serial");
  CHECK(first_of(pair({assign(2, x, binary("+", x, at("b", {convert(ScalarType::i32, y)}))), assign(3, y, x), kept}, {1})) ==
        "serial");
  Verdict three = pair({assign(2, x, binary("+", x, y)), assign(3, y, binary("-", x, s)), assign(4, s, x), kept}, {1});
  three.groups[0].recurrences[0].with = {"y", "s"};
  CHECK(first_of(three) == "serial");
}

TEST_CASE("scans: what the iteration before has read is read again, unless the loop writes it") {
  const Term x = scalar("x", ScalarType::f32);
  const auto delayed = [&](const char* to) {
    Verdict verdict = recurrence({assign(2, x, binary("+", times("0.5", x), binary("-", at("a", {i}), s))),
                                  assign(3, s, at("a", {i})), assign(4, at(to, {i}), x)},
                                 "x", {1});
    verdict.function.locals.push_back({"x", ScalarType::f32, {}});
    verdict.groups[0].notes = {{Note::Kind::expand, "s", 1, 3, 2, 1}};
    return verdict;
  };
  CHECK(has(delayed("b"), "i == 0 ? s : a[i - 1]"));
  CHECK(first_of(delayed("a")) == "serial");
}

TEST_CASE("scans: what an iteration takes from the one before, where the loop overwrites what it is made of") {
  const auto hands_on = [](const char* into, std::int64_t distance) {
    Verdict verdict =
        one_loop({assign(2, at(into, {i}), binary("-", at("a", {i}), s)), assign(3, s, at("b", {i}))}, Role::parallel);
    verdict.groups[0].notes = {{Note::Kind::expand, "s", distance, 3, 2, 1}};
    return verdict;
  };
  CHECK(first_of(hands_on("a", 1)) == "map");     // computed again
  CHECK(first_of(hands_on("b", 1)) == "serial");  // of what the same iteration has overwritten: none knows it before
  const Term t = scalar("t", ScalarType::f32);
  Verdict in_place = hands_on("b", 1);
  in_place.function.body[0].body = {assign(2, t, at("b", {i})), assign(3, at("b", {i}), binary("-", t, s)), assign(4, s, t)};
  in_place.function.locals.push_back({"t", ScalarType::f32, {}});
  in_place.groups[0].statements = {2, 3, 4};
  CHECK(first_of(in_place) == "scan");
  CHECK(has(in_place, "ak::Hold<float>"));
  CHECK(candidates(in_place)[0].same_bits);
  in_place.groups[0].notes[0].distance = 2;
  CHECK(first_of(in_place) == "serial");
}

TEST_CASE("scans: what blocks count and wait with is zeroed, and there is a block for each tile") {
  const auto all = candidates(recurrence({assign(2, s, binary("+", s, at("a", {i}))), assign(3, at("b", {i}), s)}, "s", {1}));
  REQUIRE(all.size() > 2);
  for (const Candidate& one : all) {
    if (one.template_name != "scan") continue;
    CHECK_FALSE(one.same_bits);
    CHECK(one.launches.back().waits == (one.launches.size() == 1 && one.knobs.count("launches") > 0));
    if (!one.launches.back().waits) {
      for (const Scratch& scratch : one.scratch) CHECK_FALSE(scratch.zeroed);
      continue;
    }
    for (const std::int64_t size : {-7, 0, 1, 1023, 1024, 1025, 1000000}) {
      const Values values{{"n", size}, {"m", 1}};
      const std::int64_t blocks = evaluate(one.launches[0].blocks, values).value(),
                         tile = one.knobs.at("block") * one.knobs.at("items");
      const bool packs = one.knobs.count("vector") > 0;  // the first tile may lack what lies before an aligned address
      CHECK(blocks == (size > 0 ? (size + (packs ? 3 : 0) - 1) / tile + 1 : 1));
      std::int64_t zeroed = 0;
      for (const Scratch& scratch : one.scratch)
        if (scratch.zeroed) zeroed += evaluate(scratch.elements, values).value();
      CHECK(zeroed == (packs ? 2 : 1) * blocks + 1);
    }
  }
}

TEST_CASE("scans: a condition around the loop") {
  const auto under = [](Term condition) {
    Verdict verdict = recurrence({assign(2, at("a", {plus(i, 1)}), binary("+", at("a", {i}), at("b", {i})))}, "a", {1});
    verdict.function.body = {branch(7, std::move(condition), verdict.function.body)};
    return verdict;
  };
  CHECK(has(under(binary(">", m, integer(3))), "const long long count_ = (m > 3) ? "));
  CHECK(first_of(under(binary(">", at("a", {n}), integer(3)))) == "serial");
  Verdict otherwise = under(m);
  std::swap(otherwise.function.body[0].body, otherwise.function.body[0].otherwise);
  CHECK(has(otherwise, "const long long count_ = (!m) ? "));
}

TEST_CASE("scans: rows of a nest") {
  const std::vector<Node> inner{assign(3, at("c", {i, plus(j, 1)}), binary("+", at("c", {i, j}), at("a", {i})))};
  Verdict verdict = verdict_of({loop_over(1, i, integer(0), n, {loop_over(2, j, integer(0), m, inner)})},
                               {{1, "i", Role::parallel}, {2, "j", Role::scan}});
  verdict.groups[0].recurrences.resize(1);
  verdict.groups[0].recurrences[0].target = "c";
  verdict.groups[0].recurrences[0].distances = {1};
  const auto all = candidates(verdict);
  CHECK(std::any_of(all.begin(), all.end(), [](const Candidate& one) { return one.template_name == "scan"; }));
  verdict.groups[0].notes.push_back({Note::Kind::anti, "c", 1, 3, 3, 1});
  for (const Candidate& one : candidates(verdict)) CHECK(one.template_name != "scan");
}

TEST_CASE("compact: packing, and in place") {
  const auto pack = [](const char* to) {
    Verdict verdict = one_loop(
        {branch(2, binary(">", at("a", {i}), integer(0)), {assign(3, at(to, {k}), at("a", {i})), assign(4, k, plus(k, 1))})},
        Role::compact);
    verdict.groups[0].counters = {{"k", 1, std::nullopt, {4}}};
    return verdict;
  };
  CHECK(first_of(pack("b")) == "compact");
  CHECK(candidates(pack("b"))[0].same_bits);
  CHECK(first_of(pack("a")) == "serial");  // nothing says that it reads before it is overwritten
  Verdict in_place = pack("a");
  in_place.groups[0].notes = {{Note::Kind::anti, "a", std::nullopt, 3, 3, 1}};
  CHECK(has(in_place, "a_saved0_[k_]"));
  in_place.groups[0].notes[0].kind = Note::Kind::output;
  CHECK(first_of(in_place) == "serial");
}

TEST_CASE("compact: over two loops as over one") {
  const auto nest = [](Term end, Role outer) {
    const Term element = at("c", {i, j});
    Verdict verdict =
        verdict_of({loop_over(1, i, integer(1), n,
                              {loop_over(2, j, integer(0), std::move(end),
                                         {branch(3, binary(">", element, integer(0)),
                                                 {assign(4, at("b", {k}), element), assign(5, k, plus(k, 1))})})})},
                   {{1, "i", outer}, {2, "j", Role::compact}});
    verdict.groups[0].counters = {{"k", 1, std::nullopt, {5}}};
    return verdict;
  };
  CHECK(first_of(nest(m, Role::compact)) == "compact");
  CHECK(has(nest(m, Role::compact), "j = (int)(all_ % ((long long)m > 0LL ? (long long)m : 0LL));"));
  CHECK(first_of(nest(i, Role::compact)) == "serial");  // rows of different lengths
  Verdict in_place = nest(m, Role::compact);
  in_place.groups[0].notes = {{Note::Kind::anti, "c", 1, 3, 4, 2}};
  CHECK(first_of(in_place) == "serial");
}

TEST_CASE("chains: as many threads as the distance, where nothing else makes them meet") {
  const auto chains = [](Term value) {
    Verdict verdict = one_loop({assign(2, at("a", {plus(i, 4)}), std::move(value))}, Role::chains);
    verdict.groups[0].recurrences = {{"a", {4}, {}, std::nullopt, "", 2}};
    return verdict;
  };
  const Term before = at("a", {i});
  CHECK(first_of(chains(binary("/", at("b", {i}), before))) == "chains");
  CHECK(has(chains(binary("/", at("b", {i}), before)), "i += 4"));
  CHECK(first_of(chains(binary("/", at("a", {plus(i, 8)}), before))) == "chains");
  CHECK(first_of(chains(binary("/", at("a", {plus(i, 5)}), before))) == "serial");
  CHECK(first_of(chains(binary("/", at("a", {n}), before))) == "serial");
}

TEST_CASE("scans: a value as multiples of what is carried") {
  const auto form = [](const Term& term) {
    return ak::port::affine_form(term, 1,
                                 [](const Term& part) { return part == s ? std::optional<std::size_t>(0) : std::nullopt; });
  };
  const Term a = at("a", {i});
  CHECK(c_text(*form(binary("-", times("2.0", s), a))->factors[0]) == "2.0f");
  CHECK(c_text(*form(binary("-", a, s))->factors[0]) == "-1");
  CHECK(c_text(*form(binary("+", binary("*", s, a), s))->factors[0]) == "a[i] + 1");
  CHECK(!form(binary("*", s, s)));
  CHECK(!form(binary("/", a, s)));
  CHECK(!form(Term{Term::Kind::call, ScalarType::f32, "sqrtf", {s}}));
  CHECK(!form(convert(ScalarType::i32, s)));
  CHECK(!form(at("b", {convert(ScalarType::i32, s)})));
  CHECK(!form(a)->factors[0]);
  // What is chosen to be forgotten stays so in products, whatever multiplies it.
  const Term kept{Term::Kind::choose, ScalarType::f32, "", {binary("<", i, n), s, integer(0)}};
  CHECK(c_text(*form(binary("*", kept, a))->factors[0]) == "i < n ? a[i] : -0.0f");
  CHECK(c_text(*form(unary("-", times("0.5", kept)))->factors[0]) == "i < n ? -0.5f : -0.0f");
}

TEST_CASE("scans: a coefficient of a loop's variable is none where an operator hides it") {
  using ak::port::coefficient_of;
  using ak::port::linear;
  CHECK(coefficient_of(linear(binary("+", binary("*", i, integer(3)), n)), "i")->constant() == 3);
  for (const char* op : {"~", "!"}) CHECK_FALSE(coefficient_of(linear(binary("+", unary(op, i), n)), "i"));
  CHECK(coefficient_of(linear(unary("~", n)), "i")->constant() == 0);
}

TEST_CASE("wavefront: rows follow each other as far behind as what they share asks for") {
  const auto sweep = [](Term value, Role outer, Role inner) {
    const std::vector<Node> body{assign(3, at("c", {plus(i, 1), plus(j, 4)}), std::move(value))};
    return verdict_of({loop_over(1, i, integer(0), n, {loop_over(2, j, integer(0), m, body)})},
                      {{1, "i", outer}, {2, "j", inner}});
  };
  const auto is = [](const Verdict& verdict) {
    for (const Candidate& one : candidates(verdict))
      if (one.template_name == "wavefront") return one.text;
    return std::string();
  };
  const Term above = at("c", {i, plus(j, 4)}), left = at("c", {plus(i, 1), plus(j, 3)});
  CHECK(is(sweep(binary("+", above, left), Role::wavefront, Role::wavefront)).find("step_ - 1LL * threadIdx.x") !=
        std::string::npos);
  const Term above_right = at("c", {i, plus(j, 6)});
  CHECK(is(sweep(binary("+", above_right, left), Role::wavefront, Role::wavefront)).find("step_ - 3LL * threadIdx.x") !=
        std::string::npos);
  CHECK(is(sweep(above_right, Role::sequential, Role::parallel)).find("step_ - 3LL * threadIdx.x") != std::string::npos);
  // A later iteration's element is to be read before: the same order.
  CHECK(is(sweep(binary("+", left, at("c", {plus(i, 2), plus(j, 3)})), Role::wavefront, Role::wavefront)).find("- 2LL *") !=
        std::string::npos);
  CHECK(is(sweep(at("c", {i, binary("*", integer(2), j)}), Role::wavefront, Role::wavefront)).empty());
  CHECK(is(sweep(at("c", {i, at("b", {j})}), Role::wavefront, Role::wavefront)).empty());
  CHECK(is(sweep(binary("+", left, at("c", {plus(i, -60), plus(j, 4)})), Role::wavefront, Role::wavefront)).empty());
}

TEST_CASE("wavefront: sweeps over one array again and again") {
  const auto sweep = [](Term value) {
    Verdict verdict = verdict_of(
        {loop_over(1, i, integer(0), m, {loop_over(2, j, integer(1), n, {assign(3, at("a", {j}), std::move(value))})})},
        {{1, "i", Role::wavefront}, {2, "j", Role::wavefront}});
    return candidates(verdict)[0];
  };
  const Candidate one = sweep(binary("+", at("a", {plus(j, -1)}), at("a", {plus(j, 1)})));
  CHECK(one.template_name == "wavefront");
  CHECK(one.text.find("step_ - 2LL * threadIdx.x") != std::string::npos);
  CHECK(one.same_bits);
  CHECK(sweep(at("a", {i})).template_name == "serial");
}

TEST_CASE("rounds: an outer loop in order, with barriers only where what a round leaves is met again") {
  // for i: { s = b[i]; for j < i: s += c[i + j] * a[j]; a[i] = s }
  const auto nest = [](std::vector<Node> body, std::vector<LoopRole> roles) {
    return verdict_of({loop_over(1, i, integer(0), n, std::move(body))}, std::move(roles));
  };
  const Node total = assign(4, s, binary("+", s, binary("*", at("c", {binary("+", i, j)}), at("a", {j}))));
  Verdict solve = nest({assign(2, s, at("b", {i})), loop_over(3, j, integer(0), i, {total}), assign(5, at("a", {i}), s)},
                       {{1, "i", Role::sequential}, {3, "j", Role::reduce}});
  solve.groups[0].reductions = {
      {s, "+", binary("*", at("c", {binary("+", i, j)}), at("a", {j})), std::nullopt, {}, false, {4}}};
  CHECK(first_of(solve) == "rounds");
  const auto in_place = [](const Verdict& verdict) {
    for (const Candidate& one : candidates(verdict))
      if (!one.knobs.contains("holds")) return one.text;
    return std::string();
  };
  const auto has = [&](const Verdict& verdict, const char* text) { return in_place(verdict).find(text) != std::string::npos; };
  const auto barriers = [&](const Verdict& verdict) {
    const std::string text = in_place(verdict);
    int count = 0;
    for (std::size_t at = text.find("__syncthreads()"); at != text.npos; at = text.find("__syncthreads()", at + 1)) ++count;
    return count;
  };
  CHECK(barriers(solve) == 2);  // after the copies and a round, beside those of the reduction
  CHECK_FALSE(candidates(solve)[0].same_bits);
  // What a sum in another order rounds otherwise would go on into all later rounds.
  CHECK(has(solve, "total0_0_ = total0_0_ + c[i + j] * wide_a_0_[j];"));
  CHECK(has(solve, "a[i] = wide_a_0_now_;"));
  // Two loops beside each other: of the second nothing is said, its subscripts show it.
  const auto steps = [&](Term second) {
    return nest({loop_over(2, j, integer(0), m, {assign(3, at("b", {j}), at("a", {plus(j, 1)}))}),
                 loop_over(4, j, integer(0), m, {assign(5, at("a", {j}), std::move(second))})},
                {{1, "i", Role::sequential}, {2, "j", Role::parallel}});
  };
  CHECK(first_of(steps(at("b", {j}))) == "rounds");
  CHECK(barriers(steps(at("b", {j}))) == 2);
  CHECK(has(steps(at("b", {j})), "const int j = (int)(col_);\n        a[j] = b[j];"));
  CHECK_FALSE(has(steps(at("a", {plus(j, -1)})), "        a[j] = a[j - 1];\n      }\n    }\n    __syncthreads"));
  // What no round writes is fetched before the round that reads it, where rounds lie far apart.
  const auto fetches = [&](Term row) { return has(steps(at("c", {std::move(row)})), "ak::prefetch(&c["); };
  CHECK(fetches(binary("+", binary("*", i, m), j)));
  CHECK(fetches(binary("+", binary("*", i, integer(64)), j)));
  CHECK_FALSE(fetches(binary("+", i, j)));
  CHECK_FALSE(fetches(j));
  CHECK_FALSE(has(steps(at("a", {binary("+", binary("*", i, m), j)})), "ak::prefetch("));
  // What rounds hand on lies in shared memory where it fits, and only what C writes is written back.
  const Candidate holds = candidates(steps(at("b", {j}))).at(0);
  CHECK(holds.knobs.at("holds") == 1);
  CHECK(holds.launches.at(0).shared_bytes == 96 * 1024);
  for (const char* text :
       {"rounds_(a_held_, b_held_);", "rounds_(a, b);", "ak::put(&a[at_], a_held_[at_]);", "b_end_ <= 12288"})
    CHECK(holds.text.find(text) != std::string::npos);
  const Candidate solved = candidates(solve).at(0);
  CHECK(solved.text.find("rounds_(wide_a_0__held_);") != std::string::npos);
  CHECK(solved.text.find("ak::put(") == std::string::npos);
  Verdict endless = steps(at("b", {j}));
  for (const std::size_t array : {2, 3}) endless.function.parameters[array].length_known = false;
  for (const Candidate& one : candidates(endless)) CHECK_FALSE(one.knobs.contains("holds"));
  Verdict shorter = steps(at("b", {j}));  // than its length, perhaps: what lies behind it is not written back
  for (Parameter& parameter : shorter.function.parameters) parameter.length_certain = false;
  for (const Candidate& one : candidates(shorter)) CHECK_FALSE(one.knobs.contains("holds"));
  // A grid's barriers where rows are long, of as many blocks as are resident at once.
  bool grids = false;
  for (const Candidate& one : candidates(steps(at("b", {j})))) {
    if (one.template_name != "rounds" || !one.knobs.at("grid")) continue;
    grids = true;
    CHECK(one.launches.at(0).waits);
    CHECK(mentions(one.launches[0].blocks, kSms));
    CHECK(one.scratch.at(0).zeroed);
  }
  CHECK(grids);
  // A scalar that a thread sets for itself is of no use beside the loop.
  Verdict leaks = nest({loop_over(2, j, integer(0), m, {assign(3, s, at("b", {j})), assign(4, at("c", {j}), s)}),
                        assign(5, at("a", {i}), binary("+", s, at("a", {plus(i, -1)})))},
                       {{1, "i", Role::sequential}, {2, "j", Role::parallel}});
  CHECK(first_of(leaks) == "serial");
}

TEST_CASE("lines: where all that meets lies in one direction, threads never do") {
  const auto nest = [](Term one, Term other) {
    const Term value = binary("+", binary("*", one, other), at("a", {i}));
    return verdict_of(
        {loop_over(1, i, integer(0), n, {loop_over(2, j, integer(0), m, {assign(3, at("c", {i, plus(j, 4)}), value)})})},
        {{1, "i", Role::sequential}, {2, "j", Role::parallel}});
  };
  const auto back = [](std::int64_t rows, std::int64_t columns) { return at("c", {plus(i, -rows), plus(j, 4 - columns)}); };
  CHECK(has(nest(back(1, 0), back(1, 0)), "step_(row_, start_ + 0 * row_)"));
  CHECK(has(nest(back(1, 1), back(2, 2)), "start_ + 1 * row_"));
  CHECK(has(nest(back(1, -2), back(1, -2)), "start_ + -2 * row_"));
  CHECK(first_of(nest(back(1, 1), back(1, 0))) == "wavefront");
  CHECK(first_of(nest(back(1, 1), back(2, 1))) == "wavefront");
  CHECK(first_of(nest(back(0, 1), back(1, 1))) == "wavefront");
  for (const Candidate& one : candidates(nest(back(1, 1), back(1, 1)))) {
    if (one.template_name != "lines") continue;
    CHECK_FALSE(one.launches.at(0).waits);
    // As many threads as there are diagonals, at least.
    CHECK(evaluate(one.launches[0].blocks, {{"n", 100}, {"m", 30}}).value() * one.launches[0].threads >= 129);
  }
}

TEST_CASE("scatter: the last writer wins; reductions that no order changes") {
  const auto scatter = [](std::vector<Node> body, const char* op, Term target, Term value) {
    Verdict verdict = one_loop(std::move(body), Role::scatter);
    verdict.groups[0].scattered = {target.text};
    if (*op) verdict.groups[0].reductions = {{std::move(target), op, std::move(value), std::nullopt, {}, false, {2}}};
    return verdict;
  };
  const Term key = convert(ScalarType::i32, at("b", {i})), target = at("a", {key}), value = at("c", {i, integer(0)});
  const Verdict plain = scatter({assign(2, target, value)}, "", target, value);
  CHECK(first_of(plain) == "scatter");
  CHECK(candidates(plain)[0].launches.size() == 2);
  CHECK(candidates(plain)[0].same_bits);
  CHECK(first_of(scatter({assign(2, target, at("a", {i}))}, "", target, value)) == "serial");
  const Verdict sum = scatter({assign(2, target, binary("+", target, value))}, "+", target, value);
  CHECK(candidates(sum)[0].launches.size() == 3);
  CHECK_FALSE(candidates(sum)[0].same_bits);
  CHECK(first_of(scatter({assign(2, target, binary("*", target, value))}, "*", target, value)) == "serial");
  const Verdict most = scatter({branch(3, binary(">", value, target), {assign(2, target, value)})}, "max", target, value);
  CHECK(has(most, "ak::note_zero(a_zero_"));
  CHECK(has(most, "ak::kLast - (number_ * 1 + 1)"));
  CHECK(has(most, "ak::atomic_max(a + "));
  CHECK(candidates(most)[0].same_bits);
  const Verdict latest =
      scatter({assign(2, target, Term{Term::Kind::choose, ScalarType::f32, "", {binary("<=", value, target), value, target}})},
              "min", target, value);
  CHECK(!has(latest, "ak::kLast"));
  CHECK(has(latest, ", true);"));
  CHECK(first_of(scatter({branch(3, binary("<", value, target), {assign(2, target, value)})}, "max", target, value)) ==
        "serial");
  // Counts: in a block's own memory first, where they fit there; all that is needed to know is the array's length.
  const Term count = element("a", {key}, ScalarType::i32);
  Verdict histogram = scatter({assign(2, count, binary("+", count, integer(1)))}, "+", count, integer(1));
  histogram.function.parameters[2].type = ScalarType::i32;
  const auto gathers = [&](Term extent) {
    histogram.function.parameters[2].extents = {std::move(extent)};
    std::vector<bool> all;
    for (const Candidate& one : candidates(histogram)) all.push_back(one.knobs.contains("gathers"));
    return all;
  };
  std::vector<bool> first(5, true), last(3, false);
  first.insert(first.end(), 4, false), last.insert(last.end(), 5, true), last.push_back(false);
  CHECK(gathers(integer(64)) == first);
  CHECK(has(histogram, "if (fits_) atomicAdd(share_ + "));
  CHECK(has(histogram, "ak::load16("));
  CHECK(candidates(histogram)[0].same_bits);
  CHECK(gathers(integer(100000)) == last);
  CHECK(gathers(n) == last);
  // Arrays that may overlap.
  CHECK(candidates(plain, {false}).at(0).template_name == "serial");
  CHECK(candidates(recurrence({assign(2, at("a", {plus(i, 1)}), binary("+", at("a", {i}), at("b", {i})))}, "a", {1}), {false})
            .at(0)
            .template_name == "serial");
  Verdict of_unknown_length = plain;
  of_unknown_length.function.parameters[2].length_known = false;
  CHECK(first_of(of_unknown_length) == "serial");
}

TEST_CASE("scatter: rows whose length moves with the loop around them; writes and sums that meet in a known way") {
  // for i < n: for j from i < n: a[j * k] += b[j]
  const Term target = at("a", {binary("*", j, k)}), value = at("b", {j});
  const auto triangle = [&](Term begin) {
    Verdict verdict =
        verdict_of({loop_over(1, i, integer(0), n,
                              {loop_over(2, j, std::move(begin), n, {assign(3, target, binary("+", target, value))})})},
                   {{1, "i", Role::scatter}, {2, "j", Role::scatter}});
    verdict.groups[0].scattered = {"a"};
    verdict.groups[0].reductions = {{target, "+", value, std::nullopt, {}, false, {3}}};
    return verdict;
  };
  CHECK(has(triangle(i), "const long long number_ = (row_ << 32) + col_;"));
  CHECK(has(triangle(i), "for (const long long row_ : ends_)"));
  CHECK(first_of(triangle(binary("*", i, binary("-", n, i)))) != "scatter");  // most in some row between
  // A sum into elements that the loop moves, and writes of which the last one stays.
  const Term half = at("a", {binary("/", i, integer(2))});
  Verdict sums = one_loop({assign(2, half, binary("+", half, at("b", {i})))}, Role::reduce);
  sums.groups[0].reductions = {{half, "+", at("b", {i}), std::nullopt, {}, false, {2}}};
  CHECK(first_of(sums) == "scatter");
  Verdict writes = one_loop({assign(2, half, at("b", {i}))}, Role::parallel);
  writes.groups[0].notes = {{Note::Kind::output, "a", 1, 2, 2, 1}};
  CHECK(first_of(writes) == "scatter");
  CHECK(has(writes, "atomicMax(a_owner_0_"));
  writes.groups[0].notes.push_back({Note::Kind::anti, "b", 1, 2, 2, 1});
  CHECK(first_of(writes) == "serial");
}
