// NVRTC in a process of its own, for texts that nobody here has written: one that keeps it busy, or ends it, takes neither time
// nor memory from the host.
#pragma once

#include <string>

#include "jit/compiler.hpp"

namespace ak::port {

/// As compile_kernels() does, in `ak-worker --compile`; worker: the program, empty: find_worker(). What does not end by the
/// deadline, or ends its process, is a failure. Throws Error{unsupported} where there is no worker.
Compiled compile_apart(const std::string& text, const std::string& arch, const std::string& worker, const Deadline& deadline);

}  // namespace ak::port
