// Context::Impl: the cold path, readable from top to bottom, on canonical problems. api/ turns arguments into these.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "ak/ak.hpp"
#include "ak/loop.hpp"
#include "base/clock.hpp"
#include "cache/record.hpp"
#include "cache/store.hpp"
#include "context/loop_arguments.hpp"
#include "core/problem.hpp"
#include "machine/machine.hpp"
#include "plan/plan.hpp"
#include "port/analysis.hpp"
#include "settings.hpp"
#include "tune/tuner.hpp"

namespace ak {

/// The canonical side of ak::Context. Thread-safe; problems are as api/arguments makes them.
struct Context::Impl {
  /// machine: serves everything (a recording, a test); null: a GPU's, one for each CUDA context that calls.
  /// now: the clock of retries, a test's own.
  explicit Impl(Settings settings, std::unique_ptr<Machine> machine = nullptr,
                std::function<Clock::time_point()> now = Clock::now);
  ~Impl();

  /// What a call asks for, or else the policy of all its problems. Throws Error{invalid_argument} for what is none, and for
  /// what the mode cannot keep.
  Numerics numerics(const std::optional<Numerics>& asked) const {
    if (!asked) [[likely]]
      return numerics_;
    return checked(*asked);
  }

  /// Hot: table, plan, launch. Cold: store, else search, else vendor, as the mode says.
  void matmul_act(Stream stream, const Problem& problem, const CallArgs& args);
  /// Hot without a look-up.
  void matmul_act(Stream stream, Plan::State& bound, const CallArgs& args);
  /// A handle for the problem, which is served now.
  std::unique_ptr<Plan::State> bind(const Problem& problem);
  std::int64_t workspace_bytes(Plan::State& bound);
  std::uint64_t epoch(const Plan::State& bound);
  std::uint64_t epoch() const;
  Explanation explain(const Plan::State& bound);

  /// A problem; or, with tokens, all of its buckets that they meet.
  struct Wanted {
    Problem problem;
    TokenRange tokens = {};
  };
  /// What is prepared at once: exactly the problem, or the bucket whose last m it has.
  struct Preparation {
    Problem problem;
    bool bucket = false;
    double share = 1;  // of the budget
  };
  /// The last bucket first: the others are searched for in less time, with what it found at hand.
  static std::vector<Preparation> preparations(const Wanted& wanted);

  /// Load or tune it; a provisional record is tuned again. retune: searches even when a record stands, and replaces it
  /// (`ak tune --force`).
  Explanation prepare(const Preparation& task, bool retune = false);
  Explanation prepare(const Problem& problem) { return prepare(Preparation{problem}); }
  Explanation retune(const Problem& problem) { return prepare(Preparation{problem}, true); }
  /// prepare() of each, once; a problem that fails is explained by its error. Throws Error{missing_library | driver}.
  std::vector<Explanation> prepare(std::span<const Wanted> wanted, const PrepareProgress& progress);
  /// For who prepares tasks one by one: while the answer lives, what those that are not proven will try first is compiled.
  std::shared_ptr<void> compile_ahead(std::span<const Preparation> tasks);
  /// Whether a record stands that prepare() would load: neither stale nor provisional.
  bool proven(const Preparation& task);
  bool proven(const Problem& problem) { return proven(Preparation{problem}); }
  /// Starts no search.
  Explanation explain(const Problem& problem);
  /// A C function whose loops become kernels; reads nothing yet.
  std::shared_ptr<Loop::State> loop(port::LoopSource source, LoopHost host, LoopPromise promise = {});
  Counters counters() const;

  const Settings& settings() const;
  Store& store();
  const Hardware& hardware();  // of the device, or of the recording
  const DeviceFacts& device();

 private:
  struct State;
  Numerics checked(Numerics asked) const;
  const Numerics numerics_;
  std::unique_ptr<State> state_;
};

}  // namespace ak
