#include "prove/loop_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "port/report/figures.hpp"
#include "port/report/section.hpp"

namespace ak::proof {
namespace {

using port::ArmId;
using port::Attempt;
using port::Comparison;
using port::Entry;
using port::Results;

// Behind C is what is behind by more than both.
constexpr double kLeastTimesC = 0.99, kMostBehindUs = 0.5;

constexpr Comparison kDispatched{"dispatched", ArmId::c, ArmId::dispatched}, kPromised{"promised", ArmId::c, ArmId::promised};

struct Compared {
  Comparison comparison;
  const char* what;
};
constexpr Compared kShown[] = {
    {port::kResident, "*resident*: data on the GPU, data in the CPU's cache"},
    {{"-ffast-math", ArmId::fast_math, ArmId::kernel}, "the same, C with `-ffast-math`"},
    {{"OpenMP", ArmId::openmp, ArmId::kernel}, "the same, C with OpenMP on all cores, where that is right"},
    {{"moved", ArmId::c, ArmId::moved}, "*moved*: copy in, kernel, copy out, pageable memory"},
    {{"in place", ArmId::in_place, ArmId::kernel},
     "*in place*: data on the GPU either way, C after a copy out and before a copy in"},
    {kDispatched, "*dispatched*: whole calls with data on the host, by the better of C and *moved*"},
    {kPromised, "*promised*: the same, where nothing on a stream touches the data"},
};

// `sequential` is a thread a line; where no loop is parallel that is one thread. Among those that pass another stands for it.
bool is_parallel(const Attempt& attempt) {
  return attempt.status == port::Status::passed && !attempt.what.starts_with("serial") &&
         !attempt.what.starts_with("sequential");
}
bool is_parallel(const Entry& e) {
  return std::ranges::any_of(e.attempts, [](const Attempt& a) { return is_parallel(a); });
}
bool is_right(const Entry& e) { return e.passed() && e.right == e.cases; }
// At each function's own size.
std::optional<port::SpeedUp> speed_up(const Entry& e, const Comparison& comparison) {
  return is_right(e) && !e.timings.empty() ? port::speed_up(e.timings[0], comparison) : std::nullopt;
}

bool is_slower(const Entry& e, double times) {
  const auto up = speed_up(e, port::kResident);
  return up && up->times < times;
}
bool is_behind(const Entry& e, const Comparison& calls) {
  const auto up = speed_up(e, calls);
  return up && up->times < kLeastTimesC && e.timings[0][calls.base].us + kMostBehindUs < e.timings[0][calls.ours].us;
}
bool dispatched_behind(const Entry& e) { return is_behind(e, kDispatched); }
bool promised_behind(const Entry& e) { return is_behind(e, kPromised); }

std::string lines(const Results& results, const char* at) {
  std::string text;
  for (const Compared& compared : kShown) {
    std::vector<double> times;
    for (const Entry& e : results.entries)
      if (const auto up = speed_up(e, compared.comparison)) times.push_back(up->times);
    if (times.empty()) continue;
    const port::Figures f = port::figures(times);
    text += fmt::format("| {}{} | {} |", compared.what, at, f.count);
    for (const std::size_t count : f.bins) text += fmt::format(" {} |", count);
    text += fmt::format(" {} | {} |\n", port::share(f.at_least_1, f.count), port::shown_times(f.geomean));
  }
  return text;
}

}  // namespace

std::string loop_record(const Results& results) {
  Results kept = results;
  for (Entry& e : kept.entries) {
    const auto parallel = std::ranges::find_if(e.attempts, [](const Attempt& a) { return is_parallel(a); });
    const Attempt first = parallel != e.attempts.end() ? *parallel : Attempt{};
    e.file.clear(), e.verdict.clear(), e.unpredicted.clear(), e.observed.clear(), e.why.clear(), e.note.clear();
    e.only.clear(), e.one_thread.clear(), e.attempts.clear();
    if (!first.what.empty()) e.attempts.push_back({false, first.what, first.status, {}});
  }
  std::ranges::sort(kept.entries, {}, &Entry::name);
  auto json = nlohmann::ordered_json::parse(port::write_json(kept));
  const auto entries = std::exchange(json["entries"], nlohmann::ordered_json::array());
  std::string text = json.dump();
  text.resize(text.size() - 2);  // "]}"
  for (std::size_t i = 0; i < entries.size(); ++i) text += (i ? ",\n" : "\n") + entries[i].dump();
  return text + "\n]}\n";
}

std::string loop_table(const Results& results, const Results* larger) {
  std::size_t right = 0, parallel = 0;
  for (const Entry& e : results.entries) right += is_right(e), parallel += is_right(e) && is_parallel(e);
  const auto behind = [&](const Comparison& calls) {
    std::size_t count = 0, of = 0;
    for (const Entry& e : results.entries) of += speed_up(e, calls).has_value(), count += is_behind(e, calls);
    return of ? fmt::format(", {} {} of {}", calls.name, count, of) : std::string();
  };
  std::string text = fmt::format(
      "{}, a host of {} cores, {} {}, {}: of {} functions {} are right, of which {} have a parallel kernel", results.gpu,
      results.cores, results.compiler, results.flags, results.date.substr(0, 10), results.entries.size(), right, parallel);
  if (larger) {
    std::size_t right_there = 0;
    for (const Entry& e : larger->entries) right_there += is_right(e);
    text += fmt::format("; of {} over a million elements {} are right", larger->entries.size(), right_there);
  }
  text +=
      ".\n\n| C's time over ours | functions | >= 2 | 1.5-2 | 1-1.5 | 0.5-1 | 0.1-0.5 | < 0.1 | at 1x or more | geometric mean "
      "|\n"
      "|---|---|---|---|---|---|---|---|---|---|\n";
  text += lines(results, "");
  if (larger) text += lines(*larger, "; a million elements");
  return text + fmt::format("\nBelow {}x of C and more than {} us behind it{}{}.\n", kLeastTimesC, kMostBehindUs,
                            behind(kDispatched), behind(kPromised));
}

std::string loop_names(const Results& results) {
  const auto list = [&](const char* what, bool (*holds)(const Entry&)) {
    std::string names;
    std::size_t count = 0;
    for (const Entry& e : results.entries) {
      if (!holds(e)) continue;
      names += (count++ ? ", " : ": ") + e.name;
      if (const auto up = speed_up(e, port::kResident); up && up->times < 1)
        names += fmt::format(" {} ({})", port::shown_times(up->times), e.tactic.substr(0, e.tactic.find(' ')));
    }
    return fmt::format("{}: {}{}\n", what, count, names);
  };
  return list("not right", [](const Entry& e) { return !is_right(e); }) +
         list("no parallel kernel", [](const Entry& e) { return is_right(e) && !is_parallel(e); }) +
         list("not compared with C", [](const Entry& e) { return is_right(e) && !speed_up(e, port::kResident); }) +
         list("below 0.1x of C", [](const Entry& e) { return is_slower(e, 0.1); }) +
         list("from 0.1x to 1x", [](const Entry& e) { return is_slower(e, 1) && !is_slower(e, 0.1); }) +
         list("dispatched behind C", dispatched_behind) + list("promised behind C", promised_behind);
}

}  // namespace ak::proof
