// Kernel plans, scratch and the hot path's cost, with small kernels compiled here.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <thread>

#include "../allocations.hpp"
#include "base/clock.hpp"
#include "base/embedded.hpp"
#include "device_matrix.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"
#include "plan/kernel_plan.hpp"
#include "plan/table.hpp"
#include "plan/vendor.hpp"

using namespace ak;
using test::DeviceMatrix;

namespace {

std::string cubin_of(const std::string& body) {
  const Compiled compiled = compile(kernel_file("args.cuh") + body, resources().facts().arch());
  REQUIRE_MESSAGE(compiled.failure.empty(), compiled.log);
  return compiled.cubin;
}

// Each CTA of a cluster of two copies its box of A to D with TMA; the last to arrive says so in D's last row and leaves the
// counter zero.
constexpr const char* kCopyKernel = R"(
extern "C" __global__ void ak_kernel(const __grid_constant__ ak::KernelArgs args, const __grid_constant__ ak::TensorMap map) {
  extern __shared__ __align__(128) unsigned short tile[];
  __shared__ __align__(8) unsigned long long barrier;
  const unsigned at = (unsigned)__cvta_generic_to_shared(&barrier), to = (unsigned)__cvta_generic_to_shared(tile);
  unsigned rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  if (threadIdx.x == 0) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" :: "r"(at));
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" :: "r"(at), "r"(64 * 8 * 2) : "memory");
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];"
                 :: "r"(to), "l"(&map), "r"(0), "r"((int)rank * 8), "r"(at) : "memory");
  }
  __syncthreads();
  unsigned done = 0;
  for (int i = 0; i < 100000 && !done; ++i)
    asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], 0; selp.u32 %0, 1, 0, p; }" : "=r"(done) : "r"(at) : "memory");
  if (!done) asm volatile("trap;");
  for (int i = threadIdx.x; i < 8 * 64; i += blockDim.x)
    ((unsigned short*)args.d)[(rank * 8 + i / 64) * args.ldd + i % 64] = tile[i];
  if (threadIdx.x == 0) {
    unsigned* counter = (unsigned*)args.workspace;
    if (atomicAdd(counter, 1) == gridDim.x - 1) {
      ((unsigned short*)args.d)[16 * args.ldd] = 0x4000;  // 2.0 in bf16
      *counter = 0;
    }
  }
}
)";

Geometry copy_geometry(std::int64_t scratch) {
  Geometry g;
  g.grid = {2, 1, 1}, g.cluster = {2, 1, 1}, g.threads = 64, g.smem_bytes = 100000;
  g.workspace_bytes = kCounterBytes + scratch;
  g.map_count = 1, g.maps[0] = {OperandId::a, 64, 8, 0};
  return g;
}

struct Copy {
  Problem p = parse_problem("16x64x64");
  DeviceMatrix a{16, 64, DType::bf16, 72}, d{17, 64, DType::bf16};
  CallArgs args{};
  Copy() {
    a.random(1), d.fill(0);
    args.a.data = a.data(), args.d.data = d.data(), args.a.ld = 72, args.d.ld = 64, args.m = 16, args.n = args.k = 64;
  }
  bool right() {
    d.download();
    bool same = d.at(16, 0) == 2.0;
    for (int r = 0; r < 16; ++r)
      for (int c = 0; c < 64; ++c) same = same && d.at(r, c) == a.at(r, c);
    d.fill(0);
    return same;
  }
};

constexpr const char* kEmptyKernel = R"(
extern "C" __global__ void ak_kernel(const __grid_constant__ ak::KernelArgs args, const __grid_constant__ ak::TensorMap a,
                                     const __grid_constant__ ak::TensorMap b, const __grid_constant__ ak::TensorMap d) {}
)";

}  // namespace

TEST_CASE("a kernel plan brings tensor maps, shared memory, a cluster and scratch") {
  const std::string cubin = cubin_of(kCopyKernel);
  Copy copy;
  const KernelPlan plan(resources(), cubin.data(), copy.p, Tactic{}, copy_geometry(1024));
  const OwnedStream stream = OwnedStream::make();
  for (const CUstream s : {CUstream{nullptr}, CU_STREAM_PER_THREAD, stream.get(), stream.get()}) {
    plan.launch(s, copy.args);
    check(driver().cuStreamSynchronize(s), "waiting");
    CHECK(copy.right());  // a second launch on the stream finds its counter at zero
  }
  const auto before = allocations();
  plan.launch(stream.get(), copy.args);
  CHECK(allocations() == before);
  stream.synchronize();
}

TEST_CASE("tensor maps: memory that is read again with another leading dimension is read as the call says") {
  const std::string cubin = cubin_of(kCopyKernel);
  Copy copy;
  DeviceMatrix rows(32, 64, DType::bf16, 72);
  rows.random(2);
  copy.args.a.data = rows.data();
  const KernelPlan plan(resources(), cubin.data(), copy.p, Tactic{}, copy_geometry(1024));
  for (int i = 0; i < 6; ++i) {
    const int every = 1 + i % 2;
    copy.args.a.ld = 72 * every;
    plan.launch(nullptr, copy.args);
    check(driver().cuStreamSynchronize(nullptr), "waiting");
    copy.d.download();
    bool same = true;
    for (int r = 0; r < 16; ++r)
      for (int c = 0; c < 64; ++c) same = same && copy.d.at(r, c) == rows.at(every * r, c);
    CHECK(same);
    copy.d.fill(0);
  }
}

TEST_CASE("a launch on a fresh stream inside a global-mode capture allocates its scratch legally, and replays") {
  const std::string cubin = cubin_of(kCopyKernel);
  Copy copy;
  const KernelPlan small(resources(), cubin.data(), copy.p, Tactic{}, copy_geometry(1024));
  const KernelPlan large(resources(), cubin.data(), copy.p, Tactic{}, copy_geometry(32 << 20));
  const OwnedStream stream = OwnedStream::make();
  const Graph first = Graph::capture(
      stream.get(), [&](CUstream s) { small.launch(s, copy.args); }, CU_STREAM_CAPTURE_MODE_GLOBAL);
  const Graph second = Graph::capture(
      stream.get(), [&](CUstream s) { large.launch(s, copy.args); }, CU_STREAM_CAPTURE_MODE_GLOBAL);
  for (int i = 0; i < 3; ++i)  // the first graph still holds the buffer that was outgrown
    for (const Graph* graph : {&first, &second}) {
      graph->launch(stream.get());
      stream.synchronize();
      CHECK(copy.right());
    }
}

TEST_CASE("plans are built and dropped during somebody's global-mode capture without breaking it") {
  const std::string cubin = cubin_of(kCopyKernel);
  Copy copy;
  const KernelPlan plan(resources(), cubin.data(), copy.p, Tactic{}, copy_geometry(1024));
  const OwnedStream stream = OwnedStream::make();
  const Graph graph = Graph::capture(
      stream.get(),
      [&](CUstream s) {
        std::thread([&] {
          const ContextScope scope(resources().context());
          const KernelPlan other(resources(), cubin.data(), copy.p, Tactic{}, copy_geometry(1024));
          const Buffer dropped = [] {
            const RelaxedCapture relaxed;
            return Buffer::make(1 << 20);
          }();
        }).join();
        plan.launch(s, copy.args);
      },
      CU_STREAM_CAPTURE_MODE_GLOBAL);
  graph.launch(stream.get());
  stream.synchronize();
  CHECK(copy.right());
}

TEST_CASE("scratch: a block a stream, zeroed counters, one to share beyond half of the cap") {
  Workspaces scratch(resources().context(), std::int64_t{20} << 20);
  const auto at = [&](CUstream stream, std::int64_t bytes) {
    const auto lease = scratch.acquire(stream, bytes);
    return lease ? lease.data() : nullptr;
  };
  const OwnedStream one = OwnedStream::make(), two = OwnedStream::make();
  void* first = at(one.get(), 100000);
  CHECK(at(one.get(), 90000) == first);
  CHECK(at(two.get(), 100000) != first);
  CHECK(at(nullptr, 100000) != first);
  CHECK(at(nullptr, 100000) == at(CU_STREAM_LEGACY, 100000));
  std::vector<unsigned char> counters(kCounterBytes, 1);
  check(driver().cuMemcpyDtoH(counters.data(), reinterpret_cast<CUdeviceptr>(first), counters.size()), "reading");
  CHECK(std::ranges::all_of(counters, [](unsigned char c) { return c == 0; }));

  CHECK(scratch.held_bytes() == 3 * (std::int64_t{2} << 20));
  CHECK(at(one.get(), std::int64_t{21} << 20) == nullptr);
  CHECK(at(one.get(), 50000) == first);  // what was there still serves
  void* shared = at(one.get(), std::int64_t{9} << 20);
  CHECK(shared != nullptr);
  CHECK(at(two.get(), std::int64_t{9} << 20) == shared);

  scratch.set_cap(std::int64_t{4} << 30);
  std::vector<OwnedStream> many;
  std::vector<void*> theirs;
  for (int i = 0; i < 200; ++i) theirs.push_back(at(many.emplace_back(OwnedStream::make()).get(), 100));
  for (int i = 0; i < 200; ++i) CHECK(at(many[i].get(), 100) == theirs[i]);
  const auto before = allocations();
  for (int i = 0; i < 200; ++i) at(many[i].get(), 100);
  CHECK(allocations() == before);
}

TEST_CASE("an unloadable kernel is an error that says what was tried") {
  for (const char* text : {"__device__ int none;", "__global__ void one() {}\n__global__ void two() {}"}) {
    const std::string cubin = cubin_of(text);
    CHECK_THROWS_WITH_AS(KernelPlan(resources(), cubin.data(), Problem{}, Tactic{}, Geometry{}),
                         doctest::Contains("has no kernel, or more than one"), Error);
  }
  const std::string good = cubin_of(kCopyKernel);
  Geometry greedy = copy_geometry(0);
  greedy.smem_bytes = 1 << 20;
  CHECK_THROWS_WITH_AS(KernelPlan(resources(), good.data(), Problem{}, Tactic{}, greedy), doctest::Contains("shared memory"),
                       Error);
}

TEST_CASE("what the device says of itself") {
  const DeviceFacts& f = resources().facts();
  MESSAGE(f.name, " sm_", f.compute(), " ", f.sm_count, " SMs, smem ", f.smem_per_block, "/", f.smem_per_sm, ", L2 ",
          f.l2_bytes, ", ", f.clock_ghz, " GHz, ", f.memory_tb_s, " TB/s, mig '", f.mig, "', driver ", driver_version(),
          ", cuBLASLt ", vendor_version());
  const auto start = Clock::now();
  const Module support = Module::load(support_fatbin().data());
  MESSAGE("the kernels compiled at build time load in ", seconds_since(start) * 1e3, " ms");
  CHECK(support.find("pass_silu_bf16"));
  CHECK(f.sm_count > 0);
  CHECK(f.memory_tb_s > 0.05);
  CHECK(driver_version().find('.') != std::string::npos);
}

TEST_CASE("the hot path on the host, for the record") {
  const std::string cubin = cubin_of(kEmptyKernel);
  const Problem p = parse_problem("256x256x256");
  DeviceMatrix a(256, 256, DType::bf16), b(256, 256, DType::bf16), d(256, 256, DType::bf16);
  CallArgs args{};
  args.a.data = a.data(), args.b.data = b.data(), args.d.data = d.data(), args.a.ld = args.b.ld = args.d.ld = 256,
  args.m = args.n = args.k = 256, args.alpha = 1;
  Geometry three;
  three.threads = 128;
  three.map_count = 3;
  three.maps = {TensorMapSpec{OperandId::a, 64, 64, 128}, TensorMapSpec{OperandId::b, 64, 64, 128},
                TensorMapSpec{OperandId::d, 64, 64, 128}};
  Geometry scratch = three;
  scratch.workspace_bytes = kCounterBytes + 4096;
  const auto plan = std::make_shared<KernelPlan>(resources(), cubin.data(), p, Tactic{}, three);
  const KernelPlan with_scratch(resources(), cubin.data(), p, Tactic{}, scratch);
  Table table;
  for (int m = 1; m <= 256; ++m) {
    Problem q = p;
    q.m = m;
    table.publish(q, plan);
  }
  const auto vendor = VendorPlan::fallback(resources(), p);
  const OwnedStream stream = OwnedStream::make();

  CUtensorMap maps[3] = {};
  KernelArgs bare_args = kernel_args(args);
  void* parameters[] = {&bare_args, &maps[0], &maps[1], &maps[2]};
  CUlaunchConfig bare{};
  bare.gridDimX = bare.gridDimY = bare.gridDimZ = 1, bare.blockDimX = 128, bare.blockDimY = bare.blockDimZ = 1,
  bare.hStream = stream.get();

  struct Arm {
    const char* name;
    std::function<void()> launch;
    std::vector<double> us;
  };
  Arm arms[] = {
      {"bare cuLaunchKernelEx", [&] { driver().cuLaunchKernelEx(&bare, plan->function(), parameters, nullptr); }, {}},
      {"kernel plan, 3 tensor maps", [&] { plan->launch(stream.get(), args); }, {}},
      {"find + kernel plan", [&] { table.find(p)->launch(stream.get(), args); }, {}},
      {"kernel plan with scratch", [&] { with_scratch.launch(stream.get(), args); }, {}},
      {"find alone",
       [&] {
         if (!table.find(p)) std::abort();
       },
       {}},
      {"vendor plan", [&] { vendor->launch(stream.get(), args); }, {}},
  };
  for (int round = 0; round < 60; ++round)
    for (Arm& arm : arms) {
      constexpr int kLaunches = 100;
      const auto before = allocations();
      const auto start = Clock::now();
      for (int i = 0; i < kLaunches; ++i) arm.launch();
      const double us = seconds_since(start) * 1e6 / kLaunches;
      if (round > 0) CHECK(allocations() == before);
      stream.synchronize();
      arm.us.push_back(us);
    }
  for (Arm& arm : arms) {
    std::ranges::nth_element(arm.us, arm.us.begin() + static_cast<std::ptrdiff_t>(arm.us.size() / 2));
    MESSAGE(std::string(arm.name), ": ", arm.us[arm.us.size() / 2], " us");
  }
}
