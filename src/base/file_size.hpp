// How large this process may write a file: to write beyond it would end the process (SIGXFSZ).
#pragma once

#include <sys/resource.h>

#include <cstdint>

namespace ak {

/// Else a write fails with EFBIG, or its signal ends the process.
inline bool file_may_grow_to(std::uint64_t bytes) {
  rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || bytes <= limit.rlim_cur;
}

}  // namespace ak
