// The guard on a GPU: real kernels beside real cuBLASLt, on the caller's stream.
#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include "ak/ak.hpp"
#include "ak/loop.hpp"
#include "api/arguments.hpp"
#include "cache/store.hpp"
#include "families/family.hpp"
#include "gpu/owners.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"
#include "linear_layer.hpp"
#include "machine/gpu.hpp"
#include "plan/resources.hpp"
#include "search/space.hpp"

using namespace ak;
using test::DeviceMatrix;
using test::LinearLayer;

namespace {

// A layer whose record is of a tactic, and a kernel, that a test chooses.
struct Guarded : LinearLayer {
  Guarded(std::int64_t m, std::int64_t n, std::int64_t k) : LinearLayer(m, n, k) { std::filesystem::remove_all(folder); }
  ~Guarded() { std::filesystem::remove_all(folder); }

  Problem problem() const { return canonicalize(a(), b(), d(), epilogue).problem; }

  /// The kernel is the tactic's of `as`: of another problem, a wrong one.
  void record(const Tactic& tactic, const Problem& as, double us, double vendor_us) const {
    const auto machine = make_gpu_machine({});
    PlanRecord r;
    r.problem = problem(), r.hardware = machine->hardware(), r.tactic = tactic;
    r.provenance = machine->provenance(r.problem, tactic, true);
    r.us = us, r.vendor_us = vendor_us;
    const auto compiled = compile(make_source(family(tactic.family).sources(), as, tactic), machine->device().arch());
    REQUIRE_MESSAGE(compiled.ok(), compiled.failure);
    open_store(folder)->replace(r, compiled.cubin);
  }
  void open() {
    Options options;
    options.cache_dir = folder, options.mode = Mode::hit, options.shipped = false, options.guard_every = 1;
    context.emplace(options);
  }
  void call() { LinearLayer::call(*context, stream.get()); }
  template <class Done>
  bool calls_until(const Done& done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done(context->counters()) && std::chrono::steady_clock::now() < until) {
      call();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return done(context->counters());
  }
  Explanation explain() { return LinearLayer::explain(*context); }
  bool right() { return stream.synchronize(), LinearLayer::right(); }

  const std::string folder = std::filesystem::temp_directory_path() / ("ak_gpu_guard_" + std::to_string(getpid()));
  OwnedStream stream = OwnedStream::make();
  std::optional<Context> context;
};

void halve_on_host(int n, float* a, const float* b) {
  for (int i = 0; i < n; ++i) a[i] = 0.5f * b[i];
}

Tactic first_of(const Problem& problem) { return make_space(problem, resources().facts()).tactics.front().tactic; }

}  // namespace

TEST_CASE("guard: right kernels of every size agree with cuBLASLt, and the caller's result is theirs") {
  for (const std::int64_t m : {1, 16, 100, 512}) {
    CAPTURE(m);
    Guarded layer(m, 1536, 1024);
    layer.record(first_of(layer.problem()), layer.problem(), 1, 2);
    layer.open();
    CHECK(layer.calls_until([](const Counters& c) { return c.guarded >= 6; }));
    const Counters counters = layer.context->counters();
    CHECK(counters.guard_mismatches == 0);
    CHECK(counters.guard_unsure == 0);
    CHECK(layer.right());
  }
}

TEST_CASE("guard: a kernel that computes something else is found out, cuBLASLt serves, and the record stands by its proof") {
  Guarded layer(64, 1536, 1024);
  const Tactic tactic = first_of(layer.problem());
  Problem other = layer.problem();
  other.epilogue.activation = Activation::relu;
  layer.record(tactic, other, 1, 2);
  layer.open();
  layer.call();
  CHECK_FALSE(layer.right());
  const auto epoch = layer.context->epoch();
  CHECK(layer.calls_until([](const Counters& c) { return c.guard_demotions == 1; }));
  CHECK(layer.context->counters().guard_mismatches >= 2);
  CHECK(layer.explain().source == "guard");
  CHECK(layer.context->epoch() > epoch);
  layer.call();
  CHECK(layer.right());
  const auto hardware = make_gpu_machine({})->hardware();
  layer.context.reset();  // the proof has ended: of the tactic's own source, which is right
  CHECK(open_store(layer.folder)->find(layer.problem(), hardware));
}

TEST_CASE("guard: a kernel that is slower than cuBLASLt makes way, and its record is to be tuned again") {
  Guarded layer(512, 4096, 4096);
  const Problem problem = layer.problem();
  std::optional<Tactic> slow;  // the last by the cost model that compiles
  const auto tactics = make_space(problem, resources().facts()).tactics;
  for (auto at = tactics.rbegin(); at != tactics.rend() && !slow; ++at)
    if (compile(make_source(family(at->tactic.family).sources(), problem, at->tactic), resources().facts().arch()).ok())
      slow = at->tactic;
  REQUIRE(slow);
  layer.record(*slow, problem, 1, 2);
  layer.open();
  CHECK(layer.calls_until([](const Counters& c) { return c.guard_demotions == 1; }));
  CHECK(layer.context->counters().guard_mismatches == 0);
  CHECK(layer.explain().source == "guard");
  CHECK(layer.explain().note.find("of cuBLASLt's time") != std::string::npos);
  const auto hardware = make_gpu_machine({})->hardware();
  layer.context.reset();
  const auto record = open_store(layer.folder)->find(problem, hardware);
  REQUIRE(record);
  CHECK(record->provenance.provisional);
}

TEST_CASE("guard: calls in a capture replay right and are not checked") {
  Guarded layer(64, 1536, 1024);
  layer.record(first_of(layer.problem()), layer.problem(), 1, 2);
  layer.open();
  CHECK(layer.calls_until([](const Counters& c) { return c.guarded >= 1; }));
  layer.stream.synchronize();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const auto guarded = layer.context->counters().guarded;
  const Graph graph = Graph::capture(
      layer.stream.get(),
      [&](CUstream) {
        for (int i = 0; i < 4; ++i) layer.call();
      },
      CU_STREAM_CAPTURE_MODE_GLOBAL);
  for (int i = 0; i < 3; ++i) graph.launch(layer.stream.get());
  CHECK(layer.right());
  CHECK(layer.context->counters().guarded == guarded);
}

TEST_CASE("guard: a loop's kernel agrees with the C function") {
  current_context();
  constexpr int kCount = 1 << 20;
  Options options;
  options.cache_dir = "", options.guard_every = 1;
  Context context(options);
  LoopOptions text;
  text.text = "void halve(int n, float a[n], const float b[n]) { for (int i = 0; i < n; ++i) a[i] = 0.5f * b[i]; }";
  const Loop halve = context.loop("halve.c", "halve", LoopHost(&halve_on_host), text);
  DeviceMatrix a(1, kCount, DType::f32), b(1, kCount, DType::f32);
  b.random(1);
  auto *const to = static_cast<float*>(a.data()), *const from = static_cast<float*>(b.data());
  if (halve.prepare(kCount, to, from).source == "serial") {
    MESSAGE("skipped: no analyser or compiler");
    return;
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (context.counters().guarded < 6 && std::chrono::steady_clock::now() < until) {
    halve(nullptr, kCount, to, from);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(context.counters().guarded >= 6);
  CHECK(context.counters().guard_mismatches == 0);
  check(driver().cuStreamSynchronize(nullptr), "waiting");
  a.download();
  for (const int i : {0, 77, kCount - 1}) CHECK(a.at(0, i) == 0.5 * b.at(0, i));
  CHECK(a.damaged() == 0);
}
