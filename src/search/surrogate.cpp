#include "search/surrogate.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <unordered_map>

namespace ak {

double distance(const Tactic& a, const Tactic& b) {
  if (a.family != b.family) return 8;
  double octaves = 0;
  for (const Knob& knob : kKnobs) {
    const double x = a.*knob.member, y = b.*knob.member;
    if (x != y) octaves += x <= 0 || y <= 0 ? 1.0 : std::min(2.0, std::fabs(std::log2(x / y)));
  }
  return octaves;
}

int knobs_apart(const Tactic& a, const Tactic& b) {
  int count = a.family != b.family;
  for (const Knob& knob : kKnobs) count += a.*knob.member != b.*knob.member;
  return count;
}

Surrogate::Surrogate(const SearchView& view) {
  std::unordered_map<Tactic, double, TacticHash> predicted;
  for (const RankedTactic& ranked : view.space.tactics) predicted.emplace(ranked.tactic, ranked.cost_us);

  std::unordered_map<Tactic, const Trial*, TacticHash> last;
  for (const Trial& trial : view.history)
    if (!is_vendor(trial.tactic) && trial.outcome != Outcome::constraints) last[trial.tactic] = &trial;
  for (const Trial& trial : view.history) {  // in the order of history, so that a search repeats exactly
    if (const auto it = last.find(trial.tactic); it == last.end() || it->second != &trial) continue;
    const bool correct = trial.correct() && trial.us > 0;
    if (correct) leaders_.push_back({trial.tactic, trial.us});
    const auto known = predicted.find(trial.tactic);
    const double cost = known != predicted.end() ? known->second : view.space.cost_us ? view.space.cost_us(trial.tactic) : 0;
    if (cost > 0 && std::isfinite(cost)) samples_.push_back({trial.tactic, correct ? std::log(trial.us / cost) : 0, correct});
  }
  std::stable_sort(leaders_.begin(), leaders_.end(),
                   [](const RankedTactic& a, const RankedTactic& b) { return a.cost_us < b.cost_us; });
}

double Surrogate::predict_us(const RankedTactic& candidate) const {
  double weight = 1e-9, sum = 0, failed = 0, all = 1e-9;
  for (const Sample& sample : samples_) {
    const double d = distance(sample.tactic, candidate.tactic);
    const double w = 1 / ((0.1 + d * d) * (0.1 + d * d));
    all += w;
    if (!sample.correct) {
      failed += w;
      continue;
    }
    weight += w;
    sum += w * sample.log_ratio;
  }
  return candidate.cost_us * std::exp(sum / weight) * (1 + failed / all);
}

}  // namespace ak
