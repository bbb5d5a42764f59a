// What a profiler is shown: a tool of this program's own gets what NVTX is told.
#include <doctest/doctest.h>
#include <nvtx3/nvToolsExt.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include "ak/ak.hpp"
#include "base/profile.hpp"
#include "context/context.hpp"
#include "fake_driver.hpp"
#include "own_context.hpp"
#include "settings.hpp"

using namespace ak;

namespace {

std::mutex mutex;
std::vector<std::string> begun;
int open_now = 0;
thread_local int depth = 0;

int push(nvtxDomainHandle_t, const nvtxEventAttributes_t* attributes) {
  const std::lock_guard lock(mutex);
  begun.emplace_back(attributes->message.ascii);
  ++open_now;
  return depth++;
}
int pop(nvtxDomainHandle_t) {
  const std::lock_guard lock(mutex);
  --open_now;
  return --depth;
}
nvtxDomainHandle_t domain(const char*) { return reinterpret_cast<nvtxDomainHandle_t>(1); }

int attach(NvtxGetExportTableFunc_t table) {
  const auto* const callbacks = static_cast<const NvtxExportTableCallbacks*>(table(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable functions = nullptr;
  unsigned size = 0;
  if (!callbacks || !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &functions, &size)) return 0;
  *functions[NVTX_CBID_CORE2_DomainRangePushEx] = reinterpret_cast<NvtxFunctionPointer>(push);
  *functions[NVTX_CBID_CORE2_DomainRangePop] = reinterpret_cast<NvtxFunctionPointer>(pop);
  *functions[NVTX_CBID_CORE2_DomainCreateA] = reinterpret_cast<NvtxFunctionPointer>(domain);
  return 1;
}

}  // namespace

TEST_CASE(
    "profile: a first call, its search, trials and proofs are ranges with the problem and the tactic; hits and AK_NVTX=0 "
    "none") {
  InitializeInjectionNvtx2_fnptr = attach;  // NVTX asks for it once
  fake::reset();
  OwnContext own;
  const Problem problem = parse_problem("64x256x256 relu");
  const auto seen = [&](bool on) {
    {
      const std::lock_guard lock(mutex);
      begun.clear();
    }
    ::setenv("AK_NVTX", on ? "1" : "0", 1);
    Options options;
    options.cache_dir = "", options.shipped = false, options.isolation = Isolation::in_process, options.max_trials = 3;
    Context::Impl context(resolve(options));
    ::unsetenv("AK_NVTX");
    CHECK(context.prepare(problem).source == "this process");
    const std::lock_guard lock(mutex);
    const auto all = begun;
    CHECK(open_now == 0);
    return all;
  };
  CHECK(seen(false).empty());
  const auto names = seen(true);
  const auto some = [&](const std::string& begin, const std::string& end) {
    return std::ranges::count_if(names,
                                 [&](const std::string& name) { return name.starts_with(begin) && name.ends_with(end); });
  };
  CHECK(some("first call ", to_string(problem)) == 1);
  CHECK(some("search ", to_string(problem)) == 1);
  CHECK(some("trial s", " of " + to_string(problem)) >= 1);
  CHECK(some("proof s", " of " + to_string(problem)) >= 1);
  CHECK(some("trial ", "") + some("proof ", "") + 2 == static_cast<std::ptrdiff_t>(names.size()));
  ProfileRange::switch_to(false);
  own.end();
}
