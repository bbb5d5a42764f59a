// The device of a context, and the context itself.
#pragma once

#include <cuda.h>

#include <cstdint>
#include <optional>
#include <string>

#include "core/device_facts.hpp"

namespace ak {

/// The calling thread's context. Throws Error{driver} when that has ended. With none current, device 0's primary context is
/// retained, for good, and made current; once more where it was reset meanwhile.
CUcontext current_context();

/// A context's number, never reused by a later context (its handle may be).
std::uint64_t context_id(CUcontext context);

/// Whether the context with that handle and number has not ended. Other driver calls take a dead handle.
bool alive(CUcontext context, std::uint64_t id);

/// Device memory, in bytes, as the driver tells it now; other processes take of it too.
struct DeviceMemory {
  std::int64_t free = 0, total = 0;
};
DeviceMemory device_memory();

/// Of the current context's device, as CUDA_VISIBLE_DEVICES has it: "GPU-8c3e..." or "MIG-...".
std::string device_uuid();

/// Why the current context's device takes no second process, or takes it into one context with others (MPS), and what ends
/// that; nullopt when it is as usual.
struct OneProcess {
  std::string why, remedy;
};
std::optional<OneProcess> not_for_two_processes();

/// Of the current context's device. memory_tb_s is an estimate of what a read can achieve, from the memory clock and bus width.
DeviceFacts device_facts();

/// "580.159.03"; "CUDA 13.0" where the driver's file does not name its release.
std::string driver_version();

}  // namespace ak
