// ak::Plan: every call is canonicalize() and a comparison with the plan's problem and bucket, then Context::Impl.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ak/ak.hpp"
#include "api/arguments.hpp"
#include "context/bound_plan.hpp"
#include "core/bucket.hpp"

namespace ak {
namespace {

// Whether what serves the plan's bucket may be given such operands: the same problem but for m, if they are aligned to more.
// From then on the plan is at that m.
bool takes(Plan::State& plan, const Problem& problem) {
  const Problem& bound = plan.problem;
  if (problem == bound) [[likely]]
    return true;
  if (!plan.bucket.holds(problem.m)) return false;
  Problem given = with_tokens(problem, bound.m);
  const auto relax = [](std::uint8_t& given, std::uint8_t bound) { given = std::min(given, bound); };
  relax(given.align_a, bound.align_a), relax(given.align_b, bound.align_b);
  relax(given.align_c, bound.align_c), relax(given.align_d, bound.align_d);
  if (!(given == bound)) return false;
  if (problem.m != bound.m) plan.take(problem.m);
  return true;
}

Context::Impl& living(const Plan::State* state) {
  if (!state) throw Error(ErrorCode::invalid_argument, "plan: it was moved from");
  if (Context::Impl* const impl = state->life->load(std::memory_order_acquire)) [[likely]]
    return *impl;
  throw Error(ErrorCode::invalid_argument, "plan: its context has ended");
}

}  // namespace

Plan::Plan(std::unique_ptr<State> state) : state_(std::move(state)) {}
Plan::Plan(const Plan& other) : state_(other.state_ ? std::make_unique<State>(*other.state_) : nullptr) {}
Plan& Plan::operator=(const Plan& other) {
  if (this != &other) state_ = other.state_ ? std::make_unique<State>(*other.state_) : nullptr;
  return *this;
}
Plan::Plan(Plan&&) noexcept = default;
Plan& Plan::operator=(Plan&&) noexcept = default;
Plan::~Plan() = default;

void Plan::operator()(Stream stream, const ConstMatrix& a, const ConstMatrix& b, const Matrix& d, const Epilogue& epilogue,
                      const Workspace& workspace) {
  Context::Impl& impl = living(state_.get());
  CanonicalCall call = canonicalize(a, b, d, epilogue);
  call.problem.numerics = epilogue.numerics.value_or(state_->problem.numerics);
  if (call.empty || !takes(*state_, call.problem)) [[unlikely]]
    throw Error(ErrorCode::invalid_argument, fmt::format("plan: made for {}, of the bucket m={} to {}, called for {}",
                                                         to_string(state_->problem), state_->bucket.from, state_->bucket.to,
                                                         call.empty ? "a D without elements" : to_string(call.problem)));
  if (reinterpret_cast<std::uintptr_t>(workspace.data) % 256 != 0) [[unlikely]]
    throw Error(ErrorCode::invalid_argument, fmt::format("workspace: {} is not aligned to 256 bytes", workspace.data));
  call.args.workspace = workspace.data, call.args.workspace_bytes = workspace.bytes;
  impl.matmul_act(stream, *state_, call.args);
}

TokenRange Plan::serves() const { return living(state_.get()), state_->bucket; }
std::int64_t Plan::workspace_bytes() const { return living(state_.get()).workspace_bytes(*state_); }
std::uint64_t Plan::epoch() const { return living(state_.get()).epoch(*state_); }
Explanation Plan::explain() const { return living(state_.get()).explain(*state_); }

Plan Context::plan(const ConstMatrix& a, const ConstMatrix& b, const Matrix& d, const Epilogue& epilogue) {
  CanonicalCall call = canonicalize(a, b, d, epilogue, Pointers::optional);
  if (call.empty) throw Error(ErrorCode::invalid_argument, "d: it has no elements, there is nothing to plan");
  call.problem.numerics = impl_->numerics(epilogue.numerics);
  return Plan(impl_->bind(call.problem));
}

std::uint64_t Context::epoch() const { return impl_->epoch(); }

}  // namespace ak
