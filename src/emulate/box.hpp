// What a process that runs foreign code may ask of the kernel.
#pragma once

#include <string>

namespace ak::loop {

/// From now on all threads of this process may compute, use memory, speak over what is open, and signal themselves and their
/// group; `opening`: and open files to read, as loading an object does. Everything else fails with EPERM. A second call takes
/// further rights away. False where the system has no such filter.
bool restrict_system_calls(bool opening);

/// What of the emulator's box this system lacks, for a person; empty: nothing.
std::string missing_from_box();

}  // namespace ak::loop
