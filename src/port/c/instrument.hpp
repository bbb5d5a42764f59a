// C texts of a function's normal form: as it stands, and with every subscript checked and every side of a branch counted.
#pragma once

#include <string>
#include <vector>

#include "loop/function.hpp"

namespace ak::port {

/// A condition in the function, of an `if` or of ?:.
struct Condition {
  int node = 0, line = 0;
  std::string text;
  bool leaves = false;  // one of its sides leaves a loop
};

/// The function as C, arrays with one dimension: `RETURNS NAME(PARAMETERS, long long* counts_)`.
struct Instrumented {
  std::string text;
  std::vector<Condition> conditions;
  int loops = 0;

  // What counts_ holds after a call.
  static constexpr int kOutside = 0;    // accesses outside of their arrays, which went to the array's first element
  static constexpr int kStatement = 1;  // the first of them: the node that made it,
  static constexpr int kSubscript = 2;  // and where
  static constexpr int kSides = 3;      // then for each condition: how often it was true, how often false
  int turns() const { return kSides + 2 * static_cast<int>(conditions.size()); }  // then for each loop: its iterations
  int counts() const { return turns() + loops; }
};
Instrumented instrumented(const loop::Function& function, const std::string& name);

/// The same function in double: every float a double, literals and calls too.
loop::Function in_double(loop::Function function);

/// A function as C, its body as c_text has it. `more`: parameters behind its own.
std::string c_function(const loop::Function& function, const std::string& name, const std::string& more = {});

}  // namespace ak::port
