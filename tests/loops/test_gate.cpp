// What a kernel text that nobody here has written may be made of.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/embedded.hpp"
#include "gate_texts.hpp"
#include "loop/c_tokens.hpp"
#include "port/gate/gate.hpp"
#include "port/gate/gate_words.hpp"

using namespace ak;
using port::GateNames;
using port::refused;

namespace {

const GateNames kScaled{{"scaled_1_"}, std::string(test::kGateParameters)};

}  // namespace

TEST_CASE("gate: hostile texts are refused, each for its reason") {
  CHECK(test::hostile_gate_texts().size() >= 40);
  for (const test::GateText& one : test::hostile_gate_texts()) {
    INFO(std::string(one.name));
    const auto refusal = refused(test::gate_text(one), kScaled);
    REQUIRE(refusal);
    const std::string text = refusal->text();
    CHECK_MESSAGE(text.find(one.why) != text.npos, text, " for ", std::string(one.why));
    for (const char c : text) CHECK((c >= ' ' && c < 0x7f));
  }
}

TEST_CASE("gate: what people write for a loop is let through") {
  for (const test::GateText& one : test::good_gate_texts()) {
    INFO(std::string(one.name));
    const auto refusal = refused(test::gate_text(one), kScaled);
    CHECK_MESSAGE(!refusal, refusal->text());
  }
}

TEST_CASE("gate: a refusal names the line, the word, and what to do") {
  const auto refusal = refused("constexpr int k = 1;\n\n__device__ int f() { return std::min(k, 2); }", kScaled);
  REQUIRE(refusal);
  CHECK(refusal->line == 3);
  CHECK(refusal->word == "std");
  CHECK(refusal->text() == "line 3: 'std': there is no standard library; use the built-ins");
}

TEST_CASE("gate: the word in a refusal is printable, and short, whatever stood in a literal") {
  const auto refusal = refused("__device__ int f() { . 'a\tb__\n}\n", kScaled);
  REQUIRE(refusal);
  CHECK_MESSAGE(refusal->text().find("'a\\x09b__") != std::string::npos, refusal->text());
  for (const char c : refusal->text()) CHECK((c >= ' ' && c < 0x7f));
}

TEST_CASE("gate: no kernel has a name that compilers or loaders call unasked, whoever asks for it") {
  for (const char* const name : {"sincos", "memcpy", "_init", "fmaf", "__tsan_init", "ak_trap", "main", "y0"})
    CHECK_MESSAGE(refused(fmt::format("extern \"C\" __global__ void {}(int n) {{}}", name), {{name}, "int n"}), name);
}

TEST_CASE("gate: where arrays may overlap nothing is __restrict__") {
  const GateNames names{{"k_1"}, "int n, float* a"};
  CHECK(!refused("extern \"C\" __global__ void k_1(int n, float* a) {}", names));
  const auto refusal = refused("extern \"C\" __global__ void k_1(int n, float* __restrict__ a) {}", names);
  REQUIRE(refusal);
  CHECK(refusal->text() == "line 1: '__restrict__': the arrays may overlap, so that nothing is __restrict__");
}

// A word that the emulator lacks would be let through, then refused by a compiler in words that help nobody.
TEST_CASE("gate: all words that it lists are the emulator's too, and every function of the prelude is known to it") {
  for (const char* const name : {"block_reduce", "warp_scan", "Pack", "Fixed", "kRoom", "take_ticket", "load_acquire",
                                 "start_next", "wait_until", "largest", "grid_barrier", "to_i64"})
    CHECK_MESSAGE(port::gate::is_prelude_name(name), name);
  for (const char* const name : {"Pack", "Scanned", "Affine", "Add", "LastMin", "Fixed", "Held"})
    CHECK_MESSAGE(port::gate::is_prelude_type(name), name);
  for (const char* const name : {"Words", "each_word", "ready", "operator", "AK_EMULATED", "asm", "T"})
    CHECK_MESSAGE(!port::gate::is_prelude_name(name), name);

  std::string shim = " ";
  for (const std::string_view token : loop::c_tokens(embedded_text("shim.cuh"))) shim.append(token) += ' ';
  const auto has = [&](const std::string& words) { return shim.find(" " + words + " ") != shim.npos; };
  for (const std::string& word : port::gate::built_ins()) {
    const std::string stem = word.substr(0, word.size() - 1), whole = word.substr(0, word.rfind("_block"));
    const bool mathematics = has("AK_MATH1 ( " + word) || has("AK_MATH2 ( " + word) ||
                             (word.ends_with("f") && (has("AK_MATH1 ( " + stem) || has("AK_MATH2 ( " + stem)));
    const bool rounded = word.starts_with("__") && word.ends_with("_rn");
    const bool atomic = has("AK_ATOMIC ( " + whole) || has("AK_ATOMIC_WHOLE ( " + whole) || has("AK_COMPARE ( int");
    CHECK_MESSAGE((has(word) || mathematics || rounded || (word.starts_with("atomic") && atomic)), word);
  }
}
