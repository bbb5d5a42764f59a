// What the library costs the host at a loop: the first call of this process, and a hot call against a bare launch of the same
// kernel.
//
//   ak_loop_latency FILE N     one CSV line for smooth(int n, float* out, const float* in) of that file
//
//   n,first_s,hot_us,moving_us,bare_us,template,c_us,heap_us,static_us,stack_us,mapped_us,moving_mapped_us,promised_us,
//   moving_promised_us,unordered_us,default_stream_us,asked_us
//
// first_s is the wall time of the first call until its kernel is enqueued, the CUDA context being there already. All others are
// medians of interleaved rounds: hot_us (equal arguments), moving_us (another array each time, of 64), bare_us. Then host
// arrays of four elements: c_us is the C function called alone, what follows how much more a call takes that it serves, by
// where the arrays lie: on the heap, static, on the stack, mapped; mapped, and promised to be the host's; also promised to be
// untouched by what is on the stream. moving: another place each time; default_stream_us: mapped_us on the default stream;
// asked_us: the C function alone behind a bare cuStreamQuery.
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "ak/loop.hpp"
#include "base/clock.hpp"
#include "cache/store.hpp"
#include "context/context.hpp"
#include "gpu/device.hpp"
#include "gpu/owners.hpp"
#include "loop/winner.hpp"

using namespace ak;

namespace {

constexpr int kRounds = 60, kLaunches = 50;  // few enough for the launch queue to take them all without waiting

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

void smooth(int n, float* out, const float* in) {
  for (int i = 0; i < n; ++i) out[i] = 0.5f * (in[i] + in[i + 1]);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) return 2;
  const int n = std::atoi(argv[2]);
  current_context();
  const OwnedStream stream = OwnedStream::make();
  constexpr int kArrays = 64;
  std::vector<Buffer> outs;
  for (int i = 0; i < kArrays; ++i) outs.push_back(Buffer::make(sizeof(float) * static_cast<std::size_t>(n)));
  const Buffer in = Buffer::make(sizeof(float) * (static_cast<std::size_t>(n) + 1));
  check(driver().cuMemsetD8Async(in.get(), 0, in.bytes(), stream.get()), "clearing");
  stream.synchronize();

  Context context;
  const Loop loop = context.loop(argv[1], "smooth", LoopHost(&smooth));
  const float* const source = in.data<const float>();
  const auto start = Clock::now();
  loop(stream.get(), n, outs[0].data<float>(), source);
  const double first_s = seconds_since(start);
  stream.synchronize();

  // The kernel that serves this size, launched as a program of its own would.
  const loop::Values values{{"n", n}};
  std::optional<loop::Winner> winner;
  std::string image;
  context.impl().store().for_each_work(loop::kLoop, [&](const WorkRecord& record) {
    if (!record.key.starts_with("smooth ")) return;
    winner = loop::read_winner(record.text);
    const auto images = loop::unpack_images(record.local);
    const loop::SizeRow* nearest = nullptr;
    for (const loop::SizeRow& row : winner->sizes)
      if (!nearest || std::abs(row.size - n) < std::abs(nearest->size - n)) nearest = &row;
    if (nearest && images)
      image = (*images)[static_cast<std::size_t>(nearest->kernel)],
      winner->kernels = {winner->kernels[static_cast<std::size_t>(nearest->kernel)]};
  });
  if (image.empty())
    throw Error(ErrorCode::internal, "no record of it: " + loop.explain(n, outs[0].data<float>(), source).note);
  const Module module = Module::load(image.data());
  const loop::Launch& launch = winner->kernels[0].launches[0];
  const CUfunction function = module.find(launch.kernel.c_str());
  int count = n;
  CUdeviceptr out = outs[0].get(), from = in.get();
  void* parameters[] = {&count, &out, &from};
  CUlaunchConfig config{};
  auto blocks = values;
  blocks[loop::kSms] = device_facts().sm_count;
  config.gridDimX = static_cast<unsigned>(loop::evaluate(launch.blocks, blocks).value_or(1)),
  config.gridDimY = config.gridDimZ = 1;
  config.blockDimX = static_cast<unsigned>(launch.threads), config.blockDimY = config.blockDimZ = 1;
  config.hStream = stream.get();

  LoopOptions options;
  options.residency = LoopResidency::host;
  const Loop promised = context.loop(argv[1], "smooth", LoopHost(&smooth), options);
  options.unordered = true;
  const Loop unordered = context.loop(argv[1], "smooth", LoopHost(&smooth), options);
  constexpr int kFew = 4, kOf = kFew + 1;
  const std::size_t mapped_bytes = sizeof(float) * 2 * kArrays * kOf;
  void* const pages = mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw Error(ErrorCode::out_of_memory, "mapping arrays");
  float* const mapped = static_cast<float*>(pages);
  std::vector<float> heap(2 * kOf);
  static float in_program[2 * kOf];
  float on_stack[2 * kOf] = {};
  void (*volatile alone)(int, float*, const float*) = &smooth;
  const auto host = [&](const Loop& by, CUstream on, float* arrays, int) {
    by(on, kFew, arrays, static_cast<const float*>(arrays + kOf));
  };
  const auto moved = [&](const Loop& by, CUstream on, float* arrays, int i) {
    host(by, on, arrays + static_cast<std::ptrdiff_t>(2 * kOf) * (i % kArrays), i);
  };

  struct Arm {
    std::function<void(int i)> call;
    std::vector<double> us = {};
  };
  const CUstream on = stream.get();
  std::vector<Arm> arms;
  const auto arm = [&](std::function<void(int i)> call) { arms.push_back({std::move(call)}); };
  arm([&](int) { loop(on, n, outs[0].data<float>(), source); });
  arm([&](int i) { loop(on, n, outs[static_cast<std::size_t>(i) % kArrays].data<float>(), source); });
  arm([&](int) { check(driver().cuLaunchKernelEx(&config, function, parameters, nullptr), "launching"); });
  const std::size_t c = arms.size();
  arm([&](int) { alone(kFew, mapped, mapped + kOf); });
  for (float* const arrays : {heap.data(), in_program, on_stack, mapped})
    arm([&, arrays](int i) { host(loop, on, arrays, i); });
  arm([&](int i) { moved(loop, on, mapped, i); });
  arm([&](int i) { host(promised, on, mapped, i); });
  arm([&](int i) { moved(promised, on, mapped, i); });
  arm([&](int i) { host(unordered, on, mapped, i); });
  arm([&](int i) { host(loop, nullptr, mapped, i); });
  arm([&](int) { check(driver().cuStreamQuery(on), "asking the stream"), alone(kFew, mapped, mapped + kOf); });
  for (int round = 0; round < kRounds; ++round)
    for (std::size_t i = 0; i < arms.size(); ++i) {
      Arm& each = arms[(i + static_cast<std::size_t>(round)) % arms.size()];  // none is always the first after a certain other
      each.call(round);
      stream.synchronize();
      const auto begin = Clock::now();
      for (int j = 0; j < kLaunches; ++j) each.call(j + round);
      each.us.push_back(seconds_since(begin) * 1e6 / kLaunches);
      stream.synchronize();
    }
  munmap(pages, mapped_bytes);
  std::vector<double> us;
  for (const Arm& each : arms) us.push_back(median(each.us));
  fmt::print("{},{:.6f},{:.3f},{:.3f},{:.3f},{},{:.3f}", n, first_s, us[0], us[1], us[2], winner->kernels[0].template_name,
             us[c]);
  for (std::size_t i = c + 1; i < us.size(); ++i) fmt::print(",{:.3f}", us[i] - us[c]);
  fmt::print("\n");
  return 0;
} catch (const Error& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 3;
}
