#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <stop_token>
#include <thread>

#include "ak/types.hpp"
#include "jit/compile_pool.hpp"

using namespace ak;

namespace {

Tactic numbered(std::int16_t i) {
  Tactic t;
  t.tile_m = i;
  return t;
}

std::string source_of(const Tactic& t) {
  if (t.tile_m == 13) return "this does not compile";
  if (t.tile_m == 14) throw Error(ErrorCode::internal, "no source");
  return "extern \"C\" __global__ void ak_kernel(int* p) { *p = " + std::to_string(t.tile_m) + "; }";
}

}  // namespace

TEST_CASE("the pool compiles each wanted tactic once, on several threads") {
  CompilePool pool("sm_90a", source_of, 3);
  for (std::int16_t i = 0; i < 8; ++i) pool.want(numbered(i)), pool.want(numbered(i));
  for (std::int16_t i = 0; i < 8; ++i) {
    const auto result = pool.get(numbered(i), Deadline::in(60));
    REQUIRE(result);
    CHECK(result->ok());
    CHECK(result->cubin.substr(1, 3) == "ELF");
    CHECK(pool.ready(numbered(i)));
  }
  CHECK(pool.compiles() == 8);
  CHECK(pool.get(numbered(3), Deadline::in(0)) == pool.get(numbered(3), Deadline::in(0)));
  CHECK(pool.compiles() == 8);
}

TEST_CASE("a source that does not compile is data; one that cannot be made throws where it is asked for") {
  CompilePool pool("sm_80", source_of, 1);
  const auto result = pool.get(numbered(13), Deadline::in(60));
  REQUIRE(result);
  CHECK_FALSE(result->ok());
  CHECK(result->failure.find("error") != std::string::npos);
  CHECK_THROWS_WITH_AS(pool.get(numbered(14), Deadline::in(60)), "no source", Error);
}

TEST_CASE("what is asked for overtakes what waits, and a deadline or an end does not wait for the queue") {
  std::mutex mutex;
  std::vector<int> order;  // the pool goes on while it is read
  std::atomic<bool> started{false}, hold{true};
  CompilePool pool(
      "sm_80",
      [&](const Tactic& t) {
        started = true;
        while (hold) std::this_thread::yield();
        const std::lock_guard lock(mutex);
        order.push_back(t.tile_m);
        return source_of(t);
      },
      1);
  for (std::int16_t i = 1; i <= 6; ++i) pool.want(numbered(i));
  while (!started) std::this_thread::yield();
  CHECK(pool.get(numbered(5), Deadline::in(0.01)) == nullptr);
  CHECK_FALSE(pool.ready(numbered(5)));
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
  {
    const std::lock_guard lock(mutex);
    CHECK(order.at(1) == 5);
  }
  pool.drop_waiting();
  CHECK(pool.compiles() < 6);
}

TEST_CASE("without a single thread to be had the caller compiles") {
  int asked = 0;
  CompilePool pool("sm_80", source_of, 4, [&](std::function<void()>) -> std::thread {
    ++asked;
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
  });
  Tactic first, second;
  first.tile_m = 1, second.tile_m = 2;
  pool.want(first), pool.want(second);
  CHECK(asked >= 1);
  CHECK(pool.ready(first));
  for (const Tactic& tactic : {second, first}) {
    const auto compiled = pool.get(tactic, Deadline::in(30));
    REQUIRE(compiled);
    CHECK(compiled->ok());
  }
}
