// Settings: Options with the environment and the defaults filled in, each with where it came from.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ak/ak.hpp"
#include "base/log.hpp"
#include "core/tactic.hpp"

namespace ak {

struct Settings {
  struct Entry {
    std::string variable, value, source, meaning;  // source: option, environment, default. A key's value is never shown.
    std::string fault;                             // why the value cannot be used; empty when it can
    /// What it was given by: the field of Options ("budget_s"), else the variable.
    std::string given_by() const;
  };
  std::string cache_dir;  // empty: records live in memory only
  Mode mode = Mode::tune;
  std::string record_file;
  double budget_s = 3, process_budget_s = 600;
  double background_share = 0.05;
  int max_trials = 100000;
  int compile_threads = 0;  // 0: one for every usable core
  int compile_niceness = 10;
  std::int64_t search_bytes = 0;  // 0: what is free, less an eighth
  std::string llm, llm_endpoint, llm_model;
  std::function<std::string()> llm_key;  // empty when no key is configured
  int llm_rounds = 2, llm_proposals = 12;
  std::int64_t llm_tokens = 200000;
  LlmCode llm_code = LlmCode::off;
  std::int64_t scratch_bytes = std::int64_t{2} << 30;
  ScratchAllocator scratch_allocator;  // null: the driver
  Numerics numerics = Numerics::fast;
  int guard_every = 0;  // 0: the guard is off
  Isolation isolation = Isolation::worker;
  std::string worker;  // its program; empty: looked for
  double loop_budget_s = 10;
  std::string analyser, compiler;  // programs that loops need; empty: looked for
  std::string recording;
  bool shipped = true;                 // the packs built into the library are consulted
  std::vector<std::string> packs;      // files of further ones
  std::optional<Tactic> force_tactic;  // AK_FORCE_TACTIC: instead of searching
  std::function<void(const TuneProgress&)> progress;
  std::shared_ptr<const ScopedLogSink> log_sink;  // of Options::log: until nobody has these settings any more
  std::vector<Entry> entries;                     // one per variable, for `ak env`

  /// Whether a problem without a record is searched for, in its call or behind it.
  bool searches() const { return mode == Mode::tune || mode == Mode::background; }
  /// "AK_MODE is hit"
  std::string mode_given() const;
  /// "AK_LLM_CODE is worker".
  std::string llm_code_given() const;
  /// Entry::given_by() of the variable's entry, for messages.
  std::string given_by(std::string_view variable) const;
};

/// The words of a list that colons separate, as PATH is; empty ones are left out.
std::vector<std::string> colon_list(const std::string& text);

/// Reads the environment once. Throws Error{invalid_argument} naming the variable or the option's field, and its value.
Settings resolve(const Options& options);

/// The same for a look at all of it: a value that cannot be used is its entry's fault, and the default stands.
Settings resolve_all(const Options& options);

}  // namespace ak
