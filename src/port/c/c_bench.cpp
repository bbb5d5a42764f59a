#include "port/c/c_bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <fstream>

#include "ak/types.hpp"
#include "base/child.hpp"
#include "base/terminal.hpp"
#include "base/text.hpp"
#include "port/c/c_entry.hpp"
#include "port/c/c_rewrite.hpp"
#include "port/c/confined.hpp"
#include "port/c/instrument.hpp"

namespace ak::port {

namespace {

// What follows the case's arguments: the control words, then for each memory where it lies and a copy of what it held. Words:
enum Control { kWarmUp, kMost, kLeast, kNanoseconds, kMemories, kTook, kDone, kTimes };

// Runs until there are enough or time is up, on the case's own data each, in memory of its own as a program has it: what
// processes share is of small pages where a program's long arrays may have huge ones. The call goes through a pointer that
// nobody can see through, so that nothing of it moves past the clock.
constexpr const char* kBefore = R"(
extern int ak_clock(int, long*) __asm__("clock_gettime");
extern void* ak_allocate(unsigned long, unsigned long) __asm__("aligned_alloc");
extern void ak_release(void*) __asm__("free");
static long long ak_now(void) {{
  long ak_time[2];
  ak_clock(1, ak_time);
  return ak_time[0] * 1000000000ll + ak_time[1];
}}
static __typeof__(&{0}) volatile ak_callee = {0};
)";
constexpr const char* kLoop = R"(
static void ak_move(void** ak_args, long long ak_count, char* ak_from, char* ak_to, long long ak_bytes) {{
  long long ak_i;
  __builtin_memcpy(ak_to, ak_from, ak_bytes);
  for (ak_i = 0; ak_i < ak_count; ++ak_i) {{
    char* const ak_at = ak_args[ak_i];
    if (ak_at >= ak_from && ak_at < ak_from + ak_bytes) ak_args[ak_i] = ak_to + (ak_at - ak_from);
  }}
}}
void ak_entry_0(void** ak_args) {{
  long long* const ak_control = ak_args[{0}];
  long long* const ak_bytes = ak_control + {1} + ak_control[1];
  long long const ak_count = {0} + 1 + 2 * ak_control[4];
  long long ak_began, ak_run, ak_memory;
  void* ak_shared[{0} + 1];
  for (ak_memory = 0; ak_memory < ak_control[4]; ++ak_memory) {{
    void* const ak_own = ak_allocate(256, (ak_bytes[ak_memory] + 255) / 256 * 256);
    ak_shared[ak_memory] = ak_args[{0} + 1 + 2 * ak_memory];
    if (ak_own) ak_move(ak_args, ak_count, ak_shared[ak_memory], ak_own, ak_bytes[ak_memory]);
  }}
  ak_began = ak_now();
  for (ak_run = -ak_control[0]; ak_run < ak_control[1]; ++ak_run) {{
    for (ak_memory = 0; ak_memory < ak_control[4]; ++ak_memory)
      __builtin_memcpy(ak_args[{0} + 1 + 2 * ak_memory], ak_args[{0} + 2 + 2 * ak_memory], ak_bytes[ak_memory]);
    ak_entry_1(ak_args);
    if (ak_run < 0) {{
      if (ak_run == -1 || 2 * (ak_now() - ak_began) > ak_control[3]) ak_run = -1, ak_began = ak_now();
      continue;
    }}
    ak_control[{1} + ak_run] = ak_control[5];
    ak_control[6] = ak_run + 1;
    if (ak_run + 1 >= ak_control[2] && ak_now() - ak_began > ak_control[3]) break;
  }}
  for (ak_memory = 0; ak_memory < ak_control[4]; ++ak_memory) {{
    void* const ak_own = ak_args[{0} + 1 + 2 * ak_memory];
    if (ak_own == ak_shared[ak_memory]) continue;
    ak_move(ak_args, ak_count, ak_own, ak_shared[ak_memory], ak_bytes[ak_memory]);
    ak_release(ak_own);
  }}
}}
)";

int pointers_of(const loop::Function& function) {
  return static_cast<int>(function.parameters.size()) + (function.returns != loop::ScalarType::none);
}

// `callee` stands in the text.
std::string bench_text(const loop::Function& function, const std::string& callee, bool arguments_for_implicit) {
  const int control = pointers_of(function);
  CEntry entry{1, "ak_callee", arguments_for_implicit, false, {}, {}};
  entry.before_call = "long long ak_began = ak_now();\n  ";
  entry.after_call = fmt::format("\n  ((long long*)ak_args[{}])[5] = ak_now() - ak_began;", control);
  return fmt::format(kBefore, callee) + c_text(entry, function) + fmt::format(kLoop, control, static_cast<int>(kTimes));
}

std::string defined_text(const loop::Function& function, const std::string& definition) {
  return "#include <math.h>\n#include <stdlib.h>\n" + definition +
         bench_text(loop::flattened(function), CBench::kDefined, true);
}

// The server's text needs more than an old standard has.
CompilerOptions without_standard(CompilerOptions options) {
  std::erase_if(options.flags, [](const std::string& flag) { return flag.starts_with("-std=") || flag == "-ansi"; });
  return options;
}

}  // namespace

CBench::CBench(const loop::Function& function, const std::optional<Source>& source, const CompilerOptions& options,
               Deadline deadline)
    : name_(function.name) {
  find_compiler(options.compiler);
  if (source) {
    CompilerOptions seen = options;  // whose macros the text may ask for
    seen.flags.insert(seen.flags.begin(), options.optimize.before.begin(), options.optimize.before.end());
    seen.flags.insert(seen.flags.end(), options.optimize.behind.begin(), options.optimize.behind.end());
    program_ =
        std::make_unique<CProgram>(changed(preprocessed(*source, seen, deadline), {false, has_constant_tables(function)}) +
                                       "\n" + bench_text(function, function.name, false),
                                   1, options);
  } else {
    program_ = std::make_unique<CProgram>(defined_text(function, c_function(loop::flattened(function), kDefined)), 1,
                                          without_standard(options));
  }
}

CBench::CBench(const loop::Function& function, const std::string& definition, const CompilerOptions& options)
    : name_(function.name),
      program_(std::make_unique<CProgram>(defined_text(function, definition), 1, without_standard(options))) {}

void CBench::await(Deadline deadline) { program_->await(deadline); }

CBench::~CBench() = default;

// In microseconds. Throws TimedOut.
std::vector<double> CBench::runs(const Case& given, std::vector<Memory>& memories, int warm_up, int most, int least,
                                 double seconds, Deadline deadline) {
  await(deadline);
  memories = given.memories;
  std::vector<Memory> copies = given.memories;
  std::vector<std::uint64_t> values;
  std::vector<CProgram::Block> blocks = blocks_of(given, memories, values);
  std::vector<std::int64_t> control(kTimes + static_cast<std::size_t>(most));
  control[kWarmUp] = warm_up, control[kMost] = most, control[kLeast] = least;
  control[kNanoseconds] = static_cast<std::int64_t>(seconds * 1e9);
  control[kMemories] = static_cast<std::int64_t>(memories.size());
  for (const Memory& memory : memories) control.push_back(static_cast<std::int64_t>(memory.bytes.size()));
  blocks.push_back({control.data(), control.size() * sizeof(std::int64_t), 0});
  for (std::size_t i = 0; i < memories.size(); ++i) {
    blocks.push_back({memories[i].bytes.data(), memories[i].bytes.size(), 0});
    blocks.push_back({copies[i].bytes.data(), copies[i].bytes.size(), 0});
  }
  try {
    program_->call(0, blocks, deadline);
  } catch (const Ended& ended) {
    throw Error(ErrorCode::invalid_argument, fmt::format("the C function '{}' ended by {} ({})", name_, ended.how, given.name));
  }
  std::vector<double> times;
  for (std::int64_t i = 0; i < control[kDone]; ++i)
    times.push_back(static_cast<double>(std::max<std::int64_t>(1, control[static_cast<std::size_t>(kTimes + i)])) / 1e3);
  return times;
}

std::vector<Memory> CBench::run(const Case& given, Deadline deadline) {
  std::vector<Memory> memories;
  runs(given, memories, 0, 1, 1, 0, deadline);
  return memories;
}

Arm CBench::time(const Case& given, const BenchLimits& limits, Deadline deadline) {
  std::vector<double> times;
  std::vector<Memory> left;
  bool timed_out = false;
  await(deadline);
  try {
    times = runs(given, left, 0, 1, 1, 0, deadline.sooner(limits.run_seconds));
    const double first = times[0] / 1e6;
    if (first < limits.seconds) {  // the first was cold: it does not count
      const double most = 3 * limits.seconds + (limits.least_runs + 2) * first;
      times = runs(given, left, limits.warm_up, limits.runs, limits.least_runs, limits.seconds,
                   deadline.sooner(most + limits.run_seconds));
    }
    while (static_cast<int>(times.size()) < limits.least_runs)
      times.push_back(runs(given, left, 0, 1, 1, 0, deadline.sooner(limits.run_seconds))[0]);
  } catch (const TimedOut&) {
    if (deadline.passed() && times.empty())
      throw Error(ErrorCode::invalid_argument, fmt::format("no time is left for the C function '{}' ({})", name_, given.name));
    timed_out = !deadline.passed();
  }
  Arm arm;
  arm.runs = static_cast<int>(times.size()), arm.timed_out = timed_out;
  std::sort(times.begin(), times.end());
  if (!times.empty()) arm.least_us = times[0], arm.us = times[times.size() / 2];
  if (timed_out) arm.us = limits.run_seconds * 1e6;
  return arm;
}

std::string compiler_version(const CompilerOptions& options, Deadline deadline) {
  Run run({find_compiler(options.compiler), "--version"}, Run::Errors::with_output, {}, compiler_box({}));
  run.wait(deadline.sooner(10));
  const std::string output = run.output();
  return printable(output.substr(0, output.find('\n')));
}

std::string cpu_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name"))
      return std::string(trimmed(std::string_view(line).substr(std::min(line.find(':') + 1, line.size()))));
  return {};
}

}  // namespace ak::port
