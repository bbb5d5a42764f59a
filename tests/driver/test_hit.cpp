// The first call of a process that a record serves: nothing is started, opened or asked beyond what the launch needs.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "context/context.hpp"
#include "fake_cublaslt.hpp"
#include "fake_driver.hpp"
#include "families/family.hpp"
#include "gpu/owners.hpp"
#include "machine/gpu.hpp"
#include "own_context.hpp"
#include "plan/vendor.hpp"
#include "search/space.hpp"

using namespace ak;
namespace fs = std::filesystem;

namespace {

std::ptrdiff_t threads() { return std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator{}); }

}  // namespace

TEST_CASE("a hit starts no thread and no worker, and asks the driver little") {
  const fs::path folder = fs::temp_directory_path() / ("ak_test_hit_" + std::to_string(getpid()));
  fs::remove_all(folder);
  fake::reset();
  OwnContext own;
  const Problem problem = parse_problem("64x4096x4096 relu");
  {
    const auto machine = make_gpu_machine({});
    PlanRecord record;
    record.problem = problem, record.hardware = machine->hardware();
    record.tactic = make_space(problem, machine->device()).tactics.front().tactic;
    record.provenance = machine->provenance(problem, record.tactic, true);
    record.us = 1, record.vendor_us = 2;
    open_store(folder)->replace(record, "a cubin");
  }
  {
    Settings settings;
    settings.cache_dir = folder;
    settings.worker = "/nowhere/ak-worker";  // told, were it looked for
    CallArgs args{};
    args.m = 64, args.n = args.k = 4096, args.a.ld = args.b.ld = args.d.ld = 4096, args.alpha = 1;
    const auto before = threads();
    fake::forget();
    Context::Impl context(settings);
    context.matmul_act(nullptr, problem, args);
    CHECK(context.counters().store_hits == 1);
    CHECK(fake::launches().size() == 1);
    CHECK(fake::launches().back().kernel == "ak_kernel");  // as the image calls it, which an older version made
    CHECK(threads() == before);
    std::set<int> callers;
    for (const fake::Call& call : fake::calls()) callers.insert(call.thread);
    CHECK(callers.size() == 1);
    for (const char* costly : {"cuMemGetInfo", "cuDeviceGetUuid", "cuStreamSynchronize", "cuCtxSynchronize"})
      CHECK_MESSAGE(fake::count(costly) == 0, costly);
    CHECK(fake::count("cuModuleLoadData") == 1);
  }
  {
    // Graphs that were captured may outlive the context that served them.
    Settings settings;
    settings.cache_dir = folder;
    CallArgs args{};
    args.m = 64, args.n = args.k = 4096, args.a.ld = args.b.ld = args.d.ld = 4096, args.alpha = 1;
    const OwnedStream stream = OwnedStream::make();
    check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
    Context::Impl(settings).matmul_act(stream.get(), problem, args);
    CUgraph graph = nullptr;
    CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
    CHECK(fake::launches().size() == 2);
    CHECK(fake::count("cuModuleLoadData") == 1);
    CHECK(fake::count("cuModuleUnload") == 0);
  }
  own.end();
  CHECK(fake::misuses().empty());
  fs::remove_all(folder);
}

TEST_CASE("a hit of cuBLASLt's own m has the algorithm that was timed, one of its bucket what cuBLASLt knows for that m") {
  const fs::path folder = fs::temp_directory_path() / ("ak_test_lent_" + std::to_string(getpid()));
  fs::remove_all(folder);
  fake::reset();
  OwnContext own;
  const Problem problem = parse_problem("97x4096x4096");
  {
    const auto machine = make_gpu_machine({});
    Resources resources(current_context());
    PlanRecord record;
    record.problem = problem, record.hardware = machine->hardware();
    record.tactic = vendor_tactic(1, VendorKind::fused);
    record.vendor_algo = VendorPlan::of_rank(resources, problem, record.tactic)->blob();
    record.provenance = machine->provenance(problem, record.tactic, true);
    record.us = record.vendor_us = 2, record.bucket = {97, 127};
    open_store(folder)->replace(record, "");
  }
  {
    Settings settings;
    settings.cache_dir = folder;
    Context::Impl context(settings);
    for (const std::int64_t m : {97, 98, 123}) {
      CAPTURE(m);
      CallArgs args{};
      args.m = static_cast<int>(m), args.n = args.k = 4096, args.a.ld = args.b.ld = args.d.ld = 4096, args.alpha = 1;
      fake::asked(), fake::products();
      Problem here = problem;
      here.m = m;
      context.matmul_act(nullptr, here, args);
      CHECK(fake::products().size() == 1);
      CHECK(fake::asked() == (m == 97 ? std::vector<std::uint64_t>{} : std::vector{static_cast<std::uint64_t>(m)}));
    }
    CHECK(context.counters().store_hits == 3);
    CHECK(context.counters().searches == 0);
  }
  own.end();
  CHECK(fake::misuses().empty());
  fs::remove_all(folder);
}
