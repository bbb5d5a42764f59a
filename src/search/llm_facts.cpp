#include "search/llm_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

#include "base/arithmetic.hpp"
#include "families/family.hpp"

namespace ak {
namespace {

constexpr std::size_t kMostCandidates = 10, kMostMeasured = 4, kMostRules = 12;

/// Learns the rules by asking: single knobs out of range, then pairs of values that are legal apart and refused together. One
/// example of each reason.
class RuleProbe {
 public:
  RuleProbe(const SearchView& view, const FamilySpace& family, std::vector<Tactic> bases)
      : rejects_(view.space.rejects), family_(family), bases_(std::move(bases)) {}

  std::vector<std::string> rules() {
    if (!rejects_) return {};
    for (const Tactic& base : bases_)
      for (const KnobValues& one : family_.knobs)
        for (const int value : {0, 7, 3, 5, 512, 1024}) probe(base, {{one.knob, static_cast<std::int16_t>(value)}});
    for (const Tactic& base : bases_)
      for (std::size_t i = 0; i < family_.knobs.size(); ++i)
        for (std::size_t j = i + 1; j < family_.knobs.size(); ++j)
          for (const std::int16_t a : ends(family_.knobs[i]))
            for (const std::int16_t b : ends(family_.knobs[j]))
              probe(base, {{family_.knobs[i].knob, a}, {family_.knobs[j].knob, b}});
    return std::move(rules_);
  }

 private:
  using Change = std::pair<const Knob*, std::int16_t>;

  static std::set<std::int16_t> ends(const KnobValues& knob) { return {knob.values.front(), knob.values.back()}; }

  void probe(Tactic tactic, std::initializer_list<Change> changes) {
    if (rules_.size() >= kMostRules) return;
    for (const auto& [knob, value] : changes) tactic.*knob->member = value;
    const auto why = rejects_(tactic);
    if (!why) return;
    std::string shape = *why;  // the reason without its numbers
    std::erase_if(shape, [](char c) { return c >= '0' && c <= '9'; });
    if (shapes_.insert(shape).second) rules_.push_back(*why);
  }

  const std::function<std::optional<std::string>(const Tactic&)>& rejects_;
  const FamilySpace& family_;
  const std::vector<Tactic> bases_;
  std::set<std::string> shapes_;
  std::vector<std::string> rules_;
};

std::vector<FamilySpace> family_spaces(const SearchView& view) {
  std::vector<FamilySpace> spaces;
  for (int id = 0; id < kFamilyCount; ++id) {
    FamilySpace space;
    space.family = static_cast<FamilyId>(id);
    std::vector<std::set<std::int16_t>> values(kKnobs.size());
    std::vector<Tactic> bases;  // the leader of each schedule
    for (const RankedTactic& ranked : view.space.tactics) {
      if (ranked.tactic.family != space.family) continue;
      ++space.tactics;
      for (std::size_t i = 0; i < kKnobs.size(); ++i) values[i].insert(ranked.tactic.*kKnobs[i].member);
      if (std::none_of(bases.begin(), bases.end(), [&](const Tactic& t) { return t.schedule == ranked.tactic.schedule; }))
        bases.push_back(ranked.tactic);
    }
    if (space.tactics == 0) continue;
    for (std::size_t i = 0; i < kKnobs.size(); ++i)
      if (values[i].size() > 1 || *values[i].begin() != kKnobs[i].unset)
        space.knobs.push_back({&kKnobs[i], {values[i].begin(), values[i].end()}});
    space.rules = RuleProbe(view, space, std::move(bases)).rules();
    spaces.push_back(std::move(space));
  }
  return spaces;
}

// The cheapest of each family and tile shape: ten neighbours of one leader would say one thing ten times.
std::vector<DerivedNumbers> leaders(const SearchView& view) {
  std::vector<DerivedNumbers> list;
  std::set<std::array<int, 4>> shapes;
  for (const RankedTactic& ranked : view.space.tactics) {
    const Tactic& t = ranked.tactic;
    if (!shapes.insert({static_cast<int>(t.family), t.tile_m, t.tile_n, t.swap_ab}).second) continue;
    list.push_back(derive(view.problem, view.device, t, ranked.cost_us));
    if (list.size() == kMostCandidates) break;
  }
  return list;
}

std::vector<DerivedNumbers> fastest(const SearchView& view) {
  std::unordered_map<Tactic, const Trial*, TacticHash> last;
  for (const Trial& trial : view.history)
    if (!is_vendor(trial.tactic)) last[trial.tactic] = &trial;
  std::vector<const Trial*> order;
  for (const Trial& trial : view.history)
    if (const auto it = last.find(trial.tactic); it != last.end() && it->second == &trial && trial.correct() && trial.us > 0)
      order.push_back(&trial);
  std::stable_sort(order.begin(), order.end(), [](const Trial* a, const Trial* b) { return a->us < b->us; });
  if (order.size() > kMostMeasured) order.resize(kMostMeasured);
  std::vector<DerivedNumbers> list;
  for (const Trial* trial : order)
    list.push_back(
        derive(view.problem, view.device, trial->tactic, view.space.cost_us ? view.space.cost_us(trial->tactic) : 0));
  return list;
}

}  // namespace

DerivedNumbers derive(const Problem& p, const DeviceFacts& device, const Tactic& t, double predicted_us) {
  DerivedNumbers d;
  d.tactic = t;
  d.predicted_us = predicted_us;
  const Family* family = find_family(t.family);
  const Geometry geometry = family && !family->rejects(p, t, device) ? family->geometry(p, t, device) : Geometry{};
  const std::int64_t rows = t.swap_ab ? p.n : p.m, columns = t.swap_ab ? p.m : p.n;
  d.tiles = t.tile_m > 0 && t.tile_n > 0 ? ceil_div(rows, t.tile_m) * ceil_div(columns, t.tile_n) * t.split_k
                                         : std::int64_t{geometry.grid[0]} * geometry.grid[1] * geometry.grid[2];
  d.smem_bytes = static_cast<int>(geometry.smem_bytes);
  const int by_smem = device.smem_per_sm / (d.smem_bytes + 1024);  // the driver keeps 1 KiB a CTA
  const int by_threads = 2048 / static_cast<int>(std::max(1u, geometry.threads));
  const double accumulators =
      static_cast<double>(t.tile_m) * t.tile_n * (t.schedule == static_cast<int>(Schedule::pingpong) ? 2 : 1);
  d.accumulator_percent = 100 * accumulators / device.registers_per_sm;
  const int by_registers = accumulators > 0 ? static_cast<int>(device.registers_per_sm / accumulators) : by_threads;
  d.ctas_per_sm = std::max(1, std::min({by_smem, by_threads, by_registers}));
  const double slots = static_cast<double>(device.sm_count) * d.ctas_per_sm;
  d.waves = static_cast<double>(d.tiles) / slots;
  d.tail_percent = d.waves > 0 ? 100 * (1 - d.waves / std::ceil(d.waves)) : 0;
  return d;
}

PromptFacts prompt_facts(const SearchView& view, int round, int proposals) {
  PromptFacts facts;
  facts.problem = view.problem;
  facts.device = view.device;
  facts.families = family_spaces(view);
  facts.refusals = view.space.refusals;
  facts.candidates = leaders(view);
  facts.round = round;
  facts.proposals = proposals;
  if (round == 0) return facts;  // before any measurement, so that one problem on one device always asks the same
  facts.measured = fastest(view);
  facts.history = view.history;
  facts.vendor_us = view.vendor_us;
  return facts;
}

}  // namespace ak
