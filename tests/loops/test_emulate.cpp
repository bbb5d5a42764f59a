// The emulator: right kernels stay clean and compute, wrong ones are found and named.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "ak/types.hpp"
#include "base/environment.hpp"
#include "base/box.hpp"
#include "emulating.hpp"

using namespace ak;
using namespace ak::loop;

namespace {

// All in one object: a compilation costs more than all runs.
const char* const kKernels = R"(
typedef unsigned int u32;
typedef unsigned long long u64;

extern "C" __global__ void __launch_bounds__(256) map(int n, float* __restrict__ a, const float* __restrict__ b) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) a[i] = 2.0f * b[i] + 1.0f;
}
extern "C" __global__ void map_of_four(int n, float* a, const float* b) {
  const int i = 4 * (blockIdx.x * blockDim.x + threadIdx.x);
  if (i + 3 < n) {
    float4 x = *reinterpret_cast<const float4*>(b + i);
    x.x += 1, x.y += 1, x.z += 1, x.w += 1;
    *reinterpret_cast<float4*>(a + i) = x;
  } else {
    for (int k = i; k < n; ++k) a[k] = b[k] + 1;
  }
}
extern "C" __global__ void map_of_four_misaligned(int n, float* a, const float* b) {
  const int i = 4 * (blockIdx.x * blockDim.x + threadIdx.x);
  if (i + 4 < n) *reinterpret_cast<float4*>(a + i) = *reinterpret_cast<const float4*>(b + i + 1);
}
extern "C" __global__ void map_past_end(int n, float* a, const float* b) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= n) a[i] = b[i < n ? i : 0];
}
extern "C" __global__ void map_before_begin(int n, float* a, const float* b) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) a[i] = b[i - 1];
}
extern "C" __global__ void map_far_away(int n, float* a, const float* b) {
  if (threadIdx.x == 7) a[0] = b[0] + *(const float*)(n + 12344ull);
}

template <int kThreads>
__device__ float block_sum(float x) {
  __shared__ float part[kThreads / 32];
  for (int step = 16; step > 0; step /= 2) x += __shfl_down_sync(0xffffffffu, x, step);
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = x;
  __syncthreads();
  x = threadIdx.x < kThreads / 32 ? part[threadIdx.x] : 0;
  if (threadIdx.x < 32)
    for (int step = 16; step > 0; step /= 2) x += __shfl_down_sync(0xffffffffu, x, step);
  return x;
}
extern "C" __global__ void sum(int n, float* result, const float* b) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const float all = block_sum<256>(i < n ? b[i] : 0);
  if (threadIdx.x == 0) atomicAdd(result, all);
}
extern "C" __global__ void sum_without_atomic(int n, float* result, const float* b) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const float all = block_sum<256>(i < n ? b[i] : 0);
  if (threadIdx.x == 0) *result += all;
}
extern "C" __global__ void tree(int n, float* result, const float* b) {
  __shared__ float s[256];
  s[threadIdx.x] = threadIdx.x < n ? b[threadIdx.x] : 0;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (threadIdx.x < half) s[threadIdx.x] += s[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) *result = s[0];
}
extern "C" __global__ void tree_without_barrier(int n, float* result, const float* b) {
  __shared__ float s[256];
  s[threadIdx.x] = threadIdx.x < n ? b[threadIdx.x] : 0;
  for (int half = 128; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) s[threadIdx.x] += s[threadIdx.x + half];
  }
  if (threadIdx.x == 1) *result = s[0];
}
extern "C" __global__ void warp_exchange(int n, float* a, const float* b) {
  __shared__ float s[64];
  s[threadIdx.x] = b[threadIdx.x];
  __syncwarp();
  a[threadIdx.x] = s[threadIdx.x ^ 1];
  __syncwarp();
  s[threadIdx.x ^ 1] = 0;
}
extern "C" __global__ void warp_exchange_without_barrier(int n, float* a, const float* b) {
  __shared__ float s[64];
  s[threadIdx.x] = b[threadIdx.x];
  a[threadIdx.x] = s[threadIdx.x ^ 1];
}
extern "C" __global__ void unwritten(int n, float* a) {
  __shared__ float s[64];
  if (threadIdx.x < 32) s[threadIdx.x] = 1;
  __syncthreads();
  if (threadIdx.x < 33) a[threadIdx.x] = s[threadIdx.x];
}
extern "C" __global__ void past_shared(int n, float* a) {
  __shared__ float s[64], t[64];
  s[threadIdx.x] = t[threadIdx.x] = 1;
  __syncthreads();
  a[threadIdx.x] = s[threadIdx.x + 1];
}
extern "C" __global__ void dynamic(int n, float* a, const float* b) {
  extern __shared__ float own[];
  own[threadIdx.x] = b[threadIdx.x];
  __syncthreads();
  a[threadIdx.x] = own[blockDim.x - 1 - threadIdx.x];
}

extern "C" __global__ void compact(int n, int* count, float* a, const float* b) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const bool keep = i < n && b[i] > 0;
  const u32 votes = __ballot_sync(0xffffffffu, keep);
  const int lane = threadIdx.x % 32;
  int first = 0;
  if (lane == 0) first = atomicAdd(count, __popc(votes));
  first = __shfl_sync(0xffffffffu, first, 0);
  if (keep) a[first + __popc(votes & ((1u << lane) - 1))] = b[i];
}

// Inclusive scan over blocks of 256: state[b] says what of block b is there, 0 nothing, 1 its sum, 2 the sum up to it.
__device__ void scan_body(int n, float* a, const float* b, u32* state, float* sums, float* upto, bool fenced) {
  __shared__ float s[256];
  __shared__ float before;
  const int i = blockIdx.x * 256 + threadIdx.x;
  s[threadIdx.x] = i < n ? b[i] : 0;
  __syncthreads();
  for (int step = 1; step < 256; step *= 2) {
    const float left = threadIdx.x >= step ? s[threadIdx.x - step] : 0;
    __syncthreads();
    s[threadIdx.x] += left;
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    float all = 0;
    if (blockIdx.x > 0) {
      sums[blockIdx.x] = s[255];
      if (fenced) store_release(&state[blockIdx.x], 1u);
      for (int k = blockIdx.x - 1; k >= 0; --k) {
        u32 seen;
        while ((seen = load_acquire(&state[k])) == 0) pause();
        all += seen == 2 ? upto[k] : sums[k];
        if (seen == 2) break;
      }
    }
    upto[blockIdx.x] = all + s[255];
    if (fenced)
      store_release(&state[blockIdx.x], 2u);
    else
      atomicExch(&state[blockIdx.x], 2u);
    before = all;
  }
  __syncthreads();
  if (i < n) a[i] = before + s[threadIdx.x];
}
extern "C" __global__ void scan(int n, float* a, const float* b, int* state, float* sums, float* upto) {
  scan_body(n, a, b, reinterpret_cast<u32*>(state), sums, upto, true);
}
extern "C" __global__ void scan_without_release(int n, float* a, const float* b, int* state, float* sums, float* upto) {
  scan_body(n, a, b, reinterpret_cast<u32*>(state), sums, upto, false);
}

__device__ void grid_barrier(u32* arrived, u32 all) {
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    atomicAdd(arrived, 1u);
    while (*(volatile u32*)arrived < all) __nanosleep(20);
    __threadfence();
  }
  __syncthreads();
}
extern "C" __global__ void turn_round(int n, float* a, float* b, int* arrived) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) b[i] = 3 * a[i];
  grid_barrier(reinterpret_cast<u32*>(arrived), gridDim.x);
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) a[i] = b[n - 1 - i];
}
extern "C" __global__ void turn_round_without_barrier(int n, float* a, float* b, int* arrived) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) b[i] = 3 * a[i];
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) a[i] = b[n - 1 - i];
}
extern "C" __global__ void last_block(int n, float* result, float* parts, int* ticket, const float* b) {
  __shared__ bool last;
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const float all = block_sum<256>(i < n ? b[i] : 0);
  if (threadIdx.x == 0) {
    parts[blockIdx.x] = all;
    __threadfence();
    last = atomicAdd(ticket, 1) == gridDim.x - 1;
    __threadfence();
  }
  __syncthreads();
  if (last && threadIdx.x == 0)
    for (int k = 0; k < gridDim.x; ++k) *result += parts[k];
}

extern "C" __global__ void shift(int n, float* a) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i + 1 < n) a[i] = a[i + 1];
}
extern "C" __global__ void diverges(int n, float* a) {
  if (threadIdx.x < 40) __syncthreads();
  else a[threadIdx.x] = 1;
}
extern "C" __global__ void diverges_in_warp(int n, float* a) {
  if (threadIdx.x % 2) {
    __syncthreads();
  } else {
    a[threadIdx.x] = 1;
    __syncthreads();
  }
}
extern "C" __global__ void lanes_missing(int n, float* a) {
  if (threadIdx.x < 16) a[threadIdx.x] = __shfl_sync(0xffffffffu, 1.0f, 0);
  else __syncthreads();
}
extern "C" __global__ void endless(int n, float* a) {
  int k = threadIdx.x;
  while (k != -1) k = (k + 2) & 0xffff;
  a[0] = k;
}
extern "C" __global__ void traps(int n, float* a) {
  if (blockIdx.x == 1 && threadIdx.x == 3) __trap();
  a[blockIdx.x * blockDim.x + threadIdx.x] = 1;
}
extern "C" __global__ void waits_for_ever(int n, int* flag) {
  if (threadIdx.x == 0)
    while (load_acquire(reinterpret_cast<u32*>(flag)) == 0) pause();
  __syncthreads();
}
extern "C" __global__ void divides(int n, int* a) {
  a[threadIdx.x] = 100 / (n - (int)threadIdx.x);
}
extern "C" __global__ void overflows(int n, float* a) {
  volatile char room[100000];
  room[threadIdx.x] = 1;
  for (int i = 0; i < 100000; i += 1000) room[i] = 2;
  a[0] = room[n];
}
extern "C" __global__ void first_half(int n, float* a, float* b) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) a[i] = i;
}
extern "C" __global__ void second_half(int n, float* a, float* b) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  wait_for_previous();
  if (i < n) b[i] = a[n - 1 - i];
}
extern "C" __global__ void second_half_without_wait(int n, float* a, float* b) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) b[i] = a[n - 1 - i];
}
struct Gap {
  double value;
  int set;
};
extern "C" __global__ void gaps(int n, float* a) {
  __shared__ Gap gap[64];
  gap[threadIdx.x].value = threadIdx.x;
  gap[threadIdx.x].set = 1;
  __syncthreads();
  Gap other = gap[63 - threadIdx.x];
  const Gap* volatile at = &other;
  a[threadIdx.x] = at->value + at->set;
}
extern "C" __global__ void bytes(int n, float* a) {
  __shared__ unsigned char flag[64];
  flag[threadIdx.x] = threadIdx.x;
  __syncthreads();
  a[threadIdx.x] = flag[63 - threadIdx.x];
}
)";

Emulator& emulator() {
  static Emulator one(kKernels,
                      {"map",
                       "map_of_four",
                       "map_of_four_misaligned",
                       "map_past_end",
                       "map_before_begin",
                       "map_far_away",
                       "sum",
                       "sum_without_atomic",
                       "tree",
                       "tree_without_barrier",
                       "warp_exchange",
                       "warp_exchange_without_barrier",
                       "unwritten",
                       "past_shared",
                       "dynamic",
                       "compact",
                       "scan",
                       "scan_without_release",
                       "turn_round",
                       "turn_round_without_barrier",
                       "last_block",
                       "shift",
                       "diverges",
                       "diverges_in_warp",
                       "lanes_missing",
                       "endless",
                       "traps",
                       "waits_for_ever",
                       "divides",
                       "overflows",
                       "first_half",
                       "second_half",
                       "second_half_without_wait",
                       "gaps",
                       "bytes"},
                      emulator_options());
  return one;
}

struct Run {
  EmulationRequest request;
  std::vector<NamedValue> values;

  Run(const std::string& kernel, std::int64_t blocks, int threads, std::vector<NamedValue> given) : values(std::move(given)) {
    request.launches.push_back({kernel, blocks, threads, 0, false});
    give(request, values);
  }
  Emulation operator()(ThreadOrder order = ThreadOrder::forward) {
    request.order = order;
    return emulator().run(request);
  }
  template <class T>
  std::vector<T>& array(std::size_t i) {
    return std::get<std::vector<T>>(values[i].value);
  }
};

std::vector<float> numbers(int n) {
  std::vector<float> all(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) all[static_cast<std::size_t>(i)] = static_cast<float>((i * 37) % 101 - 50);
  return all;
}
std::vector<float> zeros(int n) { return std::vector<float>(static_cast<std::size_t>(n)); }

constexpr ThreadOrder kOrders[] = {ThreadOrder::forward, ThreadOrder::reverse, ThreadOrder::shuffled};

// The first of that kind, which is found whatever the order of the threads.
Fault found(Run run, FaultKind kind) {
  Fault first;
  for (const ThreadOrder order : kOrders) {
    Run again = run;
    again.request.buffers.clear(), again.request.arguments.clear();
    give(again.request, again.values);
    const Emulation emulation = again(order);
    const auto fault =
        std::find_if(emulation.faults.begin(), emulation.faults.end(), [&](const Fault& one) { return one.kind == kind; });
    REQUIRE_MESSAGE(fault != emulation.faults.end(),
                    fmt::format("{}: {}", again.request.launches[0].kernel, text_of(emulation)));
    if (order == ThreadOrder::forward) first = *fault;
  }
  CHECK(first.kernel == run.request.launches[0].kernel);
  return first;
}

}  // namespace

TEST_CASE("emulator: a map is right and clean, in little time") {
  constexpr int n = 32000;
  const auto b = numbers(n);
  emulator();
  for (const ThreadOrder order : kOrders) {
    Run run("map", (n + 255) / 256, 256, {{"n", n}, {"a", zeros(n)}, {"b", b}});
    const auto begin = std::chrono::steady_clock::now();
    const Emulation emulation = run(order);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    CHECK_MESSAGE(emulation.ok(), text_of(emulation));
    CHECK(emulation.steps >= n);
    CHECK(seconds < 2);
    MESSAGE("32000 elements: " << seconds * 1e3 << " ms");
    CHECK(std::equal(b.begin(), b.end(), run.array<float>(1).begin(), [](float x, float y) { return y == 2 * x + 1; }));
  }
}

TEST_CASE("emulator: right kernels are clean and compute, in every order") {
  for (const ThreadOrder order : kOrders) {
    CAPTURE(static_cast<int>(order));
    const auto clean = [&](Run& run) {
      const Emulation emulation = run(order);
      CHECK_MESSAGE(emulation.ok(), text_of(emulation));
    };
    constexpr int n = 5000;
    const auto b = numbers(n);
    {
      Run run("map_of_four", 5, 256, {{"n", n - 3}, {"a", zeros(n - 3)}, {"b", b}});
      clean(run);
      for (std::size_t i = 0; i < n - 3; ++i) REQUIRE(run.array<float>(1)[i] == b[i] + 1);
    }
    const float all = std::accumulate(b.begin(), b.end(), 0.0f);
    {
      Run run("sum", (n + 255) / 256, 256, {{"n", n}, {"result", zeros(1)}, {"b", b}});
      clean(run);
      CHECK(run.array<float>(1)[0] == all);
    }
    {
      Run run("last_block", (n + 255) / 256, 256,
              {{"n", n}, {"result", zeros(1)}, {"parts", zeros(20)}, {"ticket", std::vector<int>(1)}, {"b", b}});
      clean(run);
      CHECK(run.array<float>(1)[0] == all);
    }
    {
      Run run("tree", 1, 256, {{"n", 200}, {"result", zeros(1)}, {"b", b}});
      clean(run);
      CHECK(run.array<float>(1)[0] == std::accumulate(b.begin(), b.begin() + 200, 0.0f));
    }
    {
      Run run("warp_exchange", 1, 64, {{"n", 64}, {"a", zeros(64)}, {"b", numbers(64)}});
      clean(run);
      CHECK(run.array<float>(1)[6] == numbers(64)[7]);
    }
    {
      Run run("dynamic", 3, 96, {{"n", 96}, {"a", zeros(96)}, {"b", numbers(96)}});
      run.request.launches[0].blocks = 1, run.request.launches[0].shared_bytes = 96 * 4;
      clean(run);
      CHECK(run.array<float>(1)[1] == numbers(96)[94]);
    }
    {
      Run run("compact", (n + 255) / 256, 256, {{"n", n}, {"count", std::vector<int>(1)}, {"a", zeros(n)}, {"b", b}});
      clean(run);
      CHECK(run.array<int>(1)[0] == std::count_if(b.begin(), b.end(), [](float x) { return x > 0; }));
    }
    {
      Run run("scan", (n + 255) / 256, 256,
              {{"n", n}, {"a", zeros(n)}, {"b", b}, {"state", std::vector<int>(20)}, {"sums", zeros(20)}, {"upto", zeros(20)}});
      clean(run);
      float sum = 0;
      for (std::size_t i = 0; i < n; ++i) REQUIRE(run.array<float>(1)[i] == (sum += b[i]));
    }
    {
      Run run("turn_round", 8, 64, {{"n", n}, {"a", b}, {"b", zeros(n)}, {"arrived", std::vector<int>(1)}});
      clean(run);
      for (std::size_t i = 0; i < n; ++i) REQUIRE(run.array<float>(1)[i] == 3 * b[n - 1 - i]);
    }
    {
      Run run("first_half", 20, 256, {{"n", n}, {"a", zeros(n)}, {"b", zeros(n)}});
      run.request.launches.push_back({"second_half", 20, 256, 0, true});
      clean(run);
      CHECK(run.array<float>(2)[3] == n - 4);
    }
    {
      Run run("gaps", 1, 64, {{"n", n}, {"a", zeros(64)}});
      clean(run);
      CHECK(run.array<float>(1)[3] == 61);
    }
    {
      Run run("bytes", 1, 64, {{"n", n}, {"a", zeros(64)}});
      clean(run);
      CHECK(run.array<float>(1)[3] == 60);
    }
  }
}

TEST_CASE("emulator: planted faults are found and named") {
  constexpr int n = 1000;
  const auto b = numbers(n);
  Fault fault = found({"map_past_end", 4, 256, {{"n", n}, {"a", zeros(n)}, {"b", b}}}, FaultKind::out_of_bounds);
  CHECK(fault.array == "a");
  CHECK(fault.element == n);
  CHECK(fault.first.block == 3);
  CHECK(fault.first.thread == n - 3 * 256);
  CHECK(fault.first.access == ThreadPlace::Access::write);
  CHECK(fault.text == "out of bounds: kernel map_past_end, block 3 thread 232: it writes a[1000] of 1000 elements");

  fault = found({"map_before_begin", 4, 256, {{"n", n}, {"a", zeros(n)}, {"b", b}}}, FaultKind::out_of_bounds);
  CHECK(fault.array == "b");
  CHECK(fault.element == -1);
  CHECK(fault.first.access == ThreadPlace::Access::read);

  found({"map_far_away", 1, 256, {{"n", n}, {"a", zeros(n)}, {"b", b}}}, FaultKind::out_of_bounds);
  found({"map_of_four_misaligned", 1, 256, {{"n", n}, {"a", zeros(n)}, {"b", b}}}, FaultKind::misaligned);

  fault = found({"sum_without_atomic", 4, 256, {{"n", n}, {"result", zeros(1)}, {"b", b}}}, FaultKind::race);
  CHECK(fault.array == "result");
  CHECK(fault.first.block == 1);
  CHECK(fault.second.block == 0);

  fault = found({"tree_without_barrier", 1, 256, {{"n", n}, {"result", zeros(1)}, {"b", b}}}, FaultKind::race);
  CHECK(fault.array == "s");
  CHECK(fault.element == 0);

  fault = found({"warp_exchange_without_barrier", 1, 64, {{"n", 64}, {"a", zeros(64)}, {"b", numbers(64)}}}, FaultKind::race);
  CHECK(fault.array == "s");
  CHECK(fault.text.find("__syncwarp") != fault.text.npos);

  fault = found({"shift", 4, 256, {{"n", n}, {"a", b}}}, FaultKind::race);
  CHECK(fault.array == "a");

  fault = found({"unwritten", 1, 64, {{"n", 64}, {"a", zeros(64)}}}, FaultKind::uninitialised);
  CHECK(fault.array == "s");
  CHECK(fault.element == 32);
  fault = found({"past_shared", 1, 64, {{"n", 64}, {"a", zeros(64)}}}, FaultKind::out_of_bounds);
  CHECK(fault.element == 64);
  CHECK(fault.line > 0);
  fault = found({"dynamic", 1, 96, {{"n", 96}, {"a", zeros(96)}, {"b", numbers(96)}}}, FaultKind::out_of_bounds);
  CHECK(fault.array == "dynamic shared memory");

  found({"scan_without_release",
         4,
         256,
         {{"n", n}, {"a", zeros(n)}, {"b", b}, {"state", std::vector<int>(20)}, {"sums", zeros(20)}, {"upto", zeros(20)}}},
        FaultKind::race);
  found({"turn_round_without_barrier", 4, 64, {{"n", n}, {"a", b}, {"b", zeros(n)}, {"arrived", std::vector<int>(1)}}},
        FaultKind::race);

  fault = found({"diverges", 1, 64, {{"n", n}, {"a", zeros(64)}}}, FaultKind::divergence);
  CHECK(fault.line > 0);
  found({"diverges_in_warp", 1, 64, {{"n", n}, {"a", zeros(64)}}}, FaultKind::divergence);
  found({"lanes_missing", 1, 32, {{"n", n}, {"a", zeros(64)}}}, FaultKind::divergence);
  found({"endless", 1, 32, {{"n", n}, {"a", zeros(64)}}}, FaultKind::steps);
  fault = found({"traps", 2, 32, {{"n", n}, {"a", zeros(64)}}}, FaultKind::trap);
  CHECK(fault.first.block == 1);
  CHECK(fault.first.thread == 3);
  fault = found({"waits_for_ever", 2, 32, {{"n", n}, {"flag", std::vector<int>(1)}}}, FaultKind::deadlock);
  CHECK(fault.first.thread == 0);
  fault = found({"divides", 1, 32, {{"n", 7}, {"a", std::vector<int>(32)}}}, FaultKind::crash);
  CHECK(fault.first.thread == 7);
  found({"overflows", 1, 1, {{"n", 7}, {"a", zeros(1)}}}, FaultKind::crash);

  Run launches("first_half", 4, 256, {{"n", n}, {"a", zeros(n)}, {"b", zeros(n)}});
  launches.request.launches.push_back({"second_half_without_wait", 4, 256, 0, true});
  const Emulation emulation = launches();
  REQUIRE(!emulation.ok());
  CHECK(emulation.faults[0].text.find("without wait_for_previous()") != std::string::npos);
}

TEST_CASE("emulator: a grid barrier of more blocks than run at once is a deadlock") {
  Run run("turn_round", 8, 64, {{"n", 1000}, {"a", numbers(1000)}, {"b", zeros(1000)}, {"arrived", std::vector<int>(1)}});
  run.request.resident_blocks = 7;
  const Emulation emulation = run();
  REQUIRE(!emulation.ok());
  CHECK_MESSAGE(emulation.faults[0].kind == FaultKind::deadlock, text_of(emulation));
}

TEST_CASE("emulator: as many threads may wait as it has stacks for") {
  for (const int blocks : {31, 32}) {
    Run run("turn_round", blocks, 1024,
            {{"n", 1000}, {"a", numbers(1000)}, {"b", zeros(1000)}, {"arrived", std::vector<int>(1)}});
    const Emulation emulation = run();
    CHECK_MESSAGE(emulation.ok() == (blocks == 31), text_of(emulation));
    if (blocks == 32) CHECK_MESSAGE(emulation.faults[0].kind == FaultKind::deadlock, text_of(emulation));
  }
}

TEST_CASE("emulator: after a crash and after a deadline it goes on") {
  Run endless("endless", 1, 32, {{"n", 1}, {"a", zeros(64)}});
  endless.request.steps = std::int64_t{1} << 60, endless.request.seconds = 0.3;
  const Emulation ended = endless();
  REQUIRE(!ended.ok());
  CHECK(ended.faults[0].kind == FaultKind::steps);
  Run run("map", 4, 256, {{"n", 1000}, {"a", zeros(1000)}, {"b", numbers(1000)}});
  const Emulation emulation = run();
  CHECK_MESSAGE(emulation.ok(), text_of(emulation));
  CHECK(run.array<float>(1)[999] == 2 * numbers(1000)[999] + 1);
}

TEST_CASE("emulator: what cannot be run is refused in words") {
  Run wrong_count("map", 1, 32, {{"n", 1}, {"a", zeros(1)}});
  CHECK_THROWS_WITH_AS(wrong_count(), "kernel 'map' takes 3 arguments, not 2", Error);
  Run wrong_type("map", 1, 32, {{"n", 1LL}, {"a", zeros(1)}, {"b", zeros(1)}});
  CHECK_THROWS_WITH_AS(wrong_type(), doctest::Contains("argument 1 of kernel 'map' is a scalar of 4 bytes, not a long long"),
                       Error);
  Run no_kernel("mop", 1, 32, {});
  CHECK_THROWS_WITH_AS(no_kernel(), "the text has no kernel 'mop'", Error);
  Run too_many("map", 1, 2048, {{"n", 1}, {"a", zeros(1)}, {"b", zeros(1)}});
  CHECK_THROWS_WITH_AS(too_many(), doctest::Contains("a block of 2048 threads"), Error);

  const auto compile = [](const std::string& text, EmulatorOptions options = emulator_options()) {
    Emulator(text, {"k"}, options);
  };
  CHECK_THROWS_WITH_AS(compile("extern \"C\" __global__ void k(float* a) {\n  a[0] = b;\n}"),
                       doctest::Contains("kernel:2:10: error: "), Error);
  CHECK_THROWS_WITH_AS(compile("int counter;\nextern \"C\" __global__ void k(float* a) { a[0] = counter++; }"),
                       doctest::Contains("'counter' is a variable outside of kernels"), Error);
  CHECK_THROWS_WITH_AS(compile("extern \"C\" int system(const char*);\nextern \"C\" void nowhere();\nextern \"C\" __global__ "
                               "void k(float* a) { nowhere(); }"),
                       doctest::Contains("nowhere"), Error);
  EmulatorOptions options = emulator_options();
  options.compiler = "no-such-compiler";
  CHECK_THROWS_WITH_AS(compile("", options), "there is no C++ compiler 'no-such-compiler'", Error);
  options = emulator_options();
  const std::string path = std::getenv("PATH"), chosen = std::getenv("CXX") ? std::getenv("CXX") : "";
  ::setenv("PATH", "/nowhere", 1), ::unsetenv("CXX");
  read_environment();
  CHECK_THROWS_WITH_AS(compile("", options), doctest::Contains("none of g++, clang++, c++ is on the path; install one"), Error);
  ::setenv("PATH", path.c_str(), 1);
  if (!chosen.empty()) ::setenv("CXX", chosen.c_str(), 1);
  read_environment();
  options.worker = "/nowhere/ak-worker";
  CHECK_THROWS_WITH_AS(compile("", options), doctest::Contains("/nowhere/ak-worker"), Error);
}

TEST_CASE("emulator: what runs when a kernel's object is loaded reads libraries and its own folder, and writes nothing") {
  if (!missing_from_box().empty()) return;
  const std::string file = (std::filesystem::temp_directory_path() / fmt::format("ak-test-written-{}", ::getpid())).string();
  // What the object's constructor could do; the instrumentation has no table yet.
  Emulator one(
      fmt::format("#define BARE __attribute__((no_sanitize_thread))\n"
                  "extern \"C\" {{ int open(const char*, int, ...); }}\n"
                  "extern int ak_could[3] __asm__(\"ak_could\");\nint ak_could[3];\n"
                  "__attribute__((constructor)) BARE static void begin() {{\n"
                  "  ak_could[0] = open(\"/etc/passwd\", 0) >= 0; ak_could[1] = open(\"{}\", 0101, 0600) >= 0;\n"
                  "  ak_could[2] = open(\"/etc/ld.so.cache\", 0) >= 0;\n"
                  "}}\n"
                  "extern \"C\" __global__ BARE void k(int* a) {{ a[0] = ak_could[0]; a[1] = ak_could[1]; a[2] = ak_could[2]; "
                  "}}\n",
                  file),
      {"k"}, emulator_options());
  std::vector<NamedValue> values = {{"a", std::vector<int>(3, 9)}};
  EmulationRequest request;
  request.launches.push_back({"k", 1, 1, 0, false});
  give(request, values);
  const Emulation emulation = one.run(request);
  CHECK_MESSAGE(emulation.ok(), text_of(emulation));
  CHECK(std::get<std::vector<int>>(values[0].value) ==
        std::vector<int>{0, 0, std::filesystem::exists("/etc/ld.so.cache") ? 1 : 0});
  CHECK(!std::filesystem::exists(file));
}

TEST_CASE("emulator: a text that keeps the compiler busy is refused at its deadline") {
  EmulatorOptions options = emulator_options();
  options.seconds = 1;
  const auto begin = std::chrono::steady_clock::now();
  CHECK_THROWS_WITH_AS(
      Emulator("template <int a, int b> struct T { enum { v = T<a - 1, b>::v + T<a - 1, b + (1 << a)>::v }; };\n"
               "template <int b> struct T<0, b> { enum { v = 1 }; };\n"
               "extern \"C\" __global__ void k(int* a) { a[0] = T<24, 0>::v; }",
               {"k"}, options),
      doctest::Contains("not compiled within 1 s"), Error);
  CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < 20);
}
