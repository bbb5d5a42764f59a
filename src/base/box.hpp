// What a process that runs foreign code may ask of the kernel. With base/landlock.hpp, which says what files it may touch.
#pragma once

#include <string>

namespace ak {

/// From now on all threads of this process may compute, use memory, speak over what is open, and signal themselves and their
/// group; everything else is a SIGSYS. `opening`: and open files to read, as loading an object does; everything else fails with
/// EPERM. A second call takes further rights away. False where the system has no such filter.
bool restrict_system_calls(bool opening);

/// From now on what the calling thread and programs that it starts do to files and to others ends them (SIGSYS): to open a file
/// to write, to make, rename or remove one, to open a socket. False where the system has no such filter.
bool stop_at_writes();

/// From now on all threads of this process start no program and no process, open no socket, and neither signal, trace nor write
/// to another process: EPERM. Threads, memory, devices and files stay as they are, as a GPU's driver needs them. False where
/// the system has no such filter.
bool stay_alone();

/// What of the box this system lacks, for a person; empty: nothing.
std::string missing_from_box();

}  // namespace ak
