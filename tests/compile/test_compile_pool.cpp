#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>

#include "jit/compile_pool.hpp"

using namespace ak;

namespace {

Source numbered(int i) { return Source("extern \"C\" __global__ void ak_kernel(int* p) { *p = " + std::to_string(i) + "; }"); }

Allowance threads(int count) {
  Allowance allowance;
  allowance.compile_threads = count;
  return allowance;
}

}  // namespace

TEST_CASE("the pool compiles each wanted source once, on several threads") {
  CompilePool pool("sm_90a", threads(3));
  for (int i = 0; i < 8; ++i) pool.want(numbered(i)), pool.want(numbered(i));
  for (int i = 0; i < 8; ++i) {
    const auto result = pool.get(numbered(i), Deadline::in(60));
    REQUIRE(result);
    CHECK(result->ok());
    CHECK(result->cubin.substr(1, 3) == "ELF");
    CHECK(pool.ready(numbered(i).digest));
  }
  CHECK(pool.compiles() == 8);
  CHECK(pool.get(numbered(3), Deadline::in(0)) == pool.get(numbered(3), Deadline::in(0)));
  CHECK(pool.compiles() == 8);
}

TEST_CASE("a source that does not compile is data") {
  CompilePool pool("sm_80", threads(1));
  const auto result = pool.get(Source("this does not compile"), Deadline::in(60));
  REQUIRE(result);
  CHECK_FALSE(result->ok());
  CHECK(result->failure.find("error") != std::string::npos);
}

TEST_CASE("what is asked for overtakes what waits, and a deadline or an end does not wait for the queue") {
  std::atomic<bool> hold{true};
  CompilePool pool("sm_80", threads(1), [&](std::function<void()> work) {
    return std::thread([&hold, work = std::move(work)] {
      while (hold) std::this_thread::yield();
      work();
    });
  });
  for (int i = 1; i <= 6; ++i) pool.want(numbered(i));
  CHECK(pool.get(numbered(5), Deadline::in(0.01)) == nullptr);
  CHECK_FALSE(pool.ready(numbered(5).digest));
  std::stop_source stop;
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    stop.request_stop();
  });
  const auto start = Clock::now();
  CHECK(pool.get(numbered(5), Deadline::in(30, stop.get_token())) == nullptr);
  CHECK(seconds_since(start) < 10);
  stopper.join();
  hold = false;
  REQUIRE(pool.get(numbered(5), Deadline::in(60)));
  CHECK_FALSE(pool.ready(numbered(6).digest));
  pool.drop_waiting();
  CHECK(pool.compiles() < 6);
}

TEST_CASE("its threads are nicer than the process by as much as they are told, and no other is") {
  const int own = getpriority(PRIO_PROCESS, 0);
  for (const int by : {0, 5}) {
    Allowance allowance = threads(1);
    allowance.niceness = by;
    int nice = -100;
    {
      CompilePool pool("sm_80", allowance, [&](std::function<void()> work) {
        return std::thread([work = std::move(work), &nice] {
          work();
          nice = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
        });
      });
      REQUIRE(pool.get(numbered(by), Deadline::in(30)));
    }
    CHECK(nice == std::min(19, own + by));
  }
  CHECK(getpriority(PRIO_PROCESS, 0) == own);
}

TEST_CASE("without a single thread to be had the caller compiles") {
  int asked = 0;
  CompilePool pool("sm_80", threads(4), [&](std::function<void()>) -> std::thread {
    ++asked;
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
  });
  const Source first = numbered(1), second = numbered(2);
  pool.want(first), pool.want(second);
  CHECK(asked >= 1);
  CHECK(pool.ready(first.digest));
  for (const Source& source : {second, first}) {
    const auto compiled = pool.get(source, Deadline::in(30));
    REQUIRE(compiled);
    CHECK(compiled->ok());
  }
}
