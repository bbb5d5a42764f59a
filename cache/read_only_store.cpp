// A store baked into an image or mounted read-only: its records serve, what is new lives as long as the process.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <mutex>
#include <set>

#include "cache/limits.hpp"
#include "cache/store.hpp"

namespace ak {
namespace {

using Key = std::array<unsigned char, 16>;

Key key(const Problem& problem, const Hardware& hardware) { return key_of(problem, hardware).bytes(); }

class ReadOnlyStore final : public Store {
 public:
  ReadOnlyStore(std::shared_ptr<Store> below, std::string why)
      : below_(std::move(below)), why_(std::move(why)), here_(memory_store()) {}

  std::optional<PlanRecord> find(const Problem& problem, const Hardware& hardware) override {
    auto record = here_->find(problem, hardware);
    return record || is_erased(problem, hardware) ? record : below_->find(problem, hardware);
  }
  std::optional<std::string> cubin(const Digest& digest) override {
    auto image = here_->cubin(digest);
    return image ? image : below_->cubin(digest);
  }

  PlanRecord put_if_absent(const PlanRecord& record, std::string_view image) override {
    if (const auto stands = find(record.problem, record.hardware))
      if (stands->cubin == Digest{} || cubin(stands->cubin)) return *stands;
    here_->replace(record, image);
    return here_->find(record.problem, record.hardware).value_or(record);
  }
  void replace(const PlanRecord& record, std::string_view image) override { here_->replace(record, image); }
  bool erase(const Problem& problem, const Hardware& hardware) override {
    const bool found = find(problem, hardware).has_value();
    here_->erase(problem, hardware);
    const std::lock_guard lock(mutex_);
    erased_.insert(key(problem, hardware));
    return found;
  }

  bool change(const PlanRecord& before, const std::optional<PlanRecord>& after, std::string_view image) override {
    const std::lock_guard lock(changing_);
    if (!(find(before.problem, before.hardware) == before)) return false;
    if (!after) return erase(before.problem, before.hardware);
    here_->replace(*after, image.empty() ? cubin(after->cubin).value_or(std::string()) : std::string(image));
    return true;
  }

  void add_trials(const Problem& problem, const Hardware& hardware, std::span<const Trial> trials) override {
    here_->add_trials(problem, hardware, trials);
  }
  std::vector<Trial> trials(const Problem& problem, const Hardware& hardware) override {
    auto all = below_->trials(problem, hardware);
    const auto here = here_->trials(problem, hardware);
    all.insert(all.end(), here.begin(), here.end());
    if (all.size() > kTrialsKept) all.erase(all.begin(), all.end() - kTrialsKept);
    return all;
  }

  std::optional<WorkRecord> find_work(std::string_view kind, std::string_view key) override {
    auto record = here_->find_work(kind, key);
    return record || is_erased(key_of(kind, key)) ? record : below_->find_work(kind, key);
  }
  void put_work(const WorkRecord& record) override { here_->put_work(record); }
  bool change_work(const WorkRecord& before, const WorkRecord& after) override {
    const std::lock_guard lock(changing_);
    if (!(find_work(before.kind, before.key) == before)) return false;
    return put_work(after), true;
  }
  bool erase_work(std::string_view kind, std::string_view name) override {
    const bool found = find_work(kind, name).has_value();
    here_->erase_work(kind, name);
    const std::lock_guard lock(mutex_);
    erased_.insert(key_of(kind, name).bytes());
    return found;
  }
  void for_each_work(std::string_view kind, const std::function<void(const WorkRecord&)>& visit) override {
    std::map<Key, WorkRecord> all;
    below_->for_each_work(kind, [&](const WorkRecord& r) {
      if (!is_erased(key_of(r.kind, r.key))) all.insert_or_assign(key_of(r.kind, r.key).bytes(), r);
    });
    here_->for_each_work(kind, [&](const WorkRecord& r) { all.insert_or_assign(key_of(r.kind, r.key).bytes(), r); });
    for (const auto& [at, record] : all) visit(record);
  }

  void for_each(const std::function<void(const PlanRecord&)>& visit) override {
    std::map<Key, PlanRecord> all;
    below_->for_each([&](const PlanRecord& r) {
      if (!is_erased(r.problem, r.hardware)) all.insert_or_assign(key(r.problem, r.hardware), r);
    });
    here_->for_each([&](const PlanRecord& r) { all.insert_or_assign(key(r.problem, r.hardware), r); });
    for (const auto& [at, record] : all) visit(record);
  }

  std::vector<Piece> pieces() override {
    auto all = below_->pieces(), here = here_->pieces();
    std::erase_if(all, [&](const Piece& piece) {
      return (piece.record && is_erased(piece.record->problem, piece.record->hardware)) ||
             (piece.other && is_erased(key_of(piece.other->kind, piece.other->key)));
    });
    all.insert(all.end(), std::move_iterator(here.begin()), std::move_iterator(here.end()));
    return all;
  }
  /// What lies below stays.
  std::size_t drop(std::span<const Piece> pieces) override { return here_->drop(pieces); }

  std::string describe() const override { return fmt::format("{} (read-only: {})", below_->describe(), why_); }
  Fault fault() const override { return {below_->fault().reading, why_}; }

 private:
  bool is_erased(const Problem& problem, const Hardware& hardware) { return is_erased(key_of(problem, hardware)); }
  bool is_erased(const Digest& key) {
    const std::lock_guard lock(mutex_);
    return erased_.contains(key.bytes());
  }

  const std::shared_ptr<Store> below_;
  const std::string why_;
  const std::shared_ptr<Store> here_;
  std::mutex changing_, mutex_;
  std::set<Key> erased_;  // below; what is put again is found here first
};

}  // namespace

std::shared_ptr<Store> read_only_store(std::shared_ptr<Store> below, std::string why) {
  return std::make_shared<ReadOnlyStore>(std::move(below), std::move(why));
}

}  // namespace ak
