// Geometry: how a compiled tactic is launched for one problem. Families compute it without CUDA; plan/ turns it into a launch.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "ak/types.hpp"

namespace ak {

/// Blocks that a device takes along each axis of a grid.
constexpr std::array<std::int64_t, 3> kMostBlocks{2147483647, 65535, 65535};

/// Throws Error{internal} where a device would not take it.
inline std::array<std::uint32_t, 3> make_grid(std::int64_t x, std::int64_t y = 1, std::int64_t z = 1) {
  const std::array<std::int64_t, 3> blocks{x, y, z};
  std::array<std::uint32_t, 3> grid;
  for (std::size_t i = 0; i < 3; ++i) {
    if (blocks[i] < 1 || blocks[i] > kMostBlocks[i]) throw Error(ErrorCode::internal, "a grid beyond what a device takes");
    grid[i] = static_cast<std::uint32_t>(blocks[i]);
  }
  return grid;
}

/// The operands of a call that tensor maps lie over. a_tail: A, by boxes of the rows alone that its last tile has.
enum class OperandId : std::uint8_t { a, b, d, b2, aux, a_tail };

/// A 2-d TMA map over an operand's memory: box_inner elements along its contiguous axis, box_outer across it. With packed_at it
/// lies over a copy of the operand in the workspace, that many bytes from its start, in rows of packed_row_bytes. With a
/// box_inner of 0 the kernel does not use it.
struct TensorMapSpec {
  OperandId operand = OperandId::a;
  std::int32_t box_inner = 0, box_outer = 0;
  std::int32_t swizzle_bytes = 0;  // 0, 32, 64 or 128
  std::int64_t packed_at = 0;      // 0: the operand itself
  std::int32_t tile_rows = 0;      // of a and a_tail where the kernel has both: A's rows in a whole tile
  bool operator==(const TensorMapSpec&) const = default;
};

/// Between rows of a packed copy: whole 128-byte lines.
constexpr std::int64_t packed_row_bytes(std::int64_t inner, int element_bytes) {
  return (inner * element_bytes + 127) / 128 * 128;
}

/// Rows of a box of a_tail: the last tile of m rows in as many slices as others have, of whole 8-row swizzle atoms.
constexpr std::int32_t tail_rows(const TensorMapSpec& spec, std::int64_t m) {
  const std::int64_t atoms = 8 * (spec.tile_rows / spec.box_outer);
  return static_cast<std::int32_t>(((m - 1) % spec.tile_rows / atoms + 1) * 8);
}
/// Whether a call of m rows has tiles that are brought by it.
constexpr bool uses(const TensorMapSpec& spec, std::int64_t m) {
  if (spec.tile_rows == 0) return spec.box_inner > 0;
  return spec.operand == OperandId::a_tail ? m % spec.tile_rows != 0 : m >= spec.tile_rows;
}

constexpr std::size_t kMostMaps = 6;

struct Geometry {
  std::array<std::uint32_t, 3> grid{1, 1, 1};
  std::uint32_t threads = 1;  // per CTA
  std::array<std::uint32_t, 3> cluster{1, 1, 1};
  std::uint32_t smem_bytes = 0;                 // dynamic
  std::int64_t workspace_bytes = 0;             // 0, or kCounterBytes (kernels/args.cuh) and the scratch after them
  std::int32_t map_count = 0;                   // tensor maps follow the KernelArgs as kernel parameters 1..map_count
  std::array<TensorMapSpec, kMostMaps> maps{};  // each of another operand
  bool operator==(const Geometry&) const = default;
};

}  // namespace ak
