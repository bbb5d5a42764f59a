// How each function of an `ak port` fared: the values of results.json, which `ak report` and scripts read. examples/README.md
// has the file's schema.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ak::port {

/// How a function, or one attempt at it, ended.
enum class Status : std::uint8_t {
  passed,
  refused,     // by the analysis or the source gate
  compile,     // no compiler takes the kernel
  race,        // two threads met in one element
  bounds,      // an access outside an array
  divergence,  // a barrier that not all threads of a block reach
  steps,       // over the emulator's step limit
  fault,       // it faulted on the GPU, or its process died
  incorrect,   // another result than the C function's
  budget,      // time or attempts ran out
  timeout,     // right, but a timed run did not end within its limit
  unread,      // an LLM's answer without kernels in the form that was asked for
};
constexpr std::string_view kStatusNames[] = {"passed", "refused", "compile",   "race",   "bounds",  "divergence",
                                             "steps",  "fault",   "incorrect", "budget", "timeout", "unread"};
constexpr std::string_view name(Status status) { return kStatusNames[static_cast<int>(status)]; }

/// What is timed, at one size.
enum class ArmId : std::uint8_t {
  kernel,      // data on the GPU
  c,           // gcc -O3 -march=native, one core, data in the CPU's cache
  moved,       // copy in, kernel, copy out
  in_place,    // copy out, C, copy in
  fast_math,   // C with -ffast-math too
  openmp,      // C on all cores, where the verdict allows
  serial,      // the C function as one GPU thread
  dispatched,  // a whole call through the library with data on the host, by the better of c and a kernel with copies
  promised,    // the same, where it is promised that nothing on a stream touches the data
};
constexpr std::string_view kArmNames[] = {"kernel", "c", "moved", "in_place", "fast_math", "openmp", "serial", "dispatched", "promised"};
constexpr std::string_view name(ArmId arm) { return kArmNames[static_cast<int>(arm)]; }

struct Arm {
  double us = 0;           // the median; of an arm that timed out, what a run takes at least; 0: not timed
  double least_us = 0;     // the fastest run
  int runs = 0;            // timed ones; fewer than Results::runs: stopped early
  bool timed_out = false;  // a run was ended at its limit

  bool timed() const { return us > 0; }
  bool operator==(const Arm&) const = default;
};

struct Timing {
  std::string size;  // "n=32000", as --size has it
  std::array<Arm, std::size(kArmNames)> arms;

  Arm& operator[](ArmId id) { return arms[static_cast<int>(id)]; }
  const Arm& operator[](ArmId id) const { return arms[static_cast<int>(id)]; }
  bool operator==(const Timing&) const = default;
};

/// Of a budget's end: whether time alone was lacking.
inline bool is_late(std::string_view why) { return why.empty() || why.ends_with("in time"); }

struct Attempt {
  bool llm = false;  // else by a template
  std::string what;  // "scan block=256", a model's name
  Status status = Status::passed;
  std::string why;  // of a failure, for a person
  double us = 0;    // at the function's own size; 0: not timed
  // Of an LLM's:
  std::string arm = {};      // "bare", "verdict", "skeleton": how much it was told
  bool anew = false;         // without the history of those before
  bool as_template = false;  // a template makes the same kernels, names aside
  std::int64_t tokens = 0;
  double seconds = 0;     // until the answer came
  std::string part = {};  // of which calls, where it is one of Entry::further: "LEN=1000 k=3"

  /// Whether time alone was lacking.
  bool late() const { return status == Status::budget && is_late(why); }
  bool operator==(const Attempt&) const = default;
};

/// One function.
struct Entry {
  std::string name, file;
  std::string work_class;               // "map", "scan", "serial": the template or role that serves it
  std::string verdict;                  // in one line, as tests/loops/README.md has it
  std::vector<std::string> changed_by;  // analysis modules without which the verdict would be another
  // Of a run of the C function: a dependence that the verdict lacks, as a sentence; those that it can neither prove nor refuse.
  std::string unpredicted;
  std::vector<std::string> observed;
  Status status = Status::passed;
  std::string why;                // of a failure, for a person
  std::string note;               // why something was left out: an arm, a size; one line
  std::string only;               // of which calls it is right: "rows=256 a=b+1"; empty: of all whose arrays do not overlap
  std::string tactic;             // "scan block=256 unroll=4"; empty: none passed
  std::string one_thread;         // why that is one GPU thread; empty: it is not
  int right = 0, cases = 0;       // of its proof
  bool kept = false;              // in the store
  std::vector<Attempt> attempts;  // as they came
  std::vector<Attempt> further;   // an LLM's for the function's other sizes and call classes; attempts has those for the first
  std::vector<Timing> timings;    // each of another size; the first is its own size, which figures are of
  int llm_retries = 0;            // attempts of an LLM behind the first
  std::int64_t llm_tokens = 0;

  bool passed() const { return status == Status::passed; }
  bool operator==(const Entry&) const = default;
};

struct Results {
  std::string date;              // "2026-11-29 17:25 UTC"
  std::string gpu, cpu, clocks;  // empty: unknown, or none
  std::string compiler, flags;   // of the C arm
  int cores = 0;                 // of the OpenMP arm; 0: unknown
  int runs = 100;                // of an arm that is not stopped early
  std::vector<Entry> entries;    // no two of one name in one file

  bool operator==(const Results&) const = default;
};

std::string write_json(const Results& results);
/// file: for errors. Throws Error{invalid_argument} "results FILE: FIELD: what is wrong".
Results read_results(const std::string& file, std::string_view json);

/// Replaces the file, or throws Error{internal}.
void save_results(const std::string& file, const Results& results);
/// As read_results(), also of a file that is not there, is no file or over 64 MiB. Of a folder: the functions of every
/// results.json in it, at any depth. Throws also where there is none, where a function stands in two, and where two are of
/// another machine, compiler, its flags or number of runs.
Results load_results(const std::string& path);

}  // namespace ak::port
