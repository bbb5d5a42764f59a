// Porting: a C function's loops become kernels: analysed, generated, proven without a GPU, then compiled, proven and timed on
// one.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "jit/compiler.hpp"
#include "loop/launch.hpp"
#include "loop/verdict.hpp"
#include "loop/winner.hpp"
#include "port/analysis.hpp"
#include "port/c/c_program.hpp"
#include "port/cases/data.hpp"
#include "port/llm/asked.hpp"
#include "port/report/results.hpp"

namespace ak {
class LoopPlan;
class Resources;
class Worker;
}  // namespace ak

namespace ak::port {

/// One candidate, as far as it came.
struct Tried {
  loop::Candidate candidate;
  Status status = Status::budget;
  std::string why;
  int right = 0, cases = 0;         // in the emulator
  std::string image;                // on a GPU
  std::vector<double> times;        // us, at each size; 0: not timed
  std::optional<Asked> asked = {};  // of a language model's
  bool passed() const { return status == Status::passed; }
};

/// What is asked.
struct PortRequest {
  loop::Function function;  // for prototype and sizes: as it was read without facts
  loop::Verdict verdict;    // with the call's facts
  LoopSource source;        // whose C function is the oracle
  loop::CallClass call;
  loop::Values integers;            // of a call: timed at its size too
  std::vector<loop::Values> sizes;  // calls that are timed, and no others; empty: the call's size and sizes far from it
  bool called = false;              // such a call is made: where the C function leaves its arrays on it, it is refused
  Tools tools;
  int threads = 1;     // that prove candidates at once
  bool quick = false;  // few cases, two orders: within a call's budget; else all of them
  bool bench = false;  // the C function is timed as its compiler makes it, with -ffast-math too
  // Of an earlier winner, perhaps another machine's: those that equal a candidate of these templates go first. Of others those
  // which an LLM wrote are tried where `llm` says so; the rest never run.
  std::vector<loop::Candidate> known;
  bool llm = false;
  int tried = 0;                      // candidates that an earlier port has tried: of these only known ones are tried again
  std::optional<Asking> asking = {};  // a language model is, behind the templates

  /// Its C compiler.
  CompilerOptions c_compiler() const { return {tools.compiler, source.flags, 20}; }
  /// A region of a larger function has no text of its own.
  std::optional<Source> c_source() const {
    return source.body.empty() ? std::optional<Source>({source.text, source.file}) : std::nullopt;
  }
};

/// What porting needs of a GPU. In a CUDA context that is current.
struct PortGpu {
  Resources* resources = nullptr;
  double device_bytes = std::numeric_limits<double>::infinity();  // that a call's arrays may take to be timed
  Worker* worker = nullptr;                                       // null: only templates, launched here
  Compiler* compiler = &compiler_here();                          // of what templates make
  std::function<void(void* const* arguments)> host;  // the caller's C function on arrays in the host's memory; empty: not timed
  // Whole calls through the library on such arrays: by the plan, or where that is null by a C function that does nothing.
  // Empty: what calls cost is not timed.
  std::function<std::function<void(void* const* arguments)>(const LoopPlan*)> calls;
  // The same by a C function that does nothing, promised to be of data that nothing on the stream touches. Empty: not timed.
  std::function<std::function<void(void* const* arguments)>()> promised_calls;
  std::function<std::optional<std::string>(const Digest&)> quarantined;
  std::function<void(const Digest&, const std::string&)> quarantine;
  // Taken for each candidate's proof, and for each size's timing; null from it: go on without. Empty: none is taken.
  std::function<std::shared_ptr<void>(Deadline)> turn;
  // Called behind each of them, with the seconds that it took; the deadline is later by what this takes. Empty: no rest.
  std::function<void(double used)> rest;
};

struct Ported {
  loop::Winner winner;              // without kernels where none passed, or there is no GPU
  std::vector<std::string> images;  // of the winner's kernels
  std::vector<Tried> tried;         // in the order of the candidates, then of the answers
  std::vector<Timing> timings;      // as results.json has them, the call's own size first
  std::string note;                 // why something was left out; one line
  // What a run of the C function shows: a dependence that the verdict does not predict, as a sentence, and nothing but serial
  // is tried; and those of which the verdict does not know whether they happen.
  std::string unpredicted;
  std::vector<loop::Observed> observed;
  Facts facts;                                         // of the call, which the proof holds for
  std::vector<std::pair<loop::Values, Recipe>> cases;  // of the proof: sizes and data
  std::vector<std::pair<loop::Values, Recipe>> timed;  // of the calls that are timed, or were with a GPU: integers and data
};

/// What is being done: "proof", of which so many of so many have ended, some right. Before there is one: analysis.
struct PortStep {
  std::string_view what;
  int done = 0, of = 0, right = 0;
  const Tried* ended = nullptr;  // a candidate's proof without a GPU has just ended
};
/// "proof 3 of 12, 2 right".
std::string text(const PortStep& step);

/// One call at a time, from any thread.
using PortProgress = std::function<void(const PortStep&)>;

/// What does not end by the deadline is left for another time (Winner::unfinished). Throws Error for what keeps all of it from
/// happening: no C compiler, no NVRTC.
Ported port(const PortRequest& request, const PortGpu* gpu, Deadline deadline, const PortProgress& progress = {});

/// The analysis of a request, and beside it what a run of the C function shows of dependences on which it cannot decide.
/// Throws as port() does.
loop::Verdict observed(const PortRequest& request, Deadline deadline);

}  // namespace ak::port
