#include "port/templates/hazards.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "port/templates/emit.hpp"
#include "port/templates/linear.hpp"

namespace ak::port {

using loop::Node;
using loop::Note;
using loop::ScalarType;
using loop::Term;

namespace {

std::string forwarded(int write) { return fmt::format("wrote_{}_", write); }

bool lazy(const Term& term) {
  return term.kind == Term::Kind::choose || (term.kind == Term::Kind::binary && (term.text == "&&" || term.text == "||"));
}

}  // namespace

Hazards::Hazards(const Work& work, const Sweep& sweep) : work_(work), sweep_(sweep) {
  std::set<int> inner;
  loop::for_each_node(sweep.body, [&](const Node& node) {
    if (node.kind == Node::Kind::loop) inner.insert(node.id);
  });
  for (const Note& note : work.group.notes) {
    if (inner.count(note.loop)) continue;
    if (note.kind == Note::Kind::anti) anti_.insert(note.name);
    if (note.kind == Note::Kind::output) output_.insert(note.name);
  }
  set_ = assigned_scalars(sweep.body);
  simple_ = sweep.single() && inner.empty();
  // Within inner loops an element is written again and again, and distances are of no use.
  // Of arrays that overlap the notes have one name and the elements others.
  ok_ = work.setting.restricted && inner.empty() && sweep.inside.empty() && (output_.empty() || simple_);
  if (!ok_) return;
  collect(sweep.body, true);
  for (const Write& write : writes_)
    if (output_.count(write.node->target.text)) guard(write);
  std::function<void(const std::vector<Node>&, bool)> walk = [&](const std::vector<Node>& body, bool outright) {
    for (const Node& node : body) {
      for (const Term& term : terms_read(node)) look(node, term, outright);
      walk(node.body, false);
      walk(node.otherwise, false);
    }
  };
  walk(sweep.body, true);
  for (const auto& [at, write] : own_at_) ok_ = ok_ && guards_.count(write);
}

void Hazards::collect(const std::vector<Node>& body, bool outright) {
  for (const Node& node : body) {
    if (node.kind == Node::Kind::assign && node.target.kind == Term::Kind::element) writes_.push_back({&node, outright});
    collect(node.body, false);
    collect(node.otherwise, false);
  }
}

bool Hazards::moves(const Term& element) const {
  return intersect(scalars_of(element), set_) || intersect(arrays_of(element.terms[0]), written_arrays(sweep_.body));
}

bool Hazards::stays_put(const Term& element) const { return factor_of(linear(element.terms[0]), sweep_.col.variable) == 0; }

/// A write stays where no later iteration writes its element.
void Hazards::guard(const Write& write) {
  std::optional<Term> stays;
  const Term iteration = loop::scalar("col_", ScalarType::i64), all = loop::scalar("cols_", ScalarType::i64);
  const auto require = [&](const Term& condition) { stays = stays ? loop::binary("&&", *stays, condition) : condition; };
  for (const Write& other : writes_) {
    const Term &mine = write.node->target, &its = other.node->target;
    if (its.text != mine.text) continue;
    if (moves(mine) || moves(its)) return void(ok_ = false);
    if (stays_put(mine) && linear(mine.terms[0]) == linear(its.terms[0])) {
      if (!other.outright) return void(ok_ = false);
      // Every iteration writes it; of two writes in one, the order of the text decides.
      require(loop::binary("==", iteration, loop::binary("-", all, loop::integer(1))));
      continue;
    }
    const Apart apart = ak::port::apart(mine, its, sweep_.col.variable, sweep_.col.step, work_.assumed);
    if (apart.kind == Apart::Kind::unknown) return void(ok_ = false);
    if (apart.kind == Apart::Kind::never || apart.iterations <= 0) continue;
    if (!other.outright) return void(ok_ = false);
    require(loop::binary(">=", loop::binary("+", iteration, loop::integer(apart.iterations)), all));
  }
  if (!stays) return;
  guards_.emplace(write.node->id, *stays);
  locals_.push_back({forwarded(write.node->id), write.node->target.type, {}});
}

void Hazards::look(const Node& node, const Term& term, bool outright) {
  if (term.kind == Term::Kind::element && (anti_.count(term.text) || output_.count(term.text))) read(node, term, outright);
  for (std::size_t i = 0; i < term.terms.size(); ++i) look(node, term.terms[i], outright && !(lazy(term) && i > 0));
}

void Hazards::read(const Node& node, const Term& element, bool outright) {
  bool old = false;
  std::int64_t reach = 0;
  bool known = true, earlier = false;
  const Write* own = nullptr;
  for (const Write& write : writes_) {
    const Term& target = write.node->target;
    if (target.text != element.text) continue;
    const bool before = write.node->id < node.id;
    const bool comparable = simple_ && !moves(element) && !moves(target);
    const Apart apart =
        comparable ? ak::port::apart(element, target, sweep_.col.variable, sweep_.col.step, work_.assumed) : Apart{};
    if (apart.kind == Apart::Kind::never) continue;
    if (comparable && stays_put(target) && linear(target.terms[0]) == linear(element.terms[0])) {
      // Every iteration's: it must be this one's.
      if (!before || !write.outright) ok_ = false;
      own = &write;
    } else if (apart.kind == Apart::Kind::unknown) {
      // Nothing flows from iteration to iteration: what it sees was there before, if this one did not write it.
      if (before || output_.count(element.text)) ok_ = false;
      old = true;
      known = false;
    } else if (apart.iterations > 0) {
      old = true;
      reach = std::max(reach, apart.iterations);
    } else if (apart.iterations < 0) {
      earlier = true;
    } else if (before) {
      own = &write;
    }
  }
  if (earlier && !(own && own->outright)) ok_ = false;
  const auto at = std::make_pair(node.id, loop::c_text(element));
  if (own) {
    if (guards_.count(own->node->id)) {
      // What it wrote may not be there: it goes by a scalar.
      if (!own->outright) ok_ = false;
      own_at_[at] = own->node->id;
    } else if (old) {
      ok_ = false;
    }
  } else if (old) {
    old_at_[at] = old_.size();
    old_.push_back({element, known ? reach : 0, outright && !moves(element)});
  }
}

std::vector<Node> Hazards::body(const std::function<Term(std::size_t, const Term&)>& instead) const {
  return rewritten(sweep_.body, instead);
}

std::vector<Node> Hazards::rewritten(const std::vector<Node>& body,
                                     const std::function<Term(std::size_t, const Term&)>& instead) const {
  std::vector<Node> out;
  for (Node node : body) {
    // Leaves first, so a read within a subscript is gone from the text by which its outer one is known: by the original's then.
    const std::function<Term(const Term&)> change = [&](const Term& term) -> Term {
      Term copy = term;
      for (Term& part : copy.terms) part = change(part);
      if (term.kind != Term::Kind::element) return copy;
      const auto at = std::make_pair(node.id, loop::c_text(term));
      if (const auto old = old_at_.find(at); old != old_at_.end()) return instead(old->second, copy);
      if (const auto own = own_at_.find(at); own != own_at_.end()) return loop::scalar(forwarded(own->second), term.type);
      return copy;
    };
    for (Term* term : {&node.value, &node.condition, &node.begin, &node.end}) *term = change(*term);
    for (Term& subscript : node.target.terms) subscript = change(subscript);
    node.body = rewritten(node.body, instead);
    node.otherwise = rewritten(node.otherwise, instead);
    const auto guard = guards_.find(node.id);
    if (node.kind == Node::Kind::assign && guard != guards_.end()) {
      Node store = node, branch;
      node.target = loop::scalar(forwarded(node.id), node.target.type);
      store.value = node.target;
      branch.kind = Node::Kind::branch;
      branch.condition = guard->second;
      branch.body = {std::move(store)};
      out.push_back(std::move(node));
      out.push_back(std::move(branch));
    } else {
      out.push_back(std::move(node));
    }
  }
  return out;
}

}  // namespace ak::port
