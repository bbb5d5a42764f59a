#include "fake_gpu.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace fake {

State::State() {
  for (char** each = environ; *each; ++each) {
    int which = 0, value = 0;
    if (std::sscanf(*each, "FAKE_ATTRIBUTE_%d=%d", &which, &value) == 2)
      attributes[static_cast<CUdevice_attribute>(which)] = value;
    if (std::sscanf(*each, "FAKE_DEVICES=%d", &value) == 1) device_count = value;
  }
}

State& state() {
  static State& all = *new State;  // outlives every static of a test
  return all;
}

Thread::Thread() : number(++state().threads) {}

Thread& thread() {
  static thread_local Thread mine;
  return mine;
}

Frame::Frame(const char* name, CUstream stream, std::uint64_t a, std::uint64_t b) : lock_(state().mutex, std::defer_lock) {
  State& s = state();
  if (getpid() != s.process) {  // a forked child, whose parent may have held the lock
    refused_ = CUDA_ERROR_NOT_INITIALIZED;
    return;
  }
  lock_.lock();
  call_ = {name, thread().number, stream, {a, b, 0}, CUDA_SUCCESS};
  if (s.hangs.count(name)) {
    ++s.hanging[name];
    s.released.notify_all();
    s.released.wait(lock_, [&] { return !s.hangs.count(name); });
    --s.hanging[name];
  }
  refused_ = s.lost;
  if (s.fail_in > 0 && --s.fail_in == 0) refused_ = s.fail_with;
  if (const auto it = s.failures.find(name); it != s.failures.end()) {
    Failure& failure = it->second;
    if (failure.skip > 0) {
      --failure.skip;
    } else if (failure.times != 0) {
      refused_ = failure.result;
      if (failure.times > 0) --failure.times;
    }
  }
}

Frame::~Frame() {
  if (lock_) state().calls.push_back(std::move(call_));
}

CUresult Frame::misuse(const char* why, CUresult result) {
  state().misuses.push_back(call_.name + ": " + why);
  return result;
}

Context* Frame::context() {
  Context* const current = thread().current();
  if (!current) return failure = CUDA_ERROR_INVALID_CONTEXT, nullptr;
  if (!current->alive) return failure = misuse("the current context has ended", CUDA_ERROR_CONTEXT_IS_DESTROYED), nullptr;
  return current;
}

Stream* Frame::stream(CUstream handle) {
  if (handle && handle != CU_STREAM_LEGACY && handle != CU_STREAM_PER_THREAD) return find<Stream>(handle, "its stream is gone");
  Context* const current = context();
  if (!current) return nullptr;
  Stream*& mine = state().default_streams[{handle == CU_STREAM_PER_THREAD ? thread().number : 0, current}];
  if (!mine) {
    mine = made<Stream>(current);
    mine->id = state().next_id++;
  }
  return mine;
}

void invalidate(Capture& capture) { capture.valid = false; }

bool Frame::forbidden() {
  bool broke = false;
  for (const auto& capture : state().captures) {
    const bool mine = capture->thread == thread().number && capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED;
    const bool global = capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
    const CUstreamCaptureMode mode = thread().mode;
    if (mode == CU_STREAM_CAPTURE_MODE_RELAXED) continue;
    if (mine || (mode == CU_STREAM_CAPTURE_MODE_GLOBAL && global)) invalidate(*capture), broke = true;
  }
  return broke;
}

void end(Context& context) {
  State& s = state();
  context.alive = false;
  for (Object* object : s.objects)
    if (object->context == &context) object->alive = false;
  for (auto it = s.memory.begin(); it != s.memory.end();) {
    if (it->second.context != &context) {
      ++it;
      continue;
    }
    s.devices[it->second.device].held -= static_cast<std::int64_t>(it->second.bytes);
    munmap(it->second.raw, it->second.bytes);
    it = s.memory.erase(it);
  }
  std::erase_if(s.default_streams, [&](const auto& entry) { return entry.first.second == &context; });
}

// --- the tests' side -------------------------------------------------------------------------------------------------

namespace {
std::lock_guard<std::mutex> locked() { return std::lock_guard(state().mutex); }
}  // namespace

void reset() {
  const auto lock = locked();
  State& s = state();
  s.calls.clear(), s.launches.clear(), s.misuses.clear();
  s.failures.clear(), s.hangs.clear(), s.kernels.clear();
  s.fail_in = 0;
  s.lost = CUDA_SUCCESS;
  s.attributes.clear();
  s.device_count = 1;
  s.elapsed_ms = {0.01f}, s.elapsed_asked = 0;
  for (Device& device : s.devices) device.total = std::int64_t{16} << 30, device.others = 0, device.peak = device.held;
  s.released.notify_all();
}

std::vector<Call> calls() {
  const auto lock = locked();
  return state().calls;
}

int count(const std::string& name) {
  const auto lock = locked();
  return static_cast<int>(std::ranges::count(state().calls, name, &Call::name));
}

std::vector<Launch> launches() {
  const auto lock = locked();
  return state().launches;
}

void forget() {
  const auto lock = locked();
  state().calls.clear(), state().launches.clear(), state().misuses.clear();
}

std::vector<std::string> misuses() {
  const auto lock = locked();
  return state().misuses;
}

std::int64_t allocated(CUdevice device) {
  const auto lock = locked();
  return state().devices[device].held;
}

std::int64_t peak(CUdevice device) {
  const auto lock = locked();
  return state().devices[device].peak;
}

void fail(const std::string& name, CUresult result, int times, int skip) {
  const auto lock = locked();
  state().failures[name] = {result, times, skip};
}

void fail_call(int n, CUresult result) {
  const auto lock = locked();
  state().fail_in = n, state().fail_with = result;
}

void hang(const std::string& name) {
  const auto lock = locked();
  state().hangs.insert(name);
}

void release(const std::string& name) {
  const auto lock = locked();
  state().hangs.erase(name);
  state().released.notify_all();
}

int hanging(const std::string& name) {
  const auto lock = locked();
  return state().hanging[name];
}

void kernel(const std::string& what, std::function<void(const Launch&)> run) {
  const auto lock = locked();
  state().kernels[what] = std::move(run);
}

void attribute(CUdevice_attribute which, int value) {
  const auto lock = locked();
  state().attributes[which] = value;
}

void devices(int count) {
  const auto lock = locked();
  state().device_count = count;
}

void memory(std::int64_t total, std::int64_t others, CUdevice device) {
  const auto lock = locked();
  state().devices[device].total = total, state().devices[device].others = others;
}

void elapsed_ms(float ms) { elapsed_ms(std::vector{ms}); }
void elapsed_ms(std::vector<float> in_turn) {
  const auto lock = locked();
  state().elapsed_ms = std::move(in_turn), state().elapsed_asked = 0;
}

CUcontext make_context(CUdevice device) {
  const auto lock = locked();
  auto* context = new Context{state().next_id++, device};
  state().contexts.insert(context);
  return reinterpret_cast<CUcontext>(context);
}

void end_context(CUcontext context) {
  const auto lock = locked();
  end(*reinterpret_cast<Context*>(context));
}

// The handle stays what it was; retained again it has another number.
void reset_primary(CUdevice device) {
  const auto lock = locked();
  if (Context* primary = state().devices[device].primary) end(*primary);
}

void busy(CUstream stream, bool busy) {
  const auto lock = locked();
  reinterpret_cast<Stream*>(stream)->busy = busy;
}

}  // namespace fake
