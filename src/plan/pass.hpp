// The separate pass (kernels/support/pass.cuh) from the host: D = act(alpha * X + bias + beta * C), and what of gate, aux and
// scales there is.
#pragma once

#include <array>
#include <string>

#include "kernels/support/pass_args.cuh"
#include "plan/plan.hpp"
#include "plan/resources.hpp"

namespace ak {

/// "pass_silu_bf16"; full, for what has a gate, aux or scales: "pass_full_silu_bf16".
std::string pass_kernel_name(Activation activation, DType dtype, bool full = false);
bool pass_is_full(const PassArgs& args);

/// The pass over a call's D. X and X2 are left null, all else is the call's; alpha, which the product has in it, is 1.
PassArgs pass_args(const EpilogueSpec& epilogue, const CallArgs& args);

/// How wide the rows of D, C and aux allow one access to be. X is read as its address allows.
PassAccess pass_access(const PassArgs& args, DType dtype);

struct PassShape {
  std::array<std::uint32_t, 2> grid, block;
  int rows_per_thread;
};
/// For args.access. A small D spreads over all SMs, a large one has several rows in flight a thread.
PassShape pass_shape(const PassArgs& args, DType dtype, int sm_count);

/// The pass of one activation and type, loaded.
class Pass {
 public:
  Pass() = default;
  Pass(Resources& resources, Activation activation, DType dtype);
  explicit operator bool() const { return plain_; }
  /// args.access and rows_per_thread are set here. Nothing is launched for an empty D.
  void launch(Stream stream, PassArgs args) const;

 private:
  CUfunction plain_ = nullptr, full_ = nullptr;
  DType dtype_ = DType::bf16;
  int sm_count_ = 1;
};

/// Serves a call whose product is zero: k = 0 or alpha = 0. Reads neither A nor B.
class PassPlan : public LaunchPlan {
 public:
  PassPlan(Resources& resources, const Problem& problem);
  bool try_launch(Stream stream, const CallArgs& args) const override;
  const Tactic& tactic() const override { return tactic_; }

 private:
  EpilogueSpec epilogue_;
  Pass pass_;
  Tactic tactic_;
};

}  // namespace ak
