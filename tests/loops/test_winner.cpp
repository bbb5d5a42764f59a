// What the store keeps of a loop: texts there and back, keys, images with their checksums.
#include <doctest/doctest.h>

#include "ak/types.hpp"
#include "loop/winner.hpp"

using namespace ak::loop;

namespace {

const ScalarType f32 = ScalarType::f32, i32 = ScalarType::i32;

Node loop_over(std::string variable, Term end, std::vector<Node> body) {
  Node node;
  node.kind = Node::Kind::loop;
  node.variable = std::move(variable);
  node.begin = integer(0);
  node.end = std::move(end);
  node.body = std::move(body);
  return node;
}

// for i < n: for j < i: a[i + k] = t
Function triangle() {
  const Term n = scalar("n", i32), i = scalar("i", i32), k = scalar("k", i32);
  Function function;
  function.name = "triangle";
  for (const char* name : {"n", "k", "t"}) function.parameters.push_back({name, i32, false, false, false, {}, true});
  function.parameters.push_back({"a", f32, true, false, false, {binary("+", n, k)}, true});
  Node set;
  set.target = element("a", {binary("+", i, k)}, f32);
  set.value = scalar("t", i32);
  function.body = {loop_over("i", n, {loop_over("j", i, {set})})};
  return function;
}

Winner example() {
  Winner winner;
  winner.verdict = "i:parallel";
  Candidate kernel;
  kernel.template_name = "map";
  kernel.knobs = {{"block", 256}, {"unroll", 2}};
  kernel.text = "extern \"C\" __global__ void k(int n) {}\n";
  kernel.scratch = {{"edges_", f32, scalar("n", i32), true}};
  kernel.launches = {{"k", scalar("n", i32), 128, 64, true, true}};
  kernel.same_bits = false;
  winner.kernels = {kernel};
  winner.sizes = {{1000, 0, 2.25, 7.5, 10, 11}};
  winner.cases = "48/48";
  winner.unix_time = 1790000000;
  return winner;
}

}  // namespace

TEST_CASE("loop record: texts there and back") {
  CHECK(read_winner(write_json(example())) == example());
  KnownSource source{{{"a/b.h", "00"}}, triangle(), {"k"}, "", ""};
  CHECK(read_known_source(write_json(source)) == source);
  for (const char* wrong :
       {R"({"kernels":[{}],"sizes":[{"kernel":1}]})", R"({"kernels":[{}],"sizes":[{"kernel_us":-1}]})",
        R"({"kernels":[{}],"sizes":[{"moved_us":1e300}]})", R"({"tried":-1})", R"({"seconds":-0.5})", R"({"unix_time":-1})"})
    CHECK_THROWS_AS(read_winner(wrong), ak::Error);
  CHECK_THROWS_WITH(read_winner(R"({"kernels":[{"knobs":{"block":"x"}}]})"),
                    "loop.kernels[0].knobs.block is not an integer that fits");
}

TEST_CASE("loop record: a size in a subscript steers, one that bounds a loop does not") {
  CHECK(steering_parameters(triangle()) == std::vector<std::string>{"k"});
}

TEST_CASE("loop record: keys change with what is computed, not with its lines") {
  Function one = triangle(), two = triangle();
  two.body[0].line = 17;
  two.body[0].body[0].id = 4;
  CHECK(canonical_digest(one) == canonical_digest(two));
  two.body[0].end = binary("-", two.body[0].end, integer(1));
  CHECK_FALSE(canonical_digest(one) == canonical_digest(two));
  Function three = triangle();
  three.parameters[3].extents = {scalar("n", i32)};
  CHECK_FALSE(canonical_digest(one) == canonical_digest(three));
  const CallClass call{{{"k", 3}}, {{"a", "b", -1}}};
  CHECK(text(call) == "k=3 a=b-1");
  CHECK(winner_key(one, call, "GPU") == "triangle " + canonical_digest(one).hex() + " k=3 a=b-1 on GPU");
  CHECK(source_key("f", "int a; // b", {}) == source_key("f", "int  a;", {}));
  CHECK(source_key("f", "int a;", {}) != source_key("f", "int a;", {"-DN=1"}));
}

TEST_CASE("loop record: a call's size is its iterations") {
  CHECK(size_of_call(triangle(), {{"n", 1000}}) == 1000 * 500);
  CHECK(size_of_call(triangle(), {{"n", 0}}) == 0);
  CHECK(size_of_call(triangle(), {{"n", -5}}) == 0);
}

TEST_CASE("loop record: images are taken only with their checksums") {
  const std::vector<std::string> images = {"one", std::string("t\0o", 3), ""};
  const std::string packed = pack_images(images);
  CHECK(unpack_images(packed) == images);
  for (std::size_t i = 0; i < packed.size(); ++i) {
    std::string damaged = packed;
    damaged[i] ^= 1;
    CHECK(unpack_images(damaged) != images);
  }
  for (std::size_t length = 0; length < packed.size(); ++length) CHECK(unpack_images(packed.substr(0, length)) != images);
}
