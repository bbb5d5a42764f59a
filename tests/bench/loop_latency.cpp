// What the library costs the host at a loop: the first call of this process, and a hot call against a bare launch of the same
// kernel.
//
//   ak_loop_latency FILE N     one CSV line for smooth(int n, float* out, const float* in) of that file
//
// first_s is the wall time of the first call until its kernel is enqueued, the CUDA context being there already. hot_us (equal
// arguments), moving_us (another array each time, of 64) and bare_us are medians of interleaved rounds; host_us is a call with
// host arrays of four elements above the C function itself.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
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
  if (image.empty()) throw Error(ErrorCode::internal, "no record of it");
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

  std::vector<double> hot, moving, bare, host, own;
  float small_out[4], small_in[5] = {};
  const auto time = [&](std::vector<double>& to, auto&& call) {
    const auto begin = Clock::now();
    for (int i = 0; i < kLaunches; ++i) call(i);
    to.push_back(seconds_since(begin) * 1e6 / kLaunches);
    stream.synchronize();
  };
  for (int round = 0; round < kRounds; ++round) {
    time(hot, [&](int) { loop(stream.get(), n, outs[0].data<float>(), source); });
    time(bare, [&](int) { check(driver().cuLaunchKernelEx(&config, function, parameters, nullptr), "launching"); });
    time(moving,
         [&](int i) { loop(stream.get(), n, outs[static_cast<std::size_t>(i + round) % kArrays].data<float>(), source); });
    time(host, [&](int) { loop(stream.get(), 4, small_out, static_cast<const float*>(small_in)); });
    time(own, [&](int) { smooth(4, small_out, small_in); });
  }
  fmt::print("{},{:.6f},{:.3f},{:.3f},{:.3f},{:.3f},{}\n", n, first_s, median(hot), median(moving), median(bare),
             median(host) - median(own), winner->kernels[0].template_name);
  return 0;
} catch (const Error& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 3;
}
