#include "port/proof/proving.hpp"

#include <fmt/format.h>

#include "ak/types.hpp"

namespace ak::port {

std::string Proof::text() const {
  if (cause == Cause::none && done < cases) return fmt::format("right {}/{} so far", done, cases);
  const std::string loosely = weak ? fmt::format(", {} of them ill-conditioned", weak) : "";
  if (cause == Cause::none) return fmt::format("right {}/{}{}", done, cases, loosely);
  if (cause == Cause::unproven) return fmt::format("unproven: {}", why);
  return fmt::format("wrong at {}/{}: {}: {}", done + 1, cases, name(cause), why);
}

Proof prove(ExpectedCases& cases, bool same_bits, int orders, const RunKernels& run, Deadline deadline, Proof so_far) {
  Proof proof = std::move(so_far);
  proof.cases = static_cast<int>(cases.size());
  std::string loosest;
  while (proof.cause == Cause::none && proof.done < proof.cases) {
    if (deadline.passed()) return proof;
    const auto& [given, expected] = cases.at(static_cast<std::size_t>(proof.done), deadline);
    bool weak = false;
    for (int order = 0; order < orders; ++order) {
      const KernelRun kernels = run(given, order);
      const auto fail = [&, &name = given.name](Cause cause, const std::string& why) {
        proof.cause = cause;
        proof.why = fmt::format("{} ({}{})", why, name, orders > 1 ? fmt::format(", order {}", order + 1) : "");
        return proof;
      };
      if (kernels.cause != Cause::none) return fail(kernels.cause, kernels.fault);
      const Judgement judgement = judge(given, expected, kernels.left, same_bits);
      if (!judgement.right()) return fail(Cause::incorrect, judgement.fault);
      weak = weak || judgement.weak();
      if (judgement.weak()) loosest = judgement.loosest;
    }
    proof.weak += weak;
    ++proof.done;
  }
  if (proof.cause == Cause::none && 2 * proof.weak > proof.cases) {
    proof.cause = Cause::unproven;
    proof.why = fmt::format("on {} of {} cases rounding alone moves {} further than its own value", proof.weak, proof.cases,
                            loosest.empty() ? "the result" : loosest);
  }
  return proof;
}

}  // namespace ak::port
