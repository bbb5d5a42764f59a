#include "cache/lmdb.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <mutex>
#include <thread>

#include "base/file_size.hpp"
#include "base/log.hpp"
#include "cache/folder.hpp"
#include "cache/limits.hpp"

namespace ak::lmdb {
namespace {

constexpr std::uint32_t kSchema = 1;
constexpr unsigned kReaders = 1024;
constexpr int kDamage[] = {MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_CURSOR_FULL};  // what LMDB says of pages that do not fit
constexpr const char* kDatabaseNames[kDatabaseCount] = {"plans", "cubins", "trials", "meta", "work"};

struct File {
  explicit File(const std::string& path, int flags = O_RDONLY)
      : descriptor(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK)) {}
  explicit File(int opened) : descriptor(opened) {}
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

constexpr std::uint32_t kMagic = 0xBEEFC0DE, kDataVersion = 1;

// Where LMDB's magic number stands in a meta page (32-bit hosts and later versions have other headers), in which byte order,
// and the version behind it: alike in both meta pages of a healthy file, whoever made it.
struct Signature {
  std::size_t at = 0;
  bool swapped = false;
  std::uint32_t version = 0;
  bool operator==(const Signature&) const = default;
};

std::optional<Signature> signature(int file, std::uint64_t offset) {
  unsigned char bytes[64];
  if (pread(file, bytes, sizeof bytes, static_cast<off_t>(offset)) != sizeof bytes) return std::nullopt;
  for (const std::size_t at : {16, 12, 20, 24, 32}) {
    std::uint32_t words[2];
    std::memcpy(words, bytes + at, sizeof words);
    if (words[0] == kMagic) return Signature{at, false, words[1]};
    if (words[0] == __builtin_bswap32(kMagic)) return Signature{at, true, __builtin_bswap32(words[1])};
  }
  return std::nullopt;
}

// Why a file that looks healthy cannot be read here; empty when its layout is this one, or it is no database.
std::string foreign(int file, std::uint64_t here_bytes) {
  const auto first = signature(file, 0);
  if (!first) return {};
  std::uint64_t page_bytes = 512;
  while (page_bytes <= 65536 && signature(file, page_bytes) != first) page_bytes *= 2;
  if (page_bytes > 65536) return {};
  if (first->swapped) return "it was made by a machine of the other byte order";
  if (first->at != 16 || first->version != kDataVersion)
    return fmt::format("it was made by another version of LMDB (format {})", first->version);
  if (page_bytes != here_bytes)
    return fmt::format("it was made with pages of {} bytes, this machine's have {}", page_bytes, here_bytes);
  return {};
}

std::string damage(int file, std::uint64_t size, std::uint64_t page_bytes) {
  if (size < 2 * page_bytes) return "it is shorter than its two meta pages";
  if (size % page_bytes != 0) return "its size is not a whole number of pages";
  std::uint64_t newest = 0, last_page = 0;
  for (std::uint64_t i = 0; i < 2; ++i) {
    MetaPage meta;
    if (pread(file, &meta, sizeof meta, static_cast<off_t>(i * page_bytes)) != sizeof meta) return "a meta page cannot be read";
    if (meta.page != i || (meta.flags & 0x08) == 0 || meta.magic != kMagic) return fmt::format("meta page {} is not one", i);
    if (meta.trees[0].pad != page_bytes) return fmt::format("meta page {} names another page size", i);
    for (const auto& tree : meta.trees)
      if (tree.root != ~std::uint64_t{0} && tree.root > meta.last_page)
        return fmt::format("meta page {} points past its last page", i);
    if (meta.transaction >= newest) newest = meta.transaction, last_page = meta.last_page;
  }
  if (last_page >= size / page_bytes)
    return fmt::format("it is cut off: page {} of {} is missing", size / page_bytes, last_page + 1);
  return {};
}

std::uint64_t page_bytes_here() { return static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)); }

struct Newest {
  std::uint64_t transaction = 0, last_page = 0;
};

Newest newest(int file) {
  Newest found;
  for (std::uint64_t i = 0; i < 2; ++i) {
    MetaPage meta;
    if (pread(file, &meta, sizeof meta, static_cast<off_t>(i * page_bytes_here())) != sizeof meta) throw Failure{EIO};
    if (meta.transaction >= found.transaction) found = {meta.transaction, meta.last_page};
  }
  return found;
}

void must_be_allowed(std::uint64_t file_bytes) {
  if (!file_may_grow_to(file_bytes)) throw Failure{EFBIG};
}

// A file in memory. LMDB overwrites no page of a transaction before the next one but one has begun: as long as none was
// committed meanwhile, the copy is whole.
int copy_in_memory(const std::string& path) {
  const File file(path);
  struct stat info;
  if (file.descriptor < 0 || fstat(file.descriptor, &info) != 0) throw Failure{errno};
  if (!written_by_others(info).empty()) throw Failure{EPERM};  // another one by now
  for (int tries = 0; tries < 20; ++tries) {
    const Newest before = newest(file.descriptor);
    const off_t end = static_cast<off_t>((before.last_page + 1) * page_bytes_here());
    must_be_allowed(static_cast<std::uint64_t>(end));
    const int copy = memfd_create("ak cache", MFD_CLOEXEC);
    if (copy < 0 || ftruncate(copy, end) != 0) {
      const int code = errno;
      if (copy >= 0) close(copy);
      throw Failure{code};
    }
    off_t at = 0;
    while (at < end)
      if (sendfile(copy, file.descriptor, &at, static_cast<std::size_t>(end - at)) <= 0) break;
    if (at >= end && newest(file.descriptor).transaction == before.transaction) return copy;
    close(copy);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  throw Failure{EBUSY};
}

// LMDB writes its lock table through a map of a sparse file: on a full disk that would be a SIGBUS.
void reserve_lock_table(const std::string& path) {
  const File file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (file.descriptor < 0) throw Failure{errno};
  constexpr off_t kTableBytes = 64 * kReaders + 4096;  // a reader has a cache line
  if (fallocate(file.descriptor, FALLOC_FL_KEEP_SIZE, 0, kTableBytes) != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
    throw Failure{errno};
}

bool is_database(const struct stat& info) { return S_ISREG(info.st_mode) && info.st_size > 0; }

// Every schema so far can read those before it. A read-only database has one already.
int check_schema(MDB_txn* txn, MDB_dbi meta, bool write) {
  const std::string_view name = "schema";
  std::uint32_t schema = kSchema;
  MDB_val key{name.size(), const_cast<char*>(name.data())}, value{sizeof schema, &schema};
  // MDB_NOOVERWRITE gives back what stands.
  const int code = write ? mdb_put(txn, meta, &key, &value, MDB_NOOVERWRITE) : mdb_get(txn, meta, &key, &value);
  if (code != (write ? MDB_KEYEXIST : MDB_SUCCESS)) return code;
  if (value.mv_size != sizeof schema) return MDB_VERSION_MISMATCH;
  std::memcpy(&schema, value.mv_data, sizeof schema);
  return schema > kSchema ? MDB_VERSION_MISMATCH : MDB_SUCCESS;
}

std::string text_of(const Failure& failure) {
  if (failure.code == MDB_VERSION_MISMATCH) return "it was written by a newer version";
  if (failure.code == MDB_INVALID) return "another build of LMDB is using its lock table (lock.mdb)";
  if (failure.code == EALREADY) return "another copy of this library in the process uses it";
  if (failure.code == EFBIG) return "this process may not write files of that size (ulimit -f)";
  if (failure.code == EIO) return failure.text() + ", or no space is left";  // LMDB says so of a write that was cut short
  return failure.text();
}

}  // namespace

void move_aside(const std::string& folder, std::string_view why) {
  const std::string suffix = fmt::format(".damaged-{}-{}", std::time(nullptr), getpid());
  const std::string file = folder + "/data.mdb";
  if (std::rename(file.c_str(), (file + suffix).c_str()) != 0) throw Failure{errno};
  // The reader table belongs to the old file: processes that still have it open keep both.
  std::rename((folder + "/lock.mdb").c_str(), (folder + "/lock.mdb" + suffix).c_str());
  warn_once(fmt::format("the cache {} is damaged ({}); moved aside as data.mdb{}, a fresh one begins", file, why, suffix));
}

Verdict judge(const std::string& path) {
  Verdict verdict;
  // Another process may be committing between two reads: only what stays wrong is damage.
  for (int tries = 0; tries < 5; ++tries) {
    const File file(path);
    struct stat info;
    if (file.descriptor < 0 || fstat(file.descriptor, &info) != 0 || !is_database(info)) return {};
    if (auto why = foreign(file.descriptor, page_bytes_here()); !why.empty())
      verdict = {Verdict::foreign, std::move(why)};
    else if (why = damage(file.descriptor, static_cast<std::uint64_t>(info.st_size), page_bytes_here()); !why.empty())
      verdict = {Verdict::damaged, std::move(why)};
    else
      return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return verdict;
}

bool tells_damage(std::string_view why) {
  return std::ranges::any_of(kDamage, [&](int code) { return why.find(Failure{code}.text()) != why.npos; });
}

std::string unknown_layout(int major, int minor) {
  return major == 0 && minor == 9 ? ""
                                  : fmt::format("this program runs with LMDB {}.{}, and knows the files of 0.9", major, minor);
}

void WriterLock::open(const std::string& folder) {
  file_ = ::open((folder + "/write.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file_ < 0) throw Failure{errno};
}

void WriterLock::lock() {
  threads_.lock();
  struct flock range = {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  int code = 0;
  do code = fcntl(file_, F_SETLKW, &range) == 0 ? 0 : errno;
  while (code == EINTR);
  if (code == 0) return;
  threads_.unlock();
  throw Failure{code};
}

void WriterLock::unlock() {
  struct flock range = {};
  range.l_type = F_UNLCK;
  range.l_whence = SEEK_SET;
  fcntl(file_, F_SETLK, &range);
  threads_.unlock();
}

std::unique_ptr<Environment> Environment::open(const std::string& folder, std::string& why, const std::string& read_only) {
  int major = 0, minor = 0;
  mdb_version(&major, &minor, nullptr);
  if (why = unknown_layout(major, minor); !why.empty()) return nullptr;
  const std::string file = folder + "/data.mdb";
  struct stat info;
  const bool exists = stat(file.c_str(), &info) == 0 && is_database(info);
  if (why = exists ? written_by_others(info) : ""; !why.empty()) {
    why = "data.mdb is not loaded: " + why;
    return nullptr;
  }
  std::unique_ptr<Environment> environment;
  why = read_only;
  for (int attempt = 0; read_only.empty(); ++attempt) {
    const FolderLock lock(folder);
    if (!lock.held()) {
      why = "its open.lock cannot be taken";
      break;
    }
    try {
      if (const Verdict verdict = judge(file); verdict.is == Verdict::foreign)
        return why = verdict.why + ": data.mdb is left alone", nullptr;
      else if (verdict.is == Verdict::damaged)
        move_aside(folder, verdict.why);
      environment.reset(new Environment(folder, getpid()));
      environment->start();
      return environment;
    } catch (const Failure& failure) {
      environment.reset();
      why = text_of(failure);
      if (std::ranges::find(kDamage, failure.code) == std::end(kDamage)) break;
      if (attempt > 0) return nullptr;
      try {
        move_aside(folder, why);
      } catch (const Failure&) {
        return nullptr;
      }
    }
  }
  if (!exists) return nullptr;  // there is nothing to read
  try {
    if (const Verdict verdict = judge(file); verdict.is != Verdict::fit)
      return why = fmt::format("data.mdb is {} ({}); {}", verdict.is == Verdict::damaged ? "damaged" : "not read", verdict.why,
                               why),
             nullptr;
    environment.reset(new Environment(folder, getpid()));
    environment->read_only_ = why;
    environment->start_copy();
    return environment;
  } catch (const Failure& failure) {
    if (text_of(failure) != why) why = fmt::format("{}; {}", text_of(failure), why);
    return nullptr;
  }
}

void Environment::start() {
  struct stat info;
  const bool fresh = stat(file().c_str(), &info) != 0 || info.st_size == 0;
  must_be_allowed(fresh ? kFirstMapBytes : static_cast<std::uint64_t>(info.st_size));
  if (!place_.take(folder_)) throw Failure{EALREADY};
  const std::string lock_table = folder_ + "/lock.mdb";
  if (fresh)  // of a file that is gone: who has that open keeps them
    ::unlink(lock_table.c_str()), ::unlink((folder_ + "/write.lock").c_str());
  reserve_lock_table(lock_table);
  writer_lock_.open(folder_);
  set_limits();
  if (fresh) check(mdb_env_set_mapsize(env_, kFirstMapBytes));
  const int code = mdb_env_open(env_, folder_.c_str(), MDB_NOTLS, 0644);  // the folder's mode says who else may read
  // data.mdb was judged: what is of another format is lock.mdb.
  check(code == MDB_VERSION_MISMATCH ? MDB_INVALID : code);
  mdb_filehandle_t opened = -1;
  check(mdb_env_get_fd(env_, &opened));
  if (fstat(opened, &info) != 0 || !written_by_others(info).empty()) throw Failure{EPERM};  // another one by now
  fill_file();
  int dead = 0;
  mdb_reader_check(env_, &dead);
  if (dead > 0) log(LogLevel::info, "cache: cleared {} readers of processes that died", dead);
  const std::lock_guard turn(writer_lock_);
  open_databases(true);
}

void Environment::start_copy() {
  const File copy(copy_in_memory(file()));
  set_limits();
  check(mdb_env_open(env_, fmt::format("/proc/self/fd/{}", copy.descriptor).c_str(),
                     MDB_NOTLS | MDB_RDONLY | MDB_NOLOCK | MDB_NOSUBDIR, 0));
  open_databases(false);
}

void Environment::set_limits() {
  check(mdb_env_create(&env_));
  check(mdb_env_set_maxdbs(env_, kDatabaseCount));
  check(mdb_env_set_maxreaders(env_, kReaders));
}

void Environment::open_databases(bool create) {
  MDB_txn* txn = nullptr;
  check(mdb_txn_begin(env_, nullptr, create ? 0 : MDB_RDONLY, &txn));
  int code = MDB_SUCCESS;
  for (int i = 0; i < kDatabaseCount && code == MDB_SUCCESS; ++i) {
    code = mdb_dbi_open(txn, kDatabaseNames[i], create ? MDB_CREATE : 0, &databases_[i]);
    if (code == MDB_NOTFOUND && i == work) databases_[i] = kAbsent, code = MDB_SUCCESS;  // made before there was any
  }
  if (code == MDB_SUCCESS) code = check_schema(txn, databases_[meta], create);
  if (code != MDB_SUCCESS) {
    mdb_txn_abort(txn);
    throw Failure{code};
  }
  check(mdb_txn_commit(txn));
}

Environment::~Environment() {
  if (env_ && owner_ == getpid()) mdb_env_close(env_);  // a forked child must leave its parent's alone
}

bool Environment::in_place() const {
  mdb_filehandle_t opened = -1;
  struct stat ours, theirs;
  return !read_only_.empty() ||
         (mdb_env_get_fd(env_, &opened) == MDB_SUCCESS && fstat(opened, &ours) == 0 && stat(file().c_str(), &theirs) == 0 &&
          ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino);
}

// The file is always as long as the map (sparse), so that a missing page can only mean truncation. Under the folder's lock:
// two processes extending at once could cut each other's.
void Environment::fill_file() {
  MDB_envinfo info;
  check(mdb_env_info(env_, &info));
  const File file(this->file(), O_RDWR);
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
  int dead = 0;
  if (mdb_reader_check(env_, &dead) == MDB_SUCCESS && dead > 0) return;
  check(mdb_env_set_mapsize(env_, 0));
  MDB_envinfo info;
  check(mdb_env_info(env_, &info));
  must_be_allowed(info.me_mapsize * 2);
  if (info.me_mapsize >= kLastMapBytes) throw Failure{MDB_MAP_FULL};
  check(mdb_env_set_mapsize(env_, info.me_mapsize * 2));
  fill_file();
}

void Environment::adopt_size() {
  const std::unique_lock lock(map_mutex_);
  check(mdb_env_set_mapsize(env_, 0));
}

Transaction::Transaction(Environment& environment, Kind kind) : environment_(environment) {
  int code = EAGAIN;
  if (kind == read) code = mdb_txn_begin(environment.get(), nullptr, MDB_RDONLY, &txn_);
  if (code == MDB_READERS_FULL) mdb_reader_check(environment.get(), nullptr);
  // LMDB's readers hold a lock that is named by their process's id: in two containers that may be one and the same. Who gets no
  // place among the readers reads as a writer that changes nothing: no page can be reused under it.
  if (code == EAGAIN || code == MDB_READERS_FULL) {
    turn_ = std::unique_lock(environment.writer_lock());
    code = mdb_txn_begin(environment.get(), nullptr, 0, &txn_);
  }
  check(code);
}

std::optional<std::string_view> Transaction::get(Database which, std::string_view key) const {
  if (environment_.database(which) == kAbsent) return std::nullopt;
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
