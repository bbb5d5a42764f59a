#include "proof/layout.hpp"

#include "base/arithmetic.hpp"

namespace ak {
namespace {

// Appends a region to the block and moves `end` behind it.
Region place(std::int64_t& end, std::int64_t rows, std::int64_t cols, DType type, int align, Spacing spacing,
             std::int64_t guard, std::int64_t more = 0) {
  const std::int64_t size = size_of(type), step = std::max<std::int64_t>(align, size) / size;
  Region r;
  r.rows = rows, r.cols = cols, r.type = type;
  r.ld = round_up(spacing == Spacing::tight ? cols : cols + 5 + more * step, step);
  const std::int64_t before = round_up(guard, 256) / size;
  // A stride better than the class leaves it to the pointer to be of the class.
  const bool shifted = align < 16 && (r.ld * size) % (2 * align) == 0;
  r.first = before + (shifted ? step : 0);
  r.elements = round_up((r.last() + before) * size, 256) / size;
  r.begin = end;
  end += r.bytes();
  return r;
}

// A vector at an address of exactly so many bytes, whatever its length.
Region place_vector(std::int64_t& end, std::int64_t elements, DType type, int align, std::int64_t guard) {
  const std::int64_t size = size_of(type);
  Region r;
  r.rows = 1, r.cols = r.ld = elements, r.type = type;
  r.first = round_up(guard, 256) / size + (align < 16 ? align / size : 0);
  r.elements = round_up((r.last() + round_up(guard, 256) / size) * size, 256) / size;
  r.begin = end;
  end += r.bytes();
  return r;
}

void* at(std::uint64_t base, const Region& r, std::int64_t more = 0) {
  return r.elements ? reinterpret_cast<void*>(base + r.begin + (r.first + more) * size_of(r.type)) : nullptr;
}

}  // namespace

Layout make_layout(const Problem& p, Spacing spacing, std::int64_t guard) {
  const auto& e = p.epilogue;
  Layout l;
  std::int64_t end = 0;
  l.a = p.a_major == Major::k ? place(end, p.m, p.k, p.in, p.align_a, spacing, guard)
                              : place(end, p.k, p.m, p.in, p.align_a, spacing, guard);
  const bool k_rows = p.b_major == Major::k;
  const bool packed = e.gated && spacing == Spacing::tight && (k_rows || p.n * size_of(p.in) % p.align_b == 0);
  const std::int64_t columns = packed ? 2 * p.n : p.n;
  for (Region* b : {&l.b, &l.b2})
    if (b == &l.b || (e.gated && !packed))
      *b = k_rows ? place(end, columns, p.k, p.in, p.align_b, spacing, guard)
                  : place(end, p.k, columns, p.in, p.align_b, spacing, guard);
  if (e.has_c) l.c = place(end, p.m, p.n, e.out, p.align_c, spacing, guard);
  // A caller's bias and scales lie anywhere.
  const auto vector = [&](std::int64_t elements, DType type) {
    return place_vector(end, elements, type, spacing == Spacing::tight ? 16 : size_of(type), guard);
  };
  if (e.bias != BiasAxis::none) l.bias = vector(e.bias == BiasAxis::column ? p.wide_n() : p.m, e.bias_dtype);
  if (e.row_scale) l.row_scale = vector(p.m, DType::f32);
  if (e.column_scale) l.column_scale = vector(p.wide_n(), DType::f32);
  l.d = place(end, p.m, p.n, e.out, p.align_d, spacing, guard, 1);  // never C's leading dimension
  if (e.aux) l.aux = place(end, p.m, p.wide_n(), e.out, p.align_d, spacing, guard, 2);
  l.bytes = end;
  return l;
}

CallArgs Layout::args(const Problem& p, std::uint64_t base) const {
  CallArgs args;
  args.a.data = at(base, a), args.b.data = at(base, b), args.c.data = at(base, c), args.d.data = at(base, d),
  args.bias = at(base, bias);
  args.aux.data = at(base, aux), args.row_scale = static_cast<const float*>(at(base, row_scale)),
  args.column_scale = static_cast<const float*>(at(base, column_scale));
  if (p.epilogue.gated) args.b2.data = b2.elements ? at(base, b2) : at(base, b, p.b_major == Major::k ? p.n * b.ld : p.n);
  args.a.ld = a.ld, args.b.ld = args.b2.ld = b.ld, args.c.ld = c.ld, args.d.ld = d.ld, args.aux.ld = aux.ld;
  args.m = static_cast<int>(p.m), args.n = static_cast<int>(p.n), args.k = static_cast<int>(p.k);
  args.alpha = 1;
  return args;
}

}  // namespace ak
