// A compiled tactic ready to run: its cubin loaded, its launch shape fixed.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/geometry.hpp"
#include "gpu/owners.hpp"
#include "plan/plan.hpp"
#include "plan/resources.hpp"

namespace ak {

/// What cuTensorMapEncodeTiled is told about an operand's memory: axis 0 is the contiguous one.
struct TensorMapShape {
  const void* base = nullptr;
  DType dtype = DType::bf16;
  std::array<std::uint64_t, 2> extent{};
  std::uint64_t row_bytes = 0;  // between neighbours along axis 1
  std::array<std::uint32_t, 2> box{};
  std::int32_t swizzle_bytes = 0;

  bool operator==(const TensorMapShape&) const = default;
};

/// workspace: where packed copies lie.
TensorMapShape tensor_map_shape(const TensorMapSpec& spec, const Problem& problem, const CallArgs& args,
                                const void* workspace = nullptr);
CUtensorMap encode_tensor_map(const TensorMapShape& shape);

/// A kernel's maps as they were last made, and of what.
struct TensorMaps {
  static constexpr std::size_t kMost = std::tuple_size_v<decltype(Geometry::maps)>;
  TensorMapShape shapes[kMost] = {};
  CUtensorMap maps[kMost] = {};
};

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
  Problem problem_;
  Tactic tactic_;
  Geometry geometry_;
  Workspaces& workspaces_;
  bool overlaps_;  // may start while the kernel before it runs: it waits for it itself (kernels/chain.cuh)
  std::shared_ptr<const Module> module_;
  CUfunction function_ = nullptr;
};

}  // namespace ak
