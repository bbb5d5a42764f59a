#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

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
    if (at->second.environment.get() != environment || --at->second.users > 0) continue;
    all.open.erase(at);
    return;
  }
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

// nullopt unless what comes out is the very image that was put in.
std::optional<std::string> unpack(std::string_view packed, const Digest& expected) {
  const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kMaxCubinBytes) return std::nullopt;
  std::string image(size, '\0');
  if (ZSTD_decompress(image.data(), image.size(), packed.data(), packed.size()) != size || digest(image) != expected)
    return std::nullopt;
  return image;
}

// --- the store ------------------------------------------------------------------------------------------------------------

class LmdbStore : public Store {
 public:
  LmdbStore(std::string folder, Environment* environment) : folder_(std::move(folder)), environment_(environment) {}
  ~LmdbStore() override {
    if (Environment* environment = environment_.load()) release(environment);
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
    newer = !record && why.find("newer version") != why.npos;
    log(LogLevel::warn, "cache {}: the record of {} is not used: {}", folder_, to_string(problem),
        record ? "it is of another problem" : why);
    return std::nullopt;
  }

  std::optional<std::string> image_of(const Transaction& txn, const Digest& digest) const {
    const auto packed = txn.get(lmdb::cubins, key_bytes(digest));
    if (!packed) return std::nullopt;
    auto image = unpack(*packed, digest);
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
  static void drop_orphans(Transaction& txn) {
    std::vector<std::string> named, orphans;
    bool all_read = true;
    txn.scan(lmdb::plans, {}, [&](std::string_view, std::string_view value) {
      const auto record = decode_record(value);
      record ? named.push_back(key_bytes(record->cubin)) : void(all_read = false);
      return true;
    });
    if (!all_read) return;  // a newer version's record may name any of them
    std::sort(named.begin(), named.end());
    txn.scan(lmdb::cubins, {}, [&](std::string_view key, std::string_view) {
      if (!std::binary_search(named.begin(), named.end(), key)) orphans.emplace_back(key);
      return true;
    });
    for (const auto& key : orphans) txn.erase(lmdb::cubins, key);
  }

  // This process's environment: a forked child opens its own on first use.
  Environment* environment() {
    Environment* seen = environment_.load();
    if (seen && seen->owner() == getpid()) return seen;
    std::string why;
    Environment* fresh = acquire(folder_, why);
    if (!fresh) {
      warn_once(fmt::format("the cache in {} cannot be used after fork: {}", folder_, why));
      told(Transaction::read, why), told(Transaction::write, why);
      return nullptr;
    }
    if (environment_.compare_exchange_strong(seen, fresh)) return fresh;
    release(fresh);  // another thread of this child was first
    return seen;
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
    Environment* environment = this->environment();
    if (!environment) return;
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
    const std::lock_guard lock(fault_mutex_);
    (kind == Transaction::read ? fault_.reading : fault_.writing) = std::move(why);
  }

  const std::string folder_;
  std::atomic<Environment*> environment_;
  mutable std::mutex fault_mutex_;
  Fault fault_;
};

}  // namespace

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
