// The CUDA driver, opened at run time: on a machine without one everything else still works.
#pragma once

#include <cuda.h>

#include <string_view>

#include "ak/types.hpp"

// Names as cuda.h spells them; where it maps a name to a versioned one (cuMemAlloc -> cuMemAlloc_v2), the table follows it.
// clang-format off
#define AK_DRIVER_FUNCTIONS(X)                                                                                               \
  X(cuDriverGetVersion) X(cuGetErrorName) X(cuGetErrorString)                                                                \
  X(cuDeviceGet) X(cuDeviceGetCount) X(cuDeviceGetName) X(cuDeviceGetAttribute) X(cuDeviceGetUuid)                           \
  X(cuDevicePrimaryCtxRetain)                                                                                                \
  X(cuCtxGetCurrent) X(cuCtxSetCurrent) X(cuCtxPushCurrent) X(cuCtxPopCurrent) X(cuCtxGetDevice) X(cuCtxGetId)               \
  X(cuCtxSynchronize)                                                                                                        \
  X(cuModuleLoadData) X(cuModuleUnload) X(cuModuleGetFunction) X(cuModuleGetFunctionCount) X(cuModuleEnumerateFunctions)     \
  X(cuFuncLoad) X(cuFuncGetAttribute) X(cuFuncSetAttribute)                                                                  \
  X(cuLaunchKernelEx)                                                                                                        \
  X(cuMemGetInfo) X(cuMemAlloc) X(cuMemFree) X(cuMemAllocHost) X(cuMemFreeHost) X(cuPointerGetAttributes)                    \
  X(cuMemcpyHtoD) X(cuMemcpyDtoH) X(cuMemcpyHtoDAsync) X(cuMemcpyDtoHAsync) X(cuMemcpyDtoDAsync)                             \
  X(cuMemsetD16) X(cuMemsetD8Async)                                                                                          \
  X(cuStreamCreateWithPriority) X(cuCtxGetStreamPriorityRange) X(cuStreamDestroy) X(cuStreamSynchronize) X(cuStreamQuery) X(cuStreamWaitEvent) X(cuStreamGetCtx)        \
  X(cuStreamGetId) X(cuStreamIsCapturing) X(cuStreamGetCaptureInfo) X(cuStreamBeginCapture) X(cuStreamEndCapture)                                      \
  X(cuThreadExchangeStreamCaptureMode)                                                                                       \
  X(cuEventCreate) X(cuEventDestroy) X(cuEventRecord) X(cuEventQuery) X(cuEventSynchronize)                                  \
  X(cuUserObjectCreate) X(cuUserObjectRelease) X(cuGraphRetainUserObject)                                                    \
  X(cuGraphDestroy) X(cuGraphInstantiateWithFlags) X(cuGraphUpload) X(cuGraphLaunch) X(cuGraphExecDestroy)                   \
  X(cuTensorMapEncodeTiled)
// clang-format on

namespace ak {

struct Driver {
#define AK_DRIVER_MEMBER(function) decltype(::function)* function;
  AK_DRIVER_FUNCTIONS(AK_DRIVER_MEMBER)
#undef AK_DRIVER_MEMBER
  CUresult (*event_elapsed_ms)(float* ms, CUevent from, CUevent to);  // the form that every driver has
};

/// Opens libcuda and runs cuInit on first use. Throws Error{missing_library} without libcuda or with one too old, Error{driver}
/// when there is no usable GPU; a later call tries again.
const Driver& driver();

/// Whether driver() works and a device exists; `why` gets the reason when not.
bool gpu_available(std::string* why = nullptr);

/// The driver's own words: "CUDA_ERROR_INVALID_VALUE (1): invalid argument".
std::string describe(CUresult result);

[[noreturn]] void throw_driver_error(CUresult result, std::string_view what);

/// Throws Error{driver} (Error{out_of_memory} for that result): "<what>: <the driver's words>". `what` says what was tried.
inline void check(CUresult result, std::string_view what) {
  if (result != CUDA_SUCCESS) [[unlikely]]
    throw_driver_error(result, what);
}

}  // namespace ak
