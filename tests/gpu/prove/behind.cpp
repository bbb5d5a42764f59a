// Searches behind the calls of a busy application: how soon the winner stands, what that costs the application, and what the
// winner loses against a search that has the GPU to itself.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ak/ak.hpp"
#include "base/csv.hpp"
#include "context/common.hpp"
#include "context/context.hpp"
#include "context/stored.hpp"
#include "gpu/owners.hpp"
#include "machine/gpu.hpp"
#include "prove/csv_rows.hpp"
#include "prove/prove.hpp"
#include "runner/gpu_trials.hpp"
#include "settings.hpp"

namespace ak::proof {
namespace {

constexpr int kBehindRounds = 15;
constexpr double kBehindGraphUs = 1500;
constexpr double kAlone = 3;      // seconds of the application's work by itself
constexpr double kPatience = 90;  // seconds for a winner
constexpr int kBatch = 64;        // calls that are enqueued together
constexpr const char* kHeader =
    "problem,busy,seconds,calls_alone,calls_meanwhile,throughput,background_us,tune_us,loss,background_tactic,tune_tactic";
// Llama 3 8B's, at a decode step and at a few more tokens.
constexpr const char* kProblems[] = {"16x6144x4096 bf16", "16x14336x4096 bf16 silu", "64x4096x4096 bf16", "64x4096x14336 bf16"};

// A linear layer's memory, of zeros.
struct OwnOperands {
  explicit OwnOperands(const Problem& p) : problem(p), x(zeros(p.m * p.k)), w(zeros(p.n * p.k)), y(zeros(p.m * p.n)) {
    epilogue.activation = p.epilogue.activation;
  }
  static Buffer zeros(std::int64_t elements) {
    Buffer memory = Buffer::make(static_cast<std::size_t>(elements) * 2);
    check(driver().cuMemsetD16(memory.get(), 0, static_cast<std::size_t>(elements)), "zeroing");
    return memory;
  }
  ConstMatrix a() const { return {x.data<void>(), problem.m, problem.k, problem.k, DType::bf16, Order::row}; }
  ConstMatrix b() const { return {w.data<void>(), problem.k, problem.n, problem.k, DType::bf16, Order::col}; }
  Matrix d() const { return {y.data<void>(), problem.m, problem.n, problem.n, DType::bf16, Order::row}; }
  void call(Context& context, Stream stream) const { context.matmul_act(stream, a(), b(), d(), epilogue); }

  const Problem problem;
  Buffer x, w, y;
  Epilogue epilogue;
};

// An application that has the GPU so much of the time, on cuBLASLt.
class Application {
 public:
  explicit Application(double busy)
      : busy_(busy), thread_([this, context = current_context()] {
          const ContextScope scope(context);
          try {
            work();
          } catch (const Error& error) {
            fmt::print("# the application's own work failed: {}\n", error.what());
          }
        }) {}
  ~Application() {
    stop_ = true;
    thread_.join();
  }
  long calls() const { return calls_; }

 private:
  void work() {
    Options options;
    options.cache_dir = "", options.mode = Mode::off;
    Context context(options);
    const OwnOperands layer(parse_problem("64x4096x4096 bf16"));
    const OwnedStream stream = OwnedStream::make();
    while (!stop_) {
      const auto began = Clock::now();
      for (int i = 0; i < kBatch; ++i) layer.call(context, stream.get());
      stream.synchronize();
      calls_ += kBatch;
      std::this_thread::sleep_for(std::chrono::duration<double>(seconds_since(began) * (1 - busy_) / busy_));
    }
  }

  const double busy_;
  std::atomic<bool> stop_{false};
  std::atomic<long> calls_{0};
  std::thread thread_;
};

Options options(Mode mode) {
  Options o;
  o.cache_dir = "", o.shipped = false, o.mode = mode;
  return o;
}

// What was found for the problem's bucket, as it serves the problem.
struct Found {
  Found(Context& context, Machine& machine, const Problem& problem) {
    const auto record = record_for(context.impl().store(), machine.hardware(), problem);
    if (!record) throw Error(ErrorCode::unsupported, "nothing was found");
    PlanRecord here = *record;
    here.problem = problem;
    const auto cubin = is_vendor(here.tactic) ? std::string() : context.impl().store().cubin(here.cubin).value_or("");
    plan = machine.load(here, cubin), tactic = to_string(here.tactic);
  }
  PlanPtr plan;
  std::string tactic;
};

std::string measure(Machine& machine, const Problem& problem, double busy) {
  const OwnOperands operands(problem);
  const OwnedStream stream = OwnedStream::make();
  std::optional<Found> behind;
  double alone_rate = 0, meanwhile = 0, seconds = 0;
  Context background(options(Mode::background));
  {
    const Application application(busy);
    std::this_thread::sleep_for(std::chrono::seconds(1));  // it has opened its libraries
    const auto rate = [&](auto&& until) {
      const auto began = Clock::now();
      const long first = application.calls();
      until();
      return static_cast<double>(application.calls() - first) / seconds_since(began);
    };
    const auto by_itself = [] { std::this_thread::sleep_for(std::chrono::duration<double>(kAlone)); };
    const double before = rate(by_itself);
    meanwhile = rate([&] {
      const auto began = Clock::now();
      const Deadline deadline = Deadline::in(kPatience);
      operands.call(background, stream.get());
      while (background.explain(operands.a(), operands.b(), operands.d(), operands.epilogue).source != "this process") {
        if (deadline.passed()) throw Error(ErrorCode::unsupported, fmt::format("no winner stands after {} s", kPatience));
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        operands.call(background, stream.get());
      }
      seconds = seconds_since(began);
    });
    stream.synchronize();
    // The chip's clock sinks as it warms up: what the application does alone is what it does on both sides of the search.
    alone_rate = (before + rate(by_itself)) / 2;
  }
  const Problem wanted = parse_problem(background.explain(operands.a(), operands.b(), operands.d(), operands.epilogue).problem);
  behind.emplace(background, machine, wanted);
  Context tune(options(Mode::tune));
  operands.call(tune, stream.get());
  stream.synchronize();
  const Found alone(tune, machine, wanted);
  const auto runner = machine.runner(wanted, allowance_of(resolve({}), machine));
  const LaunchPlan* const arms[] = {behind->plan.get(), alone.plan.get()};
  const Medians timing = static_cast<GpuTrials&>(*runner).time(arms, kBehindRounds, kBehindGraphUs, Deadline::in(20));
  const double theirs = behind->tactic == alone.tactic ? timing.us[0] : timing.us[1];  // of one kernel the difference is noise
  return fmt::format("{},{:.2f},{:.2f},{:.0f},{:.0f},{:.4f},{:.3f},{:.3f},{:.4f},{},{}", csv_field(to_string(wanted)), busy,
                     seconds, alone_rate, meanwhile, alone_rate > 0 ? meanwhile / alone_rate : 0, timing.us[0], theirs,
                     timing.us[0] / theirs, csv_field(behind->tactic), csv_field(alone.tactic));
}

}  // namespace

int measure_behind(const Settings& settings, double busy) {
  if (!(busy > 0 && busy <= 1)) throw Error(ErrorCode::invalid_argument, fmt::format("--busy: {} is not in (0, 1]", busy));
  const auto start = Clock::now();
  CsvRows csv(settings.progress, kHeader, settings.resume);
  current_context();
  const auto machine = make_gpu_machine(gpu_options(resolve({})));
  std::vector<std::string> problems;
  for (const char* text : kProblems) problems.push_back(to_string(parse_problem(text)));
  return csv.complete(problems, start, settings.seconds,
                      [&](std::size_t i) { return measure(*machine, parse_problem(problems[i]), busy); });
}

}  // namespace ak::proof
