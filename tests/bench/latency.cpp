// What the library costs the host: the first call of this process, and a hot call against a bare launch of the same kernel.
//
//   ak_latency M N K [activation]     one CSV line; latency.sh runs it for ten problems, in fresh processes
//   ak_latency driver                 what each question to the driver costs that a hot call may ask
//
// first_s is the wall time of the first ak::matmul_act until its kernel is enqueued, the CUDA context being there already:
// a search, a hit of the store, or a hit of the shipped pack, compiled and proven here. All others are medians of rounds in
// which each has its turn, a call at a time: bare_us, the bare launch; hot_us, the one-line call; plan_us, the same by an
// ak::Plan; moving_us, hot_us with x elsewhere each time, in 256 places; turn_us and turn_plan_us, 256 layers of one shape in
// turn, as a model's, each with x, w and y of its own, and a plan of its own.
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ak/ak.hpp"
#include "api/arguments.hpp"
#include "base/clock.hpp"
#include "base/csv.hpp"
#include "base/library.hpp"
#include "base/own_memory.hpp"
#include "context/context.hpp"
#include "core/activation.hpp"
#include "families/family.hpp"
#include "gpu/device.hpp"
#include "gpu/driver.hpp"
#include "gpu/owners.hpp"
#include "gpu/pointer_place.hpp"
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
  // The function that hot calls launch: changing between two costs the driver something.
  bare->plan = std::make_unique<KernelPlan>(resources(), resources().module(*cubin), call.problem, record->tactic, g);
  bare->args = kernel_args(call.args);
  if (g.workspace_bytes > 0) {
    bare->workspace = Buffer::make(static_cast<std::size_t>(g.workspace_bytes));
    check(driver().cuMemsetD8Async(bare->workspace.get(), 0, static_cast<std::size_t>(g.workspace_bytes), stream),
          "zeroing scratch");
    bare->args.workspace = bare->workspace.data();
  }
  bare->parameters[0] = &bare->args;
  for (int i = 0; i < g.map_count; ++i) {
    if (uses(g.maps[i], call.problem.m))
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

// Where memory lies: what is asked of it now, and what else might be; what the driver answers is not looked at.
template <class Print>
void print_places(const Print& print, void* device) {
  constexpr std::size_t kBytes = 1 << 20;
  struct Unmap {
    void operator()(void* pages) const { munmap(pages, kBytes); }
  };
  void* const pages = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw Error(ErrorCode::out_of_memory, "mapping an array");
  const std::unique_ptr<void, Unmap> mapped(pages);
  std::memset(pages, 0, kBytes);
  void* pinned_pages = nullptr;
  check(driver().cuMemAllocHost(&pinned_pages, kBytes), "allocating pinned memory");
  const auto unpin = [](void* pinned) { driver().cuMemFreeHost(pinned); };
  const std::unique_ptr<void, decltype(unpin)> pinned(pinned_pages, unpin);
  const std::vector<float> heap(100);
  static float in_program[100];
  const float on_stack = 1;
  const std::pair<const char*, const void*> own[] = {{"the heap", heap.data()},
                                                     {"the program", in_program},
                                                     {"the stack", &on_stack},
                                                     {"a library", stdout},
                                                     {"mapped", pages}};
  for (const auto& [where, pointer] : own)
    print(fmt::format("in_own_memory, {}", where), [at = pointer] { return in_own_memory(at), CUDA_SUCCESS; });

  const SharedLibrary library{"the CUDA driver", {"libcuda.so.1"}};
  const auto one = reinterpret_cast<decltype(&::cuPointerGetAttribute)>(library.try_symbol("cuPointerGetAttribute"));
  const auto range = reinterpret_cast<decltype(&::cuMemGetAddressRange)>(library.try_symbol("cuMemGetAddressRange_v2"));
  const auto flags = reinterpret_cast<decltype(&::cuMemHostGetFlags)>(library.try_symbol("cuMemHostGetFlags"));
  const std::pair<const char*, std::vector<CUpointer_attribute>> sets[] = {
      {"type", {CU_POINTER_ATTRIBUTE_MEMORY_TYPE}},
      {"number", {CU_POINTER_ATTRIBUTE_BUFFER_ID}},
      {"managed", {CU_POINTER_ATTRIBUTE_IS_MANAGED}},
      {"device", {CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL}},
      {"mapped", {CU_POINTER_ATTRIBUTE_MAPPED}},
      {"size", {CU_POINTER_ATTRIBUTE_RANGE_SIZE}},
      {"type, managed", {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_IS_MANAGED}},
      {"type, number", {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_BUFFER_ID}}};
  const std::pair<const char*, const void*> places[] = {
      {"mapped host memory", pages}, {"pinned host memory", pinned_pages}, {"device memory", device}};
  for (const auto& [where, pointer] : places) {
    const auto at = reinterpret_cast<CUdeviceptr>(pointer);
    print(fmt::format("where {} lies (a loop's array)", where), [&] { return place_of(pointer), CUDA_SUCCESS; });
    print(fmt::format("where {} lies (alpha)", where), [&] { return in_device_memory(pointer), CUDA_SUCCESS; });
    std::uint64_t values[2] = {};
    void* into[] = {&values[0], &values[1]};
    for (const auto& [what, set] : sets) {
      std::vector<CUpointer_attribute> which = set;
      print(fmt::format("cuPointerGetAttributes {}, {}", what, where), [&] {
        return driver().cuPointerGetAttributes(static_cast<unsigned>(which.size()), which.data(), into, at), CUDA_SUCCESS;
      });
    }
    if (one)
      print(fmt::format("cuPointerGetAttribute type, {}", where),
            [&] { return one(values, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, at), CUDA_SUCCESS; });
    CUdeviceptr base = 0;
    std::size_t bytes = 0;
    if (range) print(fmt::format("cuMemGetAddressRange, {}", where), [&] { return range(&base, &bytes, at), CUDA_SUCCESS; });
    unsigned bits = 0;
    if (flags)
      print(fmt::format("cuMemHostGetFlags, {}", where),
            [&] { return flags(&bits, const_cast<void*>(pointer)), CUDA_SUCCESS; });
  }
}

// What hot calls ask the driver, each alone.
void run_driver() {
  current_context();
  const OwnedStream stream = OwnedStream::make();
  const Buffer device = Buffer::make(2 * 4096 * 4096);
  const auto print = [](const std::string& what, auto&& ask) {
    std::vector<double> ns;
    for (int round = 0; round < kRounds; ++round) {
      const auto from = Clock::now();
      for (int i = 0; i < kLaunches; ++i) check(ask(), what.c_str());
      ns.push_back(seconds_since(from) / kLaunches * 1e9);
    }
    fmt::print("{}: {:.0f} ns\n", what, median(ns));
  };
  const Driver& cuda = driver();
  CUcontext context = nullptr;
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  CUgraph graph = nullptr;
  cuuint64_t capture = 0;
  unsigned long long number = 0;
  print("cuCtxGetCurrent", [&] { return cuda.cuCtxGetCurrent(&context); });
  print("cuCtxGetId", [&] { return cuda.cuCtxGetId(nullptr, &number); });
  print("cuStreamIsCapturing", [&] { return cuda.cuStreamIsCapturing(stream.get(), &status); });
  print("cuStreamGetCaptureInfo",
        [&] { return cuda.cuStreamGetCaptureInfo(stream.get(), &status, &capture, &graph, nullptr, nullptr, nullptr); });
  print("cuStreamGetId", [&] { return cuda.cuStreamGetId(stream.get(), &number); });
  TensorMapShape shape{device.data(), DType::bf16, {4096, 4096}, 8192, {64, 64}, 128};
  CUtensorMap map = encode_tensor_map(shape);
  print("cuTensorMapEncodeTiled", [&] { return map = encode_tensor_map(shape), CUDA_SUCCESS; });
  const SharedLibrary library{"the CUDA driver", {"libcuda.so.1"}};
  if (const auto replace =
          reinterpret_cast<decltype(&::cuTensorMapReplaceAddress)>(library.try_symbol("cuTensorMapReplaceAddress")))
    print("cuTensorMapReplaceAddress", [&] { return replace(&map, device.data()); });
  print_places(print, device.data());
  const Event event = Event::make(Event::Timing::off);
  event.record(stream.get());
  stream.synchronize();
  print("cuStreamQuery, idle", [&] { return cuda.cuStreamQuery(stream.get()); });
  print("cuStreamQuery, the default stream", [&] { return cuda.cuStreamQuery(nullptr); });
  print("cuStreamQuery, the thread's default stream", [&] { return cuda.cuStreamQuery(CU_STREAM_PER_THREAD); });
  print("cuStreamSynchronize, idle", [&] { return cuda.cuStreamSynchronize(stream.get()); });
  check(cuda.cuMemsetD8Async(device.get(), 0, 4096, stream.get()), "clearing");
  stream.synchronize();
  print("cuStreamQuery, idle behind a kernel", [&] { return cuda.cuStreamQuery(stream.get()); });
  print("cuStreamSynchronize, idle behind a kernel", [&] { return cuda.cuStreamSynchronize(stream.get()); });
  event.record(stream.get());
  stream.synchronize();
  print("cuStreamQuery, idle behind a kernel and an event", [&] { return cuda.cuStreamQuery(stream.get()); });
  print("cuEventQuery, done", [&] { return cuda.cuEventQuery(event.get()); });
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  print("cuThreadExchangeStreamCaptureMode", [&] { return cuda.cuThreadExchangeStreamCaptureMode(&mode); });
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
  constexpr std::int64_t kPlaces = 256, kApart = 128;  // of operands, in elements
  const auto places = [&](std::int64_t count) { return elements(count + kPlaces * kApart); };
  const Buffer a = places(m * k), b = places(n * k), bias = elements(n), d = places(m * n);
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
  const Counters spent = context.counters();  // a plan asks the store for its bucket too
  stream.synchronize();

  const auto bare = bare_launch(context, canonicalize(x, w, y, epilogue), stream.get());
  Plan plan = context.plan(x, w, y, epilogue);
  std::vector<Plan> plans(kPlaces, plan);
  std::int64_t calls = 0;
  const auto there = [&](auto matrix, std::int64_t place) {
    matrix.data = reinterpret_cast<decltype(matrix.data)>(reinterpret_cast<std::uintptr_t>(matrix.data) +
                                                          2 * kApart * static_cast<std::uintptr_t>(place));
    return matrix;
  };
  struct Arm {
    std::function<void()> enqueue;
    std::vector<double> us;
  };
  Arm hot{[&] { context.matmul_act(stream.get(), x, w, y, epilogue); }, {}};
  Arm by_plan{[&] { plan(stream.get(), x, w, y, epilogue); }, {}};
  Arm moving{[&] { context.matmul_act(stream.get(), there(x, ++calls % kPlaces), w, y, epilogue); }, {}};
  Arm turn{[&, layer = std::int64_t{0}]() mutable {
             layer = (layer + 1) % kPlaces;
             context.matmul_act(stream.get(), there(x, layer), there(w, layer), there(y, layer), epilogue);
           },
           {}};
  Arm turn_plan{[&, layer = std::int64_t{0}]() mutable {
                  layer = (layer + 1) % kPlaces;
                  plans[static_cast<std::size_t>(layer)](stream.get(), there(x, layer), there(w, layer), there(y, layer),
                                                         epilogue);
                },
                {}};
  Arm launch{[&] { (*bare)(); }, {}};
  std::vector<Arm*> arms{&hot, &by_plan, &moving, &turn, &turn_plan};
  if (bare) arms.push_back(&launch);
  for (int round = 0; round < kRounds; ++round) {
    std::ranges::rotate(arms, arms.begin() + 1);  // none is always the first after a certain other
    for (Arm* arm : arms) {
      const auto from = Clock::now();
      for (int i = 0; i < kLaunches; ++i) arm->enqueue();
      arm->us.push_back(seconds_since(from) / kLaunches * 1e6);
      stream.synchronize();
    }
  }
  const Explanation e = context.explain(x, w, y, epilogue);
  fmt::print("{},{},{},{},{},{:.5f},{},{},{:.3f},{},{},{:.3f},{:.3f},{:.3f},{:.3f}\n", m, n, k, csv_field(name(*activation)),
             spent.store_hits  ? "hit"
             : spent.pack_hits ? "pack"
                               : "search",
             first_s, spent.trials, spent.compiles, median(hot.us), bare ? fmt::format("{:.3f}", median(launch.us)) : "",
             csv_field(e.served_by), median(by_plan.us), median(moving.us), median(turn.us), median(turn_plan.us));
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const bool questions = count == 2 && std::strcmp(words[1], "driver") == 0;
  if (count < 4 && !questions) {
    fmt::print(stderr, "usage: ak_latency M N K [activation]\n       ak_latency driver\n");
    return 2;
  }
  try {
    if (questions) return run_driver(), 0;
    return run(count, words);
  } catch (const Error& error) {
    fmt::print(stderr, "ak_latency: {}\n", error.what());
    return 1;
  }
}
