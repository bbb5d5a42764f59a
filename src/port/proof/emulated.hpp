// Cases run by candidates without a GPU.
#pragma once

#include <memory>

#include "emulate/emulate.hpp"
#include "loop/launch.hpp"
#include "port/cases/case.hpp"
#include "port/proof/proving.hpp"

namespace ak::port {

/// A candidate compiled for the emulator. Not for several threads at once.
class Emulated {
 public:
  /// Throws Error{invalid_argument} with the compiler's first message, Error{unsupported} where nothing can be emulated.
  Emulated(const loop::Candidate& candidate, const std::string& text, const loop::EmulatorOptions& options);
  /// Of an object that is compiled and has others too; not for several threads at once, with these.
  Emulated(const loop::Candidate& candidate, std::shared_ptr<loop::Emulator> object);

  /// In the order of that number: forwards, backwards, then shuffled ones.
  KernelRun run(const Case& given, int order, double seconds);

 private:
  const loop::Candidate candidate_;
  const std::shared_ptr<loop::Emulator> object_;
};

}  // namespace ak::port
