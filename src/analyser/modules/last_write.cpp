#include "analyser/modules/last_write.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "analyser/algebra.hpp"
#include "analyser/counters.hpp"

namespace ak::analyser::flow {

namespace {

using loop::Node;
using loop::Term;

bool is_count(const Node& node) {
  if (node.kind != Node::Kind::assign || node.target.kind != Term::Kind::scalar || is_real(node.target.type)) return false;
  return offset_from(node.value, node.target.text).value_or(0) != 0;
}

void for_each_part(const std::vector<Node>& nodes, const std::function<void(const Term&)>& visit) {
  loop::for_each_node(nodes, [&](const Node& node) {
    for (const Term* whole : {&node.target, &node.value, &node.condition, &node.begin, &node.end})
      loop::for_each(*whole, visit);
  });
}

int times_named(const std::vector<Node>& nodes, const std::string& name) {
  int times = 0;
  for_each_part(nodes, [&](const Term& part) {
    times += (part.kind == Term::Kind::scalar || part.kind == Term::Kind::element) && part.text == name;
  });
  return times;
}

int writes_of(const std::vector<Node>& nodes, const std::string& name) {
  int writes = 0;
  loop::for_each_node(nodes, [&](const Node& node) { writes += node.kind == Node::Kind::assign && node.target.text == name; });
  return writes;
}

/// With what the iteration has set before body[at] written out; nothing where the term may say something else later in the
/// iteration.
std::optional<Term> written_out(Term term, const std::vector<Node>& body, std::size_t at) {
  for (std::size_t i = at; i-- > 0;) {
    const Node& set = body[i];
    if (set.kind != Node::Kind::assign || set.target.kind != Term::Kind::scalar || writes_of(body, set.target.text) != 1)
      continue;
    const Term value = set.value.type == set.target.type ? set.value : loop::convert(set.target.type, set.value);
    term = loop::replace(term, [&](const Term& part) { return part == set.target ? std::optional(value) : std::nullopt; });
  }
  bool same = true;
  loop::for_each(term, [&](const Term& part) {
    const bool named = part.kind == Term::Kind::scalar || part.kind == Term::Kind::element;
    same = same && (!named || writes_of(body, part.text) == 0);
  });
  return same ? std::optional(std::move(term)) : std::nullopt;
}

/// Where a branch of the loop's body moves the counter of a write on.
struct Move {
  std::size_t branch = 0;
  bool otherwise = false;  // on that side
  Term condition, value;   // when it does, and what is written, both written out
};

std::optional<Move> move_of(const Node& loop, std::size_t at) {
  const std::vector<Node>& body = loop.body;
  const Node& write = body[at];
  if (write.kind != Node::Kind::assign || write.target.kind != Term::Kind::element || write.target.terms.size() != 1 ||
      times_named(body, write.target.text) != 1)
    return std::nullopt;
  for (std::size_t i = at + 1; i < body.size(); ++i)
    for (const auto* side : {&body[i].body, &body[i].otherwise})
      for (const Node& node : *side) {
        if (body[i].kind != Node::Kind::branch || !is_count(node)) continue;
        const std::string& counter = node.target.text;
        if (!offset_from(write.target.terms[0], counter)) continue;
        const bool otherwise = side == &body[i].otherwise;
        const auto condition = written_out(otherwise ? negated(body[i].condition) : body[i].condition, body, at);
        const auto value = written_out(write.value, body, at);
        if (!condition || !value || writes_of(body, counter) != 1) return std::nullopt;
        return Move{i, otherwise, *condition, *value};
      }
  return std::nullopt;
}

/// In text order, from 1; those that had none get theirs.
void number_anew(loop::Function& function, std::vector<loop::Note>& notes, std::vector<loop::Finding>& findings) {
  std::map<int, int> ids{{0, 0}};
  int last = 0;
  const std::function<void(std::vector<Node>&)> walk = [&](std::vector<Node>& nodes) {
    for (Node& node : nodes) {
      const int old = std::exchange(node.id, ++last);
      if (old > 0) ids[old] = node.id;
      if (node.kind == Node::Kind::leave) node.of = ids.at(node.of);
      walk(node.body);
      walk(node.otherwise);
    }
  };
  walk(function.body);
  for (loop::Note& note : notes)
    for (int* id : {&note.from, &note.to, &note.loop}) *id = ids.at(*id);
  for (loop::Finding& finding : findings) finding.node = ids.at(finding.node);
}

/// What the last iteration writes, unless the counter has moved on behind it.
Node last_of_all(const Node& loop, const Node& write, const Move& move) {
  const Term variable = loop::scalar(loop.variable, loop.variable_type);
  const Term last = loop::binary("-", loop.end, loop::integer(loop.step, loop.end.type));
  const auto at_last = [&](const Term& term) {
    return loop::replace(term, [&](const Term& part) { return part == variable ? std::optional(last) : std::nullopt; });
  };
  Node kept = write;
  kept.id = 0;
  kept.value = at_last(move.value);
  Node branch;
  branch.kind = Node::Kind::branch;
  branch.line = write.line;
  branch.condition =
      loop::binary("&&", loop::binary(loop.step > 0 ? "<" : ">", loop.begin, loop.end), at_last(negated(move.condition)));
  branch.body.push_back(std::move(kept));
  return branch;
}

/// Where what is said of its bounds behind the loop is what held before it.
bool is_plain(const Node& loop) {
  if (loop.kind != Node::Kind::loop || (loop.step != 1 && loop.step != -1)) return false;
  bool plain = true;
  loop::for_each_node(loop.body, [&](const Node& node) {
    plain = plain && (node.kind == Node::Kind::assign || node.kind == Node::Kind::branch);
  });
  for (const Term* bound : {&loop.begin, &loop.end})
    loop::for_each(*bound, [&](const Term& part) {
      const bool named = part.kind == Term::Kind::scalar || part.kind == Term::Kind::element;
      plain = plain && (!named || writes_of(loop.body, part.text) == 0);
    });
  return plain;
}

}  // namespace

std::vector<loop::Finding> keep_last_writes(loop::Function& function, std::vector<loop::Note>& notes) {
  std::vector<loop::Finding> found;
  for (std::size_t l = 0; l < function.body.size(); ++l) {
    if (!is_plain(function.body[l])) continue;
    std::vector<Node> behind;
    for (std::size_t at = 0; at < function.body[l].body.size(); ++at) {
      Node& loop = function.body[l];
      const auto move = move_of(loop, at);
      if (!move) continue;
      const Node write = loop.body[at];
      behind.push_back(last_of_all(loop, write, *move));
      Node& branch = loop.body[move->branch];
      std::vector<Node>& side = move->otherwise ? branch.otherwise : branch.body;
      side.insert(side.begin(), write);
      loop.body.erase(loop.body.begin() + static_cast<std::ptrdiff_t>(at--));
      found.push_back(
          {"overwrites", write.id,
           fmt::format("{} is written until its counter moves on: the last write of each alone is made", c_text(write.target)),
           true});
    }
    function.body.insert(function.body.begin() + static_cast<std::ptrdiff_t>(l) + 1, behind.begin(), behind.end());
  }
  if (!found.empty()) number_anew(function, notes, found);
  return found;
}

}  // namespace ak::analyser::flow
