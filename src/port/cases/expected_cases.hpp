// A plan's cases with what the C function leaves of each: made once, for all candidates. Thread-safe.
#pragma once

#include <deque>
#include <mutex>
#include <optional>

#include "port/cases/case_plan.hpp"

namespace ak::port {

struct ProofCase {
  Case given;
  Expected expected;
};

class ExpectedCases {
 public:
  /// Both outlive it.
  ExpectedCases(const CasePlan& plan, Oracle& oracle) : plan_(plan), oracle_(oracle), cases_(plan.cases.size()) {}

  std::size_t size() const { return cases_.size(); }
  /// Throws what Oracle::run throws.
  const ProofCase& at(std::size_t i, Deadline deadline) {
    const std::lock_guard lock(mutex_);
    if (!cases_[i]) {
      Case given = plan_.at(i);
      Expected expected = oracle_.run(given, deadline);
      cases_[i] = ProofCase{std::move(given), std::move(expected)};
    }
    return *cases_[i];
  }

 private:
  const CasePlan& plan_;
  Oracle& oracle_;
  std::mutex mutex_;
  std::deque<std::optional<ProofCase>> cases_;
};

}  // namespace ak::port
