#include "port/proof/judge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace ak::port {

using loop::ScalarType;

namespace {

bool same_bits_at(const Memory& a, const Memory& b, std::int64_t at) {
  const auto size = static_cast<std::size_t>(size_of(a.type));
  const std::size_t offset = static_cast<std::size_t>(at) * size;
  if (std::memcmp(a.first() + offset, b.first() + offset, size) == 0) return true;
  return is_real(a.type) && std::isnan(a.real(at)) && std::isnan(b.real(at));
}

bool both_zero(const Memory& a, const Memory& b, std::int64_t at) {
  return is_real(a.type) && a.real(at) == 0 && b.real(at) == 0;
}

bool same_bits_in(const Memory& a, const Memory& b) {
  return a.elements == 0 || std::memcmp(a.first(), b.first(), static_cast<std::size_t>(a.elements * size_of(a.type))) == 0;
}

std::string shown(const Memory& memory, std::int64_t at) {
  return is_real(memory.type) ? fmt::format("{:.9g}", memory.real(at)) : fmt::format("{}", memory.integer(at));
}

/// Whether every argument in it is an input.
bool is_input(const Case& given, int memory) {
  return std::all_of(given.arguments.begin(), given.arguments.end(),
                     [&](const Argument& one) { return !one.pointer || one.memory != memory || one.constant; });
}

/// So near to overflow that partial results of another order may have got there, and from there to no number.
bool near_overflow(double value, ScalarType type) {
  const double most = type == ScalarType::f64 ? std::numeric_limits<double>::max() : std::numeric_limits<float>::max();
  return std::abs(value) >= std::ldexp(most, -32);
}

bool near_overflow(const Memory& memory, std::int64_t at) {
  const int bits = memory.type == ScalarType::i32 ? 30 : 62;
  return std::abs(static_cast<double>(memory.integer(at))) >= std::ldexp(1.0, bits);
}

/// What such a value may have become: no number, or an infinity; but one is not the other one's.
bool has_overflowed(double value, double c, double in_double, ScalarType type) {
  if (!near_overflow(c, type) && !near_overflow(in_double, type)) return false;
  return std::isnan(value) || (std::isinf(value) && !std::isinf(c));
}

}  // namespace

double bound(double c, double in_double, ScalarType type) {
  const double least = type == ScalarType::f64 ? 1e-9 : 1e-3;
  if (c == in_double || (std::isnan(c) && std::isnan(in_double)))
    return std::isfinite(c) ? least * (1 + std::abs(in_double)) : 0;
  const double apart = std::abs(c - in_double);
  if (!std::isfinite(apart)) return HUGE_VAL;
  return std::max(least * (1 + std::abs(in_double)), 8 * apart);
}

Judgement judge(const Case& given, const Expected& expected, const std::vector<Memory>& got, bool same_bits) {
  Judgement judgement;
  std::map<std::string, std::int64_t> loose;
  const auto fail = [&](std::string why) {
    judgement.fault = std::move(why);
    return judgement;
  };
  for (int m = 0; m < static_cast<int>(given.memories.size()); ++m) {
    const Memory &before = given.memories[m], &after = got[m], &c = expected.c[m], &d = expected.in_double[m];
    if (!after.guards_intact())
      return fail(fmt::format("something was written before or behind {}", element_name(given, m, 0)));
    if (is_input(given, m)) {
      if (same_bits_in(before, after)) continue;
      for (std::int64_t i = 0; i < before.elements; ++i)
        if (!same_bits_at(before, after, i))
          return fail(fmt::format("{}, an input, was changed to {}", element_name(given, m, i), shown(after, i)));
      continue;
    }
    judgement.compared += c.elements;
    if (same_bits_in(after, c)) continue;
    for (std::int64_t i = 0; i < c.elements; ++i) {
      if (same_bits_at(after, c, i) || (expected.either_zero && both_zero(after, c, i))) continue;
      const auto wrong = [&](const std::string& why) {
        return fail(fmt::format("{} is {}, not {}{}", element_name(given, m, i), shown(after, i), shown(c, i), why));
      };
      bool weak = false;
      if (!is_real(c.type)) {
        // An integer that rounding decides may be either.
        if (same_bits || after.integer(i) != d.integer(i))
          return wrong(near_overflow(after, i) || near_overflow(c, i) ? fmt::format(" ({})", kOverflow) : "");
        weak = true;
      } else {
        if (same_bits && after.real(i) == c.real(i)) return wrong(" (by the sign of zero)");
        if (same_bits) return wrong(" (equal bits are due)");
        const double value = after.real(i), allowed = bound(c.real(i), d.real(i), c.type);
        const bool overflowed = has_overflowed(value, c.real(i), d.real(i), c.type);
        if (!std::isinf(allowed) && !overflowed && !(std::abs(value - d.real(i)) <= allowed))
          return wrong(fmt::format(" (in double {:.9g}, bound {:.3g})", d.real(i), allowed));
        // What is near by its own measure is evidence, however far it might have been.
        const double size = std::abs(d.real(i));
        weak = std::isinf(allowed) || overflowed || (allowed > size && !(std::abs(value - d.real(i)) <= 0.01 * size));
      }
      if (!weak) continue;
      ++judgement.loose;
      ++loose[element_name(given, m, i).substr(0, element_name(given, m, i).find('['))];
    }
  }
  std::int64_t most = 0;
  for (const auto& [array, count] : loose)
    if (count > most) most = count, judgement.loosest = array;
  return judgement;
}

std::optional<std::string> differs(const Case& given, const std::vector<Memory>& left, const std::vector<Memory>& right,
                                   bool either_zero) {
  for (int m = 0; m < static_cast<int>(given.memories.size()); ++m) {
    if (same_bits_in(left[m], right[m])) continue;
    for (std::int64_t i = 0; i < left[m].elements; ++i)
      if (!same_bits_at(left[m], right[m], i) && !(either_zero && both_zero(left[m], right[m], i)))
        return fmt::format("{} is {} and {}", element_name(given, m, i), shown(left[m], i), shown(right[m], i));
  }
  return std::nullopt;
}

}  // namespace ak::port
