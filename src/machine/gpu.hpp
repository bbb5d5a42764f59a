// The GPU as a Machine.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ak/ak.hpp"
#include "machine/machine.hpp"

namespace ak {

struct GpuOptions {
  std::int64_t scratch_bytes = 0;           // all workspaces of the context together
  Isolation isolation = Isolation::worker;  // of a kernel's first launch
  std::string worker;                       // the program; empty: looked for
  ScratchAllocator scratch = {};            // where the plans' scratch memory comes from; null: the driver
  std::string turns = {};                   // folder in which processes take turns on the GPU; empty: they do not
};

/// Of the current CUDA context. Throws Error{missing_library | driver}.
std::unique_ptr<Machine> make_gpu_machine(const GpuOptions& options);

/// Why kernels cannot be proven in the worker on the current context's GPU, with the remedy; nullopt when they can. Starts it.
std::optional<std::string> no_worker(const GpuOptions& options);

}  // namespace ak
