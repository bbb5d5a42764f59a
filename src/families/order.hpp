// In which order a tactic sums the products of an element of D: what its bits depend on, beside the values themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/device_facts.hpp"
#include "core/problem.hpp"
#include "core/tactic.hpp"

namespace ak {

/// Equal: the same f32 operations in the same order for every element, so equal bits. Unequal ones may still give equal bits.
struct SumOrder {
  FamilyId by = FamilyId::sm80;  // whose instruction: how each adds its sixteen products inside is not documented
  std::int64_t length = 0;       // k with the zeros that fill its last stage, which are added too
  std::int64_t slice = 0;        // of it, what is summed apart; slices are added in their order
  std::int64_t lanes = 1;        // chains within a slice, of one lane each, that are added in a tree

  bool operator==(const SumOrder&) const = default;
};

/// "mma.sync, 4096 products in one chain"
std::string to_string(const SumOrder& order);

/// The order of all plans of a problem whose policy is not `fast`: one for a device, whatever m and n are, and that of the
/// fastest family. Every policy but `fast` is kept by it: it names no tile along m.
SumOrder policy_order(const Problem& problem, const DeviceFacts& device);

/// Why the problem's policy forbids the family; nullopt when it does not.
std::optional<std::string> policy_refuses(const Problem& problem, FamilyId family, const DeviceFacts& device);
/// Why it forbids a tactic that sums so; nullopt when it does not.
std::optional<std::string> policy_rejects(const Problem& problem, const SumOrder& order, const DeviceFacts& device);

}  // namespace ak
