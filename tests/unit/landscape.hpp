// A synthetic space with known times, and a Runner over it: the search and the tuner are tested without a GPU.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <thread>

#include "runner/runner.hpp"
#include "search/search.hpp"

namespace ak::testing {

inline double unit(const Tactic& t, std::uint64_t salt) {  // a fixed number in [0, 1) per tactic
  std::uint64_t h = hash(t) ^ (salt * 0x9e3779b97f4a7c15ull);
  h ^= h >> 31, h *= 0xbf58476d1ce4e5b9ull, h ^= h >> 27, h *= 0x94d049bb133111ebull, h ^= h >> 31;
  return static_cast<double>(h >> 11) * 0x1p-53;
}

struct Landscape {
  Problem problem = parse_problem("1024x1024x1024");
  DeviceFacts device;
  double model_error = 0.3;  // how far the cost model is off, each way
  double failing = 0.08;     // share of tactics that fail, of every class
  std::uint64_t salt = 7;

  // Smooth in the octaves of each knob, with a ridge between tile_m and tile_n, and a fixed roughness per tactic.
  double us(const Tactic& t) const {
    const auto bowl = [](double value, double best, double steep) {
      const double d = std::log2(std::max(value, 0.5) / best);
      return 1 + steep * d * d;
    };
    double time =
        40 * bowl(t.tile_m, 128, 0.10) * bowl(t.tile_n, 128, 0.07) * bowl(t.stages, 4, 0.15) * bowl(t.tile_k, 64, 0.08);
    time *= bowl(t.split_k, 2, 0.06) * (t.raster == 8 ? 1.0 : 1.03);
    time *= 1 + 0.1 * std::fabs(std::log2(static_cast<double>(t.tile_m) / t.tile_n) + 1) / 3;
    return time * (1 + 0.02 * unit(t, salt));
  }
  Outcome outcome(const Tactic& t) const {
    const double u = unit(t, salt + 1) / failing;
    constexpr Outcome kFailures[] = {Outcome::compile, Outcome::spills, Outcome::runtime, Outcome::timeout, Outcome::incorrect};
    return u < 1 ? kFailures[static_cast<int>(u * 5)] : Outcome::correct;
  }
  std::optional<std::string> rejects(const Tactic& t) const {
    if (t.family != FamilyId::sm80) return "not an own kernel family";
    for (const Knob& knob : kKnobs)
      if (t.*knob.member < 0) return "a knob is negative";
    if (t.tile_m < 32 || t.tile_m > 256 || t.tile_n < 32 || t.tile_n > 256) return "tile out of range";
    if (t.tile_k < 32 || t.tile_k > 128 || t.split_k < 1 || t.split_k > 8 || t.stages < 2 || t.stages > 6)
      return "out of range";
    const double bytes = 2.0 * (t.tile_m + t.tile_n) * t.tile_k * t.stages;
    if (bytes > device.smem_per_block) return "needs more shared memory than a block has";
    return std::nullopt;
  }

  Space space() const {
    Space space;
    for (const std::int16_t m : {32, 64, 128, 256})
      for (const std::int16_t n : {32, 64, 128, 256})
        for (const std::int16_t k : {32, 64, 128})
          for (const std::int16_t stages : {2, 3, 4, 5})
            for (const std::int16_t split : {1, 2, 4})
              for (const std::int16_t raster : {0, 4, 8}) {
                Tactic t;
                t.tile_m = m, t.tile_n = n, t.tile_k = k, t.stages = stages, t.split_k = split, t.raster = raster;
                if (!rejects(t)) space.tactics.push_back({t, cost_us(t)});
              }
    std::stable_sort(space.tactics.begin(), space.tactics.end(),
                     [](const auto& a, const auto& b) { return a.cost_us < b.cost_us; });
    space.rejects = [*this](const Tactic& t) { return rejects(t); };
    space.cost_us = [*this](const Tactic& t) { return cost_us(t); };
    return space;
  }
  double cost_us(const Tactic& t) const { return 0.7 * us(t) * (1 + model_error * (2 * unit(t, salt + 2) - 1)); }

  double optimum() const {
    double best = INFINITY;
    for (const auto& ranked : space().tactics)
      if (outcome(ranked.tactic) == Outcome::correct) best = std::min(best, us(ranked.tactic));
    return best;
  }

  Trial trial(const Tactic& t, double noise = 0, std::uint64_t draw = 0) const {
    Trial trial;
    trial.tactic = t;
    trial.outcome = rejects(t) ? Outcome::constraints : outcome(t);
    if (trial.correct())
      trial.us = us(t) * (1 + noise * (2 * unit(t, salt + 100 + draw) - 1));
    else
      trial.why = std::string(name(trial.outcome));
    return trial;
  }
};

inline Tactic vendor_tactic(int algo) {
  Tactic t;
  t.family = FamilyId::vendor;
  t.algo = static_cast<std::int16_t>(algo);
  return t;
}

/// Compiles finish `compile_s` apart per core after they were wanted; a trial sleeps for its wall time.
class FakeRunner : public Runner {
 public:
  Landscape land;
  std::vector<double> vendor_us = {60, 52, 55};
  double noise = 0, quick_s = 0.0002, full_s = 0.0005, compile_s = 0, survey_s = 0;
  int cores = 4;
  double drift = 0, finals_scale = 1;  // own times in the finals are scaled by this
  bool full_effort_fails = false, compiler_broken = false;
  int ran_rejected = 0, runs = 0, full_runs = 0, waited_for_compile = 0, dropped = 0;
  double finals_ratio = 0;  // given as the own trials' ratio in the finals; 0: the true one
  std::vector<Tactic> ran;
  std::vector<std::pair<Clock::time_point, Clock::time_point>> busy;  // from when to when run() took the device

  std::vector<Tactic> vendor_tactics(Deadline) override {
    std::this_thread::sleep_for(seconds(survey_s));
    std::vector<Tactic> list;
    for (std::size_t i = 0; i < vendor_us.size(); ++i) list.push_back(vendor_tactic(static_cast<int>(i)));
    return list;
  }
  void prefetch(std::span<const Tactic> tactics) override {
    for (const Tactic& t : tactics) {
      last_ = std::max(last_, Clock::now()) + seconds(compile_s / cores);
      done_at_.emplace(to_string(t), std::max(last_, Clock::now() + seconds(compile_s)));
    }
  }
  void drop_prefetched() override {
    ++dropped;
    last_ = Clock::now();
  }
  bool ready(const Tactic& t) override {
    const auto it = done_at_.find(to_string(t));
    return it != done_at_.end() && Clock::now() >= it->second;
  }
  Trial run(const Tactic& t, Effort effort, Deadline deadline) override {
    ran.push_back(t);
    if (t.family == FamilyId::vendor) {
      std::this_thread::sleep_for(seconds(quick_s));
      return vendor_trial(t);
    }
    ++runs;
    ran_rejected += land.rejects(t).has_value();
    full_runs += effort == Effort::full;
    if (!ready(t)) {
      ++waited_for_compile;
      prefetch(std::span(&t, 1));
      const auto at = done_at_[to_string(t)];
      std::this_thread::sleep_until(std::min(at, deadline.at()));
      if (Clock::now() < at) {
        Trial late;
        late.tactic = t, late.outcome = Outcome::timeout, late.why = "the compile did not end in time";
        return late;
      }
    }
    const auto began = Clock::now();
    std::this_thread::sleep_for(seconds(effort == Effort::full ? full_s : quick_s));
    busy.emplace_back(began, Clock::now());
    Trial trial = land.trial(t, noise, static_cast<std::uint64_t>(runs));
    if (compiler_broken) trial.outcome = Outcome::compile, trial.us = 0, trial.why = "no builtins";
    if (effort == Effort::full && full_effort_fails) trial.outcome = Outcome::incorrect, trial.us = 0;
    return trial;
  }
  std::vector<Trial> finals(std::span<const Tactic> tactics, Deadline) override {
    std::vector<Trial> trials;
    const double best = vendor().best_us;
    for (const Tactic& t : tactics) {
      Trial trial = t.family == FamilyId::vendor ? vendor_trial(t) : land.trial(t);
      if (t.family != FamilyId::vendor) trial.us *= finals_scale;
      trial.final_timing = true;
      if (best > 0 && trial.us > 0)
        trial.ratio = finals_ratio > 0 && t.family != FamilyId::vendor ? finals_ratio : best / trial.us;
      trials.push_back(trial);
    }
    return trials;
  }
  Artifact artifact(const Tactic& t) override {
    Artifact artifact;
    (t.family == FamilyId::vendor ? artifact.vendor_algo : artifact.cubin) = to_string(t);
    return artifact;
  }
  VendorTimes vendor() override {
    VendorTimes times;
    if (!vendor_us.empty()) times.best_us = *std::min_element(vendor_us.begin(), vendor_us.end());
    return times;
  }
  int compiles() const override { return static_cast<int>(done_at_.size()); }
  double anchor_drift() override { return drift; }

 private:
  static Clock::duration seconds(double s) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
  }
  Trial vendor_trial(const Tactic& t) {
    Trial trial;
    trial.tactic = t, trial.outcome = Outcome::correct, trial.us = vendor_us.at(static_cast<std::size_t>(t.algo));
    trial.ratio = vendor().best_us / trial.us;
    return trial;
  }
  std::map<std::string, Clock::time_point> done_at_;
  Clock::time_point last_ = Clock::now();
};

}  // namespace ak::testing
