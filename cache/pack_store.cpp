// Where a memory-mapped database is not safe: one pack for each record, each whole or not there at all. Cubins, trials and what
// else is local stay in this process; what another one left is compiled and proven here first, as any pack's.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
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
         p.nvrtc == q.nvrtc && p.cublaslt == q.cublaslt && p.family_source == q.family_source &&
         p.kernel_source == q.kernel_source && p.provisional == q.provisional;
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
    if (!left_by_others(record.problem, record.hardware)) write(path(record), {{record, std::nullopt}}, {});
    return here_->put_if_absent(record, cubin);
  }
  void replace(const PlanRecord& record, std::string_view cubin) override {
    const auto before = left_by_others(record.problem, record.hardware);
    if (!before || !says_the_same(*before, record)) write(path(record), {{record, std::nullopt}}, {});
    here_->replace(record, cubin);
  }
  bool erase(const Problem& problem, const Hardware& hardware) override {
    const bool file = ::unlink(path(key_of(problem, hardware)).c_str()) == 0;
    return here_->erase(problem, hardware) || file;
  }

  // No file system of a network's does it in one step for all machines.
  bool change(const PlanRecord& before, const std::optional<PlanRecord>& after, std::string_view cubin) override {
    if (!(find(before.problem, before.hardware) == before)) return false;
    if (!after) return erase(before.problem, before.hardware);
    const std::string image = cubin.empty() ? this->cubin(after->cubin).value_or(std::string()) : std::string(cubin);
    replace(*after, image);
    return true;
  }

  void add_trials(const Problem& problem, const Hardware& hardware, std::span<const Trial> trials) override {
    here_->add_trials(problem, hardware, trials);
  }
  std::vector<Trial> trials(const Problem& problem, const Hardware& hardware) override {
    return here_->trials(problem, hardware);
  }

  std::optional<WorkRecord> find_work(std::string_view kind, std::string_view key) override {
    auto record = here_->find_work(kind, key);
    return record ? record : left_by_others(kind, key);
  }
  void put_work(const WorkRecord& record) override {
    const std::string file = path(key_of(record.kind, record.key));
    const auto before = left_by_others(record.kind, record.key);
    if (record.text.empty())
      ::unlink(file.c_str());
    else if (!before || before->text != record.text)
      write(file, {}, {record});
    here_->put_work(record);
  }
  bool change_work(const WorkRecord& before, const WorkRecord& after) override {
    if (!(find_work(before.kind, before.key) == before)) return false;
    return put_work(after), true;
  }
  bool erase_work(std::string_view kind, std::string_view key) override {
    const bool file = ::unlink(path(key_of(kind, key)).c_str()) == 0;
    return here_->erase_work(kind, key) || file;
  }
  void for_each_work(std::string_view kind, const std::function<void(const WorkRecord&)>& visit) override {
    std::map<Key, WorkRecord> all;
    for_each_pack([&](Pack pack) {
      for (WorkRecord& r : pack.work)
        if (kind.empty() || r.kind == kind) all.insert_or_assign(key_of(r.kind, r.key).bytes(), std::move(r));
    });
    here_->for_each_work(kind, [&](const WorkRecord& r) { all.insert_or_assign(key_of(r.kind, r.key).bytes(), r); });
    for (const auto& [key, record] : all) visit(record);
  }

  void for_each(const std::function<void(const PlanRecord&)>& visit) override {
    std::map<Key, PlanRecord> all;
    for_each_pack([&](Pack pack) {
      for (PackEntry& entry : pack.entries)
        all.insert_or_assign(key_of(entry.record.problem, entry.record.hardware).bytes(), std::move(entry.record));
    });
    here_->for_each([&](const PlanRecord& r) { all.insert_or_assign(key_of(r.problem, r.hardware).bytes(), r); });
    for (const auto& [key, record] : all) visit(record);
  }

  // A piece's key is its file's name: each holds one record.
  std::vector<Piece> pieces() override {
    std::vector<Piece> all = here_->pieces();
    std::erase_if(all, [&](const Piece& piece) {  // what this process has of its own, and a file says too
      return (piece.record && ::access(path(*piece.record).c_str(), F_OK) == 0) ||
             (piece.other && ::access(path(key_of(piece.other->kind, piece.other->key)).c_str(), F_OK) == 0);
    });
    for_each_file([&](const std::string& file) {
      const std::string name = std::filesystem::path(file).filename().string();
      const auto bytes = text_of(file);
      const Pack pack = read_pack(file);
      Piece piece{Piece::plan, name, bytes.size(), digest(bytes), {}, {}, {}, false};
      if (!pack.faults.empty())
        piece.unknown = pack.faults.front().find("newer version") != std::string::npos,
        piece.damage = piece.unknown ? "" : pack.faults.front();
      else if (const std::string others = others_may_write(file); !others.empty())
        piece.damage = "it is not loaded: " + others;
      else if (pack.entries.size() + pack.work.size() != 1)
        piece.damage = fmt::format("it holds {} records, not one", pack.entries.size() + pack.work.size());
      for (const PackEntry& entry : pack.entries) piece.record = std::make_shared<PlanRecord>(entry.record);
      for (const WorkRecord& work : pack.work) piece.kind = Piece::work, piece.other = std::make_shared<WorkRecord>(work);
      const std::string right = piece.record  ? path(*piece.record)
                                : piece.other ? path(key_of(piece.other->kind, piece.other->key))
                                              : file;
      if (piece.damage.empty() && std::filesystem::path(right).filename() != name)
        piece.damage = "no call looks for its record under this name";
      all.push_back(std::move(piece));
    });
    return all;
  }
  std::size_t drop(std::span<const Piece> pieces) override {
    std::size_t dropped = here_->drop(pieces);
    for (const Piece& piece : pieces) {
      if (!piece.key.ends_with(".pack")) continue;
      const std::string file = folder_ + "/" + piece.key;
      if (digest(text_of(file)) == piece.content && ::unlink(file.c_str()) == 0) ++dropped;
      if (piece.record) here_->erase(piece.record->problem, piece.record->hardware);
      if (piece.other) here_->erase_work(piece.other->kind, piece.other->key);
    }
    return dropped;
  }

  std::string folder() const override { return folder_; }
  std::string describe() const override { return fmt::format("packs in {}", folder_); }
  Fault fault() const override {
    const std::lock_guard lock(fault_mutex_);
    return fault_;
  }

 private:
  using Key = std::array<unsigned char, 16>;

  std::string path(const Digest& key) const { return fmt::format("{}/{}.pack", folder_, key.hex()); }
  std::string path(const PlanRecord& record) const { return path(key_of(record.problem, record.hardware)); }

  void for_each_file(const std::function<void(const std::string&)>& visit) {
    std::error_code error;
    const std::filesystem::directory_iterator files(folder_, error);
    told(&Fault::reading, error ? error.message() : "");
    for (const auto& file : files)
      if (file.path().extension() == ".pack") visit(file.path().string());
  }
  void for_each_pack(const std::function<void(Pack)>& visit) {
    for_each_file([&](const std::string& file) { visit(read(file)); });
  }

  static std::string text_of(const std::string& file) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error)) return {};
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  static std::string others_may_write(const std::string& file) {
    struct stat info;
    return stat(file.c_str(), &info) == 0 ? written_by_others(info) : "";
  }

  static Pack read(const std::string& file) {
    if (const auto others = others_may_write(file); !others.empty()) {
      log(LogLevel::warn, "{} is not loaded: {}", file, others);
      return {};
    }
    Pack pack = read_pack(file);
    for (const std::string& fault : pack.faults) log(LogLevel::warn, "{}", fault);
    return pack;
  }

  std::optional<PlanRecord> left_by_others(const Problem& problem, const Hardware& hardware) const {
    const std::string file = path(key_of(problem, hardware));
    if (::access(file.c_str(), F_OK) != 0) return std::nullopt;
    for (Pack pack = read(file); PackEntry & entry : pack.entries)
      if (entry.record.problem == problem && entry.record.hardware == hardware) return std::move(entry.record);
    return std::nullopt;
  }

  std::optional<WorkRecord> left_by_others(std::string_view kind, std::string_view key) const {
    const std::string file = path(key_of(kind, key));
    if (::access(file.c_str(), F_OK) != 0) return std::nullopt;
    for (Pack pack = read(file); WorkRecord & record : pack.work)
      if (record.kind == kind && record.key == key) return std::move(record);
    return std::nullopt;
  }

  void write(const std::string& file, std::vector<PackEntry> entries, const std::vector<WorkRecord>& work) {
    try {
      write_pack(file, std::move(entries), work);
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
