// Scratch memory of the caller's allocator.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "ak/ak.h"
#include "ak/ak.hpp"
#include "call_sizes.hpp"
#include "context/context.hpp"
#include "fake_cublaslt.hpp"
#include "fake_driver.hpp"
#include "gpu/owners.hpp"
#include "own_context.hpp"
#include "plan/workspace.hpp"

using namespace ak;

namespace {

constexpr std::int64_t kAllocatorMiB = std::int64_t{1} << 20;

// An engine's allocator, which knows what it gave for which stream.
struct Lender {
  struct Lent {
    std::int64_t bytes;
    Stream stream;
    CUcontext context;
  };
  std::map<void*, Lent> lent;
  int allocated = 0, released = 0;
  std::int64_t most = std::int64_t{1} << 40, off_by = 0;
  bool throws = false;
  std::size_t at_once = 1000;  // so many are lent at once
  std::string fault;

  ScratchAllocator callbacks() { return {&Lender::allocate, &Lender::release, this}; }

  static void* allocate(std::int64_t bytes, Stream stream, void* user) {
    auto& self = *static_cast<Lender*>(user);
    ++self.allocated;
    if (self.throws) throw std::runtime_error("the engine has an error of its own");
    if (bytes > self.most || self.lent.size() >= self.at_once) return nullptr;
    CUdeviceptr at = 0;
    if (driver().cuMemAlloc(&at, static_cast<std::size_t>(bytes + 256)) != CUDA_SUCCESS) return nullptr;
    CUcontext context = nullptr;
    driver().cuCtxGetCurrent(&context);
    void* const data = reinterpret_cast<char*>(at) + self.off_by;
    self.lent[data] = {bytes, stream, context};
    return data;
  }
  static void release(void* data, std::int64_t bytes, Stream stream, void* user) {
    auto& self = *static_cast<Lender*>(user);
    ++self.released;
    const auto at = self.lent.find(data);
    if (at == self.lent.end() || at->second.bytes != bytes || at->second.stream != stream) {
      self.fault = fmt::format("{} bytes at {} were not lent for that stream", bytes, data);
      return;
    }
    driver().cuMemFree(reinterpret_cast<CUdeviceptr>(data) - static_cast<CUdeviceptr>(self.off_by));
    self.lent.erase(at);
  }
};

Settings off(Lender& lender) {
  Settings s;
  s.mode = Mode::off, s.cache_dir = "", s.shipped = false;
  s.scratch_allocator = lender.callbacks();
  return s;
}

void* at(Workspaces& scratch, CUstream stream, std::int64_t bytes) {
  const auto lease = scratch.acquire(stream, bytes);
  return lease ? lease.data() : nullptr;
}

}  // namespace

TEST_CASE(
    "scratch allocator: each stream has memory that was lent for it, which goes back when it is outgrown and at the end") {
  fake::reset();
  Lender lender;
  {
    const auto scratch = Workspaces::of_caller(current_context(), 100 * kAllocatorMiB, lender.callbacks());
    const OwnedStream one = OwnedStream::make(), two = OwnedStream::make();
    void* const first = at(*scratch, one.get(), 4 * kAllocatorMiB);
    REQUIRE(lender.lent.count(first) == 1);
    CHECK(lender.lent[first].stream == one.get());
    CHECK(lender.lent[first].context == current_context());
    CHECK(at(*scratch, one.get(), 3 * kAllocatorMiB) == first);
    void* const second = at(*scratch, two.get(), 4 * kAllocatorMiB);
    CHECK(second != first);
    CHECK(lender.allocated == 2);
    CHECK(scratch->held_bytes() == 8 * kAllocatorMiB);
    bool zeroed = false;  // in the stream's own order
    for (const fake::Call& call : fake::calls()) zeroed |= call.name == "cuMemsetD8Async" && call.stream == one.get();
    CHECK(zeroed);

    CHECK(at(*scratch, one.get(), 10 * kAllocatorMiB) != first);
    CHECK(lender.lent.count(first) == 0);
    CHECK(at(*scratch, two.get(), 4 * kAllocatorMiB) == second);
    {
      const auto lease = scratch->acquire(two.get(), 4 * kAllocatorMiB);  // a thread is about to use it
      CHECK(at(*scratch, two.get(), 20 * kAllocatorMiB) != second);
      CHECK(lender.lent.count(second) == 1);
    }
    CHECK(at(*scratch, one.get(), 30 * kAllocatorMiB) != nullptr);
    CHECK(lender.lent.count(second) == 0);
    CHECK(at(*scratch, one.get(), 90 * kAllocatorMiB) == nullptr);  // beyond the cap
  }
  CHECK(lender.lent.empty());
  CHECK(lender.released == lender.allocated);
  CHECK(lender.fault == "");
  CHECK(fake::misuses().empty());
}

TEST_CASE(
    "scratch allocator: where there is no more, memory of streams that are gone or idle goes back, and none that is used") {
  fake::reset();
  for (const bool capped : {true, false}) {  // by the library's limit, or by the caller's
    CAPTURE(capped);
    Lender lender;
    {
      const auto scratch = Workspaces::of_caller(current_context(), (capped ? 8 : 100) * kAllocatorMiB, lender.callbacks());
      const OwnedStream used = OwnedStream::make(), later = OwnedStream::make();
      void* const first = at(*scratch, used.get(), 4 * kAllocatorMiB);
      {
        const OwnedStream gone = OwnedStream::make();
        REQUIRE(at(*scratch, gone.get(), 4 * kAllocatorMiB));
      }
      if (!capped) lender.at_once = 2;
      void* got = nullptr;
      for (int i = 0; i < 500 && !got; ++i) {
        CHECK(at(*scratch, used.get(), 4 * kAllocatorMiB) == first);
        got = at(*scratch, later.get(), 4 * kAllocatorMiB);
      }
      CHECK(got);
      CHECK(lender.lent.size() == 2);
      CHECK(scratch->held_bytes() == 8 * kAllocatorMiB);
      const auto lease = scratch->acquire(used.get(), 4 * kAllocatorMiB);  // a thread is about to use it
      const OwnedStream last = OwnedStream::make();
      for (int i = 0; i < 500; ++i) static_cast<void>(at(*scratch, last.get(), 4 * kAllocatorMiB));
      CHECK(lender.lent.count(first) == 1);
      CHECK(lender.lent.size() == 2);
    }
    CHECK(lender.lent.empty());
    CHECK(lender.fault.empty());
  }
}

TEST_CASE("scratch allocator: a capture's memory is its graph's, beyond the context too, and the graph zeroes it") {
  fake::reset();
  Lender lender;
  const OwnedStream stream = OwnedStream::make();
  CUgraph graph = nullptr;
  void* captured = nullptr;
  {
    const auto scratch = Workspaces::of_caller(current_context(), 100 * kAllocatorMiB, lender.callbacks());
    void* const eager = at(*scratch, stream.get(), 4 * kAllocatorMiB);
    check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
    fake::forget();
    captured = at(*scratch, stream.get(), 4 * kAllocatorMiB);
    CHECK(captured != eager);
    CHECK(at(*scratch, stream.get(), 2 * kAllocatorMiB) == captured);
    int zeroed = 0;
    for (const fake::Call& call : fake::calls()) zeroed += call.name == "cuMemsetD8Async" && call.stream == stream.get();
    CHECK(zeroed == 1);
    CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
  }
  CHECK(lender.lent.size() == 1);  // the graph may still run
  CHECK(lender.lent.count(captured) == 1);
  check(driver().cuGraphDestroy(graph), "destroying a graph");
  CHECK(lender.lent.size() == 1);  // no call to the driver from there, nor to the caller
  { const auto later = Workspaces::of_caller(current_context(), kAllocatorMiB, lender.callbacks()); }
  CHECK(lender.lent.empty());
  CHECK(lender.fault == "");
  CHECK(fake::misuses().empty());
}

TEST_CASE("scratch allocator: a graph that is gone gives its memory back at once where more is asked for") {
  fake::reset();
  Lender lender;
  const OwnedStream stream = OwnedStream::make();
  const auto scratch = Workspaces::of_caller(current_context(), 100 * kAllocatorMiB, lender.callbacks());
  for (int i = 0; i < 5; ++i) {
    check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
    CHECK(at(*scratch, stream.get(), 60 * kAllocatorMiB) != nullptr);
    CUgraph graph = nullptr;
    check(driver().cuStreamEndCapture(stream.get(), &graph), "ending a capture");
    CHECK(lender.lent.size() == 1);
    check(driver().cuGraphDestroy(graph), "destroying a graph");
  }
}

TEST_CASE("scratch allocator: calls take memory from it alone; where it has none another plan serves") {
  fake::reset();
  OwnContext own;
  const Problem problem = parse_problem("64x4097x4097 relu");
  for (const char* how : {"gives", "none", "throws", "unaligned"}) {
    CAPTURE(how);
    Lender lender;
    const std::string name = how;
    if (name == "none") lender.most = 0;
    lender.throws = name == "throws", lender.off_by = name == "unaligned" ? 16 : 0;
    {
      Context::Impl context(off(lender));
      const OwnedStream stream = OwnedStream::make();
      fake::products();
      const auto before = fake::count("cuMemAlloc");
      for (int i = 0; i < 3; ++i) context.matmul_act(stream.get(), problem, sizes(problem));
      const auto products = fake::products();
      REQUIRE(products.size() == 3);
      if (name == "gives") {
        CHECK(lender.allocated == 1);
        CHECK(fake::count("cuMemAlloc") == before + 1);  // its own
        CHECK(products[0].workspace_bytes == fake::kVendorWorkspace);
        CHECK(context.counters().scratch_fallbacks == 0);
      } else {
        CHECK(lender.allocated >= 1);
        CHECK(products[0].workspace_bytes == 0);
        CHECK(context.counters().scratch_fallbacks == 3);
      }
    }
    CHECK(lender.lent.empty());
    CHECK(lender.fault == "");
  }
  own.end();
  CHECK(fake::misuses().empty());
}

TEST_CASE("scratch allocator: the context may be lost before the memory is given back") {
  fake::reset();
  Lender lender;
  OwnContext own;
  {
    auto scratch = Workspaces::of_caller(own.handle, 100 * kAllocatorMiB, lender.callbacks());
    const OwnedStream stream = OwnedStream::make();
    CHECK(at(*scratch, stream.get(), kAllocatorMiB) != nullptr);
    own.end();
  }
  CHECK(lender.released == 1);
}

TEST_CASE("scratch allocator: one callback alone is refused by name, in C too") {
  const auto message = [](auto&& make) {
    try {
      make();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  Lender lender;
  Options options;
  options.cache_dir = "";
  options.scratch_allocator = {&Lender::allocate, nullptr, &lender};
  CHECK(message([&] { Context context(options); }) == "option scratch_allocator: allocate and release are given both");
  ak_options in_c = AK_OPTIONS_INIT;
  in_c.cache_dir = "", in_c.scratch_release = &Lender::release;
  ak_context* context = nullptr;
  CHECK(ak_context_create(&in_c, &context) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()).find("scratch_allocator: ") != std::string::npos);
  in_c.scratch_allocate = &Lender::allocate, in_c.scratch_user = &lender;
  CHECK(ak_context_create(&in_c, &context) == ak_status_ok);
  ak_context_destroy(context);
}
