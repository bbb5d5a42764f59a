// Thin owners of LMDB's environment and transactions.
#pragma once

#include <lmdb.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>

#include "base/hash.hpp"
#include "cache/folder.hpp"

namespace ak::lmdb {

/// Thrown inside the store and caught at its doors; never leaves cache/.
struct Failure {
  int code;
  std::string text() const { return mdb_strerror(code); }
};

inline void check(int code) {
  if (code != MDB_SUCCESS) throw Failure{code};
}

enum Database { plans, cubins, trials, meta, work, kDatabaseCount };

/// A database that is not there, of an environment that is only read.
constexpr MDB_dbi kAbsent = ~MDB_dbi{0};

/// Between the writers of all processes. LMDB's own mutex tells them apart by thread id, which containers give out twice: the
/// kernel then takes it from its holder when one that waits for it is killed. fcntl's locks go by process, and die with it.
class WriterLock {
 public:
  ~WriterLock() {
    if (file_ >= 0) close(file_);
  }
  void open(const std::string& folder);
  void lock();
  void unlock();

 private:
  std::mutex threads_;  // of this process: the file's lock is the whole process's
  int file_ = -1;
};

/// One open data.mdb: at most one in a process, and never used by a forked child (see owner()).
class Environment {
 public:
  /// nullptr with a reason when the folder's database cannot be opened. A damaged one is moved aside, and a fresh one made; one
  /// that this LMDB cannot read, or that others may have written, is left alone. Where nothing can be written (`read_only`: why
  /// that is known already) what stands is read: a copy in memory, which no writer elsewhere can change under its reader.
  static std::unique_ptr<Environment> open(const std::string& folder, std::string& why, const std::string& read_only = {});
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  MDB_env* get() const { return env_; }
  MDB_dbi database(Database which) const { return databases_[which]; }
  pid_t owner() const { return owner_; }
  /// Why nothing can be written; empty when it can.
  const std::string& read_only() const { return read_only_; }
  WriterLock& writer_lock() { return writer_lock_; }
  /// Whether the file that is open is still the folder's: it may have been removed, or moved aside by another process.
  bool in_place() const;
  /// Lets another environment of this process open the folder. What is open stays so, for transactions under way.
  void give_up_place() { place_.leave(); }

  /// Held shared by every transaction, exclusively while the map's size changes: LMDB forbids that under a transaction.
  std::shared_mutex& map_mutex() { return map_mutex_; }
  /// Makes room: clears readers that died and held pages, else doubles the map. Throws Failure{MDB_MAP_FULL} at the last size.
  void grow();
  /// Takes over the size another process grew the map to.
  void adopt_size();

 private:
  Environment(std::string folder, pid_t owner) : folder_(std::move(folder)), owner_(owner) {}
  void start();
  void start_copy();
  void set_limits();
  void open_databases(bool create);
  void fill_file();
  std::string file() const { return folder_ + "/data.mdb"; }

  const std::string folder_;
  const pid_t owner_;
  std::string read_only_;
  ProcessPlace place_;
  WriterLock writer_lock_;
  MDB_env* env_ = nullptr;
  std::array<MDB_dbi, kDatabaseCount> databases_{};
  std::shared_mutex map_mutex_;
};

/// Aborts unless committed. Views that it gives end with it.
class Transaction {
 public:
  enum Kind : unsigned { write = 0, read = MDB_RDONLY };
  Transaction(Environment& environment, Kind kind);
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
    if (environment_.database(which) == kAbsent) return;
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
  std::unique_lock<WriterLock> turn_;  // given up after the transaction has ended
  MDB_txn* txn_ = nullptr;
};

/// What an existing data.mdb is, found before it is mapped: a page missing at its end is a SIGBUS, a wrong meta page worse.
struct Verdict {
  enum Kind { fit, damaged, foreign } is = fit;  // foreign: healthy, but of a layout that this LMDB cannot read here
  std::string why;
};
/// fit also where there is none.
Verdict judge(const std::string& file);
/// Whether a reason of Environment::open is that pages do not belong together.
bool tells_damage(std::string_view why);
/// Renames data.mdb and its lock table, so that a fresh one begins; warns with the reason. Throws Failure.
void move_aside(const std::string& folder, std::string_view why);
/// Why databases of that LMDB's version cannot be judged: meta pages are read as version 0.9 lays them out. Empty when they
/// can.
std::string unknown_layout(int major, int minor);

}  // namespace ak::lmdb
