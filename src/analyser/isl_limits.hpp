// How long isl may think about one function.
#pragma once

#include "base/clock.hpp"

namespace ak::analyser {

constexpr double kIslSeconds = 5;  // half of what a first call has for all

struct Limits {
  unsigned long operations = 20'000'000;  // of one context
  Deadline deadline = Deadline::in(kIslSeconds);
};

}  // namespace ak::analyser
