// The library in somebody's process: what it leaves behind, and what that process may do to it.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>

#include "ak/ak.hpp"
#include "base/sanitized.hpp"
#include "fake_cublaslt.hpp"
#include "fake_driver.hpp"
#include "fake_nvrtc.hpp"
#include "gpu/owners.hpp"
#include "layer.hpp"
#include "tests/unit/child_process.hpp"
#include "tests/unit/stores.hpp"
#include "worker_fixture.hpp"

namespace {

std::ptrdiff_t threads() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator{});
}

template <class Condition>
bool in_time(const Condition& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return condition();
}

Options behind() {
  Options options;
  options.cache_dir = "", options.shipped = false, options.mode = Mode::background, options.isolation = Isolation::in_process;
  options.budget_s = 30;
  return options;
}

struct Problems {
  ConstMatrix x{Layer::memory(0), 64, 512, 512, DType::bf16, Order::row},
      w{Layer::memory(1), 512, 256, 512, DType::bf16, Order::col};
  Matrix y{const_cast<void*>(Layer::memory(2)), 64, 256, 256, DType::bf16, Order::row};
  void run(Context& context) const { context.matmul_act(nullptr, x, w, y); }
};

bool searching() { return fake::count("cuModuleLoadData") > 0; }

}  // namespace

TEST_CASE("embedding: a context that ends leaves no thread behind, in the midst of its searches or after them") {
  fake::reset();
  OwnContext own;
  const Problems problems;
  const auto before = threads();
  for (const bool midst : {true, false}) {
    CAPTURE(midst);
    fake::forget();
    Options options = behind();
    if (!midst) options.max_trials = 2;
    {
      Context context(options);
      problems.run(context);
      CHECK(threads() > before);
      CHECK(in_time([&] { return midst ? searching() : context.counters().searches > 0; }));
    }
    CHECK(threads() == before);
  }
  own.end();
  CHECK(fake::misuses().empty());
}

TEST_CASE("embedding: a process may end while a search goes on behind its calls, from any thread, and leave its context") {
  for (const int way : {0, 1, 2}) {
    CAPTURE(way);
    ak::test_stores::Child child("a process that ends while a search goes on", "", way);
    CHECK(child.line() == "searching");
    CHECK(child.wait() == 0);
  }
}

TEST_CASE("a process that ends while a search goes on" * doctest::skip()) {
  fake::reset();
  OwnContext own;
  static Context& context = *new Context(behind());
  Problems().run(context);
  std::cout << (in_time(searching) ? "searching" : "idle") << std::endl;
  const int way = ak::test_stores::child_number();
  if (way == 0) std::exit(0);
  if (way == 1) {
    std::thread([] { std::exit(0); }).join();
  } else {
    std::atexit([] { delete &context; });  // as a host's static would
    std::exit(0);
  }
}

// NVRTC frees its state in handlers of exit(), some of them before a search has begun.
TEST_CASE("embedding: a search has NVRTC opened in a process of its own, so that this one may end whenever it likes") {
  for (const int milliseconds : {0, 20, 100, 400}) {
    CAPTURE(milliseconds);
    ak::test_stores::Child child("a process whose search compiles apart", "", milliseconds);
    CHECK(child.line() == "no NVRTC here");
    CHECK(child.wait() == 0);
  }
}

TEST_CASE("a process whose search compiles apart" * doctest::skip()) {
  const testing::FakeDriver fakes;
  OwnContext own;
  Options options = behind();
  options.isolation = Isolation::worker, options.worker = testing::kProgram;
  static Context& context = *new Context(options);
  Problems().run(context);
  const int milliseconds = ak::test_stores::child_number();
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  const bool searched = milliseconds < 400 || in_time(searching);
  std::cout << (!searched ? "idle" : fake::compiles() > 0 ? "NVRTC" : "no NVRTC here") << std::endl;
  std::exit(0);
}

TEST_CASE("embedding: a GPU that is reset while a search goes on is searched for again, and leaves nothing of the old one") {
  fake::reset();
  const Problems problems;
  std::thread([&] {
    Context context(behind());
    fake::forget();
    problems.run(context);  // none is current: the primary one is retained
    CHECK(in_time(searching));
    fake::reset_primary();
    fake::products();
    problems.run(context);
    CHECK(fake::products().size() == 1);
    fake::forget();
    CHECK(in_time(searching));
  }).join();
}

TEST_CASE("embedding: a child forked from a process that has a GPU is told so, and its parent goes on" *
          doctest::skip(!ak::testing::kChildHasThreads)) {
  Layer layer(any);
  {
    Context context(layer.options);
    Plan plan = context.plan(layer.x, layer.w, layer.y, layer.epilogue);
    const auto call = [&] { context.matmul_act(nullptr, layer.x, layer.w, layer.y, layer.epilogue); };
    const auto by_plan = [&] { plan(nullptr, layer.x, layer.w, layer.y, layer.epilogue); };
    call(), by_plan();
    ak::testing::ChildProcess child([&](ak::testing::ChildProcess& self) {
      const auto told = [&](auto&& what) {
        try {
          what();
          self.say("served; ");
        } catch (const Error& error) {
          self.say(error.code() == ErrorCode::driver ? "a driver's error; " : std::string(error.what()));
        }
      };
      told(call), told(by_plan);
      { Context another(layer.options); }
      self.say("and ends");
    });
    CHECK(child.text() == "a driver's error; a driver's error; and ends");
    CHECK(child.ended_well());
    fake::forget();
    call(), by_plan();
    CHECK(fake::launches().size() == 2);
  }
}
