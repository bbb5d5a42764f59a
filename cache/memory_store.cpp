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

  bool change(const PlanRecord& before, const std::optional<PlanRecord>& after, std::string_view cubin) override {
    std::lock_guard lock(mutex_);
    const auto at = plans_.find(key_of(before.problem, before.hardware).bytes());
    if (at == plans_.end() || !(at->second == before)) return false;
    after ? void(put(*after, cubin)) : void(plans_.erase(at));
    sweep();
    return true;
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

  std::optional<WorkRecord> find_work(std::string_view kind, std::string_view key) override {
    std::lock_guard lock(mutex_);
    const auto at = work_.find(key_of(kind, key).bytes());
    return at == work_.end() ? std::nullopt : std::optional(at->second);
  }
  void put_work(const WorkRecord& record) override {
    std::lock_guard lock(mutex_);
    work_.insert_or_assign(key_of(record.kind, record.key).bytes(), record);
  }
  bool erase_work(std::string_view kind, std::string_view key) override {
    std::lock_guard lock(mutex_);
    return work_.erase(key_of(kind, key).bytes()) > 0;
  }
  bool change_work(const WorkRecord& before, const WorkRecord& after) override {
    std::lock_guard lock(mutex_);
    const auto at = work_.find(key_of(before.kind, before.key).bytes());
    if (at == work_.end() || !(at->second == before)) return false;
    at->second = after;
    return true;
  }
  void for_each_work(std::string_view kind, const std::function<void(const WorkRecord&)>& visit) override {
    std::unique_lock lock(mutex_);
    const auto work = work_;
    lock.unlock();
    for (const auto& [at, record] : work)
      if (kind.empty() || record.kind == kind) visit(record);
  }

  void for_each(const std::function<void(const PlanRecord&)>& visit) override {
    std::unique_lock lock(mutex_);
    const auto plans = plans_;  // a visitor may call back
    lock.unlock();
    for (const auto& [key, record] : plans) visit(record);
  }

  std::vector<Piece> pieces() override {
    const std::lock_guard lock(mutex_);
    std::vector<Piece> all;
    const auto add = [&](Piece::Kind kind, const Key& key, std::string_view bytes) -> Piece& {
      all.push_back({kind, std::string(key.begin(), key.end()), bytes.size(), digest(bytes), {}, {}, {}, false});
      return all.back();
    };
    for (const auto& [key, record] : plans_)
      add(Piece::plan, key, encode(record)).record = std::make_shared<PlanRecord>(record);
    for (const auto& [key, image] : cubins_) add(Piece::image, key, image);
    for (const auto& [key, history] : trials_)
      for (const Trial& trial : history) add(Piece::trial, key, encode(trial));
    for (const auto& [key, record] : work_) add(Piece::work, key, encode(record)).other = std::make_shared<WorkRecord>(record);
    return all;
  }
  std::size_t drop(std::span<const Piece> pieces) override {
    const std::lock_guard lock(mutex_);
    std::size_t dropped = 0;
    const auto erase = [&](auto& map, const Key& key, const auto& bytes, const Digest& content) {
      const auto at = map.find(key);
      if (at != map.end() && digest(bytes(at->second)) == content) map.erase(at), ++dropped;
    };
    const auto encoded = [](const auto& record) { return encode(record); };
    for (const Piece& piece : pieces) {
      Key key{};
      std::copy_n(piece.key.begin(), std::min(key.size(), piece.key.size()), key.begin());
      if (piece.kind == Piece::plan) erase(plans_, key, encoded, piece.content);
      if (piece.kind == Piece::work) erase(work_, key, encoded, piece.content);
      if (piece.kind == Piece::trial)
        dropped += std::erase_if(trials_[key], [&](const Trial& trial) { return digest(encode(trial)) == piece.content; });
    }
    std::erase_if(trials_, [](const auto& history) { return history.second.empty(); });
    return dropped + sweep();
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

  // How many images no plan names any more.
  std::size_t sweep() {
    return std::erase_if(cubins_, [&](const auto& cubin) {
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
  std::map<Key, WorkRecord> work_;
};

}  // namespace

std::shared_ptr<Store> memory_store(std::string why, Store::Fault fault) {
  return std::make_shared<MemoryStore>(std::move(why), std::move(fault));
}

}  // namespace ak
