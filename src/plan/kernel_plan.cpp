#include "plan/kernel_plan.hpp"

#include <fmt/format.h>

namespace ak {
namespace {

CUtensorMapDataType element_type(DType dtype) {
  switch (dtype) {
    case DType::f16:
      return CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
    case DType::bf16:
      return CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
    case DType::f32:
      return CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
  }
  return CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
}

CUtensorMapSwizzle swizzle(std::int32_t bytes) {
  switch (bytes) {
    case 32:
      return CU_TENSOR_MAP_SWIZZLE_32B;
    case 64:
      return CU_TENSOR_MAP_SWIZZLE_64B;
    case 128:
      return CU_TENSOR_MAP_SWIZZLE_128B;
    default:
      return CU_TENSOR_MAP_SWIZZLE_NONE;
  }
}

}  // namespace

CUtensorMap encode_tensor_map(const TensorMapShape& shape) {
  CUtensorMap map{};
  if (shape.box[0] == 0) return map;  // the kernel does not use it
  const cuuint64_t extent[] = {shape.extent[0], shape.extent[1]}, stride[] = {shape.row_bytes};
  const cuuint32_t box[] = {shape.box[0], shape.box[1]}, step[] = {1, 1};
  check(driver().cuTensorMapEncodeTiled(&map, element_type(shape.dtype), 2, const_cast<void*>(shape.base), extent, stride, box,
                                        step, CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle(shape.swizzle_bytes),
                                        CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
        "encoding a tensor map");
  return map;
}

TensorMapShape tensor_map_shape(const TensorMapSpec& spec, const Problem& problem, const CallArgs& args,
                                const void* workspace) {
  const auto m = static_cast<std::uint64_t>(args.m), n = static_cast<std::uint64_t>(args.n),
             k = static_cast<std::uint64_t>(args.k);
  TensorMapShape shape;
  std::int64_t ld = 0;
  const auto memory = [&](const auto& operand) { shape.base = operand.data, ld = operand.ld; };
  switch (spec.operand) {
    case OperandId::a:
      memory(args.a), shape.dtype = problem.in;
      shape.extent = problem.a_major == Major::k ? std::array{k, m} : std::array{m, k};
      break;
    case OperandId::b:
    case OperandId::b2:
      memory(spec.operand == OperandId::b ? args.b : args.b2), shape.dtype = problem.in;
      shape.extent = problem.b_major == Major::k ? std::array{k, n} : std::array{n, k};
      break;
    case OperandId::d:
      memory(args.d), shape.dtype = problem.epilogue.out;
      shape.extent = {n, m};
      break;
    case OperandId::aux:
      memory(args.aux), shape.dtype = problem.epilogue.out;
      shape.extent = {problem.epilogue.gated ? 2 * n : n, m};
      break;
  }
  shape.row_bytes = static_cast<std::uint64_t>(ld) * static_cast<std::uint64_t>(size_of(shape.dtype));
  shape.box = {static_cast<std::uint32_t>(spec.box_inner), static_cast<std::uint32_t>(spec.box_outer)};
  shape.swizzle_bytes = spec.swizzle_bytes;
  if (spec.packed_at) {
    shape.base = static_cast<const char*>(workspace) + spec.packed_at;
    shape.row_bytes =
        static_cast<std::uint64_t>(packed_row_bytes(static_cast<std::int64_t>(shape.extent[0]), size_of(shape.dtype)));
  }
  return shape;
}

KernelPlan::KernelPlan(Resources& resources, const void* cubin, const Problem& problem, const Tactic& tactic,
                       const Geometry& geometry, Workspaces* scratch)
    : KernelPlan(resources, load_module(resources, cubin), problem, tactic, geometry, scratch) {}

KernelPlan::KernelPlan(Resources& resources, std::shared_ptr<const Module> module, const Problem& problem, const Tactic& tactic,
                       const Geometry& geometry, Workspaces* scratch)
    : problem_(problem),
      tactic_(tactic),
      geometry_(geometry),
      workspaces_(scratch ? *scratch : resources.workspaces()),
      overlaps_(resources.facts().compute_major >= 9),
      module_(std::move(module)) {
  const ContextScope scope(resources.context());
  function_ = module_->find("ak_kernel");
  if (!function_) throw Error(ErrorCode::driver, fmt::format("the cubin of '{}' has no ak_kernel", to_string(tactic)));
  allow_shared_bytes(function_, static_cast<int>(geometry.smem_bytes));
  if (geometry.cluster[0] * geometry.cluster[1] * geometry.cluster[2] > 8)
    check(driver().cuFuncSetAttribute(function_, CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1),
          "allowing a large cluster");
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
  CUtensorMap maps[TensorMaps::kMost];
  void* parameters[1 + std::size(maps)] = {&to_kernel};
  for (int i = 0; i < geometry_.map_count; ++i) {
    const TensorMapShape shape = tensor_map_shape(geometry_.maps[i], problem_, args, workspace);
    if (args.maps) {
      if (!(args.maps->shapes[i] == shape)) args.maps->maps[i] = encode_tensor_map(shape), args.maps->shapes[i] = shape;
      parameters[1 + i] = &args.maps->maps[i];
    } else {
      maps[i] = encode_tensor_map(shape);
      parameters[1 + i] = &maps[i];
    }
  }

  CUlaunchAttribute attributes[2];
  CUlaunchConfig launch{};
  launch.gridDimX = geometry_.grid[0], launch.gridDimY = geometry_.grid[1], launch.gridDimZ = geometry_.grid[2];
  launch.blockDimX = geometry_.threads, launch.blockDimY = 1, launch.blockDimZ = 1;
  launch.sharedMemBytes = geometry_.smem_bytes;
  launch.hStream = stream;
  if (geometry_.cluster != std::array<std::uint32_t, 3>{1, 1, 1}) {
    auto& cluster = attributes[launch.numAttrs++];
    cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    cluster.value.clusterDim = {geometry_.cluster[0], geometry_.cluster[1], geometry_.cluster[2]};
  }
  if (overlaps_) {
    auto& serialization = attributes[launch.numAttrs++];
    serialization.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
    serialization.value.programmaticStreamSerializationAllowed = 1;
  }
  launch.attrs = attributes;
  check(driver().cuLaunchKernelEx(&launch, function_, parameters, nullptr), "launching a kernel");
  return true;
}

}  // namespace ak
