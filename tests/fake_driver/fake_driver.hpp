// A libcuda.so.1 without a GPU, driven by tests: it keeps the driver's rules of contexts, streams, events and captures, holds
// device memory in host memory, launches only what a test says, and writes down every call. A program that links it has it in
// the process before the library looks for one. Thread-safe.
#pragma once

#include <cuda.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/args.cuh"

namespace fake {

struct Call {
  std::string name;
  int thread = 0;  // from 1, in the order of their first calls; never used again
  CUstream stream = nullptr;
  std::array<std::uint64_t, 3> args{};  // the handles and sizes that matter
  CUresult result = CUDA_SUCCESS;
};

struct Launch {
  std::string kernel;
  CUstream stream = nullptr;
  std::array<unsigned, 3> grid{}, block{};
  unsigned smem_bytes = 0;
  int thread = 0;
  void** parameters = nullptr;                     // the caller's; not to be read later
  bool own = false;                                // of an own family: its image's only kernel
  ak::KernelArgs args{};                           // of such a one, as they were; not of one that a test says itself
  bool cooperative = false, programmatic = false;  // its attributes
};

/// What a tensor map is here: what the driver was told.
struct TensorMap {
  std::uint64_t base = 0, extent[2]{}, row_bytes = 0;
  unsigned box[2]{}, type = 0, swizzle = 0;
};

/// One device of 16 GiB, no failures, nothing recorded. Contexts, numbers and threads go on.
void reset();

// --- what happened ---------------------------------------------------------------------------------------------------
std::vector<Call> calls();
int count(const std::string& name);
std::vector<Launch> launches();
/// Forgets calls, launches and misuses.
void forget();
/// Uses of what is gone: "cuModuleUnload: its context has ended".
std::vector<std::string> misuses();
/// Bytes of device memory that are held, in all contexts of a device.
std::int64_t allocated(CUdevice device = 0);
/// Most of them at once since reset().
std::int64_t peak(CUdevice device = 0);

// --- what goes wrong -------------------------------------------------------------------------------------------------
/// `times` calls of the function fail, after `skip` that do not; -1: for good, until reset().
void fail(const std::string& name, CUresult result, int times = 1, int skip = 0);
/// The n-th call from now, from 1, of whatever function fails.
void fail_call(int n, CUresult result);
/// Calls of the function wait inside the driver until released.
void hang(const std::string& name);
void release(const std::string& name);
int hanging(const std::string& name);
/// What the kernels of a source with a line "// fake kernel: WHAT" do when they are launched, to host memory, or else those that
/// are called WHAT; all others do nothing. It runs in the launch and may call neither the driver nor this; a launch in a capture is only recorded.
void kernel(const std::string& what, std::function<void(const Launch&)> run);

// --- what the machine is ---------------------------------------------------------------------------------------------
// A process that a test starts is told by its environment: FAKE_DEVICES=0, FAKE_ATTRIBUTE_20=3 (a CUdevice_attribute's number).
constexpr int kMostDevices = 8;
/// What every device says of itself.
void attribute(CUdevice_attribute which, int value);
void devices(int count);
/// total: of the device; others: what other processes hold of it.
void memory(std::int64_t total, std::int64_t others = 0, CUdevice device = 0);
/// Between any two events; of several, each in turn.
void elapsed_ms(float ms);
void elapsed_ms(std::vector<float> in_turn);
/// What cuCtxCreate, cuCtxDestroy and cudaDeviceReset do. A new context is current nowhere.
CUcontext make_context(CUdevice device = 0);
void end_context(CUcontext context);
void reset_primary(CUdevice device = 0);
/// Work on the stream stays unfinished until busy is false again.
void busy(CUstream stream, bool busy);
/// The test's own memory is device memory of the first device while it is mapped, as by cuMemMap, or managed memory.
void map(void* memory, std::size_t bytes, bool mapped, bool managed = false);

}  // namespace fake
