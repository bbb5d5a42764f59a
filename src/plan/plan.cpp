#include "plan/plan.hpp"

#include <fmt/format.h>

#include "ak/types.hpp"

namespace ak {

void LaunchPlan::refuse() const {
  throw Error(ErrorCode::out_of_memory,
              fmt::format("a workspace of {} bytes is not to be had: too little device memory is free, the scratch_allocator "
                          "had none, or scratch_bytes (AK_SCRATCH_BYTES) is small",
                          workspace_bytes()));
}

void LaunchPlan::refuse_workspace(std::int64_t bytes, std::int64_t needed) {
  throw SmallWorkspace(ErrorCode::invalid_argument, fmt::format("workspace: {} bytes, {} are needed", bytes, needed));
}

}  // namespace ak
