// DeviceState: what one CUDA context has: its machine, and how each of its problems is served.
#pragma once

#include <cuda.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "context/retry.hpp"
#include "context/served.hpp"
#include "machine/machine.hpp"
#include "plan/table.hpp"

namespace ak {

class Guard;
class LoopGuard;

class DeviceState {
 public:
  /// now: the clock of retries. context, id: null and 0 for a machine that serves all callers.
  DeviceState(std::unique_ptr<Machine> machine, std::function<Clock::time_point()> now, CUcontext context = nullptr,
              std::uint64_t context_id = 0);

  const std::unique_ptr<Machine> machine;
  const CUcontext context;
  const std::uint64_t context_id;
  Table table;
  Table spares;                  // plans that need no scratch memory, of problems whose own plan could not have it
  Table capture_spares;          // what serves in their place where a capture met them first
  std::shared_ptr<Guard> guard;  // null: it is off, and so is the loops'
  std::shared_ptr<LoopGuard> loop_guard;
  DeviceState* next = nullptr;

  /// What keep() was given; of one that is to be asked again only until its time has come.
  struct Known {
    std::optional<Served> served;
    int asked_before = 0;  // how often it was asked again; 0: this is the first time
  };
  Known known(const Problem& problem, Request request);
  /// As known(), whatever its standing.
  std::optional<Served> find(const Problem& problem);
  /// A plan that serves meanwhile, of captures and of searches that could not start.
  std::optional<Served> interim(const Problem& problem);

  /// How often something else came to serve the problem, and problems of the device.
  std::uint64_t changes(const Problem& problem);
  std::uint64_t changes() const { return all_changes_.load(std::memory_order_relaxed); }

  /// What serves that stands in for a record, with what is known of one.
  std::vector<std::pair<Problem, PlanRecord>> stood_in_for();

  /// Other problems of its bucket that something serves for now.
  std::vector<Problem> waiting(const Problem& problem);
  /// What serves the problem for a passing reason is asked for again by its next call.
  void ask_again(const Problem& problem);
  /// The kernel is wrong or harms: it serves neither the problem nor others of its bucket any more. The others that it served.
  std::vector<Problem> withdraw(const Problem& problem, const Tactic& kernel);
  /// Serves the problem so from now on; a lasting answer is in the table. Gives what serves: of answers that do not last and
  /// are of one way, the first's plan. For who has the device's turn, in which alone kernels are taken away.
  Served keep(const Problem& problem, Served served);
  /// The same of what `make` gives; nullopt: it gave nothing. Where its kernel was taken away while it was made, what serves
  /// instead; if nothing does, it is made once more.
  std::optional<Served> keep(const Problem& problem, const std::function<std::optional<Served>()>& make);
  /// Keeps the other one where that kernel serves the problem, and not while something else does: whether it is so.
  bool replace(const Problem& problem, const Tactic& kernel, Served other);

 private:
  // A kernel that was taken from a problem, or from all of its bucket.
  struct Taken {
    Problem problem;
    bool bucket = false;
    Tactic kernel;
    bool is(const Problem& asked, const Served& served) const;
  };

  Served keep_locked(const Problem& problem, Served served);

  const std::function<Clock::time_point()> now_;
  std::atomic<std::uint64_t> all_changes_{0};
  std::mutex mutex_;  // of what follows
  PerProblem<Served> lasting_, interims_;
  PerProblem<Retry> retries_;  // of what is served for a passing reason
  PerProblem<std::uint64_t> changes_;
  PerProblem<PlanPtr> withdrawn_;  // what served, while nothing does
  std::vector<Taken> taken_;       // in order
  std::vector<PlanPtr> retired_;  // a graph may hold them
};

}  // namespace ak
