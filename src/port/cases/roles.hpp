// What the parameters of a loop are for, so that data can be made which the C function may be called with.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "loop/function.hpp"

namespace ak::port {

/// An array of integers that says where another is accessed, or how far an inner loop runs.
struct IndexArray {
  struct Use {
    loop::Term at;      // a subscript, the array's element replaced by the scalar kIndex
    loop::Term extent;  // of what it is a subscript of
  };
  std::string name;
  std::vector<Use> uses;
  bool ascending = false;  // its elements bound a loop, as the rows of a sparse matrix

  static constexpr const char* kIndex = "index_";
};

struct Roles {
  std::vector<std::string> sizes;     // integer parameters in extents or in the ends of loops
  std::vector<std::string> margins;   // those of them that are small beside the others (loop::margins)
  std::vector<std::string> integers;  // the other integer parameters, strides (a[n * stride]) among them
  std::vector<IndexArray> indices;
  std::vector<double> thresholds;     // constants that conditions compare with, and 0, ascending
  std::vector<std::int64_t> lengths;  // constant extents: a size next to them is worth a try
  std::int64_t begin = 0;             // the largest constant that a loop begins with: below that it does not run
  int depth = 1;                      // how many sizes multiply in work or memory
  bool exits = false;                 // a loop is left early
  bool extrema = false;               // real numbers are compared with one another
  std::vector<std::string> kept;      // arrays that have elements compared, and written
  bool carries_products = false;      // a real value of an iteration is a factor in one of the next
  std::vector<std::string> factors;   // what it is multiplied by: arrays and real parameters
  bool strange = false;               // infinities and what is no number may be among the data: none is made an integer

  bool is_margin(const std::string& size) const { return std::ranges::find(margins, size) != margins.end(); }
};

Roles roles_of(const loop::Function& function);

/// The values that an index array may have, for these sizes.
struct Range {
  std::int64_t low = 0, high = 0;
};
Range range_of(const IndexArray& array, const loop::Function& function, const loop::Values& integers);

/// Values of the integer parameters that are no sizes and have none in `integers`: of strides the least that keeps apart what
/// their multiples separate, which of y[i * pitch + j] is how far j goes; 1 of all others.
loop::Values widths_of(const loop::Function& function, const Roles& roles, const loop::Values& integers);

/// Iterations of all innermost loops, for these sizes; what cannot be computed counts as 4.
double iterations(const loop::Function& function, const loop::Values& integers);
/// Of all arrays, for these sizes.
double elements(const loop::Function& function, const loop::Values& integers);

}  // namespace ak::port
