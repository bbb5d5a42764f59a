#include "cache/lmdb.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <mutex>
#include <thread>

#include "base/log.hpp"
#include "cache/folder.hpp"
#include "cache/limits.hpp"

namespace ak::lmdb {
namespace {

constexpr std::uint32_t kSchema = 1;
constexpr const char* kDatabaseNames[kDatabaseCount] = {"plans", "cubins", "trials", "meta"};

struct File {
  explicit File(const std::string& path) : descriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {}
  ~File() {
    if (descriptor >= 0) close(descriptor);
  }
  const int descriptor;
};

// The part of LMDB 0.9's meta page that is read before mapping it (64-bit hosts).
struct MetaPage {
  std::uint64_t page;
  std::uint16_t pad, flags, lower, upper;
  std::uint32_t magic, version;
  std::uint64_t address, map_bytes;
  struct {
    std::uint32_t pad;
    std::uint16_t flags, depth;
    std::uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
  } trees[2];
  std::uint64_t last_page, transaction;
};
static_assert(sizeof(MetaPage) == 152);

std::optional<std::string> damage_now(int file, std::uint64_t size) {
  const auto page_bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  if (size < 2 * page_bytes) return "it is shorter than its two meta pages";
  if (size % page_bytes != 0) return "its size is not a whole number of pages";
  std::uint64_t newest = 0, last_page = 0;
  for (std::uint64_t i = 0; i < 2; ++i) {
    MetaPage meta;
    if (pread(file, &meta, sizeof meta, static_cast<off_t>(i * page_bytes)) != sizeof meta) return "a meta page cannot be read";
    if (meta.page != i || (meta.flags & 0x08) == 0 || meta.magic != 0xBEEFC0DE)
      return fmt::format("meta page {} is not one", i);
    if (meta.trees[0].pad != page_bytes) return fmt::format("meta page {} names another page size", i);
    for (const auto& tree : meta.trees)
      if (tree.root != ~std::uint64_t{0} && tree.root > meta.last_page)
        return fmt::format("meta page {} points past its last page", i);
    if (meta.transaction >= newest) newest = meta.transaction, last_page = meta.last_page;
  }
  if (last_page >= size / page_bytes)
    return fmt::format("it is cut off: page {} of {} is missing", size / page_bytes, last_page + 1);
  return std::nullopt;
}

void move_aside(const std::string& folder, std::string_view why) {
  const std::string suffix = fmt::format(".damaged-{}-{}", std::time(nullptr), getpid());
  const std::string file = folder + "/data.mdb";
  if (std::rename(file.c_str(), (file + suffix).c_str()) != 0) throw Failure{errno};
  // The reader table belongs to the old file: processes that still have it open keep both.
  std::rename((folder + "/lock.mdb").c_str(), (folder + "/lock.mdb" + suffix).c_str());
  warn_once(fmt::format("the cache {} is damaged ({}); moved aside as data.mdb{}, a fresh one begins", file, why, suffix));
}

// Every schema so far can read those before it.
int check_schema(MDB_txn* txn, MDB_dbi meta) {
  const std::string_view name = "schema";
  std::uint32_t schema = kSchema;
  MDB_val key{name.size(), const_cast<char*>(name.data())}, value{sizeof schema, &schema};
  const int code = mdb_put(txn, meta, &key, &value, MDB_NOOVERWRITE);  // gives back what stands
  if (code != MDB_KEYEXIST) return code;
  if (value.mv_size != sizeof schema) return MDB_CORRUPTED;
  std::memcpy(&schema, value.mv_data, sizeof schema);
  return schema > kSchema ? MDB_VERSION_MISMATCH : MDB_SUCCESS;
}

}  // namespace

std::optional<std::string> damage(const std::string& path) {
  std::optional<std::string> why;
  // Another process may be committing between two reads: only what stays wrong is damage.
  for (int tries = 0; tries < 5; ++tries) {
    const File file(path);
    struct stat info;
    if (file.descriptor < 0 || fstat(file.descriptor, &info) != 0 || info.st_size == 0) return std::nullopt;
    why = damage_now(file.descriptor, static_cast<std::uint64_t>(info.st_size));
    if (!why) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return why;
}

std::unique_ptr<Environment> Environment::open(const std::string& folder, std::string& why) {
  const FolderLock lock(folder);
  if (!lock.held()) {
    why = "its open.lock cannot be taken";
    return nullptr;
  }
  std::unique_ptr<Environment> environment;
  for (int attempt = 0;; ++attempt) {
    try {
      if (const auto bad = damage(folder + "/data.mdb")) move_aside(folder, *bad);
      environment.reset(new Environment(folder, getpid()));
      environment->start();
      return environment;
    } catch (const Failure& failure) {
      environment.reset();
      why = failure.code == MDB_VERSION_MISMATCH ? "it was written by a newer version" : failure.text();
      const bool damaged = failure.code == MDB_INVALID || failure.code == MDB_CORRUPTED || failure.code == MDB_PAGE_NOTFOUND;
      if (!damaged || attempt > 0) return nullptr;
      try {
        move_aside(folder, why);
      } catch (const Failure&) {
        return nullptr;
      }
    }
  }
}

void Environment::start() {
  struct stat info;
  const bool fresh = stat((folder_ + "/data.mdb").c_str(), &info) != 0 || info.st_size == 0;
  check(mdb_env_create(&env_));
  check(mdb_env_set_maxdbs(env_, kDatabaseCount));
  check(mdb_env_set_maxreaders(env_, 1024));
  if (fresh) check(mdb_env_set_mapsize(env_, kFirstMapBytes));
  check(mdb_env_open(env_, folder_.c_str(), MDB_NOTLS, 0600));
  fill_file();
  int dead = 0;
  mdb_reader_check(env_, &dead);
  if (dead > 0) log(LogLevel::info, "cache: cleared {} readers of processes that died", dead);

  MDB_txn* txn = nullptr;
  check(mdb_txn_begin(env_, nullptr, 0, &txn));
  int code = MDB_SUCCESS;
  for (int i = 0; i < kDatabaseCount && code == MDB_SUCCESS; ++i)
    code = mdb_dbi_open(txn, kDatabaseNames[i], MDB_CREATE, &databases_[i]);
  if (code == MDB_SUCCESS) code = check_schema(txn, databases_[meta]);
  if (code != MDB_SUCCESS) {
    mdb_txn_abort(txn);
    throw Failure{code};
  }
  check(mdb_txn_commit(txn));
}

Environment::~Environment() {
  if (env_ && owner_ == getpid()) mdb_env_close(env_);  // a forked child must leave its parent's alone
}

// The file is always as long as the map (sparse), so that a missing page can only mean truncation. Under the folder's lock:
// two processes extending at once could cut each other's.
void Environment::fill_file() {
  MDB_envinfo info;
  check(mdb_env_info(env_, &info));
  const File file(folder_ + "/data.mdb");
  struct stat now;
  if (file.descriptor < 0 || fstat(file.descriptor, &now) != 0) throw Failure{errno};
  if (static_cast<std::size_t>(now.st_size) < info.me_mapsize &&
      ftruncate(file.descriptor, static_cast<off_t>(info.me_mapsize)) != 0)
    throw Failure{errno};
}

void Environment::grow() {
  const FolderLock between_processes(folder_);
  if (!between_processes.held()) throw Failure{EBUSY};
  const std::unique_lock lock(map_mutex_);
  check(mdb_env_set_mapsize(env_, 0));
  MDB_envinfo info;
  check(mdb_env_info(env_, &info));
  if (info.me_mapsize >= kLastMapBytes) throw Failure{MDB_MAP_FULL};
  check(mdb_env_set_mapsize(env_, info.me_mapsize * 2));
  fill_file();
}

void Environment::adopt_size() {
  const std::unique_lock lock(map_mutex_);
  check(mdb_env_set_mapsize(env_, 0));
}

std::optional<std::string_view> Transaction::get(Database which, std::string_view key) const {
  MDB_val k = value_of(key), value;
  const int code = mdb_get(txn_, environment_.database(which), &k, &value);
  if (code == MDB_NOTFOUND) return std::nullopt;
  check(code);
  return view_of(value);
}

void Transaction::put(Database which, std::string_view key, std::string_view value) {
  MDB_val k = value_of(key), v = value_of(value);
  check(mdb_put(txn_, environment_.database(which), &k, &v, 0));
}

bool Transaction::erase(Database which, std::string_view key) {
  MDB_val k = value_of(key);
  const int code = mdb_del(txn_, environment_.database(which), &k, nullptr);
  if (code == MDB_NOTFOUND) return false;
  check(code);
  return true;
}

}  // namespace ak::lmdb
