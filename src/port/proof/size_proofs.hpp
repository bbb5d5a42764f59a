// At which sizes a kernel may run in this process: those at which the worker has run it, on the data that it is timed on.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <utility>

#include "port/c/oracle.hpp"
#include "port/cases/data.hpp"
#include "port/timing.hpp"

namespace ak::port {

struct Tried;

class SizeProofs {
 public:
  /// All outlive it.
  SizeProofs(const loop::Function& function, const Roles& roles, const Facts& facts, Oracle& oracle)
      : function_(function), roles_(roles), facts_(facts), oracle_(oracle) {}

  /// ProofRequest::subject of what LoopTimer runs at that size. Empty where nobody can say what is right there in time, or it
  /// is too much to be sent: `why`.
  std::string subject(const TimedSize& size, Deadline deadline, std::string& why);

  void add(const Tried& tried, const TimedSize& size) { proven_.emplace(&tried, text_of(size)); }
  bool has(const Tried& tried, const TimedSize& size) const { return proven_.contains({&tried, text_of(size)}); }

 private:
  static std::string text_of(const TimedSize& size);

  const loop::Function& function_;
  const Roles& roles_;
  const Facts& facts_;
  Oracle& oracle_;
  std::set<std::pair<const Tried*, std::string>> proven_;
};

}  // namespace ak::port
