// Gated products, aux outputs and scales of every family against a reference in double, on problems small enough for one.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "core/activation.hpp"
#include "device_matrix.hpp"
#include "families/family.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"
#include "plan/kernel_plan.hpp"

using namespace ak;
using test::DeviceMatrix;

namespace {

// Rows padded by what the problem's alignment leaves, and the first element `align` bytes past 16.
DeviceMatrix matrix(std::int64_t outer, std::int64_t inner, DType dtype, int align) {
  const std::int64_t whole = 16 / size_of(dtype), step = align / size_of(dtype);
  return DeviceMatrix(outer, inner, dtype, (inner + whole - 1) / whole * whole + (align < 16 ? step : 0),
                      align < 16 ? align : 0);
}

std::vector<double> values(const DeviceMatrix& m, std::int64_t outer, std::int64_t inner) {
  std::vector<double> v;
  for (std::int64_t r = 0; r < outer; ++r)
    for (std::int64_t c = 0; c < inner; ++c) v.push_back(m.at(r, c));
  return v;
}

struct Case {
  Problem p;
  std::int64_t wide = p.wide_n();
  DeviceMatrix a = matrix(p.a_major == Major::k ? p.m : p.k, p.a_major == Major::k ? p.k : p.m, p.in, p.align_a);
  DeviceMatrix b = weights(), b2 = weights();
  DeviceMatrix c = matrix(p.m, p.n, p.epilogue.out, p.align_c), d = matrix(p.m, p.n, p.epilogue.out, p.align_d);
  DeviceMatrix aux = matrix(p.m, wide, p.epilogue.out, p.align_d);
  DeviceMatrix bias{1, std::max(p.m, wide), p.epilogue.bias_dtype}, row_scale{1, p.m, DType::f32},
      column_scale{1, wide, DType::f32};
  std::vector<double> want_d, want_aux;

  DeviceMatrix weights() const {
    return matrix(p.b_major == Major::k ? p.n : p.k, p.b_major == Major::k ? p.k : p.n, p.in, p.align_b);
  }

  explicit Case(const Problem& problem) : p(problem) {
    a.random(1, 0.3), b.random(2), b2.random(3), c.random(4), bias.random(5), row_scale.random(6), column_scale.random(7);
    const auto left = values(a, p.a_major == Major::k ? p.m : p.k, p.a_major == Major::k ? p.k : p.m);
    const auto at_b = [&](const DeviceMatrix& w) {
      return values(w, p.b_major == Major::k ? p.n : p.k, p.b_major == Major::k ? p.k : p.n);
    };
    const std::vector<double> right[] = {at_b(b), at_b(b2)};
    const auto& e = p.epilogue;
    want_d.resize(static_cast<std::size_t>(p.m * p.n)), want_aux.resize(static_cast<std::size_t>(p.m * wide));
    for (std::int64_t i = 0; i < p.m; ++i)
      for (std::int64_t j = 0; j < p.n; ++j) {
        double pre[2] = {};
        for (int g = 0; g < (e.gated ? 2 : 1); ++g) {
          const std::int64_t column = g * p.n + j;
          double sum = 0;
          for (std::int64_t k = 0; k < p.k; ++k)
            sum += left[static_cast<std::size_t>(p.a_major == Major::k ? i * p.k + k : k * p.m + i)] *
                   right[g][static_cast<std::size_t>(p.b_major == Major::k ? j * p.k + k : k * p.n + j)];
          double x = sum * (e.unit_alpha ? 1.0 : 0.75) * (e.row_scale ? row_scale.at(0, i) : 1) *
                     (e.column_scale ? column_scale.at(0, column) : 1);
          if (e.bias != BiasAxis::none) x += bias.at(0, e.bias == BiasAxis::column ? column : i);
          if (e.has_c) x -= 0.5 * c.at(i, j);
          pre[g] = want_aux[static_cast<std::size_t>(i * wide + column)] = x;
        }
        const double y = activate(e.activation, pre[0], 0.1);
        want_d[static_cast<std::size_t>(i * p.n + j)] = e.gated ? y * pre[1] : y;
      }
  }

  CallArgs args() const {
    CallArgs x{};
    x.a.data = a.data(), x.b.data = b.data(), x.b2.data = b2.data(), x.c.data = c.data(), x.d.data = d.data(),
    x.aux.data = aux.data(), x.bias = bias.data();
    x.row_scale = static_cast<const float*>(row_scale.data()), x.column_scale = static_cast<const float*>(column_scale.data());
    x.a.ld = a.ld(), x.b.ld = x.b2.ld = b.ld(), x.c.ld = c.ld(), x.d.ld = d.ld(), x.aux.ld = aux.ld();
    x.m = static_cast<int>(p.m), x.n = static_cast<int>(p.n), x.k = static_cast<int>(p.k);
    x.alpha = 0.75f, x.beta = -0.5f, x.slope = 0.1f;
    return x;
  }

  // The largest error over what rounding and the sums' order explain; written elements that are not D's or aux's count as
  // infinite.
  double error(DeviceMatrix& out, const std::vector<double>& want, std::int64_t columns) const {
    out.download();
    if (out.damaged() > 0) return INFINITY;
    double worst = 0;
    for (std::int64_t i = 0; i < p.m; ++i)
      for (std::int64_t j = 0; j < columns; ++j) {
        const double w = want[static_cast<std::size_t>(i * columns + j)], got = out.at(i, j);
        const double bound =
            (2 * test::epsilon(out.dtype()) + 3e-5) * std::abs(w) + 3e-4 * std::sqrt(static_cast<double>(p.k)) + 1e-3;
        const double e = std::abs(got - w) / bound;
        worst = std::isnan(e) ? INFINITY : std::max(worst, e);
      }
    return worst;
  }
};

struct Candidate {
  const Family* family;
  Tactic tactic;
  Compiled compiled;
};

// A problem, how many tactics of each family's space, evenly spaced, and tactics by name where their family serves it.
struct Proof {
  std::string problem;
  std::size_t count = 0;
  std::vector<const char*> named;
  std::vector<Candidate> candidates;

  Proof(std::string text, std::size_t of_each, std::vector<const char*> tactics = {})
      : problem(std::move(text)), count(of_each), named(std::move(tactics)) {
    const Problem p = parse_problem(problem);
    const DeviceFacts& facts = resources().facts();
    CAPTURE(problem);
    for (const Family* family : families()) {
      if (family->refuses(p, facts)) continue;
      std::vector<Tactic> space;
      family->enumerate(p, facts, space);
      CHECK(!space.empty());
      for (std::size_t i = 0; i < count && !space.empty(); ++i)
        candidates.push_back({family, space[space.size() * (2 * i + 1) / (2 * count)], {}});
    }
    for (const char* text : named) {
      const Tactic t = parse_tactic(text);
      if (!family(t.family).refuses(p, facts)) candidates.push_back({&family(t.family), t, {}});
    }
  }
};

void prove(Case& x, const Candidate& candidate) {
  const auto& [family, tactic, compiled] = candidate;
  CAPTURE(to_string(x.p));
  CAPTURE(to_string(tactic));
  const DeviceFacts& facts = resources().facts();
  REQUIRE(family->rejects(x.p, tactic, facts).value_or("") == "");
  CHECK(compiled.failure == "");
  if (!compiled.ok()) return;  // it spills: the search drops it
  const KernelPlan plan(resources(), compiled.cubin.data(), x.p, tactic, family->geometry(x.p, tactic, facts));
  for (int launch = 0; launch < 2; ++launch) {
    x.d.fill(NAN), x.aux.fill(NAN);
    plan.launch(nullptr, x.args());
    check(driver().cuStreamSynchronize(nullptr), "waiting");
    CHECK(x.error(x.d, x.want_d, x.p.n) < 1);
    if (x.p.epilogue.aux) CHECK(x.error(x.aux, x.want_aux, x.wide) < 1);
  }
}

// Compiles for all proofs together, on all cores.
void prove_all(std::vector<Proof> proofs) {
  std::vector<std::pair<const Proof*, Candidate*>> work;
  for (Proof& proof : proofs)
    for (Candidate& candidate : proof.candidates) work.push_back({&proof, &candidate});
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i)
    threads.emplace_back([&] {
      for (std::size_t w; (w = next++) < work.size();) {
        auto& [family, tactic, compiled] = *work[w].second;
        compiled =
            compile(make_source(family->sources(), parse_problem(work[w].first->problem), tactic), resources().facts().arch());
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const Proof& proof : proofs) {
    Case x(parse_problem(proof.problem));
    std::size_t served = 0;
    for (const Candidate& candidate : proof.candidates) prove(x, candidate), served += candidate.compiled.ok();
    CAPTURE(proof.problem);
    CHECK(2 * served >= proof.candidates.size());
  }
}

}  // namespace

TEST_CASE("gated products are right in every family, layout, store and split") {
  std::vector<Proof> proofs;
  proofs.push_back({"200x264x200 bf16 gated silu",
                    6,
                    {"sm90 tile_m=128 tile_n=128 tile_k=64 stages=3 schedule=cooperative store=1",
                     "sm90 tile_m=128 tile_n=104 tile_k=64 stages=3 schedule=pingpong",
                     "sm90 tile_m=64 tile_n=48 tile_k=64 stages=3 schedule=pingpong store=1 raster=2",
                     "sm90 tile_m=128 tile_n=96 tile_k=64 stages=3 schedule=cooperative store=1 cluster_m=2",
                     "sm90 tile_m=192 tile_n=64 tile_k=64 stages=3 schedule=cooperative cluster_n=2",
                     "sm90 tile_m=64 tile_n=64 tile_k=64 stages=3 schedule=cooperative split_k=3",
                     "sm90 tile_m=128 tile_n=72 tile_k=64 stages=3 schedule=cooperative swap_ab=1 store=1",
                     "sm90 tile_m=64 tile_n=48 tile_k=128 stages=2 schedule=pingpong swap_ab=1 cluster_m=2",
                     "sm90 tile_m=128 tile_n=104 tile_k=64 stages=3 schedule=cooperative swap_ab=1 split_k=2",
                     "sm80 tile_m=64 tile_n=64 tile_k=32 stages=3 warps_m=2 warps_n=2 split_k=3",
                     "sm80 tile_m=64 tile_n=32 tile_k=64 stages=3 warps_m=4 warps_n=1 store=1"}});
  for (const char* layout : {"a=k b=n", "a=m b=k", "a=m b=n"})
    for (const char* types : {"200x264x200 bf16", "200x264x200 f16 out=f32"})
      proofs.push_back({std::string(types) + " " + layout + " gated gelu_tanh bias=column alpha", 4});
  proofs.push_back({"16x320x1024 bf16 gated relu bias=column:f32", 8});
  proofs.push_back({"5x200x520 bf16 gated silu", 8});
  proofs.push_back({"5x200x520 bf16 b=n gated silu bias=column", 8});
  prove_all(std::move(proofs));
}

TEST_CASE("aux and scales are right in every family, plain and gated, on misaligned rows too") {
  std::vector<Proof> proofs;
  for (const std::string what :
       {"silu aux", "gelu_tanh aux bias=column scale=both alpha", "leaky_relu aux c scale=row bias=row",
        "gated silu aux bias=column scale=both", "gated relu scale=column", "identity c"}) {
    proofs.push_back({"200x256x200 bf16 " + what,
                      4,
                      {"sm90 tile_m=128 tile_n=64 tile_k=64 stages=3 schedule=cooperative store=1",
                       "sm90 tile_m=64 tile_n=48 tile_k=64 stages=3 schedule=pingpong store=1",
                       "sm90 tile_m=64 tile_n=64 tile_k=64 stages=3 schedule=cooperative split_k=2",
                       "sm90 tile_m=64 tile_n=40 tile_k=64 stages=3 schedule=cooperative swap_ab=1 store=1",
                       "sm90 tile_m=128 tile_n=56 tile_k=64 stages=3 schedule=cooperative swap_ab=1 split_k=2",
                       "sm80 tile_m=64 tile_n=64 tile_k=32 stages=3 warps_m=2 warps_n=2 store=1"}});
    proofs.push_back({"200x256x200 f16 out=f32 " + what, 3});
    proofs.push_back({"7x201x333 bf16 align=2,2,2,2 " + what, 5});
    proofs.push_back({"200x261x264 bf16 align=16,16,2,2 " + what,
                      4,
                      {"sm90 tile_m=128 tile_n=64 tile_k=64 stages=3 schedule=cooperative store=2",
                       "sm90 tile_m=64 tile_n=40 tile_k=64 stages=3 schedule=pingpong swap_ab=1 store=2"}});
    proofs.push_back({"150x263x129 f16 b=n align=4,4,2,2 " + what,
                      4,
                      {"sm80 tile_m=64 tile_n=64 tile_k=32 stages=3 warps_m=2 warps_n=2 store=1"}});
  }
  prove_all(std::move(proofs));
}
