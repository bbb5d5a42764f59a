// Where a memory-mapped database is not safe: one pack for each winner, each whole or not there at all. Cubins and trials stay
// in this process; a winner that another one left is compiled and proven here first, as any pack's.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <map>
#include <mutex>

#include "base/log.hpp"
#include "cache/folder.hpp"
#include "cache/pack.hpp"
#include "cache/store.hpp"

namespace ak {
namespace {

// A machine that proved another one's winner has nothing to add to its file.
bool says_the_same(const PlanRecord& a, const PlanRecord& b) {
  const Provenance &p = a.provenance, &q = b.provenance;
  return a.tactic.family == b.tactic.family && (is_vendor(a.tactic) || a.tactic == b.tactic) && p.driver == q.driver &&
         p.nvrtc == q.nvrtc && p.cublaslt == q.cublaslt && p.family_source == q.family_source && p.provisional == q.provisional;
}

class PackStore final : public Store {
 public:
  explicit PackStore(std::string folder) : folder_(std::move(folder)), here_(memory_store()) {}

  std::optional<PlanRecord> find(const Problem& problem, const Hardware& hardware) override {
    auto record = here_->find(problem, hardware);
    return record ? record : left_by_others(problem, hardware);
  }
  std::optional<std::string> cubin(const Digest& digest) override { return here_->cubin(digest); }

  // The file of who came first stays; this process goes on with its own winner, whose cubin it has.
  PlanRecord put_if_absent(const PlanRecord& record, std::string_view cubin) override {
    if (!left_by_others(record.problem, record.hardware)) write(record);
    return here_->put_if_absent(record, cubin);
  }
  void replace(const PlanRecord& record, std::string_view cubin) override {
    const auto before = left_by_others(record.problem, record.hardware);
    if (!before || !says_the_same(*before, record)) write(record);
    here_->replace(record, cubin);
  }
  bool erase(const Problem& problem, const Hardware& hardware) override {
    const bool file = ::unlink(path(problem, hardware).c_str()) == 0;
    return here_->erase(problem, hardware) || file;
  }

  void add_trials(const Problem& problem, const Hardware& hardware, std::span<const Trial> trials) override {
    here_->add_trials(problem, hardware, trials);
  }
  std::vector<Trial> trials(const Problem& problem, const Hardware& hardware) override {
    return here_->trials(problem, hardware);
  }

  void for_each(const std::function<void(const PlanRecord&)>& visit) override {
    std::map<std::array<unsigned char, 16>, PlanRecord> all;
    std::error_code error;
    const std::filesystem::directory_iterator files(folder_, error);
    told(&Fault::reading, error ? error.message() : "");
    for (const auto& file : files)
      if (file.path().extension() == ".pack")
        for (PackEntry& entry : read(file.path().string()))
          all.insert_or_assign(key_of(entry.record.problem, entry.record.hardware).bytes(), std::move(entry.record));
    here_->for_each([&](const PlanRecord& r) { all.insert_or_assign(key_of(r.problem, r.hardware).bytes(), r); });
    for (const auto& [key, record] : all) visit(record);
  }

  std::string folder() const override { return folder_; }
  std::string describe() const override { return fmt::format("packs in {}", folder_); }
  Fault fault() const override {
    const std::lock_guard lock(fault_mutex_);
    return fault_;
  }

 private:
  std::string path(const Problem& problem, const Hardware& hardware) const {
    return fmt::format("{}/{}.pack", folder_, key_of(problem, hardware).hex());
  }

  static std::vector<PackEntry> read(const std::string& file) {
    struct stat info;
    if (const auto others = stat(file.c_str(), &info) == 0 ? written_by_others(info) : ""; !others.empty()) {
      log(LogLevel::warn, "{} is not loaded: {}", file, others);
      return {};
    }
    Pack pack = read_pack(file);
    for (const std::string& fault : pack.faults) log(LogLevel::warn, "{}", fault);
    return std::move(pack.entries);
  }

  std::optional<PlanRecord> left_by_others(const Problem& problem, const Hardware& hardware) const {
    const std::string file = path(problem, hardware);
    if (::access(file.c_str(), F_OK) != 0) return std::nullopt;
    for (PackEntry& entry : read(file))
      if (entry.record.problem == problem && entry.record.hardware == hardware) return std::move(entry.record);
    return std::nullopt;
  }

  void write(const PlanRecord& record) {
    try {
      write_pack(path(record.problem, record.hardware), {{record, std::nullopt}});
      told(&Fault::writing, {});
    } catch (const Error& error) {
      told(&Fault::writing, error.what());
      warn_once(fmt::format("the cache in {} cannot be written: {}", folder_, error.what()));
    }
  }

  void told(std::string Fault::*kind, std::string why) {
    const std::lock_guard lock(fault_mutex_);
    fault_.*kind = std::move(why);
  }

  const std::string folder_;
  const std::shared_ptr<Store> here_;
  mutable std::mutex fault_mutex_;
  Fault fault_;
};

}  // namespace

std::shared_ptr<Store> pack_store(const std::string& folder) { return std::make_shared<PackStore>(folder); }

}  // namespace ak
