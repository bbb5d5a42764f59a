// Scratch memory: whose it is, how streams share it, what a call does without.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/problem.hpp"
#include "fake_driver.hpp"
#include "plan/kernel_plan.hpp"
#include "plan/workspace.hpp"

using namespace ak;

namespace {

// Its launch points into itself: it is shared.
static_assert(!std::is_copy_constructible_v<KernelPlan> && !std::is_copy_assignable_v<KernelPlan>);

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

Geometry with_scratch(std::int64_t bytes) {
  Geometry g;
  g.threads = 128;
  g.workspace_bytes = bytes;
  return g;
}

void* at(Workspaces& scratch, CUstream stream, std::int64_t bytes) {
  const auto lease = scratch.acquire(stream, bytes);
  return lease ? lease.data() : nullptr;
}

}  // namespace

TEST_CASE("default streams of a thread that ended and of one that started have scratch of their own") {
  fake::reset();
  const CUcontext context = current_context();
  const KernelPlan plan(resources(), "a cubin", parse_problem("64x64x64"), Tactic{}, with_scratch(100000));
  CHECK(plan.workspace_bytes() == 100000);
  for (int i = 0; i < 3; ++i)
    std::thread([&] {
      const ContextScope scope(context);
      plan.launch(CU_STREAM_PER_THREAD, CallArgs{});
      plan.launch(CU_STREAM_PER_THREAD, CallArgs{});
    }).join();
  const auto launches = fake::launches();
  REQUIRE(launches.size() == 6);
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t j = 0; j < 6; ++j) CHECK((launches[i].args.workspace == launches[j].args.workspace) == (i / 2 == j / 2));
}

TEST_CASE("streams beyond half of the cap share, each after the last user's event") {
  fake::reset();
  Workspaces scratch(current_context(), 100 * kMiB);
  std::vector<OwnedStream> streams;
  for (int i = 0; i < 12; ++i) streams.push_back(OwnedStream::make());
  std::vector<void*> own;
  for (int i = 0; i < 5; ++i) own.push_back(at(scratch, streams[i].get(), 10 * kMiB));
  fake::forget();
  CHECK(at(scratch, streams[0].get(), 10 * kMiB) == own[0]);
  CHECK(fake::count("cuEventRecord") == 0);  // its own costs no event
  for (int round = 0; round < 3; ++round)
    for (int i = 5; i < 12; ++i) {
      void* const shared = at(scratch, streams[i].get(), 10 * kMiB);
      CHECK(shared != nullptr);
      CHECK(std::ranges::count(own, shared) == 0);
    }
  CHECK(scratch.held_bytes() <= 100 * kMiB);
  CHECK(fake::allocated() >= scratch.held_bytes());

  fake::forget();
  at(scratch, streams[5].get(), 10 * kMiB);
  at(scratch, streams[6].get(), 10 * kMiB);
  std::vector<std::pair<std::string, CUstream>> order;
  for (const fake::Call& call : fake::calls())
    if (call.name == "cuStreamWaitEvent" || call.name == "cuEventRecord") order.push_back({call.name, call.stream});
  REQUIRE(order.size() == 4);
  CHECK(order[1] == std::pair<std::string, CUstream>("cuEventRecord", streams[5].get()));
  CHECK(order[2] == std::pair<std::string, CUstream>("cuStreamWaitEvent", streams[6].get()));

  const Workspaces::Lease held = scratch.acquire(streams[7].get(), 10 * kMiB);
  CHECK(held);
  CHECK(at(scratch, streams[8].get(), 10 * kMiB) != held.data());  // never two at once
  CHECK(fake::misuses().empty());
}

TEST_CASE("what a stream outgrew is used by others, and no more than needed is taken") {
  fake::reset();
  Workspaces scratch(current_context(), 100 * kMiB);
  const OwnedStream one = OwnedStream::make(), two = OwnedStream::make();
  void* const small = at(scratch, one.get(), 9 * kMiB);
  CHECK(scratch.held_bytes() == 10 * kMiB);
  CHECK(at(scratch, one.get(), 40 * kMiB) != small);
  CHECK(scratch.held_bytes() == 50 * kMiB);
  CHECK(at(scratch, two.get(), 9 * kMiB) == small);
  CHECK(at(scratch, two.get(), 48 * kMiB) != nullptr);  // shared
  CHECK(at(scratch, two.get(), 60 * kMiB) != nullptr);  // for which the smaller ones were given back
  CHECK(scratch.held_bytes() == 100 * kMiB);
}

TEST_CASE("what a capture uses stays its graph's, and asking for it does not break the capture") {
  fake::reset();
  Workspaces scratch(current_context(), 100 * kMiB);
  const OwnedStream one = OwnedStream::make(), two = OwnedStream::make();
  void* const eager = at(scratch, one.get(), 4 * kMiB);
  void* captured = nullptr;
  for (const CUstream stream : {one.get(), CUstream(CU_STREAM_PER_THREAD)}) {
    CUgraph graph = nullptr;
    check(driver().cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
    captured = at(scratch, stream, 4 * kMiB);
    CHECK(captured != nullptr);
    CHECK(captured != eager);
    CHECK(at(scratch, nullptr, 4 * kMiB) != nullptr);
    CHECK(at(scratch, stream, 200 * kMiB) == nullptr);
    CHECK(driver().cuStreamEndCapture(stream, &graph) == CUDA_SUCCESS);
  }
  CHECK(at(scratch, one.get(), 4 * kMiB) == eager);
  for (int i = 0; i < 20; ++i) CHECK(at(scratch, OwnedStream::make().get(), 20 * kMiB) != captured);
}

namespace {

struct Captured {
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
};

// What each of the requests got.
std::vector<void*> captured(Workspaces& scratch, CUstream stream, const std::vector<std::int64_t>& bytes, Captured& made) {
  std::vector<void*> got;
  check(driver().cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
  for (const std::int64_t each : bytes) got.push_back(at(scratch, stream, each));
  check(driver().cuStreamEndCapture(stream, &made.graph), "ending a capture");
  check(driver().cuGraphInstantiateWithFlags(&made.exec, made.graph, 0), "instantiating");
  return got;
}

}  // namespace

TEST_CASE("each graph has scratch of its own, as long as it or what was made of it is there") {
  fake::reset();
  Workspaces scratch(current_context(), 100 * kMiB);
  const OwnedStream stream = OwnedStream::make();
  Captured first, second, third;
  const auto one = captured(scratch, stream.get(), {4 * kMiB, 2 * kMiB, 8 * kMiB, 8 * kMiB}, first);
  CHECK(one[0] == one[1]);
  CHECK(one[2] != one[0]);
  CHECK(one[3] == one[2]);
  const auto two = captured(scratch, stream.get(), {4 * kMiB}, second);
  CHECK(two[0] != one[0]);
  CHECK(two[0] != one[2]);
  const auto held = scratch.held_bytes();
  check(driver().cuGraphDestroy(first.graph), "destroying a graph");
  CHECK(captured(scratch, stream.get(), {4 * kMiB}, third)[0] != one[0]);  // what was made of it may run
  CHECK(scratch.held_bytes() == held + 4 * kMiB);
  check(driver().cuGraphExecDestroy(first.exec), "destroying a graph");
  Captured fourth;
  const auto again = captured(scratch, stream.get(), {4 * kMiB, 8 * kMiB}, fourth);
  CHECK(again == std::vector{one[0], one[2]});
  CHECK(scratch.held_bytes() == held + 4 * kMiB);
}

TEST_CASE("graphs of one stream that are replayed in turn have one scratch") {
  fake::reset();
  Workspaces scratch(current_context(), 8 * kMiB, Workspaces::Graphs::in_turn);
  const OwnedStream stream = OwnedStream::make();
  Captured first, second;
  const auto one = captured(scratch, stream.get(), {4 * kMiB}, first);
  CHECK(one[0] != nullptr);
  CHECK(captured(scratch, stream.get(), {4 * kMiB}, second) == one);
}

TEST_CASE("streams of one capture have scratch of their own") {
  fake::reset();
  Workspaces scratch(current_context(), 100 * kMiB);
  const OwnedStream one = OwnedStream::make(), two = OwnedStream::make();
  check(driver().cuStreamBeginCapture(one.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
  const Event fork = Event::make(Event::Timing::off);
  fork.record(one.get());
  check(driver().cuStreamWaitEvent(two.get(), fork.get(), 0), "joining a capture");
  CHECK(at(scratch, one.get(), kMiB) != at(scratch, two.get(), kMiB));
  CUgraph graph = nullptr;
  CHECK(driver().cuStreamEndCapture(one.get(), &graph) == CUDA_SUCCESS);
}

TEST_CASE("graphs that are gone give their scratch back, a broken capture's too; a driver that does not tell costs no more") {
  fake::reset();
  Workspaces scratch(current_context(), 64 * kMiB);
  const OwnedStream stream = OwnedStream::make();
  std::vector<Captured> graphs(10);
  int refused = 0;
  for (Captured& graph : graphs) refused += captured(scratch, stream.get(), {16 * kMiB}, graph)[0] == nullptr;
  CHECK(refused == 6);
  for (const Captured& graph : graphs) {
    check(driver().cuGraphExecDestroy(graph.exec), "destroying a graph");
    check(driver().cuGraphDestroy(graph.graph), "destroying a graph");
  }
  Captured large;
  CHECK(captured(scratch, stream.get(), {48 * kMiB}, large)[0] != nullptr);  // for which theirs were given back
  check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
  void* const lost = at(scratch, stream.get(), 16 * kMiB);
  CHECK(lost != nullptr);
  CHECK(driver().cuStreamQuery(stream.get()) != CUDA_SUCCESS);
  CUgraph none = nullptr;
  CHECK(driver().cuStreamEndCapture(stream.get(), &none) != CUDA_SUCCESS);
  fake::fail("cuGraphRetainUserObject", CUDA_ERROR_NOT_SUPPORTED);
  Captured untold, other;
  CHECK(captured(scratch, stream.get(), {16 * kMiB}, untold)[0] == lost);
  check(driver().cuGraphExecDestroy(untold.exec), "destroying a graph");
  check(driver().cuGraphDestroy(untold.graph), "destroying a graph");
  CHECK(captured(scratch, stream.get(), {16 * kMiB}, other)[0] == nullptr);
}

TEST_CASE("without memory a launch says so, asks again now and then, and works when there is some") {
  fake::reset();
  fake::memory(64 * kMiB, 60 * kMiB);
  Workspaces scratch(current_context());
  const OwnedStream stream = OwnedStream::make();
  for (int i = 0; i < 200; ++i) CHECK(at(scratch, stream.get(), 8 * kMiB) == nullptr);
  CHECK(fake::count("cuMemAlloc") < 10);
  fake::memory(64 * kMiB);
  void* got = nullptr;
  for (int i = 0; i < 64 && !got; ++i) got = at(scratch, stream.get(), 8 * kMiB);
  CHECK(got != nullptr);
}

TEST_CASE("many threads, few blocks: no block is held twice") {
  fake::reset();
  const CUcontext context = current_context();
  Workspaces scratch(context, 32 * kMiB);
  std::vector<std::thread> threads;
  std::atomic<int> twice{0};
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&] {
      const ContextScope scope(context);
      const OwnedStream stream = OwnedStream::make();
      for (int i = 0; i < 300; ++i) {
        const auto lease = scratch.acquire(stream.get(), (4 + i % 3 * 2) * kMiB);
        if (!lease) continue;
        const std::uintptr_t mark = reinterpret_cast<std::uintptr_t>(stream.get());
        auto* const word = static_cast<std::atomic<std::uintptr_t>*>(lease.data()) + 8192;
        word->store(mark);
        std::this_thread::yield();
        if (word->load() != mark) ++twice;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(twice == 0);
  CHECK(scratch.held_bytes() <= 32 * kMiB);
  CHECK(fake::misuses().empty());
}
