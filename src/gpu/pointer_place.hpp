// Where the memory behind a pointer lies, as the driver says.
#pragma once

#include <cstdint>

namespace ak {

struct PointerPlace {
  bool device = false;      // kernels reach it: device memory, or managed
  bool managed = false;     // so does the host
  bool for_good = false;    // at its address nothing will lie but memory of cuMemAlloc
  std::int64_t behind = 0;  // device: bytes from the pointer to the end of its memory
};

/// One question to the driver where this thread knows the buffer already, three else. Never wrong: what is remembered is by the
/// buffer's number, which no later one gets, and not by its address, which managed, pooled and mapped memory leave to the
/// host's. Legal during a capture.
PointerPlace place_of(const void* pointer);

}  // namespace ak
