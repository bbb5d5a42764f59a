// A recording as a Machine: it answers trials, and nothing can be launched.
#pragma once

#include <memory>
#include <string>

#include "machine/machine.hpp"

namespace ak {

/// Throws Error{invalid_argument} for a file that is no recording.
std::unique_ptr<Machine> make_recording_machine(const std::string& path);

}  // namespace ak
