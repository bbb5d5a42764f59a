// Device memory is host memory, mapped apart as a driver maps it; free and total are as the test says.
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "fake_gpu.hpp"

using namespace fake;

namespace {

// Of a buffer: no two have the same, whatever else begins anew.
unsigned long long next_number() {
  static std::atomic<unsigned long long> last{0};
  return ++last;
}

// Whether [p, p + bytes) lies in live device memory.
bool held(CUdeviceptr p, std::size_t bytes) {
  auto it = state().memory.upper_bound(p);
  if (it == state().memory.begin()) return false;
  --it;
  return p + bytes <= it->first + it->second.bytes;
}

CUresult outside(Frame& frame) { return frame.misuse("not device memory, or freed", CUDA_ERROR_INVALID_VALUE); }

template <class Word>
CUresult set(Frame& frame, CUdeviceptr to, Word value, std::size_t count) {
  if (!held(to, count * sizeof(Word))) return outside(frame);
  std::fill_n(reinterpret_cast<Word*>(to), count, value);
  return CUDA_SUCCESS;
}

CUresult copy(void* to, const void* from, std::size_t bytes) { return std::memcpy(to, from, bytes), CUDA_SUCCESS; }
void* host(CUdeviceptr p) { return reinterpret_cast<void*>(p); }

// Where work is enqueued; in a capture it is only recorded.
bool recorded_only(const Stream& stream) { return stream.capture != nullptr; }

}  // namespace

// A synchronous call on device memory: forbidden beside a capture.
#define FAKE_SYNC(frame)                             \
  if (!frame.context()) return frame(frame.failure); \
  if (frame.forbidden()) return frame(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)
#define FAKE_ON_STREAM(frame, handle)                                                                  \
  Stream* const stream = frame.stream(handle);                                                         \
  if (!stream) return frame(frame.failure);                                                            \
  if (stream->capture && !stream->capture->valid) return frame(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED); \
  if (recorded_only(*stream)) return frame(CUDA_SUCCESS)

extern "C" {

CUresult cuMemGetInfo(size_t* free, size_t* total) {
  FAKE_FRAME("cuMemGetInfo");
  const Context* const context = frame.context();
  if (!context) return frame(frame.failure);
  const Device& device = state().devices[context->device];
  *free = static_cast<size_t>(std::max<std::int64_t>(0, device.total - device.others - device.held));
  *total = static_cast<size_t>(device.total);
  return frame(CUDA_SUCCESS);
}

CUresult cuMemAlloc(CUdeviceptr* p, size_t bytes) {
  FAKE_FRAME("cuMemAlloc", nullptr, bytes);
  FAKE_SYNC(frame);
  Context* const context = frame.context();
  Device& device = state().devices[context->device];
  if (device.held + static_cast<std::int64_t>(bytes) > device.total - device.others) return frame(CUDA_ERROR_OUT_OF_MEMORY);
  if (bytes == 0) return frame(CUDA_ERROR_INVALID_VALUE);
  void* const raw = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) return frame(CUDA_ERROR_OUT_OF_MEMORY);
  std::memset(raw, 0xa5, std::min<std::size_t>(bytes, 1 << 16));  // nobody may find it zeroed
  *p = reinterpret_cast<CUdeviceptr>(raw);
  state().memory[*p] = {context, context->device, bytes, raw, next_number(), false, false};
  device.held += static_cast<std::int64_t>(bytes);
  device.peak = std::max(device.peak, device.held);
  frame.note(*p);
  return frame(CUDA_SUCCESS);
}

CUresult cuMemFree(CUdeviceptr p) {
  FAKE_FRAME("cuMemFree", nullptr, p);
  FAKE_SYNC(frame);
  const auto it = state().memory.find(p);
  if (it == state().memory.end()) return frame(outside(frame));
  state().devices[it->second.device].held -= static_cast<std::int64_t>(it->second.bytes);
  munmap(it->second.raw, it->second.bytes);
  state().memory.erase(it);
  return frame(CUDA_SUCCESS);
}

CUresult cuMemAllocHost(void** p, size_t bytes) {
  FAKE_FRAME("cuMemAllocHost", nullptr, bytes);
  FAKE_SYNC(frame);
  return frame((*p = std::malloc(bytes)) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY);
}

CUresult cuMemFreeHost(void* p) {
  FAKE_FRAME("cuMemFreeHost", nullptr, number(p));
  return std::free(p), frame(CUDA_SUCCESS);
}

// Of what is not device memory everything is 0, without an error.
CUresult cuPointerGetAttributes(unsigned count, CUpointer_attribute* which, void** values, CUdeviceptr p) {
  FAKE_FRAME("cuPointerGetAttributes", nullptr, p);
  const Memory memory = held(p, 1) ? std::prev(state().memory.upper_bound(p))->second : Memory{};
  for (unsigned i = 0; i < count; ++i) switch (which[i]) {
      case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
        *static_cast<unsigned*>(values[i]) = memory.raw ? CU_MEMORYTYPE_DEVICE : 0;
        break;
      case CU_POINTER_ATTRIBUTE_CONTEXT:
        *static_cast<CUcontext*>(values[i]) = reinterpret_cast<CUcontext>(memory.context);
        break;
      case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
        *static_cast<int*>(values[i]) = memory.device;
        break;
      case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
        *static_cast<CUdeviceptr*>(values[i]) = reinterpret_cast<CUdeviceptr>(memory.raw);
        break;
      case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
        *static_cast<std::size_t*>(values[i]) = memory.bytes;
        break;
      case CU_POINTER_ATTRIBUTE_IS_MANAGED:
        *static_cast<unsigned*>(values[i]) = memory.managed;
        break;
      case CU_POINTER_ATTRIBUTE_BUFFER_ID:
        *static_cast<unsigned long long*>(values[i]) = memory.number;
        break;
      case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
        *static_cast<unsigned*>(values[i]) = memory.raw && !memory.mapped;
        break;
      default:
        return frame(CUDA_ERROR_INVALID_VALUE);
    }
  return frame(CUDA_SUCCESS);
}

CUresult cuMemcpyHtoD(CUdeviceptr to, const void* from, size_t bytes) {
  FAKE_FRAME("cuMemcpyHtoD", nullptr, to, bytes);
  FAKE_SYNC(frame);
  return frame(held(to, bytes) ? copy(host(to), from, bytes) : outside(frame));
}

CUresult cuMemcpyDtoH(void* to, CUdeviceptr from, size_t bytes) {
  FAKE_FRAME("cuMemcpyDtoH", nullptr, from, bytes);
  FAKE_SYNC(frame);
  return frame(held(from, bytes) ? copy(to, host(from), bytes) : outside(frame));
}

CUresult cuMemcpyDtoD(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  FAKE_FRAME("cuMemcpyDtoD", nullptr, to, bytes);
  FAKE_SYNC(frame);
  return frame(held(to, bytes) && held(from, bytes) ? copy(host(to), host(from), bytes) : outside(frame));
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void* from, size_t bytes, CUstream on) {
  FAKE_FRAME("cuMemcpyHtoDAsync", on, to, bytes);
  FAKE_ON_STREAM(frame, on);
  return frame(held(to, bytes) ? copy(host(to), from, bytes) : outside(frame));
}

CUresult cuMemcpyDtoHAsync(void* to, CUdeviceptr from, size_t bytes, CUstream on) {
  FAKE_FRAME("cuMemcpyDtoHAsync", on, from, bytes);
  FAKE_ON_STREAM(frame, on);
  return frame(held(from, bytes) ? copy(to, host(from), bytes) : outside(frame));
}

CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream on) {
  FAKE_FRAME("cuMemcpyDtoDAsync", on, to, bytes);
  FAKE_ON_STREAM(frame, on);
  return frame(held(to, bytes) && held(from, bytes) ? copy(host(to), host(from), bytes) : outside(frame));
}

CUresult cuMemcpy2DAsync(const CUDA_MEMCPY2D* c, CUstream on) {
  FAKE_FRAME("cuMemcpy2DAsync", on, c->dstDevice, c->Height);
  FAKE_ON_STREAM(frame, on);
  for (size_t row = 0; row < c->Height; ++row) {
    const void* const from = c->srcMemoryType == CU_MEMORYTYPE_HOST ? c->srcHost : host(c->srcDevice);
    void* const to = c->dstMemoryType == CU_MEMORYTYPE_HOST ? c->dstHost : host(c->dstDevice);
    copy(static_cast<char*>(to) + row * c->dstPitch, static_cast<const char*>(from) + row * c->srcPitch, c->WidthInBytes);
  }
  return frame(CUDA_SUCCESS);
}

CUresult cuMemsetD8(CUdeviceptr to, unsigned char value, size_t count) {
  FAKE_FRAME("cuMemsetD8", nullptr, to, count);
  FAKE_SYNC(frame);
  return frame(set(frame, to, value, count));
}
CUresult cuMemsetD16(CUdeviceptr to, unsigned short value, size_t count) {
  FAKE_FRAME("cuMemsetD16", nullptr, to, count);
  FAKE_SYNC(frame);
  return frame(set(frame, to, value, count));
}
CUresult cuMemsetD32(CUdeviceptr to, unsigned value, size_t count) {
  FAKE_FRAME("cuMemsetD32", nullptr, to, count);
  FAKE_SYNC(frame);
  return frame(set(frame, to, value, count));
}
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream on) {
  FAKE_FRAME("cuMemsetD8Async", on, to, count);
  FAKE_ON_STREAM(frame, on);
  return frame(set(frame, to, value, count));
}
CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, CUstream on) {
  FAKE_FRAME("cuMemsetD16Async", on, to, count);
  FAKE_ON_STREAM(frame, on);
  return frame(set(frame, to, value, count));
}
CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream on) {
  FAKE_FRAME("cuMemsetD32Async", on, to, count);
  FAKE_ON_STREAM(frame, on);
  return frame(set(frame, to, value, count));
}
}  // extern "C"

namespace fake {

void map(void* memory, std::size_t bytes, bool mapped, bool managed) {
  const std::lock_guard lock(state().mutex);
  const auto at = reinterpret_cast<CUdeviceptr>(memory);
  if (mapped)
    state().memory[at] = {nullptr, 0, bytes, memory, next_number(), true, managed};
  else
    state().memory.erase(at);
}

}  // namespace fake
