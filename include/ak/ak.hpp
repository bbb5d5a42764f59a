// Autokernel: D = act(alpha * A.B + bias + beta * C) on an NVIDIA GPU, tuned on first use and remembered.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ak/tokens.hpp"
#include "ak/types.hpp"
#include "ak/version.h"

namespace ak {

/// What a call does when no record serves its problem.
enum class Mode : std::uint8_t {
  tune,        ///< search now, inside the call, within the budget (the default)
  hit,         ///< never search: cuBLASLt serves it
  off,         ///< cuBLASLt always, records are not read
  background,  ///< search behind the calls: cuBLASLt serves it until a winner takes its place
  record,      ///< as hit; and Options::record_file gets the problem, and how often it was asked for
};

/// Where a kernel is launched for the first time, and proven right.
enum class Isolation : std::uint8_t {
  worker,      ///< in a process of its own, so that one that faults or hangs takes nothing else with it (the default)
  in_process,  ///< in this process
};

/// What may become of kernels that an LLM wrote for a loop. Those of templates are not concerned.
enum class LlmCode : std::uint8_t {
  off,     ///< none is asked for, none serves (the default)
  worker,  ///< asked for and proven, in processes of their own, and reported; none serves
  kept,    ///< proven ones are kept and serve
};

/// One finished trial of a running search, for a progress display.
struct TuneProgress {
  std::string problem;  ///< as `ak tune` would print it
  std::string tactic;   ///< the trial that just ended
  std::string outcome;  ///< correct, constraints, compile, spills, runtime, timeout, incorrect
  double us = 0;        ///< its time; 0 unless correct
  std::string best;     ///< fastest correct tactic so far
  double best_us = 0;
  int trials = 0;  ///< of own kernels so far; cuBLASLt's runs and the final timings are none
  double elapsed_s = 0, budget_s = 0;
};

/// Settings of a context. The callbacks: `progress` is called on the device's tuner thread, a thread of the library's own,
/// while the call that asked waits; one that blocks, or needs a lock that the caller holds (Python's GIL), costs that search:
/// the caller is served by cuBLASLt. It may call the context, but not end it. `log` is called on whichever thread has a line,
/// the tuner thread's too, for one line at a time, until the context ends; one that needs a lock that the caller holds delays
/// its call, by half a minute at most. `llm_key` is called on a thread of the library's own, for each question: one that
/// blocks, or needs such a lock, costs that search the LLM and no time. It may still run when its search and its context have
/// ended, so it must own what it uses. What is left unset comes from the environment, then from the default; what is set here
/// wins.
struct Options {
  std::optional<std::string> cache_dir;    ///< AK_CACHE_DIR; "" keeps records in memory only
  std::optional<Mode> mode;                ///< AK_MODE=tune|hit|off|background|record
  std::optional<std::string> record_file;  ///< AK_RECORD_FILE: of mode record; `ak warm` reads it
  std::optional<double> budget_s;          ///< AK_BUDGET_S: wall seconds per problem (3; 20 with an LLM)
  std::optional<double> process_budget_s;  ///< AK_PROCESS_BUDGET_S: wall seconds for all searches of this context (600)
  std::optional<double> background_share;  ///< AK_BACKGROUND_SHARE: of the time, for a search behind the calls on the GPU (0.05)
  std::optional<int> max_trials;           ///< AK_MAX_TRIALS
  std::optional<int> compile_threads;      ///< AK_COMPILE_THREADS: of one search; 0: one for every usable core (the default)
  std::optional<int> compile_niceness;     ///< AK_COMPILE_NICENESS: of these threads, on top of the process's own, 0 to 19 (10)
  std::optional<std::string> llm;          ///< AK_LLM=openai|anthropic|mailbox:DIR; "" or unset: no LLM
  std::optional<std::string> llm_endpoint;  ///< AK_LLM_ENDPOINT: base URL
  std::optional<std::string> llm_model;     ///< AK_LLM_MODEL
  std::function<std::string()> llm_key;  ///< the secret, asked for when needed; else AK_LLM_KEY, else the file AK_LLM_KEY_FILE
  std::optional<int> llm_rounds;         ///< AK_LLM_ROUNDS (2)
  std::optional<int> llm_proposals;      ///< AK_LLM_PROPOSALS per round (12)
  std::optional<std::int64_t> llm_tokens;     ///< AK_LLM_TOKENS: of all searches of this context, asked and answered (200000)
  std::optional<LlmCode> llm_code;            ///< AK_LLM_CODE=off|worker|kept: of kernels that an LLM wrote for a loop (off)
  std::optional<std::int64_t> scratch_bytes;  ///< AK_SCRATCH_BYTES: most device memory for workspaces in a CUDA context (2 GiB)
  std::optional<ScratchAllocator> scratch_allocator;  ///< of workspaces; they count as scratch_bytes. Not of searches
  std::optional<std::int64_t>
      search_bytes;                  ///< AK_SEARCH_BYTES: most device memory of a search; 0: what is free, less an eighth
  std::optional<Numerics> numerics;  ///< AK_NUMERICS=fast|deterministic|batch_invariant: of all products of this context (fast)
  std::optional<int> guard_every;    ///< AK_GUARD_EVERY: one call in so many is checked against cuBLASLt or the C function; 0: none
  std::optional<Isolation> isolation;    ///< AK_ISOLATION=worker|in_process
  std::optional<std::string> worker;     ///< AK_WORKER: the program ak-worker; unset: looked for beside the library
  std::optional<double> loop_budget_s;   ///< AK_LOOP_BUDGET_S: wall seconds of a loop's first call (10)
  std::optional<std::string> analyser;   ///< AK_ANALYSER: the program ak-analyse; unset: looked for beside the library
  std::optional<std::string> compiler;   ///< AK_CC: the C compiler of loops' proofs; unset: the first of gcc, clang, cc on PATH
  std::optional<std::string> log_level;  ///< AK_LOG=off|error|warn|info|debug (off); of the whole process
  std::function<void(std::string_view level, std::string_view line)> log;  ///< instead of stderr; of the whole process
  std::optional<std::string> recording;  ///< AK_RECORDING: answer trials from this file instead of a GPU; nothing is launched
  std::optional<bool> shipped;           ///< AK_SHIPPED=0|1: whether the pack that comes with the library is consulted (1)
  std::optional<std::vector<std::string>> packs;  ///< AK_PACKS=file:file: further packs, consulted before a search
  std::function<void(const TuneProgress&)> progress;
};

/// How a problem is or would be served.
struct Explanation {
  std::string problem, hardware;
  std::string served_by;  ///< the tactic's text, "cuBLASLt ..." or "no record"
  std::string source;     ///< this process, store, shipped pack, pack FILE, import, vendor fallback, untuned, none
  std::string proposer;   ///< who named the winner
  double us = 0, vendor_us = 0;
  int trials = 0;  ///< of own kernels, in the search that found it
  double search_s = 0;
  bool from_recording = false;
  std::string note;
  TokenRange bucket;  ///< the m that what serves it was tuned for, and timed at one end of them; none: this problem alone
};

/// A call to prepare for.
struct Call {
  ConstMatrix a, b;
  Matrix d;
  Epilogue epilogue;
  TokenRange tokens = {};  ///< instead of the rows that A and D have: every number of them from `from` to `to`
};

/// After every problem: how many of all are done, and how the last one will be served.
using PrepareProgress = std::function<void(std::size_t done, std::size_t all, const Explanation& last)>;

/// What the last lookups of a context cost; for a benchmark or a progress display, never on the hot path.
struct Counters {
  std::int64_t searches = 0, trials = 0, compiles = 0;
  std::int64_t store_hits = 0, vendor_fallbacks = 0;
  std::int64_t pack_hits = 0;          ///< problems that a pack or an import spared a search
  std::int64_t scratch_fallbacks = 0;  ///< calls served by a plan that needs no scratch memory, for want of it
  std::int64_t passing_fallbacks = 0;  ///< calls served untuned for a reason that may pass: no memory, no time
  std::int64_t retries = 0;            ///< of them, problems tried again later
  double last_load_s = 0;              ///< reading, checking and loading the cubin of the last store hit
  std::int64_t lease_waits = 0;        ///< problems that another process was searching for when they were asked for
  std::int64_t search_peak_bytes = 0;  ///< most device memory that one of its searches held in this process
  std::int64_t guarded = 0;            ///< calls that the guard checked against cuBLASLt, or a loop's C function, and judged
  std::int64_t guard_unsure = 0;       ///< of them, those whose inputs changed meanwhile: nothing was judged
  std::int64_t guard_mismatches = 0;   ///< of them, those whose result was another than theirs
  std::int64_t guard_demotions = 0;    ///< kernels whose place they have taken, for their results or their times
};

/// Device memory that a call may use instead of the library's own: 256-byte aligned, and zero in the beginning; every call
/// leaves it fit for the next. Calls that may run at once need one each.
struct Workspace {
  void* data = nullptr;
  std::int64_t bytes = 0;
};

/// A problem bound to what serves it, from Context::plan: for an engine that makes a call again and again. It looks nothing up
/// while D's rows stay as they are, and what describes operands to the GPU is made anew only where they moved. One thread at a
/// time may use it; copies are independent.
class Plan {
 public:
  AK_API Plan(const Plan&);
  AK_API Plan& operator=(const Plan&);
  AK_API Plan(Plan&&) noexcept;
  AK_API Plan& operator=(Plan&&) noexcept;
  AK_API ~Plan();

  /// As Context::matmul_act for a call of the plan's problem: its shapes, types, orders and epilogue, with operands at least as
  /// aligned; values and addresses are free, and so are the rows of a row-major D within serves(): another number of them costs
  /// a look-up. What serves the problem serves it at once, also what a search finds later.
  /// workspace: at least workspace_bytes(); without data the library's own is used. Where what serves has changed since that was
  /// asked, and needs more, another plan that needs none serves until it is asked again (Counters::scratch_fallbacks). Throws
  /// Error: invalid_argument for another problem, for a workspace that is smaller than was told, in another CUDA context than the one it was made in, and after its Context has
  /// ended.
  AK_API void operator()(Stream stream, const ConstMatrix& a, const ConstMatrix& b, const Matrix& d,
                         const Epilogue& epilogue = {}, const Workspace& workspace = {});

  /// The rows of D that it may be called with: the bucket of those it was made for.
  AK_API TokenRange serves() const;
  /// What a call needs now, with the rows of the last call and at both ends of serves(); 0: nothing. It may change when epoch()
  /// does.
  AK_API std::int64_t workspace_bytes() const;
  /// Of the last call's rows. Grows when something else serves the problem: a graph that holds its calls is worth capturing again.
  AK_API std::uint64_t epoch() const;
  AK_API Explanation explain() const;

  struct State;

 private:
  friend class Context;
  explicit Plan(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Loop;
struct LoopHost;
struct LoopOptions;

/// Owns the store, the plans and their modules for one process. Thread-safe. The device is the one whose context is current
/// on the calling thread; with none current, the primary context of device 0 is retained.
class Context {
 public:
  AK_API explicit Context(const Options& options = {});
  AK_API ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// Enqueues D = act(alpha * A.B + bias + beta * C) on the stream, and what else Epilogue asks for (gate, aux, scales).
  /// A is m x k, B is k x n (gated: k x 2n, or k x n and Epilogue::up), D is m x n.
  /// f16 or bf16 inputs of one dtype, f32 accumulation, any output dtype. BLAS rules: nothing happens when m or n is 0;
  /// k = 0 or alpha = 0 reads neither A nor B nor scales; beta = 0 does not read C. Throws Error; its message names the
  /// argument. While the stream is captured nothing is searched: a problem that is not known is served by cuBLASLt, and in mode
  /// `background` a search is begun behind it. Graphs
  /// hold what they need: they may outlive the context, and run at once wherever they were captured.
  /// The rows of D fall into buckets: what a first call finds serves every number of rows of its bucket without a further
  /// search. A record of exactly this problem (prepare, `ak tune`) goes before its bucket's.
  AK_API void matmul_act(Stream stream, const ConstMatrix& a, const ConstMatrix& b, const Matrix& d,
                         const Epilogue& epilogue = {});

  /// A linear layer: y[tokens, out] = act(x[tokens, in] . w[out, in]^T + bias). bias may be null, of y's dtype.
  AK_API void linear(Stream stream, const ConstMatrix& x, const ConstMatrix& w, const void* bias, Activation activation,
                     const Matrix& y);

  /// Pay early: load or tune the plan of exactly this call without running it (only shapes, strides and alignments are
  /// read; a null pointer counts as aligned to 16 bytes).
  AK_API Explanation prepare(const ConstMatrix& a, const ConstMatrix& b, const Matrix& d, const Epilogue& epilogue = {});

  /// prepare() for many calls, in order, each problem once; an explanation for every call. One that cannot be served does not
  /// keep the others: its source is "none" and its note says why. Throws Error where a library is missing or the driver
  /// fails, which would keep them all, or for a wrong argument before anything was prepared. A call with `tokens` is prepared for
  /// all buckets that these rows meet, which count as a problem each; its explanation is that of the largest, or of the first
  /// that cannot be served. Of several the first is searched for in half of the budget, each that follows in 0.12 of it.
  AK_API std::vector<Explanation> prepare(const std::vector<Call>& calls, const PrepareProgress& progress = {});

  /// Which kernel serves this call, why, against what. Starts no search.
  AK_API Explanation explain(const ConstMatrix& a, const ConstMatrix& b, const Matrix& d, const Epilogue& epilogue = {});

  /// A hot handle for this call's problem and its bucket, served as a first call would be. In mode `background` it is served at
  /// once, and better later. Only shapes, strides, orders and alignments are read; a null pointer counts as aligned to 16 bytes.
  /// Throws Error, also where D has no elements.
  AK_API Plan plan(const ConstMatrix& a, const ConstMatrix& b, const Matrix& d, const Epilogue& epilogue = {});

  /// Grows whenever something else serves a problem that was served before: some graph may be worth capturing again
  /// (Plan::epoch tells which).
  AK_API std::uint64_t epoch() const;

  /// A C function whose loops become kernels; ak/loop.hpp has the rest, and is to be included. Opens no file yet. file: for a
  /// text that options give, its name.
  AK_API Loop loop(const std::string& file, const std::string& function);
  AK_API Loop loop(const std::string& file, const std::string& function, const LoopHost& host);
  AK_API Loop loop(const std::string& file, const std::string& function, const LoopHost& host, const LoopOptions& options);

  AK_API Counters counters() const;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Made on first use with Options{}, never destroyed.
AK_API Context& default_context();

/// matmul_act on the default context.
AK_API void matmul_act(Stream stream, const ConstMatrix& a, const ConstMatrix& b, const Matrix& d,
                       const Epilogue& epilogue = {});

/// linear on the default context.
AK_API void linear(Stream stream, const ConstMatrix& x, const ConstMatrix& w, const void* bias, Activation activation,
                   const Matrix& y);

/// A caller's own activation, for Epilogue::activation: an expression of x (the pre-activation) and slope in C's syntax, such
/// as "x * sigmoid(1.702 * x)" or "x < 0 ? slope * x : x". It may use + - * / comparisons && || ! ?: parentheses, f32 numbers,
/// and exp expm1 log1p tanh erfc sigmoid abs min max; kernels evaluate it in f32 as they do their own activations, and are held
/// to the same expression in double. The same text gives the same value; the value is of this process, keys and records hold
/// the text. Each text is compiled once a process (20 ms); without NVRTC it is taken as it is, and kernels that were stored
/// serve it. Throws Error: invalid_argument names the place of what is no expression, or hands back the compiler's log;
/// unsupported beyond some two hundred in a process.
AK_API Activation register_activation(std::string_view expression);

AK_API std::string version();

}  // namespace ak
