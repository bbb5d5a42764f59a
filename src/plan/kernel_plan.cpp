#include "plan/kernel_plan.hpp"

#include <fmt/format.h>

namespace ak {

KernelPlan::KernelPlan(Resources& resources, const void* cubin, const Problem& problem, const Tactic& tactic,
                       const Geometry& geometry, Workspaces* scratch)
    : KernelPlan(resources, load_module(resources, cubin), problem, tactic, geometry, scratch) {}

KernelPlan::KernelPlan(Resources& resources, std::shared_ptr<const Module> module, const Problem& problem, const Tactic& tactic,
                       const Geometry& geometry, Workspaces* scratch)
    : problem_(problem),
      tactic_(tactic),
      geometry_(geometry),
      workspaces_(scratch ? *scratch : resources.workspaces()),
      module_(std::move(module)) {
  const ContextScope scope(resources.context());
  function_ = module_->only();
  if (!function_)
    throw Error(ErrorCode::driver, fmt::format("the cubin of '{}' has no kernel, or more than one", to_string(tactic)));
  allow_shared_bytes(function_, static_cast<int>(geometry.smem_bytes));
  if (geometry.cluster[0] * geometry.cluster[1] * geometry.cluster[2] > 8)
    check(driver().cuFuncSetAttribute(function_, CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1),
          "allowing a large cluster");

  for (std::size_t i = 0; i < static_cast<std::size_t>(geometry.map_count); ++i) {
    for (std::size_t other = 0; other < i; ++other)  // the second's keep() may take the first's place
      if (geometry.maps[i].operand == geometry.maps[other].operand)
        throw Error(ErrorCode::internal, "two tensor maps lie over one operand");
    forms_[i] = tensor_map_form(geometry.maps[i], problem, resources.facts().compute());
  }
  launch_.gridDimX = geometry.grid[0], launch_.gridDimY = geometry.grid[1], launch_.gridDimZ = geometry.grid[2];
  launch_.blockDimX = geometry.threads, launch_.blockDimY = 1, launch_.blockDimZ = 1;
  launch_.sharedMemBytes = geometry.smem_bytes;
  launch_.attrs = attributes_;
  if (geometry.cluster != std::array<std::uint32_t, 3>{1, 1, 1}) {
    auto& cluster = attributes_[launch_.numAttrs++];
    cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    cluster.value.clusterDim = {geometry.cluster[0], geometry.cluster[1], geometry.cluster[2]};
  }
  if (resources.facts().compute_major >=
      9) {  // it may start while the kernel before it runs: it waits itself (kernels/chain.cuh)
    auto& serialization = attributes_[launch_.numAttrs++];
    serialization.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
    serialization.value.programmaticStreamSerializationAllowed = 1;
  }
}

// The thread's, or encoded now. own: where a thread without any has them.
void KernelPlan::add_maps(void** parameters, const CallArgs& args, const void* workspace, CUtensorMap* own) const {
  TensorMaps* const known = TensorMaps::of_thread();
  for (std::size_t i = 0; i < static_cast<std::size_t>(geometry_.map_count); ++i) {
    const TensorMapSpec& spec = geometry_.maps[i];
    if (!uses(spec, args.m)) {
      static CUtensorMap none{};
      parameters[i] = &none;
      continue;
    }
    const TensorMapKey key(spec, forms_[i], args, workspace);
    const CUtensorMap* map = known ? known->find(spec.operand, key) : nullptr;
    if (!map) [[unlikely]] {
      map = &(own[i] = encode_tensor_map(tensor_map_shape(spec, problem_, args, workspace)));
      if (known) map = known->keep(spec.operand, key, *map);
    }
    parameters[i] = const_cast<CUtensorMap*>(map);
  }
}

bool KernelPlan::try_launch(Stream stream, const CallArgs& args) const {
  Workspaces::Lease lease;
  void* workspace = nullptr;
  if (geometry_.workspace_bytes > 0) {
    if (args.workspace) {
      if (args.workspace_bytes < geometry_.workspace_bytes) refuse_workspace(args.workspace_bytes, geometry_.workspace_bytes);
      workspace = args.workspace;
    } else {
      lease = workspaces_.acquire(stream, geometry_.workspace_bytes);
      if (!lease) return false;
      workspace = lease.data();
    }
  }
  KernelArgs to_kernel = kernel_args(args, workspace);
  CUtensorMap maps[kMostMaps];
  void* parameters[1 + kMostMaps] = {&to_kernel};
  if (geometry_.map_count > 0) add_maps(parameters + 1, args, workspace, maps);
  CUlaunchConfig launch = launch_;
  launch.hStream = stream;
  check(driver().cuLaunchKernelEx(&launch, function_, parameters, nullptr), "launching a kernel");
  return true;
}

}  // namespace ak
