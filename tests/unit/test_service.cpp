// Who runs what when, without a search: the tuning service's queue, turns, leases, waits and ends.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "ak/types.hpp"
#include "base/process_end.hpp"
#include "child_process.hpp"
#include "tune/lease.hpp"
#include "tune/service.hpp"

using namespace ak;
using namespace ak::testing;

namespace {

using End = TuningService::End;

struct Work final : TuningWork {
  explicit Work(std::function<void(const Turn&)> body) : body(std::move(body)) {}
  void run(const Turn& turn) override { body(turn); }
  const std::function<void(const Turn&)> body;
};

TuningRequest request(const char* key, std::function<void(const Turn&)> body, int device = 0) {
  TuningRequest r;
  r.key = digest(key), r.device = device, r.work = std::make_shared<Work>(std::move(body));
  return r;
}

void pause_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

// Work that goes on until it is let go.
struct Gate {
  std::atomic<bool> begun{false}, open{false};
  std::function<void(const Turn&)> body() {
    return [this](const Turn&) {
      begun = true;
      while (!open) pause_ms(1);
    };
  }
  void await() const {
    while (!begun) pause_ms(1);
  }
};

std::string service_folder(const char* name) {
  const std::string folder = std::string(AK_BINARY_DIR) + "/" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

}  // namespace

TEST_CASE("equal requests join, others take turns in order, and the application's signals are not taken") {
  TuningService service("");
  std::vector<int> order;
  int runs = 0;
  Gate gate;
  const auto first = service.enqueue(request("first", gate.body()), Deadline::never());
  gate.await();
  bool inside = false, masked = false;
  const auto counted = [&](const Turn&) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    ++runs, inside = TuningService::inside(), masked = sigismember(&mask, SIGINT) == 1;
  };
  std::vector<TuningService::Ticket> tickets;
  for (int i = 0; i < 3; ++i) tickets.push_back(service.enqueue(request("same", counted), Deadline::never()));
  for (const char* key : {"a", "b"})
    tickets.push_back(service.enqueue(request(key, [&, key](const Turn&) { order.push_back(*key); }), Deadline::never()));
  CHECK(service.enqueue(request("first", counted), Deadline::never()) == first);
  CHECK(tickets[0] == tickets[2]);
  TuningRequest more = request("same", [](const Turn&) {});
  more.kind = 1;
  tickets.push_back(service.enqueue(more, Deadline::never()));
  CHECK(tickets.back() != tickets[0]);
  gate.open = true;
  for (const auto& ticket : tickets) CHECK(service.wait(ticket, Deadline::never()) == End::done);
  CHECK(runs == 1);
  CHECK(inside);
  CHECK(masked);
  CHECK(!TuningService::inside());
  CHECK(order == std::vector<int>{'a', 'b'});

  CHECK(service.wait(service.enqueue(request("same", counted), Deadline::never()), Deadline::never()) == End::done);
  CHECK(runs == 2);  // what is done is not joined
}

TEST_CASE("one device runs one thing at a time, whoever's it is; two devices do not wait for each other") {
  TuningService a(""), b("");
  Gate gate;
  const auto held = a.enqueue(request("x", gate.body(), 7), Deadline::never());
  gate.await();
  std::atomic<bool> ran{false};
  const auto waits = b.enqueue(request(
                                   "y", [&](const Turn&) { ran = true; }, 7),
                               Deadline::never());
  CHECK(b.wait(b.enqueue(request(
                             "z", [](const Turn&) {}, 8),
                         Deadline::never()),
               Deadline::never()) == End::done);
  CHECK(!ran);
  gate.open = true;
  CHECK(b.wait(waits, Deadline::never()) == End::done);
  CHECK(ran);
}

TEST_CASE("work that comes again leaves the turns to others until its time, or until it is asked for; not when its service ends") {
  std::atomic<int> runs{0};
  const auto again = [&runs](double seconds) {
    return request("again", [&runs, seconds](const Turn& turn) {
      turn.again(std::make_shared<Work>([&runs](const Turn&) { ++runs; }), seconds);
    });
  };
  const auto until = [&](int count) {
    for (int i = 0; i < 10000 && runs < count; ++i) pause_ms(1);
    return runs == count;
  };
  TuningService service("");
  service.wait(service.enqueue(again(0), Deadline::never()), Deadline::never());
  CHECK(until(1));
  service.wait(service.enqueue(again(1e6), Deadline::never()), Deadline::never());
  bool other = false;
  const auto between = request("other", [&](const Turn&) { other = true; });
  CHECK(service.wait(service.enqueue(between, Deadline::never()), Deadline::never()) == End::done);
  CHECK(other);
  CHECK(runs == 1);
  service.enqueue(again(1e6), Deadline::never());  // joins the one that waits
  CHECK(until(2));
  {
    TuningService ends("");
    ends.wait(ends.enqueue(again(1e6), Deadline::never()), Deadline::never());
    const auto begun = std::make_shared<Gate>();
    TuningRequest stopped = request("stopped", [&runs, begun](const Turn& turn) {
      begun->begun = true;
      while (!turn.by.stopped()) pause_ms(1);
      turn.again(std::make_shared<Work>([&runs](const Turn&) { ++runs; }), 0);
    });
    stopped.kept = true;
    ends.enqueue(std::move(stopped), Deadline::never());
    begun->await();
  }
  CHECK(service.wait(service.enqueue(between, Deadline::never()), Deadline::never()) == End::done);
  CHECK(runs == 2);
}

TEST_CASE("who waits leaves when its turn does not come; the work goes with the last of them, unless it is to be kept") {
  TuningService service("");
  Gate gate;
  const auto held = service.enqueue(request("held", gate.body()), Deadline::never());
  gate.await();
  std::atomic<int> dropped{0}, kept{0};
  const auto left = service.enqueue(request("dropped", [&](const Turn&) { ++dropped; }), Deadline::in(0.02));
  auto background = request("kept", [&](const Turn&) { ++kept; });
  background.kept = true;
  const auto stays = service.enqueue(std::move(background), Deadline::never());
  CHECK(service.wait(left, Deadline::in(0.02)) == End::device);
  CHECK(service.wait(stays, Deadline::in(0.02)) == End::device);
  gate.open = true;
  CHECK(service.wait(stays, Deadline::never()) == End::done);
  CHECK(dropped == 0);
  CHECK(kept == 1);
}

TEST_CASE("what is to be kept joins nothing that goes with its callers; who waits joins what is kept") {
  TuningService service("");
  Gate gate;
  const auto held = service.enqueue(request("held", gate.body()), Deadline::never());
  gate.await();
  std::atomic<int> waited_for{0}, kept{0};
  const auto waited = service.enqueue(request("same", [&](const Turn&) { ++waited_for; }), Deadline::in(0.02));
  auto background = request("same", [&](const Turn&) { ++kept; });
  background.kept = true;
  const auto stays = service.enqueue(background, Deadline::never());
  CHECK(stays != waited);
  CHECK(service.wait(waited, Deadline::in(0.02)) == End::device);
  CHECK(service.enqueue(request("same", [&](const Turn&) { ++waited_for; }), Deadline::never()) == stays);
  CHECK(service.enqueue(background, Deadline::never()) == stays);
  gate.open = true;
  CHECK(service.wait(stays, Deadline::never()) == End::done);
  CHECK(kept == 1);
  CHECK(waited_for == 0);
}

TEST_CASE("callers wait no longer than work says, and it goes on without them") {
  TuningService service("");
  std::atomic<bool> open{false};
  const auto slow = [&](const Turn& turn) {
    turn.expect(0.02);
    while (!open) pause_ms(1);
  };
  const auto ticket = service.enqueue(request("slow", slow), Deadline::never());
  CHECK(service.wait(ticket, Deadline::never()) == End::late);
  CHECK(service.enqueue(request("slow", slow), Deadline::never()) == ticket);  // it runs still
  open = true;
  while (service.wait(ticket, Deadline::never()) == End::late) pause_ms(1);
}

TEST_CASE("what work throws reaches all who wait for it, and the next request runs") {
  TuningService service("");
  Gate gate;
  const auto first = service.enqueue(request("gate", gate.body()), Deadline::never());
  gate.await();
  const auto ticket =
      service.enqueue(request("throws", [](const Turn&) { throw std::runtime_error("no luck"); }), Deadline::never());
  std::atomic<int> caught{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      try {
        service.wait(ticket, Deadline::never());
      } catch (const std::runtime_error& error) {
        caught += std::string(error.what()) == "no luck";
      }
    });
  gate.open = true;
  for (auto& thread : threads) thread.join();
  CHECK(caught == 3);
  CHECK(service.wait(service.enqueue(request("next", [](const Turn&) {}), Deadline::never()), Deadline::never()) == End::done);
}

TEST_CASE("a turn ends when the last of its callers would stop waiting") {
  TuningService service("");
  Gate gate;
  const auto first = service.enqueue(request("gate", gate.body()), Deadline::never());
  gate.await();
  double remaining = 0;
  const auto look = [&](const Turn& turn) { remaining = turn.by.remaining(); };
  service.enqueue(request("look", look), Deadline::in(1));
  service.enqueue(request("look", look), Deadline::in(100));
  const auto ticket = service.enqueue(request("look", look), Deadline::in(2));
  gate.open = true;
  service.wait(ticket, Deadline::never());
  CHECK(remaining > 50);
  CHECK(remaining <= 100);
}

TEST_CASE("the end of a service stops what runs, drops what waits, and leaves another's alone") {
  TuningService other("");
  std::atomic<bool> stopped{false}, begun{false};
  std::atomic<int> ran{0};
  auto service = std::make_unique<TuningService>("");
  service->enqueue(request("runs",
                           [&](const Turn& turn) {
                             begun = true;
                             while (!turn.by.passed()) pause_ms(1);
                             stopped = turn.by.stopped();
                           }),
                   Deadline::never());
  for (int i = 0; i < 3; ++i)
    service->enqueue(request(std::string(1, static_cast<char>('a' + i)).c_str(), [&](const Turn&) { ++ran; }),
                     Deadline::never());
  const auto theirs = other.enqueue(request("theirs", [&](const Turn&) { ran += 10; }), Deadline::never());
  while (!begun) pause_ms(1);
  const auto start = Clock::now();
  service.reset();
  CHECK(seconds_since(start) < 5);
  CHECK(stopped);
  CHECK(other.wait(theirs, Deadline::never()) == End::done);
  CHECK(ran == 10);
}

TEST_CASE("where no thread can be started who waits does the work itself") {
  int tried = 0;
  TuningService service("", [&](std::function<void()>) -> std::thread {
    ++tried;
    throw std::system_error(EAGAIN, std::generic_category());
  });
  std::thread::id ran_on;
  bool inside = false;
  const auto ticket = service.enqueue(request(
                                          "x",
                                          [&](const Turn&) {
                                            ran_on = std::this_thread::get_id();
                                            inside = TuningService::inside();
                                          },
                                          21),
                                      Deadline::in(1));
  CHECK(service.wait(ticket, Deadline::in(1)) == End::done);
  CHECK(tried == 1);
  CHECK(inside);
  CHECK(ran_on == std::this_thread::get_id());

  std::atomic<int> now{0}, most{0};
  std::vector<std::thread> threads;
  for (const char* key : {"a", "b", "c", "d"})
    threads.emplace_back([&, key] {
      const auto mine = service.enqueue(request(
                                            key,
                                            [&](const Turn&) {
                                              most = std::max<int>(most, ++now);
                                              pause_ms(5);
                                              --now;
                                            },
                                            21),
                                        Deadline::never());
      CHECK(service.wait(mine, Deadline::never()) == End::done);
    });
  for (auto& thread : threads) thread.join();
  CHECK(most == 1);
}

TEST_CASE("work whose lease another process has waits without holding up other work") {
  const std::string folder = service_folder("test_service_lease");
  ChildProcess holder([&](ChildProcess& self) {
    Lease lease(folder, digest("held"));
    self.say(lease.take() == Lease::State::held ? "y" : "n");
    for (;;) pause();
  });
  REQUIRE(holder.text(1) == "y");
  TuningService service(folder);
  std::atomic<int> ran{0};
  const auto body = [&](const Turn& turn) {
    ++ran;
    CHECK(turn.no_lease.empty());
  };
  const auto waits = service.enqueue(request("held", body), Deadline::never());
  CHECK(service.wait(service.enqueue(request("free", body), Deadline::never()), Deadline::never()) == End::done);
  CHECK(ran == 1);
  holder.signal(SIGSTOP);
  auto start = Clock::now();
  CHECK(service.wait(waits, Deadline::in(0.1)) == End::elsewhere);
  CHECK(seconds_since(start) < 5);
  CHECK(service.met_elsewhere(waits));
  const auto impatient = service.enqueue(request("held", body), Deadline::never());
  CHECK(service.wait(impatient, Deadline::never(), TuningService::Patience::no_lease) == End::elsewhere);
  CHECK(ran == 1);

  const auto again = service.enqueue(request("held", body), Deadline::never());
  holder.signal(SIGKILL);
  start = Clock::now();
  CHECK(service.wait(again, Deadline::in(30)) == End::done);
  CHECK(seconds_since(start) < 5);
  CHECK(ran == 2);

  auto unleased = request("held", body);
  unleased.leased = false;
  Lease mine(folder, digest("held"));
  REQUIRE(mine.take() == Lease::State::held);
  CHECK(service.wait(service.enqueue(std::move(unleased), Deadline::never()), Deadline::never()) == End::done);

  TuningService nowhere("");
  const auto told = [&](const Turn& turn) { CHECK(!turn.no_lease.empty()); };
  CHECK(nowhere.wait(nowhere.enqueue(request("held", told), Deadline::never()), Deadline::never()) == End::done);
}

TEST_CASE("a forked child waits for no thread of its parent's" * doctest::skip(!kChildHasThreads)) {
  TuningService service("");
  Gate gate;
  const auto held = service.enqueue(request("held", gate.body(), 3), Deadline::never());
  gate.await();  // the parent's device is busy
  auto inherited = std::make_unique<TuningService>("");
  inherited->wait(inherited->enqueue(request(
                                         "x", [](const Turn&) {}, 4),
                                     Deadline::never()),
                  Deadline::never());
  ChildProcess child([&](ChildProcess& self) {
    bool ran = false;
    const auto mine = service.enqueue(request(
                                          "mine", [&](const Turn&) { ran = true; }, 3),
                                      Deadline::never());
    if (service.wait(mine, Deadline::in(20)) != End::done || !ran) _exit(1);
    inherited.reset();
    self.say("y");
  });
  CHECK(child.text() == "y");
  CHECK(child.ended_well());
  gate.open = true;
  CHECK(service.wait(held, Deadline::never()) == End::done);
}

TEST_CASE("a process that ends stops what runs first, drops what waits, and takes nothing new" *
          doctest::skip(!kChildHasThreads)) {
  ChildProcess child([](ChildProcess& self) {
    static ChildProcess& parent = self;
    static TuningService& service = *new TuningService("");
    static std::atomic<bool> begun{false}, ended{false};
    static TuningService::Ticket waits;
    // It runs behind the service's own handler, as one of a library does.
    std::atexit([] {
      parent.say(ended ? "ended; " : "runs still; ");
      for (const auto& ticket : {waits, service.enqueue(request("late", [](const Turn&) {}), Deadline::never())}) try {
          service.wait(ticket, Deadline::in(5));
          parent.say("done; ");
        } catch (const Error& error) {
          parent.say(std::string(error.what()) + "; ");
        }
      _exit(0);
    });
    library_set_up();
    service.enqueue(request("runs",
                            [](const Turn& turn) {
                              begun = true;
                              while (!turn.by.passed()) pause_ms(1);
                              pause_ms(50);
                              ended = true;
                            }),
                    Deadline::never());
    waits = service.enqueue(request("waits", [](const Turn&) {}), Deadline::never());
    while (!begun) pause_ms(1);
    std::exit(0);
  });
  CHECK(child.text() == "ended; the process ends; the process ends; ");
  CHECK(child.ended_well());
}
