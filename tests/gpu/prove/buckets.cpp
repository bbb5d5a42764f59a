// What buckets lose: for each of many m what serves its bucket, the winner of a search of its own, and cuBLASLt's best, in one
// window of interleaved arms. The buckets are tuned by the library, as a model's first contact is, into the cache that is
// given; rows go to a CSV as they come, which a killed run continues.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "base/csv.hpp"
#include "context/common.hpp"
#include "context/context.hpp"
#include "context/stored.hpp"
#include "core/bucket.hpp"
#include "machine/gpu.hpp"
#include "prove/csv_rows.hpp"
#include "prove/prove.hpp"
#include "prove/suite.hpp"
#include "runner/gpu_trials.hpp"
#include "search/proposers.hpp"
#include "settings.hpp"
#include "tune/tuner.hpp"

namespace ak::proof {
namespace {

constexpr int kBucketRounds = 15;
constexpr double kBucketGraphUs = 1500;
constexpr std::int64_t kMostTokens = 512;
constexpr int kSeededTokens = 40;  // for each shape
// Llama 3 8B's layers: queries, keys and values; the attention's output; gate and up; down.
constexpr const char* kShapes[] = {"6144x4096 bf16", "4096x4096 bf16", "14336x4096 bf16 silu gated", "4096x14336 bf16"};
constexpr const char* kBucketHeader =
    "problem,class,bucket_from,bucket_to,bucket_us,exact_us,vendor_us,loss,vendor_ratio,clock_mhz,bucket_tactic,exact_tactic";

struct Line {
  Problem problem;
  std::string kind;
};

std::vector<Line> wanted_rows(const Settings& settings) {
  std::vector<Line> rows;
  for (const char* shape : kShapes) {
    std::mt19937 random(10);
    std::set<std::int64_t> tokens;
    while (tokens.size() < kSeededTokens) tokens.insert(1 + static_cast<std::int64_t>(random() % kMostTokens));
    for (const std::int64_t m : tokens) rows.push_back({parse_problem(fmt::format("{}x{}", m, shape)), "llama"});
  }
  for (const std::string& path : settings.suites)
    for (const SuiteRow& row : read_suite(path))
      if (row.kind.starts_with("decode") || row.kind.starts_with("token"))
        rows.push_back({row.problem(row.activation.value_or(Activation::relu)), row.kind});
  std::shuffle(rows.begin(), rows.end(), std::mt19937(10));  // so that a run that ends early has some of all
  return rows;
}

struct Sums {
  double loss = 0, worst = 0, slowest = INFINITY;
  std::string worst_of, slowest_of;
  int rows = 0;

  void add(const std::string& problem, double row_loss, double ratio) {
    loss += std::log(row_loss), ++rows;
    if (row_loss > worst) worst = row_loss, worst_of = problem;
    if (ratio < slowest) slowest = ratio, slowest_of = problem;
  }
  std::string text() const {
    if (!rows) return {};
    return fmt::format(
        "# {} rows: a bucket's plan takes {:.4f} of the exact winner's time in the geometric mean, {:.3f} at worst ({}); "
        "cuBLASLt's best takes {:.3f} of it at least ({})\n",
        rows, std::exp(loss / rows), worst, worst_of, slowest, slowest_of);
  }
};

class BucketTimes {
 public:
  BucketTimes(const Settings& settings, Machine& machine, Context& context)
      : machine_(machine), context_(context), allowance_(allowance_of(resolve({}), machine)) {
    allowance_.seconds = settings.budget_s;
  }

  /// A line of the CSV.
  std::string run(const Line& row, Sums& sums) {
    const Problem& p = row.problem;
    const auto record = record_for(context_.impl().store(), machine_.hardware(), p);
    if (!record) throw Error(ErrorCode::unsupported, "no bucket serves it");
    machine_.warm_up(p);
    const auto made = machine_.runner(p, allowance_);
    auto& runner = static_cast<GpuTrials&>(*made);
    std::vector<std::unique_ptr<Proposer>> proposers;
    for (const auto which : {"local", "offline"}) proposers.push_back(make_proposer(which));
    const Tuned exact = tune(p, machine_.device(), machine_.space(p), runner, std::move(proposers), allowance_);
    if (!exact.winner) throw Error(ErrorCode::unsupported, exact.note);

    PlanRecord here = *record;
    here.problem = p;
    const auto cubin = is_vendor(here.tactic) ? std::string() : context_.impl().store().cubin(here.cubin);
    const PlanPtr lent = machine_.load(here, cubin.value_or(""), record->problem.m != p.m);
    const auto lt = runner.vendor_arms();
    std::vector<PlanPtr> plans{lent, runner.plan(exact.winner->tactic)};
    for (const PlanPtr& plan : {lt.fused, lt.separate})
      if (plan) plans.push_back(plan);
    std::vector<const LaunchPlan*> arms;
    for (const PlanPtr& plan : plans) arms.push_back(plan.get());
    const Medians timing = runner.time(arms, kBucketRounds, kBucketGraphUs, Deadline::in(20));
    double vendor = *std::min_element(timing.us.begin() + 2, timing.us.end());
    if (is_vendor(exact.winner->tactic)) vendor = std::min(vendor, timing.us[1]);
    // Of two timings of one own kernel the difference is noise; cuBLASLt's algorithms of one rank are others at each m.
    const double bucket = timing.us[0];
    const double best = here.tactic == exact.winner->tactic && !is_vendor(here.tactic) ? bucket : timing.us[1];
    sums.add(to_string(p), bucket / best, vendor / bucket);
    return fmt::format("{},{},{},{},{:.3f},{:.3f},{:.3f},{:.4f},{:.4f},{:.0f},{},{}", csv_field(to_string(p)), row.kind,
                       here.bucket.from, here.bucket.to, bucket, best, vendor, bucket / best, vendor / bucket, timing.clock_mhz,
                       csv_field(to_string(here.tactic)), csv_field(to_string(exact.winner->tactic)));
  }

 private:
  Machine& machine_;
  Context& context_;
  Allowance allowance_;
};

}  // namespace

int compare_buckets(const Settings& settings, const std::string& cache) {
  const auto start = Clock::now();
  Sums sums;
  CsvRows csv(settings.progress, kBucketHeader, settings.resume);
  for (const auto& [problem, fields] : csv.rows()) sums.add(problem, number(fields[6]), number(fields[7]));

  Options options;
  options.cache_dir = cache;
  Context context(options);
  const ak::Settings library = resolve(options);
  const auto machine = make_gpu_machine(gpu_options(library));
  std::vector<Context::Impl::Wanted> model;
  for (const char* shape : kShapes)
    model.push_back({parse_problem(fmt::format("{}x{}", kMostTokens, shape)), {1, kMostTokens}});
  context.impl().prepare(model, {});
  const Counters spent = context.counters();
  fmt::print("# first contact, m 1 to {} of {} products: {:.1f} s, {} searches, {} trials, {} compiles\n", kMostTokens,
             model.size(), seconds_since(start), spent.searches, spent.trials, spent.compiles);
  std::fflush(stdout);

  BucketTimes comparison(settings, *machine, context);
  const std::vector<Line> lines = wanted_rows(settings);
  std::vector<std::string> problems;
  for (const Line& line : lines) problems.push_back(to_string(line.problem));
  return csv.complete(
      problems, start, settings.seconds,
      [&](std::size_t i) {
        const Problem& problem = lines[i].problem;
        const Context::Impl::Wanted one{problem, {problem.m, problem.m}};
        context.impl().prepare(std::span(&one, 1), {});
        return comparison.run(lines[i], sums);
      },
      [&] { return sums.text(); });
}

}  // namespace ak::proof
