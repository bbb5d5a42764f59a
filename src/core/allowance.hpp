// Allowance: what one search may take of the machine; handed down to those who take it.
#pragma once

#include "base/cores.hpp"

namespace ak {

struct Allowance {
  int compile_threads = usable_cores();
};

}  // namespace ak
