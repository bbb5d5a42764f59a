#include "port/templates/work.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "port/templates/emit.hpp"
#include "port/templates/linear.hpp"

namespace ak::port {

using loop::Function;
using loop::Group;
using loop::Node;
using loop::Note;
using loop::Term;

namespace {

/// Terms of a group, flattened as the function's nodes are: they ride along in it.
class Riders {
 public:
  explicit Riders(Function& function) : function_(function), first_(function.body.size()) {}
  void add(const Term& term) {
    Node node;
    node.value = term;
    function_.body.push_back(std::move(node));
  }
  void take_back(Function& flat, const std::vector<Term*>& terms) const {
    for (std::size_t i = 0; i < terms.size(); ++i) *terms[i] = flat.body[first_ + i].value;
    flat.body.resize(first_);
  }

 private:
  Function& function_;
  std::size_t first_;
};

std::vector<Term*> terms_of(std::vector<Group>& groups) {
  std::vector<Term*> terms;
  for (Group& group : groups) {
    for (loop::Reduction& reduction : group.reductions) {
      terms.insert(terms.end(), {&reduction.target, &reduction.value});
      if (reduction.condition) terms.push_back(&*reduction.condition);
      for (auto& [name, value] : reduction.positions) terms.push_back(&value);
    }
    for (loop::Recurrence& recurrence : group.recurrences) {
      for (Term& multiplier : recurrence.multipliers) terms.push_back(&multiplier);
      if (recurrence.constant) terms.push_back(&*recurrence.constant);
    }
    for (loop::Counter& counter : group.counters)
      if (counter.condition) terms.push_back(&*counter.condition);
  }
  return terms;
}

Function flattened_with(Function function, std::vector<Group>& groups) {
  Riders riders(function);
  const std::vector<Term*> terms = terms_of(groups);
  for (const Term* term : terms) riders.add(*term);
  Function flat = loop::flattened(std::move(function));
  riders.take_back(flat, terms);
  return flat;
}

std::set<int> loops_of(const std::vector<Node>& body) {
  std::set<int> loops;
  loop::for_each_node(body, [&](const Node& node) {
    if (node.kind == Node::Kind::loop) loops.insert(node.id);
  });
  return loops;
}

std::set<int> ids_of(const std::vector<Node>& body) {
  std::set<int> ids;
  loop::for_each_node(body, [&](const Node& node) { ids.insert(node.id); });
  return ids;
}

bool share(const std::set<int>& a, const std::set<int>& b) {
  return std::any_of(a.begin(), a.end(), [&](int id) { return b.count(id) > 0; });
}

/// Whether two accesses within one iteration are of different elements: some subscripts differ by a constant.
bool never_same(const Term& a, const Term& b, const Names& moving) {
  if (a.kind != Term::Kind::element || a.text != b.text) return true;
  for (std::size_t i = 0; i < a.terms.size() && a.terms.size() == b.terms.size(); ++i) {
    const auto apart = (linear(a.terms[i]) - linear(b.terms[i])).constant();
    if (apart && *apart != 0 && !intersect(scalars_of(a.terms[i]), moving) && !intersect(scalars_of(b.terms[i]), moving))
      return true;
  }
  return false;
}

/// A branch that only returns: `if (n < 1) return 0;`
bool returns_early(const Node& node) {
  return node.kind == Node::Kind::branch && node.otherwise.empty() && node.body.size() == 1 &&
         node.body[0].kind == Node::Kind::finish;
}

void append(std::vector<Node>& to, const std::vector<Node>& from) { to.insert(to.end(), from.begin(), from.end()); }

}  // namespace

Works::Works(const loop::Verdict& verdict, const Setting& setting)
    : shaped_(loop::by_rows(verdict)), assumed_(verdict.assumed), setting_(setting), groups_(verdict.groups) {
  function_ = flattened_with(verdict.function, groups_);
  written_ = written_arrays(function_.body);
  std::set<int> all;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    close(i);
    all.insert(groups_[i].statements.begin(), groups_[i].statements.end());
  }
  loop::for_each_node(function_.body, [&](const Node& node) {
    const bool nest = node.kind == Node::Kind::loop || node.kind == Node::Kind::branch;
    separable_ = separable_ && (nest || all.count(node.id) > 0);
  });
  for (std::size_t later = 0; later < size(); ++later) {
    if (later + 1 < size() && finishes(bodies_[later]) && !guards_the_rest(later))
      for (std::size_t next = later + 1; next < size(); ++next) separable_ = separable_ && straight(next);
    for (std::size_t earlier = 0; earlier < later; ++earlier) separable_ = separable_ && keeps_order(earlier, later);
  }
  for (const loop::Local& local : function_.locals)
    if (is_own(local)) own_.insert(local.name);
  for (std::size_t i = 0; i < size(); ++i) {
    const auto again = [&](const Node& node) { return computed_again({i, &node}); };
    vanishes_.push_back(std::all_of(bodies_[i].begin(), bodies_[i].end(), again));
  }
  for (std::size_t i = size(); i-- > 0;) vanishes_[i] = vanishes_[i] || is_for_nobody(i);
}

/// Whether a group runs the node's loop too and sets the scalar in it, so that it begins with what that held before.
bool Works::sets_again(std::size_t group, const Node& node, const std::string& scalar) const {
  return std::ranges::any_of(bodies_[group], [&](const Node& own) {
    return own.id == node.id && node.kind == Node::Kind::loop && assigned_scalars({own}).count(scalar);
  });
}

/// Whether the groups that have to be run read nothing that this one leaves.
bool Works::is_for_nobody(std::size_t group) const {
  if (has_exit(bodies_[group])) return false;
  Names read, exposed;
  for (std::size_t i = 0; i < size(); ++i) {
    if (i == group || (i > group && vanishes_[i] && !straight(i))) continue;
    read.merge(read_arrays(bodies_[i]));
    if (i <= group) continue;
    for (const std::string& scalar : scalar_flow(bodies_[i]).exposed)
      if (std::ranges::none_of(bodies_[group], [&](const Node& node) { return sets_again(i, node, scalar); }))
        exposed.insert(scalar);
  }
  const Names written = written_arrays(bodies_[group]);
  const auto local = [&](const std::string& array) {
    return std::ranges::any_of(function_.locals, [&](const loop::Local& one) { return one.name == array; });
  };
  return std::ranges::all_of(written, local) && !intersect(written, read) &&
         !intersect(assigned_scalars(bodies_[group]), exposed);
}

bool Works::is_own(const loop::Local& local) const {
  constexpr std::int64_t kMostElements = 64;
  if (local.extents.empty()) return false;
  const auto elements = loop::evaluate(local.extents[0], {});
  if (!elements || *elements > kMostElements) return false;
  std::size_t users = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    Names used = written_arrays(bodies_[i]);
    used.merge(read_arrays(bodies_[i]));
    if (!used.count(local.name)) continue;
    const Group& group = groups_[i];
    const bool noted =
        std::any_of(group.notes.begin(), group.notes.end(), [&](const Note& note) { return note.name == local.name; });
    // Threads take iterations of the outer loops; what is in order within one is in order in a thread.
    const auto is = [](loop::Role role) { return [role](const loop::LoopRole& one) { return one.role == role; }; };
    const auto in_order = std::find_if_not(group.loops.begin(), group.loops.end(), is(loop::Role::parallel));
    if (noted || in_order == group.loops.begin() || !std::all_of(in_order, group.loops.end(), is(loop::Role::sequential)) ||
        ++users > 1)
      return false;
  }
  return users == 1;
}

bool Works::straight(std::size_t group) const { return !has_loop(bodies_[group]); }

/// Adds to a group the scalars of its loops that it needs and another group has, where they can be computed twice.
void Works::close(std::size_t index) {
  Group& group = groups_[index];
  std::set<int> statements(group.statements.begin(), group.statements.end());
  Names wanted;
  std::map<std::string, int> first_set, last_read;
  // Of a loop that the group has a part of, what sets one of these anywhere in an iteration; and of those that the group sets
  // itself, what does so between that and where it reads them.
  const auto for_each_missing = [&](const std::set<int>& loops, const std::function<void(const Node&)>& visit) {
    const std::function<void(const std::vector<Node>&, bool)> look = [&](const std::vector<Node>& nodes, bool inside) {
      for (const Node& node : nodes) {
        const bool sets =
            node.kind == Node::Kind::assign && node.target.kind == Term::Kind::scalar && !statements.count(node.id);
        const std::string& name = node.target.text;
        if (inside && sets &&
            (wanted.count(name) || (first_set.count(name) && first_set[name] < node.id && node.id < last_read[name])))
          visit(node);
        look(node.body, inside || (node.kind == Node::Kind::loop && loops.count(node.id)));
        look(node.otherwise, inside);
      }
    };
    look(function_.body, false);
  };
  for (bool grown = true; grown;) {
    grown = false;
    const std::vector<Node> body = only(function_.body, statements);
    wanted.merge(scalar_flow(body).exposed);
    loop::for_each_node(body, [&](const Node& node) {
      if (node.kind == Node::Kind::assign && node.target.kind == Term::Kind::scalar)
        first_set.emplace(node.target.text, node.id);  // in the order of the text
      for (const Term& term : terms_read(node))
        for (const std::string& name : scalars_of(term)) last_read[name] = std::max(last_read[name], node.id);
    });
    for_each_missing(loops_of(body), [&](const Node& node) {
      if (!intersect(arrays_of(node.value), written_)) grown = statements.insert(node.id).second || grown;
    });
  }
  bodies_.push_back(only(function_.body, statements));
  group.statements.assign(statements.begin(), statements.end());
  // What is still missing would come from another group's iterations.
  for_each_missing(loops_of(bodies_.back()), [&](const Node&) { separable_ = false; });
}

/// Whether a loop that both have parts of may run for `earlier` first.
bool Works::keeps_order(std::size_t earlier, std::size_t later) const {
  const auto &first = bodies_[earlier], &second = bodies_[later];
  const std::set<int> first_ids = ids_of(first), second_ids = ids_of(second);
  const bool shares = share(loops_of(first), loops_of(second));
  if (shares && (has_exit(first) || has_exit(second))) return false;
  for (const Group& group : groups_)
    for (const Note& note : group.notes)
      if ((note.kind == Note::Kind::anti || note.kind == Note::Kind::output) && second_ids.count(note.from) &&
          first_ids.count(note.to) && !first_ids.count(note.from))
        return false;
  // A branch around both is asked again.
  bool keeps = true;
  loop::for_each_node(second, [&](const Node& node) {
    if (node.kind == Node::Kind::branch && first_ids.count(node.id))
      keeps = keeps && !intersect(arrays_of(node.condition), written_arrays(first)) &&
              !intersect(scalars_of(node.condition), assigned_scalars(first));
  });
  if (!shares) return keeps;
  // Within an iteration: what `later` reads or writes before `earlier` writes it.
  Names moving = assigned_scalars(first);
  moving.merge(assigned_scalars(second));
  const auto shaped = [&](std::size_t group) {
    return only(shaped_.body, {groups_[group].statements.begin(), groups_[group].statements.end()});
  };
  loop::for_each_node(shaped(earlier), [&](const Node& write) {
    if (write.kind != Node::Kind::assign || write.target.kind != Term::Kind::element) return;
    loop::for_each_node(shaped(later), [&](const Node& node) {
      if (node.id >= write.id) return;
      std::vector<Term> terms = terms_read(node);
      if (node.kind == Node::Kind::assign) terms.push_back(node.target);
      for (const Term& term : terms)
        loop::for_each(term, [&](const Term& part) { keeps = keeps && never_same(part, write.target, moving); });
    });
  });
  return keeps;
}

/// The last group that may ask for a scalar as that one left it.
std::size_t Works::last_user(const std::string& scalar, std::size_t group) const {
  std::size_t last = group;
  for (std::size_t i = group + 1; i < size(); ++i) {
    if (scalar_flow(bodies_[i]).exposed.count(scalar)) last = straight(i) ? size() - 1 : i;
    if (assigned_scalars(bodies_[i]).count(scalar)) break;
  }
  return last;
}

bool Works::computed_again(const Source& source) const {
  const Node& node = *source.node;
  if (!straight(source.group) || node.kind != Node::Kind::assign || node.target.kind != Term::Kind::scalar) return false;
  if (arrays_of(node.value).empty()) return true;
  Names written;
  for (std::size_t i = source.group; i <= last_user(node.target.text, source.group); ++i)
    written.merge(written_arrays(bodies_[i]));
  return !intersect(arrays_of(node.value), written);
}

/// Whether all groups after it ask a group's conditions again instead of waiting for it.
bool Works::guards_the_rest(std::size_t group) const {
  for (const Node& node : bodies_[group])
    if (finishes({node}) && (!returns_early(node) || intersect(arrays_of(node.condition), written_))) return false;
  return straight(group);
}

std::optional<Works::Source> Works::source(const std::string& scalar, std::size_t before) const {
  for (std::size_t group = before; group-- > 0;)
    for (auto node = bodies_[group].rbegin(); node != bodies_[group].rend(); ++node)
      if (assigned_scalars({*node}).count(scalar)) return Source{group, &*node};
  return std::nullopt;
}

std::string Works::kept_name(const std::string& scalar, std::size_t group) { return fmt::format("kept_{}_{}_", scalar, group); }

/// How a thread comes by scalars that earlier groups set: it computes what straight statements say, and takes the rest from
/// scratch.
std::vector<Node> Works::incoming(Names wanted, std::size_t before) const {
  std::vector<Node> nodes;
  for (std::size_t group = before; group-- > 0;)
    for (auto node = bodies_[group].rbegin(); node != bodies_[group].rend(); ++node) {
      if (returns_early(*node) && guards_the_rest(group)) {
        nodes.push_back(*node);
        nodes.back().body[0].value = Term{};
        wanted.merge(scalars_of(node->condition));
      }
      for (const std::string& scalar : assigned_scalars({*node})) {
        if (sets_again(before, *node, scalar) || wanted.erase(scalar) == 0) continue;
        if (computed_again({group, &*node})) {
          nodes.push_back(*node);
          wanted.merge(scalars_of(node->value));
        } else {
          Node load;
          load.target = loop::scalar(scalar, type_of(function_, scalar));
          load.value = loop::element(kept_name(scalar, group), {loop::integer(0)}, load.target.type);
          nodes.push_back(std::move(load));
        }
      }
    }
  return {nodes.rbegin(), nodes.rend()};
}

Work Works::work(std::size_t group, std::size_t last) const {
  Work work;
  work.function = &function_;
  work.shaped = &shaped_;
  work.group = groups_[group];
  work.body = bodies_[group];
  work.tag = fmt::format("{}", group);
  work.own = own_;
  work.assumed = assumed_;
  work.setting = setting_;
  std::vector<Node> all = work.body, rest;
  for (std::size_t i = group + 1; i <= last; ++i) append(work.after, bodies_[i]);
  append(all, work.after);
  for (std::size_t i = last + 1; i < size(); ++i) append(rest, bodies_[i]);
  ScalarFlow flow = scalar_flow(all);
  const Names later = scalar_flow(rest).exposed;
  for (const std::string& scalar : assigned_scalars(all)) {
    if (!later.count(scalar)) continue;
    const Source from = *source(scalar, last + 1);
    if (computed_again(from)) continue;
    work.kept.push_back({scalar, kept_name(scalar, from.group)});
    if (!flow.definite.count(scalar)) flow.exposed.insert(scalar);
  }
  work.before = incoming(flow.exposed, group);
  return work;
}

Work Works::whole() const {
  Work work;
  work.function = &function_;
  work.shaped = &shaped_;
  work.body = function_.body;
  work.tag = "all";
  work.own = own_;
  work.setting = setting_;
  return work;
}

}  // namespace ak::port
