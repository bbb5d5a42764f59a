#include "loop/verdict.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "loop/verdict_fields.hpp"

namespace ak::loop {

namespace {

std::string reduction_text(const Reduction& reduction) {
  const std::string& target = reduction.target.text;
  if (reduction.positions.empty()) return reduction.op + (reduction.op.size() > 1 ? " " : "") + target;
  std::string text = fmt::format("arg{}{} {}", reduction.op, reduction.last ? "-last" : "", target);
  for (const auto& [position, value] : reduction.positions) text += "," + position;
  return text;
}

/// Of the reductions, those that the loop runs: of two loops side by side in a group, the first one's alone.
std::string reductions_text(const std::vector<Reduction>& reductions, const Node* loop) {
  const auto runs = [loop](const Reduction& reduction) {
    bool found = !loop || reduction.statements.empty();
    if (loop)
      for_each_node(loop->body, [&](const Node& node) {
        if (!reduction.statements.empty() && node.id == reduction.statements.front()) found = true;
      });
    return found;
  };
  std::vector<std::string> texts;
  for (const Reduction& reduction : reductions)
    if (runs(reduction)) texts.push_back(reduction_text(reduction));
  return fmt::format("{}", fmt::join(texts, ","));
}

std::string recurrences_text(const std::vector<Recurrence>& recurrences, bool with_distances) {
  std::vector<std::string> texts;
  for (const Recurrence& one : recurrences) {
    std::string names = one.target;
    if (one.distances.size() == 1)
      for (const std::string& other : one.with) names += "," + other;
    texts.push_back(with_distances ? fmt::format("{}:{}", names, fmt::join(one.distances, ",")) : one.target);
  }
  return fmt::format("{}", fmt::join(texts, ","));
}

std::string scatter_text(const Group& group, const Node* loop) {
  if (!group.reductions.empty()) return reductions_text(group.reductions, loop);
  return fmt::format("{}", fmt::join(group.scattered, ","));
}

std::string counters_text(const Group& group) {
  std::vector<std::string> names;
  for (const Counter& counter : group.counters) names.push_back(counter.name);
  return fmt::format("{}", fmt::join(names, ","));
}

std::string role_text(const Group& group, Role role, const Node* loop) {
  switch (role) {
    case Role::parallel:
      return "parallel";
    case Role::reduce:
      return "reduce(" + reductions_text(group.reductions, loop) + ")";
    case Role::scan:
      return "scan(" + recurrences_text(group.recurrences, true) + ")";
    case Role::chains:
      return "chains(" + recurrences_text(group.recurrences, true) + ")";
    case Role::compact:
      return "compact(" + counters_text(group) + ")";
    case Role::exit:
      return "exit";
    case Role::scatter:
      return "scatter(" + scatter_text(group, loop) + ")";
    case Role::wavefront:
      return "wavefront";
    case Role::sequential:
      return "sequential(" + recurrences_text(group.recurrences, false) + ")";
  }
  return {};
}

std::string note_text(const Note& note) {
  const std::string distance = note.distance ? fmt::format("{}", *note.distance) : "*";
  switch (note.kind) {
    case Note::Kind::anti:
      return fmt::format("anti({}:{})", note.name, distance);
    case Note::Kind::output:
      return fmt::format("output({}:{})", note.name, distance);
    case Note::Kind::expand:
      return note.distance ? fmt::format("expand({}:{})", note.name, distance) : "expand(" + note.name + ")";
    case Note::Kind::induction:
      return "induction(" + note.name + ")";
    case Note::Kind::reroll:
      return "reroll(" + distance + ")";
    case Note::Kind::structured:
      return "goto";
  }
  return {};
}

std::string statement_text(const Function& function, const Node& node) {
  if (node.kind != Node::Kind::leave) return c_text({node}, 0);
  const Node* left = find_node(function, node.of);
  return fmt::format("leave the loop over {};\n", left ? left->variable : "it");
}

struct Line {
  int number;
  std::string text;
};

/// A group's statements under their conditions, each of which is tested once; loops are not shown.
class Listing {
 public:
  Listing(const Function& function, const Group& group) : function_(function), shown_(group.statements.begin(), group.statements.end()) {}

  std::vector<Line> of(const std::vector<Node>& body) const {
    std::vector<Line> all;
    for (const Node& node : body) {
      std::vector<Line> own;
      if (shown_.contains(node.id))
        own = {{node.line, statement_text(function_, node)}};
      else if (node.kind == Node::Kind::branch)
        own = branch(node);
      else
        own = of(node.body);
      all.insert(all.end(), own.begin(), own.end());
    }
    return all;
  }

 private:
  std::vector<Line> branch(const Node& node) const {
    std::vector<Line> yes = of(node.body), no = of(node.otherwise);
    if (yes.empty() && no.empty()) return {};
    if (yes.empty()) return under(fmt::format("if (!({})) ", c_text(node.condition)), node.line, std::move(no), false);
    const bool both = !no.empty();
    std::vector<Line> all = under(fmt::format("if ({}) ", c_text(node.condition)), node.line, std::move(yes), both);
    if (!both) return all;
    const int number = no.front().number;
    for (Line& line : under("else ", number, std::move(no), false)) all.push_back(std::move(line));
    return all;
  }

  /// `closed`: an else comes behind it, which is not to belong to an if in it.
  static std::vector<Line> under(const std::string& head, int number, std::vector<Line> lines, bool closed) {
    if (lines.size() == 1 && !(closed && lines[0].text.starts_with("if "))) return {{lines[0].number, head + lines[0].text}};
    std::vector<Line> all{{number, head + "{\n"}};
    for (Line& line : lines) all.push_back({line.number, "  " + line.text});
    all.push_back({0, "}\n"});
    return all;
  }

  const Function& function_;
  const std::set<int> shown_;
};

}  // namespace

std::string text(const Group& group, const Function& function) {
  std::vector<std::string> words;
  for (const LoopRole& loop : group.loops)
    words.push_back(loop.variable + ":" + role_text(group, loop.role, find_node(function, loop.loop)));
  std::set<std::string> seen;
  for (int kind = 0; kind <= static_cast<int>(Note::Kind::structured); ++kind)
    for (const Note& note : group.notes)
      if (static_cast<int>(note.kind) == kind && seen.insert(note_text(note)).second) words.push_back(note_text(note));
  return fmt::format("{}", fmt::join(words, " "));
}

std::string text(const Verdict& verdict) {
  if (!verdict.refused.empty()) return "refused";
  std::vector<std::string> texts;
  for (const Group& group : verdict.groups)
    if (!group.loops.empty()) texts.push_back(text(group, verdict.function));
  return texts.empty() ? "straight" : fmt::format("{}", fmt::join(texts, "; "));
}

std::string text(const Observed& observed) {
  std::string all = fmt::format("{} of {} from line {} to line {}", kDependenceKinds[static_cast<int>(observed.kind)],
                                observed.name, observed.from, observed.to);
  if (observed.loop == 0) return all + ", within one iteration";
  return all + fmt::format(", carried by the loop of line {} at distance {}", observed.loop, fmt::join(observed.distances, ", "));
}

std::string explain(const Verdict& verdict) {
  if (!verdict.refused.empty()) return "refused: " + verdict.refused + "\n";
  std::string all = text(verdict) + "\n";
  int number = 0;
  for (const Group& group : verdict.groups) {
    ++number;
    all += fmt::format("\ngroup {}{}{}\n", number, group.loops.empty() ? ", outside of loops" : ": ",
                       group.loops.empty() ? "" : text(group, verdict.function));
    if (!group.cause.empty()) all += "  because " + group.cause + "\n";
    for (const Line& line : Listing(verdict.function, group).of(verdict.function.body))
      all += (line.number > 0 ? fmt::format("  line {:<4} ", line.number) : std::string(12, ' ')) + line.text;
  }
  if (!verdict.findings.empty() || !verdict.assumed.empty()) all += "\n";
  for (const Term& condition : verdict.assumed) all += fmt::format("where not {}: one thread, in order\n", c_text(condition));
  for (const Finding& finding : verdict.findings) {
    const Node* node = find_node(verdict.function, finding.node);
    all += fmt::format("{}{}: {}\n", finding.module, node && node->line > 0 ? fmt::format(", line {}", node->line) : "",
                       finding.text);
  }
  for (const Observed& one : verdict.observed) all += fmt::format("observed, not proven: {}\n", text(one));
  return all;
}

const Function& for_every_call(const Verdict& verdict) { return verdict.as_read ? *verdict.as_read : verdict.function; }

Function by_rows(const Verdict& verdict) {
  Verdict shaped;
  shaped.function = verdict.function;
  const auto found = [&](const Term& part) {
    return std::ranges::find(verdict.in_rows, part, [](const InRows& one) -> const Term& { return one.flat; });
  };
  std::set<std::string> others;
  for_each_term(shaped, [&](const Term& term) {
    for_each(term, [&](const Term& part) {
      if (part.kind == Term::Kind::element && found(part) == verdict.in_rows.end()) others.insert(part.text);
    });
  });
  for_each_term(shaped, [&](Term& term) {
    term = replace(term, [&](const Term& part) -> std::optional<Term> {
      const auto access = found(part);
      return access == verdict.in_rows.end() || others.contains(part.text) ? std::nullopt : std::optional(access->by_rows);
    });
  });
  return std::move(shaped.function);
}

void for_each_term(Verdict& verdict, const std::function<void(Term&)>& visit) {
  const auto all = [&](std::vector<Term>& terms) {
    for (Term& term : terms) visit(term);
  };
  const auto maybe = [&](std::optional<Term>& term) {
    if (term) visit(*term);
  };
  const std::function<void(std::vector<Node>&)> nodes = [&](std::vector<Node>& body) {
    for (Node& node : body) {
      for (Term* term : {&node.target, &node.value, &node.condition, &node.begin, &node.end}) visit(*term);
      nodes(node.body), nodes(node.otherwise);
    }
  };
  for (Parameter& parameter : verdict.function.parameters) all(parameter.extents);
  for (Local& local : verdict.function.locals) all(local.extents);
  nodes(verdict.function.body);
  for (InRows& access : verdict.in_rows) visit(access.flat), visit(access.by_rows);
  all(verdict.assumed);
  for (Group& group : verdict.groups) {
    for (Reduction& reduction : group.reductions) {
      visit(reduction.target), visit(reduction.value), maybe(reduction.condition);
      for (auto& [name, value] : reduction.positions) visit(value);
    }
    for (Recurrence& recurrence : group.recurrences) all(recurrence.multipliers), maybe(recurrence.constant);
    for (Counter& counter : group.counters) maybe(counter.condition);
  }
}

}  // namespace ak::loop
