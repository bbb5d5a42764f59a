#include "core/bucket.hpp"

#include <fmt/format.h>

#include <limits>

namespace ak {

TokenRange bucket_of(std::int64_t m) {
  if (m <= 2) return {m, m};
  std::int64_t octave = 2;
  while (2 * octave < m) octave *= 2;
  const std::int64_t step = octave / (octave >= 512 ? 8 : octave >= 128 ? 4 : octave >= 64 ? 2 : 1);
  const std::int64_t from = octave + (m - octave - 1) / step * step;
  return {from + 1, from + step};
}

std::vector<TokenRange> buckets_of(const TokenRange& tokens) {
  std::vector<TokenRange> buckets;
  for (std::int64_t m = tokens.to; m >= tokens.from && m >= 1; m = buckets.back().from - 1) buckets.push_back(bucket_of(m));
  return buckets;
}

void check_tokens(const TokenRange& tokens) {
  const auto bad = [&](const char* why) {
    throw Error(ErrorCode::invalid_argument, fmt::format("tokens: {} to {}: {}", tokens.from, tokens.to, why));
  };
  if (tokens.from < 1) bad("the least is 1");
  if (tokens.to < tokens.from) bad("the range is empty or reversed");
  if (tokens.to > std::numeric_limits<std::int32_t>::max()) bad("over 2^31 - 1");
}

}  // namespace ak
