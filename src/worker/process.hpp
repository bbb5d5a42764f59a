// A worker process as the host sees it: started, spoken to, ended. The host's own children and descriptors stay as they are:
// who waits for any child meets neither the worker nor what starts it. Only a host that is its container's first process, or
// has asked for orphans, has the worker for a child, as it has any orphan: it is reaped here.
#pragma once

#include <memory>
#include <string>

#include "base/interruption.hpp"
#include "worker/channel.hpp"
#include "worker/messages.hpp"

namespace ak {

class WorkerProcess {
 public:
  /// Runs the program in a session of its own, as nobody's child, with one end of a socket pair as its descriptor 3, nothing
  /// else of the host's open, and `device` (a UUID as CUDA_VISIBLE_DEVICES has it; empty: none) the only GPU that it sees.
  /// Variables that would load foreign code into it, and the LLM's key, are left out of its environment. `role`: its argument; empty:
  /// none. Throws Error{unsupported} with the reason when it does not start or is of another build.
  WorkerProcess(const std::string& program, const std::string& device, const std::string& role = {});
  ~WorkerProcess() { end(); }
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  Channel& channel() { return channel_; }
  int pid() const { return pid_; }
  /// At once, whatever it does. It also ends by itself when the host does.
  void end();

 private:
  WorkerProcess() = default;

  Channel channel_;
  Descriptor handle_;  // of the process (pidfd); its number may be another's by the time it is to be killed
  int pid_ = 0;        // and its session's, of which it is the first process
  AtInterruption at_interruption_;
};

/// Where the worker's program is: `chosen` if not empty, else beside the library or in the libexec folder of where that is
/// installed. Empty when there is none; `looked` gets the places.
std::string find_worker(const std::string& chosen, std::string* looked = nullptr);
/// The same for another of the library's programs.
std::string find_program(const std::string& name, const std::string& chosen, std::string* looked = nullptr);

}  // namespace ak
