// The kernels of by_hand.cuh beside what `ak port --out` left for the same C functions, each held against C. It is linked with the
// NAME.cu and NAME_c.c of the four functions and prints a line of CSV for each size that it is given:
//
//   by_hand WHAT N...        WHAT: a word for the column `tuned`, that says where the ported kernels are from
//
// Microseconds of one launch, medians: graphs of many launches, both arms in turns, over as many arrays as make three times the L2
// cache where they are larger than 2 MB, else over one that stays there. Exit code 1 where a result is not C's, 3 without a GPU.
#include "by_hand.cuh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

extern "C" {
// Those with scratch memory have it where their tactic needs any.
int smooth_launch(cudaStream_t, int n, float* out, const float* in);
int running_sum_launch(cudaStream_t, int n, float* sum, const float* in);
int position_of_largest_launch(cudaStream_t, int* result, int n, const float* a);
int histogram_launch(cudaStream_t, int n, const float* x, float low, float width, int* bins);
#define OPTIONAL __attribute__((weak))
OPTIONAL int smooth_launch_with(cudaStream_t, void*, int n, float* out, const float* in);
OPTIONAL int running_sum_launch_with(cudaStream_t, void*, int n, float* sum, const float* in);
OPTIONAL int position_of_largest_launch_with(cudaStream_t, void*, int* result, int n, const float* a);
OPTIONAL int histogram_launch_with(cudaStream_t, void*, int n, const float* x, float low, float width, int* bins);
OPTIONAL long long smooth_scratch_bytes(int n);
OPTIONAL long long running_sum_scratch_bytes(int n);
OPTIONAL long long position_of_largest_scratch_bytes(int n);
OPTIONAL long long histogram_scratch_bytes(int n);

void smooth_c(int n, float* out, const float* in);
void running_sum_c(int n, float* sum, const float* in);
void running_sum_in_double(int n, double* sum, const double* in);
int position_of_largest_c(int n, const float* a);
void histogram_c(int n, const float* x, float low, float width, int* bins);
}

namespace {

constexpr float kLow = -1, kWidth = 1.0f / 32;  // of the histogram: its 64 bins are what the data spans
constexpr std::size_t kStays = 2 << 20;         // bytes
int sms = 0;

void check(int error, const char* what) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "by_hand: %s: %s\n", what, cudaGetErrorString(static_cast<cudaError_t>(error)));
  std::exit(2);
}

// Both arms take one array of floats and leave one of `out_bytes`.
using Launch = std::function<int(cudaStream_t, void* scratch, int n, void* out, const float* in)>;
struct Loop {
  const char* name;
  std::function<std::size_t(int n)> out_bytes, hand_scratch, our_scratch;
  Launch hand, ours;
  std::function<bool(int n, const void* out, const float* in)> right;
};

std::size_t bytes_or_0(long long (*bytes)(int), int n) { return bytes ? static_cast<std::size_t>(bytes(n)) : 0; }
float* floats(void* p) { return static_cast<float*>(p); }
int* ints(void* p) { return static_cast<int*>(p); }

template <class T>
bool same(const void* got, const std::vector<T>& expected) {
  return std::memcmp(got, expected.data(), expected.size() * sizeof(T)) == 0;
}

bool running_sum_right(int n, const void* out, const float* in) {
  std::vector<float> c(n);
  std::vector<double> wide(in, in + n), d(n);
  running_sum_c(n, c.data(), in), running_sum_in_double(n, d.data(), wide.data());
  const float* const got = static_cast<const float*>(out);
  for (int i = 0; i < n; ++i)  // the bound of ak port's proof
    if (!(std::abs(got[i] - c[i]) <= std::max(1e-3 * (1 + std::abs(d[i])), 8 * std::abs(c[i] - d[i])))) return false;
  return true;
}

std::vector<Loop> loops() {
  const auto none = [](int) -> std::size_t { return 0; };
  const auto as_many = [](int n) { return std::size_t(n) * sizeof(float); };
  return {
      {"smooth", as_many, none, [](int n) { return bytes_or_0(smooth_scratch_bytes, n); },
       [](cudaStream_t s, void*, int n, void* out, const float* in) { return by_hand::smooth(s, n, floats(out), in), 0; },
       [](cudaStream_t s, void* scratch, int n, void* out, const float* in) {
         return smooth_launch_with ? smooth_launch_with(s, scratch, n, floats(out), in) : smooth_launch(s, n, floats(out), in);
       },
       [](int n, const void* out, const float* in) {
         std::vector<float> c(n);
         smooth_c(n, c.data(), in);
         return same(out, c);
       }},
      {"running_sum", as_many, by_hand::running_sum_bytes, [](int n) { return bytes_or_0(running_sum_scratch_bytes, n); },
       [](cudaStream_t s, void* scratch, int n, void* out, const float* in) {
         return by_hand::running_sum(s, scratch, n, floats(out), in), 0;
       },
       [](cudaStream_t s, void* scratch, int n, void* out, const float* in) {
         return running_sum_launch_with ? running_sum_launch_with(s, scratch, n, floats(out), in)
                                        : running_sum_launch(s, n, floats(out), in);
       },
       running_sum_right},
      {"position_of_largest", [](int) { return sizeof(int); }, [](int) { return sizeof(by_hand::Largest); },
       [](int n) { return bytes_or_0(position_of_largest_scratch_bytes, n); },
       [](cudaStream_t s, void* scratch, int n, void* out, const float* in) {
         return by_hand::position_of_largest(s, scratch, n, ints(out), in, sms), 0;
       },
       [](cudaStream_t s, void* scratch, int n, void* out, const float* in) {
         return position_of_largest_launch_with ? position_of_largest_launch_with(s, scratch, ints(out), n, in)
                                                : position_of_largest_launch(s, ints(out), n, in);
       },
       [](int n, const void* out, const float* in) { return *static_cast<const int*>(out) == position_of_largest_c(n, in); }},
      {"histogram", [](int) { return 64 * sizeof(int); }, none, [](int n) { return bytes_or_0(histogram_scratch_bytes, n); },
       [](cudaStream_t s, void*, int n, void* out, const float* in) {
         return by_hand::histogram(s, n, in, kLow, kWidth, ints(out), sms), 0;
       },
       [](cudaStream_t s, void* scratch, int n, void* out, const float* in) {
         return histogram_launch_with ? histogram_launch_with(s, scratch, n, in, kLow, kWidth, ints(out))
                                      : histogram_launch(s, n, in, kLow, kWidth, ints(out));
       },
       [](int n, const void* out, const float* in) {
         std::vector<int> c(64);
         histogram_c(n, in, kLow, kWidth, c.data());
         return same(out, c);
       }},
  };
}

class Buffer {
 public:
  explicit Buffer(std::size_t bytes) {
    check(cudaMalloc(&data_, std::max<std::size_t>(bytes, 16)), "memory");
    check(cudaMemset(data_, 0, bytes), "memory");
  }
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  ~Buffer() { cudaFree(data_); }
  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
};

struct Arm {
  const Launch& launch;
  Buffer scratch;
  cudaGraphExec_t graph = nullptr;
  int launches = 0;
  std::vector<double> us;
};

float time(const std::function<void()>& work, cudaStream_t stream) {
  cudaEvent_t begin, end;
  check(cudaEventCreate(&begin), "event"), check(cudaEventCreate(&end), "event");
  check(cudaEventRecord(begin, stream), "event");
  work();
  check(cudaEventRecord(end, stream), "event"), check(cudaEventSynchronize(end), "the kernels");
  float ms = 0;
  check(cudaEventElapsedTime(&ms, begin, end), "event");
  cudaEventDestroy(begin), cudaEventDestroy(end);
  return ms * 1000;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

bool run(const Loop& loop, const char* what, int n, std::size_t l2_bytes) {
  cudaStream_t stream;
  check(cudaStreamCreate(&stream), "stream");
  std::vector<float> in(std::size_t(n) + 1);
  unsigned random = 2026;
  for (float& x : in) random = random * 1664525u + 1013904223u, x = static_cast<float>(random >> 8) / (1 << 23) - 1;
  const std::size_t set_bytes = in.size() * sizeof(float) + loop.out_bytes(n);
  const std::size_t sets = set_bytes < kStays ? 1 : 3 * l2_bytes / set_bytes + 2;
  std::vector<Buffer> ins, outs;
  for (std::size_t k = 0; k < sets; ++k) {
    ins.emplace_back(in.size() * sizeof(float)), outs.emplace_back(loop.out_bytes(n));
    check(cudaMemcpy(ins[k].data(), in.data(), in.size() * sizeof(float), cudaMemcpyHostToDevice), "copy");
  }
  Arm arms[2] = {{loop.hand, Buffer(loop.hand_scratch(n)), nullptr, 0, {}}, {loop.ours, Buffer(loop.our_scratch(n)), nullptr, 0, {}}};

  bool right[2];
  for (int a = 0; a < 2; ++a) {
    check(cudaMemset(outs[0].data(), 0, loop.out_bytes(n)), "memory");
    const auto once = [&](std::size_t k) {
      check(arms[a].launch(stream, arms[a].scratch.data(), n, outs[k].data(), floats(ins[k].data())), "launch");
    };
    once(0);
    check(cudaStreamSynchronize(stream), "the kernels");
    std::vector<char> out(loop.out_bytes(n));
    check(cudaMemcpy(out.data(), outs[0].data(), out.size(), cudaMemcpyDeviceToHost), "copy");
    right[a] = loop.right(n, out.data(), in.data());

    const float us = time([&] { for (int k = 0; k < 20; ++k) once(k % sets); }, stream) / 20;
    arms[a].launches = static_cast<int>(std::min(1000.0f, std::max(20.0f, 2000 / us)));
    cudaGraph_t graph;
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capture");
    for (int k = 0; k < arms[a].launches; ++k) once(k % sets);
    check(cudaStreamEndCapture(stream, &graph), "capture");
    check(cudaGraphInstantiate(&arms[a].graph, graph, 0), "graph");
    cudaGraphDestroy(graph);
  }
  constexpr int kWarm = 3, kRounds = 21;
  for (int round = 0; round < kWarm + kRounds; ++round)
    for (int turn = 0; turn < 2; ++turn) {
      Arm& arm = arms[(round + turn) % 2];
      const float us = time([&] { check(cudaGraphLaunch(arm.graph, stream), "graph"); }, stream);
      if (round >= kWarm) arm.us.push_back(us / arm.launches);
    }
  const double hand = median(arms[0].us), ours = median(arms[1].us);
  std::printf("%s,%d,%s,%.3f,%.3f,%.3f,%s,%s\n", loop.name, n, what, hand, ours, hand / ours, right[0] ? "yes" : "no",
              right[1] ? "yes" : "no");
  std::fflush(stdout);
  for (Arm& arm : arms) cudaGraphExecDestroy(arm.graph);
  cudaStreamDestroy(stream);
  return right[0] && right[1];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "by_hand WHAT N...\n"), 2;
  cudaDeviceProp gpu;
  if (cudaGetDeviceProperties(&gpu, 0) != cudaSuccess) return std::fprintf(stderr, "no GPU: nothing is run\n"), 3;
  sms = gpu.multiProcessorCount;
  bool right = true;
  std::puts("loop,n,tuned,hand_us,ours_us,hand_over_ours,hand_right,ours_right");
  for (int a = 2; a < argc; ++a)
    for (const Loop& loop : loops()) right &= run(loop, argv[1], std::atoi(argv[a]), static_cast<std::size_t>(gpu.l2CacheSize));
  return right ? 0 : 1;
}
