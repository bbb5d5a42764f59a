// The MLP of a transformer block: y = x + (silu(x . Wg^T) * (x . Wu^T)) . W2^T, two calls: gate, up projection and activation
// are one kernel, the second product and the residual another. Captured in a CUDA graph as an inference engine would, after a
// first call outside it, so that nothing is searched or loaded inside.
//
//   mlp_block [tokens [width]]
#include <cuda_runtime.h>

#include <ak/ak.hpp>
#include <cstdio>
#include <cstdlib>

#include "device_memory.hpp"

namespace {

struct Mlp {
  long width, hidden;
  ak::ConstMatrix gate_and_up, down;  // 2 * hidden x width, the gate's rows first; width x hidden

  void run(ak::Context& context, ak::Stream stream, const ak::ConstMatrix& x, const ak::Matrix& h, const ak::Matrix& y) const {
    ak::Epilogue swiglu;
    swiglu.activation = ak::Activation::silu;
    swiglu.gated = true;
    context.matmul_act(stream, x, gate_and_up.transposed(), h, swiglu);
    ak::Epilogue residual;  // identity, + 1 * x
    residual.beta = 1;
    residual.c = x;
    context.matmul_act(stream, h, down.transposed(), y, residual);
  }
};

}  // namespace

int main(int argc, char** argv) try {
  long tokens = 64, width = 4096;
  char more;
  const bool read = argc <= 3 && (argc < 2 || std::sscanf(argv[1], "%ld%c", &tokens, &more) == 1) &&
                    (argc < 3 || std::sscanf(argv[2], "%ld%c", &width, &more) == 1);
  if (!read || tokens < 1 || tokens > 65536 || width < 1 || width > 65536)
    return std::fprintf(stderr, "mlp_block [tokens [width]]: two numbers of 1 to 65536\n"), 2;
  const long hidden = 4 * width;
  cudaStream_t stream;
  check(cudaStreamCreate(&stream));
  const Mlp mlp{width,
                hidden,
                {device_values(2 * hidden * width), 2 * hidden, width, width},
                {device_values(width * hidden), width, hidden, hidden}};
  const ak::ConstMatrix x{device_values(tokens * width), tokens, width, width};
  const ak::Matrix h{device_values(tokens * hidden), tokens, hidden, hidden},
      y{device_values(tokens * width), tokens, width, width};

  ak::Context context;
  mlp.run(context, stream, x, h, y);  // the first call tunes both, or finds them in the cache
  check(cudaStreamSynchronize(stream));

  cudaGraph_t graph;
  cudaGraphExec_t replay;
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  for (int layer = 0; layer < 20; ++layer) mlp.run(context, stream, x, h, y);
  check(cudaStreamEndCapture(stream, &graph));
  check(cudaGraphInstantiate(&replay, graph, 0));

  cudaEvent_t start, stop;
  check(cudaEventCreate(&start));
  check(cudaEventCreate(&stop));
  check(cudaGraphLaunch(replay, stream));
  check(cudaEventRecord(start, stream));
  check(cudaGraphLaunch(replay, stream));
  check(cudaEventRecord(stop, stream));
  check(cudaStreamSynchronize(stream));
  float ms = 0;
  check(cudaEventElapsedTime(&ms, start, stop));
  const ak::Counters spent = context.counters();
  std::printf("%ld tokens, width %ld: %.2f us a block (20 in a graph); %lld trials, %lld compiles in this process\n", tokens,
              width, ms * 1000 / 20, static_cast<long long>(spent.trials), static_cast<long long>(spent.compiles));
  return 0;
} catch (const ak::Error& error) {
  std::fprintf(stderr, "mlp_block: %s\n", error.what());
  return 1;
}
