// The values of src/loop: terms, nests, flattening, the verdict's texts.
#include <doctest/doctest.h>

#include "ak/types.hpp"
#include "loop/verdict.hpp"
#include "tests/texts.hpp"

using namespace ak::loop;

namespace {

const ScalarType f32 = ScalarType::f32, i32 = ScalarType::i32;

Term n() { return scalar("n", i32); }
Term i() { return scalar("i", i32); }
Term at(std::string array, Term subscript) { return element(std::move(array), {std::move(subscript)}, f32); }

// for i < n: if (a[i] > 0) k = k + a[i + 1] * 0.5, else leave
Function example() {
  Function function;
  function.name = "example";
  function.returns = f32;
  function.parameters = {{"n", i32, false, false, false, {}, true},
                         {"a", f32, true, true, false, {binary("+", n(), integer(1))}, true}};
  function.locals = {{"k", f32, {}}};
  Node set;
  set.id = 3;
  set.target = scalar("k", f32);
  set.value =
      binary("+", scalar("k", f32), binary("*", at("a", binary("+", i(), integer(1))), Term{Term::Kind::real, f32, "0.5", {}}));
  Node leave;
  leave.kind = Node::Kind::leave;
  leave.id = 4;
  leave.of = 1;
  Node branch;
  branch.kind = Node::Kind::branch;
  branch.id = 2;
  branch.condition = binary(">", at("a", i()), integer(0));
  branch.body = {set};
  branch.otherwise = {leave};
  Node loop;
  loop.kind = Node::Kind::loop;
  loop.id = 1;
  loop.line = 7;
  loop.variable = "i";
  loop.begin = integer(0);
  loop.end = n();
  loop.body = {branch};
  Node finish;
  finish.kind = Node::Kind::finish;
  finish.id = 5;
  finish.value = scalar("k", f32);
  function.body = {loop, finish};
  return function;
}

}  // namespace

TEST_CASE("loop values: a term prints as C, with parentheses where precedence asks for them") {
  const Term x = scalar("x", i32), y = scalar("y", i32);
  CHECK(c_text(binary("*", binary("+", x, y), x)) == "(x + y) * x");
  CHECK(c_text(binary("-", x, binary("-", y, x))) == "x - (y - x)");
  CHECK(c_text(binary("-", binary("-", x, y), x)) == "x - y - x");
  CHECK(c_text(unary("-", unary("-", x))) == "-(-x)");
  CHECK(c_text(binary("-", x, unary("-", y))) == "x - -y");
  CHECK(c_text(unary("!", binary("<", x, y))) == "!(x < y)");
  CHECK(c_text(convert(ScalarType::f64, binary("+", x, y))) == "(double)(x + y)");
  CHECK(c_text(Term{Term::Kind::choose, i32, "", {binary("<", x, y), x, y}}) == "x < y ? x : y");
  CHECK(c_text(integer(5, ScalarType::i64)) == "5LL");
  CHECK(c_text(at("a", x), [](const Term& t) {
          return t.kind == Term::Kind::element ? std::optional<std::string>("old") : std::nullopt;
        }) == "old");
}

TEST_CASE("loop values: integers fold, and nothing that could overflow the type") {
  CHECK(binary("+", integer(2), integer(3)) == integer(5));
  CHECK(binary("+", binary("+", i(), integer(1)), integer(2)) == binary("+", i(), integer(3)));
  CHECK(binary("-", binary("+", i(), integer(1)), integer(1)) == i());
  CHECK(c_text(binary("*", integer(1 << 30), integer(4))) == "1073741824 * 4");
  CHECK(binary("/", integer(7), integer(0)).kind == Term::Kind::binary);
  CHECK(binary("<", i(), at("a", i())).type == i32);
}

TEST_CASE("loop values: geometry is evaluated in 64 bits, and has no value where a name has none") {
  const Term blocks = binary("/", binary("+", n(), integer(255)), integer(256));
  CHECK(evaluate(blocks, {{"n", 1000}}) == 4);
  CHECK(evaluate(blocks, {{"n", 0}}) == 0);
  CHECK_FALSE(evaluate(blocks, {{"m", 1}}));
  CHECK_FALSE(evaluate(binary("/", n(), scalar("m", i32)), {{"n", 1}, {"m", 0}}));
  CHECK(evaluate(binary("*", n(), integer(2)), {{"n", 3000000000}}) == 6000000000);
  const Term m = scalar("m", i32);
  CHECK(c_text(in_64_bits(binary("+", binary("*", m, m), integer(1)))) == "(long long)m * (long long)m + 1LL");
  CHECK(c_text(in_64_bits({Term::Kind::choose, i32, {}, {binary("<", integer(0), m), binary("*", m, m), integer(0)}})) ==
        "0LL < (long long)m ? (long long)m * (long long)m : 0LL");
}

TEST_CASE("loop values: a nest prints as C that means the same") {
  CHECK(c_text(example().body, 0) ==
        "for (int i = 0; i < n; ++i) {\n"
        "  if (a[i] > 0) {\n"
        "    k = k + a[i + 1] * 0.5f;\n"
        "  } else {\n"
        "    break;\n"
        "  }\n"
        "}\n"
        "return k;\n");
  CHECK(c_parameters(example()) == "float* __restrict__ result_, int n, const float* __restrict__ a");
}

TEST_CASE("loop values: flattened arrays have one subscript") {
  Function function = example();
  function.parameters.push_back({"m", f32, true, false, false, {n(), n()}, true});
  function.parameters.push_back({"c", f32, true, false, false, {n(), integer(8)}, true});
  Node set;
  set.id = 9;
  set.target = element("m", {i(), binary("+", i(), integer(1))}, f32);
  set.value = element("c", {i(), integer(2)}, f32);
  function.body[0].body.push_back(set);
  const Function flat = flattened(function);
  CHECK(c_text({flat.body[0].body[1]}, 0) == "m[(long long)i * n + (i + 1)] = c[i * 8 + 2];\n");
  CHECK(c_text(flat.parameters[2].extents[0]) == "n * (long long)n");
}

TEST_CASE("loop values: a verdict's line, and JSON there and back") {
  Verdict verdict;
  verdict.function = example();
  verdict.used = {"n"};
  verdict.bytes = 4.5;
  Group first;
  first.statements = {3};
  first.loops = {{1, "i", Role::parallel}};
  first.notes = {{Note::Kind::expand, "t", std::nullopt, 0, 0, 1},
                 {Note::Kind::anti, "a", 1, 3, 3, 1},
                 {Note::Kind::output, "a", {}, 3, 3, 1}};
  Group second;
  second.statements = {4};
  second.loops = {{1, "i", Role::reduce}};
  second.reductions = {{scalar("s", f32), "+", i(), {}, {}, false, {3}},
                       {scalar("m", f32), "max", i(), i(), {{"k", i()}}, true, {4}}};
  Group third;
  third.loops = {{1, "i", Role::scan}};
  third.recurrences = {{"x", {1, 2}, {i(), n()}, integer(0), "", 3}};
  verdict.groups = {first, second, third};
  verdict.findings = {{"write after read", 3, "a is read before it is written", true}};
  verdict.accesses = {{3, "a", false, "coalesced", 1}};
  CHECK(text(verdict) == "i:parallel anti(a:1) output(a:*) expand(t); i:reduce(+s,argmax-last m,k); i:scan(x:1,2)");
  const Verdict back = read_verdict(write_json(verdict));
  CHECK(back == verdict);
  CHECK(explain(back).find("write after read: a is read") != std::string::npos);
  CHECK(text(read_verdict(R"({"refused": "a struct"})")) == "refused");
}

TEST_CASE("loop values: damaged verdicts are refused by the field") {
  const auto why = [](std::string_view json) {
    try {
      read_verdict(json);
    } catch (const ak::Error& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  CHECK(why("{").find("is not JSON") != std::string::npos);
  CHECK(why(R"({"groups": 3})") == "verdict.groups is not a list");
  CHECK(why(R"({"groups": [{"loops": [{"role": "fast"}]}]})") == "verdict.groups[0].loops[0].role has no value 'fast'");
  CHECK(why(R"({"function": {"body": [{"id": 5000000000}]}})") == "verdict.function.body[0].id is not an integer that fits");
  std::string deep = R"({"function":{"body":[{"value":)", end = "}]}}";
  for (int level = 0; level < 400; ++level) deep += R"({"kind":"unary","text":"-","terms":[)", end = "]}" + end;
  CHECK(why(deep + "{}" + end).find("nested too deeply") != std::string::npos);
}

TEST_CASE("loop values: a verdict's statements stand with the conditions under which they run") {
  Verdict verdict;
  verdict.function = example();
  Group group;
  for_each_node(verdict.function.body, [&](const Node& node) {
    if (node.kind == Node::Kind::assign || node.kind == Node::Kind::leave) group.statements.push_back(node.id);
  });
  verdict.groups = {group};
  const std::string text = explain(verdict);
  CHECK(text.find("if (a[i] > 0) k = k + a[i + 1] * 0.5f;\n") != text.npos);
  CHECK(text.find("else leave the loop over i;\n") != text.npos);

  // A condition stands once, whose variable a statement under it may change.
  Node& branch = verdict.function.body[0].body[0];
  Node second = branch.body[0], inner = branch;
  second.id = 21, inner.id = 22, inner.body[0].id = 23, inner.otherwise = {};
  branch.body.push_back(second), branch.body.push_back(inner);
  verdict.groups[0].statements = {3, 21, 23};
  CHECK_MESSAGE(has(explain(verdict), "if (a[i] > 0) {\n"
                                      "              k = k + a[i + 1] * 0.5f;\n"
                                      "              k = k + a[i + 1] * 0.5f;\n"
                                      "              if (a[i] > 0) k = k + a[i + 1] * 0.5f;\n"
                                      "            }\n"),
                explain(verdict));
}
