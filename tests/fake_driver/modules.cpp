// Modules have every kernel they are asked for, and one where they are asked for all; launches are written down, and do what a
// test says.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

#include "fake_gpu.hpp"

using namespace fake;

#define FAKE_MODULE(handle)                                                \
  Module* const module = frame.find<Module>(handle, "its module is gone"); \
  if (!module) return frame(frame.failure)

namespace {

Function* function_of(Frame& frame, CUfunction handle) {
  auto* function = reinterpret_cast<Function*>(handle);
  if (!state().functions.count(function))
    return frame.failure = frame.misuse("no function", CUDA_ERROR_INVALID_HANDLE), nullptr;
  if (!function->module->alive || !function->module->context->alive)
    return frame.failure = frame.misuse("its function is gone", CUDA_ERROR_CONTEXT_IS_DESTROYED), nullptr;
  return function;
}

CUfunction function_named(Module* module, const std::string& name) {
  CUfunction& function = module->functions[name];
  if (!function) {
    auto* made = new Function{module, name};
    state().functions.insert(made);
    function = reinterpret_cast<CUfunction>(made);
  }
  return function;
}

}  // namespace

extern "C" {

CUresult cuModuleLoadData(CUmodule* out, const void* image) {
  FAKE_FRAME("cuModuleLoadData", nullptr, number(image));
  Context* const context = frame.context();
  if (!context) return frame(frame.failure);
  if (!image) return frame(CUDA_ERROR_INVALID_IMAGE);
  auto* module = made<Module>(context);
  constexpr std::string_view kScripted = "fake kernel: ", kNamed = "\nnamed ";
  const std::string_view bytes = static_cast<const char*>(image);
  if (bytes.starts_with(kScripted)) module->image = bytes.substr(kScripted.size(), bytes.find('\n') - kScripted.size());
  if (const auto at = bytes.find(kNamed); at != bytes.npos) module->only = bytes.substr(at + kNamed.size());
  return *out = reinterpret_cast<CUmodule>(module), frame(CUDA_SUCCESS);
}

CUresult cuModuleUnload(CUmodule handle) {
  FAKE_FRAME("cuModuleUnload", nullptr, number(handle));
  FAKE_MODULE(handle);
  return module->alive = false, frame(CUDA_SUCCESS);
}

CUresult cuModuleGetFunction(CUfunction* out, CUmodule handle, const char* name) {
  FAKE_FRAME("cuModuleGetFunction", nullptr, number(handle));
  FAKE_MODULE(handle);
  return *out = function_named(module, name), frame(CUDA_SUCCESS);
}

CUresult cuModuleGetFunctionCount(unsigned* count, CUmodule handle) {
  FAKE_FRAME("cuModuleGetFunctionCount", nullptr, number(handle));
  FAKE_MODULE(handle);
  return *count = 1, frame(CUDA_SUCCESS);
}

CUresult cuModuleEnumerateFunctions(CUfunction* out, unsigned, CUmodule handle) {
  FAKE_FRAME("cuModuleEnumerateFunctions", nullptr, number(handle));
  FAKE_MODULE(handle);
  *out = function_named(module, module->only);
  reinterpret_cast<Function*>(*out)->own = true;
  return frame(CUDA_SUCCESS);
}

CUresult cuFuncLoad(CUfunction handle) {
  FAKE_FRAME("cuFuncLoad", nullptr, number(handle));
  return frame(function_of(frame, handle) ? CUDA_SUCCESS : frame.failure);
}

CUresult cuModuleGetGlobal(CUdeviceptr*, size_t*, CUmodule handle, const char*) {
  FAKE_FRAME("cuModuleGetGlobal", nullptr, number(handle));
  FAKE_MODULE(handle);
  return frame(CUDA_ERROR_NOT_FOUND);
}

CUresult cuFuncGetAttribute(int* value, CUfunction_attribute, CUfunction handle) {
  FAKE_FRAME("cuFuncGetAttribute", nullptr, number(handle));
  if (!function_of(frame, handle)) return frame(frame.failure);
  return *value = 0, frame(CUDA_SUCCESS);
}

CUresult cuFuncSetAttribute(CUfunction handle, CUfunction_attribute, int value) {
  FAKE_FRAME("cuFuncSetAttribute", nullptr, number(handle), static_cast<std::uint64_t>(value));
  return frame(function_of(frame, handle) ? CUDA_SUCCESS : frame.failure);
}

CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction handle, void** parameters, void**) {
  FAKE_FRAME("cuLaunchKernelEx", config->hStream, number(handle));
  const Function* const function = function_of(frame, handle);
  if (!function) return frame(frame.failure);
  Stream* const stream = frame.stream(config->hStream);
  if (!stream) return frame(frame.failure);
  if (stream->capture && !stream->capture->valid) return frame(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  if (function->module->context != stream->context) return frame(CUDA_ERROR_INVALID_HANDLE);
  Launch launch{function->name,
                config->hStream,
                {config->gridDimX, config->gridDimY, config->gridDimZ},
                {config->blockDimX, config->blockDimY, config->blockDimZ},
                config->sharedMemBytes,
                thread().number,
                parameters,
                function->own};
  for (unsigned i = 0; i < config->numAttrs; ++i) {
    const CUlaunchAttribute& attribute = config->attrs[i];
    if (attribute.id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) launch.cooperative = attribute.value.cooperative;
    if (attribute.id == CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION)
      launch.programmatic = attribute.value.programmaticStreamSerializationAllowed;
  }
  const std::string& scripted = function->module->image.empty() ? function->name : function->module->image;
  const auto kernel = state().kernels.find(scripted);
  if (kernel != state().kernels.end()) {
    if (!stream->capture) kernel->second(launch);
  } else if (function->own) {
    launch.args = *static_cast<const ak::KernelArgs*>(parameters[0]);
  }
  state().launches.push_back(launch);
  if (scripted == "crashes") std::abort();
  if (scripted == "is killed") ::kill(::getpid(), SIGKILL);  // as by one who frees memory
  if (scripted == "starves") throw std::bad_alloc();         // no host memory is left
  if (scripted == "hangs") stream->busy = true;
  if (scripted == "lasts") stream->busy_until = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  if (scripted == "faults") state().lost = CUDA_ERROR_ILLEGAL_ADDRESS;
  return frame(CUDA_SUCCESS);
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction, int, size_t) {
  FAKE_FRAME("cuOccupancyMaxActiveBlocksPerMultiprocessor");
  return *blocks = 1, frame(CUDA_SUCCESS);
}

CUresult cuOccupancyMaxActiveClusters(int* clusters, CUfunction, const CUlaunchConfig*) {
  FAKE_FRAME("cuOccupancyMaxActiveClusters");
  return *clusters = 1, frame(CUDA_SUCCESS);
}

CUresult cuTensorMapEncodeTiled(CUtensorMap* map, CUtensorMapDataType type, cuuint32_t, void* base, const cuuint64_t* extent,
                                const cuuint64_t* stride, const cuuint32_t* box, const cuuint32_t*, CUtensorMapInterleave,
                                CUtensorMapSwizzle swizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  FAKE_FRAME("cuTensorMapEncodeTiled", nullptr, number(base));
  const TensorMap told{number(base), {extent[0], extent[1]}, stride[0], {box[0], box[1]}, type, swizzle};
  static_assert(sizeof told <= sizeof *map);
  std::memcpy(map, &told, sizeof told);
  return frame(CUDA_SUCCESS);
}

}  // extern "C"
