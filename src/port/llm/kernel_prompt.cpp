#include "port/llm/kernel_prompt.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "port/gate/gate.hpp"
#include "port/llm/answer.hpp"
#include "port/llm/strategy.hpp"

namespace ak::port {

namespace {

constexpr std::string_view kTask =
    R"(You write CUDA C++ kernels that replace a C function: right at every size first, then fast on an H200. Answer with a JSON object
and one block of code, in this form and nothing else:

```json
{"why": "one sentence", "launches": [{"kernel": "f_1", "blocks": "(n + 255) / 256", "threads": 256}], "scratch": [{"name": "part", "type": "float", "elements": "(n + 255) / 256"}]}
```
```cuda
extern "C" __global__ void f_1(int n, const float* __restrict__ a, float* __restrict__ b, float* part) { ... }
```

Kernels of f are named f_1, f_2. Launches run one after the other; each sees all that those before it wrote. Every kernel takes the parameters that are given below,
then a pointer for each scratch array, in order. Grid and block have one dimension. "threads": a multiple of 32, at most 1024.
"blocks" and "elements": integers, names of the function's integer parameters and `sms` (multiprocessors) under + - * / % ( )
min(a, b) max(a, b), in 64 bits; with less than one block a kernel is not launched. A launch may have "shared_bytes": N (dynamic,
at most 49152) and "waits": true where its blocks wait for each other. "scratch" may be left out; its types are float, double, int
and long long; its content is undefined unless "zeroed": true, which zeroes it before each call.

Kernels are refused for
- an access outside an array's length, a read of what nobody wrote, a write to what C does not write;
- two threads at one element without atomics or a barrier between them; a barrier that some threads of a block miss; a float
  atomicAdd, whose order is not fixed; a wait for a block that may not have started;
- sizes that do not work: 0, 1, no multiple of anything, larger than one wave;
- a text that is not by these rules:
)";

constexpr std::string_view kPrelude = R"(
There beforehand, in namespace ak (T: numbers or trivial structs; Op: `T operator()(T earlier, T later)` const and `T identity()`
const, associative; room: `__shared__ T room[ak::kRoom]`; a block's or warp's function is called by all its threads):
  unsigned lane(), warp(), warps(); long long thread(), threads();  // of the grid
  Add<T> Multiply<T> Min<T> Max<T> And<T> Or<T> Xor<T>; Affine<T>{m, c} with Compose<T>: x -> m x + c, applied by f(x); f.row[0].c is c
  Affine<T, D> with Compose<T, D>: of D values, row[i] = {m[D], c}, applied by row[i](const T (&x)[D])
  T warp_reduce(T, Op); T block_reduce(T, Op, T* room);             // for all threads
  struct Scanned<T> {T before, total;}; Scanned<T> warp_scan(T, Op), block_scan(T, Op, T* room);  // exclusive
  Scanned<unsigned> warp_rank(bool), block_rank(bool, unsigned* room);
  T block_broadcast(T, unsigned from, T* room);
  unsigned take_ticket(unsigned* tickets, unsigned* room);          // blocks by the order they start in; tickets zeroed
  T before_tile(unsigned tile, T total, Op, unsigned* flags, T* values, T* room);  // all tiles before: tile by ticket, "waits":
    // true; flags: one a tile, zeroed; values: two a tile
  bool is_last_block(unsigned* counter, unsigned* room);            // counter zeroed
  void grid_barrier(unsigned* counter, unsigned times);             // times 1, 2, ...; blocks at most sms, "waits": true
  unsigned load_acquire(const unsigned*), fetch_add(unsigned*, unsigned); void store_release(unsigned*, unsigned);
  void wait_until(f);  // one thread, until bool f(), which uses load_acquire
  int to_i32(T); long long to_i64(T);  // of reals, as C on x86
  To* as<To>(array); bool aligned16(array);                         // float4 of floats, where their address allows
These names of ak, too, no function of yours has: added applied factor forgets largest pause plus prefetch product put scaled shuffle times weighted
)";

constexpr std::string_view kSameBits =
    "Results are compared to C's bit for bit: the same operations on the same values in the same order, products and sums "
    "rounded "
    "each (the compiler does not contract them; no fma of your own).\n";
constexpr std::string_view kClose =
    "Sums and products may be associated anew, in an order that is the same at every run; results are compared to C's and to "
    "C's in "
    "double.\n";

std::string lengths(const loop::Function& function) {
  const loop::Function flat = loop::flattened(function);
  std::vector<std::string> all;
  for (const loop::Parameter& parameter : function.parameters) {
    if (!parameter.pointer) continue;
    const loop::Parameter* one = loop::find_parameter(flat, parameter.name);
    std::string length =
        fmt::format("{}[{}]", parameter.name,
                    one && one->length_known && !one->extents.empty() ? c_text(one->extents[0]) : "as the calls have it");
    if (parameter.extents.size() > 1) {
      length += " (rows:";
      for (const loop::Term& extent : parameter.extents) length += fmt::format(" [{}]", c_text(extent));
      length += ")";
    }
    all.push_back(std::move(length));
  }
  return fmt::format("{}", fmt::join(all, ", "));
}

std::string normal_form(const loop::Function& function) {
  std::string locals;
  for (const loop::Local& local : function.locals) {
    locals += fmt::format("  {} {}", c_name(local.type), local.name);
    for (const loop::Term& extent : local.extents) locals += fmt::format("[{}]", c_text(extent));
    locals += ";\n";
  }
  return fmt::format("{} {}({}) {{\n{}{}}}\n", c_name(function.returns), function.name, loop::c_parameters(function, false),
                     locals, c_text(function.body, 2));
}

std::string parameters(const loop::Function& function, bool restricted, const std::vector<loop::Scratch>& scratch = {}) {
  std::string all = loop::c_parameters(loop::flattened(function), restricted);
  for (const loop::Scratch& one : scratch) all += fmt::format(", {}* {}", c_name(one.type), one.name);
  return all;
}

std::string call_text(const loop::CallClass& call) {
  std::string all;
  for (const auto& [name, value] : call.values) all += fmt::format("{} is always {}.\n", name, value);
  if (call.aliases.empty()) return all + "Arrays do not overlap.\n";
  for (const auto& alias : call.aliases)
    all += fmt::format("{} is {} {:+} elements: they overlap.\n", alias.pointer, alias.base, alias.offset);
  return all;
}

// Of the findings those that the strategy does not say.
std::string analysis(loop::Verdict verdict) {
  std::erase_if(verdict.findings, [](const loop::Finding& finding) {
    return finding.module != "access pattern" && finding.module != "aliasing, indirection, thresholds";
  });
  return explain(verdict);
}

std::string skeleton_text(const Skeleton& shown) {
  return fmt::format("\nAnother function of this kind, {}, and an answer for it:\n```c\n{}```\n{}", text(shown.verdict),
                     shown.text, answer_text(shown.candidate, "as its analysis says"));
}

}  // namespace

KernelPrompt kernel_prompt(const KernelFacts& facts, PromptArm arm) {
  const loop::Function& function = facts.verdict.function;
  KernelPrompt prompt;
  prompt.system = fmt::format("{}{}\n{}", kTask, gate_rules(), kPrelude);
  std::string& user = prompt.user;
  user = facts.region ? fmt::format("The body of a loop, as the function {}:\n", function.name) : "The function:\n";
  user += fmt::format("```c\n{}```\n", facts.text.empty() ? normal_form(function) : facts.text);
  const bool overlapping = !facts.call.aliases.empty();
  user += fmt::format("Parameters of every kernel: ({}), then your scratch.\nLengths: {}.\n{}",
                      parameters(function, !overlapping), lengths(function), call_text(facts.call));
  if (function.returns != loop::ScalarType::none)
    user += fmt::format("What the function returns is written to {}[0].\n", loop::kResult);
  user += facts.same_bits ? kSameBits : kClose;
  if (arm == PromptArm::bare) return prompt;
  user += fmt::format("\nA proven analysis of its normal form:\n{}\nSo:\n{}", analysis(facts.verdict), strategy(facts.verdict));
  if (arm == PromptArm::verdict || facts.skeletons.empty()) return prompt;
  std::string shown;
  for (const Skeleton& one : facts.skeletons) {
    std::string text = skeleton_text(one);
    if (shown.empty() || text.size() < shown.size()) shown = std::move(text);
    if (prompt.system.size() + user.size() + shown.size() <= kMostKernelPrompt) break;
  }
  user += shown;
  return prompt;
}

}  // namespace ak::port
