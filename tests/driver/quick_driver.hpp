// The driver as hot calls see it: what they ask is answered at once, without a lock, an allocation or a record of it.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "gpu/driver.hpp"
#include "gpu/owners.hpp"

/// While it lives; all other questions are the fake driver's. One at a time, and calls on one stream: its own threads'
/// business.
class QuickDriver {
 public:
  /// The stream that calls are on, which captures nothing, and buffers that they may ask of.
  explicit QuickDriver(CUstream stream, std::initializer_list<const ak::Buffer*> buffers = {}) : was_(ak::driver()) {
    ak::check(was_.cuCtxGetId(nullptr, &context_), "asking for the context's number");
    ak::check(was_.cuStreamGetId(stream, &stream_), "asking for a stream's number");
    buffers_.clear();
    for (const ak::Buffer* buffer : buffers) know(*buffer);
    Driver& table = const_cast<Driver&>(ak::driver());
    table.cuCtxGetId = [](CUcontext, unsigned long long* id) { return ++asked_[0], *id = context_, CUDA_SUCCESS; };
    table.cuStreamGetCaptureInfo = [](CUstream, CUstreamCaptureStatus* status, cuuint64_t*, CUgraph*, const CUgraphNode**,
                                      const CUgraphEdgeData**, std::size_t*) {
      return ++asked_[1], *status = CU_STREAM_CAPTURE_STATUS_NONE, CUDA_SUCCESS;
    };
    table.cuStreamGetId = [](CUstream, unsigned long long* id) { return ++asked_[2], *id = stream_, CUDA_SUCCESS; };
    table.cuPointerGetAttributes = [](unsigned, CUpointer_attribute*, void** into, CUdeviceptr at) {
      ++asked_[3];
      for (const Known& known : buffers_)
        if (at >= known.begin && at < known.end) {  // its type and its number
          *static_cast<unsigned*>(into[0]) = CU_MEMORYTYPE_DEVICE, *static_cast<unsigned long long*>(into[1]) = known.number;
          return CUDA_SUCCESS;
        }
      *static_cast<unsigned*>(into[0]) = 0, *static_cast<unsigned long long*>(into[1]) = 0;  // the host's
      return CUDA_SUCCESS;
    };
    table.cuTensorMapEncodeTiled = [](CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*,
                                      const cuuint64_t*, const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave,
                                      CUtensorMapSwizzle, CUtensorMapL2promotion,
                                      CUtensorMapFloatOOBfill) { return ++asked_[4], CUDA_SUCCESS; };
    table.cuLaunchKernelEx = [](const CUlaunchConfig*, CUfunction, void**, void**) { return ++asked_[5], CUDA_SUCCESS; };
    table.cuStreamIsCapturing = [](CUstream, CUstreamCaptureStatus* status) {
      return ++asked_[6], *status = CU_STREAM_CAPTURE_STATUS_NONE, CUDA_SUCCESS;
    };
    table.cuStreamQuery = [](CUstream) { return ++asked_[7], CUDA_SUCCESS; };
    table.cuThreadExchangeStreamCaptureMode = [](CUstreamCaptureMode*) { return ++asked_[8], CUDA_SUCCESS; };
    asked_.fill(0);
  }
  ~QuickDriver() { const_cast<Driver&>(ak::driver()) = was_; }
  QuickDriver(const QuickDriver&) = delete;
  QuickDriver& operator=(const QuickDriver&) = delete;

  /// "1 cuCtxGetId, 1 cuLaunchKernelEx" since the last forget().
  static std::string asked() {
    constexpr const char* kNames[] = {"cuCtxGetId",
                                      "cuStreamGetCaptureInfo",
                                      "cuStreamGetId",
                                      "cuPointerGetAttributes",
                                      "cuTensorMapEncodeTiled",
                                      "cuLaunchKernelEx",
                                      "cuStreamIsCapturing",
                                      "cuStreamQuery",
                                      "cuThreadExchangeStreamCaptureMode"};
    std::string text;
    for (std::size_t i = 0; i < asked_.size(); ++i)
      if (asked_[i]) text += (text.empty() ? "" : ", ") + std::to_string(asked_[i]) + " " + kNames[i];
    return text;
  }
  static void forget() { asked_.fill(0); }

 private:
  using Driver = ak::Driver;
  struct Known {
    CUdeviceptr begin = 0, end = 0;
    unsigned long long number = 0;
  };
  static void know(const ak::Buffer& buffer) {
    CUpointer_attribute which[] = {CU_POINTER_ATTRIBUTE_BUFFER_ID};
    Known known{buffer.get(), buffer.get() + buffer.bytes(), 0};
    void* into[] = {&known.number};
    ak::check(ak::driver().cuPointerGetAttributes(1, which, into, buffer.get()), "asking for a buffer's number");
    buffers_.push_back(known);
  }

  const Driver was_;
  inline static std::array<std::int64_t, 9> asked_{};
  inline static unsigned long long context_ = 0, stream_ = 0;
  inline static std::vector<Known> buffers_;
};
