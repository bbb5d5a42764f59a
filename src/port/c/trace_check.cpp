#include "port/c/trace_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace ak::port {

using loop::Dependence;
using loop::Node;

namespace {

constexpr double kMostTraced = 20000;
constexpr std::int64_t kSmallest = 15;
constexpr std::size_t kMostChecked = 4, kMostOfOneSize = 2, kMostDistances = 8;

/// What the function's nodes are and do.
struct Place {
  const Node* node = nullptr;
  std::vector<const Node*> loops;  // around it, outermost first
  std::set<std::string> reads, writes;
};

class Places {
 public:
  explicit Places(const loop::Function& function) { collect(function.body, {}); }

  const Place* find(int id) const {
    const auto found = places_.find(id);
    return found == places_.end() ? nullptr : &found->second;
  }
  /// Whether some node that is not at `where` accesses it, and none there.
  bool none_at(const Mark& where, const std::vector<std::string>& names, bool writes) const {
    return std::ranges::none_of(
        places_, [&](const auto& one) { return where.covers(one.second.node->line) && accesses(one.second, names, writes); });
  }
  static bool accesses(const Place& place, const std::vector<std::string>& names, bool writes) {
    const std::set<std::string>& all = writes ? place.writes : place.reads;
    return std::ranges::any_of(names, [&](const std::string& name) { return all.contains(name); });
  }
  bool accessed(const std::vector<std::string>& names, bool writes) const {
    return std::ranges::any_of(places_, [&](const auto& one) { return accesses(one.second, names, writes); });
  }

 private:
  void collect(const std::vector<Node>& body, const std::vector<const Node*>& loops) {
    for (const Node& node : body) {
      Place& place = places_[node.id];
      place.node = &node, place.loops = loops;
      const auto read = [&](const loop::Term& term) {
        loop::for_each(term, [&](const loop::Term& part) {
          if (part.kind == loop::Term::Kind::element) place.reads.insert(part.text);
        });
      };
      for (const loop::Term* term : {&node.value, &node.condition, &node.begin, &node.end}) read(*term);
      for (const loop::Term& subscript : node.target.terms) read(subscript);
      if (node.kind == Node::Kind::assign && node.target.kind == loop::Term::Kind::element)
        place.writes.insert(node.target.text);
      std::vector<const Node*> inner = loops;
      if (node.kind == Node::Kind::loop) inner.push_back(&node);
      collect(node.body, inner), collect(node.otherwise, inner);
    }
  }

  std::map<int, Place> places_;
};

class Check {
 public:
  explicit Check(const loop::Verdict& verdict) : verdict_(verdict), places_(verdict.function) {
    for (const loop::Group& group : verdict.groups)
      for (const loop::Note& note : group.notes)
        if (note.kind == loop::Note::Kind::reroll) rerolled_.insert(note.loop);
  }

  enum class Known { no, assumed, proven };
  Known known(const TracedDependence& seen) const {
    const bool from_writes = seen.kind != Dependence::Kind::anti, to_writes = seen.kind != Dependence::Kind::flow;
    // A read whose value nobody uses is gone.
    if ((!from_writes || !to_writes) && !places_.accessed(seen.names, false)) return Known::proven;
    const bool moved_from = places_.none_at(seen.from, seen.names, from_writes);
    const bool moved_to = places_.none_at(seen.to, seen.names, to_writes);
    Known known = Known::no;
    for (const Dependence& one : verdict_.dependences) {
      if (one.kind != seen.kind || std::ranges::find(seen.names, one.name) == seen.names.end()) continue;
      const Place *from = places_.find(one.from), *to = places_.find(one.to);
      if (!from || !to || !(moved_from || seen.from.covers(from->node->line)) || !(moved_to || seen.to.covers(to->node->line)))
        continue;
      if (!same_level(one, seen, *from, *to)) continue;
      if (one.exact) return Known::proven;
      known = Known::assumed;
    }
    return known;
  }

 private:
  bool same_level(const Dependence& one, const TracedDependence& seen, const Place& from, const Place& to) const {
    const auto is_rerolled = [&](const Node* loop) { return rerolled_.contains(loop->id); };
    // Iterations are others than the text's.
    if (std::ranges::any_of(from.loops, is_rerolled) || std::ranges::any_of(to.loops, is_rerolled)) return true;
    if (one.loop == 0) {
      if (seen.loop.line == 0) return true;
      // Its two ends are in parts that were one loop.
      for (std::size_t i = 0; i < std::min(from.loops.size(), to.loops.size()) && from.loops[i] == to.loops[i]; ++i)
        if (seen.loop.covers(from.loops[i]->line)) return false;
      return true;
    }
    const Place* carrier = places_.find(one.loop);
    return carrier && seen.loop.line > 0 && seen.loop.covers(carrier->node->line) &&
           (one.distances.empty() || std::ranges::find(one.distances, seen.distance) != one.distances.end());
  }

  const loop::Verdict& verdict_;
  const Places places_;
  std::set<int> rerolled_;
};

bool holds(const loop::Verdict& verdict, const CasePlan& plan, std::size_t of) {
  if (verdict.assumed.empty()) return true;
  const loop::Values values = plan.at(of).integers();
  return std::ranges::all_of(verdict.assumed, [&](const loop::Term& one) { return loop::evaluate(one, values) != 0; });
}

loop::Observed in_text(const TracedDependence& seen) {
  return {seen.kind, seen.names[0], seen.from.line, seen.to.line, seen.loop.line, {}};
}

}  // namespace

TraceCheck check(const loop::Verdict& verdict, const std::vector<TracedDependence>& traced) {
  TraceCheck result;
  const Check check(verdict);
  std::map<std::tuple<int, int, int, int, std::string>, loop::Observed> observed;
  for (const TracedDependence& seen : traced) {
    const Check::Known known = verdict.in_order ? Check::Known::assumed : check.known(seen);
    if (known == Check::Known::proven) continue;
    loop::Observed one = in_text(seen);
    if (known == Check::Known::no) {
      one.distances = {seen.distance};
      if (result.unpredicted.empty()) result.unpredicted = text(one);
      continue;
    }
    loop::Observed& all =
        observed.try_emplace({one.from, one.to, one.loop, static_cast<int>(one.kind), one.name}, one).first->second;
    if (one.loop) all.distances.push_back(seen.distance);
  }
  for (auto& [place, one] : observed) {
    std::ranges::sort(one.distances);
    one.distances.erase(std::unique(one.distances.begin(), one.distances.end()), one.distances.end());
    one.distances.resize(std::min(one.distances.size(), kMostDistances));
    result.observed.push_back(std::move(one));
  }
  return result;
}

std::vector<Case> cases_to_trace(const CasePlan& plan, const loop::Verdict& verdict) {
  std::vector<std::size_t> chosen;
  const auto choose = [&](std::int64_t smallest) {
    for (std::size_t i = 0; i < plan.cases.size() && chosen.size() < kMostChecked; ++i) {
      const auto& sizes = plan.cases[i].sizes;
      const auto& recipe = plan.cases[i].recipe;
      if (iterations(plan.function, sizes) > kMostTraced) continue;
      if (!holds(verdict, plan, i)) continue;
      if (std::ranges::any_of(plan.roles.sizes, [&](const std::string& size) { return sizes.at(size) < smallest; })) continue;
      std::size_t alike = 0;
      bool same_indices = false;
      for (const std::size_t other : chosen)
        if (plan.cases[other].sizes == sizes)
          ++alike, same_indices = same_indices || plan.cases[other].recipe.indices == recipe.indices;
      if (alike == kMostOfOneSize || (same_indices && !plan.roles.indices.empty())) continue;
      chosen.push_back(i);
    }
  };
  choose(kSmallest);
  if (chosen.empty()) choose(0);
  std::vector<Case> cases;
  for (const std::size_t i : chosen) cases.push_back(plan.at(i));
  return cases;
}

TraceCheck check(const loop::Verdict& verdict, Tracer& tracer, const CasePlan& plan, Deadline deadline) {
  std::vector<TracedDependence> all;
  for (const Case& given : cases_to_trace(plan, verdict))
    for (TracedDependence& one : tracer.run(given, deadline).dependences) all.push_back(std::move(one));
  return check(verdict, all);
}

}  // namespace ak::port
