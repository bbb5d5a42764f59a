#include "search/search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace ak {
namespace {

// A proposer that floods is heard as far as one that does not.
constexpr std::size_t kMostPerRequest = 64;
constexpr int kRequestsPerRefill = 3;

constexpr int kLeadersPerShape = 2;

// Knobs beside these a longer window ranks as a brief one does.
bool same_shape(const Tactic& a, const Tactic& b) {
  return a.family == b.family && a.schedule == b.schedule && a.tile_m == b.tile_m && a.tile_n == b.tile_n &&
         a.split_k == b.split_k && a.cluster_m * a.cluster_n == b.cluster_m * b.cluster_n;
}

bool timed(const Trial& trial) { return trial.correct() && std::isfinite(trial.us) && trial.us > 0; }

// A wrong result or a fault disproves what a tactic had won before. A timeout (the application's kernels had the GPU) or a
// compile that was cut short says nothing of it.
bool revokes(const Trial& trial) { return trial.outcome == Outcome::incorrect || trial.outcome == Outcome::runtime; }

}  // namespace

Search::Search(const Problem& problem, const DeviceFacts& device, const Space& space,
               std::vector<std::unique_ptr<Proposer>> proposers, SearchLimits limits)
    : problem_(problem), device_(device), space_(space), proposers_(std::move(proposers)), limits_(limits) {}

void Search::offer_vendor(std::span<const Tactic> tactics) {
  for (const Tactic& tactic : tactics)
    if (known_.insert(tactic).second) vendor_queue_.push_back({tactic, "vendor", 0, false});
}

// Leaders must still be refined, so exploration leaves some of the trials to them.
int Search::explore_limit() const {
  const int kept = limits_.trials < 2 ? 0 : std::clamp(limits_.trials / 4, 1, limits_.leaders);
  return limits_.trials - kept;
}

std::vector<Tactic> Search::refill(std::size_t count, double remaining) {
  std::vector<Tactic> added;
  const bool waited = pending();
  const auto room = [&] { return queue_.size() < count && own_queued_ < explore_limit(); };
  for (int request = 0; request < kRequestsPerRefill && exploring_ && room(); ++request) {
    const std::size_t wanted = std::min(count - queue_.size(), kMostPerRequest);
    const Trial* vendor = best_vendor();
    std::vector<std::vector<Proposal>> heard(proposers_.size());
    for (std::size_t i = 0; i < proposers_.size(); ++i) {
      try {
        heard[i] =
            proposers_[i]->propose({problem_, device_, space_, history_, vendor ? vendor->us : 0, remaining, &known_}, wanted);
      } catch (const std::exception& error) {
        failures_.push_back(fmt::format("{}: {}", proposers_[i]->name(), error.what()));
        proposers_.erase(proposers_.begin() + static_cast<std::ptrdiff_t>(i));
        heard.erase(heard.begin() + static_cast<std::ptrdiff_t>(i--));
      }
    }
    const std::size_t before = added.size();
    // In turn, going on where the last refill ended: with room for one at a time the first proposer would be the only one.
    const std::size_t first = turn_;
    for (std::size_t rank = 0; rank < wanted; ++rank)
      for (std::size_t j = 0; j < proposers_.size(); ++j) {
        const std::size_t i = (first + j) % proposers_.size();
        if (rank >= heard[i].size() || !room()) continue;
        admit(*proposers_[i], heard[i][rank], added);
        turn_ = (i + 1) % proposers_.size();
      }
    if (added.size() == before) break;
  }
  if (waited && !pending()) since_gain_ = 0;  // an answer that was waited for is heard out, however long the others had no gain
  dry_ = added.empty() && queue_.empty();
  return added;
}

void Search::admit(const Proposer& proposer, const Proposal& proposal, std::vector<Tactic>& added) {
  if (!known_.insert(proposal.tactic).second) return;
  std::optional<std::string> why;
  if (is_vendor(proposal.tactic))
    why = "the vendor's candidates are timed anyway";
  else if (space_.rejects)
    why = space_.rejects(proposal.tactic);
  if (!why) {
    queue_.push_back({proposal.tactic, std::string(proposer.name()), proposal.round, false});
    added.push_back(proposal.tactic);
    ++own_queued_;
    return;
  }
  Trial trial;
  trial.tactic = proposal.tactic;
  trial.outcome = Outcome::constraints;
  trial.why = std::move(*why);
  trial.proposer = proposer.name();
  trial.round = proposal.round;
  record(std::move(trial), quick);
}

std::optional<Candidate> Search::next(const Ready& ready) {
  running_.reset();
  if (exhausted()) exploring_ = false;
  // Beyond the limit no answer could be tried, so none is waited for.
  if (exploring_ && (own_trials_ >= explore_limit() || (!pending() && since_gain_ >= limits_.patience))) {
    // The baseline is the vendor's best, so all of its candidates are still to be timed.
    queue_.clear();
    if (vendor_queue_.empty()) exploring_ = false;
  }
  if (!exploring_) return running_ = next_leader();

  const auto own = std::find_if(queue_.begin(), queue_.end(), [&](const Candidate& c) { return !ready || ready(c.tactic); });
  const bool own_ready = own != queue_.end() && own_trials_ < explore_limit();
  if (!vendor_queue_.empty() && (vendor_turn_ || !own_ready)) {
    running_ = std::move(vendor_queue_.front());
    vendor_queue_.pop_front();
    vendor_turn_ = false;
  } else if (own_ready) {
    running_ = std::move(*own);
    queue_.erase(own);
    vendor_turn_ = true;
  }
  return running_;
}

std::optional<Candidate> Search::next_leader() {
  // A leader that fails at full effort leaves its place to the next one.
  if (refined_ >= limits_.leaders || own_trials_ >= limits_.trials) return std::nullopt;
  // Brief trials run at clocks that a longer window does not sustain, which favours one shape of tile over another more than
  // one knob inside a shape: not all leaders may be of one shape while another has one to offer.
  const auto order = standings(false, quick);
  const auto refined_of = [&](const Tactic& tactic) {
    return std::count_if(order.begin(), order.end(),
                         [&](std::size_t i) { return phases_[i] > quick && same_shape(history_[i].tactic, tactic); });
  };
  std::optional<std::size_t> next;
  for (const std::size_t i : order) {
    if (phases_[i] != quick || tried_full_.contains(history_[i].tactic)) continue;
    if (!next) next = i;
    if (refined_of(history_[i].tactic) >= kLeadersPerShape) continue;
    next = i;
    break;
  }
  if (!next) return std::nullopt;
  return Candidate{history_[*next].tactic, history_[*next].proposer, history_[*next].round, true};
}

void Search::report(Trial trial) {
  if (!running_) return;
  trial.tactic = running_->tactic;
  trial.proposer = running_->proposer;
  trial.round = running_->round;
  trial.final_timing = running_->full;
  const bool is_full = running_->full, vendor = is_vendor(trial.tactic);
  running_.reset();
  if (!vendor) ++own_trials_;
  if (is_full) {
    refined_ += timed(trial);
  } else if (!vendor) {
    ++since_gain_;
    const double us = timed(trial) ? score(trial) : INFINITY;
    if (us < (best_us_ == 0 ? INFINITY : best_us_ * (1 - limits_.gain))) since_gain_ = 0;
    if (us < (best_us_ == 0 ? INFINITY : best_us_)) best_us_ = us;
  }
  if (is_full) tried_full_.insert(trial.tactic);
  record(std::move(trial), is_full ? full : quick);
}

void Search::report_finals(std::span<const Trial> trials) {
  for (Trial trial : trials) {
    trial.final_timing = true;
    for (std::size_t i = history_.size(); i-- > 0;) {
      if (history_[i].tactic != trial.tactic) continue;
      trial.proposer = history_[i].proposer;
      trial.round = history_[i].round;
      break;
    }
    if (known_.contains(trial.tactic)) record(std::move(trial), finals);
  }
}

// Microseconds as if every window had run at the vendor's one speed; plain microseconds without a vendor.
double Search::score(const Trial& trial) const {
  return trial.ratio > 0 && anchor_us_ > 0 ? anchor_us_ / trial.ratio : trial.us;
}

void Search::record(Trial trial, Phase phase) {
  if (anchor_us_ == 0 && is_vendor(trial.tactic) && timed(trial)) anchor_us_ = trial.us;
  history_.push_back(std::move(trial));
  phases_.push_back(phase);
}

bool Search::pending() const {
  return std::any_of(proposers_.begin(), proposers_.end(), [](const auto& proposer) { return proposer->pending(); });
}

bool Search::exhausted() const { return dry_ && queue_.empty() && vendor_queue_.empty() && !pending(); }

// Each tactic stands by the last of its trials that was timed or that revokes it. Indices into the history, fastest first.
std::vector<std::size_t> Search::standings(bool vendor, Phase least) const {
  std::unordered_map<Tactic, std::size_t, TacticHash> last;
  for (std::size_t i = 0; i < history_.size(); ++i)
    if (is_vendor(history_[i].tactic) == vendor && (timed(history_[i]) || revokes(history_[i]))) last[history_[i].tactic] = i;
  std::vector<std::size_t> order;
  for (const auto& [tactic, i] : last)
    if (timed(history_[i]) && phases_[i] >= least) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const double x = score(history_[a]), y = score(history_[b]);
    return x != y ? x < y : a < b;
  });
  return order;
}

const Trial* Search::fastest(bool vendor) const {
  for (const Phase phase : {finals, full, quick})
    if (const auto order = standings(vendor, phase); !order.empty()) return &history_[order.front()];
  return nullptr;
}

std::vector<Tactic> Search::finalists() const {
  std::vector<Tactic> list;
  for (const bool vendor : {false, true}) {
    const auto order = standings(vendor, vendor ? quick : full);
    for (std::size_t i = 0; i < order.size() && i < static_cast<std::size_t>(limits_.finalists); ++i)
      list.push_back(history_[order[i]].tactic);
  }
  return list;
}

std::string Search::note() const {
  std::string text;
  const auto add = [&](std::string_view line) {
    if (!line.empty()) text += (text.empty() ? "" : "; ") + std::string(line);
  };
  for (const auto& failure : failures_) add(failure);
  for (const auto& proposer : proposers_)
    if (const auto note = proposer->note(); !note.empty()) add(fmt::format("{}: {}", proposer->name(), note));
  return text;
}

}  // namespace ak
