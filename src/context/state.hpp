// What a context holds, and a call's way through it, one direction: table, store, tuning service, fallback.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "context/common.hpp"
#include "context/context.hpp"
#include "context/job.hpp"
#include "context/site.hpp"
#include "tune/service.hpp"

namespace ak {

struct Context::Impl::State {
  State(Settings settings, std::unique_ptr<Machine> machine, std::function<Clock::time_point()> now);
  ~State();

  Common common;
  const std::function<Clock::time_point()> now;
  std::unique_ptr<Site> only;         // the machine given to the constructor
  std::atomic<Site*> sites{nullptr};  // else one per CUDA context, newest first; never removed
  std::mutex opening;
  std::atomic<std::int64_t> scratch_fallbacks{0};
  std::unique_ptr<TuningService> service;  // ended first: what it runs uses all the others

  Site& site();
  Site& open_site();
  const Plan* cold_plan(Site& site, Stream stream, const Problem& problem);
  void launch_spare(Site& site, Stream stream, const Problem& problem, const CallArgs& args);
  Served plan_for(Site& site, const Problem& problem, Ask ask);
  Served stand_in(Site& site, const Problem& problem, const std::string& why);
  std::optional<Served> unsearched(Site& site, const Problem& problem, Ask ask);
  std::optional<Served> forced(Site& site, const Problem& problem);
  Served searched(Site& site, const Problem& problem, Ask ask, TuningService::Patience patience);
  Explanation explanation(Site& site, const Problem& problem, const Served& served) const;
  Explanation expectation(Site& site, const Problem& problem);
};

}  // namespace ak
