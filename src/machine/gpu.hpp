// The GPU as a Machine.
#pragma once

#include <memory>

#include "machine/machine.hpp"

namespace ak {

/// Of the current CUDA context, whose workspaces then hold at most scratch_bytes together. Throws
/// Error{missing_library | driver}.
std::unique_ptr<Machine> make_gpu_machine(std::int64_t scratch_bytes);

}  // namespace ak
