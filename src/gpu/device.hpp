// The device of a context, and the context itself.
#pragma once

#include <cuda.h>

#include <cstdint>
#include <string>

#include "core/device_facts.hpp"

namespace ak {

/// The calling thread's context. With none current, device 0's primary context is retained (once, for good) and made current.
CUcontext current_context();

/// A context's number, never reused by a later context (its handle may be).
std::uint64_t context_id(CUcontext context);

/// Of the current context's device. memory_tb_s is an estimate of what a read can achieve, from the memory clock and bus width.
DeviceFacts device_facts();

/// "580.159.03"; "CUDA 13.0" where the driver's file does not name its release.
std::string driver_version();

}  // namespace ak
