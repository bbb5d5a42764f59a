// A number that a caller may keep on the host or in device memory.
#pragma once

#include "ak/types.hpp"

namespace ak {

/// Whether the driver knows the pointer as device memory, managed memory too; false where there is no driver.
bool in_device_memory(const void* pointer);

/// The float that `pointer` points to. In device memory it is read behind the work that is on the stream, and awaited. Throws
/// Error{invalid_argument} for null, Error{unsupported} where it would have to be awaited and the stream is captured.
float read_scalar(const void* pointer, Stream stream, const char* name);

}  // namespace ak
