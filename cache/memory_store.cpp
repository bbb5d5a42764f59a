#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "cache/limits.hpp"
#include "cache/store.hpp"

namespace ak {
namespace {

using Key = std::array<unsigned char, 16>;

class MemoryStore : public Store {
 public:
  MemoryStore(std::string why, Fault fault) : why_(std::move(why)), fault_(std::move(fault)) {}

  std::optional<PlanRecord> find(const Problem& problem, const Hardware& hardware) override {
    std::lock_guard lock(mutex_);
    const auto at = plans_.find(key_of(problem, hardware).bytes());
    return at == plans_.end() ? std::nullopt : std::optional(at->second);
  }

  std::optional<std::string> cubin(const Digest& digest) override {
    std::lock_guard lock(mutex_);
    const auto at = cubins_.find(digest.bytes());
    return at == cubins_.end() ? std::nullopt : std::optional(at->second);
  }

  PlanRecord put_if_absent(const PlanRecord& record, std::string_view cubin) override {
    std::lock_guard lock(mutex_);
    const auto at = plans_.find(key_of(record.problem, record.hardware).bytes());
    return at == plans_.end() ? put(record, cubin) : at->second;
  }

  void replace(const PlanRecord& record, std::string_view cubin) override {
    std::lock_guard lock(mutex_);
    put(record, cubin);
    sweep();
  }

  bool erase(const Problem& problem, const Hardware& hardware) override {
    std::lock_guard lock(mutex_);
    const bool found = plans_.erase(key_of(problem, hardware).bytes()) > 0;
    sweep();
    return found;
  }

  void add_trials(const Problem& problem, const Hardware& hardware, std::span<const Trial> trials) override {
    std::lock_guard lock(mutex_);
    auto& all = trials_[key_of(problem, hardware).bytes()];
    all.insert(all.end(), trials.begin(), trials.end());
    if (all.size() > kTrialsKept) all.erase(all.begin(), all.end() - kTrialsKept);
  }

  std::vector<Trial> trials(const Problem& problem, const Hardware& hardware) override {
    std::lock_guard lock(mutex_);
    const auto at = trials_.find(key_of(problem, hardware).bytes());
    return at == trials_.end() ? std::vector<Trial>() : at->second;
  }

  void for_each(const std::function<void(const PlanRecord&)>& visit) override {
    std::unique_lock lock(mutex_);
    const auto plans = plans_;  // a visitor may call back
    lock.unlock();
    for (const auto& [key, record] : plans) visit(record);
  }

  std::string describe() const override { return "memory only: " + why_; }
  Fault fault() const override { return fault_; }

 private:
  const PlanRecord& put(PlanRecord record, std::string_view cubin) {
    if (!cubin.empty()) {
      record.cubin = digest(cubin);
      cubins_.insert_or_assign(record.cubin.bytes(), std::string(cubin));
    }
    return plans_.insert_or_assign(key_of(record.problem, record.hardware).bytes(), std::move(record)).first->second;
  }

  void sweep() {
    std::erase_if(cubins_, [&](const auto& cubin) {
      return std::none_of(plans_.begin(), plans_.end(),
                          [&](const auto& plan) { return plan.second.cubin.bytes() == cubin.first; });
    });
  }

  const std::string why_;
  const Fault fault_;
  std::mutex mutex_;
  std::map<Key, PlanRecord> plans_;
  std::map<Key, std::string> cubins_;
  std::map<Key, std::vector<Trial>> trials_;
};

}  // namespace

std::shared_ptr<Store> memory_store(std::string why, Store::Fault fault) {
  return std::make_shared<MemoryStore>(std::move(why), std::move(fault));
}

}  // namespace ak
