// How strong the data are: faults planted into normal forms, which a quick plan's cases must all refuse. A mutant runs as C, so
// this takes no emulator.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "made.hpp"
#include "port/c/c_entry.hpp"
#include "port/cases/expected_cases.hpp"

using namespace ak::port;
using namespace made;
using ak::Deadline;

namespace {

const Deadline kSoon = Deadline::in(600);  // from the program's start

struct Mutant {
  std::string what;
  Function function;
};

void collect(std::vector<Node>& body, std::vector<Node*>& nodes) {
  for (Node& node : body) {
    nodes.push_back(&node);
    collect(node.body, nodes);
    collect(node.otherwise, nodes);
  }
}

void collect(Term& term, std::vector<Term*>& terms) {
  terms.push_back(&term);
  for (Term& part : term.terms) collect(part, terms);
}

/// What the natural slips make of an operator; nothing: it has none.
std::string slipped(const std::string& op) {
  const std::pair<const char*, const char*> slips[] = {{"<", "<="}, {"<=", "<"}, {">", ">="}, {">=", ">"},
                                                       {"+", "-"},  {"-", "+"},  {"*", "+"},  {"==", "!="}};
  for (const auto& [from, to] : slips)
    if (op == from) return to;
  return {};
}

/// Plants the fault of that number; empty when there are no more.
std::string plant(Function& function, int number) {
  std::vector<Node*> nodes;
  collect(function.body, nodes);
  const auto due = [&] { return number-- == 0; };
  for (Node* node : nodes) {
    const std::string line = fmt::format("{}: ", node->line);
    if (node->kind == Node::Kind::loop) {
      if (due()) return node->begin = binary("+", node->begin, integer(1)), line + "the first iteration is lost";
      if (due()) return node->end = binary("-", node->end, integer(1)), line + "the last iteration is lost";
      if (due()) return node->end = binary("+", node->end, integer(1)), line + "one iteration too many";
    }
    if (node->kind == Node::Kind::branch && due()) return std::swap(node->body, node->otherwise), line + "sides swapped";
    // A local that begins with 0 may go without it: locals have it from the start here.
    const bool zero = node->target.kind == Term::Kind::scalar && node->value.text.starts_with("0");
    if (node->kind == Node::Kind::assign && !zero && due()) return node->value = Term(node->target), line + "not assigned";
    std::vector<Term*> terms;
    if (node->kind == Node::Kind::assign) collect(node->target, terms), collect(node->value, terms);
    if (node->kind == Node::Kind::branch) collect(node->condition, terms);
    for (Term* term : terms) {
      const std::string what = line + ak::loop::c_text(*term);
      if (term->kind == Term::Kind::element && due())
        return term->terms[0] = binary("+", Term(term->terms[0]), integer(1)), what + ", the next";
      if (term->kind == Term::Kind::binary && !slipped(term->text).empty() && due())
        return term->text = slipped(term->text), what + " is " + term->text;
      if (term->kind == Term::Kind::real && due()) return term->text = "0.4375", what + " is 0.4375";
    }
  }
  return {};
}

/// One fault each, planted wherever it can be.
std::vector<Mutant> mutants_of(const Function& function) {
  std::vector<Mutant> mutants;
  for (Function copy = function;; copy = function) {
    std::string what = plant(copy, static_cast<int>(mutants.size()));
    if (what.empty()) return mutants;
    mutants.push_back({std::move(what), std::move(copy)});
  }
}

/// The mutants that no case of the function refuses, by bits, one a line; `count` gets how many there were.
std::string accepted(const Function& function, const std::vector<Mutant>& mutants, int& count) {
  count += static_cast<int>(mutants.size());
  Oracle oracle(function, std::nullopt, {}, kSoon);
  const CasePlan plan = plan_cases(function, oracle, Level::quick, {}, kSoon);
  CHECK(plan.unreached.empty());
  ExpectedCases cases(plan, oracle);

  std::string text = "#include <math.h>\n";
  std::size_t counts = 0;
  for (std::size_t i = 0; i < mutants.size(); ++i) {
    const std::string name = fmt::format("mutant_{}", i);
    const Instrumented one = instrumented(mutants[i].function, name);
    counts = std::max(counts, static_cast<std::size_t>(one.counts()));
    text += one.text + c_text({static_cast<int>(i), name, true, true, {}, {}}, function);
  }
  CProgram program(text, static_cast<int>(mutants.size()), {});
  program.await(kSoon);
  const auto refused = [&](std::size_t mutant) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const auto& [given, expected] = cases.at(i, kSoon);
      std::vector<Memory> left = given.memories;
      std::vector<std::uint64_t> values;
      std::vector<std::int64_t> counted(counts);
      auto blocks = blocks_of(given, left, values);
      blocks.push_back({counted.data(), counted.size() * sizeof counted[0], 0});
      try {
        program.call(static_cast<int>(mutant), blocks, Deadline::in(5));
      } catch (const Ended&) {
        return true;
      }
      if (counted[Instrumented::kOutside] || !judge(given, expected, left, true).right()) return true;
    }
    return false;
  };
  std::string found;
  for (std::size_t i = 0; i < mutants.size(); ++i)
    if (!refused(i)) found += mutants[i].what + "\n";
  return found;
}
std::string accepted(const Function& function, int& count) { return accepted(function, mutants_of(function), count); }

Term increment(const std::string& name) { return binary("+", i32(name), integer(1)); }
Term positive() { return binary(">", at("a", i32("i")), integer(0)); }

/// for i < n: if (a[i] > 0) b[k] = a[i], k = k + 1; count[0] = k
Function compacted() {
  Function f = function(
      "compacted",
      {size("n"), array("a", i32("n"), true), array("b", i32("n")), array("count", integer(1), false, ScalarType::i32)},
      {assign(1, i32("k"), integer(0)),
       loop(2, "i", integer(0), i32("n"),
            {branch(3, positive(), {assign(4, at("b", i32("k")), at("a", i32("i"))), assign(5, i32("k"), increment("k"))})}),
       assign(6, at("count", integer(0), ScalarType::i32), i32("k"))});
  f.locals = {{"k", ScalarType::i32, {}}};
  return f;
}

/// for i < n: { if (a[i] > limit) break; b[i] = a[i] * 0.5f }
Function left_early() {
  return function("left_early", {size("n"), value("limit"), array("a", i32("n"), true), array("b", i32("n"))},
                  {loop(1, "i", integer(0), i32("n"),
                        {branch(2, binary(">", at("a", i32("i")), f32("limit")), {leave(3, 1)}),
                         assign(4, at("b", i32("i")), binary("*", at("a", i32("i")), real("0.5")))})});
}

/// for i < n: y[ip[i]] = y[ip[i]] + x[i]
Function scattered_sum() {
  const Term place = at("y", at("ip", i32("i"), ScalarType::i32));
  return function("scattered_sum",
                  {size("n"), array("x", i32("n"), true), array("ip", i32("n"), true, ScalarType::i32), array("y", i32("n"))},
                  {loop(1, "i", integer(0), i32("n"), {assign(2, place, binary("+", place, at("x", i32("i"))))})});
}

/// for i from 1 < n: x[i] = x[i - 1] * m[i] + x[i]
Function recurrence() {
  return function("recurrence", {size("n"), array("m", i32("n"), true), array("x", i32("n"))},
                  {loop(1, "i", integer(1), i32("n"),
                        {assign(2, at("x", i32("i")),
                                binary("+", binary("*", at("x", binary("-", i32("i"), integer(1))), at("m", i32("i"))),
                                       at("x", i32("i"))))})});
}

/// the largest of a and where it is first: for i from 1 < n: if (a[i] > m) m = a[i], where = i
Function largest() {
  Function f = function(
      "largest",
      {size("n"), array("a", binary("+", i32("n"), integer(1)), true), array("at", integer(1), false, ScalarType::i32)},
      {assign(1, f32("m"), at("a", integer(0))), assign(2, i32("where"), integer(0)),
       loop(3, "i", integer(1), i32("n"),
            {branch(4, binary(">", at("a", i32("i")), f32("m")),
                    {assign(5, f32("m"), at("a", i32("i"))), assign(6, i32("where"), i32("i"))})}),
       assign(7, at("at", integer(0), ScalarType::i32), i32("where")), finish(8, f32("m"))},
      ScalarType::f32);
  f.locals = {{"m", ScalarType::f32, {}}, {"where", ScalarType::i32, {}}};
  return f;
}

/// for i < n, j < m: b[i] = b[i] + a[i * m + j]
Function row_sums() {
  return function(
      "row_sums", {size("n"), size("m"), array("a", binary("*", i32("n"), i32("m")), true), array("b", i32("n"))},
      {loop(
          1, "i", integer(0), i32("n"),
          {loop(2, "j", integer(0), i32("m"),
                {assign(3, at("b", i32("i")),
                        binary("+", at("b", i32("i")), at("a", binary("+", binary("*", i32("i"), i32("m")), i32("j")))))})})});
}

const Term kTop = at("top", integer(0)), kHere = at("a", i32("i"));

Function extremum(std::vector<Node> body) {
  Function f = function("extremum", {size("n"), array("a", i32("n"), true), array("top", integer(1))}, std::move(body));
  f.locals = {{"m", ScalarType::f32, {}}};
  return f;
}

/// for i < n: if (a[i] op top[0]) top[0] = a[i]; where `only` holds, if it is given
Function kept(const std::string& op, std::optional<Term> only = {}) {
  Node keep = branch(2, binary(op, kHere, kTop), {assign(3, kTop, kHere)});
  if (only) keep = branch(4, *only, {keep});
  return extremum({loop(1, "i", integer(0), i32("n"), {keep})});
}

/// m = start; for i < n: if (a[i] op m) m = a[i]; and then `join`.
Function apart(const char* start, const std::string& op, Node join) {
  return extremum({assign(1, f32("m"), real(start)),
                   loop(2, "i", integer(0), i32("n"), {branch(3, binary(op, kHere, f32("m")), {assign(4, f32("m"), kHere)})}),
                   std::move(join)});
}

/// What kernels make of an extremum in memory by mistake.
std::vector<Mutant> wrong_extrema(const std::string& op) {
  const bool largest = op[0] == '>', last = op.size() == 2;
  const char* const least = largest ? "-3e38" : "3e38";
  const std::string other = last ? op.substr(0, 1) : op + "=";
  const auto join = [](const std::string& by) { return branch(5, binary(by, f32("m"), kTop), {assign(6, kTop, f32("m"))}); };
  const Node joined = join(op);
  const auto but = [](const Term& place, const Term& is) { return binary("!=", place, is); };
  const Term i = i32("i"), n = i32("n");
  std::vector<Mutant> all = {
      {"what it held is forgotten", apart(least, op, branch(5, binary(">", n, integer(0)), {assign(6, kTop, f32("m"))}))},
      {"another one of equal zeros", apart(least, other, joined)},
      {"another one of its own zero and theirs", apart(least, op, join(other))},
      {"it starts from zero", apart("0.0", op, joined)},
      {"its own no number is forgotten",
       apart(least, op, branch(5, binary("||", binary(op, f32("m"), kTop), binary("!=", kTop, kTop)), {assign(6, kTop, f32("m"))}))},
      {"-0 becomes 0", extremum({kept(op).body[0], assign(7, kTop, binary("+", kTop, real("0.0")))})},
      {"nothing is done", extremum({})},
      {"the middle is left out", kept(op, but(i, binary("/", n, integer(2))))},
      {"the first is left out", kept(op, but(i, integer(0)))},
      {"the last is left out", kept(op, but(i, binary("-", n, integer(1))))},
      {"a lane is left out", kept(op, but(binary("%", i, integer(32)), integer(17)))},
      {"a block is left out", kept(op, but(binary("/", i, integer(256)), integer(1)))},
      {"only the first block", kept(op, binary("<", i, integer(256)))}};
  return all;
}

}  // namespace

TEST_CASE("mutants: an extremum in one element is told from what it is taken for") {
  int planted = 0;
  for (const char* op : {">", ">=", "<", "<="}) CHECK_MESSAGE(accepted(kept(op), wrong_extrema(op), planted) == "", op);
  for (const char* op : {">", "<="}) CHECK_MESSAGE(accepted(kept(op), planted) == "", op);
}

TEST_CASE("mutants: no case accepts a planted fault") {
  int planted = 0;
  CHECK(accepted(halved(), planted) == "");
  CHECK(accepted(summed(), planted) == "");
  CHECK(accepted(compacted(), planted) == "");
  CHECK(accepted(left_early(), planted) == "");
  CHECK(accepted(scattered_sum(), planted) == "");
  CHECK(accepted(recurrence(), planted) == "");
  CHECK(accepted(largest(), planted) == "");
  CHECK(accepted(row_sums(), planted) == "");
  CHECK(planted >= 60);
}
