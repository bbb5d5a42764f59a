// Threads of the library's own.
#pragma once

#include <functional>
#include <thread>

namespace ak {

/// A thread that takes none of the application's signals, which are its own threads', and runs wherever the process's main thread
/// may: who starts it may be pinned to one core (an OpenMP worker). Throws std::system_error where a process may have no further
/// one.
std::thread start_thread(std::function<void()> body);

}  // namespace ak
