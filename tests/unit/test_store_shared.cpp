// A store that others share: containers, images, users, other builds of LMDB.
#include <doctest/doctest.h>
#include <lmdb.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <thread>

#include "cache/folder.hpp"
#include "cache/lmdb.hpp"
#include "cache/store.hpp"
#include "records.hpp"
#include "stores.hpp"

using namespace ak;
using namespace ak::test_stores;
namespace fs = std::filesystem;

namespace {

constexpr int kSkipped = 77;
constexpr uid_t kNobody = 65534;

// What the body gives, run in a forked process; -1 when it died.
int code_of(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Root's writes are refused by no mode: it becomes a user that owns nothing.
int as_another_user(const std::function<int()>& body) {
  return code_of([&] { return setgid(kNobody) == 0 && setuid(kNobody) == 0 ? body() : kSkipped; });
}

// Holds a lock of LMDB's lock table as a process of the same id in another container would.
struct LockHolder {
  LockHolder(const fs::path& folder, short kind, off_t byte) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    process = fork();
    if (process == 0) {
      const int file = open((folder / "lock.mdb").c_str(), O_RDWR);
      struct flock range = {};
      range.l_type = kind, range.l_whence = SEEK_SET, range.l_start = byte, range.l_len = 1;
      const char held = fcntl(file, F_SETLK, &range) == 0;
      if (::write(ends[1], &held, 1) != 1) _exit(1);
      for (;;) pause();
    }
    char held = 0;
    REQUIRE(read(ends[0], &held, 1) == 1);
    REQUIRE(held);
    close(ends[0]), close(ends[1]);
  }
  ~LockHolder() { kill(process, SIGKILL), waitpid(process, nullptr, 0); }
  pid_t process;
};

std::string bytes_of(const fs::path& file) {
  std::string bytes(fs::file_size(file), '\0');
  std::ifstream(file, std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

int asides(const fs::path& folder) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    count += entry.path().filename().string().find(".damaged-") != std::string::npos;
  return count;
}

}  // namespace

TEST_CASE("a process of the same id in another container holds the reader's place: records are read and written") {
  const Folder folder("same_pid");
  const PlanRecord r = open_store(folder)->put_if_absent(sample::record(), sample::image(50000, 1));
  const LockHolder other(folder.path, F_WRLCK, getpid());
  {  // so it is without more ado
    MDB_env* env = nullptr;
    REQUIRE(mdb_env_create(&env) == 0);
    REQUIRE(mdb_env_open(env, folder.path.c_str(), MDB_NOTLS, 0600) == 0);
    MDB_txn* txn = nullptr;
    CHECK(mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn) == EAGAIN);
    mdb_env_close(env);
  }
  const auto store = open_store(folder);
  REQUIRE(durable(*store));
  CHECK(store->find(r.problem, r.hardware) == r);
  CHECK(store->cubin(r.cubin) == sample::image(50000, 1));
  int seen = 0;
  store->for_each([&](const PlanRecord& each) { seen += store->find(each.problem, each.hardware) == each; });
  CHECK(seen == 1);
  store->put_if_absent(sample::record(5), "another");
  CHECK(store->find(sample::problem(5), sample::hardware()));
  CHECK(store->fault().reading.empty());
  CHECK(store->fault().writing.empty());

  // Another process writes meanwhile, and grows the map; several threads read.
  Child writer("child: write until killed", folder, 1);
  std::atomic<int> torn{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i)
    readers.emplace_back([&] {
      while (!stop) torn += store->find(r.problem, r.hardware) != r || store->cubin(r.cubin) != sample::image(50000, 1);
    });
  for (int i = 0; i < 350; ++i) writer.line();
  stop = true;
  for (auto& reader : readers) reader.join();
  CHECK(torn == 0);
  CHECK(store->cubin(digest(sample::image(50000, 350))) == sample::image(50000, 350));
}

TEST_CASE("child: say what is read and wait" * doctest::skip()) {
  const auto store = open_store(child_folder());
  int count = 0;
  store->for_each([&](const PlanRecord&) { ++count; });
  std::printf("process %d reads %d\n", getpid(), count);
  std::fflush(stdout);
  for (;;) pause();
}

TEST_CASE("two containers, each with its process 1, read one folder") {
  const Folder folder("containers");
  open_store(folder)->put_if_absent(sample::record(), "image");
  if (std::system("unshare --pid --fork true >/dev/null 2>&1") != 0) {
    MESSAGE("no PID namespace may be made here");
    return;
  }
  Child first("child: say what is read and wait", folder, 0, true);
  CHECK(first.line() == "process 1 reads 1");
  Child second("child: say what is read and wait", folder, 0, true);
  CHECK(second.line() == "process 1 reads 1");
}

TEST_CASE("a lock table of another build of LMDB, in use: what stands is read, and nothing is moved aside") {
  const Folder folder("other_lock");
  const PlanRecord r = open_store(folder)->put_if_absent(sample::record(), "image");
  std::ofstream(folder.path / "lock.mdb", std::ios::binary) << std::string(8192, 'x');
  const LockHolder other(folder.path, F_RDLCK, 0);
  const auto store = open_store(folder);
  CHECK(store->find(r.problem, r.hardware) == r);
  CHECK(store->fault().reading.empty());
  CHECK(store->fault().writing.find("lock.mdb") != std::string::npos);
  CHECK_FALSE(store->persistent());
  CHECK(asides(folder.path) == 0);
}

TEST_CASE("a folder that cannot be written is read: every record hits, what is new lives in the process") {
  const Folder folder("image");
  const PlanRecord r = open_store(folder)->put_if_absent(sample::record(), sample::image(50000, 1));
  open_store(folder)->add_trials(r.problem, r.hardware, std::vector<Trial>{sample::trial(1)});
  fs::permissions(folder.path, fs::perms(0755));
  const auto use = [&] {
    const Log log;
    const auto store = open_store(folder);
    int failed = 0;
    const auto expect = [&](bool holds, const char* what) {
      if (!holds) ++failed, std::fprintf(stderr, "not so: %s (%s)\n", what, store->describe().c_str());
    };
    expect(store->find(r.problem, r.hardware) == r, "the record hits");
    expect(store->cubin(r.cubin) == sample::image(50000, 1), "its cubin too");
    expect(log.has("is only read"), "a warning says so");
    expect(store->fault().reading.empty() && !store->fault().writing.empty() && !store->persistent(), "so does fault()");
    expect(store->put_if_absent(r, "later") == r, "the first winner stands");
    const PlanRecord fresh = store->put_if_absent(sample::record(5), "new");
    expect(store->find(fresh.problem, fresh.hardware) == fresh && store->cubin(fresh.cubin) == "new", "a new one is kept");
    store->add_trials(r.problem, r.hardware, std::vector<Trial>{sample::trial(2)});
    expect(store->trials(r.problem, r.hardware).size() == 2, "history goes on");
    PlanRecord better = r;
    better.us = 1;
    store->replace(better, "better");
    expect(store->find(r.problem, r.hardware)->us == 1, "replaced");
    int count = 0;
    store->for_each([&](const PlanRecord&) { ++count; });
    expect(count == 2, "each once");
    expect(store->erase(r.problem, r.hardware) && !store->find(r.problem, r.hardware), "erased");
    count = 0;
    store->for_each([&](const PlanRecord&) { ++count; });
    expect(count == 1, "and not seen again");
    const auto again = open_store(folder);  // the same environment: what is new is the first store's alone
    expect(again->find(r.problem, r.hardware) == r, "another store sees the record");
    return failed;
  };
  if (geteuid() == 0) {
    CHECK(as_another_user(use) == 0);
    const int mounted = code_of([&] {
      const char* at = folder.path.c_str();
      if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          mount(at, at, nullptr, MS_BIND, nullptr) != 0 ||
          mount("none", at, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0)
        return kSkipped;
      return use();
    });
    if (mounted == kSkipped) MESSAGE("no read-only mount may be made here");
    CHECK((mounted == 0 || mounted == kSkipped));
  } else {
    fs::permissions(folder.path, fs::perms(0555));
    CHECK(use() == 0);
    fs::permissions(folder.path, fs::perms(0755));
  }
  CHECK(open_store(folder)->find(r.problem, r.hardware) == r);
  CHECK_FALSE(open_store(folder)->find(sample::problem(5), r.hardware));
}

TEST_CASE("child: write now and then until killed" * doctest::skip()) {
  const auto store = open_store(child_folder());
  for (int i = 1; i < 100000; ++i) {
    store->put_if_absent(sample::record(1000 + i), sample::image(50000, i));
    std::printf("%d\n", i);
    std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

TEST_CASE("what is read without a lock table is whole while another process writes") {
  const Folder folder("copied");
  open_store(folder)->put_if_absent(sample::record(), "image");
  Child writer("child: write now and then until killed", folder, 1);
  int opened = 0;
  for (int round = 0; round < 40; ++round) {
    const int last = std::atoi(writer.line().c_str());
    std::string why;
    const auto copy = lmdb::Environment::open(folder, why, "for a test");
    if (!copy) {  // it kept being written
      CHECK(why.find("busy") != why.npos);
      continue;
    }
    ++opened;
    CHECK(copy->read_only() == "for a test");
    const lmdb::Transaction txn(*copy, lmdb::Transaction::read);
    int whole = 0;
    txn.scan(lmdb::plans, {}, [&](std::string_view, std::string_view value) {
      const auto r = decode_record(value);
      const auto key = r ? r->cubin.bytes() : std::array<unsigned char, 16>{};
      whole += r && txn.get(lmdb::cubins, {reinterpret_cast<const char*>(key.data()), key.size()});
      return true;
    });
    CHECK(whole > last);
  }
  CHECK(opened > 20);
}

TEST_CASE("a folder that others may write to holds a private one") {
  const Folder folder("shared_folder");
  const std::string own = "ak-" + std::to_string(geteuid());
  for (const unsigned mode : {0775u, 0777u, 01777u}) {
    CAPTURE(mode);
    const fs::path parent = folder.path / std::to_string(mode);
    fs::create_directories(parent);
    // What lies in the shared folder itself is another's, for all that is known.
    open_store(parent)->put_if_absent(sample::record(), "planted");
    fs::permissions(parent, fs::perms(mode));
    const auto store = open_store(parent);
    REQUIRE(durable(*store));
    CHECK(store->describe() == "lmdb " + (parent / own).string());
    CHECK_FALSE(store->find(sample::problem(), sample::hardware()));
    store->put_if_absent(sample::record(), "image");
    CHECK(open_store(parent)->find(sample::problem(), sample::hardware()));
    struct stat info;
    REQUIRE(stat((parent / own).c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0700);
  }
  const auto refused = [&](const char* name, auto&& lay) {
    CAPTURE(name);
    const fs::path parent = folder.path / name;
    fs::create_directories(parent);
    fs::permissions(parent, fs::perms::all);
    lay(parent / own);
    const Log log;
    const auto store = open_store(parent);
    CHECK_FALSE(durable(*store));
    CHECK_FALSE(store->fault().reading.empty());
    CHECK(log.has("every user may write"));
  };
  refused("open", [](const fs::path& at) { fs::create_directory(at), fs::permissions(at, fs::perms::all); });
  refused("link", [&](const fs::path& at) { fs::create_directory_symlink(folder.path, at); });
  refused("file", [](const fs::path& at) { std::ofstream(at) << "in the way"; });
  if (geteuid() == 0)
    refused("another's", [](const fs::path& at) {
      fs::create_directory(at);
      REQUIRE(chown(at.c_str(), kNobody, 0) == 0);
    });
}

TEST_CASE("a database that others can write is never loaded") {
  const Folder folder("planted");
  const PlanRecord r = open_store(folder)->put_if_absent(sample::record(), "image");
  const fs::path data = folder.path / "data.mdb";
  const auto refused = [&](const char* reason) {
    const Log log;
    const auto store = open_store(folder);
    CHECK_FALSE(durable(*store));
    CHECK_FALSE(store->find(r.problem, r.hardware));
    CHECK(store->fault().reading.find(reason) != std::string::npos);
    CHECK(log.has(reason));
    CHECK(asides(folder.path) == 0);
  };
  fs::permissions(data, fs::perms(0666));
  refused("every user may write");
  fs::permissions(data, fs::perms(0660));
  refused("its group may write");
  fs::permissions(data, fs::perms(0644));
  CHECK(open_store(folder)->find(r.problem, r.hardware) == r);
  if (geteuid() != 0) return;
  REQUIRE(chown(data.c_str(), kNobody, kNobody) == 0);
  refused("belongs to another user");
  REQUIRE(chown(data.c_str(), 0, 0) == 0);
  REQUIRE(chown(folder.path.c_str(), kNobody, kNobody) == 0);  // root in a user's folder
  CHECK(open_store(folder)->describe() == "lmdb " + (folder.path / "ak-0").string());
  REQUIRE(chown(folder.path.c_str(), 0, 0) == 0);
}

TEST_CASE("a healthy database of another layout is left alone") {
  const PlanRecord r = sample::record();
  const auto kept = [&](const char* name, const char* reason, auto&& change) {
    CAPTURE(name);
    const Folder folder(name);
    open_store(folder)->put_if_absent(r, "image");
    const fs::path data = folder.path / "data.mdb";
    const std::string before = change(bytes_of(data));
    std::ofstream(data, std::ios::binary) << before;
    fs::remove(folder.path / "lock.mdb");
    CHECK(lmdb::judge(data).is == lmdb::Verdict::foreign);
    const Log log;
    const auto store = open_store(folder);
    CHECK_FALSE(durable(*store));
    CHECK(store->fault().reading.find(reason) != std::string::npos);
    CHECK(log.has(reason));
    CHECK(store->put_if_absent(r, "image").problem == r.problem);
    CHECK(store->find(r.problem, r.hardware));
    CHECK(bytes_of(data) == before);
    CHECK(asides(folder.path) == 0);
  };
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const auto word = [](std::string& bytes, std::size_t at, std::uint32_t value) { std::memcpy(&bytes[at], &value, 4); };
  for (const std::size_t pages : {page * 4, page / 2})
    kept("pages", "made with pages of", [&](std::string bytes) {
      const std::string first = bytes.substr(0, page / 2), second = bytes.substr(page, page / 2);
      std::string out(8 * pages, '\0');
      out.replace(0, first.size(), first).replace(pages, second.size(), second);
      word(out, 40, static_cast<std::uint32_t>(pages)), word(out, pages + 40, static_cast<std::uint32_t>(pages));
      return out;
    });
  kept("version", "another version of LMDB", [&](std::string bytes) {
    word(bytes, 20, 2), word(bytes, page + 20, 2);
    return bytes;
  });
  kept("header", "another version of LMDB", [&](std::string bytes) {
    for (const std::size_t at : {std::size_t{0}, page}) bytes.insert(at + 16, 8, '\0').erase(at + page, 8);
    return bytes;
  });
  kept("order", "the other byte order", [&](std::string bytes) {
    for (const std::size_t at : {std::size_t{0}, page}) word(bytes, at + 16, 0xDEC0EFBE), word(bytes, at + 20, 0x01000000);
    return bytes;
  });
  CHECK(lmdb::unknown_layout(0, 9).empty());
  CHECK_FALSE(lmdb::unknown_layout(1, 0).empty());
}

TEST_CASE("a schema that this version cannot read is no damage") {
  const Folder folder("schema");
  open_store(folder)->put_if_absent(sample::record(), "image");
  {
    std::string why;
    const auto environment = lmdb::Environment::open(folder, why);
    REQUIRE(environment);
    lmdb::Transaction txn(*environment, lmdb::Transaction::write);
    txn.put(lmdb::meta, "schema", "eight by");
    txn.commit();
  }
  CHECK_FALSE(durable(*open_store(folder)));
  CHECK(asides(folder.path) == 0);
}

TEST_CASE("the writers' lock is held by one process at a time, and dies with it") {
  const Folder folder("turns");
  fs::create_directories(folder.path);
  lmdb::WriterLock ours;
  ours.open(folder);
  ours.lock();
  const auto free_elsewhere = [&] {
    return code_of([&] {
      const int file = open((folder.path / "write.lock").c_str(), O_RDWR);
      struct flock range = {};
      range.l_type = F_WRLCK, range.l_whence = SEEK_SET;
      return fcntl(file, F_SETLK, &range) == 0;
    });
  };
  CHECK(free_elsewhere() == 0);
  ours.unlock();
  CHECK(free_elsewhere() == 1);
  CHECK(code_of([&] {
          lmdb::WriterLock theirs;
          theirs.open(folder);
          theirs.lock();
          return 3;  // dies with it
        }) == 3);
  ours.lock();
  ours.unlock();
}
