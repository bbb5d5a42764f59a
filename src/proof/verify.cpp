#include "proof/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/activation.hpp"
#include "plan/vendor.hpp"

namespace ak {
namespace {

constexpr std::int64_t kGuardBytes = 64 << 10;
constexpr int kSamples = 1024;

Problem last_of(const Problem& problem, std::int64_t rows) {
  Problem last = problem;
  if (rows > 0) last.m = std::min(problem.m, rows);
  return last;
}

std::int64_t reference_bytes(const Problem& p) {
  return (p.m * p.wide_n() + p.m + p.wide_n()) * static_cast<std::int64_t>(sizeof(float));
}

DeviceShare::Taken memory_for(const GpuQueue& queue, const Problem& p, const Layout& layout) {
  queue.memory().expect(layout.bytes + reference_bytes(p));
  return queue.memory().take(layout.bytes);
}

Finding* pinned(std::size_t count) {
  void* p = nullptr;
  check(driver().cuMemAllocHost(&p, count * sizeof(Finding)), "allocating pinned memory");
  return static_cast<Finding*>(p);
}

float element(const void* bits, DType type) {
  if (type == DType::f32) {
    float f;
    std::memcpy(&f, bits, 4);
    return f;
  }
  std::uint16_t h;
  std::memcpy(&h, bits, 2);
  if (type == DType::bf16) {
    const std::uint32_t word = static_cast<std::uint32_t>(h) << 16;
    float f;
    std::memcpy(&f, &word, 4);
    return f;
  }
  const int exponent = h >> 10 & 31, fraction = h & 1023;
  const double magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                           : exponent == 0 ? std::ldexp(fraction, -24)
                                           : std::ldexp(1024 + fraction, exponent - 25);
  return static_cast<float>(h & 0x8000 ? -magnitude : magnitude);
}

}  // namespace

Tolerance tolerance_for(const Tactic& tactic, const Problem& problem, Tolerance tolerance) {
  if (!is_vendor(tactic) || tactic.separate) return tolerance;
  // Algorithms that round the sum before bias and activation are among those that cuBLASLt fuses: they are refused.
  if (problem.epilogue.activation == Activation::gelu_tanh) tolerance.formula = 64 * kUnit;
  return tolerance;
}

std::vector<Problem> edge_problems(const Problem& problem, const Tactic& t) {
  const auto or_else = [](int x, int fallback) { return static_cast<std::int64_t>(x > 0 ? x : fallback); };
  const std::int64_t m = or_else(t.tile_m, 16), n = or_else(t.tile_n, 32), k = or_else(t.tile_k, 64);
  const std::int64_t slices = std::max<std::int64_t>(1, t.split_k);
  const std::int64_t sizes[][3] = {{m + 8, 2 * n + 8, k},        {1, 1, 1},
                                   {m + 1, n - 1, k + 1},        {m - 1, n + 1, 2 * k - 1},
                                   {37, 2 * n + 3, 3 * k + 7},   {2 * m + 1, 5, t.stages * k + 1},
                                   {m, n, (slices + 1) * k + 8}, {m + 8, n + 8, 13}};
  std::vector<Problem> problems;
  for (const auto& [pm, pn, pk] : sizes) {
    Problem p = problem;
    p.m = std::max<std::int64_t>(pm, 1), p.n = std::max<std::int64_t>(pn, 1), p.k = std::max<std::int64_t>(pk, 1);
    problems.push_back(p);
  }
  return problems;
}

void fill_inputs(const GpuQueue& queue, const Probe& probe, const Problem& problem, const Layout& l, std::uint64_t base,
                 Data data, std::uint64_t seed, CallArgs& args) {
  const auto& e = problem.epilogue;
  const bool integers = data == Data::integers, branches = data == Data::branches, extremes = data == Data::extremes;
  const float deviation = data == Data::wide ? 24.0f : 2.0f;
  const float scale = deviation / std::sqrt(static_cast<float>(std::max<std::int64_t>(problem.k, 1)));
  // Exact in any order, so that what is exact stays so.
  args.alpha = e.unit_alpha ? 1.0f : integers ? -0.5f : branches || extremes ? 0.5f : 0.7f;
  args.beta = e.has_c ? (integers || branches || extremes ? 2.0f : -0.6f) : 0.0f;
  args.slope = 0.125f;
  const CUstream stream = queue.stream();
  const auto fill = [&](const Region& region, Values exact, float factor, std::uint64_t number) {
    const Values values = integers ? Values::integers : branches ? exact : Values::normal;
    probe.fill(stream, base, region, values, integers ? 1.0f : factor, seed * 8 + number);
  };
  if (extremes) {
    const auto as_stored = [&](const Region& region, Values values, float factor, std::uint64_t number) {
      probe.fill(stream, base, region, values, factor, seed * 8 + number);
    };
    const Values b = problem.b_major == Major::k ? Values::extreme_b_rows : Values::extreme_b_columns;
    as_stored(l.a, problem.a_major == Major::k ? Values::extreme_a_rows : Values::extreme_a_columns, 1.0f, 1);
    as_stored(l.b, b, 1.0f, 2);
    as_stored(l.b2, b, 1.0f, 5);
    as_stored(l.c, Values::extreme_terms, 0.5f, 3);
    as_stored(l.bias, e.bias == BiasAxis::row ? Values::extreme_row_terms : Values::extreme_terms, 1.0f, 4);
  } else {
    // A's rows select one row of B each; what is added to that is 0.
    fill(l.a, problem.a_major == Major::k ? Values::unit_rows : Values::unit_columns, 1.0f, 1);
    fill(l.b, Values::branches, branches ? 1 / args.alpha : scale, 2);
    fill(l.b2, Values::branches, branches ? 1 / args.alpha : scale, 5);
    fill(l.c, Values::zeros, deviation, 3);
    fill(l.bias, Values::zeros, deviation, 4);
  }
  // Powers of two keep what is exact, and differ enough to be missed.
  probe.fill(stream, base, l.row_scale, Values::powers, 1.0f, seed * 8 + 6);
  probe.fill(stream, base, l.column_scale, Values::powers, 1.0f, seed * 8 + 7);
}

std::int64_t Case::bytes_for(const Problem& p, Spacing spacing, std::int64_t last_rows) {
  return make_layout(p, spacing, kGuardBytes).bytes + reference_bytes(last_of(p, last_rows));
}

Case::Case(const GpuQueue& queue, const Probe& probe, const Problem& p, Data data, Spacing spacing, std::uint64_t seed,
           std::int64_t last_rows)
    : problem(last_of(p, last_rows)),
      layout(make_layout(p, spacing, kGuardBytes)),
      launched(),
      memory_(memory_for(queue, problem, layout)) {
  base = memory_.get();
  launched = layout.args(p, base);
  for (const Region* region : layout.inputs()) probe.poison(queue.stream(), base, *region, Verifier::kPoison);
  fill_inputs(queue, probe, p, layout, base, data, seed, launched);
  args = rows_of(p, launched, p.m - problem.m, problem.m);
  refer(queue, probe);
  if (data == Data::integers || data == Data::branches || data == Data::extremes) tolerance.summation = 0;
}

Case::Case(const GpuQueue& queue, const Probe& probe, const Problem& p, const Layout& where, std::uint64_t at,
           const CallArgs& with)
    : problem(p), layout(where), launched(with), args(with), base(at) {
  refer(queue, probe);
}

void Case::refer(const GpuQueue& queue, const Probe& probe) {
  const std::size_t elements = static_cast<std::size_t>(problem.m) * problem.wide_n();
  reference_ = queue.memory().take(reference_bytes(problem));
  reference.pre = reference_.data<float>();
  reference.row_norms = reference.pre + elements;
  reference.column_norms = reference.row_norms + problem.m;
  tolerance = tolerance_of(problem, args.alpha);
  probe.reference(queue.stream(), problem, args, reference);
}

Verifier::Verifier(GpuQueue& queue, const Probe& probe)
    : queue_(queue),
      probe_(probe),
      device_(queue.memory().take(kRuns * sizeof(Finding))),
      host_(pinned(2 * kRuns), [](Finding* p) { driver().cuMemFreeHost(p); }) {
  std::fill_n(host_.get(), 2 * kRuns, kNothingFound);
}

void Verifier::begin(std::size_t slots) {
  ak::check(driver().cuMemcpyHtoDAsync(device_.get(), host_.get(), slots * sizeof(Finding), queue_.stream()),
            "clearing findings");
}

std::span<const Finding> Verifier::finish(std::size_t slots, Deadline deadline) {
  Finding* read = host_.get() + kRuns;
  ak::check(driver().cuMemcpyDtoHAsync(read, device_.get(), slots * sizeof(Finding), queue_.stream()), "reading findings");
  queue_.wait(deadline);
  return {read, slots};
}

void Verifier::trust(Case& on, Deadline deadline) {
  if (on.trusted) return;
  begin(1);
  Finding* finding = device_.data<Finding>();
  probe_.sample(queue_.stream(), on.problem, on.args, on.reference, kSamples, 7, finding);
  probe_.hash(queue_.stream(), on.base, on.layout.input_bytes(), finding);
  const Finding found = [&] {
    try {
      return finish(1, deadline)[0];
    } catch (const TimedOut&) {
      throw Failed{Outcome::timeout, "its reference was not ready in time"};  // of which no kernel is guilty
    }
  }();
  if (found.wrong_samples)
    throw Error(ErrorCode::internal, fmt::format("the reference of {} is wrong in {} of {} samples", to_string(on.problem),
                                                 found.wrong_samples, kSamples));
  on.input_hash = found.hash;
  on.trusted = true;
}

Verdict Verifier::judge(const Finding& finding, const Case& on, Deadline deadline) {
  Verdict verdict;
  verdict.error = std::bit_cast<float>(finding.error);
  const auto wrong = [&](std::string why) {
    verdict.right = false;
    verdict.why = fmt::format("{} at {}x{}x{}", why, on.problem.m, on.problem.n, on.problem.k);
    return verdict;
  };
  verdict.strays = finding.hash != on.input_hash || finding.broken;
  if (finding.hash != on.input_hash) return wrong("an input was modified");
  if (finding.broken)
    return wrong(fmt::format("wrote {} elements outside D{}", finding.broken, on.args.aux.data ? " and aux" : ""));
  if (!finding.violations && !finding.aux_violations) return verdict;

  const Problem& p = on.problem;
  const bool in_d = finding.violations > 0;
  const auto columns = in_d ? p.n : p.wide_n(), first = static_cast<std::int64_t>(in_d ? finding.first : finding.aux_first);
  const auto row = first / columns, column = first % columns;
  const DType out = p.epilogue.out;
  unsigned char bits[4] = {};
  float pre[2] = {};  // gated: the gate's and the up's
  const auto read = [&](void* to, const void* from, std::int64_t bytes) {
    ak::check(
        driver().cuMemcpyDtoHAsync(to, reinterpret_cast<CUdeviceptr>(from), static_cast<std::size_t>(bytes), queue_.stream()),
        "reading an element");
  };
  const auto at = in_d ? row * on.args.d.ld + column : row * on.args.aux.ld + column;
  read(bits, static_cast<const char*>(in_d ? on.args.d.data : on.args.aux.data) + at * size_of(out), size_of(out));
  read(&pre[0], on.reference.pre + row * p.wide_n() + column, 4);
  if (in_d && p.epilogue.gated) read(&pre[1], on.reference.pre + row * p.wide_n() + p.n + column, 4);
  queue_.wait(deadline);
  const double want =
      !in_d ? pre[0] : activate(p.epilogue.activation, pre[0], on.args.slope) * (p.epilogue.gated ? pre[1] : 1.0);
  return wrong(fmt::format("{} wrong elements: {}[{},{}] is {}, not {}", in_d ? finding.violations : finding.aux_violations,
                           in_d ? "D" : "aux", row, column, element(bits, out), want));
}

void Verifier::launch(const LaunchPlan& plan, const Case& on) {
  launched_ = Clock::now();
  plan.launch(queue_.stream(), on.launched);
}

Verdict Verifier::check(std::span<const Run> runs, Deadline deadline) {
  for (const Run& run : runs) trust(*run.on, deadline);
  begin(runs.size());
  const CUstream stream = queue_.stream();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Case& on = *runs[i].on;
    Finding* finding = device_.data<Finding>() + i;
    for (const Region* region : on.layout.outputs()) probe_.poison(stream, on.base, *region, kPoison);
    launch(*runs[i].plan, on);
    for (const Region* region : on.layout.outputs()) probe_.check_guards(stream, on.base, *region, kPoison, finding);
    probe_.hash(stream, on.base, on.layout.input_bytes(), finding);
    probe_.compare(stream, on.problem, on.args, on.reference, tolerance_for(runs[i].plan->tactic(), on.problem, on.tolerance),
                   finding);
  }
  // The pinned findings are overwritten by judge's reader only on failure, so a copy is taken.
  const auto read = finish(runs.size(), deadline);
  const std::vector<Finding> found(read.begin(), read.end());
  Verdict worst;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Verdict verdict = judge(found[i], *runs[i].on, deadline);
    if (!verdict.right) return verdict;
    worst.error = std::max(worst.error, verdict.error);
  }
  return worst;
}

Verdict Verifier::inspect(Case& on, const Tactic& tactic, Deadline deadline) {
  begin(1);
  Finding* finding = device_.data<Finding>();
  for (const Region* region : on.layout.outputs()) probe_.check_guards(queue_.stream(), on.base, *region, kPoison, finding);
  probe_.hash(queue_.stream(), on.base, on.layout.input_bytes(), finding);
  probe_.compare(queue_.stream(), on.problem, on.args, on.reference, tolerance_for(tactic, on.problem, on.tolerance), finding);
  const Finding found = finish(1, deadline)[0];
  return judge(found, on, deadline);
}

Verdict Verifier::repeat(const LaunchPlan& plan, Case& on, int times, const LaunchPlan* other, Case* other_on, Deadline deadline) {
  trust(on, deadline);
  const std::int64_t bytes = on.layout.output_bytes();
  const std::uint64_t outputs = on.base + on.layout.d.begin;
  if (static_cast<std::int64_t>(spare_.bytes()) < bytes) {
    spare_ = {};
    spare_ = queue_.memory().take(bytes);
  }
  begin(1);
  const CUstream stream = queue_.stream();
  for (int i = 0; i < times; ++i) {
    for (const Region* region : on.layout.outputs()) probe_.poison(stream, on.base, *region, kPoison);
    launch(plan, on);
    if (i == 0)
      ak::check(driver().cuMemcpyDtoDAsync(spare_.get(), outputs, static_cast<std::size_t>(bytes), stream),
                "keeping an output");
    else
      probe_.equal(stream, spare_.get(), outputs, bytes, device_.data<Finding>());
    if (other) launch(*other, *other_on);
  }
  const Finding found = finish(1, deadline)[0];
  Verdict verdict;
  if (found.different) {
    verdict.right = false;
    verdict.why = fmt::format("{} launches on the same inputs gave different bits at {}x{}x{}", times, on.problem.m,
                              on.problem.n, on.problem.k);
  }
  return verdict;
}

}  // namespace ak
