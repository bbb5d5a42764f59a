#include "prove/planted.hpp"

#include <fmt/format.h>

#include <charconv>
#include <sstream>

#include "families/family.hpp"

namespace ak::proof {
namespace {

constexpr const char* kSm80Kernel = "extern \"C\" __global__ void __launch_bounds__(ak::kThreads) ak_kernel(";
constexpr const char* kSm80End = "if (!reduce_slices(args, work, sum)) return;";

}  // namespace

std::string Planted::apply(std::string source) const {
  for (const auto& [from, to] : changes) {
    const auto at = source.find(from);
    if (at == source.npos) throw Error(ErrorCode::internal, fmt::format("planted '{}': the source has no '{}'", name, from));
    source.replace(at, from.size(), to);
  }
  return source;
}

std::optional<Tactic> find_tactic(const Problem& problem, std::string_view text, const DeviceFacts& device) {
  std::istringstream words{std::string(text)};
  std::string word;
  words >> word;
  const auto id = parse_family(word);
  if (!id) throw Error(ErrorCode::internal, fmt::format("no family '{}'", word));
  std::vector<std::pair<const Knob*, int>> wanted;
  while (words >> word) {
    const auto equals = word.find('=');
    const Knob* knob = find_knob(word.substr(0, equals));
    int value = 0;
    if (!knob || equals == word.npos || std::from_chars(word.data() + equals + 1, word.data() + word.size(), value).ec != std::errc())
      throw Error(ErrorCode::internal, fmt::format("no knob '{}'", word));
    wanted.push_back({knob, value});
  }
  const Family& own = family(*id);
  std::vector<Tactic> all;
  own.enumerate(problem, device, all);
  std::optional<Tactic> best;
  double best_us = 0;
  for (const Tactic& t : all) {
    bool fits = true;
    for (const auto& [knob, value] : wanted) fits &= t.*knob->member == value;
    if (!fits || own.rejects(problem, t, device)) continue;
    const double us = own.cost_us(problem, t, device);
    if (!best || us < best_us) best = t, best_us = us;
  }
  return best;
}

const std::vector<Planted>& planted_kernels() {
  static const std::vector<Planted> all = {
      // --- the epilogue
      {"bias forgotten", "256x256x256 out=bf16 bias=column:bf16", "sm80", {{"if (AK_BIAS == 1) x += column.bias;", ""}}},
      {"bias of the neighbouring column",
       "256x256x256 bias=column:bf16",
       "sm80 store=1",
       {{"(args.bias)[column]", "(args.bias)[column ? column - 1 : 0]"}}},
      {"bias of the neighbouring row", "256x256x256 bias=row:bf16", "sm90", {{"(args.bias)[row]", "(args.bias)[row ? row - 1 : 0]"}}},
      {"beta taken for 1", "256x256x256 c", "sm80", {{"x += args.beta * c;", "x += c;"}}},
      {"C forgotten", "256x256x256 c", "sm80", {{"if (AK_HAS_C) x += args.beta * c;", ""}}},
      {"C read with D's leading dimension", "256x256x256 c", "sm80", {{"row * args.ldc + column", "row * args.ldd + column"}}},
      {"alpha ignored", "256x256x256 alpha", "sm90", {{"AK_UNIT_ALPHA ? accumulator : args.alpha * accumulator", "accumulator"}}},
      {"a fixed slope", "256x256x256 leaky_relu", "sm80", {{"slope * x : x", "0.01f * x : x"}}},
      {"activation forgotten", "256x256x256 silu", "sm90", {{"math::activate(pre[0], args.slope)", "pre[0]"}}},
      {"another activation in the tail",
       "256x256x256 gelu_erf out=f32",
       "sm80",
       {{"math::activate(pre[0], args.slope)", "pre[0] < -4.0f ? 0.0f : math::activate(pre[0], args.slope)"}}},
      {"rounded to bf16 before the activation",
       "256x256x256 f16 out=f16 silu",
       "sm80",
       {{"math::activate(pre[0], args.slope)", "math::activate(to_float<BF16>(from_float<BF16>(pre[0])), args.slope)"}}},
      {"a product kept within f16",
       "256x256x256 f16 out=f16 silu bias=column:f16",
       "sm80",
       {{"float x = AK_UNIT_ALPHA ? accumulator", "accumulator = to_float<F16>(from_float<F16>(accumulator));\n  float x = AK_UNIT_ALPHA ? accumulator"}}},
      {"a product cut off at f16's largest number",
       "256x256x256 f16 out=f16 relu bias=column:f16",
       "sm90",
       {{"float x = AK_UNIT_ALPHA ? accumulator",
         "accumulator = accumulator > 65504.0f ? 65504.0f : accumulator < -65504.0f ? -65504.0f : accumulator;\n"
         "  float x = AK_UNIT_ALPHA ? accumulator"}}},
      {"NaN taken for 0", "256x256x256 relu", "sm90", {{"math::activate(pre[0], args.slope)", "math::activate(pre[0] == pre[0] ? pre[0] : 0.0f, args.slope)"}}},
      {"infinity taken for the largest number",
       "256x256x256 relu",
       "sm80",
       {{"math::activate(pre[0], args.slope)", "math::activate(pre[0] > 3.0e38f ? 3.0e38f : pre[0] < -3.0e38f ? -3.0e38f : pre[0], args.slope)"}}},
      {"skinny: denormals taken for 0",
       "4x512x1024 f16 out=f16",
       "skinny",
       {{"+= wide[r][e] * x[e];", "+= (wide[r][e] < 6.1e-5f && wide[r][e] > -6.1e-5f ? 0.0f : wide[r][e]) * x[e];"}}},
      {"a bias taken for aligned",
       "256x256x256 bias=column:bf16",
       "sm80",
       {{"static_cast<const Bias*>(args.bias)[column]", "reinterpret_cast<const Bias*>(reinterpret_cast<u64>(args.bias) & ~3ull)[column]"}}},
      {"elu that cancels next to 0", "256x256x256 elu", "sm80", {{"expm1(x)", "(exp(x) - 1)"}}},
      // --- gated, aux, scales
      {"gate and up exchanged",
       "256x256x256 silu gated",
       "sm80",
       {{"math::activate(pre[0], args.slope)", "math::activate(pre[kGates - 1], args.slope)"}, {"y * pre[kGates - 1]", "y * pre[0]"}}},
      {"the up projection forgotten", "256x256x256 silu gated", "sm90", {{"AK_GATED ? y * pre[kGates - 1] : y", "y"}}},
      {"sm90: the up projection's bias that of the gate",
       "256x256x256 silu gated bias=column:bf16",
       "sm90 swap_ab=0",
       {{"column + static_cast<i64>(gate) * work.columns", "column"}}},
      {"sm90: up taken for gate in the sums of split_k",
       "16x512x8192 silu gated",
       "sm90 split_k=4",
       {{"in_piece(gate, block, quad) + threadIdx.x", "in_piece(0, block, quad) + threadIdx.x"}}},
      {"skinny: B taken for the up matrix", "4x512x1024 silu gated", "skinny", {{"gate == 0 ? args.b : args.b2", "args.b"}}},
      {"sm90: aux without bias", "256x256x256 silu aux bias=column:bf16", "sm90", {{"pre[gate] = x[gate][i] = ", "pre[gate] = "}}},
      {"aux with D's leading dimension", "256x256x256 silu gated aux", "sm80 store=0", {{"args.n, args.ldaux,", "args.n, args.ldd,"}}},
      {"aux's up part where the gate's is",
       "256x256x256 silu gated aux",
       "sm80",
       {{"static_cast<i64>(part) * args.n, args.ldaux", "0, args.ldaux"}}},
      {"a scale for all rows", "256x256x256 scale=row", "sm90", {{"args.row_scale[row]", "args.row_scale[0]"}}},
      {"column scales forgotten", "256x256x256 scale=both", "sm80", {{"if (AK_COLUMN_SCALE) x *= column.scale;", ""}}},
      // --- k
      {"sm80: the k tail missed", "256x256x1024", "sm80 split_k=1", {{"stage_end = (args.k + AK_TILE_K - 1) / AK_TILE_K", "stage_end = args.k / AK_TILE_K"}}},
      {"sm90: the k tail missed", "256x256x1024", "sm90 split_k=1", {{"const int depth = (args.k - 1) / kDepth + 1;", "const int depth = args.k / kDepth;"}}},
      {"skinny: the k tail missed", "4x512x1024", "skinny split_k=1", {{"k < s.head : k < args.k", "k < s.head : false"}}},
      {"skinny: the first elements of a row missed", "4x512x1001 align=2,2,16,2", "skinny split_k=1", {{"k < s.head : k < args.k", "false : k < args.k"}}},
      {"skinny: A not shifted", "2x512x1001 align=2,2,16,2", "skinny split_k=1", {{"spans[o].head + (first", "(first"}}},
      {"sm80: half accumulation",
       "256x256x1024 f16 out=f16",
       "sm80",
       {{"mma<AK_IN>(sum[i][j], f.a[i], f.b[j / 2][j % 2 * 2], f.b[j / 2][j % 2 * 2 + 1]);",
         "{ mma<AK_IN>(sum[i][j], f.a[i], f.b[j / 2][j % 2 * 2], f.b[j / 2][j % 2 * 2 + 1]);\n"
         "for (float& v : sum[i][j]) v = to_float<F16>(from_float<F16>(v)); }"}}},
      {"skinny: half accumulation",
       "4x512x4096 f16 out=f16",
       "skinny unroll=2",
       {{"sums[o * kSharing + r][m][e % 2] += wide[r][e] * x[e];",
         "{ float& sum = sums[o * kSharing + r][m][e % 2]; sum = to_float<F16>(from_float<F16>(sum + wide[r][e] * x[e])); }"}}},
      {"sm80: a slice of k left out",
       "256x256x1024",
       "sm80 split_k=4",
       {{"for (int slice = 0; slice < AK_SPLIT_K; ++slice)", "for (int slice = 0; slice < AK_SPLIT_K - 1; ++slice)"}}},
      {"sm90: slices of k that do not cover it", "16x512x8192", "sm90 split_k=4", {{"const int share = (depth - 1) / kSplit + 1;", "const int share = depth / kSplit;"}}},
      {"skinny: lanes left out of the sum", "4x512x1024", "skinny", {{"distance = 16; distance > 0;", "distance = 16; distance > 1;"}}},
      // --- edges and bounds
      {"sm80: the last row unwritten", "250x256x256", "sm80 store=0", {{"if (row >= args.m) break;", "if (row + 1 >= args.m) break;"}}},
      {"sm80: one row too many", "250x256x256", "sm80 store=0", {{"if (row >= args.m) break;", "if (row > args.m) break;"}}},
      {"sm80: one column too many",
       "250x251x256",
       "sm80 store=0",
       {{"const bool second = column + 1 < args.n;", "const bool second = column + 1 <= args.n;"}}},
      {"sm80: an element before D",
       "256x256x256",
       "sm80",
       {{kSm80End, "if (!reduce_slices(args, work, sum)) return; if (blockIdx.x + threadIdx.x == 0) static_cast<Out*>(args.d)[-1] = 0;"}}},
      {"sm80: a k tail that reads what lies behind",
       "256x256x1000",
       "sm80",
       {{"left < 0 ? 0 : left < piece / 2 ? left : piece / 2", "left <= 0 ? 0 : piece / 2"}}},
      {"sm80: tiles lost where the raster group does not divide",
       "5120x4096x4096",
       "sm80 raster=8",
       {{"const int rows = tiles_m - first < group ? tiles_m - first : group;", "const int rows = group;"}}},
      {"sm90: the last rows of a tile unwritten", "256x256x256", "sm90 split_k=1 store=0", {{"if (warp_row >= result.work.rows) break;", "if (warp_row + 16 >= result.work.rows) break;"}}},
      {"sm90: the last whole piece of a row unwritten",
       "250x251x256 align=16,16,16,2",
       "sm90 store=2",
       {{"count && at + 16 <= bytes ?", "count && at + 16 < bytes ?"}}},
      {"sm90: one bias for two columns",
       "256x256x256 bias=column:bf16",
       "sm90 swap_ab=0",
       {{"columns.of[kSwap ? 0 : gate][i % 2]", "columns.of[kSwap ? 0 : gate][0]"}}},
      {"skinny: rows that D does not have", "3x512x512", "skinny tile_m=4", {{"if (row >= args.m || column >= args.n) continue;", "if (column >= args.n) continue;"}}},
      // --- order of things
      {"sm80: stages read before they arrived", "512x512x1024", "sm80", {{"await_copies<AK_STAGES - 2>();\n        __syncthreads();", "__syncthreads();"}}},
      {"sm80: the slab of the store read before it is written",
       "512x512x512",
       "sm80 store=1",
       {{"float* to = slab +", "if (threadIdx.x / 32 == 1) __nanosleep(5000);\n    float* to = slab +"},
        {"    __syncthreads();\n#pragma unroll 2\n    for (int slab_row = warp", "#pragma unroll 2\n    for (int slab_row = warp"}}},
      {"sm90: stages read before they arrived", "512x512x1024", "sm90", {{"barrier_wait(ring.full(), ring.parity);", ""}}},
      {"sm90: accumulators that start with what was there", "512x512x1024", "sm90 split_k=1", {{"u32 keep = kStartFromC, previous = 0;", "u32 keep = 1, previous = 0;"}}},
      {"skinny: partial sums read before they are written",
       "4x512x8192",
       "skinny",
       {{"  __syncthreads();\n\n#if AK_SPLIT_K > 1", "\n#if AK_SPLIT_K > 1"}}},
      {"sm80: slices of k summed in an order that time decides",
       "512x512x4096 out=f32",
       "sm80 split_k=4",
       {{"#pragma unroll 1\n  for (int slice = 0;", "  const int turn = static_cast<int>(clock64() >> 4 & 3);\n#pragma unroll 1\n  for (int slice = 0;"},
        {"__ldcg(at(slice, q))", "__ldcg(at((slice + turn) % AK_SPLIT_K, q))"}}},
      // --- what a benchmark would not see
      {"sm80: works on its first launches only",
       "256x256x256",
       "sm80",
       {{kSm80Kernel, std::string("__device__ unsigned int launched;\n") + kSm80Kernel},
        {"extern __shared__ __align__(1024) char shared[];",
         "extern __shared__ __align__(1024) char shared[];\n"
         "  if (threadIdx.x == 0) atomicAdd(&launched, 1u);\n  if (launched > 3u * gridDim.x * gridDim.y) return;"}}},
      {"sm80: an input changed",
       "256x256x256",
       "sm80",
       {{kSm80End,
         "if (!reduce_slices(args, work, sum)) return; if (blockIdx.x + 1 == gridDim.x && threadIdx.x == 0) "
         "const_cast<In*>(static_cast<const In*>(args.a))[0] ^= 1;"}}},
      {"sm80: nothing written", "256x256x256", "sm80", {{kSm80End, "if (args.m > 0) return;"}}},
  };
  return all;
}

}  // namespace ak::proof
