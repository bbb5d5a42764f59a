// A decoder's linear layers as an inference engine runs them: token counts change from step to step, plans without a look-up in
// a CUDA graph for each count, and searches behind the calls. Captured again when something better serves. Beside it, step by
// step, the same loop on cuBLASLt alone.
//
//   engine [seconds [layers]]      30 seconds and 4 layers of Llama 3 8B's shapes by default; AK_CACHE_DIR= begins from nothing
#include <cuda_runtime.h>

#include <ak/ak.hpp>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <vector>

#include "device_memory.hpp"

namespace {

constexpr long kWidth = 4096, kQkv = 6144, kHidden = 14336;
constexpr std::array<long, 8> kTokens = {1, 3, 8, 16, 24, 33, 48, 64};  // of the steps, in turn

ak::ConstMatrix weights(long rows, long cols) { return {device_values(static_cast<std::size_t>(rows * cols)), rows, cols, cols}; }

struct Layer {
  ak::ConstMatrix qkv = weights(kQkv, kWidth), out = weights(kWidth, kWidth), gate_and_up = weights(2 * kHidden, kWidth),
                  down = weights(kWidth, kHidden);
};

struct Activations {
  long most = kTokens.back();
  void *x = device_values(static_cast<std::size_t>(most * kWidth)), *qkv = device_values(static_cast<std::size_t>(most * kQkv)),
       *attended = device_values(static_cast<std::size_t>(most * kWidth)),
       *hidden = device_values(static_cast<std::size_t>(most * kHidden)), *y = device_values(static_cast<std::size_t>(most * kWidth));
};

ak::Matrix rows(void* data, long tokens, long width) { return {data, tokens, width, width}; }

ak::Epilogue residual(const ak::ConstMatrix& c) {
  ak::Epilogue epilogue;  // identity, + 1 * c
  epilogue.beta = 1, epilogue.c = c;
  return epilogue;
}

ak::Epilogue swiglu() {
  ak::Epilogue epilogue;
  epilogue.activation = ak::Activation::silu, epilogue.gated = true;
  return epilogue;
}

// All layers for one token count: four plans, which every layer's weights share, and a graph that holds their calls.
class Step {
 public:
  Step(ak::Context& context, const std::vector<Layer>& layers, const Activations& memory, long tokens)
      : layers_(layers),
        x_(rows(memory.x, tokens, kWidth)),
        qkv_(rows(memory.qkv, tokens, kQkv)),
        attended_(rows(memory.attended, tokens, kWidth)),
        hidden_(rows(memory.hidden, tokens, kHidden)),
        y_(rows(memory.y, tokens, kWidth)),
        to_qkv_(context.plan(x_, layers[0].qkv.transposed(), qkv_)),
        to_out_(context.plan(attended_, layers[0].out.transposed(), y_, residual(x_))),
        to_hidden_(context.plan(y_, layers[0].gate_and_up.transposed(), hidden_, swiglu())),
        to_y_(context.plan(hidden_, layers[0].down.transposed(), y_, residual(y_))) {}

  void run(cudaStream_t stream) {
    if (const std::uint64_t now = epoch(); !replay_ || now != captured_) capture(stream), captured_ = now;
    check(cudaGraphLaunch(replay_, stream));
  }

  int captures() const { return captures_; }

 private:
  std::uint64_t epoch() const { return to_qkv_.epoch() + to_out_.epoch() + to_hidden_.epoch() + to_y_.epoch(); }

  void capture(cudaStream_t stream) {
    if (replay_) check(cudaGraphExecDestroy(replay_));
    cudaGraph_t graph;
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    for (const Layer& layer : layers_) {
      to_qkv_(stream, x_, layer.qkv.transposed(), qkv_);
      to_out_(stream, attended_, layer.out.transposed(), y_, residual(x_));  // after the attention, which is not here
      to_hidden_(stream, y_, layer.gate_and_up.transposed(), hidden_, swiglu());
      to_y_(stream, hidden_, layer.down.transposed(), y_, residual(y_));
    }
    check(cudaStreamEndCapture(stream, &graph));
    check(cudaGraphInstantiate(&replay_, graph, 0));
    check(cudaGraphDestroy(graph));
    ++captures_;
  }

  const std::vector<Layer>& layers_;
  ak::Matrix x_, qkv_, attended_, hidden_, y_;
  ak::Plan to_qkv_, to_out_, to_hidden_, to_y_;
  cudaGraphExec_t replay_ = nullptr;
  std::uint64_t captured_ = 0;
  int captures_ = 0;
};

// One way to serve the steps, and what they took since it was last asked.
class Engine {
 public:
  Engine(ak::Context& context, const std::vector<Layer>& layers, const Activations& memory) {
    for (const long tokens : kTokens) steps_.try_emplace(tokens, context, layers, memory, tokens);
    check(cudaEventCreate(&start_));
    check(cudaEventCreate(&stop_));
  }

  void step(long tokens, cudaStream_t stream) {
    check(cudaEventRecord(start_, stream));
    steps_.at(tokens).run(stream);
    check(cudaEventRecord(stop_, stream));
    check(cudaEventSynchronize(stop_));
    float ms = 0;
    check(cudaEventElapsedTime(&ms, start_, stop_));
    ms_ += ms, tokens_ += tokens;
  }

  double tokens_per_second() {
    const double rate = ms_ > 0 ? 1000 * static_cast<double>(tokens_) / ms_ : 0;
    ms_ = 0, tokens_ = 0;
    return rate;
  }

  int captures() const {
    int all = 0;
    for (const auto& [tokens, step] : steps_) all += step.captures();
    return all;
  }

 private:
  std::map<long, Step> steps_;
  cudaEvent_t start_, stop_;
  double ms_ = 0;
  long tokens_ = 0;
};

}  // namespace

int main(int argc, char** argv) try {
  double seconds = 30;
  long count = 4;
  char more;
  const bool read = argc <= 3 && (argc < 2 || std::sscanf(argv[1], "%lf%c", &seconds, &more) == 1) &&
                    (argc < 3 || std::sscanf(argv[2], "%ld%c", &count, &more) == 1);
  if (!read || !(seconds >= 0) || count < 1 || count > 1000)
    return std::fprintf(stderr, "engine [seconds [layers]]: two numbers, 1 to 1000 layers\n"), 2;
  cudaStream_t stream;
  check(cudaStreamCreate(&stream));
  const std::vector<Layer> layers(static_cast<std::size_t>(count));
  const Activations memory;

  ak::Options behind, vendor;
  behind.mode = ak::Mode::background;
  vendor.mode = ak::Mode::off;
  ak::Context ours(behind), theirs(vendor);
  Engine own(ours, layers, memory), cublas(theirs, layers, memory);

  using clock = std::chrono::steady_clock;
  const auto begin = clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(clock::now() - begin).count(); };
  double shown = 0;
  for (std::size_t step = 0; passed() < seconds; ++step) {
    const long tokens = kTokens[step % kTokens.size()];
    own.step(tokens, stream);
    cublas.step(tokens, stream);
    if (passed() < shown + 2) continue;
    shown = passed();
    const double mine = own.tokens_per_second(), vendors = cublas.tokens_per_second();
    std::printf("%3.0f s: %7.0f tokens/s, cuBLASLt %7.0f, %.2fx; %lld searches, %d captures\n", shown, mine, vendors,
                mine / vendors, static_cast<long long>(ours.counters().searches), own.captures());
    std::fflush(stdout);
  }
  return 0;
} catch (const ak::Error& error) {
  std::fprintf(stderr, "engine: %s\n", error.what());
  return 1;
}
