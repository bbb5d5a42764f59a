// Which iterations of two loops touch one element.
#pragma once

#include <cstdint>
#include <vector>

#include "loop/function.hpp"

namespace ak::port {

/// Iterations of the outer and of the inner loop; the first, else the second is positive: one iteration that must wait for
/// another.
struct Vector {
  std::int64_t rows, cols;
};

/// Of a nest that is not flattened.
class Meetings {
 public:
  Meetings(const loop::Node& outer, const loop::Node& inner);
  bool known() const { return known_; }
  /// Every iteration waits for those that lie these vectors before it.
  const std::vector<Vector>& vectors() const { return vectors_; }

 private:
  bool meet(const loop::Term& write, const loop::Term& other);
  void add(Vector vector);

  const loop::Node &outer_, &inner_;
  std::vector<loop::Term> writes_;
  std::vector<Vector> vectors_;
  bool known_ = true;
};

/// The one loop over one loop, and nothing beside them.
bool is_nest(const std::vector<loop::Node>& body);

}  // namespace ak::port
