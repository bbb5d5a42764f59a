#include "port/llm/strategy.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <vector>

namespace ak::port {

using loop::Role;

namespace {

std::string reduction_words(const loop::Group& group) {
  std::vector<std::string> all;
  for (const loop::Reduction& one : group.reductions) {
    std::string words = fmt::format("{} by {}", c_text(one.target), one.op);
    for (const auto& [position, value] : one.positions)
      words += fmt::format(", with the place {} where the {} extremum is met", position, one.last ? "last" : "first");
    all.push_back(std::move(words));
  }
  return fmt::format("{}", fmt::join(all, "; "));
}

std::string recurrence_words(const loop::Recurrence& one) {
  std::string words = one.target;
  if (!one.distances.empty()) words += fmt::format(" at distance {}", fmt::join(one.distances, ", "));
  if (!one.op.empty())
    return words +
           fmt::format(": the {} of its earlier value and {}", one.op, one.constant ? c_text(*one.constant) : "another");
  if (one.multipliers.empty() && !one.with.empty())
    return fmt::format("{} and {}: each an affine function of what the iteration before left in all", words,
                       fmt::join(one.with, ", "));
  if (one.multipliers.empty()) return words;
  std::vector<std::string> terms;
  for (std::size_t i = 0; i < one.multipliers.size(); ++i)
    terms.push_back(fmt::format("({}) * (its value {} before)", c_text(one.multipliers[i]),
                                i < one.distances.size() ? one.distances[i] : 1));
  return words + fmt::format(": {} + ({})", fmt::join(terms, " + "), one.constant ? c_text(*one.constant) : "0");
}

std::string recurrence_words(const loop::Group& group) {
  std::vector<std::string> all;
  for (const loop::Recurrence& one : group.recurrences) all.push_back(recurrence_words(one));
  return fmt::format("{}", fmt::join(all, "; "));
}

std::string role_words(const loop::Group& group, const loop::LoopRole& one) {
  const std::string& i = one.variable;
  switch (one.role) {
    case Role::parallel:
      return fmt::format("all iterations of {} may run at once", i);
    case Role::reduce:
      return fmt::format("{} only reduces {}: partial results by thread and block, joined in a fixed order", i,
                         reduction_words(group));
    case Role::scan:
      return fmt::format("{} is a scan, {}: an associative operator over tiles, each of which takes what came before it", i,
                         recurrence_words(group));
    case Role::chains:
      return fmt::format("{} falls into chains that never meet, {}: one thread for each, in order", i, recurrence_words(group));
    case Role::compact: {
      std::vector<std::string> counters;
      for (const loop::Counter& counter : group.counters)
        counters.push_back(counter.condition ? fmt::format("{} (where {})", counter.name, c_text(*counter.condition))
                                             : counter.name);
      return fmt::format(
          "{} counts {} under a condition and uses it as a subscript: its value is the exclusive scan of the counts", i,
          fmt::join(counters, ", "));
    }
    case Role::exit:
      return fmt::format("{} ends at the first iteration that leaves: find that by a min reduction, then run those before it",
                         i);
    case Role::scatter:
      return fmt::format(
          "iterations of {} may meet in one element of {}: atomics for integer sums and extrema, else the last one's "
          "value must stay, and sums of reals must come out alike at every run",
          i, group.reductions.empty() ? fmt::format("{}", fmt::join(group.scattered, ", ")) : reduction_words(group));
    case Role::wavefront:
      return {};  // of two loops, said of both
    case Role::sequential:
      return fmt::format("{} must run in order{}{}: look for what is parallel around, in or beside it", i,
                         group.recurrences.empty() ? "" : ", " + recurrence_words(group),
                         group.cause.empty() ? "" : " (" + group.cause + ")");
  }
  return {};
}

std::string note_words(const loop::Note& note) {
  using Kind = loop::Note::Kind;
  const std::string later = note.distance ? fmt::format("{} later", *note.distance) : "at some distance";
  switch (note.kind) {
    case Kind::anti:
      return fmt::format(
          "hazard: an iteration reads elements of {0} that the iteration {1} overwrites. It must see the old values: copy "
          "{0} (or what crosses blocks) to scratch in a launch before, and read that",
          note.name, later);
    case Kind::output:
      return fmt::format("hazard: two iterations, the second {1}, write one element of {0}: the later one's value must stay",
                         note.name, later);
    case Kind::expand:
      return fmt::format(
          "{} lives across iterations without a recurrence: each iteration computes its own{}", note.name,
          note.distance ? fmt::format(", of {} before", *note.distance) : "; the last one's is read after the loop");
    case Kind::induction:
    case Kind::reroll:
    case Kind::structured:
      return {};  // gone from the normal form
  }
  return {};
}

}  // namespace

std::string strategy(const loop::Verdict& verdict) {
  std::string all;
  const auto add = [&](const std::string& line) {
    if (!line.empty()) all += fmt::format("- {}\n", line);
  };
  int number = 0;
  for (const loop::Group& group : verdict.groups) {
    ++number;
    std::vector<std::string> roles;
    std::vector<std::string> diagonal;
    for (const loop::LoopRole& one : group.loops)
      if (one.role == Role::wavefront)
        diagonal.push_back(one.variable);
      else
        roles.push_back(role_words(group, one));
    if (!diagonal.empty())
      roles.push_back(fmt::format(
          "diagonals of {} are parallel: strips of rows, each some columns behind the one above, which it waits for",
          fmt::join(diagonal, " and ")));
    if (!roles.empty()) add(fmt::format("group {}: {}", number, fmt::join(roles, "; ")));
    std::set<std::string> seen;
    for (const loop::Note& note : group.notes)
      if (const std::string words = note_words(note); seen.insert(words).second) add(words);
  }
  for (const loop::Term& condition : verdict.assumed)
    add(fmt::format("this holds only where {}: elsewhere one thread runs the function in order", c_text(condition)));
  if (verdict.groups.size() > 1)
    add("groups run one after the other: a launch each, or one launch where no thread needs another's result");
  return all;
}

}  // namespace ak::port
