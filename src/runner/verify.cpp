#include "runner/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/activation.hpp"

namespace ak {
namespace {

constexpr std::int64_t kGuardBytes = 64 << 10;
constexpr int kSamples = 1024;

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
  if (!is_vendor(tactic)) return tolerance;
  // It may also reduce its split k in the output type.
  tolerance.intermediate = 2 * relative_half_ulp(static_cast<int>(problem.epilogue.out));
  if (problem.epilogue.activation == Activation::gelu_tanh && !tactic.separate) tolerance.formula = 2 * kUnit;
  return tolerance;
}

std::vector<Problem> edge_problems(const Problem& problem, const Tactic& t) {
  const auto or_else = [](int x, int fallback) { return static_cast<std::int64_t>(x > 0 ? x : fallback); };
  const std::int64_t m = or_else(t.tile_m, 16), n = or_else(t.tile_n, 32), k = or_else(t.tile_k, 64);
  const std::int64_t slices = std::max<std::int64_t>(1, t.split_k);
  const std::int64_t sizes[][3] = {{1, 1, 1},
                                   {m + 1, n - 1, k + 1},
                                   {m - 1, n + 1, 2 * k - 1},
                                   {37, 2 * n + 3, 3 * k + 7},
                                   {2 * m + 1, 5, t.stages * k + 1},
                                   {m, n, (slices + 1) * k + 8},
                                   {m + 8, n + 8, 13}};
  std::vector<Problem> problems;
  for (const auto& [pm, pn, pk] : sizes) {
    Problem p = problem;
    p.m = std::max<std::int64_t>(pm, 1), p.n = std::max<std::int64_t>(pn, 1), p.k = std::max<std::int64_t>(pk, 1);
    problems.push_back(p);
  }
  return problems;
}

void fill_inputs(const Lane& lane, const Probe& probe, const Problem& problem, const Layout& l, std::uint64_t base, Data data,
                 std::uint64_t seed, KernelArgs& args) {
  const auto& e = problem.epilogue;
  const bool integers = data == Data::integers;
  const Values values = integers ? Values::integers : Values::normal;
  const float deviation = data == Data::wide ? 24.0f : 2.0f;
  const float scale = integers ? 1.0f : deviation / std::sqrt(static_cast<float>(std::max<std::int64_t>(problem.k, 1)));
  args.alpha = e.unit_alpha ? 1.0f : integers ? -0.5f : 0.7f;
  args.beta = e.has_c ? (integers ? 2.0f : -0.6f) : 0.0f;
  args.slope = 0.125f;
  const CUstream stream = lane.stream();
  probe.fill(stream, base, l.a, values, 1.0f, seed * 8 + 1);
  probe.fill(stream, base, l.b, values, scale, seed * 8 + 2);
  probe.fill(stream, base, l.c, values, integers ? 1.0f : deviation, seed * 8 + 3);
  probe.fill(stream, base, l.bias, values, integers ? 1.0f : deviation, seed * 8 + 4);
}

Case::Case(const Lane& lane, const Probe& probe, const Problem& p, Data data, Spacing spacing, std::uint64_t seed)
    : problem(p), layout(make_layout(p, spacing, kGuardBytes)), memory_(Buffer::make(static_cast<std::size_t>(layout.bytes))) {
  base = memory_.get();
  args = layout.args(problem, base);
  for (const Region* region : {&layout.a, &layout.b, &layout.c, &layout.bias})
    probe.poison(lane.stream(), base, *region, Verifier::kPoison);
  fill_inputs(lane, probe, problem, layout, base, data, seed, args);
  refer(lane, probe);
  if (data == Data::integers) tolerance.summation = 0;
}

Case::Case(const Lane& lane, const Probe& probe, const Problem& p, const Layout& where, std::uint64_t at,
           const KernelArgs& with)
    : problem(p), layout(where), args(with), base(at) {
  refer(lane, probe);
}

void Case::refer(const Lane& lane, const Probe& probe) {
  const std::size_t elements = static_cast<std::size_t>(problem.m) * problem.n;
  reference_ = Buffer::make((elements + problem.m + problem.n) * sizeof(float));
  reference.pre = reference_.data<float>();
  reference.row_norms = reference.pre + elements;
  reference.column_norms = reference.row_norms + problem.m;
  tolerance = tolerance_of(problem, args.alpha);
  probe.reference(lane.stream(), problem, args, reference);
}

Verifier::Verifier(Lane& lane, const Probe& probe)
    : lane_(lane),
      probe_(probe),
      device_(Buffer::make(kRuns * sizeof(Finding))),
      host_(pinned(2 * kRuns), [](Finding* p) { driver().cuMemFreeHost(p); }) {
  std::fill_n(host_.get(), 2 * kRuns, kNothingFound);
}

void Verifier::begin(std::size_t slots) {
  ak::check(driver().cuMemcpyHtoDAsync(device_.get(), host_.get(), slots * sizeof(Finding), lane_.stream()),
            "clearing findings");
}

std::span<const Finding> Verifier::finish(std::size_t slots, Deadline deadline) {
  Finding* read = host_.get() + kRuns;
  ak::check(driver().cuMemcpyDtoHAsync(read, device_.get(), slots * sizeof(Finding), lane_.stream()), "reading findings");
  lane_.wait(deadline);
  return {read, slots};
}

void Verifier::trust(Case& on, Deadline deadline) {
  if (on.trusted) return;
  begin(1);
  Finding* finding = device_.data<Finding>();
  probe_.sample(lane_.stream(), on.problem, on.args, on.reference, kSamples, 7, finding);
  probe_.hash(lane_.stream(), on.base, on.layout.input_bytes(), finding);
  const Finding found = finish(1, deadline)[0];
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
  if (finding.hash != on.input_hash) return wrong("an input was modified");
  if (finding.broken) return wrong(fmt::format("wrote {} elements outside D", finding.broken));
  if (!finding.violations) return verdict;
  const auto row = static_cast<std::int64_t>(finding.first) / on.problem.n,
             column = static_cast<std::int64_t>(finding.first) % on.problem.n;
  const DType out = on.problem.epilogue.out;
  float linear = 0;
  unsigned char bits[4] = {};
  const auto d = reinterpret_cast<CUdeviceptr>(on.args.d) + (row * on.args.ldd + column) * size_of(out);
  ak::check(driver().cuMemcpyDtoHAsync(bits, d, size_of(out), lane_.stream()), "reading an element");
  ak::check(
      driver().cuMemcpyDtoHAsync(&linear, reinterpret_cast<CUdeviceptr>(on.reference.pre + finding.first), 4, lane_.stream()),
      "reading an element");
  lane_.wait(deadline);
  return wrong(fmt::format("{} wrong elements: D[{},{}] is {}, not {}", finding.violations, row, column, element(bits, out),
                           activate(on.problem.epilogue.activation, linear, on.args.slope)));
}

Verdict Verifier::check(std::span<const Run> runs, Deadline deadline) {
  for (const Run& run : runs) trust(*run.on, deadline);
  begin(runs.size());
  const CUstream stream = lane_.stream();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Case& on = *runs[i].on;
    Finding* finding = device_.data<Finding>() + i;
    probe_.poison(stream, on.base, on.layout.d, kPoison);
    runs[i].plan->launch(stream, on.args);
    probe_.check_guards(stream, on.base, on.layout.d, kPoison, finding);
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
  probe_.check_guards(lane_.stream(), on.base, on.layout.d, kPoison, finding);
  probe_.hash(lane_.stream(), on.base, on.layout.input_bytes(), finding);
  probe_.compare(lane_.stream(), on.problem, on.args, on.reference, tolerance_for(tactic, on.problem, on.tolerance), finding);
  const Finding found = finish(1, deadline)[0];
  return judge(found, on, deadline);
}

Verdict Verifier::repeat(const Plan& plan, Case& on, int times, const Plan* other, Case* other_on, Deadline deadline) {
  const Region& d = on.layout.d;
  const auto bytes = static_cast<std::size_t>(d.bytes());
  if (spare_.bytes() < bytes) spare_ = Buffer::make(bytes);
  begin(1);
  const CUstream stream = lane_.stream();
  for (int i = 0; i < times; ++i) {
    probe_.poison(stream, on.base, d, kPoison);
    plan.launch(stream, on.args);
    if (i == 0)
      ak::check(driver().cuMemcpyDtoDAsync(spare_.get(), on.base + d.begin, bytes, stream), "keeping an output");
    else
      probe_.equal(stream, spare_.get(), on.base + d.begin, d.bytes(), device_.data<Finding>());
    if (other) other->launch(stream, other_on->args);
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
