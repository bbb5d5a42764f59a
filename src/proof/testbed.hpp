// Testbed: where kernels of one problem are proven and timed, and what both of it share.
#pragma once

#include "core/allowance.hpp"
#include "gpu/lane.hpp"
#include "plan/workspace.hpp"
#include "proof/probe.hpp"

namespace ak {

struct Testbed {
  /// problem: what is proven and timed, a panel of `whole` or that itself. In the current context, which is the resources'. Of
  /// the allowance, which is this process's, it takes device memory; nothing yet.
  Testbed(const Problem& problem, const Problem& whole, Resources& resources, const Allowance& allowance)
      : problem(problem),
        whole(whole),
        resources(resources),
        probe(resources),
        scratch_bytes(allowance.scratch()),
        scratch(resources.context(), scratch_bytes),
        lane(DeviceShare(allowance.operands())) {}

  const Problem problem, whole;
  Resources& resources;
  const Probe probe;
  const std::int64_t scratch_bytes;
  Workspaces scratch;  // of the plans that are tried; given back with the testbed
  Lane lane;
};

}  // namespace ak
