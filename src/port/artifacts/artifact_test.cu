namespace ak {

// How far from the C function's value `c`, which is `d` in double.
double bound(double c, double d, Type type) {
  const double least = type == f64 ? 1e-9 : 1e-3;
  if (c == d || (isnan(c) && isnan(d))) return isfinite(c) ? least * (1 + fabs(d)) : 0;
  const double apart = fabs(c - d);
  return isfinite(apart) ? std::max(least * (1 + fabs(d)), 8 * apart) : HUGE_VAL;
}

// So near to overflow that partial results of another order may have got there, and from there to no number; but one infinity
// is not the other one's.
bool has_overflowed(double value, double c, double d, Type type) {
  const double near = ldexp(type == f64 ? 1.7976931348623157e308 : 3.4028234663852886e38, -32);
  return (fabs(c) >= near || fabs(d) >= near) && (isnan(value) || (isinf(value) && !isinf(c)));
}

struct Tally {
  long long compared = 0, other_bits = 0;
  long long loose = 0;  // accepted, and no evidence: any result would have been near enough
};

/// Prints what is wrong, if anything is.
bool right(const Function& function, const Case& of, const std::vector<Memory>& before, const std::vector<Memory>& got,
           const std::vector<Memory>& c, const std::vector<Memory>& in_double, bool bits, Tally& tally) {
  for (size_t m = 0; m < got.size(); ++m) {
    if (!got[m].guards_intact()) {
      printf("%s: wrong (%s): something was written outside of an array\n", function.name, of.name);
      return false;
    }
    const bool written = is_written(function, of, m);
    const Memory& due = written ? c[m] : before[m];
    const bool real = is_real(due.type);
    for (long long i = 0; i < due.elements; ++i) {
      tally.compared += written;
      if (memcmp(got[m].at(i), due.at(i), static_cast<size_t>(size_of(due.type))) == 0) continue;
      const double value = got[m].real(i), expected = due.real(i), d = in_double[m].real(i);
      if (real && isnan(value) && isnan(expected)) continue;
      ++tally.other_bits;
      // An integer that rounding decides may be either.
      const double allowed = bits || !written ? -1 : real ? bound(expected, d, due.type) : 0;
      const bool overflowed = real && has_overflowed(value, expected, d, due.type);
      const bool close = real ? isinf(allowed) || overflowed || fabs(value - d) <= allowed
                              : got[m].integer(i) == in_double[m].integer(i);
      if (allowed >= 0 && close) {
        // What is near by its own measure is evidence, however far it might have been.
        tally.loose += !real || isinf(allowed) || overflowed || (allowed > fabs(d) && !(fabs(value - d) <= 0.01 * fabs(d)));
        continue;
      }
      const char* name = "?";
      long long at = i;
      for (int p = function.count - 1; p >= 0; --p) {
        const Argument& one = of.arguments[p];
        if (!function.parameters[p].pointer || static_cast<size_t>(one.memory) != m || i < one.offset ||
            i >= one.offset + one.elements)
          continue;
        name = function.parameters[p].name, at = i - one.offset;
      }
      printf("%s: wrong (%s): %s[%lld] is %.9g, not %.9g", function.name, of.name, name, at, value, expected);
      if (!written)
        printf(" (an input)\n");
      else if (allowed < 0)
        printf(" (equal bits are due)\n");
      else
        printf(" (in double %.9g, bound %.3g)\n", d, allowed);
      return false;
    }
  }
  return true;
}

}  // namespace ak

int main(int count, char** words) {
  const bool asked = count == 2 && strcmp(words[1], "bits") == 0, bits = asked && kFunction.same_bits;
  if (count > 1 && !asked) {
    printf("usage: %s [bits]   bits: equal ones, where nothing is computed in another order\n", words[0]);
    return 1;
  }
  ak::Tally tally;
  int done = 0, weak = 0;
  for (const ak::Case& of : kCases) {
    const std::vector<ak::Memory> before = make_memories(kFunction, of);
    std::vector<ak::Memory> c = before, got = before, in_double;
    for (const ak::Memory& memory : before) in_double.push_back(memory.in_double());
    kFunction.c(ak::Call(kFunction, of, bases(c)).args());
    kFunction.c_in_double(ak::Call(kFunction, of, bases(in_double), true).args());
    ak::Device device(kFunction, of, got, false);
    device.copy_in();
    device.launch();
    device.copy_out(got, true);
    ak::Tally mine;
    if (!right(kFunction, of, before, got, c, in_double, bits, mine)) return 1;
    ++done;
    weak += mine.loose * 50 > mine.compared;
    tally.other_bits += mine.other_bits;
  }
  printf("%s: right %d/%d", kFunction.name, done, done);
  if (tally.other_bits > 0)
    printf(", within the bound; %lld elements of other bits", tally.other_bits);
  else
    printf(", equal bits");
  if (weak > 0) printf("; %d cases say little, as the C function itself is ill-conditioned there", weak);
  printf("\n");
  return 0;
}
