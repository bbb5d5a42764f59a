// What a context holds, and a call's way through it, one direction: table, store, tuning service, fallback.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "context/bound_plan.hpp"
#include "context/common.hpp"
#include "context/context.hpp"
#include "context/device_state.hpp"
#include "context/job.hpp"
#include "context/problem_log.hpp"
#include "tune/service.hpp"

namespace ak {

struct Context::Impl::State {
  State(Impl& impl, Settings settings, std::unique_ptr<Machine> machine, std::function<Clock::time_point()> now);
  ~State();

  Common common;
  const std::function<Clock::time_point()> now;
  std::unique_ptr<DeviceState> only;           // the machine given to the constructor
  std::atomic<DeviceState*> devices{nullptr};  // else one per CUDA context, newest first; never removed
  std::mutex opening;
  std::atomic<std::int64_t> scratch_fallbacks{0};
  const ContextLife life;
  std::unique_ptr<ProblemLog> asked;       // of mode record
  std::unique_ptr<TuningService> service;  // ended first: what it runs uses all the others

  DeviceState& device();
  DeviceState& open_device();
  void serve(DeviceState& device, Stream stream, const Problem& problem, const CallArgs& args, const LaunchPlan* plan);
  void serve_in_its_context(Plan::State& bound, Stream stream, const CallArgs& args);
  const LaunchPlan* cold_plan(DeviceState& device, Stream stream, const Problem& problem);
  void launch_spare(DeviceState& device, Stream stream, const Problem& problem, const CallArgs& args);
  Served plan_for(DeviceState& device, const Problem& problem, Request request);
  Served interim(DeviceState& device, const Problem& problem, const std::string& why);
  std::optional<Served> unsearched(DeviceState& device, const Problem& problem, Request request);
  bool reads_only(const Machine& machine) const;
  std::optional<Served> forced(DeviceState& device, const Problem& problem);
  Served searched(DeviceState& device, const Problem& problem, Request request, TuningService::Patience patience);
  Problem tuned_at(const DeviceState& device, const Problem& problem, Request& request) const;
  Served lent(DeviceState& device, const Problem& problem, const TuningJob& job);
  void at_hand(DeviceState& device, const Problem& problem);
  TuningRequest search_of(DeviceState& device, const Problem& problem, Request request, std::shared_ptr<TuningJob> job) const;
  Served behind(DeviceState& device, const Problem& problem, TuningRequest search, const std::string& why);
  void queue(DeviceState& device, const Problem& problem);
  Explanation explanation(DeviceState& device, const Problem& problem, const Served& served) const;
  Explanation expectation(DeviceState& device, const Problem& problem);
};

}  // namespace ak
