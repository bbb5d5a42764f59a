#include "port/report/figures.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

namespace ak::port {
namespace {

constexpr double kWorthTelling = 1.1;

std::optional<SpeedUp> ratio(const Arm& base, const Arm& ours) {
  using Bound = SpeedUp::Bound;
  if (!base.timed() || !ours.timed() || (base.timed_out && ours.timed_out)) return std::nullopt;
  return SpeedUp{base.us / ours.us, base.timed_out ? Bound::least : ours.timed_out ? Bound::most : Bound::none};
}

// Entries of one run by place and by name; nothing where several have the name.
class Index {
 public:
  explicit Index(const Results& results) {
    for (const Entry& e : results.entries) {
      entries_[place(e)] = &e;
      const auto [same, first] = entries_.emplace(e.name, &e);
      if (!first) same->second = nullptr;
    }
  }
  const Entry* at(const Entry& e) const { return find(place(e)); }
  const Entry* named(const Entry& e) const { return find(e.name); }

 private:
  static std::string place(const Entry& e) { return e.file + '\0' + e.name; }
  const Entry* find(const std::string& key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : found->second;
  }
  std::map<std::string, const Entry*> entries_;
};

// The same function in another run, if it is there.
const Entry* find_same(const Entry& entry, const Index& own, const Index& other) {
  if (const Entry* const found = other.at(entry)) return found;
  const Entry* const found = own.named(entry) ? other.named(entry) : nullptr;
  return found && !own.at(*found) ? found : nullptr;
}

std::optional<Changes::Moved> kernels_of(const Changes::Pair& of) {
  for (const Timing& before : of.before->timings)
    for (const Timing& now : of.now->timings)
      if (before.size == now.size)
        if (const auto times = ratio(before[ArmId::kernel], now[ArmId::kernel]))
          return Changes::Moved{of, &before, &now, *times};
  return std::nullopt;
}

}  // namespace

std::optional<SpeedUp> speed_up(const Timing& timing, const Comparison& comparison) {
  return ratio(timing[comparison.base], timing[comparison.ours]);
}

Figures figures(std::vector<double> speed_ups) {
  Figures f;
  f.count = speed_ups.size();
  if (speed_ups.empty()) return f;
  std::ranges::sort(speed_ups);
  double logarithms = 0;
  for (const double each : speed_ups) {
    const auto* const edge = std::ranges::find_if(kBinEdges, [&](double least) { return each >= least; });
    ++f.bins[static_cast<std::size_t>(edge - std::begin(kBinEdges))];
    f.at_least_1 += each >= 1;
    f.mean += each / static_cast<double>(f.count);
    logarithms += std::log(each);
  }
  f.geomean = std::exp(logarithms / static_cast<double>(f.count));
  const std::size_t half = speed_ups.size() / 2;
  f.median = speed_ups.size() % 2 ? speed_ups[half] : (speed_ups[half - 1] + speed_ups[half]) / 2;
  f.least = speed_ups.front(), f.most = speed_ups.back();
  return f;
}

Changes changes(const Results& before, const Results& now) {
  Changes c;
  std::vector<Changes::Moved> all;
  const Index index_before(before), index_now(now);
  for (const Entry& e : before.entries)
    if (!find_same(e, index_before, index_now)) c.removed.push_back(&e);
  for (const Entry& e : now.entries) {
    const Entry* const old = find_same(e, index_now, index_before);
    if (!old) {
      c.added.push_back(&e);
      continue;
    }
    const Changes::Pair pair{old, &e};
    c.both.push_back(pair);
    if (old->passed() != e.passed()) (e.passed() ? c.mended : c.failed).push_back(pair);
    if (const auto kernels = kernels_of(pair)) all.push_back(*kernels);
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.times.times > b.times.times; });
  for (const Changes::Moved& m : all)
    if (m.times.times > kWorthTelling && m.times.bound != SpeedUp::Bound::most) c.faster.push_back(m);
  for (auto m = all.rbegin(); m != all.rend(); ++m)
    if (m->times.times < 1 / kWorthTelling && m->times.bound != SpeedUp::Bound::least) c.slower.push_back(*m);
  return c;
}

}  // namespace ak::port
