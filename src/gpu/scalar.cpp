#include "gpu/scalar.hpp"

#include <fmt/format.h>

#include <cstring>

#include "base/own_memory.hpp"
#include "gpu/owners.hpp"

namespace ak {

bool in_device_memory(const void* pointer) try {
  if (in_own_memory(pointer)) return false;
  // Of a pointer that the driver does not know, cuPointerGetAttribute makes an error, which takes five times as long.
  unsigned kind = 0;
  CUpointer_attribute which = CU_POINTER_ATTRIBUTE_MEMORY_TYPE;
  void* to = &kind;
  const CUresult result = driver().cuPointerGetAttributes(1, &which, &to, reinterpret_cast<CUdeviceptr>(pointer));
  return result == CUDA_SUCCESS && kind == CU_MEMORYTYPE_DEVICE;
} catch (const Error&) {
  return false;
}

float read_scalar(const void* pointer, Stream stream, const char* name) {
  if (!pointer) throw Error(ErrorCode::invalid_argument, fmt::format("{}: is null", name));
  float value = 0;
  if (!in_device_memory(pointer)) return std::memcpy(&value, pointer, sizeof value), value;
  current_context();
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  if (driver().cuStreamIsCapturing(stream, &status) != CUDA_SUCCESS || status != CU_STREAM_CAPTURE_STATUS_NONE)
    throw Error(ErrorCode::unsupported,
                fmt::format("{}: is in device memory and cannot be read during a stream capture; pass a host pointer", name));
  const RelaxedCapture relaxed;
  check(driver().cuMemcpyDtoHAsync(&value, reinterpret_cast<CUdeviceptr>(pointer), sizeof value, stream), name);
  check(driver().cuStreamSynchronize(stream), name);
  return value;
}

}  // namespace ak
