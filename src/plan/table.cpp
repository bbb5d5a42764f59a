#include "plan/table.hpp"

namespace ak {

Table::Table() {
  all_slots_.push_back(std::make_unique<Slots>(64));
  current_.store(all_slots_.back().get(), std::memory_order_release);
}

Table::~Table() = default;

std::size_t Table::size() const {
  const std::lock_guard lock(mutex_);
  return size_;
}

// Readers may be in `slots`: an empty slot's problem is written before its plan, and never again.
void Table::put(Slots& slots, std::uint64_t key, const Problem& problem, const LaunchPlan* plan) {
  for (std::uint64_t i = key;; ++i) {
    Slot& slot = slots.slots[i & slots.mask];
    if (!slot.plan.load(std::memory_order_relaxed)) {
      slot.key = key;
      slot.problem = problem;
    } else if (slot.key != key || !(slot.problem == problem)) {
      continue;
    }
    slot.plan.store(plan, std::memory_order_release);
    return;
  }
}

// By as many slots, with all that the last ones had but for one.
void Table::replace(std::size_t count, const Problem* without) {
  auto made = std::make_unique<Slots>(count);
  const Slots& old = *all_slots_.back();
  for (std::uint64_t i = 0; i <= old.mask; ++i) {
    const Slot& slot = old.slots[i];
    const LaunchPlan* const moved = slot.plan.load(std::memory_order_relaxed);
    if (moved && !(without && slot.problem == *without)) put(*made, slot.key, slot.problem, moved);
  }
  all_slots_.push_back(std::move(made));
}

void Table::publish(const Problem& problem, PlanPtr plan) {
  const std::lock_guard lock(mutex_);
  const LaunchPlan* raw = plan.get();
  plans_.push_back(std::move(plan));
  if (!find(problem) && ++size_ * 2 > all_slots_.back()->mask) replace((all_slots_.back()->mask + 1) * 2, nullptr);
  put(*all_slots_.back(), hash(problem), problem, raw);
  current_.store(all_slots_.back().get(), std::memory_order_release);
  epoch_.fetch_add(1, std::memory_order_release);
}

void Table::withdraw(const Problem& problem) {
  const std::lock_guard lock(mutex_);
  if (!find(problem)) return;
  replace(all_slots_.back()->mask + 1, &problem);
  --size_;
  current_.store(all_slots_.back().get(), std::memory_order_release);
  epoch_.fetch_add(1, std::memory_order_release);
}

}  // namespace ak
