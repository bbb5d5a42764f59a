// Two loops that both carry flow at constant distances: their diagonals are parallel.
#include <algorithm>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

bool is_wavefront(const Nest& nest, const Piece& piece) {
  if (piece.carried.size() != 2) return false;
  const int outer = *piece.carried.begin(), inner = *piece.carried.rbegin();
  if (inner != outer + 1) return false;
  for (const int s : piece.statements)
    if (nest.at(s).loops != piece.loops || nest.at(s).depth() != inner + 1) return false;
  const auto inside = [&](int s) { return std::count(piece.statements.begin(), piece.statements.end(), s) > 0; };
  return std::all_of(nest.dependences->begin(), nest.dependences->end(), [&](const Dependence& one) {
    if (one.kind != Dependence::Kind::flow || !inside(one.from) || !inside(one.to)) return true;
    if (one.level == Dependence::kWithin) return true;
    return !nest.model->is_scalar(one.name) && one.vector[outer].has_value() && one.vector[inner].has_value();
  });
}

}  // namespace ak::analyser::flow
