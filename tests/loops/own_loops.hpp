// The own loops: one C function a file, with the verdict that the analysis must reach in line 1.
#pragma once

#include <string>
#include <vector>

#include "loop/verdict.hpp"

namespace ak::test {

struct OwnLoop {
  std::string path, name, expected;
  loop::Values values;  // facts of line 2
};

/// By name.
const std::vector<OwnLoop>& own_loops();

/// The analysis' own, made once in a process; thread-safe.
const loop::Verdict& verdict_of(const OwnLoop& own);

}  // namespace ak::test
