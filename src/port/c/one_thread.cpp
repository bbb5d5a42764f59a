#include "port/c/one_thread.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.hpp"
#include "port/candidates.hpp"

namespace ak::port {

namespace {

std::string place_of(const loop::Function& function, int node) {
  const loop::Node* found = loop::find_node(function, node);
  return found && found->line > 0 ? fmt::format("line {}", found->line) : "a statement";
}

std::string before_text(const std::vector<std::int64_t>& distances) {
  if (distances.empty()) return "earlier iterations";
  if (distances == std::vector<std::int64_t>{1}) return "the iteration before";
  return fmt::format("{} iterations before", fmt::join(distances, " and "));
}

/// "line 3 reads elements of a that line 4 overwrites 1 iteration later (anti)".
std::string note_text(const loop::Note& note, const loop::Function& function) {
  const bool anti = note.kind == loop::Note::Kind::anti;
  if (!anti && note.kind != loop::Note::Kind::output) return {};
  const std::string later = note.distance ? fmt::format("{} iteration{} later", *note.distance, *note.distance == 1 ? "" : "s")
                                          : "in a later iteration";
  return fmt::format("{} {} elements of {} that {} {} {} ({} dependence)", place_of(function, note.from),
                     anti ? "reads" : "writes", note.name, place_of(function, note.to), anti ? "overwrites" : "writes again",
                     later, anti ? "anti" : "output");
}

/// Where the loop writes what the conditions around the node read: ", by a test of a, which line 4 writes".
std::string test_text(const loop::Node& loop, int id) {
  std::string found;
  const auto look = [&](const loop::Term& condition) {
    loop::for_each_node(loop.body, [&](const loop::Node& writes) {
      if (found.empty() && writes.kind == loop::Node::Kind::assign && writes.target.kind == loop::Term::Kind::element &&
          loop::mentions(condition, writes.target.text))
        found = fmt::format(", by a test of {}, which line {} writes", writes.target.text, writes.line);
    });
  };
  loop::for_each_node(loop.body, [&](const loop::Node& around) {
    if (around.kind != loop::Node::Kind::branch) return;
    for (const auto* side : {&around.body, &around.otherwise})
      loop::for_each_node(*side, [&](const loop::Node& inner) {
        if (inner.id == id) look(around.condition);
      });
  });
  return found;
}

/// Where it may be left before its end.
std::string exit_text(const loop::Group& group, const loop::Function& function) {
  const loop::Node* const loop = group.loops.empty() ? nullptr : loop::find_node(function, group.loops.front().loop);
  for (const int id : group.statements)
    if (const loop::Node* node = loop::find_node(function, id))
      if (node->kind == loop::Node::Kind::leave || node->kind == loop::Node::Kind::finish)
        return place_of(function, id) + " leaves the loop early" + (loop ? test_text(*loop, id) : "");
  return {};
}

/// What the order is needed for, beside the values that go from iteration to iteration.
std::vector<std::string> notes_of(const loop::Group& group, const loop::Function& function) {
  std::vector<std::string> all;
  for (const loop::Note& note : group.notes)
    if (std::string words = note_text(note, function); !words.empty() && std::ranges::find(all, words) == all.end())
      all.push_back(std::move(words));
  return all;
}

/// What in the group keeps others from running it, in the places of the text.
std::string why(const loop::Group& group, const loop::Function& function) {
  std::vector<std::string> reasons;
  const std::vector<std::string> notes = notes_of(group, function);
  const auto has = [&](loop::Role role) {
    return std::ranges::any_of(group.loops, [&](const loop::LoopRole& one) { return one.role == role; });
  };
  if (!group.cause.empty()) {
    const loop::Recurrence* const found = group.recurrences.empty() ? nullptr : &group.recurrences.front();
    const std::string flow = found && !found->target.empty() && !found->distances.empty()
                                 ? fmt::format(" (flow dependence: {} of {})", found->target, before_text(found->distances))
                                 : "";
    reasons.push_back((found && found->statement ? place_of(function, found->statement) + ": " : "") + group.cause + flow);
    // Loops inside of one in order may be shared out, were it not for these.
    if (has(loop::Role::parallel)) reasons.insert(reasons.end(), notes.begin(), notes.end());
    return fmt::format("{}", fmt::join(reasons, "; "));
  }
  if (has(loop::Role::exit)) reasons.push_back(exit_text(group, function));
  for (const loop::Recurrence& one : group.recurrences)
    reasons.push_back(fmt::format("{} takes {} of {} (flow dependence)", place_of(function, one.statement), one.target,
                                  before_text(one.distances)));
  reasons.insert(reasons.end(), notes.begin(), notes.end());
  std::erase(reasons, "");
  return fmt::format("no template runs {}{}{}", text(group, function), reasons.empty() ? "" : ": ", fmt::join(reasons, "; "));
}

std::string why_nothing_else(const loop::Verdict& verdict) {
  const auto looped = [](const loop::Group& group) { return !group.loops.empty(); };
  const auto caused = std::ranges::find_if(verdict.groups, [](const loop::Group& group) { return !group.cause.empty(); });
  if (caused != verdict.groups.end()) return why(*caused, verdict.function);
  if (std::ranges::count_if(verdict.groups, looped) > 1) return "no template runs " + text(verdict);
  const auto only = std::ranges::find_if(verdict.groups, looped);
  return only == verdict.groups.end() ? "it has no loop" : why(*only, verdict.function);
}

/// The groups with loops that one thread runs.
std::vector<const loop::Group*> alone(const loop::Verdict& verdict, const loop::Candidate& candidate) {
  std::vector<const loop::Group*> found;
  const std::vector<std::size_t> groups = groups_of_parts(verdict);
  const auto parts = split(candidate.template_name, '+');
  for (std::size_t i = 0; i < parts.size() && i < groups.size(); ++i) {
    const loop::Group& group = verdict.groups[groups[i]];
    if (runs_alone(parts[i], group)) found.push_back(&group);
  }
  return found;
}

/// Whether some of its loops are shared out.
bool is_parallel(const loop::Verdict& verdict, const loop::Candidate& candidate) {
  if (candidate.template_name == kSerial) return false;
  const std::vector<std::size_t> groups = groups_of_parts(verdict);
  const auto parts = split(candidate.template_name, '+');
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (parts[i] != kSerial && (i >= groups.size() || !runs_alone(parts[i], verdict.groups[groups[i]]))) return true;
  return false;
}

}  // namespace

std::string why_one_thread(const loop::Verdict& verdict, const std::vector<Tried>& tried, const loop::Candidate& chosen) {
  if (is_parallel(verdict, chosen)) {
    std::string all;
    for (const loop::Group* const group : alone(verdict, chosen))
      all += fmt::format("{}{}, {}", all.empty() ? "" : "; ", text(*group, verdict.function), why(*group, verdict.function));
    return all;
  }
  const auto parallel = [&](const Tried& one) { return is_parallel(verdict, one.candidate); };
  const auto first = std::ranges::find_if(tried, parallel);
  if (first == tried.end()) return why_nothing_else(verdict);
  if (std::ranges::any_of(tried, [&](const Tried& one) { return parallel(one) && one.passed(); })) return "it was the fastest";
  return fmt::format("{} failed: {}{}{}", tactic_text(first->candidate), name(first->status), first->why.empty() ? "" : ": ",
                     first->why);
}

}  // namespace ak::port
