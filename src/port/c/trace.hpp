// What depends on what while the C function runs: its own text, compiled with every access reported. It shares nothing with the
// analysis, which must have predicted all of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "loop/verdict.hpp"
#include "port/c/c_marks.hpp"
#include "port/c/c_program.hpp"
#include "port/cases/case.hpp"

namespace ak::port {

/// A dependence that happened, between places of the text.
struct TracedDependence {
  loop::Dependence::Kind kind = loop::Dependence::Kind::flow;
  std::vector<std::string> names;  // of the parameters that point into the memory, whose accesses it was first
  Mark from, to;                   // statements
  Mark loop;                       // that carried it; line 0: within one iteration of all common loops
  std::int64_t distance = 0;       // in its iterations
};

class Tracer {
 public:
  /// `preprocessed`: what the compiler's -E left of the function's file. `dropped`: functions whose calls the analysis left out.
  /// Its compilation begins. Throws Error{unsupported}.
  Tracer(const loop::Function& function, const std::string& preprocessed, const CompilerOptions& options,
         const std::vector<std::string>& dropped = {});
  ~Tracer();

  struct Trace {
    std::vector<TracedDependence> dependences;
    bool whole = true;  // all that happened; else there was too much of it
  };
  /// Accesses of local variables are not seen. Throws Error{invalid_argument} when the text does not compile so, and when the
  /// function crashes or does not end.
  Trace run(const Case& given, Deadline deadline);

 private:
  std::vector<Mark> marks_;
  std::unique_ptr<CProgram> program_;
  bool compiled_ = false;
};

}  // namespace ak::port
