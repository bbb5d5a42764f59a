// Search: which tactic to run next, given what is known so far. A pure state machine: it knows no GPU and no clock, so it is
// tested on synthetic landscapes. The caller owns both: it runs what next() names and reports the trial back.
//
//   exploring   own tactics as proposed, each run once and briefly; the vendor's candidates in between
//   refining    the fastest few again at full effort: re-verified thoroughly, timed long
//   finals      the fastest of those and of the vendor's, interleaved in one window (finalists(), report_finals())
//
// Why not rank by the mean of repeated runs: a trial's time is already a median, and the best of many noisy medians is a lucky
// one. So the winner is never taken from the exploration: it is decided in the finals, where all arms share one window. Until
// then tactics are compared by their ratio to the vendor in their own window, for the clock changes between windows.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "search/proposer.hpp"

namespace ak {

struct Candidate {
  Tactic tactic;
  std::string proposer;
  int round = 0;
  bool full = false;  // run at full effort
};

struct SearchLimits {
  int trials = 100000;  // runs of own tactics, full-effort ones included
  int leaders = 5;      // refined at full effort
  int finalists = 3;    // of the own kernels, and as many of the vendor's
  int patience = 64;    // exploration ends after so many own trials without gain,
  double gain = 0.005;  //   this much faster than the best before being a gain
};

class Search {
 public:
  using Ready = std::function<bool(const Tactic&)>;

  /// problem, device and space must outlive the search. Proposers are asked in turn, one proposal each.
  Search(const Problem& problem, const DeviceFacts& device, const Space& space,
         std::vector<std::unique_ptr<Proposer>> proposers, SearchLimits limits = {});

  /// The vendor's candidates, likeliest first; they are outside the trial limit.
  void offer_vendor(std::span<const Tactic> tactics);

  /// Asks the proposers until `count` own candidates wait; gives the newly queued ones, to compile ahead. A proposal that the
  /// space rejects becomes a Trial{constraints} and never a candidate; one that is known already is dropped.
  /// remaining: fraction of the caller's budget that is left.
  std::vector<Tactic> refill(std::size_t count, double remaining);

  /// The next run: the first queued candidate that is ready, alternating with the vendor's; once exploring ended, the leaders
  /// at full effort. nullopt: nothing is ready, or nothing is left in this phase.
  std::optional<Candidate> next(const Ready& ready = {});
  /// The trial of the candidate that next() gave last.
  void report(Trial trial);

  std::size_t queued() const { return queue_.size(); }
  bool exploring() const { return exploring_; }
  void stop_exploring() { exploring_ = false; }
  /// A proposer's answer is under way.
  bool pending() const;
  /// Exploration has nothing more to run and nothing to wait for.
  bool exhausted() const;

  /// Own kernels that stood the full effort, then the vendor's best; to be timed interleaved.
  std::vector<Tactic> finalists() const;
  void report_finals(std::span<const Trial> trials);

  /// Fastest correct own kernel of the furthest phase it reached; nullptr while there is none.
  const Trial* best() const { return fastest(false); }
  const Trial* best_vendor() const { return fastest(true); }
  std::span<const Trial> history() const { return history_; }
  int own_trials() const { return own_trials_; }
  /// Why proposers failed or fell silent, one line; empty otherwise.
  std::string note() const;

 private:
  enum Phase : std::uint8_t { quick, full, finals };

  std::optional<Candidate> next_leader();
  std::vector<std::size_t> standings(bool vendor, Phase least) const;
  const Trial* fastest(bool vendor) const;
  double score(const Trial& trial) const;
  void admit(const Proposer& proposer, const Proposal& proposal, std::vector<Tactic>& added);
  void record(Trial trial, Phase phase);
  int explore_limit() const;

  const Problem& problem_;
  const DeviceFacts& device_;
  const Space& space_;
  std::vector<std::unique_ptr<Proposer>> proposers_;
  SearchLimits limits_;
  std::deque<Candidate> queue_, vendor_queue_;
  std::optional<Candidate> running_;
  TacticSet known_, tried_full_;
  std::vector<Trial> history_;
  std::vector<Phase> phases_;  // of each trial in history_
  std::vector<std::string> failures_;
  bool exploring_ = true, dry_ = false, vendor_turn_ = true;
  int own_trials_ = 0, own_queued_ = 0, refined_ = 0, since_gain_ = 0;
  double best_us_ = 0, anchor_us_ = 0;
  std::size_t turn_ = 0;  // the proposer whose proposal is admitted next
};

}  // namespace ak
