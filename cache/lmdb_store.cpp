#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>

#include "ak/types.hpp"
#include "base/log.hpp"
#include "cache/bytes.hpp"
#include "cache/folder.hpp"
#include "cache/limits.hpp"
#include "cache/lmdb.hpp"
#include "cache/store.hpp"

namespace ak {
namespace {

using lmdb::Environment, lmdb::Failure, lmdb::Transaction;

// --- one environment per folder in a process: a second one, closed, would drop the first one's locks ---------------------

struct Registry {
  struct Slot {
    std::unique_ptr<Environment> environment;
    int users = 0;
  };
  const pid_t process = getpid();
  std::mutex mutex;
  std::map<std::pair<dev_t, ino_t>, Slot> open;
  std::vector<Slot> gone;  // whose files are no longer in their folders; their stores close them
};

// A forked child begins an empty one; its parent's, whose mutex may be held by a thread that no longer exists, is left alone.
Registry& registry() {
  static std::atomic<Registry*> current{nullptr};
  Registry* seen = current.load();
  while (!seen || seen->process != getpid()) {
    auto fresh = std::make_unique<Registry>();
    if (current.compare_exchange_strong(seen, fresh.get())) seen = fresh.release();
  }
  return *seen;
}

std::optional<std::pair<dev_t, ino_t>> identity(const std::string& folder) {
  struct stat info;
  if (stat(folder.c_str(), &info) != 0) return std::nullopt;
  return std::pair(info.st_dev, info.st_ino);
}

Environment* acquire(const std::string& folder, std::string& why, const std::string& read_only = {}) {
  const auto id = identity(folder);
  if (!id) {
    why = "it is gone";
    return nullptr;
  }
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  auto& slot = all.open[*id];
  if (slot.environment && !slot.environment->in_place()) {
    slot.environment->give_up_place();
    all.gone.push_back(std::exchange(slot, {}));
  }
  if (!slot.environment) slot.environment = Environment::open(folder, why, read_only);
  if (!slot.environment) return nullptr;
  ++slot.users;
  return slot.environment.get();
}

void release(Environment* environment) {
  if (environment->owner() != getpid()) return;
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  for (auto at = all.open.begin(); at != all.open.end(); ++at) {
    if (at->second.environment.get() != environment) continue;
    if (--at->second.users == 0) all.open.erase(at);
    return;
  }
  std::erase_if(all.gone, [&](Registry::Slot& slot) { return slot.environment.get() == environment && --slot.users == 0; });
}

// --- keys and values ------------------------------------------------------------------------------------------------------

std::string key_bytes(const Digest& digest) {
  const auto bytes = digest.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string trial_key(std::string_view problem, std::uint64_t number) {
  std::string key(problem);
  for (int shift = 56; shift >= 0; shift -= 8)
    key += static_cast<char>(number >> shift & 0xff);  // big-endian: keys sort in order
  return key;
}

std::uint64_t trial_number(std::string_view key) {
  std::uint64_t number = 0;
  for (const char c : key.substr(16)) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

std::string pack(std::string_view image) {
  std::string packed(ZSTD_compressBound(image.size()), '\0');
  const std::size_t size = ZSTD_compress(packed.data(), packed.size(), image.data(), image.size(), 3);
  if (ZSTD_isError(size)) throw Failure{ENOMEM};
  packed.resize(size);
  return packed;
}

// nullopt unless what comes out is the very image that was put in under that key.
std::optional<std::string> unpack(std::string_view packed, std::string_view key) {
  const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kMaxCubinBytes) return std::nullopt;
  std::string image(size, '\0');
  if (ZSTD_decompress(image.data(), image.size(), packed.data(), packed.size()) != size || key_bytes(digest(image)) != key)
    return std::nullopt;
  return image;
}

// Of a record that cannot be read: whether it is as it was written, by a version that knows more.
bool is_whole(std::string_view why) { return !why.starts_with("damaged"); }

Piece piece_of(Piece::Kind kind, std::string_view key, std::string_view value) {
  return {kind, std::string(key), value.size(), digest(value), {}, {}, {}, false};
}

// --- the store ------------------------------------------------------------------------------------------------------------

class LmdbStore : public Store {
 public:
  LmdbStore(std::string folder, Environment* environment) : folder_(std::move(folder)), environment_(environment) {}
  ~LmdbStore() override {
    if (Environment* environment = environment_.load()) release(environment);
    for (Environment* environment : before_) release(environment);
  }

  std::optional<PlanRecord> find(const Problem& problem, const Hardware& hardware) override {
    std::optional<PlanRecord> found;
    read([&](const Transaction& txn) {
      bool newer;
      found = standing(txn, problem, hardware, newer);
    });
    return found;
  }

  std::optional<std::string> cubin(const Digest& digest) override {
    std::optional<std::string> image;
    read([&](const Transaction& txn) { image = image_of(txn, digest); });
    return image;
  }

  PlanRecord put_if_absent(const PlanRecord& record, std::string_view cubin) override {
    const PlanRecord ours = sealed(record, cubin);
    PlanRecord stands = ours;
    write([&](Transaction& txn) {
      bool newer = false;
      stands = ours;  // a second try after the map grew starts over
      if (const auto found = standing(txn, record.problem, record.hardware, newer))
        if (found->cubin == Digest{} || image_of(txn, found->cubin)) return void(stands = *found);
      if (!newer) put(txn, ours, cubin);
    });
    return stands;
  }

  void replace(const PlanRecord& record, std::string_view cubin) override {
    const PlanRecord ours = sealed(record, cubin);
    write([&](Transaction& txn) {
      put(txn, ours, cubin);
      drop_orphans(txn);
    });
  }

  bool erase(const Problem& problem, const Hardware& hardware) override {
    bool found = false;
    write([&](Transaction& txn) {
      found = txn.erase(lmdb::plans, key_bytes(key_of(problem, hardware)));
      if (found) drop_orphans(txn);
    });
    return found;
  }

  bool change(const PlanRecord& before, const std::optional<PlanRecord>& after, std::string_view cubin) override {
    bool changed = false;
    write([&](Transaction& txn) {
      bool newer;
      const auto stands = standing(txn, before.problem, before.hardware, newer);
      changed = stands && *stands == before;
      if (!changed) return;
      if (after)
        put(txn, sealed(*after, cubin), cubin);
      else
        txn.erase(lmdb::plans, key_bytes(key_of(before.problem, before.hardware)));
      drop_orphans(txn);
    });
    return changed && fault().writing.empty();
  }

  void add_trials(const Problem& problem, const Hardware& hardware, std::span<const Trial> trials) override {
    if (trials.empty()) return;
    if (trials.size() > kTrialsKept) trials = trials.last(kTrialsKept);
    const std::string prefix = key_bytes(key_of(problem, hardware));
    write([&](Transaction& txn) {
      std::vector<std::uint64_t> numbers;
      txn.scan(lmdb::trials, prefix, [&](std::string_view key, std::string_view) {
        if (!key.starts_with(prefix)) return false;
        numbers.push_back(trial_number(key));
        return true;
      });
      const std::size_t total = numbers.size() + trials.size();
      for (std::size_t i = 0; i + kTrialsKept < total; ++i) txn.erase(lmdb::trials, trial_key(prefix, numbers[i]));
      std::uint64_t next = numbers.empty() ? 0 : numbers.back() + 1;
      for (const Trial& trial : trials) txn.put(lmdb::trials, trial_key(prefix, next++), encode(trial));
    });
  }

  std::vector<Trial> trials(const Problem& problem, const Hardware& hardware) override {
    const std::string prefix = key_bytes(key_of(problem, hardware));
    std::vector<Trial> out;
    int damaged = 0;
    read([&](const Transaction& txn) {
      out.clear(), damaged = 0;
      txn.scan(lmdb::trials, prefix, [&](std::string_view key, std::string_view value) {
        if (!key.starts_with(prefix)) return false;
        auto trial = decode_trial(value);
        trial ? out.push_back(std::move(*trial)) : void(++damaged);
        return true;
      });
    });
    if (damaged > 0) log(LogLevel::warn, "cache {}: {} unreadable trials of {} left out", folder_, damaged, to_string(problem));
    return out;
  }

  std::optional<WorkRecord> find_work(std::string_view kind, std::string_view key) override {
    std::optional<WorkRecord> found;
    read([&](const Transaction& txn) { found = standing_work(txn, kind, key); });
    return found;
  }
  bool change_work(const WorkRecord& before, const WorkRecord& after) override {
    bool changed = false;
    write([&](Transaction& txn) {
      changed = standing_work(txn, before.kind, before.key) == before;
      if (changed) txn.put(lmdb::work, key_bytes(key_of(after.kind, after.key)), encode(after));
    });
    return changed && fault().writing.empty();
  }
  void put_work(const WorkRecord& record) override {
    write([&](Transaction& txn) { txn.put(lmdb::work, key_bytes(key_of(record.kind, record.key)), encode(record)); });
  }
  bool erase_work(std::string_view kind, std::string_view key) override {
    bool found = false;
    write([&](Transaction& txn) { found = txn.erase(lmdb::work, key_bytes(key_of(kind, key))); });
    return found;
  }
  void for_each_work(std::string_view kind, const std::function<void(const WorkRecord&)>& visit) override {
    std::vector<WorkRecord> all;
    read([&](const Transaction& txn) {
      all.clear();
      txn.scan(lmdb::work, {}, [&](std::string_view, std::string_view value) {
        std::string why;
        if (auto record = decode_work(value, &why); !record)
          log(LogLevel::warn, "cache {}: a record is passed over: {}", folder_, why);
        else if (kind.empty() || record->kind == kind)
          all.push_back(std::move(*record));
        return true;
      });
    });
    for (const WorkRecord& record : all) visit(record);
  }

  void for_each(const std::function<void(const PlanRecord&)>& visit) override {
    std::vector<PlanRecord> all;  // a visitor may call back, and may take its time: no transaction stays open meanwhile
    read([&](const Transaction& txn) {
      all.clear();
      txn.scan(lmdb::plans, {}, [&](std::string_view key, std::string_view value) {
        std::string why;
        if (auto record = decode_record(value, &why); !record)
          log(LogLevel::warn, "cache {}: a record is passed over: {}", folder_, why);
        else if (key_bytes(key_of(record->problem, record->hardware)) == key)
          all.push_back(std::move(*record));
        return true;
      });
    });
    for (const PlanRecord& record : all) visit(record);
  }

  std::vector<Piece> pieces() override {
    std::vector<Piece> all;
    read([&](const Transaction& txn) {
      all.clear();
      std::map<std::string, std::string, std::less<>> images;  // what is wrong with each
      txn.scan(lmdb::cubins, {}, [&](std::string_view key, std::string_view value) {
        Piece& piece = all.emplace_back(piece_of(Piece::image, key, value));
        if (!unpack(value, key)) piece.damage = "damaged: it is not what its digest says";
        images.emplace(key, piece.damage.empty() ? "" : "its image is damaged");
        return true;
      });
      txn.scan(lmdb::plans, {}, [&](std::string_view key, std::string_view value) {
        Piece& piece = all.emplace_back(piece_of(Piece::plan, key, value));
        auto record = decode_record(value, &piece.damage);
        piece.unknown = !record && is_whole(piece.damage);
        if (record && key_bytes(key_of(record->problem, record->hardware)) != key)
          piece.damage = "damaged: it is of another problem";
        if (record && piece.damage.empty() && record->cubin != Digest{}) {
          const auto image = images.find(key_bytes(record->cubin));
          piece.damage = image == images.end() ? "its image is lost" : image->second;
        }
        if (record) piece.record = std::make_shared<PlanRecord>(std::move(*record));
        return true;
      });
      txn.scan(lmdb::trials, {}, [&](std::string_view key, std::string_view value) {
        Piece& piece = all.emplace_back(piece_of(Piece::trial, key, value));
        piece.unknown = !decode_trial(value, &piece.damage) && is_whole(piece.damage);
        if (key.size() != 24) piece.damage = "damaged: its key is none", piece.unknown = false;
        return true;
      });
      txn.scan(lmdb::work, {}, [&](std::string_view key, std::string_view value) {
        Piece& piece = all.emplace_back(piece_of(Piece::work, key, value));
        auto record = decode_work(value, &piece.damage);
        piece.unknown = !record && is_whole(piece.damage);
        if (record && key_bytes(key_of(record->kind, record->key)) != key) piece.damage = "damaged: it is of other work";
        if (record) piece.other = std::make_shared<WorkRecord>(std::move(*record));
        return true;
      });
      for (Piece& piece : all)
        if (piece.unknown) piece.damage.clear();
    });
    return all;
  }

  std::size_t drop(std::span<const Piece> pieces) override {
    constexpr lmdb::Database databases[] = {lmdb::plans, lmdb::work, lmdb::cubins, lmdb::trials};  // as Piece::Kind
    std::size_t dropped = 0;
    write([&](Transaction& txn) {
      dropped = 0;
      for (const Piece& piece : pieces) {
        if (piece.kind == Piece::image && piece.damage.empty()) continue;  // a plan may name it by now
        const auto stands = txn.get(databases[piece.kind], piece.key);
        if (stands && digest(*stands) == piece.content) dropped += txn.erase(databases[piece.kind], piece.key);
      }
      dropped += drop_orphans(txn);
    });
    return fault().writing.empty() ? dropped : 0;
  }

  std::string folder() const override { return folder_; }
  std::string describe() const override { return "lmdb " + folder_; }
  Fault fault() const override {
    const std::lock_guard lock(fault_mutex_);
    return fault_;
  }

 private:
  // The winner that stands; absent, damaged and newer ones (`newer` set) are misses, with their reasons in the log.
  std::optional<PlanRecord> standing(const Transaction& txn, const Problem& problem, const Hardware& hardware,
                                     bool& newer) const {
    const auto bytes = txn.get(lmdb::plans, key_bytes(key_of(problem, hardware)));
    if (!bytes) return std::nullopt;
    std::string why;
    auto record = decode_record(*bytes, &why);
    if (record && record->problem == problem && record->hardware == hardware) return record;
    newer = !record && is_whole(why);
    log(LogLevel::warn, "cache {}: the record of {} is not used: {}", folder_, to_string(problem),
        record ? "it is of another problem" : why);
    return std::nullopt;
  }

  std::optional<WorkRecord> standing_work(const Transaction& txn, std::string_view kind, std::string_view key) const {
    const auto bytes = txn.get(lmdb::work, key_bytes(key_of(kind, key)));
    if (!bytes) return std::nullopt;
    std::string why;
    auto found = decode_work(*bytes, &why);
    if (found && (found->kind != kind || found->key != key)) found.reset(), why = "it is of other work";
    if (!found) log(LogLevel::warn, "cache {}: the {} record of {} is not used: {}", folder_, kind, key, why);
    return found;
  }

  std::optional<std::string> image_of(const Transaction& txn, const Digest& digest) const {
    const auto packed = txn.get(lmdb::cubins, key_bytes(digest));
    if (!packed) return std::nullopt;
    auto image = unpack(*packed, key_bytes(digest));
    if (!image) log(LogLevel::warn, "cache {}: cubin {} is damaged and not used", folder_, digest.hex());
    return image;
  }

  static PlanRecord sealed(PlanRecord record, std::string_view cubin) {
    if (!cubin.empty()) record.cubin = digest(cubin);
    return record;
  }

  static void put(Transaction& txn, const PlanRecord& record, std::string_view cubin) {
    if (!cubin.empty()) txn.put(lmdb::cubins, key_bytes(record.cubin), pack(cubin));
    txn.put(lmdb::plans, key_bytes(key_of(record.problem, record.hardware)), encode(record));
  }

  // A cubin serves every size of one structure: it goes with the last plan that names it.
  static std::size_t drop_orphans(Transaction& txn) {
    std::vector<std::string> named, orphans;
    bool all_read = true;
    txn.scan(lmdb::plans, {}, [&](std::string_view, std::string_view value) {
      const auto record = decode_record(value);
      record ? named.push_back(key_bytes(record->cubin)) : void(all_read = false);
      return true;
    });
    if (!all_read) return 0;  // a newer version's record may name any of them
    std::sort(named.begin(), named.end());
    txn.scan(lmdb::cubins, {}, [&](std::string_view key, std::string_view) {
      if (!std::binary_search(named.begin(), named.end(), key)) orphans.emplace_back(key);
      return true;
    });
    for (const auto& key : orphans) txn.erase(lmdb::cubins, key);
    return orphans.size();
  }

  // This process's environment: a forked child opens its own on first use. Who writes where the file is gone begins a new one;
  // the old one is closed with this store, as other threads may be reading it.
  Environment* environment(Transaction::Kind kind) {
    Environment* seen = environment_.load();
    const bool ours = seen && seen->owner() == getpid();
    if (ours && (kind == Transaction::read || seen->in_place())) return seen;
    std::string why;
    if (ours) {
      warn_once(fmt::format("the cache in {} was removed while it was open; a new one begins", folder_));
      why = prepare_folder(folder_).unusable;
    }
    Environment* fresh = why.empty() ? acquire(folder_, why) : nullptr;
    if (!fresh) {
      warn_once(fmt::format("the cache in {} cannot be used {}: {}", folder_, ours ? "any more" : "after fork", why));
      told(Transaction::write, why);
      if (!ours) told(Transaction::read, why);
      return nullptr;
    }
    if (!environment_.compare_exchange_strong(seen, fresh)) {
      release(fresh);  // another thread was first
      return seen;
    }
    if (!fresh->read_only().empty()) told(Transaction::write, fresh->read_only());
    if (ours) {
      const std::lock_guard lock(fault_mutex_);
      before_.push_back(seen);
    }
    return fresh;
  }

  template <class Body>
  void read(Body&& body) {
    transact(Transaction::read, [&](Transaction& txn) { body(static_cast<const Transaction&>(txn)); });
  }

  template <class Body>
  void write(Body&& body) {
    transact(Transaction::write, [&](Transaction& txn) {
      body(txn);
      txn.commit();
    });
  }

  // Runs the body in a transaction, again after what can be cured. What cannot is said once: the caller goes on without.
  template <class Body>
  void transact(Transaction::Kind kind, Body&& body) {
    Environment* environment = this->environment(kind);
    if (!environment) return;
    if (kind == Transaction::write && !environment->read_only().empty()) return;
    for (int attempt = 0; attempt < 16; ++attempt) {
      int code = 0;
      try {
        const std::shared_lock lock(environment->map_mutex());
        Transaction txn(*environment, kind);
        body(txn);
        return told(kind, {});
      } catch (const Failure& failure) {
        code = failure.code;
      }
      try {
        if (code == MDB_MAP_FULL)
          environment->grow();
        else if (code == MDB_MAP_RESIZED)
          environment->adopt_size();
        else
          throw Failure{code};
      } catch (const Failure& failure) {
        told(kind, failure.text());
        return warn_once(fmt::format("the cache in {} cannot be {}: {}", folder_,
                                     kind == Transaction::read ? "read" : "written", failure.text()));
      }
    }
    told(kind, "it kept changing its size");
  }

  // How the last transaction of that kind went.
  void told(Transaction::Kind kind, std::string why) {
    if (why.empty() && !faulty_) return;  // nothing to lock: a fork meanwhile would leave the lock to its child
    faulty_ = true;
    const std::lock_guard lock(fault_mutex_);
    (kind == Transaction::read ? fault_.reading : fault_.writing) = std::move(why);
  }

  const std::string folder_;
  std::atomic<Environment*> environment_;
  std::atomic<bool> faulty_{false};  // there was one
  mutable std::mutex fault_mutex_;
  Fault fault_;
  std::vector<Environment*> before_;  // of this process, whose files are gone
};

}  // namespace

std::shared_ptr<Store> open_store_to_read(const std::string& asked, std::string& why) {
  const Place place = find_folder(asked);
  why = place.unusable;
  if (!why.empty()) return nullptr;
  if (!network_file_system_of(place.folder).empty()) return pack_store(place.folder);
  if (access((place.folder + "/data.mdb").c_str(), F_OK) != 0) return memory_store(place.folder + " holds no records");
  Environment* const environment = acquire(place.folder, why, "it is opened to be read alone");
  return environment ? std::make_shared<LmdbStore>(place.folder, environment) : nullptr;
}

std::string damaged_file(const std::string& folder) {
  const Place place = find_folder(folder);
  if (!place.unusable.empty() || !network_file_system_of(place.folder).empty()) return {};
  if (const auto verdict = lmdb::judge(place.folder + "/data.mdb"); verdict.is != lmdb::Verdict::fit)
    return verdict.is == lmdb::Verdict::damaged ? verdict.why : std::string();
  const pid_t reader = fork();
  if (reader == 0) {
    set_log_level(LogLevel::off);
    if (const int nowhere = open("/dev/null", O_WRONLY); nowhere >= 0) dup2(nowhere, 2);  // LMDB's own last words
    std::string why;
    const auto store = open_store_to_read(folder, why);
    if (store) store->pieces();
    _exit(store ? !store->fault().reading.empty() : lmdb::tells_damage(why));
  }
  int status = 0;
  if (reader < 0 || waitpid(reader, &status, 0) != reader) return {};
  if (WIFSIGNALED(status)) return fmt::format("reading it ends with signal {}", strsignal(WTERMSIG(status)));
  return WEXITSTATUS(status) ? "its pages do not belong together" : "";
}

void set_aside(const std::string& folder, std::string_view why) {
  const std::string place = find_folder(folder).folder;
  const FolderLock lock(place);
  try {
    lmdb::move_aside(place, why);
  } catch (const Failure& failure) {
    throw Error(ErrorCode::internal, fmt::format("{}/data.mdb cannot be moved aside: {}", place, failure.text()));
  }
}

std::shared_ptr<Store> open_store(const std::string& asked) {
  const Place place = prepare_folder(asked);
  const std::string& folder = place.folder;
  std::string why = place.unusable, read_only = place.read_only;
  std::shared_ptr<Store> store;
  if (!why.empty()) {
  } else if (const auto network = network_file_system_of(folder); !network.empty()) {
    log(LogLevel::info, "{}: on a network file system ({}), so one pack for each winner", folder, network);
    store = pack_store(folder);
  } else if (Environment* environment = acquire(folder, why, read_only)) {
    store = std::make_shared<LmdbStore>(folder, environment);
    read_only = environment->read_only();
  }
  if (store && read_only.empty()) return store;
  if (store) {
    warn_once(
        fmt::format("the cache {} is only read, new winners are remembered by this process alone: {}", folder, read_only));
    return read_only_store(std::move(store), read_only);
  }
  why = asked.empty() ? "no cache folder (HOME and AK_CACHE_DIR are unset)" : fmt::format("{}: {}", folder, why);
  warn_once(fmt::format("winners are remembered by this process alone: {}", why));
  return memory_store(why, {why, why});
}

}  // namespace ak
