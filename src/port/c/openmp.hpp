// A function on all cores: its normal form with OpenMP where its verdict allows.
#pragma once

#include <string>

#include "loop/verdict.hpp"

namespace ak::port {

struct OpenMp {
  std::string text;  // C that defines `static RETURNS NAME(PARAMETERS)`, arrays with one dimension, what is implicit among them
  std::string why;   // there is none: no outermost loop that may run so, and what keeps it from that
};

/// `#pragma omp parallel for`, with what each thread has of its own and the reductions as clauses, at each outermost loop whose
/// iterations are parallel as they stand. What needs old values saved, another order or a last value is left alone.
OpenMp with_openmp(const loop::Verdict& verdict, const std::string& name);

}  // namespace ak::port
