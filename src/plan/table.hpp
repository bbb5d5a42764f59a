// Table: problem -> plan, read without a lock. One per CUDA context.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/problem.hpp"
#include "plan/plan.hpp"

namespace ak {

class Table {
 public:
  Table();
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  /// Null on a miss. The plan lives as long as the table, replaced or not: captured graphs use its module.
  const LaunchPlan* find(const Problem& problem) const {
    const std::uint64_t key = hash(problem);
    const Slots& slots = *current_.load(std::memory_order_acquire);
    for (std::uint64_t i = key;; ++i) {
      const Slot& slot = slots.slots[i & slots.mask];
      const LaunchPlan* plan = slot.plan.load(std::memory_order_acquire);  // the key was written before it
      if (!plan || (slot.key == key && slot.problem == problem)) return plan;
    }
  }

  /// The plan serves the problem from now on, in place of any other.
  void publish(const Problem& problem, PlanPtr plan);
  /// Nothing does: find() misses it.
  void withdraw(const Problem& problem);

  std::size_t size() const;
  /// Grows with every change: a holder of a plan sees that another one may serve.
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }

 private:
  struct Slot {
    std::atomic<const LaunchPlan*> plan{nullptr};  // null: empty, and the end of a probe
    std::uint64_t key = 0;
    Problem problem;
  };
  struct Slots {
    explicit Slots(std::size_t count) : mask(count - 1), slots(new Slot[count]) {}
    std::uint64_t mask;
    std::unique_ptr<Slot[]> slots;
  };

  void replace(std::size_t count, const Problem* without);
  void put(Slots& slots, std::uint64_t key, const Problem& problem, const LaunchPlan* plan);

  std::atomic<const Slots*> current_;
  std::atomic<std::uint64_t> epoch_{0};
  mutable std::mutex mutex_;                       // of writers
  std::vector<std::unique_ptr<Slots>> all_slots_;  // outgrown ones too: a reader may still be in one
  std::vector<PlanPtr> plans_;
  std::size_t size_ = 0;
};

}  // namespace ak
