// Scratch memory: whose it is, how streams share it, what a call does without.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/problem.hpp"
#include "fake_driver.hpp"
#include "plan/kernel_plan.hpp"
#include "plan/workspace.hpp"

using namespace ak;

namespace {

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
