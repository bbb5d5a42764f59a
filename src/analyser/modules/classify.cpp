#include <algorithm>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

namespace {

/// Whether all that the piece does is count.
std::optional<loop::Counter> counter_of(const Nest& nest, const Piece& piece) {
  for (const auto& [name, counting] : nest.counters) {
    const bool all = std::all_of(piece.statements.begin(), piece.statements.end(), [&counting = counting](int s) {
      return std::count(counting.counts.begin(), counting.counts.end(), s) > 0;
    });
    if (!all) continue;
    loop::Counter counter{name, counting.step, {}, {}};
    for (const int s : piece.statements) counter.statements.push_back(nest.at(s).node->id);
    // One place under one branch: its condition.
    const Statement& first = nest.at(piece.statements.front());
    if (piece.statements.size() == 1 && first.guards.size() == 1 && first.owners.size() == 1 &&
        first.guards.front().kind == Guard::Kind::branch) {
      const loop::Term& condition = nest.at(first.owners.front()).node->condition;
      counter.condition = first.guards.front().side ? condition : negated(condition);
    }
    return counter;
  }
  return std::nullopt;
}

}  // namespace

bool in_order(const loop::Group& group, int loop) {
  return std::any_of(group.loops.begin(), group.loops.end(), [&](const loop::LoopRole& one) {
    return one.loop == loop && one.role == loop::Role::sequential;
  });
}

bool is_parallel(const loop::Group& group, int loop) {
  return std::any_of(group.loops.begin(), group.loops.end(), [&](const loop::LoopRole& one) {
    return one.loop == loop && one.role == loop::Role::parallel;
  });
}

void classify(const Nest& nest, Piece& piece) {
  if ((piece.counter = counter_of(nest, piece))) {
    piece.kind = Piece::Kind::counter;
    return;
  }
  if (nest.uses("reduction")) piece.reduction = find_reduction(nest, piece);
  if (piece.reduction) {
    piece.kind = Piece::Kind::reduce;
    return;
  }
  find_recurrence(nest, piece);
}

}  // namespace ak::analyser::flow
