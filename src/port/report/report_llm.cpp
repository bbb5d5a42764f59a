#include "port/report/report_llm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>

#include "port/report/figures.hpp"

namespace ak::port {

namespace {

constexpr std::size_t kTries[] = {1, 5, 10};

// Of functions that were asked for with one arm.
struct ArmFigures {
  std::size_t functions = 0, attempts = 0, as_template = 0;
  std::array<std::size_t, std::size(kTries)> right{};  // within so many tries
  std::int64_t tokens = 0;
  double seconds = 0;
};

// A template's kernels under other names are right, and no work of the model's: apart from its first tries.
void add(const Entry& entry, ArmFigures& to) {
  std::size_t tried = 0;
  bool right = false;
  for (const Attempt& attempt : entry.attempts) {
    if (!attempt.llm) continue;
    ++tried, ++to.attempts;
    to.tokens += attempt.tokens, to.seconds += attempt.seconds;
    if (attempt.status != Status::passed || right) continue;
    right = true;
    if (attempt.as_template && tried == 1) ++to.as_template;
    for (std::size_t i = 0; i < std::size(kTries); ++i) to.right[i] += tried <= kTries[i] && !(i == 0 && attempt.as_template);
  }
  for (const Attempt& attempt : entry.further) ++to.attempts, to.tokens += attempt.tokens, to.seconds += attempt.seconds;
  ++to.functions;
}

const Attempt* fastest(const Entry& entry, bool llm) {
  const Attempt* best = nullptr;
  for (const Attempt& one : entry.attempts)
    if (one.llm == llm && one.status == Status::passed && one.us > 0 && (!best || one.us < best->us)) best = &one;
  return best;
}

Section by_arm(const std::map<std::string, ArmFigures>& arms) {
  Section s(
      "An LLM's attempts, by how much it was told",
      "told|>functions|>first try|>share|>95 %|>within 5|>within 10|>share|>attempts|>tokens a function|>seconds a function");
  std::size_t as_template = 0;
  for (const auto& [arm, f] : arms) {
    const auto [low, high] = wilson(f.right[0], f.functions);
    s << (arm.empty() ? "-" : arm) << f.functions << f.right[0] << share(f.right[0], f.functions)
      << fmt::format("{:.1f}-{:.1f} %", 100 * low, 100 * high) << f.right[1] << f.right[2] << share(f.right[2], f.functions)
      << f.attempts << fmt::format("{:.0f}", static_cast<double>(f.tokens) / static_cast<double>(f.functions))
      << fmt::format("{:.1f}", f.seconds / static_cast<double>(f.functions));
    as_template += f.as_template;
  }
  if (as_template)
    s.line(fmt::format("{} right at once as a template's kernels under other names: not among the first tries", as_template));
  return s;
}

Section by_class(const Results& results) {
  Section s("An LLM's failures, by class", "class|>attempts|>share|for example");
  struct Failed {
    std::size_t count = 0;
    std::string example;
  };
  std::map<Status, Failed> failed;
  std::size_t all = 0;
  for (const Entry& entry : results.entries)
    for (const auto* const attempts : {&entry.attempts, &entry.further})
      for (const Attempt& attempt : *attempts) {
        if (!attempt.llm || attempt.status == Status::passed) continue;
        Failed& one = failed[attempt.status];
        if (one.count++ == 0) one.example = entry.name + ": " + attempt.why;
        ++all;
      }
  for (const auto& [status, one] : failed) s << name(status) << one.count << share(one.count, all) << one.example;
  return s;
}

Section beside_templates(const Results& results) {
  Section s("An LLM's kernel beside the best template's", "function|class of the template|>template|>LLM|>template / LLM");
  struct Beside {
    const Entry* entry;
    const Attempt *ours, *theirs;
    double times() const { return ours->us / theirs->us; }
  };
  std::vector<Beside> all;
  std::vector<double> times;
  for (const Entry& entry : results.entries)
    if (const Attempt* ours = fastest(entry, false), *theirs = fastest(entry, true); ours && theirs) {
      all.push_back({&entry, ours, theirs});
      times.push_back(all.back().times());
    }
  std::ranges::stable_sort(all, std::greater<>(), &Beside::times);
  const auto shown_us = [](double us) { return fmt::format("{:.2f} us", us); };
  for (const Beside& one : all)
    s << one.entry->name << one.ours->what.substr(0, one.ours->what.find(' ')) << shown_us(one.ours->us)
      << shown_us(one.theirs->us) << one.times();
  if (!all.empty()) {
    constexpr double kNoise = 1.01;
    const auto faster = std::ranges::count_if(times, [](double t) { return t > kNoise; });
    const auto slower = std::ranges::count_if(times, [](double t) { return t < 1 / kNoise; });
    const Figures f = figures(times);
    s.line(fmt::format("{} of {} faster by more than 1 %, {} slower; geometric mean {}, most {}", faster, all.size(), slower,
                       shown_times(f.geomean), shown_times(f.most)));
  }
  return s;
}

}  // namespace

std::pair<double, double> wilson(std::size_t part, std::size_t whole) {
  constexpr double kZ = 1.959964;
  const double n = static_cast<double>(whole), p = static_cast<double>(part) / n;
  const double centre = p + kZ * kZ / (2 * n), half = kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n));
  const double scale = 1 + kZ * kZ / n;
  return {std::max(0.0, (centre - half) / scale), std::min(1.0, (centre + half) / scale)};
}

std::vector<Section> llm_sections(const Results& results) {
  std::map<std::string, ArmFigures> arms;
  for (const Entry& entry : results.entries)
    if (const auto first = std::ranges::find_if(entry.attempts, &Attempt::llm); first != entry.attempts.end())
      add(entry, arms[first->arm]);
  std::vector<Section> sections;
  if (arms.empty()) return sections;
  sections.push_back(by_arm(arms));
  for (Section& one : std::array{by_class(results), beside_templates(results)})
    if (one.has_rows()) sections.push_back(std::move(one));
  return sections;
}

}  // namespace ak::port
