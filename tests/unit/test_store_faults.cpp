// What happens to a store while it is in use: full disks and maps, processes that die, forks, folders that vanish, other copies
// of the library in the process.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <lmdb.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <set>
#include <thread>

#include "base/sanitized.hpp"
#include "cache/bytes.hpp"
#include "cache/lmdb.hpp"
#include "cache/store.hpp"
#include "child_process.hpp"
#include "records.hpp"
#include "stores.hpp"

using namespace ak;
using namespace ak::test_stores;
using ak::testing::ChildProcess;
namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

// What the body gives, run in a forked process; its signal, negative, when it died of one.
int forked(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool is_whole(Store& store, int n, std::size_t bytes) {
  const auto r = store.find(sample::problem(n), sample::hardware());
  return r && store.cubin(r->cubin) == sample::image(bytes, static_cast<std::uint64_t>(n));
}

int damaged(Store& store) {
  int count = 0;
  for (const Piece& piece : store.pieces()) count += !piece.damage.empty();
  return count;
}

}  // namespace

TEST_CASE("a kill loop: whatever a killed process was told is stored is there, and every byte is whole") {
  const Folder folder("kill_loop");
  const char* const all = std::getenv("AK_TEST_ALL");
  const auto end = Clock::now() + std::chrono::milliseconds(all && *all ? 60000 : 1800);
  std::mt19937 random(7);
  constexpr int kKeys = 100;    // records are replaced too, so that the file stops growing
  int said[2][kKeys + 1] = {};  // the last version of each key that was acknowledged, of plans and of other work
  struct Acknowledged {
    int kind, key, version;
  };
  // In a process of its own, as the next one that opens the folder.
  const auto lost_or_damaged = [&] {
    return forked([&] {
      const auto store = open_store(folder);
      int bad = durable(*store) ? damaged(*store) : 200;
      for (int n = 1; n <= kKeys; ++n) {
        const auto r = store->find(sample::problem(n), sample::hardware());
        const auto work = store->find_work("toy", std::to_string(n));
        bad += said[0][n] > 0 && (!r || r->us < said[0][n] || !store->cubin(r->cubin));
        bad += said[1][n] > 0 && (!work || std::stoi(work->local) < said[1][n]);
      }
      return std::min(bad, 200);
    });
  };
  int killed = 0, acknowledged = 0, bad = 0;
  for (; Clock::now() < end && bad == 0; ++killed) {
    ChildProcess child([&](ChildProcess& me) {
      const auto store = open_store(folder);
      const auto say = [&](Acknowledged what) { me.say({reinterpret_cast<const char*>(&what), sizeof what}); };
      for (int i = 1;; ++i) {
        const int version = killed * 10000 + i, n = 1 + version % kKeys;
        PlanRecord r = sample::record(n);
        r.us = version;
        store->replace(r, sample::image(500 + static_cast<std::size_t>(i % 5) * 20000, static_cast<std::uint64_t>(version)));
        say({0, n, version});
        store->put_work({"toy", std::to_string(n), "words", std::to_string(version)});
        say({1, n, version});
        store->add_trials(r.problem, r.hardware, std::vector<Trial>{sample::trial()});
      }
    });
    // Every eighth dies while it opens the folder, perhaps; the others while they write.
    std::string told = killed % 8 == 7 ? "" : child.text(sizeof(Acknowledged));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 30000));
    child.signal(SIGKILL);
    told += child.text();
    for (std::size_t at = 0; at + sizeof(Acknowledged) <= told.size(); at += sizeof(Acknowledged), ++acknowledged) {
      Acknowledged one;
      std::memcpy(&one, told.data() + at, sizeof one);
      said[one.kind][one.key] = one.version;
    }
    if (killed % 5 == 4) bad = lost_or_damaged();
  }
  if (bad == 0) bad = lost_or_damaged();
  MESSAGE(killed << " processes killed, " << acknowledged << " writes acknowledged");
  CHECK(killed >= 3);  // on a slow machine too
  CHECK(acknowledged > 0);
  CHECK(bad == 0);
}

TEST_CASE("readers of processes that died hold no pages: the file does not grow for them") {
  const Folder folder("stale");
  const auto store = open_store(folder);
  const PlanRecord r = store->put_if_absent(sample::record(), sample::image(1 << 20, 1));
  ChildProcess reader([&](ChildProcess& me) {
    std::string why;
    const auto environment = lmdb::Environment::open(folder, why);
    const lmdb::Transaction txn(*environment, lmdb::Transaction::read);
    me.say("r");
    for (;;) pause();
  });
  REQUIRE(reader.text(1) == "r");
  reader.signal(SIGKILL);
  // Each replaced image frees its pages, which a reader's transaction would keep.
  for (std::uint64_t i = 2; i < 26; ++i) store->replace(r, sample::image(1 << 20, i));
  CHECK(fs::file_size(folder.path / "data.mdb") == 16 << 20);
  CHECK(store->fault().writing.empty());
  CHECK(store->cubin(digest(sample::image(1 << 20, 25))));
}

TEST_CASE("on a full disk what is stored stays, the rest is remembered, and room that is made is used") {
  const auto on_disk_of = [](const char* size, const std::function<int(const std::string&)>& body) {
    const Folder folder("full_disk");
    fs::create_directories(folder.path);
    return forked([&] {
      if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          mount("tmpfs", folder.path.c_str(), "tmpfs", 0, (std::string("mode=0700,size=") + size).c_str()) != 0)
        return 77;
      return body(folder.path / "cache");
    });
  };
  const int small = on_disk_of("700k", [](const std::string& folder) {
    const Log log;
    const auto store = open_store(folder);
    if (!durable(*store)) return 1;
    int kept = 0;
    for (; kept < 50 && store->fault().writing.empty(); ++kept)
      store->put_if_absent(sample::record(kept + 1), sample::image(50000, kept + 1));
    if (kept < 3 || kept == 50 || !log.has("cannot be written")) return 2;
    for (int n = 1; n < kept; ++n)
      if (!is_whole(*store, n, 50000)) return 3;
    if (damaged(*store)) return 4;
    if (!store->find(sample::problem(1), sample::hardware())) return 5;
    for (int n = 1; n < 4; ++n) store->erase(sample::problem(n), sample::hardware());
    store->put_if_absent(sample::record(100), sample::image(20000, 100));
    return is_whole(*store, 100, 20000) ? 0 : 6;
  });
  if (small == 77) {
    MESSAGE("no file system may be mounted here");
    return;
  }
  CHECK(small == 0);
  const auto remembers = [](const std::string& folder) {
    const auto store = open_store(folder);
    const PlanRecord r = store->put_if_absent(sample::record(), sample::image(200000, 1));
    return r.cubin == digest(sample::image(200000, 1)) && (durable(*store) || store->find(r.problem, r.hardware)) ? 0 : 1;
  };
  for (const char* size : {"4k", "16k", "64k", "80k", "100k"}) {  // full before there is a database
    CAPTURE(size);
    CHECK(on_disk_of(size, remembers) == 0);
  }
  CHECK(on_disk_of("64k", [&](const std::string& folder) {  // not a byte is left
          std::ofstream(folder + "_before") << std::string(1 << 20, 'x');
          return remembers(folder);
        }) == 0);
}

TEST_CASE("a process that may not write big files is not killed for it: it reads") {
  const Folder folder("file_size");
  open_store(folder)->put_if_absent(sample::record(), "image");
  const auto limited = [&](rlim_t bytes, const std::function<int()>& body) {
    return forked([&] {
      const rlimit limit{bytes, bytes};
      setrlimit(RLIMIT_FSIZE, &limit);  // SIGXFSZ ends the process
      return body();
    });
  };
  CHECK(limited(1 << 20, [&] {
          const auto store = open_store(folder);
          store->put_if_absent(sample::record(5), "another");
          const bool says = store->fault().writing.find("ulimit -f") != std::string::npos;
          return says && store->find(sample::problem(), sample::hardware()) &&
                 store->find(sample::problem(5), sample::hardware());
        }) == 1);
  CHECK(limited(20 << 20, [&] {  // as big as it is, no bigger
          const auto store = open_store(folder);
          for (int n = 100; n < 120; ++n) store->put_if_absent(sample::record(n), sample::image(1 << 20, n));
          return durable(*store) && !store->fault().writing.empty() && is_whole(*store, 100, 1 << 20);
        }) == 1);
  CHECK(damaged(*open_store(folder)) == 0);
}

TEST_CASE("a folder that is removed while it is open: reads go on, the next write begins a new one") {
  const Folder folder("removed");
  const auto store = open_store(folder), sibling = open_store(folder);
  const PlanRecord before = store->put_if_absent(sample::record(1), "image");
  const auto begins_anew = [&](int n, const std::function<void()>& remove) {
    CAPTURE(n);
    remove();
    CHECK(store->find(sample::problem(n - 1), sample::hardware()));
    store->put_if_absent(sample::record(n), "image");
    CHECK(durable(*store));
    CHECK(store->fault().writing.empty());
    CHECK(open_store(folder)->find(sample::problem(n), sample::hardware()));
    // So another process finds it, and both write in turns.
    CHECK(forked([&] {
            const auto theirs = open_store(folder);
            theirs->put_if_absent(sample::record(100 + n), "image");
            return theirs->find(sample::problem(n), sample::hardware()).has_value();
          }) == 1);
    CHECK(store->find(sample::problem(100 + n), sample::hardware()));
    sibling->put_if_absent(sample::record(200 + n), "image");
    CHECK(store->find(sample::problem(200 + n), sample::hardware()));
  };
  begins_anew(2, [&] { fs::remove_all(folder.path); });
  begins_anew(3, [&] { fs::remove(folder.path / "data.mdb"); });
  begins_anew(4, [&] {  // as a process that found it damaged does
    fs::rename(folder.path / "data.mdb", folder.path / "data.mdb.aside");
    fs::rename(folder.path / "lock.mdb", folder.path / "lock.mdb.aside");
  });
  begins_anew(5, [&] {  // another process was first
    fs::remove_all(folder.path);
    CHECK(forked([&] {
            return open_store(folder)->put_if_absent(sample::record(4), "theirs").problem == sample::problem(4);
          }) == 1);
  });
  CHECK(open_store(folder)->find(sample::problem(4), sample::hardware()));
}

// A sanitizer's own allocator is not made for such a child.
TEST_CASE("a child forked while threads use the store works, whatever they held" * doctest::skip(kSanitized)) {
  const Folder folder("fork_in_use");
  const auto store = open_store(folder);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    for (int i = 0; !stop; ++i) store->put_if_absent(sample::record(1000 + i), "image");
  });
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&] {
      while (!stop) store->find(sample::problem(1000), sample::hardware());
    });
  int failed = 0;
  for (int round = 1; round <= 8 && failed == 0; ++round)
    failed += forked([&] {
                alarm(10);
                store->put_if_absent(sample::record(round), "child's");
                return store->find(sample::problem(round), sample::hardware()) && store->fault().writing.empty() ? 0 : 1;
              }) != 0;
  stop = true;
  for (auto& thread : threads) thread.join();
  CHECK(failed == 0);
  for (int round = 1; round <= 8; ++round) CHECK(store->find(sample::problem(round), sample::hardware()));
  CHECK(damaged(*store) == 0);
}

TEST_CASE("a record that names what this version does not know is not overwritten, and no damage") {
  const Folder folder("unknown");
  const PlanRecord r = open_store(folder)->put_if_absent(sample::record(), "image");
  std::string bytes = encode(r);
  const auto at = bytes.find("sm90");
  REQUIRE(at != bytes.npos);
  bytes[at + 3] = '9' + 1;
  ByteWriter sum;
  sum.put(digest(std::string_view(bytes).substr(0, bytes.size() - 16)));
  bytes.replace(bytes.size() - 16, 16, sum.bytes());
  const auto key = key_of(r.problem, r.hardware).bytes();
  const std::string_view name(reinterpret_cast<const char*>(key.data()), key.size());
  const auto in_transaction = [&](lmdb::Transaction::Kind kind, auto&& body) {
    std::string why;
    const auto environment = lmdb::Environment::open(folder, why);
    REQUIRE(environment);
    lmdb::Transaction txn(*environment, kind);
    body(txn);
  };
  in_transaction(lmdb::Transaction::write, [&](auto& txn) { txn.put(lmdb::plans, name, bytes), txn.commit(); });
  {
    const auto store = open_store(folder);
    CHECK_FALSE(store->find(r.problem, r.hardware));
    CHECK(store->put_if_absent(r, "ours").cubin == digest("ours"));
    CHECK_FALSE(store->find(r.problem, r.hardware));
    CHECK(damaged(*store) == 0);
    CHECK(std::ranges::count(store->pieces(), true, &Piece::unknown) == 1);
  }
  in_transaction(lmdb::Transaction::read, [&](auto& txn) { CHECK(txn.get(lmdb::plans, name) == bytes); });
}

TEST_CASE("of a folder of packs, what is damaged or misplaced is found and dropped") {
  const Folder folder("packs");
  fs::create_directories(folder.path);
  const PlanRecord r = pack_store(folder)->put_if_absent(sample::record(1), "image");
  pack_store(folder)->put_if_absent(sample::record(2), "image");
  pack_store(folder)->put_work({"toy", "a key", "words", "local"});
  const auto file = [&](const PlanRecord& record) {
    return folder.path / (key_of(record.problem, record.hardware).hex() + ".pack");
  };
  CHECK(pack_store(folder)->pieces().size() == 3);
  CHECK(damaged(*pack_store(folder)) == 0);
  fs::copy_file(file(r), folder.path / "elsewhere.pack");
  std::ofstream(file(sample::record(2)), std::ios::app) << "more\n";
  std::vector<Piece> bad = pack_store(folder)->pieces();
  std::erase_if(bad, [](const Piece& piece) { return piece.damage.empty(); });
  REQUIRE(bad.size() == 2);
  const auto says = [&](const char* what) {
    return std::ranges::any_of(bad, [&](const Piece& piece) { return piece.damage.find(what) != piece.damage.npos; });
  };
  CHECK(says("the checksum does not match"));
  CHECK(says("no call looks for its record under this name"));
  CHECK(pack_store(folder)->drop(bad) == 2);
  CHECK(damaged(*pack_store(folder)) == 0);
  CHECK(pack_store(folder)->find(r.problem, r.hardware));
  CHECK(pack_store(folder)->find_work("toy", "a key"));
  CHECK(pack_store(folder)->drop(pack_store(folder)->pieces()) == 2);
  CHECK(pack_store(folder)->pieces().empty());
}

// What a copy that was unloaded still holds, a sanitizer would call lost.
TEST_CASE("two copies of the library in a process: the second reads, and harms nothing of the first" *
          doctest::skip(kSanitized)) {
  const Folder folder("copies");
  void* const copy = dlopen(AK_BINARY_DIR "/tests/libstore_copy.so", RTLD_NOW | RTLD_LOCAL);
  REQUIRE_MESSAGE(copy, dlerror());
  const auto function = [&](const char* name) {
    void* const found = dlsym(copy, name);
    REQUIRE(found);
    return found;
  };
  const auto open_copy = reinterpret_cast<void* (*)(const char*)>(function("copy_open"));
  const auto close_copy = reinterpret_cast<void (*)(void*)>(function("copy_close"));
  const auto put = reinterpret_cast<void (*)(void*, int)>(function("copy_put"));
  const auto finds = reinterpret_cast<int (*)(void*, int)>(function("copy_finds"));
  const auto fault = reinterpret_cast<const char* (*)(void*)>(function("copy_fault"));
  // Held by whoever reads: without it, other processes clear the reader's place.
  const auto reader_lock_is_held = [&] {
    const pid_t reader = getpid();
    return forked([&] {
             const int file = open((folder.path / "lock.mdb").c_str(), O_RDWR);
             struct flock range = {};
             range.l_type = F_WRLCK, range.l_whence = SEEK_SET, range.l_start = reader, range.l_len = 1;
             return fcntl(file, F_GETLK, &range) == 0 && range.l_type != F_UNLCK;
           }) == 1;
  };

  auto store = open_store(folder);
  store->put_if_absent(sample::record(1), "image");
  CHECK(store->find(sample::problem(1), sample::hardware()));
  REQUIRE(reader_lock_is_held());
  void* second = open_copy(folder.path.c_str());
  CHECK(std::string(fault(second)).find("another copy of this library") != std::string::npos);
  CHECK(finds(second, 1));
  put(second, 2);
  CHECK(finds(second, 2));  // remembered by itself
  CHECK_FALSE(store->find(sample::problem(2), sample::hardware()));
  store->put_if_absent(sample::record(3), "image");
  close_copy(second);
  CHECK(reader_lock_is_held());
  CHECK(store->find(sample::problem(3), sample::hardware()));
  // A forked child is a process of its own, in which this copy comes first.
  CHECK(forked([&] {
          store->put_if_absent(sample::record(4), "image");
          return store->fault().writing.empty() && store->find(sample::problem(4), sample::hardware());
        }) == 1);

  store.reset();
  second = open_copy(folder.path.c_str());
  CHECK(std::string(fault(second)).empty());
  put(second, 5);
  const Log log;
  store = open_store(folder);
  CHECK(store->fault().writing.find("another copy of this library") != std::string::npos);
  CHECK(log.has("another copy of this library in the process uses it"));
  CHECK(store->find(sample::problem(5), sample::hardware()));
  close_copy(second);
  store.reset();
  CHECK(durable(*open_store(folder)));
  dlclose(copy);
}
