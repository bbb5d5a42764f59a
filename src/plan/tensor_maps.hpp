// Tensor maps: what a kernel is told of an operand's memory, for TMA. The driver is asked to encode one only when it differs
// from those that the thread used lately.
#pragma once

#include <cuda.h>

#include <array>
#include <cstdint>
#include <tuple>

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

Operand<const void> operand_of(OperandId which, const CallArgs& args);
/// workspace: where packed copies lie.
TensorMapShape tensor_map_shape(const TensorMapSpec& spec, const Problem& problem, const CallArgs& args,
                                const void* workspace = nullptr);
CUtensorMap encode_tensor_map(const TensorMapShape& shape);

/// The maps that one thread used lately. Those of one kernel are not in each other's way.
class TensorMaps {
 public:
  static constexpr std::size_t kMost = std::tuple_size_v<decltype(Geometry::maps)>;  // of one kernel

  /// What a kernel's map depends on.
  struct Key {
    std::uint64_t plan = 0;  // a number that no other plan has; 0: of none
    const void* base = nullptr;
    std::int64_t ld = 0;
    int m = 0, n = 0, k = 0;

    bool operator==(const Key&) const = default;
  };
  struct Entry {
    Key key;
    CUtensorMap map;
  };

  /// Made by the thread's first call; null where there is no memory for it, or the thread is ending.
  static TensorMaps* of_thread();
  /// Where the kernel's map of that place among its maps is, or is to be: one of two, the newer of which a third leaves.
  Entry& at(std::size_t place, const Key& key) {
    const std::uint64_t bits = (reinterpret_cast<std::uintptr_t>(key.base) ^ key.plan << 48) * 0x9e3779b97f4a7c15ull;
    Entry* const both = entries_[place][bits >> (64 - kBits)];
    if (both[0].key == key) return both[0];
    if (both[1].key == key) return both[1];
    both[1] = both[0];
    return both[0];
  }

 private:
  static constexpr int kBits = 4;
  Entry entries_[kMost][1 << kBits][2]{};
};

}  // namespace ak
