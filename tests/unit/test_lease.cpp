// Leases between real processes and within one.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "child_process.hpp"
#include "tune/lease.hpp"

using namespace ak;
using namespace ak::testing;

namespace {

std::string lease_folder(const char* name) {
  const std::string folder = std::string(AK_BINARY_DIR) + "/" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

// A process that holds a lease until it is killed.
ChildProcess holder(const std::string& folder, const Digest& key) {
  ChildProcess child([&](ChildProcess& self) {
    Lease lease(folder, key);
    self.say(lease.take() == Lease::State::held ? "y" : "n");
    for (;;) pause();
  });
  CHECK(child.text(1) == "y");
  return child;
}

}  // namespace

TEST_CASE("a lease excludes other processes, ends with its holder's, and leaves nothing behind") {
  const std::string folder = lease_folder("test_lease");
  const Digest key = digest("a key"), other = digest("another");
  ChildProcess other_process = holder(folder, key);
  Lease mine(folder, key), apart(folder, other);
  CHECK(mine.take() == Lease::State::elsewhere);
  CHECK(apart.take() == Lease::State::held);
  other_process.signal(SIGSTOP);
  CHECK(mine.take() == Lease::State::elsewhere);
  other_process.signal(SIGKILL);
  CHECK(mine.take() == Lease::State::held);
  CHECK(mine.take() == Lease::State::held);
  CHECK(std::filesystem::file_size(folder + "/leases") == 0);
  struct stat info;
  REQUIRE(stat((folder + "/leases").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("leases of one process exclude each other, and a released one is free") {
  const std::string folder = lease_folder("test_lease_within");
  const Digest key = digest("a key");
  Lease a(folder, key), b(folder, key);
  CHECK(a.take() == Lease::State::held);
  CHECK(b.take() == Lease::State::elsewhere);
  a.release();
  CHECK(b.take() == Lease::State::held);
  CHECK(a.take() == Lease::State::elsewhere);
}

TEST_CASE("a child that was forked meanwhile neither keeps its parent's lease nor ends it") {
  const std::string folder = lease_folder("test_lease_fork");
  const Digest key = digest("a key");
  auto held = std::make_unique<Lease>(folder, key);
  REQUIRE(held->take() == Lease::State::held);
  ChildProcess child([&](ChildProcess& self) {
    held.reset();  // as if it unwound
    self.say("y");
    for (;;) pause();
  });
  CHECK(child.text(1) == "y");
  Lease next(folder, key);
  CHECK(next.take() == Lease::State::elsewhere);
  held.reset();
  CHECK(next.take() == Lease::State::held);
}

TEST_CASE("a child of a holder that is killed does not keep the lease") {
  const std::string folder = lease_folder("test_lease_orphan");
  const Digest key = digest("a key");
  ChildProcess child([&](ChildProcess& self) {
    Lease lease(folder, key);
    const bool held = lease.take() == Lease::State::held;
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      alarm(60);
      for (;;) pause();
    }
    self.say((held ? "y" : "n") + std::to_string(grandchild) + "\n");
    for (;;) pause();
  });
  std::string said;
  while (said.empty() || said.back() != '\n') said += child.text(1);
  CHECK(said[0] == 'y');
  const pid_t grandchild = static_cast<pid_t>(std::stol(said.substr(1)));
  REQUIRE(grandchild > 0);
  Lease next(folder, key);
  CHECK(next.take() == Lease::State::elsewhere);
  child.signal(SIGKILL);
  const Deadline deadline = Deadline::in(1);
  while (next.take() != Lease::State::held && !deadline.passed()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(next.take() == Lease::State::held);
  CHECK(kill(grandchild, 0) == 0);  // and lives
  kill(grandchild, SIGKILL);
}

TEST_CASE("where no file can be there is no lease, and the reason is told") {
  Lease nowhere("", digest("a key"));
  CHECK(nowhere.take() == Lease::State::none);
  CHECK(!nowhere.why().empty());
  const std::string folder = lease_folder("test_lease_none");
  std::filesystem::create_directory(folder + "/leases");
  Lease blocked(folder, digest("a key"));
  CHECK(blocked.take() == Lease::State::none);
  CHECK(blocked.why().find(folder + "/leases") != std::string::npos);
}

TEST_CASE("a deadline ends with a stop") {
  std::stop_source stop;
  const Deadline deadline = Deadline::in(100, stop.get_token());
  CHECK(!deadline.passed());
  CHECK(deadline.sooner(50).later(200).remaining() > 100);
  std::mutex mutex;
  std::condition_variable never;
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    stop.request_stop();
  });
  const auto start = Clock::now();
  std::unique_lock lock(mutex);
  CHECK(!deadline.wait(never, lock, [] { return false; }));
  CHECK(seconds_since(start) < 5);
  later.join();
  CHECK(deadline.remaining() == 0);
  CHECK(deadline.sooner(50).passed());
  CHECK(deadline.later(200).passed());
}
