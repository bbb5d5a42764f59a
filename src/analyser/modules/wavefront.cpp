// Two loops that both carry flow at constant distances: their diagonals are parallel.
#include <algorithm>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

bool is_wavefront(const Nest& nest, const Piece& piece) {
  if (piece.carried.size() != 2 || piece.statements.size() != 1) return false;
  const int outer = *piece.carried.begin(), inner = *piece.carried.rbegin(), statement = piece.statements.front();
  if (inner != outer + 1 || nest.at(statement).depth() != inner + 1) return false;
  return std::all_of(nest.dependences->begin(), nest.dependences->end(), [&](const Dependence& one) {
    if (one.kind != Dependence::Kind::flow || one.from != statement || one.to != statement) return true;
    return !nest.model->is_scalar(one.name) && one.vector[outer].has_value() && one.vector[inner].has_value();
  });
}

}  // namespace ak::analyser::flow
