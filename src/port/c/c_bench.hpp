// How long a C function takes on the CPU: compiled as its user would, in a process of its own, its data in the CPU's cache.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "port/c/c_program.hpp"
#include "port/cases/case.hpp"
#include "port/report/results.hpp"

namespace ak::port {

struct BenchLimits {
  int warm_up = 10, runs = 100, least_runs = 3;  // each on the case's own data
  double seconds = 2;                            // then it ends, after least_runs
  double run_seconds = 60;                       // a run that takes longer is ended: the arm timed out
};

class CBench {
 public:
  /// options.optimize: plain() or fast_math(), say. As Oracle has it: the function's text, or its normal form where there is
  /// none. Its compilation begins. Throws Error{unsupported} without a compiler, Error{invalid_argument} with the preprocessor's
  /// first error.
  CBench(const loop::Function& function, const std::optional<Source>& source, const CompilerOptions& options,
         Deadline deadline);
  /// Of `definition` instead, as OpenMp::text has it, which defines a function of the name kDefined.
  CBench(const loop::Function& function, const std::string& definition, const CompilerOptions& options);
  static constexpr const char* kDefined = "ak_normal";
  ~CBench();

  /// Returns once it is compiled, which run() and time() wait for too. Throws Error{invalid_argument} with the compiler's first
  /// error, or when it takes too long.
  void await(Deadline deadline);
  /// What one call leaves of the case's memories. Throws as time() does, and TimedOut.
  std::vector<Memory> run(const Case& given, Deadline deadline);
  /// The median. Fewer runs than asked for where time ran out. Throws Error{invalid_argument} when the function ends the
  /// program, or the deadline leaves no time for a single run.
  Arm time(const Case& given, const BenchLimits& limits, Deadline deadline);

  static CompilerOptions::Optimization plain() { return {{"-O3", "-march=native"}, {}}; }
  static CompilerOptions::Optimization fast_math() { return {{"-O3", "-march=native"}, {"-ffast-math"}}; }
  static CompilerOptions::Optimization openmp() { return {{"-O3", "-march=native"}, {"-fopenmp"}}; }

 private:
  std::vector<double> runs(const Case& given, std::vector<Memory>& memories, int warm_up, int most, int least, double seconds,
                           Deadline deadline);

  std::string name_;
  std::unique_ptr<CProgram> program_;
};

/// "gcc (Debian 12.2.0) 12.2.0": the first line of --version. Throws Error{unsupported} without a compiler.
std::string compiler_version(const CompilerOptions& options, Deadline deadline);
/// The processor's name as Linux has it; empty: unknown.
std::string cpu_name();

}  // namespace ak::port
