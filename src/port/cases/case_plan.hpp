// The cases that prove a loop's kernels: few enough to run, and through every side of every branch that data can reach.
#pragma once

#include <string>
#include <vector>

#include "port/c/oracle.hpp"
#include "port/cases/data.hpp"

namespace ak::port {

enum class Level : std::uint8_t {
  quick,  // some sizes, each data set at one or two of them
  full,   // every size with every data set
};

struct CasePlan {
  struct Planned {
    loop::Values sizes;
    Recipe recipe;
  };
  loop::Function function;
  Roles roles;
  Facts facts;
  std::vector<Planned> cases;          // those that wrong kernels fail soonest come first
  std::vector<std::string> unreached;  // "line 7: a[i] > 3 is never true"
  int left_out = 0;                    // cases on which the C function itself leaves its arrays or crashes
  std::string left_out_why;            // of the first

  Case at(std::size_t i) const { return make_case(function, roles, facts, cases[i].sizes, cases[i].recipe); }
};

/// Runs the C function on each case. Throws Error{invalid_argument}: no case is fit, or none on which a loop runs more than
/// once; text and normal form disagree, or as laid_out and Oracle::run do.
CasePlan plan_cases(const loop::Function& function, Oracle& oracle, Level level, const Facts& facts, Deadline deadline);

/// Of a function whose constants leave no size that ends soon: its own size alone, with little data. Throws as plan_cases does.
CasePlan plan_own_size(const loop::Function& function, Oracle& oracle, const Facts& facts, Deadline deadline);

}  // namespace ak::port
