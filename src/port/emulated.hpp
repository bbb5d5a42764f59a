// Cases run by candidates without a GPU.
#pragma once

#include "emulate/emulate.hpp"
#include "loop/launch.hpp"
#include "port/case.hpp"
#include "port/proving.hpp"

namespace ak::port {

/// A candidate compiled for the emulator. Not for several threads at once.
class Emulated {
 public:
  /// Throws Error{invalid_argument} with the compiler's first message, Error{unsupported} where nothing can be emulated.
  Emulated(const loop::Candidate& candidate, const std::string& text, const loop::EmulatorOptions& options);

  /// In the order of that number: forwards, backwards, then shuffled ones.
  KernelRun run(const Case& given, int order, double seconds);

 private:
  const loop::Candidate candidate_;
  loop::Emulator emulator_;
};

}  // namespace ak::port
