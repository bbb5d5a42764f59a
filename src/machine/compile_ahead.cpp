#include "machine/compile_ahead.hpp"

#include <system_error>
#include <utility>

#include "base/thread.hpp"
#include "families/family.hpp"
#include "jit/source.hpp"
#include "search/proposers.hpp"

namespace ak {
namespace {

constexpr std::size_t kEach = 8;       // kernels of a problem
constexpr int kLeastUrgent = 19;       // niceness
constexpr auto kProposer = "offline";  // the cost model

Allowance of(int threads) {
  Allowance allowance;
  allowance.compile_threads = threads, allowance.niceness = kLeastUrgent;
  return allowance;
}

}  // namespace

CompileAhead::CompileAhead(std::vector<Machine::Coming> coming, const DeviceFacts& device, std::string folder, int threads,
                           std::shared_ptr<CompiledKernels> into, Compiler& compiler)
    : coming_(std::move(coming)),
      device_(device),
      folder_(std::move(folder)),
      into_(std::move(into)),
      pool_(device_.arch(), of(threads), start_thread, into_, compiler) {
  try {
    thread_ = start_thread([this] { want_all(); });
  } catch (const std::system_error&) {  // searches compile for themselves
  }
}

CompileAhead::~CompileAhead() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void CompileAhead::want_all() {
  const TacticSet none;
  for (const auto& [problem, known] : coming_) {
    if (stop_) return;
    try {
      std::vector<Tactic> tactics = known;
      if (tactics.empty()) {
        const Space space = make_space(problem, device_);
        for (const Proposal& proposal : make_proposer(kProposer)->propose({problem, device_, space, {}, 0, 1, &none}, kEach))
          tactics.push_back(proposal.tactic);
      }
      for (const Tactic& tactic : tactics)
        pool_.want(Source(make_source(family(tactic.family).sources(), problem, tactic, folder_)));
    } catch (const Error&) {  // its search says why
    }
  }
}

}  // namespace ak
