#include "port/templates/collapse.hpp"

#include <algorithm>

#include "port/templates/emit.hpp"
#include "port/templates/rows.hpp"

namespace ak::port {

using loop::Node;
using loop::Note;
using loop::ScalarType;
using loop::Term;

Collapsed collapsed(const Work& work) {
  const Collapsed as_is{work, {}};
  const auto& loops = work.group.loops;
  // Distances are of one loop's iterations.
  const auto far = [](const Note& note) {
    return note.kind == Note::Kind::anti || note.kind == Note::Kind::output || note.kind == Note::Kind::expand;
  };
  if (loops.size() < 2 || std::ranges::any_of(work.group.notes, far)) return as_is;
  std::vector<const Node*> nest;
  std::vector<Term> counts;
  const std::vector<Node>* body = &work.body;
  for (const loop::LoopRole& role : loops) {
    if (role.role != loops[0].role || body->size() != 1 || (*body)[0].id != role.loop) return as_is;
    const auto count = trips(work, (*body)[0]);
    if (!count) return as_is;
    nest.push_back(&(*body)[0]);
    counts.push_back(*count);
    body = &(*body)[0].body;
  }
  const Term all = loop::scalar("all_", ScalarType::i64);
  Collapsed one = as_is;
  Node loop = *nest.back();
  loop.id = -nest.back()->id;
  loop.variable = all.text;
  loop.variable_type = ScalarType::i64;
  loop.begin = loop::integer(0, ScalarType::i64);
  loop.step = 1;
  loop.body = {};
  Term inner = loop::integer(1, ScalarType::i64);  // iterations of the loops inside of one
  for (std::size_t i = nest.size(); i-- > 0;) {
    const Node& level = *nest[i];
    Term number = loop::binary("/", all, inner);
    if (i > 0) number = loop::binary("%", std::move(number), counts[i]);
    Node set;
    set.id = level.id;
    set.target = loop::scalar(level.variable, level.variable_type);
    set.value = loop::convert(level.variable_type,
                              loop::binary("+", level.begin, loop::binary("*", std::move(number), loop::integer(level.step))));
    loop.body.insert(loop.body.begin(), std::move(set));
    one.variables.push_back({level.variable, level.variable_type, {}});
    inner = loop::binary("*", counts[i], std::move(inner));
  }
  loop.end = inner;
  loop.body.insert(loop.body.end(), body->begin(), body->end());
  one.work.group.loops = {{loop.id, loop.variable, loops[0].role}};
  one.work.body = {std::move(loop)};
  return one;
}

}  // namespace ak::port
