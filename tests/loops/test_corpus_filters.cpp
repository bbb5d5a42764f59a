// Recurrences of order two as scans: right where the products of their factors stay in bounds, or the loop's values are 0;
// refused by the proof, where these overflow and the loop's values do not.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>

#include "base/temporary_folder.hpp"
#include "corpus.hpp"

using namespace ak;

namespace {

/// y = near y1 - far y2 from there on: from rest, which stays there, or from little.
test::OwnLoop from(const char* start, const std::string& folder, const char* name, double near, double far) {
  const std::string path = fmt::format("{}/{}.c", folder, name);
  std::ofstream(path) << fmt::format(
      "void {}(int n, const float in[n], float out[n]) {{\n  float y1 = {}f, y2 = 0.0f;\n  for (int i = 0; i < n; i++) {{\n"
      "    float y = {}f * y1 - {}f * y2;\n    y2 = y1;\n    y1 = y;\n    out[i] = in[i] + y;\n  }}\n}}\n",
      name, start, near, far);
  return {path, name, "i:scan(y1:1,2)", {}};
}

test::Trial proven(const test::OwnLoop& own) {
  test::Trial trial{&own, test::candidates_of(own).front(), std::make_shared<test::Data>(own, port::Level::quick), {}, {}};
  CHECK(loop::text(test::verdict_of(own)) == own.expected);
  CHECK(test::is_parallel(trial.candidate));
  std::vector<test::Trial> trials{std::move(trial)};
  test::prove(trials, 1);
  return std::move(trials[0]);
}

}  // namespace

TEST_CASE("corpus: a filter at rest is a right scan, of one that grows too; where it grows from little it is refused") {
  const TemporaryFolder folder("ak-filters");
  const test::OwnLoop stable = from("0.0", folder.path(), "stays_stable", 1.5, 0.75),
                      rests = from("0.0", folder.path(), "would_grow", 2.5, 1.5),
                      grows = from("1e-38", folder.path(), "grows", 2.5, 1.5);
  for (const test::OwnLoop* const one : {&stable, &rests}) {
    const test::Trial right = proven(*one);
    CHECK_MESSAGE(right.right(), right.text());
  }
  const test::Trial wrong = proven(grows);
  CHECK_MESSAGE(wrong.proof.cause == port::Cause::incorrect, wrong.text());
}

TEST_CASE("corpus: values that are made of two are right, by copies, in place, downwards and of integers") {
  std::vector<test::Trial> trials;
  for (const test::OwnLoop& own : test::own_loops())
    for (const char* name : {"biquad", "transposed_biquad", "damped_swing", "count_tilings", "smooth_backwards",
                             "smooth_in_place_by_copies", "block_constant_part"}) {
      if (own.name != name) continue;
      const auto data = std::make_shared<test::Data>(own, port::Level::quick);
      trials.push_back({&own, test::candidates_of(own).front(), data, {}, {}});
      CHECK_MESSAGE(trials.back().candidate.template_name == "scan", own.name);
    }
  CHECK(trials.size() == 7);
  test::prove(trials, 1);
  for (const test::Trial& trial : trials) CHECK_MESSAGE(trial.right(), trial.text());
}
