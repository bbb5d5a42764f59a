// The `ak` tool: one file per subcommand, each adding itself to the command line.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "ak/ak.hpp"
#include "base/terminal.hpp"
#include "cache/record.hpp"
#include "cache/store.hpp"
#include "cli/command.hpp"
#include "core/device_facts.hpp"
#include "core/problem.hpp"
#include "core/trial.hpp"

namespace ak::cli {

using Json = nlohmann::ordered_json;

/// What the GEMM is called where kinds of work are named.
constexpr std::string_view kGemm = "gemm";

/// To stdout, always valid JSON: paths and variables may hold any bytes, and what is not UTF-8 becomes U+FFFD.
void print_json(const Json& json);

/// Exit codes, documented in --help.
enum Exit : int {
  kOk = 0,
  kFailed = 1,       // the work, or a part of it, failed
  kUsage = 2,        // the command line or a list is wrong
  kUnavailable = 3,  // no GPU, driver or library, and no recording
};

void add_tune(Program& program);
void add_warm(Program& program);
void add_ls(Program& program);
void add_pack(Program& program);
void add_import(Program& program);
void add_merge(Program& program);
void add_rm(Program& program);
void add_prune(Program& program);
void add_verify(Program& program);
void add_show(Program& program);
void add_bench(Program& program);
void add_sweep(Program& program);
void add_report(Program& program);
void add_port(Program& program);
void add_doctor(Program& program);
void add_env(Program& program);

/// M N K and what describes the rest of a call, as options of a subcommand.
struct ProblemArguments {
  std::vector<std::int64_t> sizes;
  std::string activation = "identity", dtype = "bf16", out, layout = "nt", text;
  std::string scale;     // row, column, both or nothing
  std::string numerics;  // a policy; empty: what AK_NUMERICS says
  std::int64_t batch = 1;
  bool bias = false, c = false, alpha = false, gated = false, aux = false;

  void add_to(Command& command);
  bool given() const { return !sizes.empty() || !text.empty(); }
  /// Throws Error{invalid_argument} naming the option.
  Problem problem() const;
};

/// The problem of a contiguous call with these words, `text` aside: D[m,n] row-major; layout has a letter for A and one for B,
/// n as written, t transposed, so that "nt" is a linear layer x[m,k] . w[n,k]^T; gated, B has 2n columns. Throws
/// Error{invalid_argument} naming the field.
Problem contiguous_problem(const ProblemArguments& words);

/// Whether the text is meant as a range of m.
bool is_range(std::string_view text);
/// "1:512" or "1..512". Throws Error{invalid_argument} naming the field, also for an empty range.
TokenRange tokens_of(const char* name, std::string_view text);

/// The problem that `ak ls` printed; one without elements, or of a batch, is refused too.
Problem problem_of_text(std::string_view text);

/// Search settings that a subcommand offers: --budget, --trials, --recording, --cache.
struct SearchArguments {
  double budget_s = 0;
  int trials = 0;
  std::string recording, cache;
  bool cache_given = false;

  void add_to(Command& command);
  void add_cache_to(Command& command);
  Options options() const;
};

/// --hardware TEXT: only records of hardware whose description has this text; of other work than the GEMM, whose key has it.
struct HardwareFilter {
  std::string text;

  void add_to(Command& command);
  bool takes(const PlanRecord& record) const;
  bool takes(const WorkRecord& record) const;
};

Json to_json(const Explanation& explanation);
Json to_json(const Trial& trial);
Json to_json(const PlanRecord& record);
Json to_json(const WorkRecord& record);

/// The store that a context with these options uses.
std::shared_ptr<Store> open_cache(const std::string& folder);
/// The same for a command that only reads, which creates nothing: a folder that is not there is an error when the command line
/// named it, and holds no records otherwise.
std::shared_ptr<Store> open_cache_to_read(const std::string& folder, bool named);
/// Whether its records could not be read, just now or at all; says why on the standard error stream.
bool cannot_be_read(const Store& store);

/// What became of each record: a line at once, or a row of the JSON at the end.
class RecordLines {
 public:
  explicit RecordLines(bool json) : json_(json) {}
  void say(std::string_view what, const std::string& of, const std::string& why);
  /// The counts with all rows, or their text.
  void end(Json counts, const std::string& text);

 private:
  const bool json_;
  Json rows_ = Json::array();
};

/// What its record says of a GPU, the rest an H200's.
DeviceFacts facts_of(const Hardware& hardware);
/// Why the record's tactic cannot run there, as far as that can be told without the GPU.
std::optional<std::string> impossible(const PlanRecord& record);

/// Whether a tactic that was searched for, or forced, serves the problem; else the note says why not.
bool tuned(const Explanation& explanation);

/// Several lines for a person.
void print(const Explanation& explanation);

/// "cuBLASLt's best 33.84 us (1.100x)": its time, and that over ours.
std::string shown_vendor(double vendor_us, double us);
/// "12 trials of own kernels in 2.10 s": what a search spent. cuBLASLt's runs and the final timings are no trials.
std::string shown_search(int trials, double seconds);
/// "97 to 128", or "2".
std::string shown_tokens(const TokenRange& tokens);

/// The roofline's floor. Of an H200 it is one figure everywhere, whatever a driver or a recording says of the memory's speed.
double floor_us(const Problem& problem, const DeviceFacts& device);

}  // namespace ak::cli
