// Tensor maps: what a kernel is told of an operand's memory, for TMA. A thread keeps those that its calls needed, so that the
// driver encodes none twice.
#pragma once

#include <cuda.h>

#include <array>
#include <cstdint>

#include "core/geometry.hpp"
#include "core/problem.hpp"
#include "plan/call_args.hpp"

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

/// What no call of a kernel changes of a map's shape: operand, types, order of the axes, box, swizzle. compute: of the device
/// (DeviceFacts), as another architecture may encode otherwise. Never 0.
std::uint64_t tensor_map_form(const TensorMapSpec& spec, const Problem& problem, int compute);

/// All that a map depends on. An equal key is an equal map, whatever kernel it was encoded for: a weight's serves every m.
struct TensorMapKey {
  std::uintptr_t base = 0;
  std::uint64_t ld = 0;  // 0 of a packed copy
  std::uint64_t extents = 0;
  std::uint64_t form = 0;  // 0: of no map

  TensorMapKey() = default;
  TensorMapKey(const TensorMapSpec& spec, std::uint64_t form, const CallArgs& args, const void* workspace) : form(form) {
    const auto of = [&](const auto& operand, int lines, int width) {
      base = reinterpret_cast<std::uintptr_t>(operand.data), ld = static_cast<std::uint64_t>(operand.ld);
      extents = static_cast<std::uint64_t>(lines) << 32 | static_cast<std::uint32_t>(width);
    };
    switch (spec.operand) {
      case OperandId::a:
      case OperandId::a_tail:
        of(args.a, args.m, args.k);
        break;
      case OperandId::b:
        of(args.b, args.n, args.k);
        break;
      case OperandId::d:
        of(args.d, args.m, args.n);
        break;
      case OperandId::b2:
        of(args.b2, args.n, args.k);
        break;
      case OperandId::aux:
        of(args.aux, args.m, args.n);
        break;
    }
    if (spec.packed_at) [[unlikely]]
      base = reinterpret_cast<std::uintptr_t>(workspace) + static_cast<std::uint64_t>(spec.packed_at), ld = 0;
  }
  // One branch, and none for each word.
  bool operator==(const TensorMapKey& other) const {
    return ((base ^ other.base) | (ld ^ other.ld) | (extents ^ other.extents) | (form ^ other.form)) == 0;
  }
  std::uint64_t hash() const {
    return (base ^ ld * 0xc2b2ae3d27d4eb4full ^ extents * 0x165667b19e3779f9ull ^ form * 0xd6e8feb86659fd93ull) *
           0x9e3779b97f4a7c15ull;
  }
};

/// The maps that one thread's calls needed, each operand's in a table of its own: however activations move, weights keep
/// theirs. A full table is emptied, so that what is no longer used goes.
class TensorMaps {
 public:
  static constexpr std::size_t kOperands = static_cast<std::size_t>(OperandId::a_tail) + 1;
  static constexpr std::size_t kMost = 1536;  // of one operand

  /// Made by the thread's first call; null where there is no memory for it, or the thread is ending.
  static TensorMaps* of_thread();

  /// Null where there is none. It stays where it is until the next keep() of that operand.
  const CUtensorMap* find(OperandId operand, const TensorMapKey& key) const {
    const Table& table = tables_[static_cast<std::size_t>(operand)];
    for (std::size_t i = first(key);; i = next(i)) {  // never full
      if (table.keys[i] == key) [[likely]]
        return &table.maps[i];
      if (!table.keys[i].form) return nullptr;
    }
  }
  /// Of a key that find() does not know.
  const CUtensorMap* keep(OperandId operand, const TensorMapKey& key, const CUtensorMap& map);

 private:
  static constexpr int kBits = 11;
  static constexpr std::size_t kEntries = std::size_t{1} << kBits;
  static std::size_t first(const TensorMapKey& key) { return key.hash() >> (64 - kBits); }
  static std::size_t next(std::size_t i) { return (i + 1) % kEntries; }

  struct Table {
    TensorMapKey keys[kEntries];
    CUtensorMap maps[kEntries];
    std::size_t used;
  };
  Table tables_[kOperands];  // zero at first; pages that no map lies in take no memory
};

}  // namespace ak
