// How the budget of a search is shared out over buckets.
//
// A range of token counts is searched for from its last bucket down. Neighbours are alike: each begins with what was found
// before, and what it tries first was compiled while others were timed. So a Llama model's four products, for 1 to 512 tokens,
// are tuned in half a minute: 4 x 3 s x (0.5 + 16 x 0.12) = 29 s.
#pragma once

#include <algorithm>

namespace ak {

constexpr double kFirstShare = 0.5;       // of the budget, for the first of a range of buckets,
constexpr double kNeighbourShare = 0.12;  //   and for each that follows
constexpr double kLeastShare = 0.2;       // seconds: in less nothing can be proven and timed

constexpr double kEndShare = 0.15;   // of a bucket's seconds, for its other end
constexpr double kLeastEnd = 0.25;   // seconds, if that is
constexpr double kMostOfEnd = 0.45;  //   no more than so much of them

/// What a search has of a budget, in seconds.
inline double seconds_of(double share, double budget) { return std::min(budget, std::max(share * budget, kLeastShare)); }

/// Of them, what is kept for the bucket's other end.
inline double end_of(double seconds) { return std::max(kEndShare * seconds, std::min(kLeastEnd, kMostOfEnd * seconds)); }

}  // namespace ak
