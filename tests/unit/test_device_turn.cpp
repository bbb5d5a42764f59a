// Turns of a GPU, between real processes.
#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "child_process.hpp"
#include "tune/device_turn.hpp"

using namespace ak;
using namespace ak::testing;

namespace {

std::string folder_of(const char* name) {
  const std::string folder = std::string(AK_BINARY_DIR) + "/" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

double took(DeviceTurn& turn, std::shared_ptr<void>& had, Deadline deadline = Deadline::never()) {
  const auto began = Clock::now();
  had = turn.take(deadline);
  return seconds_since(began);
}

}  // namespace

TEST_CASE("turns: a GPU is one process's at a time, another GPU another's, and a killed holder gives it back") {
  const std::string folder = folder_of("test_turn");
  ChildProcess holder([&](ChildProcess& self) {
    DeviceTurn turn(folder, "GPU-1");
    const auto held = turn.take(Deadline::never());
    self.say(held ? "y" : "n");
    for (;;) pause();
  });
  REQUIRE(holder.text(1) == "y");
  DeviceTurn same(folder, "GPU-1"), other(folder, "GPU-2");
  CHECK(other.take(Deadline::never()));
  std::shared_ptr<void> had;
  const double waited = took(same, had);
  CHECK(!had);
  CHECK(waited >= DeviceTurn::kPatience);
  CHECK(took(same, had) < DeviceTurn::kPatience / 2);  // after a wait in vain it goes on without
  CHECK(!had);
  holder.signal(SIGKILL);
  CHECK(took(same, had) < DeviceTurn::kPatience / 2);
  CHECK(had);
}

TEST_CASE("turns: whoever waits has the next one, however soon its last holder asks again") {
  const std::string folder = folder_of("test_turn_next");
  constexpr int kTurns = 40;
  ChildProcess other([&](ChildProcess& self) {
    DeviceTurn turn(folder, "GPU-1");
    int had = 0;
    self.say("y");
    for (int i = 0; i < kTurns; ++i) {
      const auto mine = turn.take(Deadline::never());
      had += mine != nullptr;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    self.say(std::to_string(had));
  });
  REQUIRE(other.text(1) == "y");
  DeviceTurn turn(folder, "GPU-1");
  int had = 0;
  double longest = 0;
  for (int i = 0; i < kTurns; ++i) {
    std::shared_ptr<void> mine;
    longest = std::max(longest, took(turn, mine));
    had += mine != nullptr;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  const int others = std::stoi(other.text());
  CHECK(other.ended_well());
  CHECK(had > kTurns / 2);  // a busy machine may keep one waiting in vain
  CHECK(others > kTurns / 2);
  CHECK(longest < 2);
}

TEST_CASE("turns: without a folder, or past its deadline, a search goes on at once") {
  DeviceTurn nowhere("", "GPU-1"), gone("/nowhere/at/all", "GPU-1");
  std::shared_ptr<void> had;
  CHECK(took(nowhere, had) < DeviceTurn::kPatience / 2);
  CHECK(!had);
  CHECK(took(gone, had) < DeviceTurn::kPatience / 2);
  CHECK(!had);
  const std::string folder = folder_of("test_turn_late");
  DeviceTurn first(folder, "GPU-1"), second(folder, "GPU-1");
  const auto held = first.take(Deadline::never());
  CHECK(held);
  CHECK(took(second, had, Deadline::in(0)) < DeviceTurn::kPatience / 2);
  CHECK(!had);
}
