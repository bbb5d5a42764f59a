// The templates write the dialect that the gate lets through.
#include <doctest/doctest.h>

#include <unordered_set>

#include "corpus.hpp"
#include "own_loops.hpp"
#include "port/candidates.hpp"
#include "port/gate/gate.hpp"

using namespace ak;

TEST_CASE("gate: the kernels that templates make of the own loops are let through") {
  std::unordered_set<std::string> seen;
  std::size_t texts = 0;
  for (const test::OwnLoop& own : test::own_loops()) {
    const loop::Verdict& verdict = test::verdict_of(own);
    for (const bool overlapping : {false, true}) {
      if (overlapping && !test::takes_all()) continue;
      std::unordered_set<std::string>
          of_this;  // the names of its templates, of which the first text stands for all in a short run
      for (const loop::Candidate& candidate : port::port_candidates(verdict, overlapping)) {
        if (!test::takes_all() && !of_this.insert(candidate.template_name).second) continue;
        if (!seen.insert(candidate.text).second) continue;
        ++texts;
        const auto refusal = port::refused(candidate.text, port::gate_names(candidate, verdict.function, overlapping));
        CHECK_MESSAGE(!refusal, own.name, " ", port::tactic_text(candidate), ": ", refusal->text());
      }
    }
  }
  CHECK(texts >= 100);
}
