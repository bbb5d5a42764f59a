// Is what a kernel left right? Compared with what the C function left, within a bound that the function's own conditioning
// gives.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "port/cases/case.hpp"

namespace ak::port {

/// What to do where C and a kernel differ for that.
inline constexpr const char* kOverflow = "an integer that overflows is undefined in C: -- -fwrapv makes it wrap around";

/// What a case must leave in its memories.
struct Expected {
  std::vector<Memory> c;          // by the C function
  std::vector<Memory> in_double;  // by the same function compiled in double; f32 memories are f64
  bool either_zero = false;       // it has zeros of which C leaves the sign open
};

struct Judgement {
  std::string fault;          // empty: right; else "b[5] is 2, not 1 (bound 0.001)"
  std::int64_t compared = 0;  // elements of arrays that are no inputs
  std::int64_t loose = 0;     // accepted far off, by a bound above the value itself: they prove nothing
  std::string loosest;        // the array that most of these are in

  bool right() const { return fault.empty(); }
  /// Too much of it was judged loosely for the case to count as evidence.
  bool weak() const { return loose * 50 > compared; }
};

/// How far a value may be from the C function's `c`, where the function in double gives `in_double`: max(1e-3 (1 + |d|), 8 |c -
/// d|), and 1e-9 in place of 1e-3 where the C function itself computes in double. 0 where both are the same infinity, or no
/// numbers; infinity, and anything goes, where only one is.
double bound(double c, double in_double, loop::ScalarType type);

/// `got`: the case's memories after the kernel. same_bits: of every value; a NaN is as good as another. Integers are equal,
/// inputs and guard bands untouched in any case. Without same_bits, what comes within 2^-32 of the largest number may have
/// overflowed: that is accepted, and proves nothing.
Judgement judge(const Case& given, const Expected& expected, const std::vector<Memory>& got, bool same_bits);

/// The first difference in bits between what two runs of a case left, for a person; nothing when there is none. NaNs are equal,
/// with either_zero zeros of both signs too.
std::optional<std::string> differs(const Case& given, const std::vector<Memory>& left, const std::vector<Memory>& right,
                                   bool either_zero = false);

}  // namespace ak::port
