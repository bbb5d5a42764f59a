#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>

#include "jit/compile_pool.hpp"
#include "tests/unit/stores.hpp"
#include "tune/service.hpp"

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

// NVRTC frees its state in a handler of exit(), whoever is in it.
TEST_CASE("a process ends well while the service's work compiles") {
  for (const int milliseconds : {0, 100, 200, 300}) {
    CAPTURE(milliseconds);
    ak::test_stores::Child child("a process that ends while work compiles", "", milliseconds);
    CHECK(child.line() == "compiling");
    CHECK(child.wait() == 0);
  }
}

TEST_CASE("a process that ends while work compiles" * doctest::skip()) {
  struct Compiles final : TuningWork {
    void run(const Turn& turn) override {
      CompilePool pool("sm_90a", threads(3));
      pool.get(numbered(0), Deadline::in(60));
      std::string text;
      for (int i = 0; i < 40; ++i)
        text += "extern \"C\" __global__ void k" + std::to_string(i) +
                "(float* a) {\n#pragma unroll\nfor (int i = 0; i < 40; ++i) a[threadIdx.x] = a[threadIdx.x] * a[i] + i; }\n";
      for (int i = 0; i < 64; ++i) pool.want(Source(text + "// " + std::to_string(i)));
      begun = true;
      while (!turn.by.passed()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    std::atomic<bool> begun{false};
  };
  static TuningService& service = *new TuningService("");
  TuningRequest request;
  const auto compiles = std::make_shared<Compiles>();
  request.work = compiles;
  service.enqueue(request, Deadline::never());
  while (!compiles->begun) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::cout << "compiling" << std::endl;
  std::this_thread::sleep_for(std::chrono::milliseconds(ak::test_stores::child_number()));
  std::exit(0);
}
