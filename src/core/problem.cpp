#include "core/problem.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>

#include "core/activation.hpp"

namespace ak {
namespace {

constexpr std::string_view kDTypeNames[] = {"f16", "bf16", "f32"};

std::uint64_t mix(std::uint64_t h, std::uint64_t value) {
  h ^= value;
  h *= 0x9e3779b97f4a7c15ull;
  return h ^ (h >> 32);
}

[[noreturn]] void bad_problem(std::string_view token, std::string_view why) {
  throw Error(ErrorCode::invalid_argument, fmt::format("problem: '{}': {}", token, why));
}

std::int64_t parse_size(std::string_view text, std::string_view token) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) bad_problem(token, "a number over 2^63 - 1");
  if (error != std::errc() || end != text.data() + text.size() || value < 0) bad_problem(token, "expected a number >= 0");
  return value;
}

bool is_alignment(std::int64_t bytes) { return bytes == 2 || bytes == 4 || bytes == 8 || bytes == 16; }

std::uint8_t parse_align(std::string_view text, std::string_view token) {
  const auto bytes = parse_size(text, token);
  if (!is_alignment(bytes)) bad_problem(token, "an alignment is 2, 4, 8 or 16 bytes");
  return static_cast<std::uint8_t>(bytes);
}

// Splits at every separator; the callback sees each piece, empty ones too.
template <class F>
void split(std::string_view text, char separator, F&& each) {
  while (true) {
    const auto at = text.find(separator);
    each(text.substr(0, at));
    if (at == text.npos) return;
    text.remove_prefix(at + 1);
  }
}

// Exactly `count` pieces.
template <class F>
void split_into(int count, std::string_view text, char separator, std::string_view token, std::string_view expected, F&& each) {
  int seen = 0;
  split(text, separator, [&](std::string_view piece) {
    if (seen == count) bad_problem(token, expected);
    each(seen++, piece);
  });
  if (seen != count) bad_problem(token, expected);
}

void read_sizes(std::string_view token, Problem& p) {
  std::int64_t* const sizes[] = {&p.m, &p.n, &p.k};
  split_into(3, token, 'x', token, "expected MxNxK",
             [&](int i, std::string_view piece) { *sizes[i] = parse_size(piece, token); });
}

void read_alignments(std::string_view value, std::string_view token, Problem& p) {
  std::uint8_t* const slots[] = {&p.align_a, &p.align_b, &p.align_c, &p.align_d};
  split_into(4, value, ',', token, "expected four alignments, A,B,C,D",
             [&](int i, std::string_view piece) { *slots[i] = parse_align(piece, token); });
}

void read_bias(std::string_view value, std::string_view token, Problem& p) {
  const auto colon = value.find(':');
  const auto axis = value.substr(0, colon);
  const auto dtype = colon == value.npos ? std::optional(p.in) : parse_dtype(value.substr(colon + 1));
  if ((axis != "column" && axis != "row") || !dtype) bad_problem(token, "expected bias=column|row[:f16|bf16|f32]");
  p.epilogue.bias = axis == "column" ? BiasAxis::column : BiasAxis::row;
  p.epilogue.bias_dtype = *dtype;
}

}  // namespace

std::string fault_of(const Problem& p) {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();
  const EpilogueSpec& e = p.epilogue;
  if (std::min({p.m, p.n, p.k}) < 0) return "a dimension below 0";
  if (std::max({p.m, p.n, p.k}) > kLargest || p.wide_n() > kLargest) return "a dimension over 2^31 - 1";
  if (p.batch < 1) return "a batch is 1 to 2^31 - 1";
  if (p.in == DType::f32) return "A and B are f16 or bf16";
  for (const std::uint8_t align : {p.align_a, p.align_b, p.align_c, p.align_d})
    if (!is_alignment(align)) return "an alignment is 2, 4, 8 or 16";
  if (e.gated && e.has_c) return "a gated problem has no C";
  if (e.gated && e.bias == BiasAxis::row) return "a gated problem's bias runs along its columns";
  if (std::min(p.align_c, p.align_d) < size_of(e.out))
    return fmt::format("C and D of {} lie at multiples of {} bytes at least", name(e.out), size_of(e.out));
  return {};
}

std::optional<Numerics> parse_numerics(std::string_view text) {
  if (text == "single_pass") return Numerics::deterministic;
  for (std::size_t i = 0; i < std::size(kNumericsNames); ++i)
    if (kNumericsNames[i] == text) return static_cast<Numerics>(i);
  return std::nullopt;
}

std::string_view name(DType dtype) { return kDTypeNames[static_cast<int>(dtype)]; }

std::optional<DType> parse_dtype(std::string_view text) {
  for (int i = 0; i < 3; ++i)
    if (kDTypeNames[i] == text) return static_cast<DType>(i);
  return std::nullopt;
}

double Problem::bytes() const {
  const auto& e = epilogue;
  const double wide = static_cast<double>(wide_n()), rows = static_cast<double>(m);
  const double inputs = (rows * k + wide * k) * size_of(in);
  const double outputs = (rows * n * (e.has_c ? 2 : 1) + (e.aux ? rows * wide : 0)) * size_of(e.out);
  return inputs + outputs + 4.0 * ((e.row_scale ? rows : 0) + (e.column_scale ? wide : 0));
}

std::uint64_t hash(const Problem& p) {
  const auto& e = p.epilogue;
  std::uint64_t h = mix(0, static_cast<std::uint64_t>(p.m));
  h = mix(h, static_cast<std::uint64_t>(p.n));
  h = mix(h, static_cast<std::uint64_t>(p.k) ^ (static_cast<std::uint64_t>(p.batch) << 40));
  const auto u = [](auto v) { return static_cast<std::uint64_t>(v); };
  h = mix(h, u(p.in) | u(p.a_major) << 2 | u(p.b_major) << 3 | u(p.align_a) << 8 | u(p.align_b) << 16 | u(p.align_c) << 24 |
                 u(p.align_d) << 32 | u(p.numerics) << 40);
  return mix(h, u(e.activation) | u(e.out) << 8 | u(e.bias) << 16 | u(e.bias_dtype) << 24 | u(e.has_c) << 32 |
                    u(e.unit_alpha) << 33 | u(e.gated) << 34 | u(e.aux) << 35 | u(e.row_scale) << 36 | u(e.column_scale) << 37);
}

// a= and b= name the contiguous axis of each operand.
std::string to_string(const Problem& p) {
  const auto& e = p.epilogue;
  std::string text = fmt::format("{}x{}x{} {} a={} b={} out={} align={},{},{},{} {}", p.m, p.n, p.k, name(p.in),
                                 p.a_major == Major::k ? "k" : "m", p.b_major == Major::k ? "k" : "n", name(e.out), p.align_a,
                                 p.align_b, p.align_c, p.align_d, name(e.activation));
  if (e.bias != BiasAxis::none)
    text += fmt::format(" bias={}:{}", e.bias == BiasAxis::column ? "column" : "row", name(e.bias_dtype));
  if (e.has_c) text += " c";
  if (!e.unit_alpha) text += " alpha";
  if (e.gated) text += " gated";
  if (e.aux) text += " aux";
  if (e.scaled()) text += fmt::format(" scale={}", e.row_scale && e.column_scale ? "both" : e.row_scale ? "row" : "column");
  if (p.numerics != Numerics::fast) text += fmt::format(" {}", kNumericsNames[static_cast<int>(p.numerics)]);
  if (p.batch != 1) text += fmt::format(" batch={}", p.batch);
  return text;
}

Problem parse_problem(std::string_view text) {
  Problem p;
  EpilogueSpec& e = p.epilogue;
  bool sized = false, out_given = false;
  const auto field = [&](std::string_view token) {
    const auto equals = token.find('=');
    const std::string_view key = token.substr(0, equals), value = equals == token.npos ? "" : token.substr(equals + 1);
    if (key == "a" && (value == "k" || value == "m")) {
      p.a_major = value == "k" ? Major::k : Major::mn;
    } else if (key == "b" && (value == "k" || value == "n")) {
      p.b_major = value == "k" ? Major::k : Major::mn;
    } else if (key == "out") {
      const auto dtype = parse_dtype(value);
      if (!dtype) bad_problem(token, "expected f16, bf16 or f32");
      e.out = *dtype, out_given = true;
    } else if (key == "align") {
      read_alignments(value, token, p);
    } else if (key == "bias") {
      read_bias(value, token, p);
    } else if (key == "scale") {
      if (value != "row" && value != "column" && value != "both") bad_problem(token, "expected scale=row|column|both");
      e.row_scale = value != "column", e.column_scale = value != "row";
    } else if (key == "batch") {
      const auto batch = parse_size(value, token);
      if (batch < 1 || batch > std::numeric_limits<std::int32_t>::max()) bad_problem(token, "a batch is 1 to 2^31 - 1");
      p.batch = static_cast<std::int32_t>(batch);
    } else if (token == "c") {
      e.has_c = true;
    } else if (token == "alpha") {
      e.unit_alpha = false;
    } else if (token == "gated") {
      e.gated = true;
    } else if (token == "aux") {
      e.aux = true;
    } else if (const auto policy = parse_numerics(token)) {
      p.numerics = *policy;
    } else if (const auto dtype = parse_dtype(token); dtype && *dtype != DType::f32) {
      p.in = *dtype;
      if (!out_given) e.out = *dtype;
    } else if (const auto activation = parse_activation(token)) {
      e.activation = *activation;
    } else {
      bad_problem(token, "not a field of a problem");
    }
  };
  split(text, ' ', [&](std::string_view token) {
    if (token.empty()) return;
    sized ? field(token) : read_sizes(token, p);
    sized = true;
  });
  if (!sized) bad_problem(text, "expected MxNxK first");
  if (!e.has_c) p.align_c = 16;
  if (const std::string why = fault_of(p); !why.empty()) bad_problem(text, why);
  return p;
}

}  // namespace ak
