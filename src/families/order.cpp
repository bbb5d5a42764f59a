#include "families/order.hpp"

#include <fmt/format.h>

#include "base/arithmetic.hpp"

namespace ak {
namespace {

constexpr int kPolicyStage = 64;  // every tiled family has it, and most of what wins

std::string_view instruction(FamilyId family) {
  switch (family) {
    case FamilyId::sm90:
      return "wgmma";
    case FamilyId::sm80:
      return "mma.sync";
    case FamilyId::skinny:
      return "FMA";
    default:
      return "an unknown instruction";
  }
}

std::string_view policy(const Problem& problem) { return kNumericsNames[static_cast<int>(problem.numerics)]; }

}  // namespace

std::string to_string(const SumOrder& order) {
  std::string text = fmt::format("{}, {} products", instruction(order.by), order.length);
  text += order.slice == order.length ? " in one chain" : fmt::format(" in slices of {}", order.slice);
  if (order.lanes > 1) text += fmt::format(" of {} lanes", order.lanes);
  return text;
}

SumOrder policy_order(const Problem& problem, const DeviceFacts& device) {
  const std::int64_t length = round_up(problem.k, std::int64_t{kPolicyStage});
  return {device.hopper() ? FamilyId::sm90 : FamilyId::sm80, length, length, 1};
}

std::optional<std::string> policy_refuses(const Problem& problem, FamilyId family, const DeviceFacts& device) {
  if (problem.numerics == Numerics::fast) return std::nullopt;
  const SumOrder one = policy_order(problem, device);
  if (family == one.by) return std::nullopt;
  return fmt::format("numerics={} is one order of summation on this GPU: {}; {} sums by {}", policy(problem), to_string(one),
                     name(family), instruction(family));
}

std::optional<std::string> policy_rejects(const Problem& problem, const SumOrder& order, const DeviceFacts& device) {
  if (problem.numerics == Numerics::fast) return std::nullopt;
  const SumOrder one = policy_order(problem, device);
  if (order == one) return std::nullopt;
  return fmt::format("numerics={} is one order of summation on this GPU: {}, not {}", policy(problem), to_string(one),
                     to_string(order));
}

}  // namespace ak
