// Buckets of token counts: an engine calls one layer with ever other m, and one tuned kernel serves all of a bucket's.
//
// Nothing that is compiled depends on m, and a plan's geometry is computed for each m (families/family.hpp), so a bucket is no
// kernel of its own but a tactic that a record lends to its neighbours: its last m is tuned, its first one timed against
// cuBLASLt (context/widen.hpp), and every m between is served by the same tactic with a grid of its own.
//
// The edges: skinny and swap_ab kernels have tiles of a power of two tokens, and up to 64 of them the weights' way from memory
// hides what is multiplied in vain. From there the tensor cores count: a bucket is half an octave wide up to 128, a quarter
// up to 512, and beyond, where the last wave's waste counts too, an eighth. By the cost model that loses 1 to 2 % against the
// best tactic of each m, 9 % at worst up to 512 (tests/unit/test_bucket.cpp asks it).
#pragma once

#include <cstdint>
#include <vector>

#include "ak/tokens.hpp"
#include "core/problem.hpp"

namespace ak {

/// The bucket of m >= 1: {1, 1}, {2, 2}, {3, 4}, ..., {33, 64}, {65, 96}, {97, 128}, {129, 160}, ... {449, 512}, {513, 576},
/// ...
TokenRange bucket_of(std::int64_t m);

/// The buckets that hold any of these, the last first: each is searched for with what its larger neighbour found at hand.
std::vector<TokenRange> buckets_of(const TokenRange& tokens);

/// The same problem with other rows.
inline Problem with_tokens(Problem problem, std::int64_t m) {
  problem.m = m;
  return problem;
}

/// Throws Error{invalid_argument} where there is no token in it or it is reversed.
void check_tokens(const TokenRange& tokens);

}  // namespace ak
