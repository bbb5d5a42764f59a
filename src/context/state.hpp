// What a context holds, and the steps of its cold path: context.cpp has the way of a call, lead.cpp that of what packs know,
// search.cpp that of a miss.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "cache/pack.hpp"
#include "context/context.hpp"
#include "gpu/driver.hpp"
#include "plan/table.hpp"
#include "search/proposers.hpp"

namespace ak {

struct ProblemHash {
  std::size_t operator()(const Problem& problem) const { return hash(problem); }
};
template <class Value>
using PerProblem = std::unordered_map<Problem, Value, ProblemHash>;

// What packs or an import know of a problem; nothing of it was proven on this machine.
struct Lead {
  std::string source;       // shipped pack, pack FILE, import
  PlanRecord record;        // of this problem on this hardware, or of its nearest kin's
  std::vector<Tactic> own;  // the kernels worth a trial, likeliest first
  bool exact = true;        // record is of this very problem
  bool again = false;       // record is this machine's own winner, to be proven again
};

// How a problem is served, and what explain() says of it.
struct Served {
  PlanPtr plan;        // nullptr from a recording
  std::string source;  // Explanation::source
  PlanRecord record;   // tactic, times and provenance, as far as known
  std::string note;
  bool lasting = true;   // false: the next call asks again
  bool passing = false;  // not lasting, and for a reason that may pass: asked again later, each time twice as late
};

// When a problem that was served for a passing reason is asked again.
struct Retry {
  Clock::time_point at{};
  double wait_s = 0;
};

struct Ask {
  bool retune = false;   // search even when a record stands
  bool recheck = false;  // a provisional record does not stand
};

// A problem that a thread works on; the others that ask for it wait for the result.
struct Flight {
  std::shared_future<Served> result;
  std::thread::id thread;
};

// What one CUDA context has.
struct Site {
  std::unique_ptr<Machine> machine;
  CUcontext context = nullptr;
  std::uint64_t context_id = 0;
  Table table;
  Table spares;  // plans that need no scratch memory, of problems whose own plan could not have it
  Site* next = nullptr;

  std::mutex mutex;  // of what follows
  PerProblem<Served> served;
  PerProblem<Flight> under_way;
  PerProblem<Retry> retries;
  PerProblem<Served> stand_ins;  // of captures and of searches that could not start; the first stays: a graph may hold it
};

std::string served_by(const Tactic& tactic);
/// Why a record proves nothing here any more. An absent library is no reason: hits work without NVRTC.
std::optional<std::string> stale(const PlanRecord& record, const Provenance& today);

struct Context::Impl::State {
  Settings settings;
  std::shared_ptr<Store> store;
  std::unique_ptr<Packs> packs;
  std::function<Clock::time_point()> now = Clock::now;
  std::unique_ptr<Site> only;         // the machine given to the constructor
  std::atomic<Site*> sites{nullptr};  // else one per CUDA context, newest first; never removed
  std::mutex opening;
  mutable std::mutex counting;
  Counters counters;
  std::atomic<std::int64_t> scratch_fallbacks{0};
  double searched_s = 0;
  std::shared_ptr<std::atomic<std::int64_t>> llm_tokens_left;

  ~State() {
    for (Site* site = sites; site;) delete std::exchange(site, site->next);
    if (settings.log_sink) remove_log_sink(settings.log_sink);  // it may use what lives no longer than the context
  }

  Site& site();
  Site& open_site();
  const Plan* cold_plan(Site& site, Stream stream, const Problem& problem);
  void launch_spare(Site& site, Stream stream, const Problem& problem, const CallArgs& args);
  Served plan_for(Site& site, const Problem& problem, Ask ask);
  Served stand_in(Site& site, const Problem& problem, const std::string& why);
  Served serve(Site& site, const Problem& problem, Ask ask);
  std::optional<Served> hit(Site& site, const Problem& problem, bool recheck, std::optional<PlanRecord>& old);
  std::optional<Served> load(Site& site, const PlanRecord& record);
  std::optional<Served> forced(Site& site, const Problem& problem);
  std::optional<Lead> lead(Site& site, const Problem& problem, const std::optional<PlanRecord>& old);
  std::optional<Tuned> follow(Site& site, Lead lead, const Problem& problem, const Space& space, Runner& runner, double budget,
                              const ProgressSink& show);
  std::vector<PortfolioItem> portfolio(Site& site, const std::optional<PlanRecord>& old);
  Served search(Site& site, const Problem& problem, std::optional<PlanRecord> old, const std::optional<Lead>& lead, Ask ask);
  enum class Write { if_absent, replace, never };
  Served adopt(Site& site, const Problem& problem, Tuned tuned, Write write, const std::string& source);
  enum class Why { lasting, passing };
  Served fallback(Site& site, const Problem& problem, const std::string& why, Why kind = Why::lasting);
  /// A record that is to be proven again and whose kernel still runs as it was proven; nullopt when there is none.
  std::optional<Served> still_serves(Site& site, const std::optional<PlanRecord>& old, const std::string& why);
  std::vector<std::unique_ptr<Proposer>> proposers(Site& site, const std::optional<PlanRecord>& old, Deadline deadline);
  Explanation explanation(Site& site, const Problem& problem, const Served& served) const;

  template <class Change>
  void count(Change&& change) {
    const std::lock_guard lock(counting);
    change(counters);
  }
};

}  // namespace ak
