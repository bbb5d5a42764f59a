#include "plan/pass.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "core/activation.hpp"
#include "core/geometry.hpp"

namespace ak {

std::string pass_kernel_name(Activation activation, DType dtype, bool full) {
  return fmt::format("pass_{}{}_{}", full ? "full_" : "", identifier(activation), name(dtype));
}

bool pass_is_full(const PassArgs& args) { return args.gated || args.aux || args.row_scale || args.column_scale; }

PassArgs pass_args(const EpilogueSpec& epilogue, const CallArgs& args) {
  PassArgs p{};
  p.c = epilogue.has_c && args.beta != 0 ? args.c.data : nullptr;
  p.d = args.d.data;
  p.aux = epilogue.aux ? args.aux.data : nullptr;
  p.bias = args.bias;
  p.row_scale = epilogue.row_scale ? args.row_scale : nullptr;
  p.column_scale = epilogue.column_scale ? args.column_scale : nullptr;
  p.gated = epilogue.gated;
  p.ldc = args.c.ld, p.ldd = args.d.ld, p.ldaux = args.aux.ld;
  p.rows = args.m, p.columns = args.n;
  p.alpha = 1, p.beta = args.beta, p.slope = args.slope;
  p.bias_axis = args.bias ? static_cast<int>(epilogue.bias) : 0;
  p.bias_type = static_cast<int>(epilogue.bias_dtype);
  return p;
}

PassAccess pass_access(const PassArgs& args, DType dtype) {
  // Distance of a row from D's, modulo 16 bytes, for every row: the starts' and the leading dimensions' must agree.
  const auto apart = [&](const void* base, long long ld) {
    const auto start = reinterpret_cast<std::uintptr_t>(base) - reinterpret_cast<std::uintptr_t>(args.d);
    return base && (start % 16 != 0 || (ld - args.ldd) * size_of(dtype) % 16 != 0);
  };
  const auto second_half = [&](const void* base) {
    return base ? static_cast<const char*>(base) + args.columns * size_of(dtype) : nullptr;
  };
  if (apart(args.c, args.ldc) || apart(args.aux, args.ldaux) || (args.gated && apart(second_half(args.aux), args.ldaux)))
    return kPassElements;
  const bool aligned = reinterpret_cast<std::uintptr_t>(args.d) % 16 == 0 && args.ldd * size_of(dtype) % 16 == 0;
  return aligned ? kPassAligned : kPassShifted;
}

PassShape pass_shape(const PassArgs& args, DType dtype, int sm_count) {
  const auto chunks = [](long long count, long long size) { return (count + size - 1) / size; };
  const long long width = 16 / size_of(dtype);
  const long long across = chunks(args.columns + (args.access == kPassShifted ? width - 1 : 0), width);
  const auto block_x = std::min<std::uint64_t>(std::bit_ceil(static_cast<std::uint64_t>(across)), kPassThreads);
  const auto block_y = kPassThreads / block_x;
  const long long grid_x = chunks(across, static_cast<long long>(block_x));
  const long long groups = chunks(args.rows, static_cast<long long>(block_y));
  // One row a thread until every SM has several CTAs.
  const int per_thread =
      static_cast<int>(std::clamp(grid_x * groups / (4LL * sm_count), 1LL, static_cast<long long>(kPassRowsPerThread)));
  const auto grid = make_grid(grid_x, std::min<std::int64_t>(chunks(groups, per_thread), kMostBlocks[1]));
  return {{grid[0], grid[1]}, {static_cast<std::uint32_t>(block_x), static_cast<std::uint32_t>(block_y)}, per_thread};
}

Pass::Pass(Resources& resources, Activation activation, DType dtype)
    : plain_(resources.activation_kernel(activation, pass_kernel_name(activation, dtype))),
      full_(resources.activation_kernel(activation, pass_kernel_name(activation, dtype, true))),
      dtype_(dtype),
      sm_count_(resources.facts().sm_count) {}

void Pass::launch(Stream stream, PassArgs args) const {
  if (args.rows <= 0 || args.columns <= 0) return;
  args.access = pass_access(args, dtype_);
  const PassShape shape = pass_shape(args, dtype_, sm_count_);
  args.rows_per_thread = shape.rows_per_thread;
  CUlaunchConfig launch{};
  launch.gridDimX = shape.grid[0], launch.gridDimY = shape.grid[1], launch.gridDimZ = 1;
  launch.blockDimX = shape.block[0], launch.blockDimY = shape.block[1], launch.blockDimZ = 1;
  launch.hStream = stream;
  void* parameters[] = {&args};
  check(driver().cuLaunchKernelEx(&launch, pass_is_full(args) ? full_ : plain_, parameters, nullptr),
        "launching the separate pass");
}

PassPlan::PassPlan(Resources& resources, const Problem& problem)
    : epilogue_(problem.epilogue), pass_(resources, problem.epilogue.activation, problem.epilogue.out) {
  tactic_.family = FamilyId::vendor;
  tactic_.separate = 1;
}

bool PassPlan::try_launch(Stream stream, const CallArgs& args) const {
  pass_.launch(stream, pass_args(epilogue_, args));
  return true;
}

}  // namespace ak
