// The record's own kernels as a caller meets them who mixes them with others: between two launches of a kernel that knows
// nothing of programmatic dependent launch, so that neither end of ours lies under a neighbour of its own kind.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/activation.hpp"
#include "plan/pass.hpp"
#include "prove/prove.hpp"
#include "prove/suite.hpp"
#include "runner/gpu_trials.hpp"

namespace ak::proof {
namespace {

constexpr int kAloneRounds = 15;
constexpr double kAloneGraphUs = 1500;
constexpr long long kForeignRows = 128, kForeignColumns = 1024;

/// A launch of `plan`, or none, and one of a small pass over a matrix of its own.
class Beside : public LaunchPlan {
 public:
  explicit Beside(PlanPtr plan)
      : plan_(std::move(plan)),
        pass_(resources(), Activation::relu, DType::bf16),
        memory_(Buffer::make(2 * kForeignRows * kForeignColumns)) {
    check(driver().cuMemsetD8Async(memory_.get(), 0, memory_.bytes(), nullptr), "clearing a matrix");
    args_.x = args_.d = memory_.data();
    args_.ldx = args_.ldd = args_.columns = kForeignColumns, args_.rows = kForeignRows;
    args_.alpha = 1;
  }
  bool try_launch(Stream stream, const CallArgs& args) const override {
    if (plan_ && !plan_->try_launch(stream, args)) return false;
    pass_.launch(stream, args_);
    return true;
  }
  const Tactic& tactic() const override { return plan_ ? plan_->tactic() : none_; }

 private:
  const PlanPtr plan_;
  const Pass pass_;
  const Buffer memory_;
  const Tactic none_;
  PassArgs args_{};
};

struct Times {
  double own = 0, vendor = 0;
  double ratio() const { return vendor / own; }
};

/// The own kernel against cuBLASLt's faster way, first as chains of one kind, then each launch after a foreign one, whose time
/// is taken off.
std::pair<Times, Times> measure(const Problem& problem, const Tactic& tactic) {
  GpuTrials runner(problem, resources());
  const auto lt = runner.vendor_arms();
  const Trial trial = runner.verify(tactic, Effort::quick, Deadline::in(30));
  if (!trial.correct()) throw Error(ErrorCode::unsupported, fmt::format("{}: {}", name(trial.outcome), trial.why));
  std::vector<PlanPtr> plans{runner.plan(tactic)};
  for (const PlanPtr& plan : {lt.fused, lt.separate})
    if (plan) plans.push_back(plan);
  const std::size_t kinds = plans.size();
  if (kinds < 2) throw Error(ErrorCode::unsupported, "cuBLASLt serves no such problem");
  for (std::size_t i = 0; i < kinds; ++i) plans.push_back(std::make_shared<Beside>(plans[i]));
  plans.push_back(std::make_shared<Beside>(nullptr));
  std::vector<const LaunchPlan*> arms;
  for (const PlanPtr& plan : plans) arms.push_back(plan.get());
  const std::vector<double> us = runner.time(arms, kAloneRounds, kAloneGraphUs, Deadline::in(20)).us;
  const auto fastest = [&](std::size_t from) { return *std::min_element(us.begin() + from + 1, us.begin() + from + kinds); };
  return {{us[0], fastest(0)}, {us[kinds] - us.back(), fastest(kinds) - us.back()}};
}

}  // namespace

int time_alone(const Settings& settings) {
  const Record record = read_record(settings.record);
  struct Sums {
    double chain = 0, alone = 0;
    int rows = 0;
  };
  std::map<std::pair<std::size_t, std::string>, Sums> classes;
  fmt::print("| problem | class | own in a chain, us | cuBLASLt | ratio | own alone, us | cuBLASLt | ratio |\n|{}\n",
             "---|---|---|---|---|---|---|---|");
  std::vector<SuiteRow> rows;
  for (const std::string& path : settings.suites)
    for (const SuiteRow& row : read_suite(path)) rows.push_back(row);
  int failed = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const SuiteRow& row = rows[i];
    if (!row_wanted(settings.rows, i, row.kind)) continue;
    BenchRow key;
    key.m = row.m, key.n = row.n, key.k = row.k, key.dtype = name(row.dtype), key.epilogue = row.epilogue;
    key.activation = name(row.activation.value_or(Activation::relu));
    const auto it =
        std::find_if(record.bench.begin(), record.bench.end(), [&](const BenchRow& b) { return b.key() == key.key(); });
    if (it == record.bench.end() || it->own_tactic.empty()) continue;
    try {
      const auto [chain, alone] = measure(row.problem(row.activation.value_or(Activation::relu)), parse_tactic(it->own_tactic));
      fmt::print("| {}x{}x{} | {} | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} |\n", row.m, row.n, row.k, row.kind,
                 chain.own, chain.vendor, chain.ratio(), alone.own, alone.vendor, alone.ratio());
      std::fflush(stdout);
      Sums& sums = classes[{class_rank(row.kind), row.kind}];
      sums.chain += std::log(chain.ratio()), sums.alone += std::log(alone.ratio()), ++sums.rows;
    } catch (const Error& error) {
      fmt::print("FAILED {}: {}\n", key.key(), error.what());
      ++failed;
      if (error.code() == ErrorCode::driver) return 1;
    }
  }
  for (const auto& [kind, sums] : classes)
    fmt::print("{}: {:.3f} in chains, {:.3f} alone, geometric means of {} rows\n", kind.second,
               std::exp(sums.chain / sums.rows), std::exp(sums.alone / sums.rows), sums.rows);
  return failed ? 1 : 0;
}

}  // namespace ak::proof
