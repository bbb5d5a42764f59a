// A compiled tactic ready to run: its cubin loaded, its launch shape fixed.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/geometry.hpp"
#include "gpu/owners.hpp"
#include "plan/plan.hpp"
#include "plan/resources.hpp"
#include "plan/tensor_maps.hpp"

namespace ak {

class KernelPlan : public LaunchPlan {
 public:
  /// module: in the resources' context. The geometry's grid was made for the problem's m, n, k, and the plan serves those; of a
  /// bucket, every m up to it. scratch: null: the resources' own. Throws Error{driver}.
  KernelPlan(Resources& resources, std::shared_ptr<const Module> module, const Problem& problem, const Tactic& tactic,
             const Geometry& geometry, Workspaces* scratch = nullptr);
  /// With a module of its own: loads the cubin, whose checksum was verified.
  KernelPlan(Resources& resources, const void* cubin, const Problem& problem, const Tactic& tactic, const Geometry& geometry,
             Workspaces* scratch = nullptr);

  bool try_launch(Stream stream, const CallArgs& args) const override;
  const Tactic& tactic() const override { return tactic_; }
  std::int64_t workspace_bytes() const override { return geometry_.workspace_bytes; }
  const Geometry& geometry() const { return geometry_; }
  CUfunction function() const { return function_; }

 private:
  void add_maps(void** parameters, const CallArgs& args, const void* workspace, CUtensorMap* own) const;

  Problem problem_;
  Tactic tactic_;
  Geometry geometry_;
  Workspaces& workspaces_;
  std::array<std::uint64_t, kMostMaps> forms_{};  // of the geometry's maps
  CUlaunchConfig launch_{};                       // but the stream
  CUlaunchAttribute attributes_[2]{};
  std::shared_ptr<const Module> module_;
  CUfunction function_ = nullptr;
};

}  // namespace ak
