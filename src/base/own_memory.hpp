// Memory that a process has whatever libraries it uses: its heap, its static data, its stacks.
#pragma once

namespace ak {

/// Whether the address lies where no library can have put memory of its own, so that no driver need be asked of it: in the heap
/// that grows by brk (malloc takes less than 128 KiB there, on the main thread), in the program or a library that is loaded, on
/// the main thread's stack or the calling one's. False: not known, as of what is mapped. It is asked anew each time, for what
/// was the process's own may be given back, and mapped by others. Nanoseconds: no lock, and no system call but for the first
/// question of the process and of a thread.
bool in_own_memory(const void* address);

}  // namespace ak
