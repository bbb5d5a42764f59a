// What all steps of a call's way share; one per context. Thread-safe, but for what is only read.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "ak/ak.hpp"
#include "cache/pack.hpp"
#include "cache/store.hpp"
#include "core/allowance.hpp"
#include "settings.hpp"

namespace ak {

class Machine;
struct GpuOptions;

/// What the settings say of a GPU's machine. folder: which processes share, and in which they take turns on it; empty: none.
GpuOptions gpu_options(const Settings& settings, const std::string& folder = {});
/// What the settings grant a search on the machine, and the machine has now. In the machine's context.
Allowance allowance_of(const Settings& settings, const Machine& machine);

/// What a context has done and spent.
class Ledger {
 public:
  template <class Change>
  void count(Change&& change) {
    const std::lock_guard lock(mutex_);
    change(counters_);
  }
  Counters counters() const {
    const std::lock_guard lock(mutex_);
    return counters_;
  }
  /// Seconds of searches.
  void spend(double seconds) {
    const std::lock_guard lock(mutex_);
    searched_s_ += seconds;
  }
  double searched_s() const {
    const std::lock_guard lock(mutex_);
    return searched_s_;
  }

 private:
  mutable std::mutex mutex_;
  Counters counters_;
  double searched_s_ = 0;
};

struct Common {
  Common(Settings set, std::shared_ptr<Store> over)
      : settings(std::move(set)),
        store(std::move(over)),
        packs(settings.shipped, settings.packs),
        llm_tokens_left(std::make_shared<std::atomic<std::int64_t>>(settings.llm_tokens)) {}

  const Settings settings;
  const std::shared_ptr<Store> store;
  const Packs packs;
  Ledger ledger;
  const std::shared_ptr<std::atomic<std::int64_t>> llm_tokens_left;

  /// The same, of what its searches have left together.
  Allowance allowance(const Machine& machine) const;
  double process_budget_left() const { return settings.process_budget_s - ledger.searched_s(); }
};

}  // namespace ak
