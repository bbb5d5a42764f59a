// One outermost loop with all that is in it: its flow edges, the pieces that cannot be parted, and the groups made of them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "analyser/algebra.hpp"
#include "analyser/counters.hpp"
#include "analyser/flow.hpp"
#include "analyser/model.hpp"
#include "loop/verdict.hpp"

namespace ak::analyser::flow {

/// A flow dependence between leaves; what a branch reads, its leaves read.
struct Edge {
  int from = 0, to = 0;
  std::string name;
  bool scalar = false;
  int level = Dependence::kWithin;
  std::vector<std::int64_t> distances;
  bool carried() const { return level != Dependence::kWithin; }
};

/// A strongly connected component of the flow edges.
struct Piece {
  enum class Kind { parallel, reduce, scan, chains, counter, wavefront, sequential };
  Kind kind = Kind::parallel;
  std::vector<int> statements;                // in text order
  std::vector<const loop::Node*> loops;       // around all of them
  std::set<int> carried;                      // levels of its inner edges
  std::set<int> scatters;                     // levels at which its writes may meet, nobody knows where
  std::optional<loop::Reduction> reduction;   // of reduce
  std::optional<loop::Recurrence> recurrence; // of scan, chains, wavefront and sequential
  std::optional<loop::Counter> counter;
  std::string cause;  // of sequential
  std::vector<Piece> inner;  // of one iteration of the outermost loop that carries it

  /// Whether its kind is meant for all levels that carry it; else for the outermost, and the inner pieces say the rest.
  bool spans_levels() const { return kind != Kind::sequential && kind != Kind::chains; }
};

/// What modules work on.
struct Nest {
  const Model* model = nullptr;
  const std::vector<Dependence>* dependences = nullptr;
  const std::set<std::string>* without = nullptr;  // modules that are switched off
  std::vector<int> leaves;                          // of the nest, in text order
  std::vector<Edge> edges;
  std::set<int> followers;  // leaves that set a scalar for others: they run wherever these do
  std::map<std::string, Counting> counters;

  const Statement& at(int statement) const { return model->statements[statement]; }
  bool uses(const std::string& module) const { return !without->contains(module); }
  bool contains(int statement) const;
  /// Of a follower those for which it runs; else the leaf itself.
  std::set<int> users_of(int leaf) const;
  /// Whether a path of flow edges leads from one to the other.
  bool reaches(int from, int goal) const;
  /// The leaves that a statement stands for: itself, or those of the branch or loop that it is.
  std::vector<int> leaves_of(int statement) const;
};

/// Edges, counters and followers of the leaves below one outermost loop.
Nest make_nest(const Model& model, const std::vector<Dependence>& dependences, const std::set<std::string>& without, int root);
/// The components of its edges in an order in which they may run, nearest to the text's.
std::vector<Piece> pieces(const Nest& nest);
/// What each group of pieces is for the loops around it.
std::vector<loop::Group> groups(const Nest& nest, std::vector<Piece> pieces);

/// Strongly connected components of 0 .. count - 1, each ascending, in topological order. Of several that may come next the
/// first is one that no component left has a `soft` edge to, then the one with the smallest member.
std::vector<std::vector<int>> components(int count, const std::vector<std::pair<int, int>>& edges,
                                         const std::vector<std::pair<int, int>>& soft = {});

}  // namespace ak::analyser::flow
