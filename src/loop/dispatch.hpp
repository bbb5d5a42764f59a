// Which is faster for where a call's data lies: a kernel, or the C function.
#pragma once

#include "loop/winner.hpp"

namespace ak::loop {

/// Copies out and in again are not timed in every place: a margin keeps what is uncertain on the GPU.
constexpr double kInPlaceMargin = 0.8;

/// Of a call by the kernel on arrays in the host's memory; from its parts where none was timed whole.
inline double moved_us(const SizeRow& row) {
  return row.moved_us > 0 ? row.moved_us : row.copy_in_us + row.kernel_us + row.copy_out_us;
}

/// Whether the C function is expected to be, the copies of the other way counted. What was not timed serves where the data is.
inline bool host_is_faster(const SizeRow& row, bool on_host) {
  if (row.host_us <= 0 || row.kernel_us <= 0) return on_host;
  if (on_host) return row.host_us + row.call_us <= moved_us(row);
  return row.copy_out_us + row.host_us + row.copy_in_us < kInPlaceMargin * row.kernel_us;
}

}  // namespace ak::loop
