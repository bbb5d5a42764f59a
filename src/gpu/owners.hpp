// Move-only owners of driver objects. Each frees in the context it was made in, whatever is current then, and with the thread's
// capture mode relaxed, so that letting go never invalidates a capture that runs elsewhere. What its context took with it is
// dropped without a call.
#pragma once

#include <cuda.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "gpu/device.hpp"
#include "gpu/driver.hpp"

namespace ak {

/// While it lives, calls of this thread that global-mode captures forbid (allocation, synchronisation, event queries) are
/// legal.
class RelaxedCapture {
 public:
  RelaxedCapture() { exchange(); }
  ~RelaxedCapture() { exchange(); }
  RelaxedCapture(const RelaxedCapture&) = delete;
  RelaxedCapture& operator=(const RelaxedCapture&) = delete;

 private:
  void exchange() { driver().cuThreadExchangeStreamCaptureMode(&mode_); }
  CUstreamCaptureMode mode_ = CU_STREAM_CAPTURE_MODE_RELAXED;
};

/// Makes a context current on this thread while it lives.
class ContextScope {
 public:
  explicit ContextScope(CUcontext context) { check(driver().cuCtxPushCurrent(context), "entering a CUDA context"); }
  ~ContextScope() {
    CUcontext popped;
    driver().cuCtxPopCurrent(&popped);
  }
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;
};

/// A driver handle and the context it lives in. Traits::release(handle) frees it; failures at that point are nobody's to
/// handle.
template <class Traits>
class Owner {
 public:
  using Handle = typename Traits::Handle;

  Owner() = default;
  Owner(CUcontext context, Handle handle) : context_(context), context_id_(ak::context_id(context)), handle_(handle) {}
  Owner(Owner&& other) noexcept
      : context_(other.context_), context_id_(other.context_id_), handle_(std::exchange(other.handle_, Handle{})) {}
  Owner& operator=(Owner&& other) noexcept {
    std::swap(context_, other.context_);
    std::swap(context_id_, other.context_id_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owner() {
    if (!handle_ || !alive() || driver().cuCtxPushCurrent(context_) != CUDA_SUCCESS) return;
    {
      RelaxedCapture relaxed;
      Traits::release(handle_);
    }
    CUcontext popped;
    driver().cuCtxPopCurrent(&popped);
  }

  Handle get() const { return handle_; }
  std::uint64_t context_id() const { return context_id_; }
  /// Whether its context has not ended.
  bool alive() const { return ak::alive(context_, context_id_); }
  explicit operator bool() const { return handle_ != Handle{}; }

 private:
  CUcontext context_ = nullptr;
  std::uint64_t context_id_ = 0;
  Handle handle_{};
};

struct EventTraits {
  using Handle = CUevent;
  static void release(CUevent event) { driver().cuEventDestroy(event); }
};
class Event : public Owner<EventTraits> {
 public:
  Event() = default;
  enum class Timing { off, on };
  /// In the current context.
  static Event make(Timing timing = Timing::on) {
    CUevent event = nullptr;
    const CUcontext context = current_context();
    check(driver().cuEventCreate(&event, timing == Timing::on ? CU_EVENT_DEFAULT : CU_EVENT_DISABLE_TIMING),
          "creating an event");
    return Event(context, event);
  }
  void record(CUstream stream) const { check(driver().cuEventRecord(get(), stream), "recording an event"); }
  void synchronize() const { check(driver().cuEventSynchronize(get()), "waiting for an event"); }
  /// False while work before it is still running; throws on a fault.
  bool done() const {
    const CUresult result = driver().cuEventQuery(get());
    if (result == CUDA_ERROR_NOT_READY) return false;
    check(result, "querying an event");
    return true;
  }
  /// Microseconds from `start` to this; both have completed.
  double us_since(const Event& start) const {
    float ms = 0;
    check(driver().event_elapsed_ms(&ms, start.get(), get()), "reading event times");
    return ms * 1e3;
  }

 private:
  using Owner::Owner;
};

struct StreamTraits {
  using Handle = CUstream;
  static void release(CUstream stream) { driver().cuStreamDestroy(stream); }
};
/// A non-blocking stream of our own (ak::Stream is the caller's, borrowed), whose work gives way to any other stream's.
class OwnedStream : public Owner<StreamTraits> {
 public:
  OwnedStream() = default;
  static OwnedStream make() {
    CUstream stream = nullptr;
    const CUcontext context = current_context();
    int least = 0, most = 0;
    check(driver().cuCtxGetStreamPriorityRange(&least, &most), "asking for priorities of streams");
    check(driver().cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, least), "creating a stream");
    return OwnedStream(context, stream);
  }
  void synchronize() const { check(driver().cuStreamSynchronize(get()), "waiting for a stream"); }

 private:
  using Owner::Owner;
};

struct BufferTraits {
  using Handle = CUdeviceptr;
  static void release(CUdeviceptr pointer) { driver().cuMemFree(pointer); }
};
/// Device memory, 256-byte aligned, not initialised.
class Buffer : public Owner<BufferTraits> {
 public:
  Buffer() = default;
  /// Throws Error{out_of_memory}. Zero bytes give an empty buffer.
  static Buffer make(std::size_t bytes) {
    if (bytes == 0) return {};
    CUdeviceptr pointer = 0;
    const CUcontext context = current_context();
    check(driver().cuMemAlloc(&pointer, bytes), "allocating device memory");
    return Buffer(context, pointer, bytes);
  }
  std::size_t bytes() const { return bytes_; }
  template <class T = void>
  T* data() const {
    return reinterpret_cast<T*>(get());
  }

 private:
  Buffer(CUcontext context, CUdeviceptr pointer, std::size_t bytes) : Owner(context, pointer), bytes_(bytes) {}
  std::size_t bytes_ = 0;
};

struct ModuleTraits {
  using Handle = CUmodule;
  static void release(CUmodule module) { driver().cuModuleUnload(module); }
};
/// Loaded device code. Unloading waits for the device, so plans keep their modules for the life of the process where they can.
class Module : public Owner<ModuleTraits> {
 public:
  Module() = default;
  /// Loads a cubin or fatbin into the current context. Only images whose checksum was verified: the driver may crash on a
  /// damaged one.
  static Module load(const void* image) {
    CUmodule module = nullptr;
    const CUcontext context = current_context();
    check(driver().cuModuleLoadData(&module, image), "loading device code");
    return Module(context, module);
  }
  /// Null when the module has no such kernel.
  CUfunction find(const char* name) const {
    CUfunction function = nullptr;
    const CUresult result = driver().cuModuleGetFunction(&function, get(), name);
    if (result == CUDA_ERROR_NOT_FOUND) return nullptr;
    check(result, "looking up a kernel");
    return function;
  }
  /// The kernel of a module that has one, whatever it is called; null when it has none or several.
  CUfunction only() const {
    unsigned count = 0;
    check(driver().cuModuleGetFunctionCount(&count, get()), "counting kernels");
    if (count != 1) return nullptr;
    CUfunction function = nullptr;
    check(driver().cuModuleEnumerateFunctions(&function, 1, get()), "looking up a kernel");
    check(driver().cuFuncLoad(function), "loading a kernel");  // now, not in its first launch
    return function;
  }

 private:
  using Owner::Owner;
};

struct GraphTraits {
  using Handle = CUgraph;
  static void release(CUgraph graph) { driver().cuGraphDestroy(graph); }
};
struct GraphExecTraits {
  using Handle = CUgraphExec;
  static void release(CUgraphExec graph) { driver().cuGraphExecDestroy(graph); }
};

/// A captured graph, instantiated and uploaded.
class Graph {
 public:
  Graph() = default;
  /// Captures what `enqueue(stream)` enqueues, in the given mode. When enqueue throws, the capture is ended and dropped.
  template <class Enqueue>
  static Graph capture(CUstream stream, Enqueue&& enqueue, CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED) {
    Graph made;
    CUgraph graph = nullptr;
    const CUcontext context = current_context();
    check(driver().cuStreamBeginCapture(stream, mode), "beginning a stream capture");
    try {
      enqueue(stream);
    } catch (...) {
      driver().cuStreamEndCapture(stream, &graph);
      if (graph) driver().cuGraphDestroy(graph);
      throw;
    }
    check(driver().cuStreamEndCapture(stream, &graph), "ending a stream capture");
    made.graph_ = Owner<GraphTraits>(context, graph);
    CUgraphExec exec = nullptr;
    check(driver().cuGraphInstantiateWithFlags(&exec, graph, 0), "instantiating a graph");
    made.exec_ = Owner<GraphExecTraits>(context, exec);
    check(driver().cuGraphUpload(exec, stream), "uploading a graph");
    return made;
  }
  void launch(CUstream stream) const { check(driver().cuGraphLaunch(exec_.get(), stream), "launching a graph"); }

 private:
  Owner<GraphTraits> graph_;
  Owner<GraphExecTraits> exec_;
};

/// Registers per thread, static shared memory and so on of a loaded kernel.
inline int attribute(CUfunction function, CUfunction_attribute which) {
  int value = 0;
  check(driver().cuFuncGetAttribute(&value, which, function), "reading a kernel attribute");
  return value;
}

/// So many bytes of dynamic shared memory a block, or more where another plan of the kernel asked for more.
inline void allow_shared_bytes(CUfunction function, int bytes) {
  if (bytes <= attribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)) return;
  check(driver().cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes),
        "reserving shared memory");
}

}  // namespace ak
