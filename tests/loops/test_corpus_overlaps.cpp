// Arrays that overlap by a known distance are one array to the templates: what they offer is right.
#include <doctest/doctest.h>

#include "corpus.hpp"
#include "port/analysis.hpp"
#include "port/cases/pinned.hpp"

using namespace ak;

namespace {

struct Overlap {
  const char* loop;
  loop::CallClass::Alias alias;
  const char* first;  // the template tried first
};

loop::Verdict verdict_in(const test::OwnLoop& own, const loop::CallClass& call) {
  port::LoopSource source;
  source.file = own.path, source.function = own.name;
  return port::analyse(source, call, {AK_BINARY_DIR "/ak-analyse", {}, {}}, Deadline::in(60));
}

}  // namespace

TEST_CASE("corpus: kernels for arrays that overlap are right, and as parallel as for one array") {
  const Overlap kOverlaps[] = {
      {"difference_before_reset", {"level", "rise", 1}, "reorder"},  // the element that is read later goes by another name
      {"lagged_sum_then_pull", {"a", "b", 1}, "reorder+map"},
      {"lagged_sum_then_pull", {"a", "b", -1}, "serial"},  // the groups' order would lose what the second reads
      {"old_and_new_neighbour", {"b", "a", -1}, "serial"},
      {"transposed_biquad", {"out", "in", 0}, "scan"},  // in place; what is written is declared const by the other name
      {"smooth_backwards", {"x", "d", 1}, "scan"},
  };
  std::vector<test::Trial> trials;
  for (const Overlap& one : kOverlaps)
    for (const test::OwnLoop& own : test::own_loops()) {
      if (own.name != one.loop) continue;
      const loop::CallClass call{{}, {one.alias}};
      loop::Candidate candidate = port::candidates_in(verdict_in(own, call), call).front();
      CHECK_MESSAGE(candidate.template_name == one.first, own.name);
      trials.push_back({&own, std::move(candidate), std::make_shared<test::Data>(own, port::Level::quick, call), {}, {}});
    }
  CHECK(trials.size() == std::size(kOverlaps));
  test::prove(trials, 1);
  for (const test::Trial& trial : trials) CHECK_MESSAGE(trial.right(), trial.text());
}
