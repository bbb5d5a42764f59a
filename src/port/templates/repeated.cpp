#include "port/templates/repeated.hpp"

#include <algorithm>
#include <optional>

#include "port/templates/emit.hpp"
#include "port/templates/linear.hpp"
#include "port/templates/spread.hpp"

namespace ak::port {

using loop::Group;
using loop::Node;
using loop::Note;
using loop::Role;
using loop::Term;

namespace {

class Repeated {
 public:
  Repeated(loop::Verdict& verdict, std::size_t group) : verdict_(verdict), group_(group) {}

  /// Cuts the group in two; false where it must stay whole.
  bool cut() {
    const Group& group = verdict_.groups[group_];
    if (group.loops.size() < 2 || group.recurrences.size() != 1) return false;
    const Role inner = group.loops.back().role;
    if (inner != Role::scan && inner != Role::chains && inner != Role::sequential) return false;
    if (!group.reductions.empty() || !group.counters.empty() || !group.scattered.empty()) return false;
    for (Node& node : verdict_.function.body)
      if (node.kind == Node::Kind::loop && node.id == group.loops[0].loop) outer_ = &node;
    if (!outer_ || has_exit(outer_->body) || carries_flow() || !find_write()) return false;
    const std::vector<Node> once = only(outer_->body, with_what_it_needs());
    int nodes = 0;
    loop::for_each_node(once, [&](const Node&) { ++nodes; });
    if (nodes + 2 >= kBetween || !is_the_same_each_time(once) || !rest_reads_what_stays() || !rest_is_parallel()) return false;
    split(once);
    return true;
  }

 private:
  /// Whether one of its iterations takes what another has made: then they do not begin alike.
  bool carries_flow() const {
    return std::ranges::any_of(verdict_.dependences, [&](const loop::Dependence& one) {
      return one.kind == loop::Dependence::Kind::flow && one.loop * kBetween == outer_->id;
    });
  }

  /// One statement, which writes each element once an iteration.
  bool find_write() {
    int writes = 0;
    bool mine = true;
    const Group& group = verdict_.groups[group_];
    const auto walk = [&](const auto& self, const std::vector<Node>& body, const Node* around) -> void {
      for (const Node& node : body) {
        if (node.kind == Node::Kind::assign) {
          mine = mine && std::ranges::find(group.statements, node.id) != group.statements.end();
          if (node.target.kind == Term::Kind::element && node.target.text == group.recurrences[0].target)
            ++writes, write_ = &node, inner_ = around;
        }
        self(self, node.body, node.kind == Node::Kind::loop ? &node : around);
        self(self, node.otherwise, around);
      }
    };
    walk(walk, outer_->body, nullptr);
    const bool once = std::ranges::any_of(outer_->body, [&](const Node& node) { return &node == inner_; });
    return mine && writes == 1 && once && write_->target.terms.size() == 1 && arrays_of(write_->target.terms[0]).empty() &&
           factor_of(linear(write_->target.terms[0]), inner_->variable).value_or(0) != 0;
  }

  std::set<int> with_what_it_needs() const {
    std::set<int> needed{write_->id};
    for (bool grown = true; grown;) {
      grown = false;
      const Names wanted = scalar_flow(only(outer_->body, needed)).exposed;
      loop::for_each_node(outer_->body, [&](const Node& node) {
        if (node.kind == Node::Kind::assign && node.target.kind == Term::Kind::scalar && wanted.count(node.target.text))
          grown = needed.insert(node.id).second || grown;
      });
    }
    return needed;
  }

  bool is_the_same_each_time(const std::vector<Node>& once) const {
    if (intersect(scalar_flow(once).exposed, assigned_scalars(outer_->body))) return false;
    Names changed = written_arrays(outer_->body);
    changed.erase(write_->target.text);
    if (intersect(read_arrays(once), changed)) return false;
    bool same = true;
    loop::for_each_node(once, [&](const Node& node) {
      for (const Term& term : terms_read(node)) same = same && !loop::mentions(term, outer_->variable);
    });
    return same;
  }

  /// What the others read of the array is what the iteration has written before, or what nobody writes.
  bool rest_reads_what_stays() const {
    bool stays = true;
    const Names moving = assigned_scalars(outer_->body);
    const auto walk = [&](const auto& self, const std::vector<Node>& body, const Node* around) -> void {
      for (const Node& node : body) {
        for (const Term& term : terms_read(node))
          loop::for_each(term, [&](const Term& part) {
            if (part.kind != Term::Kind::element || part.text != write_->target.text) return;
            // For every call: what runs in order where the verdict's assumptions are false is this function too.
            const Apart at = around == inner_ && !intersect(scalars_of(part), moving)
                                 ? apart(part, write_->target, inner_->variable, inner_->step, {})
                                 : Apart{};
            stays = stays && (at.kind == Apart::Kind::never ||
                              (at.kind == Apart::Kind::iterations && (at.iterations < 0 || (at.iterations == 0 && node.id > write_->id))));
          });
        self(self, node.body, node.kind == Node::Kind::loop ? &node : around);
        self(self, node.otherwise, around);
      }
    };
    walk(walk, outer_->body, nullptr);
    return stays;
  }

  /// Of the others, no iteration of any loop has to do with another.
  bool rest_is_parallel() const {
    const std::vector<Node> rest = without(inner_->body, write_->id);
    const Names made = written_arrays(rest);
    return !intersect(scalar_flow(rest).exposed, assigned_scalars(outer_->body)) &&
           std::ranges::none_of(verdict_.dependences, [&](const loop::Dependence& one) {
             return made.count(one.name) && std::ranges::any_of(verdict_.groups[group_].loops, [&](const loop::LoopRole& role) {
                      return role.loop == one.loop * kBetween;
                    });
           });
  }

  void split(const std::vector<Node>& once) {
    const Group whole = verdict_.groups[group_];
    const std::string array = write_->target.text;
    const int written = write_->id, loop = outer_->id;
    Node branch;
    branch.kind = Node::Kind::branch;
    branch.line = outer_->line;
    branch.condition = loop::binary(outer_->step < 0 ? ">" : "<", outer_->begin, outer_->end);
    branch.body = once;
    Group first;
    first.recurrences = whole.recurrences;
    first.cause = whole.cause;
    int id = loop - kBetween;
    const auto number = [&](const auto& self, Node& node) -> void {
      const int was = node.id;
      node.id = ++id;
      if (node.kind == Node::Kind::assign) first.statements.push_back(node.id);
      for (loop::Recurrence& one : first.recurrences)
        if (one.statement == was) one.statement = node.id;
      for (const loop::LoopRole& role : whole.loops)
        if (node.kind == Node::Kind::loop && role.loop == was) first.loops.push_back({node.id, node.variable, role.role});
      for (Node& inner : node.body) self(self, inner);
      for (Node& inner : node.otherwise) self(self, inner);
    };
    number(number, branch);
    Group& rest = verdict_.groups[group_];
    std::erase(rest.statements, written);
    rest.recurrences.clear(), rest.cause.clear();
    for (loop::LoopRole& role : rest.loops) role.role = Role::parallel;
    std::erase_if(rest.notes, [&](const Note& note) { return note.name == array; });
    std::vector<Node>& body = verdict_.function.body;
    const auto at = std::ranges::find(body, loop, &Node::id);
    at->body = without(at->body, written);
    body.insert(at, std::move(branch));
    verdict_.groups.insert(verdict_.groups.begin() + static_cast<std::ptrdiff_t>(group_), std::move(first));
  }

  static std::vector<Node> without(std::vector<Node> body, int id) {
    std::erase_if(body, [&](const Node& node) { return node.id == id; });
    for (Node& node : body) node.body = without(std::move(node.body), id), node.otherwise = without(std::move(node.otherwise), id);
    return body;
  }

  loop::Verdict& verdict_;
  const std::size_t group_;
  Node* outer_ = nullptr;
  const Node *inner_ = nullptr, *write_ = nullptr;
};

}  // namespace

RunOnce with_repeats_run_once(loop::Verdict verdict) {
  RunOnce all{verdict, {}};
  space_ids(all.verdict);
  bool cut = false;
  for (std::size_t group = 0, origin = 0; group < all.verdict.groups.size(); ++group, ++origin) {
    all.origins.push_back(origin);
    if (!Repeated(all.verdict, group).cut()) continue;
    all.origins.push_back(origin);
    ++group;
    cut = true;
  }
  if (!cut) all.verdict = std::move(verdict);
  return all;
}

}  // namespace ak::port
