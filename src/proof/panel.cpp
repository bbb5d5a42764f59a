#include "proof/panel.hpp"

#include "base/arithmetic.hpp"
#include "proof/rotating_sets.hpp"

namespace ak {
namespace {

constexpr std::int64_t kRowStep = 256;     // of any tiling, and of any class of alignment
constexpr std::int64_t kLeastRows = 1024;  // B is read from L2 then as often as in the whole problem, or nearly
constexpr double kMostPanelFlops = 1.2e12;  // on an H200 2 ms of a launch, 40 ms of a reference: all of 8192 cubed

}  // namespace

// The quick case and another, and of a third the reference: the timed loops'.
std::int64_t case_bytes(const Problem& problem) { return 3 * Case::bytes_for(problem, Spacing::gapped); }

std::int64_t least_search_bytes(const Problem& problem) { return RotatingSets::least_bytes(problem) + case_bytes(problem); }

Problem search_panel(const Problem& problem, std::int64_t bytes) {
  const auto fits = [&](const Problem& p) {
    return p.flops() <= kMostPanelFlops && 2 * RotatingSets::least_bytes(p) + case_bytes(p) <= bytes;
  };
  if (problem.m <= kLeastRows || fits(problem)) return problem;
  Problem panel = problem;
  std::int64_t least = kLeastRows / kRowStep, beyond = ceil_div(problem.m, kRowStep);
  while (beyond - least > 1) {
    const std::int64_t middle = least + (beyond - least) / 2;
    panel.m = middle * kRowStep;
    (fits(panel) ? least : beyond) = middle;
  }
  panel.m = least * kRowStep;
  return panel;
}

}  // namespace ak
