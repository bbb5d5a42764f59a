#include "plan/tensor_maps.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "gpu/driver.hpp"

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
  const auto read = [](const Operand<void>& x) { return Operand<const void>{x.data, x.ld, x.batch_stride}; };
  const auto m = static_cast<std::uint64_t>(args.m), n = static_cast<std::uint64_t>(args.n),
             k = static_cast<std::uint64_t>(args.k);
  Operand<const void> operand;
  TensorMapShape shape;
  shape.dtype = problem.in;
  switch (spec.operand) {
    case OperandId::a:
    case OperandId::a_tail:
      operand = args.a;
      shape.extent = problem.a_major == Major::k ? std::array{k, m} : std::array{m, k};
      break;
    case OperandId::b:
    case OperandId::b2:
      operand = spec.operand == OperandId::b ? args.b : args.b2;
      shape.extent = problem.b_major == Major::k ? std::array{k, n} : std::array{n, k};
      break;
    case OperandId::d:
      operand = read(args.d);
      shape.dtype = problem.epilogue.out, shape.extent = {n, m};
      break;
    case OperandId::aux:
      operand = read(args.aux);
      shape.dtype = problem.epilogue.out, shape.extent = {problem.epilogue.gated ? 2 * n : n, m};
      break;
  }
  shape.base = operand.data;
  shape.row_bytes = static_cast<std::uint64_t>(operand.ld) * static_cast<std::uint64_t>(size_of(shape.dtype));
  shape.box = {static_cast<std::uint32_t>(spec.box_inner), static_cast<std::uint32_t>(spec.box_outer)};
  if (spec.operand == OperandId::a_tail) shape.box[1] = static_cast<std::uint32_t>(tail_rows(spec, args.m));
  shape.swizzle_bytes = spec.swizzle_bytes;
  if (spec.packed_at) {
    shape.base = static_cast<const char*>(workspace) + spec.packed_at;
    shape.row_bytes =
        static_cast<std::uint64_t>(packed_row_bytes(static_cast<std::int64_t>(shape.extent[0]), size_of(shape.dtype)));
  }
  return shape;
}

std::uint64_t tensor_map_form(const TensorMapSpec& spec, const Problem& problem, int compute) {
  const bool output = spec.operand == OperandId::d || spec.operand == OperandId::aux;
  const bool of_a = spec.operand == OperandId::a || spec.operand == OperandId::a_tail;
  const Major major = of_a ? problem.a_major : problem.b_major;
  std::uint64_t form = 1;
  const auto add = [&](int bits, auto value) { form = form << bits | static_cast<std::uint64_t>(value); };
  add(3, spec.operand), add(2, output ? problem.epilogue.out : problem.in), add(1, !output && major == Major::mn);
  add(1, spec.operand == OperandId::aux && problem.epilogue.gated), add(1, spec.packed_at != 0);
  add(8, spec.swizzle_bytes), add(10, spec.box_inner), add(10, spec.box_outer), add(10, spec.tile_rows), add(8, compute);
  return form;
}

const CUtensorMap* TensorMaps::keep(OperandId operand, const TensorMapKey& key, const CUtensorMap& map) {
  Table& table = tables_[static_cast<std::size_t>(operand)];
  if (table.used == kMost) {
    std::ranges::fill(table.keys, TensorMapKey());
    table.used = 0;
  }
  std::size_t i = first(key);
  while (table.keys[i].form) i = next(i);
  ++table.used;
  table.keys[i] = key;
  return &(table.maps[i] = map);
}

namespace {

constinit thread_local TensorMaps* maps = nullptr;
constinit thread_local bool ended = false;

}  // namespace

// A thread's last calls may come from destructors that run after this one.
TensorMaps* TensorMaps::of_thread() {
  if (maps || ended) [[likely]]
    return maps;
  struct Owner {
    ~Owner() {
      if (maps) ::munmap(std::exchange(maps, nullptr), sizeof *maps);
      ended = true;
    }
  };
  static thread_local const Owner owner;
  static_cast<void>(owner);
  void* const pages = ::mmap(nullptr, sizeof *maps, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return maps = pages == MAP_FAILED ? nullptr : static_cast<TensorMaps*>(pages);
}

}  // namespace ak
