#include "analyser/findings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace ak::analyser {

namespace {

using loop::Note;

std::string distance_text(const Note& note) {
  return note.distance ? fmt::format("{} iteration{} later", *note.distance, *note.distance == 1 ? "" : "s") : "in some later iteration";
}

class Writer {
 public:
  explicit Writer(const loop::Verdict& verdict) : verdict_(verdict) {}

  std::vector<loop::Finding> run() {
    int last = 0, nests = 0;
    for (const loop::Group& group : verdict_.groups) {
      if (group.loops.empty()) continue;
      notes(group);
      operators(group);
      roles(group);
      const int root = group.loops.front().loop;
      if (root == nest_ && ++nests == 1)
        add("loop distribution", root, "statements fall apart into groups that run one after the other");
      if (root != nest_) nests = 0;
      if (root == nest_ && !group.statements.empty() && group.statements.front() < last)
        add("statement reordering", group.statements.front(), "runs after what follows it in the text, which makes a value that it reads");
      nest_ = root;
      last = group.statements.empty() ? 0 : group.statements.front();
    }
    accesses();
    return std::move(found_);
  }

 private:
  void add(const char* module, int node, std::string text) {
    loop::Finding finding{module, node, std::move(text), false};
    if (std::find(found_.begin(), found_.end(), finding) == found_.end()) found_.push_back(std::move(finding));
  }

  void notes(const loop::Group& group) {
    for (const Note& note : group.notes) switch (note.kind) {
        case Note::Kind::anti:
          add("write after read", note.from, fmt::format("reads elements of {} that are overwritten {}: it must see the old values", note.name,
                                                         note.distance == 0 ? "in the same iteration" : distance_text(note)));
          break;
        case Note::Kind::output:
          add("overwrites", note.from, fmt::format("writes elements of {} that are written again {}: the later value stays", note.name, distance_text(note)));
          break;
        case Note::Kind::expand:
          add("scalar expansion", note.from,
              note.distance ? fmt::format("{} is read {}: each iteration can compute it for itself", note.name, distance_text(note))
                            : fmt::format("the last value of {} is read after the loop", note.name));
          break;
        case Note::Kind::induction:
          add("induction", note.loop, fmt::format("{} has a closed form and is gone", note.name));
          break;
        case Note::Kind::reroll:
          add("loop unrolling", note.loop, fmt::format("{} congruent parts of an unrolled body became one", note.distance.value_or(0)));
          break;
        case Note::Kind::structured:
          add("goto conversion", note.loop, "goto became if and else");
          break;
      }
  }

  void operators(const loop::Group& group) {
    for (const loop::Reduction& one : group.reductions) {
      const int at = one.statements.empty() ? 0 : one.statements.front();
      add("reduction", at, fmt::format("{} is a reduction by {}{}", c_text(one.target), one.op, one.positions.empty() ? "" : " with its position"));
      if (one.target.kind == loop::Term::Kind::element && one.op == "+" && group.loops.size() > 1)
        add("convolution", at, fmt::format("a sum into {}: parallel over what selects it", c_text(one.target)));
    }
    for (const loop::Recurrence& one : group.recurrences) {
      if (one.distances.empty() && group.cause.empty()) continue;
      add("prefix sum, recurrence", one.statement,
          one.multipliers.empty() && one.op.empty() ? fmt::format("{} depends on its earlier values{}{}", one.target, group.cause.empty() ? "" : ": ", group.cause)
                                                    : fmt::format("{} is an associative recurrence at distance {}", one.target, fmt::join(one.distances, ", ")));
    }
    for (const loop::Counter& one : group.counters)
      add("stream compaction", one.statements.empty() ? 0 : one.statements.front(), fmt::format("{} counts in steps of {} and is a subscript", one.name, one.step));
  }

  void roles(const loop::Group& group) {
    for (const loop::LoopRole& role : group.loops) {
      if (role.role == loop::Role::exit) add("early exit", role.loop, "iterations are independent up to the first that leaves");
      if (role.role == loop::Role::wavefront) add("wavefront, interchange", role.loop, "diagonals of the two loops are parallel");
      if (role.role == loop::Role::scatter)
        add("aliasing, indirection, thresholds", role.loop,
            fmt::format("writes{}{} through unknown subscripts: parallel where these do not meet", group.scattered.empty() ? "" : " ",
                        fmt::join(group.scattered, ", ")));
    }
  }

  void accesses() {
    for (const loop::Access& one : verdict_.accesses)
      if (one.pattern == "strided" || one.pattern == "gathered")
        add("access pattern", one.statement, fmt::format("{} of {} is {}{}", one.write ? "the write" : "a read", one.array, one.pattern,
                                                         one.stride ? fmt::format(" by {}", *one.stride) : ""));
  }

  const loop::Verdict& verdict_;
  std::vector<loop::Finding> found_;
  int nest_ = 0;
};

}  // namespace

std::vector<loop::Finding> findings(const loop::Verdict& verdict) { return Writer(verdict).run(); }

}  // namespace ak::analyser
