// Thin owners of LMDB's environment and transactions.
#pragma once

#include <lmdb.h>
#include <sys/types.h>

#include <array>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>

#include "base/hash.hpp"

namespace ak::lmdb {

/// Thrown inside the store and caught at its doors; never leaves cache/.
struct Failure {
  int code;
  std::string text() const { return mdb_strerror(code); }
};

inline void check(int code) {
  if (code != MDB_SUCCESS) throw Failure{code};
}

enum Database { plans, cubins, trials, meta, kDatabaseCount };

/// One open data.mdb: at most one in a process, and never used by a forked child (see owner()).
class Environment {
 public:
  /// nullptr with a reason when the folder's database cannot be opened. A damaged one is moved aside, and a fresh one made.
  static std::unique_ptr<Environment> open(const std::string& folder, std::string& why);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  MDB_env* get() const { return env_; }
  MDB_dbi database(Database which) const { return databases_[which]; }
  pid_t owner() const { return owner_; }

  /// Held shared by every transaction, exclusively while the map's size changes: LMDB forbids that under a transaction.
  std::shared_mutex& map_mutex() { return map_mutex_; }
  /// Doubles the map. Throws Failure{MDB_MAP_FULL} at the last size.
  void grow();
  /// Takes over the size another process grew the map to.
  void adopt_size();

 private:
  Environment(std::string folder, pid_t owner) : folder_(std::move(folder)), owner_(owner) {}
  void start();
  void fill_file();

  const std::string folder_;
  const pid_t owner_;
  MDB_env* env_ = nullptr;
  std::array<MDB_dbi, kDatabaseCount> databases_{};
  std::shared_mutex map_mutex_;
};

/// Aborts unless committed. Views that it gives end with it.
class Transaction {
 public:
  enum Kind : unsigned { write = 0, read = MDB_RDONLY };
  Transaction(Environment& environment, Kind kind) : environment_(environment) {
    check(mdb_txn_begin(environment.get(), nullptr, kind, &txn_));
  }
  ~Transaction() {
    if (txn_) mdb_txn_abort(txn_);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  std::optional<std::string_view> get(Database which, std::string_view key) const;
  void put(Database which, std::string_view key, std::string_view value);
  bool erase(Database which, std::string_view key);
  void commit() { check(mdb_txn_commit(std::exchange(txn_, nullptr))); }

  /// visit(key, value) -> whether to go on, for keys at or after `from`, in order.
  template <class Visit>
  void scan(Database which, std::string_view from, Visit&& visit) const {
    Cursor cursor(*this, which);
    MDB_val key = value_of(from), value;
    for (int code = mdb_cursor_get(cursor.get, &key, &value, from.empty() ? MDB_FIRST : MDB_SET_RANGE); code != MDB_NOTFOUND;
         code = mdb_cursor_get(cursor.get, &key, &value, MDB_NEXT)) {
      check(code);
      if (!visit(view_of(key), view_of(value))) return;
    }
  }

 private:
  struct Cursor {
    Cursor(const Transaction& t, Database which) { check(mdb_cursor_open(t.txn_, t.environment_.database(which), &get)); }
    ~Cursor() { mdb_cursor_close(get); }
    MDB_cursor* get = nullptr;
  };
  static MDB_val value_of(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }
  static std::string_view view_of(const MDB_val& value) { return {static_cast<const char*>(value.mv_data), value.mv_size}; }

  Environment& environment_;
  MDB_txn* txn_ = nullptr;
};

/// Why an existing data.mdb must not be mapped: a page missing at its end is a SIGBUS, a wrong meta page worse. nullopt when it
/// may be opened, or does not exist.
std::optional<std::string> damage(const std::string& file);

}  // namespace ak::lmdb
