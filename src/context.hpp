// Context::Impl: the cold path, readable from top to bottom, on canonical problems. api/ turns arguments into these.
#pragma once

#include "ak/ak.hpp"
#include "cache/record.hpp"
#include "cache/store.hpp"
#include "core/problem.hpp"
#include "plan/plan.hpp"
#include "tune/tuner.hpp"

namespace ak {

/// Options with the environment and the defaults filled in, each with where it came from (for `ak env`).
struct Settings {
  struct Entry {
    std::string variable, value, source, meaning;  // source: option, environment, default. A key's value is never shown.
  };
  std::string cache_dir;
  Mode mode = Mode::tune;
  double budget_s = 3, process_budget_s = 600;
  int max_trials = 100000;
  std::string llm, llm_endpoint, llm_model;
  std::function<std::string()> llm_key;
  int llm_rounds = 2, llm_proposals = 12;
  std::string recording;
  std::function<void(const TuneProgress&)> progress;
  std::vector<Entry> entries;
};

/// Throws Error{invalid_argument} naming the variable and its value.
Settings resolve(const Options& options);

/// The canonical side of ak::Context. Thread-safe; problems are as api/arguments makes them.
struct Context::Impl {
  explicit Impl(Settings settings);
  ~Impl();

  /// Hot: table, plan, launch. Cold: store, else search, else vendor, as the mode says.
  void matmul_act(Stream stream, const Problem& problem, const CallArgs& args);
  /// Load or tune the plan of exactly this problem.
  Explanation prepare(const Problem& problem);
  /// As prepare, but searches even when a record stands, and replaces it (`ak tune --force`).
  Explanation retune(const Problem& problem);
  /// Starts no search.
  Explanation explain(const Problem& problem);
  Counters counters() const;

  const Settings& settings() const;
  Store& store();
  const Hardware& hardware();   // of the device, or of the recording
  const DeviceFacts& device();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ak
