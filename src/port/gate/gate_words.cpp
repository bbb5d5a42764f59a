#include "port/gate/gate_words.hpp"

#include <set>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/embedded.hpp"
#include "loop/c_tokens.hpp"

namespace ak::port::gate {

namespace {

using Words = std::unordered_set<std::string_view>;

bool begins(std::string_view word, std::string_view with) { return word.substr(0, with.size()) == with; }

// Each is there for double under its name, for float also with an f behind it.
const Words& kMathematics = *new Words{
    "sqrt",     "cbrt", "exp",   "exp2",   "expm1",  "log",       "log2",      "log10",     "log1p", "sin",   "cos",   "tan",
    "asin",     "acos", "atan",  "sinh",   "cosh",   "tanh",      "asinh",     "acosh",     "atanh", "floor", "ceil",  "trunc",
    "round",    "rint", "erf",   "erfc",   "fabs",   "pow",       "fmod",      "atan2",     "hypot", "fmin",  "fmax",  "fdim",
    "copysign", "fma",  "ldexp", "lgamma", "tgamma", "nearbyint", "remainder", "nextafter", "rsqrt", "lrint", "lround"};

// With _block too.
const Words& kAtomics = *new Words{"atomicAdd", "atomicSub", "atomicExch", "atomicMin", "atomicMax",
                                   "atomicAnd", "atomicOr",  "atomicXor",  "atomicInc", "atomicDec"};

const Words& kBuiltIns = *new Words{"threadIdx",
                                    "blockIdx",
                                    "blockDim",
                                    "gridDim",
                                    "warpSize",
                                    "__syncthreads",
                                    "__syncthreads_count",
                                    "__syncthreads_or",
                                    "__syncthreads_and",
                                    "__syncwarp",
                                    "__ballot_sync",
                                    "__any_sync",
                                    "__all_sync",
                                    "__shfl_sync",
                                    "__shfl_up_sync",
                                    "__shfl_down_sync",
                                    "__shfl_xor_sync",
                                    "__match_any_sync",
                                    "__reduce_add_sync",
                                    "__reduce_min_sync",
                                    "__reduce_max_sync",
                                    "__reduce_and_sync",
                                    "__reduce_or_sync",
                                    "__reduce_xor_sync",
                                    "__threadfence",
                                    "__threadfence_block",
                                    "__ldg",
                                    "__ldcg",
                                    "__ldcs",
                                    "__ldca",
                                    "__stcs",
                                    "__stcg",
                                    "atomicCAS",
                                    "__popc",
                                    "__popcll",
                                    "__ffs",
                                    "__ffsll",
                                    "__clz",
                                    "__clzll",
                                    "__brev",
                                    "__mulhi",
                                    "__umulhi",
                                    "__float_as_int",
                                    "__float_as_uint",
                                    "__int_as_float",
                                    "__uint_as_float",
                                    "__double_as_longlong",
                                    "__longlong_as_double",
                                    "__float2int_rn",
                                    "__float2int_rz",
                                    "__double2int_rz",
                                    "__int2float_rn",
                                    "__double2float_rn",
                                    "__fadd_rn",
                                    "__fsub_rn",
                                    "__fmul_rn",
                                    "__fdiv_rn",
                                    "__fsqrt_rn",
                                    "__dadd_rn",
                                    "__dsub_rn",
                                    "__dmul_rn",
                                    "__ddiv_rn",
                                    "__dsqrt_rn",
                                    "__fmaf_rn",
                                    "__fma_rn",
                                    "__frcp_rn",
                                    "__fdividef",
                                    "__frsqrt_rn",
                                    "__saturatef",
                                    "__expf",
                                    "__exp10f",
                                    "exp10f",
                                    "__logf",
                                    "__log2f",
                                    "__log10f",
                                    "__sinf",
                                    "__cosf",
                                    "__tanf",
                                    "__powf",
                                    "isnan",
                                    "isinf",
                                    "isfinite",
                                    "signbit",
                                    "abs",
                                    "labs",
                                    "llabs",
                                    "min",
                                    "max",
                                    "umin",
                                    "umax"};

const Words& kKeywords = *new Words{"alignas",    "alignof",         "auto",          "break",        "case",
                                    "const",      "constexpr",       "continue",      "default",      "do",
                                    "else",       "extern",          "false",         "for",          "goto",
                                    "if",         "inline",          "mutable",       "operator",     "return",
                                    "sizeof",     "static",          "static_assert", "static_cast",  "struct",
                                    "switch",     "template",        "class",         "typename",     "true",
                                    "using",      "while",           "__global__",    "__device__",   "__host__",
                                    "__shared__", "__forceinline__", "__noinline__",  "__restrict__", "__launch_bounds__",
                                    "__align__"};

const Words& kTypeWords = *new Words{"bool",     "char",    "short",    "int",     "long",     "unsigned", "signed",
                                     "float",    "double",  "void",     "size_t",  "int8_t",   "uint8_t",  "int16_t",
                                     "uint16_t", "int32_t", "uint32_t", "int64_t", "uint64_t", "uint3",    "dim3"};
const Words& kVectors =
    *new Words{"char", "uchar", "short", "ushort", "int", "uint", "float", "double", "longlong", "ulonglong"};

// Of compilers, C libraries and the emulator, without two underscores before them.
const Words& kReserved = *new Words{"ak",     "std",     "cuda",    "nvcuda", "cooperative_groups",
                                    "printf", "vprintf", "malloc",  "free",   "alloca",
                                    "assert", "clock",   "clock64", "memcpy", "memmove",
                                    "memset", "memcmp",  "strlen",  "abort",  "exit",
                                    "linux",  "unix",    "NULL",    "main"};

// Made for the prelude's own functions: with them a number could become a pointer.
const Words& kInner =
    *new Words{"each_word", "Words", "exchange_if_beyond", "before_tile_of", "prefetch", "Same", "kOneOf", "kNumber"};

struct Instead {
  std::string_view word, what;
};
constexpr Instead kInstead[] = {
    {"asm", "no inline assembly; use the prelude's functions and the built-ins"},
    {"__asm__", "no inline assembly; use the prelude's functions and the built-ins"},
    {"__asm", "no inline assembly; use the prelude's functions and the built-ins"},
    {"new", "no allocation; use local arrays, __shared__ or the scratch pointers"},
    {"delete", "no allocation; use local arrays, __shared__ or the scratch pointers"},
    {"malloc", "no allocation; use local arrays, __shared__ or the scratch pointers"},
    {"free", "no allocation; use local arrays, __shared__ or the scratch pointers"},
    {"alloca", "no allocation; use local arrays, __shared__ or the scratch pointers"},
    {"union", "no unions; use __float_as_int and its kin"},
    {"reinterpret_cast",
     "no reinterpret_cast; ak::as<float4>(a) is an array as one of another type, __float_as_int the bits of a value"},
    {"const_cast", "no const_cast; the kernel's parameters say what may be written"},
    {"dynamic_cast", "no classes with virtual functions"},
    {"volatile", "no volatile; use ak::load_acquire and ak::store_release, or atomics"},
    {"this", "no this; name the member"},
    {"nullptr", "no null pointers; begin with an array"},
    {"decltype", "no decltype; use auto, or write the type"},
    {"typedef", "no typedef; write using NAME = type"},
    {"enum", "no enum; use constexpr int"},
    {"namespace", "no namespaces; write ak:: before the prelude's names"},
    {"private", "no access control"},
    {"public", "no access control"},
    {"protected", "no access control"},
    {"friend", "no friends"},
    {"virtual", "no virtual functions"},
    {"throw", "no exceptions"},
    {"try", "no exceptions"},
    {"catch", "no exceptions"},
    {"noexcept", "no exceptions, so no noexcept"},
    {"printf", "kernels print nothing"},
    {"assert", "kernels check nothing at run time; leave it out"},
    {"__assertfail", "kernels check nothing at run time; leave it out"},
    {"clock", "kernels ask no clock"},
    {"clock64", "kernels ask no clock"},
    {"__nanosleep", "kernels wait with ak::wait_until"},
    {"__activemask", "which lanes are together is left open; name them by a mask"},
    {"__trap", "kernels end by return"},
    {"__constant__", "no variables outside of functions; use constexpr"},
    {"__managed__", "no variables outside of functions; use constexpr"},
    {"thread_local", "no variables outside of functions"},
    {"std", "there is no standard library; use the built-ins"},
    {"cuda", "there is no library; use the built-ins"},
    {"cooperative_groups", "no cooperative groups; use ak::grid_barrier or __syncthreads"},
    {"memcpy", "copy element by element"},
    {"memset", "set element by element"},
};

struct Prelude {
  std::set<std::string, std::less<>> names, types, members;
};

// What stands in its namespace itself: functions, constants, structs.
Prelude read_prelude() {
  Prelude prelude;
  const auto tokens = loop::c_tokens(embedded_text("loop.cuh"));
  int depth = 0, round = 0;
  bool directive = false;
  const auto word = [](std::string_view token) { return token[0] == '_' || (token[0] | 32) >= 'a'; };
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    const std::string_view token = tokens[i], next = tokens[i + 1];
    if (token == "#") directive = true;
    if (token == "\n") directive = false;
    if (directive) continue;
    if (token == "{") ++depth;
    if (token == "}") --depth;
    if (token == "(") ++round;
    if (token == ")") --round;
    if (depth > 1 && word(token)) prelude.members.emplace(token);
    if (depth != 1 || round != 0 || !word(token)) continue;
    if (token == "struct" || token == "union") {
      std::size_t name = i + 1;
      if (tokens[name] == "alignas") name += 4;  // alignas(16)
      prelude.types.emplace(tokens[name]), prelude.names.emplace(tokens[name]);
    } else if (next == "(" || next == "=") {
      prelude.names.emplace(token);
    } else if (next == ";" && i > 0 && tokens[i - 1] == ":") {
      prelude.names.emplace(token);  // using ::name;
    }
  }
  for (const std::string_view inner : kInner) prelude.names.erase(std::string(inner)), prelude.types.erase(std::string(inner));
  for (const char* const none : {"alignas", "static_assert", "asm"}) prelude.names.erase(none);
  return prelude;
}

const Prelude& prelude() {
  static const Prelude& made = *new Prelude(read_prelude());
  return made;
}

}  // namespace

bool is_keyword(std::string_view word) { return kKeywords.contains(word); }

bool is_type_word(std::string_view word) {
  if (kTypeWords.contains(word)) return true;
  const char last = word.empty() ? '\0' : word.back();
  return last >= '1' && last <= '4' && kVectors.contains(word.substr(0, word.size() - 1));
}

bool is_built_in(std::string_view word) {
  if (kBuiltIns.contains(word) || kMathematics.contains(word) || kAtomics.contains(word)) return true;
  if (word.ends_with("f") && kMathematics.contains(word.substr(0, word.size() - 1))) return true;
  if (word.ends_with("_block") && kAtomics.contains(word.substr(0, word.size() - 6))) return true;
  return begins(word, "make_") && is_type_word(word.substr(5)) && !kTypeWords.contains(word.substr(5));
}

std::vector<std::string> built_ins() {
  std::vector<std::string> all(kBuiltIns.begin(), kBuiltIns.end());
  for (const std::string_view name : kMathematics) all.emplace_back(name), all.push_back(std::string(name) + "f");
  for (const std::string_view name : kAtomics) all.emplace_back(name), all.push_back(std::string(name) + "_block");
  return all;
}

bool is_prelude_name(std::string_view word) { return prelude().names.contains(word); }
std::vector<std::string> prelude_names() { return {prelude().names.begin(), prelude().names.end()}; }
bool is_prelude_type(std::string_view word) { return prelude().types.contains(word); }

bool is_prelude_member(std::string_view word) {
  return word == "x" || word == "y" || word == "z" || word == "w" || prelude().members.contains(word);
}

std::vector<std::string_view> prelude_arrays_of(std::string_view word) {
  if (word == "at") return {"Pack", "load_pack"};
  if (word == "value") return {"Held", "Hold"};
  if (word == "m" || word == "row") return {"Row", "Affine", "Compose"};
  return {};
}

bool is_reserved(std::string_view word) {
  if (kReserved.contains(word) || begins(word, "ak_") || begins(word, "AK_") || begins(word, "cuda")) return true;
  return word.size() > 1 && word[0] == '_' && (word[1] == '_' || (word[1] >= 'A' && word[1] <= 'Z'));
}

std::string_view instead_of(std::string_view word) {
  for (const Instead& one : kInstead)
    if (one.word == word) return one.what;
  if (begins(word, "cuda")) return "kernels call nothing of CUDA's run time, and launch nothing";
  return {};
}

}  // namespace ak::port::gate
