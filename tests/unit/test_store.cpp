#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "base/log.hpp"
#include "cache/bytes.hpp"
#include "cache/folder.hpp"
#include "cache/limits.hpp"
#include "cache/lmdb.hpp"
#include "cache/store.hpp"
#include "records.hpp"
#include "stores.hpp"

using namespace ak;
using namespace ak::test_stores;
namespace fs = std::filesystem;

namespace {

// A relative path begins in here.
struct WorkingFolder {
  explicit WorkingFolder(const std::string& folder) { fs::create_directories(folder), fs::current_path(folder); }
  ~WorkingFolder() { fs::current_path(before); }
  const fs::path before = fs::current_path();
};

void exercise(Store& store) {
  const PlanRecord first = sample::record();
  const std::string image = sample::image(5000, 1);
  CHECK_FALSE(store.find(first.problem, first.hardware));
  const PlanRecord stored = store.put_if_absent(first, image);
  CHECK(stored.cubin == digest(image));
  CHECK(store.find(first.problem, first.hardware) == stored);
  CHECK(store.cubin(stored.cubin) == image);
  CHECK_FALSE(store.cubin(Digest{7, 7}));
  CHECK_FALSE(store.find(sample::problem(65), first.hardware));
  Hardware other = first.hardware;
  other.recording = "a recording";
  CHECK_FALSE(store.find(first.problem, other));

  PlanRecord second = first;
  second.us = 1;
  CHECK(store.put_if_absent(second, sample::image(5000, 2)) == stored);  // the first winner stands
  store.replace(second, sample::image(5000, 3));
  CHECK(store.find(first.problem, first.hardware)->us == 1);
  CHECK_FALSE(store.cubin(stored.cubin));  // no plan names it any more

  PlanRecord vendor = sample::record(96);
  vendor.cubin = {};
  store.put_if_absent(vendor, {});
  int seen = 0;
  store.for_each([&](const PlanRecord& record) { seen += store.find(record.problem, record.hardware) == record; });
  CHECK(seen == 2);

  const PlanRecord stood = *store.find(first.problem, first.hardware);
  PlanRecord slower = stood;
  slower.us = stood.us + 1;
  CHECK_FALSE(store.change(slower, stood));
  CHECK(store.change(stood, slower));
  CHECK_FALSE(store.change(stood, std::nullopt));  // what another has put there meanwhile stays
  CHECK(store.find(first.problem, first.hardware) == slower);
  CHECK(store.cubin(slower.cubin));
  CHECK(store.change(slower, std::nullopt));
  CHECK_FALSE(store.find(first.problem, first.hardware));
  CHECK_FALSE(store.cubin(slower.cubin));
  CHECK_FALSE(store.change(slower, stood));
  store.put_if_absent(stood, sample::image(5000, 3));

  CHECK(store.trials(first.problem, first.hardware).empty());
  for (std::int16_t i = 0; i < 3; ++i) {
    const Trial some[] = {sample::trial(static_cast<std::int16_t>(2 * i)), sample::trial(static_cast<std::int16_t>(2 * i + 1))};
    store.add_trials(first.problem, first.hardware, some);
  }
  store.add_trials(vendor.problem, vendor.hardware, std::vector<Trial>{sample::trial(99)});
  const auto history = store.trials(first.problem, first.hardware);
  REQUIRE(history.size() == 6);
  for (std::int16_t i = 0; i < 6; ++i) CHECK(history[i].tactic.tile_m == i);
  store.add_trials(first.problem, first.hardware, std::vector<Trial>(kTrialsKept - 2, sample::trial(500)));
  CHECK(store.trials(first.problem, first.hardware).size() == kTrialsKept);
  CHECK(store.trials(first.problem, first.hardware).front().tactic.tile_m == 4);

  const WorkRecord toy{"toy", "a key", "words", std::string("an\0image", 8)}, another{"another", "a key", "", ""};
  CHECK_FALSE(store.find_work("toy", "a key"));
  store.put_work(another), store.put_work({"toy", "a key", "before", ""}), store.put_work(toy);
  CHECK(store.find_work("toy", "a key") == toy);
  CHECK(store.find_work("another", "a key") == another);
  std::vector<WorkRecord> toys;
  int all = 0;
  store.for_each_work("toy", [&](const WorkRecord& r) { toys.push_back(r); });
  store.for_each_work({}, [&](const WorkRecord&) { ++all; });
  CHECK(toys == std::vector{toy});
  CHECK(all == 2);
  const WorkRecord later{"toy", "a key", "other words", ""};
  CHECK_FALSE(store.change_work(later, toy));  // it is another one that stands
  CHECK(store.find_work("toy", "a key") == toy);
  CHECK(store.change_work(toy, later));
  CHECK_FALSE(store.change_work(toy, later));
  CHECK(store.find_work("toy", "a key") == later);
  CHECK(store.erase_work("toy", "a key"));
  CHECK_FALSE(store.change_work(later, toy));
  CHECK_FALSE(store.erase_work("toy", "a key"));
  CHECK_FALSE(store.find_work("toy", "a key"));

  const auto pieces = store.pieces();
  const auto count = [&](Piece::Kind kind) { return std::ranges::count(pieces, kind, &Piece::kind); };
  CHECK(count(Piece::plan) == 2);
  CHECK(count(Piece::image) == 1);
  CHECK(count(Piece::work) == 1);
  CHECK(count(Piece::trial) == static_cast<long>(kTrialsKept) + 1);
  for (const Piece& piece : pieces) {
    if (!piece.damage.empty() || piece.unknown || piece.bytes == 0) FAIL_CHECK(piece.damage);
    if (piece.record) CHECK(store.find(piece.record->problem, piece.record->hardware) == *piece.record);
    if (piece.other) CHECK(store.find_work(piece.other->kind, piece.other->key) == *piece.other);
  }
  const PlanRecord changed = [&] {  // what became another meanwhile stays
    PlanRecord r = *store.find(first.problem, first.hardware);
    r.us = 0.5;
    store.replace(r, sample::image(5000, 3));
    return r;
  }();
  CHECK(store.drop(pieces) == pieces.size() - 2);
  CHECK(store.cubin(changed.cubin));
  CHECK(store.find(first.problem, first.hardware) == changed);
  CHECK(store.trials(first.problem, first.hardware).empty());
  CHECK_FALSE(store.find(vendor.problem, vendor.hardware));
  CHECK_FALSE(store.find_work("another", "a key"));
  store.put_if_absent(vendor, {});

  CHECK(store.erase(first.problem, first.hardware));
  CHECK_FALSE(store.erase(first.problem, first.hardware));
  CHECK_FALSE(store.find(first.problem, first.hardware));
  CHECK(store.find(vendor.problem, vendor.hardware) == vendor);
  store.erase(vendor.problem, vendor.hardware);
}

}  // namespace

TEST_CASE("memory and LMDB stores keep the same contract") {
  const Folder folder("contract");
  const auto memory = memory_store("for a test");
  exercise(*memory);
  CHECK(memory->describe() == "memory only: for a test");
  const auto lmdb = open_store(folder.path / "made/with/parents");
  REQUIRE(durable(*lmdb));
  exercise(*lmdb);
  struct stat info;
  REQUIRE(stat((folder.path / "made").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
}

TEST_CASE("a record, its cubin and its history outlive the store that wrote them") {
  const Folder folder("durable");
  const PlanRecord r = open_store(folder)->put_if_absent(sample::record(), sample::image(100000, 4));
  open_store(folder)->add_trials(r.problem, r.hardware, std::vector<Trial>{sample::trial()});
  const auto store = open_store(folder);
  CHECK(store->find(r.problem, r.hardware) == r);
  CHECK(store->cubin(r.cubin) == sample::image(100000, 4));
  CHECK(store->trials(r.problem, r.hardware).size() == 1);
}

TEST_CASE("two opens in a process share one environment, and closing one leaves the other alive") {
  const Folder folder("shared");
  auto first = open_store(folder);
  fs::create_directory_symlink(folder.path, folder.path.string() + "_link");
  const auto second = open_store(folder.path.string() + "_link");
  fs::remove(folder.path.string() + "_link");
  const PlanRecord r = first->put_if_absent(sample::record(), "image");
  first.reset();
  CHECK(second->find(r.problem, r.hardware) == r);
  std::ifstream maps("/proc/self/maps");  // each environment maps its file once
  int mapped = 0;
  for (std::string line; std::getline(maps, line);) mapped += line.find((folder.path / "data.mdb").string()) != line.npos;
  CHECK(mapped == 1);
}

TEST_CASE("the map grows under many cubins, also where another thread and another store read") {
  const Folder folder("growth");
  const auto store = open_store(folder);
  std::atomic<bool> stop{false};
  std::atomic<int> missing{0};
  const PlanRecord always = store->put_if_absent(sample::record(7), sample::image(1000, 7));
  std::thread reader([&] {
    while (!stop) missing += !store->find(always.problem, always.hardware);
  });
  for (int i = 100; i < 150; ++i) store->put_if_absent(sample::record(i), sample::image(1 << 20, i));
  stop = true;
  reader.join();
  CHECK(missing == 0);
  CHECK(fs::file_size(folder.path / "data.mdb") > kFirstMapBytes);
  for (int i = 100; i < 150; ++i) {
    const auto r = store->find(sample::problem(i), sample::hardware());
    REQUIRE(r);
    CHECK(store->cubin(r->cubin) == sample::image(1 << 20, i));
  }
}

TEST_CASE("child: put one winner of its own" * doctest::skip()) {
  const auto store = open_store(child_folder());
  PlanRecord mine = sample::record();
  mine.us = child_number();
  std::printf("%d\n", static_cast<int>(store->put_if_absent(mine, sample::image(20000, child_number())).us));
  std::fflush(stdout);
}

TEST_CASE("eight processes at once elect one winner") {
  const Folder folder("election");
  std::vector<std::unique_ptr<Child>> children;
  for (int i = 1; i <= 8; ++i) children.push_back(std::make_unique<Child>("child: put one winner of its own", folder, i));
  std::vector<std::string> answers;
  for (auto& child : children) {
    answers.push_back(child->line());
    CHECK(child->wait() == 0);
  }
  const auto winner = open_store(folder)->find(sample::problem(), sample::hardware());
  REQUIRE(winner);
  for (const auto& answer : answers) CHECK(answer == std::to_string(static_cast<int>(winner->us)));
  CHECK(open_store(folder)->cubin(winner->cubin) == sample::image(20000, static_cast<std::uint64_t>(winner->us)));
}

TEST_CASE("child: write until killed" * doctest::skip()) {
  const auto store = open_store(child_folder());
  for (int i = 1; i < 100000; ++i) {
    store->put_if_absent(sample::record(1000 * child_number() + i), sample::image(50000, i));
    std::printf("%d\n", i);
    std::fflush(stdout);
  }
}

TEST_CASE("a killed writer loses nothing that it was told is stored, and blocks nobody") {
  const Folder folder("killed");
  constexpr int kRounds = 6;
  int acknowledged[kRounds];
  for (int round = 0; round < kRounds; ++round) {
    Child child("child: write until killed", folder, round);
    for (int i = 0; i < 3 + 20 * round; ++i) acknowledged[round] = std::atoi(child.line().c_str());
    std::this_thread::sleep_for(std::chrono::microseconds(700 * round));  // dies at different points of a commit
  }
  const auto store = open_store(folder);
  REQUIRE(durable(*store));
  int lost = 0;
  for (int round = 0; round < kRounds; ++round)
    for (int i = 1; i <= acknowledged[round]; ++i) {
      const auto r = store->find(sample::problem(1000 * round + i), sample::hardware());
      lost += !r || store->cubin(r->cubin) != sample::image(50000, i);
    }
  CHECK(acknowledged[kRounds - 1] >= 100);
  CHECK(lost == 0);
  CHECK(store->put_if_absent(sample::record(), "image").problem == sample::problem());
  CHECK(store->find(sample::problem(), sample::hardware()));
}

TEST_CASE("one process follows the map that another one grew") {
  const Folder folder("resized");
  const auto store = open_store(folder);
  Child child("child: write until killed", folder, 1);
  for (int i = 0; i < 450; ++i) child.line();
  CHECK(fs::file_size(folder.path / "data.mdb") > kFirstMapBytes);
  const auto r = store->find(sample::problem(1440), sample::hardware());
  REQUIRE(r);
  CHECK(store->cubin(r->cubin) == sample::image(50000, 440));
}

TEST_CASE("a forked child uses an environment of its own") {
  const Folder folder("fork");
  const auto store = open_store(folder);
  const PlanRecord r = store->put_if_absent(sample::record(), "image");
  const pid_t child = fork();
  if (child == 0) {
    const bool found = store->find(r.problem, r.hardware) == r;
    store->put_if_absent(sample::record(5), "another");
    const bool again = open_store(folder)->find(sample::problem(5), r.hardware).has_value();
    _exit(found && again ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(store->find(sample::problem(5), r.hardware));
  CHECK(store->put_if_absent(sample::record(6), "third").problem == sample::problem(6));
}

TEST_CASE("a damaged database is moved aside with one warning and a fresh one works") {
  const PlanRecord r = sample::record();
  const auto damaged_by = [&](const char* name, auto&& harm) {
    CAPTURE(name);
    const Folder folder(name);
    open_store(folder)->put_if_absent(r, sample::image(100000, 1));
    const fs::path data = folder.path / "data.mdb";
    harm(data);
    const Log log;
    const auto store = open_store(folder);
    CHECK(durable(*store));
    CHECK(log.has("moved aside"));
    CHECK_FALSE(store->find(r.problem, r.hardware));
    store->put_if_absent(r, "image");
    CHECK(store->find(r.problem, r.hardware));
    int kept = 0;
    for (const auto& entry : fs::directory_iterator(folder.path))
      kept += entry.path().filename().string().starts_with("data.mdb.damaged-");
    CHECK(kept == 1);
  };
  const auto overwrite = [](const fs::path& file, std::streamoff at, std::string_view bytes) {
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(at);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  };
  damaged_by("truncated", [](const fs::path& f) { fs::resize_file(f, 5 * 4096); });
  damaged_by("stub", [](const fs::path& f) { fs::resize_file(f, 4096); });
  damaged_by("odd", [](const fs::path& f) { fs::resize_file(f, 50001); });
  damaged_by("text", [](const fs::path& f) { std::ofstream(f) << std::string(3 * 4096, 'x'); });
  damaged_by("zeros", [&](const fs::path& f) { overwrite(f, 0, std::string(8192, '\0')); });
  damaged_by("magic", [&](const fs::path& f) { overwrite(f, 16, "abcd"); });
  damaged_by("root", [&](const fs::path& f) {
    overwrite(f, 128, std::string_view("\1\1\1\1\1\0\0\0", 8));
    overwrite(f, 4096 + 128, std::string_view("\1\1\1\1\1\0\0\0", 8));
  });
}

TEST_CASE("a healthy or absent file is not called damaged while it is written") {
  const Folder folder("healthy");
  CHECK(lmdb::judge(folder.path / "data.mdb").is == lmdb::Verdict::fit);
  Child child("child: write until killed", folder, 1);
  child.line();
  for (int i = 0; i < 300; ++i) CHECK(lmdb::judge(folder.path / "data.mdb").is == lmdb::Verdict::fit);
}

TEST_CASE("a flipped byte in a stored record or cubin is a miss, and the next winner takes its place") {
  const PlanRecord r = sample::record();
  const std::string image = sample::image(100000, 1);
  for (const std::string_view part : {std::string_view("the server was slow"), std::string_view(image).substr(5000, 64)}) {
    const Folder folder("flipped");
    open_store(folder)->put_if_absent(r, image);
    std::string bytes;
    {
      std::ifstream in(folder.path / "data.mdb", std::ios::binary);
      bytes.assign(std::istreambuf_iterator<char>(in), {});
    }
    const auto at = bytes.find(part);
    REQUIRE(at != bytes.npos);
    bytes[at] ^= 1;
    std::ofstream(folder.path / "data.mdb", std::ios::binary) << bytes;
    const Log log;
    const auto store = open_store(folder);
    REQUIRE(durable(*store));
    const auto found = store->find(r.problem, r.hardware);
    CHECK((!found || !store->cubin(found->cubin)));
    CHECK(log.has("damaged"));
    PlanRecord next = r;
    next.us = 2;
    CHECK(store->put_if_absent(next, image).us == 2);
    CHECK(store->find(r.problem, r.hardware)->us == 2);
    CHECK(store->cubin(digest(image)) == image);
  }
}

TEST_CASE("an unusable folder means memory only, with one warning that names it") {
  const Folder folder("unusable");
  fs::create_directories(folder.path);
  const Log log;
  const auto works = [](Store& store) {
    const PlanRecord r = store.put_if_absent(sample::record(), "image");
    return !durable(store) && store.find(r.problem, r.hardware) == r && store.cubin(r.cubin) == "image";
  };
  std::ofstream(folder.path / "file") << "in the way";
  CHECK(works(*open_store(folder.path / "file")));
  CHECK(works(*open_store(folder.path / "file/below")));
  CHECK(log.has((folder.path / "file/below").string() + ": it cannot be created: "));
  CHECK(works(*open_store("")));
  CHECK(works(*open_store("/proc/ak")));

  fs::create_directories(folder.path / "directory/data.mdb");
  CHECK(works(*open_store(folder.path / "directory")));

  const std::string before = log.text;
  open_store(folder.path / "file/below");
  CHECK(log.text == before);
}

TEST_CASE("child: a full disk" * doctest::skip()) {
  std::signal(SIGXFSZ, SIG_IGN);
  const auto store = open_store(child_folder());
  store->put_if_absent(sample::record(1), sample::image(10000, 1));
  const rlimit limit{1 << 20, 1 << 20};  // no byte of a file past 1 MiB can be written
  setrlimit(RLIMIT_FSIZE, &limit);
  PlanRecord last;
  for (int i = 2; i < 10; ++i) last = store->put_if_absent(sample::record(i), sample::image(400000, i));
  const bool first_stands = store->find(sample::problem(1), sample::hardware()).has_value();
  std::printf("%d %d\n", first_stands, last.problem == sample::problem(9));
}

TEST_CASE("a write that fails is logged, never thrown, and harms nothing stored") {
  const Folder folder("full");
  Child child("child: a full disk", folder, 0);
  CHECK(child.line() == "1 1");
  CHECK(child.wait() == 0);
  const auto store = open_store(folder);
  REQUIRE(durable(*store));
  CHECK(store->find(sample::problem(1), sample::hardware()));
  CHECK_FALSE(store->find(sample::problem(9), sample::hardware()));
}

TEST_CASE("what a newer version wrote is neither used nor overwritten") {
  const Folder folder("newer");
  const PlanRecord r = open_store(folder)->put_if_absent(sample::record(), "image");
  std::string newer = encode(r);
  newer[4] = 9;
  ByteWriter sum;
  sum.put(digest(std::string_view(newer).substr(0, newer.size() - 16)));
  newer.replace(newer.size() - 16, 16, sum.bytes());
  const auto key_bytes = key_of(r.problem, r.hardware).bytes();
  const std::string key(key_bytes.begin(), key_bytes.end());
  const auto put = [&](lmdb::Database where, std::string_view name, std::string_view value) {
    std::string why;
    const auto environment = lmdb::Environment::open(folder, why);
    REQUIRE(environment);
    lmdb::Transaction txn(*environment, lmdb::Transaction::write);
    txn.put(where, name, value);
    txn.commit();
  };
  put(lmdb::plans, key, newer);
  const Log log;
  {
    const auto store = open_store(folder);
    CHECK_FALSE(store->find(r.problem, r.hardware));
    CHECK(log.has("by a newer version"));
    CHECK(store->put_if_absent(r, "image") == r);
  }
  {
    std::string why;
    const auto environment = lmdb::Environment::open(folder, why);
    REQUIRE(environment);
    CHECK(lmdb::Transaction(*environment, lmdb::Transaction::read).get(lmdb::plans, key) == newer);
  }
  put(lmdb::meta, "schema", std::string_view("\2\0\0\0", 4));
  CHECK_FALSE(durable(*open_store(folder)));
  CHECK(log.has("it was written by a newer version"));
}

TEST_CASE("network file systems are told by their type") {
  CHECK(network_file_system(0x6969) == "NFS");
  CHECK(network_file_system(static_cast<unsigned long>(static_cast<long>(static_cast<int>(0xff534d42)))) == "SMB");
  CHECK(network_file_system(0xef53).empty());      // ext4
  CHECK(network_file_system(0x01021994).empty());  // tmpfs
}

TEST_CASE("the default folder follows the environment") {
  const auto with = [](const char* ak, const char* xdg, const char* home) {
    const char* names[] = {"AK_CACHE_DIR", "XDG_CACHE_HOME", "HOME"};
    const char* values[] = {ak, xdg, home};
    std::optional<std::string> saved[3];
    for (int i = 0; i < 3; ++i) {
      if (const char* now = std::getenv(names[i])) saved[i] = now;
      setenv(names[i], values[i], 1);
    }
    const std::string folder = default_cache_folder();
    for (int i = 0; i < 3; ++i) saved[i] ? setenv(names[i], saved[i]->c_str(), 1) : unsetenv(names[i]);
    return folder;
  };
  CHECK(with("/x", "/y", "/z") == "/x");
  CHECK(with("", "/y", "/z") == "/y/ak");
  CHECK(with("", "relative", "/z") == "/z/.cache/ak");
  CHECK(with("", "", "/z") == "/z/.cache/ak");
  CHECK(with("", "", "").ends_with("/.cache/ak"));  // as the password file says
}

TEST_CASE("a relative folder is made with all its parents, however short their names") {
  Folder base("relative");
  const WorkingFolder there(base);
  CHECK(prepare_folder("a/b/c").unusable.empty());
  CHECK(fs::is_directory(base.path / "a" / "b" / "c"));
}
