#include <algorithm>

#include "port/templates/emit.hpp"
#include "port/templates/linear.hpp"
#include "port/templates/sharing.hpp"

namespace ak::port {

using loop::Node;
using loop::Note;
using loop::Role;
using loop::Term;

namespace {

struct Level {
  Node loop;  // without its body
  bool shared = false, parallel = false;
};

Node header(Node loop) {
  loop.body.clear();
  return loop;
}

bool bounds_mention(const Node& loop, const std::string& name) {
  return loop::mentions(loop.begin, name) || loop::mentions(loop.end, name);
}

class Finder {
 public:
  Finder(const Work& work, const Share& share) : work_(work), share_(share) {}

  std::optional<Sweep> find() {
    const std::vector<Node>* nest = peel();
    if (!nest || !descend(*nest)) return std::nullopt;
    if (levels_.empty() || !place() || !order_free() || !alone()) return std::nullopt;
    return sweep_;
  }

 private:
  /// Through branches without an else, down to the outermost loop.
  const std::vector<Node>* peel() {
    const std::vector<Node>* nest = &work_.body;
    const Names written = written_arrays(work_.body), assigned = assigned_scalars(work_.body);
    while (nest->size() == 1 && nest->front().kind == Node::Kind::branch) {
      const Node& branch = nest->front();
      if (!branch.body.empty() && !branch.otherwise.empty()) return nullptr;
      if (intersect(arrays_of(branch.condition), written) || intersect(scalars_of(branch.condition), assigned)) return nullptr;
      sweep_.guards.push_back(branch.body.empty() ? loop::unary("!", branch.condition) : branch.condition);
      nest = branch.body.empty() ? &branch.otherwise : &branch.body;
    }
    return nest->size() == 1 && nest->front().kind == Node::Kind::loop ? nest : nullptr;
  }

  /// Takes levels while the nest is perfect, scalars that any thread may compute again aside, as far as there are some to
  /// share.
  bool descend(const std::vector<Node>& nest) {
    std::vector<Node> prefix;
    const std::vector<Node>* body = &nest;
    std::vector<Level> levels;
    while (true) {
      const Node& loop = body->back();
      const bool another = share_.exits && !levels.empty();  // out of several loops: the outermost counts
      const bool shared = share_.roles.count(role_of(work_.group, loop.id)) > 0 && !another &&
                          (share_.notes || !iterations_meet(work_.group, loop.id));
      levels.push_back({header(loop), shared, role_of(work_.group, loop.id) == Role::parallel});
      if (levels.back().shared) {
        levels_ = levels;
        sweep_.body = prefix;
        sweep_.body.insert(sweep_.body.end(), loop.body.begin(), loop.body.end());
      }
      if (loop.body.empty() || loop.body.back().kind != Node::Kind::loop || !may_repeat(loop.body)) return true;
      prefix.insert(prefix.end(), loop.body.begin(), loop.body.end() - 1);
      body = &loop.body;
    }
  }

  /// Whether the statements before the one loop of a body may run in each of its iterations.
  bool may_repeat(const std::vector<Node>& body) const {
    const std::vector<Node> before(body.begin(), body.end() - 1), inner(body.end() - 1, body.end());
    for (const Node& node : before)
      if (node.kind != Node::Kind::assign || node.target.kind != Term::Kind::scalar) return false;
    const ScalarFlow flow = scalar_flow(before);
    return !intersect(flow.definite, assigned_scalars(inner)) && !intersect(flow.exposed, flow.definite) &&
           !intersect(flow.exposed, assigned_scalars(inner)) && !intersect(read_arrays(before), written_arrays(work_.body));
  }

  /// Which loop is `col`, which are rows.
  bool place() {
    std::vector<std::size_t> shared;
    for (std::size_t i = 0; i < levels_.size(); ++i)
      if (levels_[i].shared) shared.push_back(i);
    std::size_t col = shared.back();
    int best = -1;
    for (const std::size_t i : shared) {
      const int score = unit_strides(levels_[i].loop.variable);
      if (score >= best && (i == shared.back() || (rectangular(i) && !share_.in_order))) {
        best = score;
        col = i;
      }
    }
    sweep_.col = levels_[col].loop;
    for (std::size_t i = 0; i < levels_.size(); ++i) {
      if (i == col) continue;
      (levels_[i].shared && independent(i) ? sweep_.rows : sweep_.inside).push_back(levels_[i].loop);
    }
    // A bound that needs what is set further inside.
    const auto prefix_bound = [&](const Node& loop) {
      return intersect(scalars_of_bounds(loop), assigned_scalars(sweep_.body));
    };
    if (prefix_bound(sweep_.col)) return false;
    return std::none_of(levels_.begin(), levels_.end(), [&](const Level& level) { return prefix_bound(level.loop); });
  }

  static Names scalars_of_bounds(const Node& loop) {
    Names names = scalars_of(loop.begin);
    names.merge(scalars_of(loop.end));
    return names;
  }

  bool independent(std::size_t level) const {
    return std::none_of(levels_.begin(), levels_.end(),
                        [&](const Level& other) { return bounds_mention(levels_[level].loop, other.loop.variable); });
  }

  bool rectangular(std::size_t level) const {
    return independent(level) && std::none_of(levels_.begin(), levels_.end(), [&](const Level& other) {
             return bounds_mention(other.loop, levels_[level].loop.variable);
           });
  }

  int unit_strides(const std::string& variable) const {
    int count = 0;
    const auto look = [&](const Term& term) {
      loop::for_each(term, [&](const Term& part) {
        if (part.kind != Term::Kind::element || part.terms.size() != 1) return;
        const auto factor = factor_of(linear(part.terms[0]), variable);
        count += factor == 1 || factor == -1;
      });
    };
    loop::for_each_node(sweep_.body, [&](const Node& node) {
      for (const Term& term : terms_read(node)) look(term);
      if (node.kind == Node::Kind::assign) look(node.target);
    });
    return count;
  }

  /// Where a loop that carries something stands around a shared one, threads keep to themselves: one subscript of every array
  /// that is written is the same in all its accesses, and moves with the shared loop alone.
  bool order_free() const {
    std::set<std::string> threads_own;
    bool carries = false;
    for (const Level& level : levels_) {
      if (!level.shared && (!level.parallel || iterations_meet(work_.group, level.loop.id))) carries = true;
      if (level.shared && carries) threads_own.insert(level.loop.variable);
    }
    if (threads_own.empty()) return true;
    std::set<int> statements(work_.group.statements.begin(), work_.group.statements.end());
    const std::vector<Node> shaped = only(work_.shaped->body, statements);
    for (const std::string& variable : threads_own)
      for (const std::string& array : written_arrays(shaped))
        if (!own_part(shaped, array, variable)) return false;
    return true;
  }

  bool own_part(const std::vector<Node>& nest, const std::string& array, const std::string& variable) const {
    std::vector<std::vector<Term>> all;
    const auto look = [&](const Term& term) {
      loop::for_each(term, [&](const Term& part) {
        if (part.kind == Term::Kind::element && part.text == array) all.push_back(part.terms);
      });
    };
    loop::for_each_node(nest, [&](const Node& node) {
      for (const Term& term : terms_read(node)) look(term);
      if (node.kind == Node::Kind::assign) look(node.target);
    });
    for (std::size_t dimension = 0; dimension < all[0].size(); ++dimension) {
      const Linear first = linear(all[0][dimension]);
      const auto factor = factor_of(first, variable);
      bool own = factor && *factor != 0;
      for (const Level& level : levels_)
        own = own && (level.loop.variable == variable || !loop::mentions(all[0][dimension], level.loop.variable));
      for (const auto& subscripts : all)
        own = own && subscripts.size() == all[0].size() && linear(subscripts[dimension]) == first;
      own = own && !intersect(scalars_of(all[0][dimension]), assigned_scalars(work_.body)) &&
            arrays_of(all[0][dimension]).empty();
      if (own) return true;
    }
    return false;
  }

  bool alone() {
    std::set<int> ids, inner_loops;
    loop::for_each_node(work_.body, [&](const Node& node) { ids.insert(node.id); });
    loop::for_each_node(sweep_.body, [&](const Node& node) {
      if (node.kind == Node::Kind::loop) inner_loops.insert(node.id);
    });
    for (const Node& loop : sweep_.inside) inner_loops.insert(loop.id);
    for (const Note& note : work_.group.notes) {
      const bool within = (!note.from || ids.count(note.from)) && (!note.to || ids.count(note.to));
      if (!within || inner_loops.count(note.loop)) continue;
      if (!share_.notes && (note.kind == Note::Kind::anti || note.kind == Note::Kind::output)) return false;
      if (note.kind == Note::Kind::expand && note.distance) {
        sweep_.warm.insert(note.name);
        sweep_.distance = std::max(sweep_.distance, *note.distance);
      }
    }
    bool leaves = false;
    loop::for_each_node(sweep_.body, [&](const Node& node) {
      leaves = leaves || node.kind == Node::Kind::finish || (node.kind == Node::Kind::leave && !inner_loops.count(node.of));
    });
    if (leaves && !share_.exits) return false;
    const ScalarFlow flow = scalar_flow(sweep_.body);
    for (const std::string& scalar : assigned_scalars(sweep_.body))
      if (flow.exposed.count(scalar) && !share_.carried.count(scalar) && !sweep_.warm.count(scalar)) return false;
    return warm();
  }

  bool warm() {
    std::erase_if(sweep_.warm, [&](const std::string& name) { return !scalar_flow(sweep_.body).exposed.count(name); });
    if (sweep_.warm.empty()) return true;
    if (!sweep_.single() || sweep_.distance > 8 || has_exit(sweep_.body) || has_loop(sweep_.body)) return false;
    // The statements that these scalars come from, over and over.
    std::set<int> statements;
    Names wanted = sweep_.warm;
    for (bool grown = true; grown;) {
      grown = false;
      loop::for_each_node(sweep_.body, [&](const Node& node) {
        if (node.kind != Node::Kind::assign || !wanted.count(node.target.text) || node.target.kind != Term::Kind::scalar)
          return;
        grown = statements.insert(node.id).second || grown;
      });
      sweep_.warm_up = only(sweep_.body, statements);
      for (const std::string& name : scalar_flow(sweep_.warm_up).exposed) grown = wanted.insert(name).second || grown;
    }
    if (intersect(read_arrays(sweep_.warm_up), written_arrays(work_.body))) return false;
    for (const std::string& name : assigned_scalars(sweep_.warm_up))
      if (share_.carried.count(name)) return false;
    return true;
  }

  const Work& work_;
  const Share& share_;
  Sweep sweep_;
  std::vector<Level> levels_;
};

}  // namespace

std::optional<Sweep> sweep_of(const Work& work, const Share& share) { return Finder(work, share).find(); }

}  // namespace ak::port
