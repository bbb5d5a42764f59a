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

void Table::publish(const Problem& problem, PlanPtr plan) {
  const std::lock_guard lock(mutex_);
  const LaunchPlan* raw = plan.get();
  plans_.push_back(std::move(plan));
  const bool known = find(problem) != nullptr;
  if (!known && ++size_ * 2 > all_slots_.back()->mask) {
    const Slots& old = *all_slots_.back();
    auto larger = std::make_unique<Slots>((old.mask + 1) * 2);
    for (std::uint64_t i = 0; i <= old.mask; ++i) {
      const Slot& slot = old.slots[i];
      if (const LaunchPlan* moved = slot.plan.load(std::memory_order_relaxed)) put(*larger, slot.key, slot.problem, moved);
    }
    put(*larger, hash(problem), problem, raw);
    current_.store(larger.get(), std::memory_order_release);
    all_slots_.push_back(std::move(larger));
  } else {
    put(*all_slots_.back(), hash(problem), problem, raw);
  }
  epoch_.fetch_add(1, std::memory_order_release);
}

}  // namespace ak
