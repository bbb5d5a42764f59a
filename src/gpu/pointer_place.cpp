#include "gpu/pointer_place.hpp"

#include <cstddef>
#include <iterator>
#include <limits>

#include "gpu/driver.hpp"

namespace ak {

namespace {

struct NamedBuffer {
  unsigned long long number = 0;  // 0: none
  CUdeviceptr begin = 0;
  std::size_t bytes = 0;  // 0: not known
  bool device = false, managed = false, for_good = false;
};

template <std::size_t count>
bool ask(CUdeviceptr at, CUpointer_attribute (&which)[count], void* (&into)[count]) {
  return driver().cuPointerGetAttributes(count, which, into, at) == CUDA_SUCCESS;
}

// What is not to be had is 0.
NamedBuffer buffer_of(CUdeviceptr at, unsigned long long number, unsigned type) {
  NamedBuffer buffer;
  buffer.number = number;
  unsigned managed = 0, allocated = 0;
  CUpointer_attribute range[] = {CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, CU_POINTER_ATTRIBUTE_RANGE_SIZE};
  void* into_range[] = {&buffer.begin, &buffer.bytes};
  if (!ask(at, range, into_range)) buffer.bytes = 0;
  CUpointer_attribute kinds[] = {CU_POINTER_ATTRIBUTE_IS_MANAGED, CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE};
  void* into_kinds[] = {&managed, &allocated};
  if (!ask(at, kinds, into_kinds)) managed = allocated = 0;
  buffer.device = type == CU_MEMORYTYPE_DEVICE || managed, buffer.managed = managed;
  buffer.for_good = type == CU_MEMORYTYPE_DEVICE && !managed && allocated;
  return buffer;
}

}  // namespace

PointerPlace place_of(const void* pointer) {
  const auto at = reinterpret_cast<CUdeviceptr>(pointer);
  unsigned type = 0;
  unsigned long long number = 0;
  CUpointer_attribute both[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_BUFFER_ID};
  void* into[] = {&type, &number};
  if (!ask(at, both, into)) [[unlikely]] {  // of no buffer with a number
    CUpointer_attribute kind[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE};
    void* into_kind[] = {&type};
    number = 0;
    if (!ask(at, kind, into_kind)) return {};
  }
  if (type == 0) return {};  // the driver does not know it
  thread_local NamedBuffer lately[32];
  NamedBuffer& known = lately[number % std::size(lately)];
  if (number == 0 || known.number != number) [[unlikely]]
    known = buffer_of(at, number, type);
  if (!known.device) return {};
  const std::size_t bytes = known.bytes;
  return {true, known.managed, known.for_good,
          bytes == 0 ? std::numeric_limits<std::int64_t>::max() : static_cast<std::int64_t>(known.begin + bytes - at)};
}

}  // namespace ak
