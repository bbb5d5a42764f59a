// What a store keeps, and what it refuses to read.
#pragma once

#include <cstddef>

namespace ak {

constexpr std::size_t kTrialsKept = 4096;                      // per problem and device, the newest
constexpr std::size_t kMaxCubinBytes = std::size_t{64} << 20;  // uncompressed
constexpr std::size_t kFirstMapBytes = std::size_t{16} << 20;  // doubled whenever it is full
constexpr std::size_t kLastMapBytes = std::size_t{64} << 30;

}  // namespace ak
