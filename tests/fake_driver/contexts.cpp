// The driver itself, devices, contexts.
#include <cstring>

#include "fake_gpu.hpp"

using namespace fake;

namespace {

Context* as_context(CUcontext handle) {
  auto* context = reinterpret_cast<Context*>(handle);
  return state().contexts.count(context) ? context : nullptr;
}

CUresult attribute_of(int* value, CUdevice_attribute which) {
  if (const auto told = state().attributes.find(which); told != state().attributes.end())
    return *value = told->second, CUDA_SUCCESS;
  switch (which) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
      return *value = 9, CUDA_SUCCESS;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
      return *value = 0, CUDA_SUCCESS;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
      return *value = 132, CUDA_SUCCESS;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
      return *value = 227 << 10, CUDA_SUCCESS;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR:
      return *value = 228 << 10, CUDA_SUCCESS;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR:
      return *value = 65536, CUDA_SUCCESS;
    case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE:
      return *value = 1 << 20, CUDA_SUCCESS;  // small, so that what rotates over it is small too
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE:
      return *value = 1980000, CUDA_SUCCESS;
    case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE:
      return *value = 3201000, CUDA_SUCCESS;
    case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH:
      return *value = 6144, CUDA_SUCCESS;
    default:
      return *value = 0, CUDA_SUCCESS;
  }
}

}  // namespace

extern "C" {

CUresult cuInit(unsigned) {
  FAKE_FRAME("cuInit");
  return frame(state().device_count > 0 ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE);
}

CUresult cuDriverGetVersion(int* version) {
  FAKE_FRAME("cuDriverGetVersion");
  return *version = CUDA_VERSION, frame(CUDA_SUCCESS);
}

// Neither is recorded: they only put a failure in words.
CUresult cuGetErrorName(CUresult, const char** name) { return *name = "CUDA_ERROR_OF_THE_FAKE", CUDA_SUCCESS; }
CUresult cuGetErrorString(CUresult, const char** text) { return *text = "a scripted failure", CUDA_SUCCESS; }

CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  FAKE_FRAME("cuDeviceGet");
  if (ordinal < 0 || ordinal >= state().device_count) return frame(CUDA_ERROR_INVALID_DEVICE);
  return *device = ordinal, frame(CUDA_SUCCESS);
}

CUresult cuDeviceGetCount(int* count) {
  FAKE_FRAME("cuDeviceGetCount");
  return *count = state().device_count, frame(CUDA_SUCCESS);
}

CUresult cuDeviceGetName(char* name, int size, CUdevice) {
  FAKE_FRAME("cuDeviceGetName");
  std::strncpy(name, "Fake H200", static_cast<std::size_t>(size));
  return frame(CUDA_SUCCESS);
}

CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  FAKE_FRAME("cuDeviceGetUuid");
  for (int i = 0; i < 16; ++i) uuid->bytes[i] = static_cast<char>(i == 15 ? device : i);
  return frame(CUDA_SUCCESS);
}

CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute which, CUdevice) {
  FAKE_FRAME("cuDeviceGetAttribute");
  return frame(attribute_of(value, which));
}

CUresult cuDeviceTotalMem(size_t* bytes, CUdevice device) {
  FAKE_FRAME("cuDeviceTotalMem");
  return *bytes = static_cast<size_t>(state().devices[device].total), frame(CUDA_SUCCESS);
}

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  FAKE_FRAME("cuDevicePrimaryCtxRetain");
  Context*& primary = state().devices[device].primary;
  if (!primary) {
    primary = new Context{state().next_id++, device};
    state().contexts.insert(primary);
  }
  if (!primary->alive) primary->alive = true, primary->id = state().next_id++, primary->retained = 0;
  ++primary->retained;
  return *context = reinterpret_cast<CUcontext>(primary), frame(CUDA_SUCCESS);
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
  FAKE_FRAME("cuDevicePrimaryCtxRelease");
  Context* const primary = state().devices[device].primary;
  if (!primary || primary->retained == 0) return frame(CUDA_ERROR_INVALID_CONTEXT);
  if (--primary->retained == 0) end(*primary);
  return frame(CUDA_SUCCESS);
}

CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active) {
  FAKE_FRAME("cuDevicePrimaryCtxGetState");
  const Context* const primary = state().devices[device].primary;
  *flags = 0, *active = primary && primary->alive;
  return frame(CUDA_SUCCESS);
}

CUresult cuCtxGetCurrent(CUcontext* context) {
  FAKE_FRAME("cuCtxGetCurrent");
  return *context = reinterpret_cast<CUcontext>(thread().current()), frame(CUDA_SUCCESS);
}

CUresult cuCtxSetCurrent(CUcontext context) {
  FAKE_FRAME("cuCtxSetCurrent", nullptr, number(context));
  auto& stack = thread().contexts;
  if (!stack.empty()) stack.pop_back();
  if (!context) return frame(CUDA_SUCCESS);
  Context* const made = as_context(context);
  if (!made) return frame(frame.misuse("no context", CUDA_ERROR_INVALID_CONTEXT));
  stack.push_back(made);
  return frame(CUDA_SUCCESS);
}

// The real one takes a dead context too, and what follows fails; nobody should come that far.
CUresult cuCtxPushCurrent(CUcontext context) {
  FAKE_FRAME("cuCtxPushCurrent", nullptr, number(context));
  Context* const pushed = as_context(context);
  if (!pushed) return frame(frame.misuse("no context", CUDA_ERROR_INVALID_CONTEXT));
  thread().contexts.push_back(pushed);
  if (!pushed->alive) frame.misuse("the context has ended", CUDA_SUCCESS);
  return frame(CUDA_SUCCESS);
}

CUresult cuCtxPopCurrent(CUcontext* context) {
  FAKE_FRAME("cuCtxPopCurrent");
  auto& stack = thread().contexts;
  if (stack.empty()) return frame(CUDA_ERROR_INVALID_CONTEXT);
  *context = reinterpret_cast<CUcontext>(stack.back());
  stack.pop_back();
  return frame(CUDA_SUCCESS);
}

CUresult cuCtxGetDevice(CUdevice* device) {
  FAKE_FRAME("cuCtxGetDevice");
  const Context* const current = frame.context();
  if (!current) return frame(frame.failure);
  return *device = current->device, frame(CUDA_SUCCESS);
}

// How a dead context is told: an error, and no misuse.
CUresult cuCtxGetId(CUcontext handle, unsigned long long* id) {
  FAKE_FRAME("cuCtxGetId", nullptr, number(handle));
  const Context* const context = handle ? as_context(handle) : thread().current();
  if (!context) return frame(CUDA_ERROR_INVALID_CONTEXT);
  if (!context->alive) return frame(CUDA_ERROR_CONTEXT_IS_DESTROYED);
  return *id = context->id, frame(CUDA_SUCCESS);
}

// In a capture of any mode, from any thread.
CUresult cuCtxSynchronize() {
  FAKE_FRAME("cuCtxSynchronize");
  if (!frame.context()) return frame(frame.failure);
  if (state().captures.empty()) return frame(CUDA_SUCCESS);
  for (const auto& capture : state().captures) invalidate(*capture);
  return frame(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

}  // extern "C"
