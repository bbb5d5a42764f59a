#include "analyser/analyse.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "analyser/findings.hpp"
#include "analyser/flat_rows.hpp"
#include "analyser/flow.hpp"
#include "analyser/modules/last_write.hpp"
#include "analyser/modules/loop_unrolling.hpp"
#include "analyser/modules/modules.hpp"
#include "analyser/nest.hpp"

namespace ak::analyser {

namespace {

using loop::Node;

/// Statements outside of all loops.
bool is_straight(const flow::Statement& statement) { return statement.loops.empty() && statement.is_leaf(); }

std::vector<loop::Group> all_groups(const flow::Model& model, const std::vector<flow::Dependence>& dependences,
                                    const std::set<std::string>& without) {
  std::vector<loop::Group> groups;
  int root = 0;
  bool straight = false;
  for (const flow::Statement& statement : model.statements) {
    if (is_straight(statement)) {
      if (!straight) groups.emplace_back();
      groups.back().statements.push_back(statement.node->id);
      straight = true;
      continue;
    }
    if (statement.loops.empty() || statement.loops.front()->id == root) continue;
    straight = false;
    root = statement.loops.front()->id;
    const flow::Nest nest = flow::make_nest(model, dependences, without, root);
    if (nest.leaves.empty()) continue;
    for (loop::Group& group : flow::groups(nest, flow::pieces(nest))) groups.push_back(std::move(group));
  }
  return groups;
}

/// What is left to say when isl gave up: everything in the text's order.
std::vector<loop::Group> in_order(const loop::Function& function, const std::string& cause) {
  std::vector<loop::Group> groups;
  const auto visit = [&](const auto& self, const std::vector<Node>& body, loop::Group* group) -> void {
    for (const Node& node : body) {
      if (node.kind == Node::Kind::branch) {
        self(self, node.body, group);
        self(self, node.otherwise, group);
      } else if (node.kind == Node::Kind::loop) {
        if (!group) {
          groups.emplace_back();
          groups.back().cause = cause;
          groups.back().loops.push_back({node.id, node.variable, loop::Role::sequential});
          self(self, node.body, &groups.back());
        } else {
          self(self, node.body, group);
        }
      } else {
        if (!group) groups.emplace_back();
        loop::Group& own = group ? *group : groups.back();
        own.statements.push_back(node.id);
        if (group && own.recurrences.empty() && node.kind == Node::Kind::assign) {
          loop::Recurrence recurrence;
          recurrence.target = node.target.text;
          recurrence.statement = node.id;
          own.recurrences.push_back(recurrence);
        }
      }
    }
  };
  visit(visit, function.body, nullptr);
  return groups;
}

/// Whether a loop asks in each iteration for an element that its body may write, as arrays overlap. Where they do not, none
/// does.
bool end_may_change(const loop::Function& function, const Facts& facts) {
  std::map<std::string, std::set<std::string>> overlapping;  // directly or by others
  for (std::size_t pass = 0; pass < facts.aliases.size(); ++pass)
    for (const Alias& one : facts.aliases) {
      std::set<std::string>&a = overlapping[one.pointer], &b = overlapping[one.base];
      a.insert({one.pointer, one.base}), b.insert({one.pointer, one.base});
      a.insert(b.begin(), b.end()), b.insert(a.begin(), a.end());
    }
  bool found = false;
  loop::for_each_node(function.body, [&](const Node& loop) {
    if (loop.kind != Node::Kind::loop) return;
    loop::for_each(loop.end, [&](const loop::Term& part) {
      if (part.kind != loop::Term::Kind::element) return;
      loop::for_each_node(loop.body, [&](const Node& node) {
        found = found || (node.kind == Node::Kind::assign && node.target.kind == loop::Term::Kind::element &&
                          overlapping[part.text].contains(node.target.text));
      });
    });
  });
  return found;
}

std::vector<loop::Dependence> predicted(const flow::Model& model, const std::vector<flow::Dependence>& dependences) {
  std::vector<loop::Dependence> all;
  for (const flow::Dependence& one : dependences) {
    const flow::Statement& from = model.statements[one.from];
    const int loop = one.level == flow::Dependence::kWithin ? 0 : from.loops[one.level]->id;
    all.push_back({static_cast<loop::Dependence::Kind>(one.kind), one.name, from.node->id, model.statements[one.to].node->id,
                   loop, one.distances, one.exact});
  }
  return all;
}

bool inside(const std::vector<Node>& body, int loop, int id) {
  bool found = false;
  loop::for_each_node(body, [&](const Node& node) {
    if (node.id == loop) loop::for_each_node(node.body, [&](const Node& inner) { found |= inner.id == id; });
  });
  return found;
}

/// A note stands at the first group of its loop.
void add_notes(loop::Verdict& verdict, const std::vector<loop::Note>& notes) {
  for (const loop::Note& note : notes) {
    loop::Group* place = nullptr;
    for (loop::Group& group : verdict.groups) {
      if (group.loops.empty()) continue;
      const bool own =
          std::any_of(group.loops.begin(), group.loops.end(), [&](const auto& one) { return one.loop == note.loop; }) ||
          std::any_of(group.statements.begin(), group.statements.end(),
                      [&](int id) { return inside(verdict.function.body, note.loop, id); });
      if (own || (note.loop == 0 && !place)) place = place ? place : &group;
    }
    if (place) place->notes.push_back(note);
  }
}

/// Whether the verdict has another line without the module.
bool changes(const std::string& module, const loop::Verdict& verdict, const flow::Model& model,
             const std::vector<flow::Dependence>& dependences, const std::vector<loop::Note>& notes) {
  loop::Verdict other;
  other.function = verdict.function;
  other.groups = all_groups(model, dependences, {module});
  add_notes(other, notes);
  return loop::text(other) != loop::text(verdict);
}

/// Whether a loop that was rolled writes a sum to memory between its terms, all of which the text reads before.
bool writes_between(const loop::Function& before, const loop::Function& after, const std::vector<loop::Note>& rolled) {
  return std::ranges::any_of(rolled, [&](const loop::Note& note) {
    const Node* const was = find_node(before, note.from);
    const Node* const is = find_node(after, note.from);
    return is->target.kind == loop::Term::Kind::element && was->value != is->value;
  });
}

constexpr const char* kLastWrites = "overwrites: last writes";  // switched off where they have been kept

std::set<std::string> with_all(std::set<std::string> names, const std::set<std::string>& more) {
  names.insert(more.begin(), more.end());
  return names;
}

bool is_sequential(const loop::Verdict& verdict) {
  for (const loop::Group& group : verdict.groups)
    for (const loop::LoopRole& role : group.loops)
      if (role.role == loop::Role::sequential) return true;
  return false;
}

loop::Verdict analysed(loop::Function function, const Facts& facts, const std::vector<loop::Note>& notes,
                       const std::set<std::string>& without, const Limits& limits);

/// With as few of the doubtful conditions taken for true as leave the least open; nothing where none does.
std::optional<loop::Verdict> with_rows_assumed(const loop::Verdict& plain, const std::vector<loop::Term>& doubtful,
                                               const Facts& facts, const std::vector<loop::Note>& notes,
                                               const std::set<std::string>& without, const Limits& limits) {
  constexpr std::size_t kMost = 4;
  if (!facts.assumed.empty() || doubtful.empty() || left_open(plain) == 0) return std::nullopt;
  Facts more = facts;
  more.assumed = doubtful;
  // Rows' lengths are worth more than how far from edges loops stay.
  std::ranges::stable_partition(more.assumed, [](const loop::Term& one) { return one.text == ">"; });
  if (more.assumed.size() > kMost) more.assumed.resize(kMost);
  const auto assuming = [&] { return analysed(plain.function, more, notes, with_all(without, {"loop unrolling"}), limits); };
  loop::Verdict best = assuming();
  if (!best.refused.empty() || best.in_order || left_open(best) >= left_open(plain)) return std::nullopt;
  for (std::size_t i = 0; i < more.assumed.size() && more.assumed.size() > 1;) {
    const std::vector<loop::Term> all = more.assumed;
    more.assumed.erase(more.assumed.begin() + static_cast<std::ptrdiff_t>(i));
    loop::Verdict fewer = assuming();
    if (!fewer.in_order && left_open(fewer) == left_open(best))
      best = std::move(fewer);
    else
      more.assumed = all, ++i;
  }
  best.as_read = plain.as_read;
  return best;
}

void find(loop::Verdict& verdict, const flow::Model& model, const std::vector<flow::Dependence>& dependences,
          const std::vector<loop::Note>& notes) {
  // Inductions and gotos are gone from the nest that came: without these modules it would be another function.
  const std::set<std::string> rewriting = {"induction", "goto conversion", "loop unrolling"};
  std::map<std::string, bool> known;
  verdict.findings = findings(verdict);
  for (loop::Finding& finding : verdict.findings) {
    if (!known.contains(finding.module))
      known[finding.module] = rewriting.contains(finding.module) || changes(finding.module, verdict, model, dependences, notes);
    finding.changed = known[finding.module];
  }
}

loop::Verdict analysed(loop::Function function, const Facts& facts, const std::vector<loop::Note>& notes,
                       const std::set<std::string>& without, const Limits& limits) {
  loop::Verdict verdict;
  verdict.function = std::move(function);
  std::vector<loop::Note> all_notes = notes;
  if (!without.contains("loop unrolling")) {
    std::vector<loop::Note> rolled;
    const loop::Function before = verdict.function;
    verdict.function = rerolled(std::move(verdict.function), rolled);
    if (writes_between(before, verdict.function, rolled)) {
      if (facts.aliases.empty())
        verdict.as_read = before;
      else
        verdict.function = before, rolled.clear();
    }
    all_notes.insert(all_notes.end(), rolled.begin(), rolled.end());
  }
  flow::set_given_lengths(facts, verdict.function);  // which hold whatever the analysis makes of the rest
  try {
    const flow::IslContext context(limits);
    const flow::Model model = flow::build_model(context.get(), verdict.function, facts);
    verdict.refused = flow::left_row(model, facts, verdict.function);
    if (verdict.refused.empty()) verdict.refused = flow::set_lengths(model, verdict.function);
    if (!verdict.refused.empty()) return verdict;
    if (end_may_change(verdict.function, facts)) {
      verdict.in_order = true;
      verdict.groups = in_order(verdict.function, "the loop may write what it ends with, as arrays overlap");
      add_notes(verdict, all_notes);
      return verdict;
    }
    if (!without.contains(kLastWrites) && facts.aliases.empty()) {
      loop::Function kept = verdict.function;
      std::vector<loop::Note> moved = all_notes;
      if (const auto found = flow::keep_last_writes(kept, moved); !found.empty()) {
        loop::Verdict parts =
            analysed(std::move(kept), facts, moved, with_all(without, {kLastWrites, "loop unrolling"}), limits);
        parts.findings.insert(parts.findings.end(), found.begin(), found.end());
        parts.as_read = for_every_call(verdict);
        return parts;
      }
    }
    const auto dependences = flow::dependences(model);
    verdict.groups = all_groups(model, dependences, without);
    verdict.dependences = predicted(model, dependences);
    verdict.in_rows = flow::accesses_in_rows(model);
    if (auto assuming = with_rows_assumed(verdict, model.doubtful, facts, all_notes, without, limits))
      return *std::move(assuming);
    verdict.assumed = facts.assumed;
    if (is_sequential(verdict) && !without.contains("aliasing, indirection, thresholds")) {
      loop::Function cut = verdict.function;
      if (std::vector<loop::Note> moved = all_notes; flow::cut_at_threshold(model, dependences, cut, moved)) {
        loop::Verdict parts = analysed(std::move(cut), facts, moved, {"aliasing, indirection, thresholds"}, limits);
        if (!is_sequential(parts)) {
          parts.as_read = std::move(verdict.as_read);
          parts.findings.push_back({"aliasing, indirection, thresholds", parts.groups.front().statements.front(),
                                    "cut in two where all that iterations leave to others has been made", true});
          return parts;
        }
      }
    }
    add_notes(verdict, all_notes);
    flow::describe_accesses(model, verdict);
    find(verdict, model, dependences, all_notes);
    flow::find_missing_facts(model, dependences, facts, verdict);
    flow::find_out_of_extents(model, verdict);
    verdict.used.assign(model.used->begin(), model.used->end());
  } catch (const isl::exception&) {
    verdict.findings.clear(), verdict.dependences.clear();
    verdict.refused = flow::unknown_length(verdict.function);
    if (!verdict.refused.empty()) return verdict;
    verdict.in_order = true;
    std::string cause = "the subscripts are too many or too involved for the analysis";
    if (limits.deadline.passed()) cause += fmt::format(", which gives up after {} s", kIslSeconds);
    verdict.groups = in_order(verdict.function, cause);
    add_notes(verdict, all_notes);
  }
  return verdict;
}

}  // namespace

std::size_t left_open(const loop::Verdict& verdict) {
  std::size_t open = 0;
  for (const loop::Group& group : verdict.groups) {
    open += std::ranges::count_if(group.loops, [](const loop::LoopRole& one) {
      return one.role == loop::Role::sequential || one.role == loop::Role::scatter;
    });
    // A wavefront's distances are vectors, and known.
    if (std::ranges::none_of(group.loops, [](const auto& one) { return one.role == loop::Role::wavefront; }))
      open += std::ranges::count_if(group.recurrences, [](const auto& one) { return one.distances.empty(); });
    open += std::ranges::count_if(group.notes, [](const loop::Note& note) {
      return !note.distance && (note.kind == loop::Note::Kind::anti || note.kind == loop::Note::Kind::output);
    });
  }
  return open;
}

loop::Verdict analyse(loop::Function function, const Facts& facts, const std::vector<loop::Note>& notes,
                      const std::set<std::string>& without, const Limits& limits) {
  loop::Verdict verdict = analysed(std::move(function), facts, notes, without, limits);
  if (verdict.as_read) verdict.as_read->parameters = verdict.function.parameters;  // with their lengths
  return verdict;
}

}  // namespace ak::analyser
