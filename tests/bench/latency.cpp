// What the library costs the host: the first call of this process, and a hot call against a bare launch of the same kernel.
//
//   ak_latency M N K [activation]     one CSV line; latency.sh runs it for ten problems, in fresh processes
//   ak_latency pointer                what it costs a cuBLAS-shaped call to ask the driver where alpha lies
//
// first_s is the wall time of the first ak::matmul_act until its kernel is enqueued, the CUDA context being there already:
// a search, a hit of the store, or a hit of the shipped pack, compiled and proven here. hot_us, plan_us (the same call by an
// ak::Plan) and bare_us are medians of interleaved rounds.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "ak/ak.hpp"
#include "api/arguments.hpp"
#include "base/clock.hpp"
#include "base/csv.hpp"
#include "context/context.hpp"
#include "core/activation.hpp"
#include "families/family.hpp"
#include "gpu/device.hpp"
#include "gpu/driver.hpp"
#include "gpu/owners.hpp"
#include "gpu/scalar.hpp"
#include "plan/kernel_plan.hpp"
#include "plan/resources.hpp"

using namespace ak;

namespace {

constexpr int kRounds = 60, kLaunches = 50;  // few enough for the launch queue to take them all without waiting

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// The same launch with everything prepared, straight to the driver; empty for a vendor plan.
struct BareLaunch {
  std::unique_ptr<KernelPlan> plan;
  Buffer workspace;
  KernelArgs args;
  CUtensorMap maps[3];
  void* parameters[4];
  CUlaunchAttribute attributes[2]{};
  CUlaunchConfig config{};

  void operator()() { check(driver().cuLaunchKernelEx(&config, plan->function(), parameters, nullptr), "a bare launch"); }
};

std::unique_ptr<BareLaunch> bare_launch(Context& context, const CanonicalCall& call, CUstream stream) {
  auto& store = context.impl().store();
  const auto record = store.find(call.problem, context.impl().hardware());
  if (!record || record->tactic.family == FamilyId::vendor) return nullptr;
  const auto cubin = store.cubin(record->cubin);
  if (!cubin) return nullptr;
  auto bare = std::make_unique<BareLaunch>();
  const Geometry g = family(record->tactic.family).geometry(record->problem, record->tactic, context.impl().device());
  bare->plan = std::make_unique<KernelPlan>(resources(), cubin->data(), call.problem, record->tactic, g);
  bare->args = kernel_args(call.args);
  if (g.workspace_bytes > 0) {
    bare->workspace = Buffer::make(static_cast<std::size_t>(g.workspace_bytes));
    check(driver().cuMemsetD8Async(bare->workspace.get(), 0, static_cast<std::size_t>(g.workspace_bytes), stream),
          "zeroing scratch");
    bare->args.workspace = bare->workspace.data();
  }
  bare->parameters[0] = &bare->args;
  for (int i = 0; i < g.map_count; ++i) {
    bare->maps[i] = encode_tensor_map(tensor_map_shape(g.maps[i], call.problem, call.args, bare->args.workspace));
    bare->parameters[1 + i] = &bare->maps[i];
  }
  CUlaunchConfig& config = bare->config;
  config.gridDimX = g.grid[0], config.gridDimY = g.grid[1], config.gridDimZ = g.grid[2];
  config.blockDimX = g.threads, config.blockDimY = 1, config.blockDimZ = 1;
  config.sharedMemBytes = g.smem_bytes, config.hStream = stream;
  config.attrs = bare->attributes;
  if (g.cluster != std::array<std::uint32_t, 3>{1, 1, 1}) {
    auto& cluster = bare->attributes[config.numAttrs++];
    cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    cluster.value.clusterDim = {g.cluster[0], g.cluster[1], g.cluster[2]};
  }
  if (resources().facts().compute_major >= 9) {
    auto& serialization = bare->attributes[config.numAttrs++];
    serialization.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
    serialization.value.programmaticStreamSerializationAllowed = 1;
  }
  return bare;
}

void run_pointer() {
  current_context();
  const Buffer device = Buffer::make(4);
  const float host = 1;
  for (const auto& [where, pointer] : {std::pair("on the host", static_cast<const void*>(&host)),
                                       std::pair("in device memory", static_cast<const void*>(device.data()))}) {
    std::vector<double> us;
    for (int round = 0; round < kRounds; ++round) {
      const auto from = Clock::now();
      for (int i = 0; i < kLaunches; ++i)
        if (in_device_memory(pointer) != (pointer != &host)) throw Error(ErrorCode::internal, "a pointer is not told right");
      us.push_back(seconds_since(from) / kLaunches * 1e6);
    }
    fmt::print("alpha {}: {:.3f} us to ask the driver\n", where, median(us));
  }
}

std::int64_t size_argument(const char* text) {
  std::int64_t value = 0;
  const char* end = text + std::strlen(text);
  if (const auto parsed = std::from_chars(text, end, value); parsed.ec == std::errc() && parsed.ptr == end && value > 0)
    return value;
  fmt::print(stderr, "ak_latency: '{}' is not a size\n", text);
  std::exit(2);
}

int run(int count, char** words) {
  const std::int64_t m = size_argument(words[1]), n = size_argument(words[2]), k = size_argument(words[3]);
  const auto activation = parse_activation(count > 4 ? words[4] : "silu");
  if (!activation) {
    fmt::print(stderr, "ak_latency: '{}' is not an activation\n", words[4]);
    return 2;
  }
  current_context();
  const auto elements = [](std::int64_t count) { return Buffer::make(static_cast<std::size_t>(count) * 2); };
  const Buffer a = elements(m * k), b = elements(n * k), bias = elements(n), d = elements(m * n);
  const OwnedStream stream = OwnedStream::make();
  const ConstMatrix x{a.data(), m, k, k, DType::bf16, Order::row}, w{b.data(), k, n, k, DType::bf16, Order::col};
  const Matrix y{d.data(), m, n, n, DType::bf16, Order::row};
  Epilogue epilogue;
  epilogue.activation = *activation;
  epilogue.bias = bias.data();

  const auto start = Clock::now();
  Context context;
  context.matmul_act(stream.get(), x, w, y, epilogue);
  const double first_s = seconds_since(start);
  stream.synchronize();

  const auto bare = bare_launch(context, canonicalize(x, w, y, epilogue), stream.get());
  Plan plan = context.plan(x, w, y, epilogue);
  std::vector<double> hot_us, plan_us, bare_us;
  const auto time = [&](std::vector<double>& into, const std::function<void()>& enqueue) {
    const auto from = Clock::now();
    for (int i = 0; i < kLaunches; ++i) enqueue();
    into.push_back(seconds_since(from) / kLaunches * 1e6);
    stream.synchronize();
  };
  for (int round = 0; round < kRounds; ++round) {
    time(hot_us, [&] { context.matmul_act(stream.get(), x, w, y, epilogue); });
    time(plan_us, [&] { plan(stream.get(), x, w, y, epilogue); });
    if (bare) time(bare_us, [&] { (*bare)(); });
  }
  const Counters spent = context.counters();
  const Explanation e = context.explain(x, w, y, epilogue);
  fmt::print("{},{},{},{},{},{:.5f},{},{},{:.3f},{},{},{:.3f}\n", m, n, k, csv_field(name(*activation)),
             spent.store_hits  ? "hit"
             : spent.pack_hits ? "pack"
                               : "search",
             first_s, spent.trials, spent.compiles, median(hot_us), bare ? fmt::format("{:.3f}", median(bare_us)) : "",
             e.served_by, median(plan_us));
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const bool pointer = count == 2 && std::strcmp(words[1], "pointer") == 0;
  if (count < 4 && !pointer) {
    fmt::print(stderr, "usage: ak_latency M N K [activation]\n       ak_latency pointer\n");
    return 2;
  }
  try {
    if (pointer) return run_pointer(), 0;
    return run(count, words);
  } catch (const Error& error) {
    fmt::print(stderr, "ak_latency: {}\n", error.what());
    return 1;
  }
}
