#include "port/arms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/build.hpp"
#include "gpu/device.hpp"
#include "loop/dispatch.hpp"
#include "plan/resources.hpp"
#include "port/c/openmp.hpp"
#include "port/candidates.hpp"
#include "port/proof/gpu_use.hpp"
#include "port/proof/proving.hpp"

namespace ak::port {

namespace {

constexpr std::size_t kFinalists = 3;
constexpr char kNoOpenMp[] = "no OpenMP arm: ";

class Arms {
 public:
  Arms(ArmsOf& of, const std::vector<TimedSize>& sizes, const std::function<bool(const TimedSize&)>& bears, Ported& ported)
      : of_(of), sizes_(sizes), bears_(bears), ported_(ported) {}

  void time_all(const std::vector<Tried*>& passed) {
    constexpr double kGraphUs = 400;
    Resources& resources = *of_.gpu.resources;
    const loop::Function& function = of_.request.verdict.function;
    std::vector<std::unique_ptr<LoopPlan>> plans;
    for (const Tried* tried : passed)
      plans.push_back(std::make_unique<LoopPlan>(resources, tried->image.data(), function, tried->candidate));
    std::vector<std::vector<double>> us(sizes_.size(), std::vector<double>(passed.size()));
    loop::Winner& winner = ported_.winner;
    if (of_.c.openmp) prove_openmp();
    std::vector<std::size_t> best;  // of each size, which of `passed`
    std::vector<const LoopPlan*> all;
    for (const auto& plan : plans) all.push_back(plan.get());
    const auto time_size = [&](std::size_t s) {
      if (const double bytes = array_bytes(function, sizes_[s].integers); bytes > of_.gpu.device_bytes)
        throw Error(ErrorCode::out_of_memory, fmt::format("its arrays take {:.0f} bytes of device memory, {:.0f} may be taken",
                                                          bytes, of_.gpu.device_bytes));
      std::vector<std::size_t> order;
      std::vector<const LoopPlan*> here;
      for (std::size_t i = 0; i < all.size(); ++i)
        if (of_.may_run(*passed[i], sizes_[s])) order.push_back(i), here.push_back(all[i]);
      if (here.empty()) throw Error(ErrorCode::out_of_memory, "no kernel is proven at it");
      LoopTimer timer(resources, function, of_.roles, of_.facts, sizes_[s]);
      std::optional<GpuUse> use(std::in_place, of_.gpu, of_.deadline);
      std::vector<port::Arm> arms(all.size());
      const auto roughly = timer.time(here, 100, 3, of_.deadline.later(2));
      for (std::size_t i = 0; i < order.size(); ++i) arms[order[i]] = roughly[i];
      // The fastest once more, longer.
      std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return arms[a].us < arms[b].us; });
      order.resize(std::min(order.size(), kFinalists));
      std::vector<const LoopPlan*> finalists;
      std::vector<double> rough;
      for (const std::size_t i : order) finalists.push_back(all[i]), rough.push_back(arms[i].us);
      const auto again = timer.time(finalists, kGraphUs, rounds_of(rough, kGraphUs), of_.deadline.later(2));
      for (std::size_t i = 0; i < order.size(); ++i) arms[order[i]] = again[i];
      const std::size_t fastest =
          *std::min_element(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return arms[a].us < arms[b].us; });

      loop::SizeRow row;
      row.size = sizes_[s].size;
      row.kernel_us = arms[fastest].us;
      timer.time_copies(row.copy_in_us, row.copy_out_us);
      const double promised_us = time_calls(timer, all[fastest], row);
      use.reset();  // what follows is the CPU's
      if (of_.gpu.host) row.host_us = timer.time_host(of_.gpu.host, 0.1);
      Timing timing;
      for (const auto& [name, value] : sizes_[s].integers)
        timing.size += fmt::format("{}{}={}", timing.size.empty() ? "" : " ", name, value);
      timing[ArmId::kernel] = arms[fastest], timing[ArmId::c] = time_c(of_.c.plain.get(), sizes_[s]);
      if (s == 0) {  // a comparison that one size is enough for
        timing[ArmId::fast_math] = time_c(of_.c.fast_math.get(), sizes_[s]);
        timing[ArmId::openmp] = time_c(of_.c.openmp.get(), sizes_[s]);
      }
      if (row.host_us == 0) row.host_us = timing[ArmId::c].us;
      combine(timing, row, promised_us);
      for (std::size_t i = 0; i < passed.size(); ++i)
        if (passed[i]->candidate.template_name == kSerial) timing[ArmId::serial] = arms[i];
      for (std::size_t i = 0; i < passed.size(); ++i) us[best.size()][i] = arms[i].us;  // of those that were timed
      best.push_back(fastest), winner.sizes.push_back(row), ported_.timings.push_back(std::move(timing));
    };
    for (std::size_t s = 0; s < sizes_.size(); ++s) {
      try {
        if (s > 0 && of_.deadline.passed()) throw TimedOut{};
        if (bears_(sizes_[s])) time_size(s);
      } catch (const TimedOut&) {
        winner.unfinished = true;  // what is proven serves, and is timed another time
        break;
      } catch (const Error& error) {
        if (error.code() != ErrorCode::out_of_memory) throw;
        of_.note(fmt::format("not timed at {} iterations: {}", sizes_[s].size, error.what()));
      }
    }
    if (best.empty()) winner.kernels.push_back(passed[0]->candidate), ported_.images.push_back(passed[0]->image);
    for (std::size_t i = 0; i < passed.size(); ++i)
      for (std::size_t s = 0; s < best.size(); ++s) passed[i]->times.push_back(us[s][i]);
    // Each kernel that is best somewhere is kept, once.
    std::vector<std::size_t> kept;
    for (std::size_t s = 0; s < best.size(); ++s) {
      auto at = std::find(kept.begin(), kept.end(), best[s]);
      if (at == kept.end()) at = kept.insert(kept.end(), best[s]);
      winner.sizes[s].kernel = static_cast<int>(at - kept.begin());
    }
    for (const std::size_t i : kept) winner.kernels.push_back(passed[i]->candidate), ported_.images.push_back(passed[i]->image);
    std::sort(winner.sizes.begin(), winner.sizes.end(), [](const auto& a, const auto& b) { return a.size < b.size; });
    winner.driver = driver_version(), winner.nvrtc = of_.gpu.compiler->version(), winner.build = build_digest();
  }

 private:
  // The compiler may have no OpenMP, and what it makes of it need not be right.
  void prove_openmp() {
    CBench& bench = *of_.c.openmp;
    const Deadline deadline = of_.deadline.later(2);
    std::string why;
    try {
      const RunKernels run = [&](const Case& given, int) {
        return KernelRun{Cause::none, {}, bench.run(given, deadline.sooner(10))};
      };
      const Proof proof = prove(of_.cases, false, 1, run, deadline);
      if (proof.right()) return;
      why = proof.text();
    } catch (const Error& error) {
      why = error.what();
    } catch (const TimedOut&) {
      why = "its runs have not ended in time";
    }
    of_.c.openmp.reset();
    of_.note(kNoOpenMp + why);
  }

  port::Arm time_c(CBench* bench, const TimedSize& size) {
    if (!bench) return {};
    try {
      return bench->time(make_case(of_.request.verdict.function, of_.roles, of_.facts, size.integers, size.recipe), {},
                         of_.deadline.later(5));
    } catch (const Error& error) {
      of_.note(error.what());
      return {};
    }
  }

  // As a program makes them, which is more than the sum of what they consist of. Returns what a promised one costs beside the C
  // function; 0: not timed.
  double time_calls(LoopTimer& timer, const LoopPlan* kernel, loop::SizeRow& row) {
    constexpr double kSeconds = 0.05;
    if (!of_.gpu.calls) return 0;
    row.call_us = timer.time_host(of_.gpu.calls(nullptr), kSeconds);
    try {
      row.moved_us = timer.time_host(of_.gpu.calls(kernel), kSeconds);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::out_of_memory) throw;
      of_.note(fmt::format("calls with data on the host are not timed at {} iterations: {}", row.size, error.what()));
    }
    return of_.gpu.promised_calls ? timer.time_host(of_.gpu.promised_calls(), kSeconds) : 0;
  }

  // As often as makes 100 runs of each, within 2 s, thrice at least.
  static int rounds_of(const std::vector<double>& us, double graph_us) {
    constexpr double kRuns = 100, kSeconds = 2;
    double wanted = 7, round_us = 0;
    for (const double each : us) {
      const double launches = std::max(1.0, graph_us / each);
      wanted = std::max(wanted, std::ceil(kRuns / launches));
      round_us += each * launches;
    }
    return static_cast<int>(std::max(3.0, std::min(wanted, kSeconds * 1e6 / round_us)));
  }

  // What follows from the times of the others.
  static void combine(Timing& timing, const loop::SizeRow& row, double promised_us) {
    const port::Arm &kernel = timing[ArmId::kernel], &c = timing[ArmId::c];
    const auto copied = [](double us, const port::Arm& of) {
      return port::Arm{us, us, std::min(LoopTimer::kCopies, of.runs), of.timed_out};
    };
    timing[ArmId::moved] = copied(row.copy_in_us + kernel.us + row.copy_out_us, kernel);
    if (c.timed()) timing[ArmId::in_place] = copied(row.copy_out_us + c.us + row.copy_in_us, c);
    const bool by_host = loop::host_is_faster(row, true) && c.timed();
    const auto called = [&](double call_us) {
      return by_host ? port::Arm{c.us + call_us, c.least_us + call_us, c.runs, c.timed_out}
                     : copied(loop::moved_us(row), kernel);
    };
    timing[ArmId::dispatched] = called(row.call_us);
    if (promised_us > 0) timing[ArmId::promised] = called(promised_us);
  }

  ArmsOf& of_;
  const std::vector<TimedSize>& sizes_;
  const std::function<bool(const TimedSize&)>& bears_;
  Ported& ported_;
};

}  // namespace

CArms c_arms(const PortRequest& request, Deadline deadline, const std::function<void(const std::string&)>& note) {
  if (!request.bench) return {};
  const loop::Function& function = request.verdict.function;
  const auto made = [&](const CompilerOptions::Optimization& optimize, const std::string* definition) {
    CompilerOptions options = request.c_compiler();
    options.optimize = optimize;
    try {
      return definition ? std::make_unique<CBench>(function, *definition, options)
                        : std::make_unique<CBench>(function, request.c_source(), options, deadline);
    } catch (const Error& error) {
      note(error.what());
      return std::unique_ptr<CBench>();
    }
  };
  CArms arms{made(CBench::plain(), nullptr), made(CBench::fast_math(), nullptr), nullptr};
  const OpenMp openmp = with_openmp(request.verdict, CBench::kDefined);
  if (openmp.why.empty())
    arms.openmp = made(CBench::openmp(), &openmp.text);
  else
    note(kNoOpenMp + openmp.why);
  return arms;
}

void time_arms(ArmsOf of, const std::vector<TimedSize>& sizes, const std::function<bool(const TimedSize&)>& bears,
               const std::vector<Tried*>& passed, Ported& ported) {
  Arms(of, sizes, bears, ported).time_all(passed);
}

}  // namespace ak::port
