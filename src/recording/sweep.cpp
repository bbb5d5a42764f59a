#include "recording/sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <optional>

#include "ak/types.hpp"
#include "families/family.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"

namespace ak {
namespace {

constexpr std::size_t kBest = 100;      // always in a sample
constexpr std::size_t kAhead = 64;      // compiled ahead of the runs
constexpr std::size_t kFinalists = 12;  // of the own kernels
constexpr double kFinals_s = 60;

// The fastest own kernels, then the vendor's best.
std::vector<Tactic> finalists(const Recording& recording) {
  std::vector<const Trial*> own;
  const Trial* vendor = nullptr;
  for (const RecordedTrial& recorded : recording.trials) {
    const Trial& t = recorded.trial;
    if (!t.correct()) continue;
    if (!is_vendor(t.tactic))
      own.push_back(&t);
    else if (!vendor || t.us < vendor->us)
      vendor = &t;
  }
  std::sort(own.begin(), own.end(), [](const Trial* a, const Trial* b) { return a->us < b->us; });
  own.resize(std::min(own.size(), kFinalists));
  if (vendor) own.push_back(vendor);
  std::vector<Tactic> out;
  for (const Trial* t : own) out.push_back(t->tactic);
  return out;
}

std::string now_utc() {
  const std::time_t now = std::time(nullptr);
  std::tm parts;
  gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

}  // namespace

RecordingHeader make_header(const Problem& problem, const DeviceFacts& device, std::span<const Tactic> tactics,
                            std::string driver, std::string cublaslt) {
  RecordingHeader h;
  h.problem = problem, h.device = device;
  for (const Family* own : families()) h.digests[std::string(name(own->id()))] = source_digest(own->sources());
  Hasher space;
  for (const Tactic& tactic : tactics) space.field("tactic", to_string(tactic));
  h.space = space.digest().hex(), h.space_size = static_cast<int>(tactics.size());
  h.date = now_utc();
  h.driver = std::move(driver), h.nvrtc = compiler_version(), h.cublaslt = std::move(cublaslt);
  return h;
}

std::vector<Tactic> sample(std::span<const Tactic> ranked, std::size_t most) {
  if (ranked.size() <= most) return {ranked.begin(), ranked.end()};
  const std::size_t best = std::min(kBest, most), others = most - best, rest = ranked.size() - best;
  std::vector<Tactic> out(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(best));
  for (std::size_t i = 0; i < others; ++i) out.push_back(ranked[best + i * rest / others]);
  return out;
}

std::string sweep(std::span<const Tactic> tactics, Runner& runner, RecordingWriter& writer, const SweepBudget& budget,
                  const std::function<void(const SweepProgress&)>& progress) {
  const auto start = Clock::now();
  const Deadline deadline = Deadline::in(budget.seconds);
  const std::vector<Tactic> chosen = sample(tactics, budget.most), vendor = runner.vendor_tactics(Deadline::in(10));
  std::vector<Tactic> own;
  for (const Tactic& tactic : chosen)
    if (!writer.has(tactic)) own.push_back(tactic);
  const std::size_t total = chosen.size() + vendor.size();
  std::size_t done = chosen.size() - own.size();

  const auto run = [&](const Tactic& tactic) { return runner.run(tactic, Effort::quick, deadline.sooner(budget.trial_s)); };
  const auto keep = [&](const Trial& trial) {
    writer.add({trial, 0});
    if (progress) progress({&trial, ++done, total, seconds_since(start)});
  };

  const auto prefetch = [&](std::size_t from) {
    const auto some = std::span<const Tactic>(own).subspan(std::min(from, own.size()));
    runner.prefetch(some.first(std::min(kAhead, some.size())));
  };
  prefetch(0);
  std::optional<Tactic> working;  // a vendor tactic that ran: runs again as long as the context lives
  for (const Tactic& tactic : vendor) {
    const Trial trial = run(tactic);
    if (!working && trial.correct()) working = tactic;
    keep(trial);
  }
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (deadline.passed()) return {};
    if (i % (kAhead / 2) == 0) prefetch(i + kAhead / 2);
    const Trial trial = run(own[i]);
    if (trial.outcome == Outcome::timeout && deadline.passed()) return {};  // the budget's end, not its own
    keep(trial);
    const bool suspicious = trial.outcome == Outcome::runtime || trial.outcome == Outcome::timeout;
    if (suspicious && working && !run(*working).correct())
      throw Error(ErrorCode::driver, fmt::format("the GPU context is lost after {} ({}); the sweep resumes in a new process",
                                                 to_string(own[i]), trial.why));
  }

  const auto last = finalists(writer.recording());
  const auto timed = last.size() > 1 ? runner.finals(last, deadline.sooner(kFinals_s)) : std::vector<Trial>();
  for (std::size_t i = 0; i < timed.size() && i < last.size(); ++i) {
    if (!timed[i].correct()) continue;
    const auto& trials = writer.recording().trials;
    RecordedTrial recorded =
        *std::find_if(trials.begin(), trials.end(), [&](const auto& t) { return t.trial.tactic == timed[i].tactic; });
    recorded.final_us = timed[i].us;
    writer.add(std::move(recorded));
  }
  return writer.finish(runner.vendor(), runner.anchor_drift());
}

}  // namespace ak
