// A C function whose source was read, and how its caller's own is run.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ak/loop.hpp"
#include "base/clock.hpp"
#include "context/host_gate.hpp"
#include "context/loop_arguments.hpp"
#include "loop/function.hpp"
#include "loop/launch.hpp"
#include "port/analysis.hpp"
#include "settings.hpp"

namespace ak {

/// A source that was read. Immutable.
struct LoopKnown {
  port::LoopSource source;  // with its text
  loop::Function function;
  std::vector<std::string> steering;  // integer parameters whose values are part of a call's class
  LoopPrototype prototype;
  LoopHost host;
  bool host_serves = false;
  // Read without the analyser: nothing but its prototype is known, one thread runs its text.
  std::optional<loop::Candidate> bare;
  std::string why;            // bare
  Clock::time_point again{};  // bare: when the analyser is looked for once more
  std::shared_ptr<HostGate> gate = {};  // of the loop

  /// The caller's C function; arguments: the address of each value as kernels take them.
  void run_host(void* const* arguments) const;
  /// The same on a thread of the library's. Throws Error where the loop was closed.
  void run_host_behind(void* const* arguments) const {
    gate->run([&] { run_host(arguments); });
  }
};

using LoopKnownPtr = std::shared_ptr<const LoopKnown>;

port::Tools loop_tools(const Settings& settings);

}  // namespace ak
