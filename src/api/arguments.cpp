#include "api/arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <limits>

#include "core/activation.hpp"

namespace ak {
namespace {

template <class... Args>
[[noreturn, gnu::cold, gnu::noinline]] void refuse(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}
constexpr auto kInvalid = ErrorCode::invalid_argument;
constexpr auto kUnsupported = ErrorCode::unsupported;
constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();

// A ConstMatrix or a Matrix, as it came: a call's matrices are copied nowhere.
template <class T>
concept View = std::same_as<T, ConstMatrix> || std::same_as<T, Matrix>;

// A matrix, or its transpose, as it lies in memory: `lines` runs of `width` contiguous elements, `ld` elements apart.
struct Lines {
  std::int64_t width = 0, lines = 0, ld = 0, size = 0;
  std::uintptr_t begin = 0;  // 0: there is none, or nobody said where

  Lines() = default;
  Lines(const View auto& x) : Lines(x, x.cols) {}
  // Its first columns.
  Lines(const View auto& x, std::int64_t cols)
      : width(x.order == Order::row ? cols : x.rows),
        lines(x.order == Order::row ? x.rows : cols),
        ld(x.ld),
        size(size_of(x.dtype)),
        begin(reinterpret_cast<std::uintptr_t>(x.data)) {}
  // A vector.
  Lines(const void* data, std::int64_t elements, DType dtype)
      : width(elements), lines(1), ld(elements), size(size_of(dtype)), begin(reinterpret_cast<std::uintptr_t>(data)) {}

  std::uintptr_t end() const { return begin + static_cast<std::uintptr_t>(((lines - 1) * ld + width) * size); }
  // The distance between lines; with one line there is none, and any multiple of 16 bytes that covers it will do.
  std::int64_t pitch() const {
    const std::int64_t unit = 16 / size;
    return lines > 1 ? ld : (width + unit - 1) & -unit;  // no division
  }
  std::uint8_t alignment() const {
    const auto bits = begin | static_cast<std::uintptr_t>(pitch() * size) | 16;
    return static_cast<std::uint8_t>(bits & (~bits + 1));
  }
};

[[gnu::cold, gnu::noinline]] void refuse_size(const char* name, const View auto& x) {
  if (x.rows < 0 || x.cols < 0) refuse(kInvalid, "{}: negative size {} x {}", name, x.rows, x.cols);
  if (x.batch < 0) refuse(kInvalid, "{}: a batch of {} matrices", name, x.batch);
  if (x.batch != 1) refuse(kUnsupported, "{}: a batch of {} matrices is not served yet, only of 1", name, x.batch);
  refuse(kUnsupported, "{}: {} x {} has a dimension over 2^31 - 1", name, x.rows, x.cols);
}

[[gnu::cold, gnu::noinline]] void check_far_end(const char* name, const Lines& lines) {
  std::int64_t elements = 0;
  if (__builtin_mul_overflow(std::max<std::int64_t>(lines.lines, 1), lines.ld, &elements) ||
      elements > std::numeric_limits<std::int64_t>::max() / 8)
    refuse(kInvalid, "{}: leading dimension {} puts its end outside any memory", name, lines.ld);
}

Lines check_shape(const char* name, const View auto& x) {
  dtype_of(static_cast<int>(x.dtype), name), order_of(static_cast<int>(x.order), name);
  if (static_cast<std::uint64_t>(x.rows | x.cols) > kLargest || x.batch != 1) refuse_size(name, x);
  const Lines lines(x);
  if (x.ld < lines.width)
    refuse(kInvalid, "{}: leading dimension {} is less than its {} contiguous elements", name, x.ld, lines.width);
  if (x.ld >> 28) [[unlikely]]  // else less than 2^31 lines of it end below 2^59 elements
    check_far_end(name, lines);
  return lines;
}

[[gnu::cold, gnu::noinline]] void refuse_data(const char* name, const void* data, DType dtype) {
  if (!data) refuse(kInvalid, "{}: data is null", name);
  refuse(kInvalid, "{}: data {} is not aligned to its {} bytes of {}", name, data, size_of(dtype), ak::name(dtype));
}

void check_data(const char* name, const void* data, DType dtype, Pointers required) {
  const bool absent = !data && required == Pointers::required;
  if (absent || (reinterpret_cast<std::uintptr_t>(data) & static_cast<unsigned>(size_of(dtype) - 1)) != 0)
    refuse_data(name, data, dtype);
}

// Of ranges that meet: whether they lie side by side in lines of the same pitch.
[[gnu::noinline]] bool side_by_side(const Lines& x, const Lines& y) {
  // A single line has no pitch of its own and takes the other's.
  const std::int64_t x_pitch = x.ld * x.size, y_pitch = y.ld * y.size;
  if (x.lines > 1 && y.lines > 1 && x_pitch != y_pitch) return false;
  const auto pitch = static_cast<std::uintptr_t>(x.lines > 1 ? x_pitch : y_pitch);
  const Lines &first = x.begin <= y.begin ? x : y, &second = x.begin <= y.begin ? y : x;
  const auto offset = (second.begin - first.begin) % pitch;
  return static_cast<std::uintptr_t>(first.width * first.size) <= offset &&
         offset + static_cast<std::uintptr_t>(second.width * second.size) <= pitch;
}

// Whether two views surely share no byte.
bool disjoint(const Lines& x, const Lines& y) { return x.end() <= y.begin || y.end() <= x.begin || side_by_side(x, y); }

void check_c(const ConstMatrix& c, const Matrix& d, Pointers required, const ArgumentNames& names) {
  check_shape(names.c, c);
  if (c.rows != d.rows || c.cols != d.cols)
    refuse(kInvalid, "{}: {} x {} differs from {}'s {} x {}", names.c, c.rows, c.cols, names.d, d.rows, d.cols);
  if (c.dtype != d.dtype)
    refuse(kUnsupported, "{}: dtype {} differs from {}'s {}", names.c, name(c.dtype), names.d, name(d.dtype));
  if (c.order != d.order) refuse(kUnsupported, "{}: its storage order differs from {}'s", names.c, names.d);
  check_data(names.c, c.data, c.dtype, required);
  if (!c.data || !d.data) return;
  const bool same = c.data == d.data && Lines(c).pitch() == Lines(d).pitch();
  if (!same && !disjoint(c, d)) refuse(kInvalid, "{}: overlaps {} without being it", names.c, names.d);
}

// What a call writes; of no aux, an empty one.
struct Written {
  Lines d, aux;
};

// A matrix that is read; it may not lie in what is written.
void check_apart(const char* name, const Lines& x, const Written& written, const ArgumentNames& names) {
  if (!x.begin) return;
  if (written.d.begin && !disjoint(x, written.d)) refuse(kInvalid, "{}: overlaps {}", names.d, name);
  if (written.aux.begin && !disjoint(x, written.aux)) refuse(kInvalid, "{}: overlaps {}", names.aux, name);
}

// A vector of `elements`, likewise.
void check_vector(const char* name, const void* data, std::int64_t elements, DType dtype, const Written& written,
                  const ArgumentNames& names) {
  check_data(name, data, dtype, Pointers::optional);
  const Lines vector(data, elements, dtype);
  if (written.d.begin && !disjoint(vector, written.d)) refuse(kInvalid, "{}: overlaps {}", name, names.d);
  if (written.aux.begin && !disjoint(vector, written.aux)) refuse(kInvalid, "{}: overlaps {}", name, names.aux);
}

bool given(const View auto& x) { return x.data || x.rows || x.cols; }

// The shapes of a product with B, and of a gated one with two: D has half of a packed B's columns.
void check_product(const ConstMatrix& a, const ConstMatrix& b, const Matrix& d, const Epilogue& e, const ArgumentNames& names) {
  if (a.cols != b.rows) refuse(kInvalid, "{}: its {} rows differ from {}'s {} columns", names.b, b.rows, names.a, a.cols);
  if (d.rows != a.rows) refuse(kInvalid, "{}: its {} rows differ from {}'s {} rows", names.d, d.rows, names.a, a.rows);
  if (a.dtype == DType::f32) refuse(kUnsupported, "{}: f32 inputs are not served, only f16 and bf16", names.a);
  if (a.dtype != b.dtype)
    refuse(kUnsupported, "{}: dtype {} differs from {}'s {}", names.b, name(b.dtype), names.a, name(a.dtype));
  const bool packed = e.gated && !given(e.up);
  if (e.gated && !packed && b.cols == 2 * d.cols && d.cols > 0)
    refuse(kInvalid,
           "{}: given, though {} is {} x {}, as wide as gate and up together; with it, {} is the gate's {} x {} alone",
           names.up, names.b, b.rows, b.cols, names.b, b.rows, d.cols);
  if (packed && b.cols != 2 * d.cols)
    refuse(kInvalid, "{}: has {} columns, a gated product needs {} (twice {}'s {}), or set {}", names.b, b.cols, 2 * d.cols,
           names.d, d.cols, names.up);
  if (!packed && b.cols != d.cols)
    refuse(kInvalid, "{}: its {} columns differ from {}'s {} columns", names.d, d.cols, names.b, b.cols);
  if (!e.gated && given(e.up)) refuse(kInvalid, "{}: given, but epilogue.gated is not set", names.up);
  if (!e.gated) return;
  if (d.order == Order::col) refuse(kUnsupported, "{}: a gated product is stored row-major, not column-major", names.d);
  if (e.beta != 0) refuse(kUnsupported, "{}: a gated product has none, beta must be 0, not {}", names.c, e.beta);
  if (2 * d.cols > kLargest) refuse(kUnsupported, "{}: gate and up together have over 2^31 - 1 columns", names.d);
  if (packed) return;
  check_shape(names.up, e.up);
  if (e.up.rows != b.rows || e.up.cols != b.cols)
    refuse(kInvalid, "{}: {} x {} differs from {}'s {} x {}", names.up, e.up.rows, e.up.cols, names.b, b.rows, b.cols);
  if (e.up.dtype != b.dtype || e.up.order != b.order || Lines(e.up).pitch() != Lines(b).pitch())
    refuse(kUnsupported, "{}: its dtype, storage order or leading dimension differs from {}'s", names.up, names.b);
}

// Its data is checked against everything else by the caller.
void check_aux(const Matrix& aux, const Matrix& d, bool gated, const ArgumentNames& names) {
  check_shape(names.aux, aux);
  const std::int64_t columns = gated ? 2 * d.cols : d.cols;
  if (aux.rows != d.rows || aux.cols != columns)
    refuse(kInvalid, "{}: {} x {}, {} x {} expected", names.aux, aux.rows, aux.cols, d.rows, columns);
  if (aux.dtype != d.dtype)
    refuse(kUnsupported, "{}: dtype {} differs from {}'s {}", names.aux, name(aux.dtype), names.d, name(d.dtype));
  if (aux.order != d.order) refuse(kUnsupported, "{}: its storage order differs from {}'s", names.aux, names.d);
}

// What of a call's arguments is read or written at all.
struct Used {
  bool inputs, c, aux, row_scale, column_scale;

  Used(const ConstMatrix& a, const Epilogue& e)
      : inputs(a.cols > 0 && e.alpha != 0),
        c(e.beta != 0),
        aux(given(e.aux)),
        row_scale(inputs && e.row_scale),
        column_scale(inputs && e.column_scale) {}
};

// That what is used is there, aligned to its elements, and apart from what is written.
void check_memory(const ConstMatrix& a, const ConstMatrix& b, const Matrix& d, const Epilogue& e, const Used& use,
                  const Lines& a_lines, const Lines& b_lines, const Written& written, Pointers data,
                  const ArgumentNames& names) {
  check_data(names.d, d.data, d.dtype, data);
  if (use.aux) {
    check_aux(e.aux, d, e.gated, names);
    check_data(names.aux, e.aux.data, e.aux.dtype, data);
    if (d.data && e.aux.data && !disjoint(written.d, written.aux)) refuse(kInvalid, "{}: overlaps {}", names.aux, names.d);
  }
  if (use.inputs) {
    check_data(names.a, a.data, a.dtype, data);
    check_data(names.b, b.data, b.dtype, data);
    check_apart(names.a, a_lines, written, names);
    check_apart(names.b, b_lines, written, names);
    if (given(e.up)) {
      check_data(names.up, e.up.data, e.up.dtype, data);
      check_apart(names.up, e.up, written, names);
    }
  }
  if (use.c) {
    if (!given(e.c)) refuse(kInvalid, "{}: beta is {} but c is null", names.c, e.beta);
    check_c(e.c, d, data, names);
    if (e.c.data && e.aux.data && !disjoint(e.c, written.aux)) refuse(kInvalid, "{}: overlaps {}", names.aux, names.c);
  }
  const std::int64_t wide = e.gated ? 2 * d.cols : d.cols;
  if (e.bias)
    dtype_of(static_cast<int>(e.bias_dtype), names.bias), check_vector(names.bias, e.bias, wide, e.bias_dtype, written, names);
  if (use.row_scale) check_vector(names.row_scale, e.row_scale, d.rows, DType::f32, written, names);
  if (use.column_scale) check_vector(names.column_scale, e.column_scale, wide, DType::f32, written, names);
}

// The up matrix: of a packed B, which is a gate and, n columns on, an up, the second half; of a null B too, for the alignment.
struct Up {
  Lines lines;
  std::int64_t batch_stride;

  Up(const ConstMatrix& b, const ConstMatrix& up, std::int64_t n)
      : lines(given(up) ? Lines(up) : Lines(b, n)), batch_stride(given(up) ? up.batch_stride : b.batch_stride) {
    if (!given(up)) lines.begin += static_cast<std::uintptr_t>((b.order == Order::row ? n : n * b.ld) * lines.size);
  }
};

}  // namespace

DType dtype_of(int value, const char* name) {
  if (value < 0 || value > static_cast<int>(DType::f32)) refuse(kInvalid, "{}: {} is not a dtype", name, value);
  return static_cast<DType>(value);
}

Order order_of(int value, const char* name) {
  if (value < 0 || value > static_cast<int>(Order::col)) refuse(kInvalid, "{}: {} is not a storage order", name, value);
  return static_cast<Order>(value);
}

Activation activation_of(int value, const char* name) {
  if (value < 0 || value > 255 || !known(static_cast<Activation>(value)))
    refuse(kInvalid, "{}: {} is not an activation", name, value);
  return static_cast<Activation>(value);
}

CanonicalCall canonicalize(const ConstMatrix& a, const ConstMatrix& b, const Matrix& d, const Epilogue& e, Pointers data,
                           const ArgumentNames& names) {
  const Lines a_lines = check_shape(names.a, a), b_lines = check_shape(names.b, b);
  const Written written{check_shape(names.d, d), given(e.aux) ? Lines(e.aux) : Lines()};
  check_product(a, b, d, e, names);
  activation_of(static_cast<int>(e.activation), names.activation);

  if (d.rows == 0 || d.cols == 0) return {{}, {}, true};

  const Used use(a, e);
  check_memory(a, b, d, e, use, a_lines, b_lines, written, data, names);

  // A column-major D is its own transpose in row-major: D^T = B^T A^T.
  const bool flip = d.order == Order::col;
  // In registers until all is known: a call is written once.
  Problem p;
  CallArgs args;
  p.m = flip ? d.cols : d.rows;
  p.n = flip ? d.rows : d.cols;
  p.in = a.dtype;
  args.m = static_cast<int>(p.m);
  args.n = static_cast<int>(p.n);
  args.alpha = 1.0f;
  args.slope = e.slope;
  // Where A and B are not read, all such calls are one problem; 8 elements keep the strides legal for every kernel.
  args.a.ld = args.b.ld = args.b2.ld = 8;
  if (use.inputs) {
    // Lines are those of a matrix and of its transpose.
    const ConstMatrix &left = flip ? b : a, &right = flip ? a : b;
    const Lines gate(b, e.gated ? d.cols : b.cols);
    const Lines &left_lines = flip ? b_lines : a_lines, &right_lines = flip ? a_lines : gate;
    p.k = a.cols;
    p.a_major = (left.order == Order::row) != flip ? Major::k : Major::mn;
    p.b_major = (right.order == Order::row) != flip ? Major::mn : Major::k;
    p.align_a = left_lines.alignment();
    p.align_b = right_lines.alignment();
    p.epilogue.unit_alpha = e.alpha == 1.0f;
    args.k = static_cast<int>(p.k);
    args.a = {left.data, left_lines.pitch(), left.batch_stride};
    args.b = {right.data, right_lines.pitch(), right.batch_stride};
    args.b2.ld = args.b.ld;
    args.b2.batch_stride = args.b.batch_stride;
    args.alpha = e.alpha;
    if (e.gated) {
      const Up up(b, e.up, d.cols);
      p.align_b = std::min(p.align_b, up.lines.alignment());
      args.b2.data = b.data ? reinterpret_cast<const void*>(up.lines.begin) : nullptr;
      args.b2.batch_stride = up.batch_stride;
    }
    // A flipped D has the caller's columns as its rows.
    p.epilogue.row_scale = flip ? use.column_scale : use.row_scale;
    p.epilogue.column_scale = flip ? use.row_scale : use.column_scale;
    args.row_scale = flip ? e.column_scale : e.row_scale;
    args.column_scale = flip ? e.row_scale : e.column_scale;
  }

  p.align_d = written.d.alignment();
  p.epilogue.out = d.dtype;
  p.epilogue.activation = e.activation;
  p.epilogue.gated = e.gated;
  args.d = {d.data, written.d.pitch(), d.batch_stride};
  args.c.ld = args.d.ld;
  if (use.aux) {
    p.epilogue.aux = true;
    p.align_d = std::min(p.align_d, written.aux.alignment());
    args.aux = {e.aux.data, written.aux.pitch(), e.aux.batch_stride};
  }
  if (use.c) {
    const Lines c_lines(e.c);
    p.epilogue.has_c = true;
    p.align_c = c_lines.alignment();
    args.c = {e.c.data, c_lines.pitch(), e.c.batch_stride};
    args.beta = e.beta;
  }
  if (e.bias) {
    p.epilogue.bias = flip ? BiasAxis::row : BiasAxis::column;
    p.epilogue.bias_dtype = e.bias_dtype;
    args.bias = e.bias;
  }
  // Each number by itself: what is written in parts and then copied whole waits for its parts.
  const auto fields = []<class Memory>(const Operand<Memory>& x) { return Operand<Memory>{x.data, x.ld, x.batch_stride}; };
  return {p,
          {fields(args.a), fields(args.b), fields(args.b2), fields(args.c), fields(args.d), fields(args.aux), args.bias,
           args.row_scale, args.column_scale, args.m, args.n, args.k, args.alpha, args.beta, args.slope}};
}

}  // namespace ak
