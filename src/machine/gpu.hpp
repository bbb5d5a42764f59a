// The GPU as a Machine.
#pragma once

#include <memory>

#include "machine/machine.hpp"

namespace ak {

/// Of the current CUDA context. Throws Error{missing_library | driver}.
std::unique_ptr<Machine> make_gpu_machine();

}  // namespace ak
