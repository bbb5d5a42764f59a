// Own loops through the whole way without a GPU: their candidates, the data that proves these, and many kernels in one object
// of the emulator.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loop/winner.hpp"
#include "own_loops.hpp"
#include "port/candidates.hpp"
#include "port/cases/expected_cases.hpp"
#include "port/proof/proving.hpp"

namespace ak::test {

/// AK_TEST_ALL: every loop, not a sample.
bool takes_all();
/// AK_TEST_EVERY_CANDIDATE: not only those that are tried first.
bool takes_every_candidate();

/// For each of the numbers below `count`, in as many threads as there are cores.
void in_threads(std::size_t count, const std::function<void(std::size_t)>& work);

/// Loops that show each word of the verdicts `times` over, in the order of their names.
std::vector<const OwnLoop*> sample_of(int times);
/// All that the analysis does not refuse.
std::vector<const OwnLoop*> all_ported();

inline bool is_parallel(const loop::Candidate& candidate) { return candidate.template_name != "serial"; }
std::vector<loop::Candidate> candidates_of(const OwnLoop& own);

/// What proves a loop's candidates.
class Data {
 public:
  /// Throws what Oracle and plan_cases throw.
  Data(const OwnLoop& own, port::Level level, const loop::CallClass& call = {});

  /// Leaves out the other cases.
  void keep(const std::function<bool(const port::Recipe&)>& wanted);

  port::CasePlan plan;
  port::ExpectedCases& cases() { return *cases_; }

 private:
  port::Oracle oracle_;
  std::unique_ptr<port::ExpectedCases> cases_;
};

/// A candidate and what proves it, or why it cannot be.
struct Trial {
  const OwnLoop* own = nullptr;
  loop::Candidate candidate;
  std::shared_ptr<Data> data;
  port::Proof proof;
  std::string failed;  // instead of a proof: it does not compile, its data cannot be made

  bool right() const { return failed.empty() && proof.right(); }
  /// "smooth: map block=256: wrong at 3/48: ..."
  std::string text() const;
};

/// Proofs of all, some dozen kernels to an object.
void prove(std::vector<Trial>& trials, int orders);

/// As one text for a compiler, each in a namespace.
std::string text_of(const std::vector<const loop::Candidate*>& candidates);

}  // namespace ak::test
