// One call of ak::matmul_act, and what it cost: searched for on the first run, served from the cache on the next.
//
//   quickstart [M N K [activation]]      D = activation(A . W^T + bias), bf16, a linear layer
//
// With a GPU the call runs and a part of D is checked on the host. With AK_RECORDING set, or Options::recording, the same
// search runs on recorded times: every trial is compiled by NVRTC, nothing is launched.
#include <cuda_runtime.h>
#include <unistd.h>

#include <ak/ak.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace {

using bf16 = std::uint16_t;

float to_float(bf16 value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value) << 16;
  float out;
  std::memcpy(&out, &bits, 4);
  return out;
}

bf16 to_bf16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return static_cast<bf16>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

ak::Activation activation_named(const char* name) {
  static const std::map<std::string, ak::Activation> names = {
#define AK_ACTIVATION(name, expression) {#name, ak::Activation::name},
#include <ak/activations.def>
#undef AK_ACTIVATION
  };
  const auto found = names.find(name);
  if (found == names.end()) {
    std::fprintf(stderr, "quickstart: '%s' is not an activation\n", name);
    std::exit(2);
  }
  return found->second;
}

long size_of(const char* text) {
  char* end = nullptr;
  const long size = std::strtol(text, &end, 10);
  if (*end == '\0' && size > 0) return size;
  std::fprintf(stderr, "quickstart: '%s' is not a size\n", text);
  std::exit(2);
}

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "quickstart: %s: %s; `ak doctor` says what a machine lacks\n", what, cudaGetErrorString(error));
  std::exit(3);
}

struct DeviceVector {
  void* data = nullptr;
  explicit DeviceVector(std::size_t bytes) { check(cudaMalloc(&data, std::max<std::size_t>(bytes, 16)), "cudaMalloc"); }
  ~DeviceVector() { cudaFree(data); }
  DeviceVector(const DeviceVector&) = delete;
};

// Trials as they end: a bar while they run, a leader board afterwards.
class Board {
 public:
  void add(const ak::TuneProgress& p) {
    trials_.push_back({p.tactic, p.outcome, p.us});
    ++outcomes_[p.outcome];
    if (!isatty(STDERR_FILENO)) return;
    const int filled = p.budget_s > 0 ? static_cast<int>(24 * std::min(1.0, p.elapsed_s / p.budget_s)) : 0;
    std::fprintf(stderr, "\r\033[K[%.*s%*s] %d trials, best %.2f us  %.60s", filled, "########################", 24 - filled,
                 "", p.trials, p.best_us, p.best.c_str());
  }

  void print() {
    if (isatty(STDERR_FILENO)) std::fprintf(stderr, "\r\033[K");
    if (trials_.empty()) return;
    std::printf("\n%zu runs, cuBLASLt's and the final timings included:", trials_.size());
    for (const auto& [outcome, count] : outcomes_) std::printf(" %d %s", count, outcome.c_str());
    std::printf("\n");
    std::stable_sort(trials_.begin(), trials_.end(), [](const Row& a, const Row& b) { return rank(a) < rank(b); });
    std::set<std::string> seen;  // a tactic that was timed again stands once
    int shown = 0, refused = 0;
    for (const Row& row : trials_) {
      const bool correct = row.outcome == "correct";
      if (correct && (!seen.insert(row.tactic).second || ++shown > 8)) continue;
      if (!correct && ++refused > 3) continue;
      if (correct)
        std::printf("  %9.2f us  %s\n", row.us, row.tactic.c_str());
      else
        std::printf("  %12s  %s\n", row.outcome.c_str(), row.tactic.c_str());
    }
  }

 private:
  struct Row {
    std::string tactic, outcome;
    double us;
  };
  static double rank(const Row& row) { return row.outcome == "correct" ? row.us : 1e30; }

  std::vector<Row> trials_;
  std::map<std::string, int> outcomes_;
};

// Largest error of some elements of D against double precision, in units of what bf16 rounding of the result allows.
double worst_error(const std::vector<bf16>& a, const std::vector<bf16>& w, const std::vector<bf16>& bias,
                   const std::vector<bf16>& d, long m, long n, long k) {
  std::mt19937 random(3);
  double worst = 0;
  for (int sample = 0; sample < 200; ++sample) {
    const long row = random() % m, column = random() % n;
    double x = to_float(bias[column]);
    for (long i = 0; i < k; ++i) x += static_cast<double>(to_float(a[row * k + i])) * to_float(w[column * k + i]);
    const double expected = x / (1 + std::exp(-x));
    worst = std::max(
        worst, std::abs(to_float(d[row * n + column]) - expected) / (std::abs(expected) / 256 + 1e-3 * std::sqrt(double(k))));
  }
  return worst;
}

std::vector<bf16> normals(std::size_t count, float scale, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<bf16> values(count), period(std::min<std::size_t>(count, 1 << 20));
  for (bf16& value : period) value = to_bf16(normal(random));
  for (std::size_t i = 0; i < count; ++i) values[i] = period[(i + i / period.size() * 7919) % period.size()];
  return values;
}

bool has_gpu() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}

// The real call. Returns whether D is right.
bool run_on_gpu(ak::Context& context, long m, long n, long k, ak::Activation activation) {
  const auto a = normals(m * k, 1.0f, 1), w = normals(n * k, 1.0f / std::sqrt(static_cast<float>(k)), 2),
             bias = normals(n, 1.0f, 3);
  DeviceVector a_gpu(a.size() * 2), w_gpu(w.size() * 2), bias_gpu(bias.size() * 2), d_gpu(m * n * 2);
  check(cudaMemcpy(a_gpu.data, a.data(), a.size() * 2, cudaMemcpyHostToDevice), "copying A");
  check(cudaMemcpy(w_gpu.data, w.data(), w.size() * 2, cudaMemcpyHostToDevice), "copying W");
  check(cudaMemcpy(bias_gpu.data, bias.data(), bias.size() * 2, cudaMemcpyHostToDevice), "copying the bias");

  context.linear(nullptr, {a_gpu.data, m, k, k}, {w_gpu.data, n, k, k}, bias_gpu.data, activation, {d_gpu.data, m, n, n});

  std::vector<bf16> d(m * n);
  check(cudaMemcpy(d.data(), d_gpu.data, d.size() * 2, cudaMemcpyDeviceToHost), "copying D");
  if (activation != ak::Activation::silu) return true;
  const double worst = worst_error(a, w, bias, d, m, n, k);
  std::printf("checked     200 elements of D on the host: worst error %.2f of what is allowed\n", worst);
  return worst <= 1;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 1 && argc != 4 && argc != 5) {
    std::fprintf(stderr, "usage: quickstart [M N K [activation]]\n");
    return 2;
  }
  const long m = argc > 3 ? size_of(argv[1]) : 4096, n = argc > 3 ? size_of(argv[2]) : 4096,
             k = argc > 3 ? size_of(argv[3]) : 4096;
  const ak::Activation activation = activation_named(argc > 4 ? argv[4] : "silu");

  Board board;
  ak::Options options;
  options.progress = [&](const ak::TuneProgress& p) { board.add(p); };
  ak::Context context(options);

  const char* recording = std::getenv("AK_RECORDING");
  const bool launches = !recording || !*recording;
  if (launches && !has_gpu()) {
    std::fprintf(stderr, "quickstart: no GPU here; set AK_RECORDING to tests/recordings\n");
    return 3;
  }

  // A view may have no memory yet: preparing and explaining a call reads only its shape. The bias's address is not read.
  static const bf16 no_bias alignas(16)[8] = {};
  const ak::ConstMatrix a{nullptr, m, k, k}, w{nullptr, n, k, k};
  const ak::Matrix d{nullptr, m, n, n};
  ak::Epilogue epilogue;
  epilogue.activation = activation;
  epilogue.bias = no_bias;

  bool right = true;
  if (launches)
    right = run_on_gpu(context, m, n, k, activation);
  else
    context.prepare(a, w.transposed(), d, epilogue);
  board.print();

  const ak::Explanation e = context.explain(a, w.transposed(), d, epilogue);
  if (e.source == "none") {
    std::fprintf(stderr, "quickstart: nothing serves %s: %s\n", e.problem.c_str(), e.note.c_str());
    return 1;
  }
  const ak::Counters spent = context.counters();
  std::printf("\nproblem     %s\nhardware    %s\n", e.problem.c_str(), e.hardware.c_str());
  if (e.from_recording) std::printf("            times come from a recording of that GPU; nothing was launched\n");
  std::printf("winner      %s\n", e.served_by.c_str());
  std::printf("time        %.2f us   cuBLASLt's best %.2f us (%.3fx)\n", e.us, e.vendor_us, e.us > 0 ? e.vendor_us / e.us : 0);
  std::printf("this run    %lld trials of own kernels, %lld compiles", static_cast<long long>(spent.trials),
              static_cast<long long>(spent.compiles));
  if (spent.searches > 0)
    std::printf(" in a search of %.2f s; the winner was named by %s\n", e.search_s, e.proposer.c_str());
  else if (spent.store_hits > 0)
    std::printf(": a hit; its cubin was read and checked in %.2f ms\n", spent.last_load_s * 1e3);
  else
    std::printf(" (%s)\n", e.source.c_str());
  if (!e.note.empty()) std::printf("note        %s\n", e.note.c_str());
  return right ? 0 : 1;
} catch (const ak::Error& error) {
  std::fprintf(stderr, "quickstart: %s\n", error.what());
  return 1;
}
