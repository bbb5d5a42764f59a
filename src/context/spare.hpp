// Spares: who serves once no scratch memory is to be had: cuBLASLt where it can do without, else an own kernel that a search
// proved.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "context/common.hpp"
#include "context/device_state.hpp"
#include "context/served.hpp"
#include "machine/machine.hpp"
#include "tune/tuner.hpp"

namespace ak {

/// An own kernel that is proven and needs no scratch memory.
struct SpareKernel {
  PlanRecord record;
  std::string cubin;
};

/// The fastest of a search, which the runner ran, proven like a winner. nullopt where there is none, or none is needed: the
/// winner or cuBLASLt can do without scratch memory.
std::optional<SpareKernel> spare_kernel(Machine& machine, const Problem& problem, const Tuned& found, Runner& runner,
                                        const std::stop_token& stop);

/// Finds the spare while there is memory and cuBLASLt is open: after a search or a proof. For a plan from the store alone that
/// is left to the call that lacks memory, for a hit opens no library. own: serves, and is kept in the store, where cuBLASLt
/// cannot.
void stand_by(Common& common, DeviceState& device, const Problem& problem, const Served& served,
              const std::optional<SpareKernel>& own = {});

/// The own kernel that a search left in the store, loaded; a capture allows it. nullptr where there is none, or it must not
/// run.
PlanPtr stored_spare(Common& common, Machine& machine, const Problem& problem);

}  // namespace ak
