// What the fake driver knows. One lock guards it all; a call that hangs has let go of it.
#pragma once

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "fake_driver.hpp"

namespace fake {

struct Context {
  std::uint64_t id = 0;
  CUdevice device = 0;
  bool alive = true;
  int retained = 0;  // of a primary context
};

// Whatever lives in a context and ends with it.
struct Object {
  virtual ~Object() = default;
  Context* context = nullptr;
  bool alive = true;
};

// What goes with the graphs that hold it.
struct UserObject {
  UserObject(CUhostFn destroy, void* pointer) : destroy(destroy), pointer(pointer) {}
  ~UserObject() { destroy(pointer); }
  const CUhostFn destroy;
  void* const pointer;
};

struct Graph : Object {
  std::vector<std::shared_ptr<UserObject>> held;
};

struct Capture {
  std::uint64_t id = 0;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  int thread = 0;
  bool valid = true, blocking = false;
  Graph* graph = nullptr;
};

struct Stream : Object {
  std::uint64_t id = 0;
  bool blocking = true, busy = false;
  std::chrono::steady_clock::time_point busy_until;
  bool runs() const { return busy || std::chrono::steady_clock::now() < busy_until; }
  std::shared_ptr<Capture> capture;
  bool origin = false;  // of its capture
};

struct Event : Object {
  Stream* stream = nullptr;          // where it was last recorded
  std::shared_ptr<Capture> capture;  // in which it was last recorded
};

struct Module : Object {
  std::string image;               // what the fake NVRTC made of a source; empty of any other
  std::string only = "ak_kernel";  // its kernel, where it has one
  std::map<std::string, CUfunction> functions;
};

struct Function {
  Module* module = nullptr;
  std::string name;
  bool own = false;
};

struct Memory {
  Context* context = nullptr;
  CUdevice device = 0;
  std::size_t bytes = 0;
  void* raw = nullptr;
  unsigned long long number = 0;
  bool mapped = false;  // by cuMemMap: what lies at its address later may be the host's
  bool managed = false;
};

struct Failure {
  CUresult result = CUDA_SUCCESS;
  int times = 0, skip = 0;
};

struct Device {
  std::int64_t total = std::int64_t{16} << 30, others = 0, held = 0, peak = 0;
  Context* primary = nullptr;
};

// Handles are addresses of these objects, which are never freed: a dead one is known by its mark.
struct State {
  State();
  const pid_t process = getpid();
  std::mutex mutex;
  std::condition_variable released;
  std::vector<Call> calls;
  std::vector<Launch> launches;
  std::vector<std::string> misuses;
  std::map<std::string, Failure> failures;
  int fail_in = 0;
  CUresult fail_with = CUDA_SUCCESS;
  CUresult lost = CUDA_SUCCESS;  // what a kernel's fault makes every call answer
  std::map<std::string, int> hanging;
  std::set<std::string> hangs;
  std::map<std::string, std::function<void(const Launch&)>> kernels;
  std::map<CUdevice_attribute, int> attributes;  // that are not the usual ones
  int device_count = 1;
  Device devices[kMostDevices];
  std::vector<float> elapsed_ms{0.01f};
  std::size_t elapsed_asked = 0;
  std::uint64_t next_id = 1;
  int threads = 0;
  std::set<Context*> contexts;
  std::set<Object*> objects;
  std::set<Function*> functions;
  std::map<CUdeviceptr, Memory> memory;
  std::map<std::pair<int, Context*>, Stream*> default_streams;  // of a thread; 0: legacy
  std::vector<std::shared_ptr<Capture>> captures;
};

State& state();

struct Thread {
  Thread();
  int number;
  std::vector<Context*> contexts;  // current: the last
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  Context* current() const { return contexts.empty() ? nullptr : contexts.back(); }
};
Thread& thread();

/// A driver function's frame: the lock, the record, scripted failures and hangs.
class Frame {
 public:
  explicit Frame(const char* name, CUstream stream = nullptr, std::uint64_t a = 0, std::uint64_t b = 0);
  ~Frame();
  /// What the call must answer before it does anything; success: go on.
  CUresult refused() const { return refused_; }
  CUresult operator()(CUresult result) { return call_.result = result; }
  CUresult misuse(const char* why, CUresult result);
  void note(std::uint64_t value) { call_.args[2] = value; }

  Context* context();  // the current one, alive; null: misuse or none, and `failure` says what to answer
  CUresult failure = CUDA_SUCCESS;
  /// Null for a dead or unknown handle, which is a misuse.
  template <class T, class Handle>
  T* find(Handle handle, const char* what) {
    auto* object = reinterpret_cast<T*>(handle);
    if (!state().objects.count(object)) return failure = misuse(what, CUDA_ERROR_INVALID_HANDLE), nullptr;
    if (!object->alive || !object->context->alive) return failure = misuse(what, CUDA_ERROR_CONTEXT_IS_DESTROYED), nullptr;
    return object;
  }
  Stream* stream(CUstream handle);
  /// A call that some capture forbids: it fails and breaks that capture.
  bool forbidden();

 private:
  std::unique_lock<std::mutex> lock_;
  Call call_;
  CUresult refused_ = CUDA_SUCCESS;
};

#define FAKE_FRAME(...)           \
  fake::Frame frame(__VA_ARGS__); \
  if (frame.refused() != CUDA_SUCCESS) return frame(frame.refused())

template <class T>
T* made(Context* context) {
  auto* object = new T;
  object->context = context;
  state().objects.insert(object);
  return object;
}

inline std::uint64_t number(const void* p) { return reinterpret_cast<std::uint64_t>(p); }

void invalidate(Capture& capture);
/// Ends a context and all in it.
void end(Context& context);

}  // namespace fake
