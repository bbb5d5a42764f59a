// C functions called through the library: the first call of each makes kernels of it, proves and times them; later ones launch.
//
//   loops [N]      three filters of filters.c over N samples, a million by default
#include <cuda_runtime.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "ak/loop.hpp"
#include "device_memory.hpp"
#include "filters.h"

namespace {

struct Samples {
  explicit Samples(int count) { check(cudaMalloc(&data, sizeof(float) * static_cast<std::size_t>(count))); }
  ~Samples() { cudaFree(data); }
  float* data = nullptr;
};

template <class Call>
double milliseconds(Call&& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  check(cudaDeviceSynchronize());
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void show(const char* name, double first_ms, double second_ms, const ak::Explanation& e) {
  std::printf("%-12s first call %8.1f ms, second %6.3f ms   %s, %.2f us (C %.2f us), %s%s%s\n", name, first_ms, second_ms,
              e.served_by.c_str(), e.us, e.vendor_us, e.source.c_str(), e.note.empty() ? "" : ": ", e.note.c_str());
}

}  // namespace

int main(int argc, char** argv) try {
  int n = 1000000;
  char more;
  if (argc > 2 || (argc > 1 && std::sscanf(argv[1], "%d%c", &n, &more) != 1) || n < 1 || n > 500000000)
    return std::fprintf(stderr, "loops [samples]: a number of 1 to 500000000\n"), 2;
  std::vector<float> in(static_cast<std::size_t>(n) + 1), out(static_cast<std::size_t>(n)), expected(out.size());
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = std::sin(0.01f * static_cast<float>(i));
  Samples in_gpu(n + 1), out_gpu(n), peak_gpu(1);
  check(cudaMemcpy(in_gpu.data, in.data(), sizeof(float) * in.size(), cudaMemcpyHostToDevice));
  cudaStream_t stream = nullptr;

  ak::Context context;
  const ak::Loop smooth_loop = context.loop(AK_FILTERS, "smooth", &smooth);
  const ak::Loop sum_loop = context.loop(AK_FILTERS, "running_sum", &running_sum);
  const ak::Loop loudest_loop = context.loop(AK_FILTERS, "loudest", &loudest);

  const auto run_smooth = [&] { smooth_loop(stream, n, out_gpu.data, static_cast<const float*>(in_gpu.data)); };
  const auto run_sum = [&] { sum_loop(stream, n, out_gpu.data, static_cast<const float*>(in_gpu.data)); };
  const auto run_loudest = [&] { loudest_loop(stream, peak_gpu.data, n, static_cast<const float*>(in_gpu.data)); };

  double first = milliseconds(run_smooth), second = milliseconds(run_smooth);
  show("smooth", first, second, smooth_loop.explain(n, out_gpu.data, static_cast<const float*>(in_gpu.data)));
  check(cudaMemcpy(out.data(), out_gpu.data, sizeof(float) * out.size(), cudaMemcpyDeviceToHost));
  smooth(n, expected.data(), in.data());
  int wrong = 0;
  for (std::size_t i = 0; i < out.size(); ++i) wrong += out[i] != expected[i];

  first = milliseconds(run_sum), second = milliseconds(run_sum);
  show("running_sum", first, second, sum_loop.explain(n, out_gpu.data, static_cast<const float*>(in_gpu.data)));
  first = milliseconds(run_loudest), second = milliseconds(run_loudest);
  show("loudest", first, second, loudest_loop.explain(peak_gpu.data, n, static_cast<const float*>(in_gpu.data)));
  float peak = 0;
  check(cudaMemcpy(&peak, peak_gpu.data, sizeof peak, cudaMemcpyDeviceToHost));
  wrong += peak != loudest(n, in.data());

  smooth_loop(stream, n, out.data(), static_cast<const float*>(in.data()));  // the same with host arrays
  std::printf("%d differences from the C functions\n", wrong);
  return wrong ? 1 : 0;
} catch (const ak::Error& error) {
  std::fprintf(stderr, "loops: %s; `ak doctor` says what a machine lacks\n", error.what());
  return 3;
}
