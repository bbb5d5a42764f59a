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

CompileAhead::CompileAhead(std::vector<Problem> problems, const DeviceFacts& device, std::string folder, int threads,
                           std::shared_ptr<CompiledKernels> into)
    : problems_(std::move(problems)),
      device_(device),
      folder_(std::move(folder)),
      into_(std::move(into)),
      pool_(device_.arch(), of(threads), start_thread, into_) {
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
  for (const Problem& problem : problems_) {
    if (stop_) return;
    try {
      const Space space = make_space(problem, device_);
      const auto proposals = make_proposer(kProposer)->propose({problem, device_, space, {}, 0, 1, &none}, kEach);
      for (const Proposal& proposal : proposals)
        pool_.want(Source(make_source(family(proposal.tactic.family).sources(), problem, proposal.tactic, folder_)));
    } catch (const Error&) {  // its search says why
    }
  }
}

}  // namespace ak
