// The host's side of a loop's kernels: it comes behind their text.
namespace ak {

/// Of the current device.
inline int multiprocessors() {
  int device = 0, count = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device);
  return count;
}

/// What has no value is 0.
inline long long quotient(long long a, long long b) { return b == 0 ? 0 : b == -1 ? -a : a / b; }
inline long long remainder(long long a, long long b) { return b == 0 || b == -1 ? 0 : a % b; }

/// Bytes of scratch, of a multiple of what any access needs.
inline long long scratch_bytes(long long elements, int size) { return elements > 0 ? (elements * size + 255) / 256 * 256 : 0; }

struct Shape {
  int threads, shared_bytes;
  bool cooperative;  // its blocks wait for each other
  bool dependent;    // it may start while the kernel before it ends
};

/// Kernels one after the other in a stream, all with the same arguments, until one fails.
class Launcher {
 public:
  Launcher(cudaStream_t stream, void** arguments) : stream_(stream), arguments_(arguments) {}
  cudaError_t error = cudaSuccess;

  void clear(void* memory, long long bytes) {
    if (bytes <= 0) return;
    error = cudaMemsetAsync(memory, 0, static_cast<size_t>(bytes), stream_);
    after_kernel_ = false;
  }
  void launch(const void* kernel, long long blocks, Shape shape) {
    if (error != cudaSuccess || blocks < 1) return;
    if (blocks > 2147483647) {
      error = cudaErrorInvalidConfiguration;
      return;
    }
    if (shape.shared_bytes > 48 * 1024)
      error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shape.shared_bytes);
    cudaLaunchAttribute attribute = {};
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(static_cast<unsigned>(blocks)), config.blockDim = dim3(static_cast<unsigned>(shape.threads));
    config.dynamicSmemBytes = static_cast<size_t>(shape.shared_bytes);
    config.stream = stream_, config.attrs = &attribute;
    if (shape.cooperative) {
      attribute.id = cudaLaunchAttributeCooperative, attribute.val.cooperative = 1;
      config.numAttrs = 1;
    } else if (shape.dependent && after_kernel_ && waits(kernel)) {
      attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
      attribute.val.programmaticStreamSerializationAllowed = 1;
      config.numAttrs = 1;
    }
    if (error == cudaSuccess) error = cudaLaunchKernelExC(&config, kernel, arguments_);
    after_kernel_ = true;
  }

 private:
  /// Only code for compute capability 9.0 and above waits for the kernel before it.
  static bool waits(const void* kernel) {
    cudaFuncAttributes found = {};
    return cudaFuncGetAttributes(&found, kernel) == cudaSuccess && found.ptxVersion >= 90;
  }

  cudaStream_t stream_;
  void** arguments_;
  bool after_kernel_ = true;  // a memset says nothing of when its successor may start
};

}  // namespace ak
