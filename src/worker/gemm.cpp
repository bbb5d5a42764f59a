#include "worker/gemm.hpp"

#include <memory>
#include <string_view>
#include <utility>

#include "plan/resources.hpp"
#include "proof/local_prover.hpp"
#include "proof/testbed.hpp"

namespace ak {
namespace {

constexpr std::string_view kGemm = "gemm";

// The problem; of a panel, in a second line, what it is one of.
std::string subject_of(const Problem& problem, const Problem& whole) {
  return problem == whole ? to_string(problem) : to_string(problem) + '\n' + to_string(whole);
}

class GemmSession final : public ProofSession {
 public:
  GemmSession(const Problem& problem, const Problem& whole, const Allowance& allowance)
      : bed_(problem, whole, resources(), allowance), prover_(bed_) {}

  static std::unique_ptr<ProofSession> open(const std::string& subject, const Allowance& allowance) {
    const auto line = subject.find('\n');
    const Problem problem = parse_problem(subject.substr(0, line));
    const Problem whole = line == subject.npos ? problem : parse_problem(subject.substr(line + 1));
    return std::make_unique<GemmSession>(problem, whole, allowance);
  }

  Proven prove(const ProofRequest& request, Deadline deadline) override {
    const Tactic tactic = parse_tactic(request.launch);
    const Kernel kernel{tactic, request.image};
    return request.whole ? prover_.prove_whole(kernel, deadline) : prover_.prove(kernel, request.effort, deadline);
  }
  GpuQueue& queue() override { return bed_.queue; }
  Clock::time_point launched() const override { return prover_.launched(); }

 private:
  Testbed bed_;
  LocalProver prover_;
};

}  // namespace

WorkKind gemm_kind() { return {kGemm, GemmSession::open}; }

WorkerProver::WorkerProver(const Problem& problem, const Problem& whole, Worker& worker, const Allowance& allowance)
    : subject_(subject_of(problem, whole)), worker_(worker), allowance_(allowance) {}

Proven WorkerProver::prove(const Kernel& kernel, Effort effort, Deadline deadline) {
  ProofRequest request;
  request.effort = effort;
  return ask(std::move(request), kernel, deadline);
}

Proven WorkerProver::prove_whole(const Kernel& kernel, Deadline deadline) {
  ProofRequest request;
  request.whole = true;
  return ask(std::move(request), kernel, deadline);
}

Proven WorkerProver::ask(ProofRequest request, const Kernel& kernel, Deadline deadline) {
  request.tag = kGemm, request.subject = subject_;
  request.launch = to_string(kernel.tactic), request.image = kernel.cubin;
  request.device_bytes = allowance_.device_bytes, request.scratch_bytes = allowance_.scratch_bytes;
  return worker_.prove(request, deadline);
}

}  // namespace ak
