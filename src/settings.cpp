#include "settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/log.hpp"
#include "base/profile.hpp"
#include "base/text.hpp"
#include "cache/store.hpp"
#include "core/problem.hpp"
#include "llm/chat.hpp"

namespace ak {
namespace {

constexpr double kDefaultBudget = 3, kDefaultBudgetWithLlm = 20;
constexpr double kShortestBudget = 0.2;  // twice what a search takes at least: something is left when one begins
constexpr double kLongest = 86400 * 30;
constexpr std::int64_t kMostCount = std::int64_t{1} << 50;

constexpr std::string_view kModes[] = {"tune", "hit", "off", "background", "record"};
constexpr std::string_view kIsolations[] = {"worker", "in_process"};
constexpr std::string_view kLlmCodes[] = {"off", "worker", "kept"};

std::optional<std::string> variable_of(const char* variable) {
  const char* text = std::getenv(variable);
  return text ? std::optional<std::string>(text) : std::nullopt;
}

// What is none of the words is shown as its number, and refused.
template <class Enum, std::size_t count>
std::optional<std::string> word_of(const std::string_view (&words)[count], const std::optional<Enum>& option) {
  if (!option) return std::nullopt;
  const auto value = static_cast<std::size_t>(*option);
  return value < count ? std::string(words[value]) : fmt::format("{}", static_cast<int>(*option));
}

// A URL's user name and password are refused later; until then they are not shown either.
std::string without_user(std::string value) {
  if (const auto from = value.find("://"); from != value.npos)
    if (const auto at = value.find('@', from); at < value.find('/', from + 3)) value.replace(from + 3, at - from - 3, "***");
  return value;
}

class Resolver {
 public:
  explicit Resolver(bool throws) : throws_(throws) {}

  std::vector<Settings::Entry> entries;

  /// The option wins over the environment, that over the default; an empty variable counts as unset unless empty_is_value.
  std::string text(const char* variable, const std::optional<std::string>& option, std::string fallback,
                   std::string_view meaning, bool empty_is_value = false) {
    auto set = variable_of(variable);
    if (set && set->empty() && !empty_is_value) set.reset();
    source_ = option ? "option" : set ? "environment" : "default";
    std::string value = option ? *option : set ? *set : std::move(fallback);
    entries.push_back({variable, without_user(value), std::string(source_), std::string(meaning), {}});
    return value;
  }

  /// The value that was read last cannot be used.
  void refuse(std::string_view value, std::string_view expected, ErrorCode code = ErrorCode::invalid_argument) {
    const std::string what = fmt::format("{}{}='{}': {}", source_ == "option" ? "option " : "", entries.back().given_by(),
                                         without_user(std::string(value)), expected);
    if (throws_) throw Error(code, what);
    entries.back().fault = what;
  }

  double number(const char* variable, const std::optional<double>& option, double fallback, double least, double most,
                std::string_view meaning) {
    const auto shown = option ? std::optional(fmt::format("{}", *option)) : std::nullopt;
    const std::string value = text(variable, shown, fmt::format("{}", fallback), meaning);
    double parsed = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
    if (error != std::errc() || end != value.data() + value.size() || !(parsed >= least && parsed <= most))
      return refuse(value, fmt::format("expected a number from {} to {}", least, most)), fallback;
    return parsed;
  }

  template <class Integer>
  Integer integer(const char* variable, const std::optional<Integer>& option, Integer fallback, Integer least, Integer most,
                  std::string_view meaning) {
    const auto wide = option ? std::optional(static_cast<double>(*option)) : std::nullopt;
    const double value =
        number(variable, wide, static_cast<double>(fallback), static_cast<double>(least), static_cast<double>(most), meaning);
    if (value == std::floor(value)) return static_cast<Integer>(value);
    refuse(fmt::format("{}", value), "expected a whole number");
    return fallback;
  }

  bool flag(const char* variable, const std::optional<bool>& option, bool fallback, std::string_view meaning) {
    const auto shown = option ? std::optional<std::string>(*option ? "1" : "0") : std::nullopt;
    const std::string value = text(variable, shown, fallback ? "1" : "0", meaning);
    if (value == "0" || value == "1") return value == "1";
    refuse(value, "expected 0 or 1");
    return fallback;
  }

  /// Separated by colons, as PATH is.
  std::vector<std::string> files(const char* variable, const std::optional<std::vector<std::string>>& option,
                                 std::string_view meaning) {
    const auto shown = option ? std::optional(fmt::format("{}", fmt::join(*option, ":"))) : std::nullopt;
    const std::string value = text(variable, shown, "", meaning);
    return option ? *option : colon_list(value);
  }

  /// What this code does not read itself (the log, the kernel folder), for completeness.
  void shown(const char* variable, std::string fallback, std::string_view meaning) {
    text(variable, std::nullopt, std::move(fallback), meaning);
  }

 private:
  const bool throws_;
  std::string_view source_;
};

std::string read_key_file(const std::string& path) {
  std::ifstream in(path);
  std::array<char, 8193> line;  // /dev/zero has no first line
  if (!in.getline(line.data(), line.size()))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("AK_LLM_KEY_FILE='{}': cannot be read, or its first line is no key", path));
  std::string key = line.data();
  while (!key.empty() && is_blank(key.back())) key.pop_back();
  return key;
}

// Never an entry's value.
std::function<std::string()> key_source(const Options& options, Resolver& read) {
  const auto variable = variable_of("AK_LLM_KEY"), file = variable_of("AK_LLM_KEY_FILE");
  const bool by_variable = variable && !variable->empty(), by_file = file && !file->empty();
  read.entries.push_back({"AK_LLM_KEY",
                          options.llm_key ? "(callback)"
                          : by_variable   ? "(set)"
                                          : "",
                          options.llm_key ? "option"
                          : by_variable   ? "environment"
                                          : "default",
                          "the secret; never shown, logged or stored",
                          {}});
  read.entries.push_back({"AK_LLM_KEY_FILE",
                          by_file ? *file : "",
                          by_file ? "environment" : "default",
                          "a file whose first line is the secret",
                          {}});
  if (options.llm_key) return options.llm_key;
  if (by_variable) return [key = *variable] { return key; };
  if (by_file) return [path = *file] { return read_key_file(path); };
  return {};
}

Settings read_all(const Options& options, bool throws) {
  Settings s;
  Resolver read(throws);
  // default_cache_folder() knows the variable too; here it is read to tell the source.
  s.cache_dir = read.text("AK_CACHE_DIR", options.cache_dir, variable_of("AK_CACHE_DIR") ? "" : default_cache_folder(),
                          "folder of the records; empty: in memory only", true);

  const auto mode_option = word_of(kModes, options.mode);
  const std::string mode =
      read.text("AK_MODE", mode_option, "tune",
                "tune: search on a miss; background: behind the calls; hit: never; record: nor, and write down what "
                "is asked for; off: cuBLASLt only");
  const auto at = std::find(std::begin(kModes), std::end(kModes), mode);
  if (at == std::end(kModes))
    read.refuse(mode, fmt::format("expected one of {}", fmt::join(kModes, ", ")));
  else
    s.mode = static_cast<Mode>(at - std::begin(kModes));
  s.record_file = read.text("AK_RECORD_FILE", options.record_file, "", "of mode record: gets the problems that are asked for");
  if (s.mode == Mode::record && s.record_file.empty()) read.refuse("", "mode record needs the file that it writes to");

  s.llm = read.text("AK_LLM", options.llm, "", providers() + "; empty: no LLM");
  if (!s.llm.empty() && !is_provider(s.llm)) {
    read.refuse(s.llm, "expected " + providers(), has_llm() ? ErrorCode::invalid_argument : ErrorCode::unsupported);
    s.llm.clear();
  }
  s.llm_endpoint = read.text("AK_LLM_ENDPOINT", options.llm_endpoint, "", "base URL; empty: the provider's own");
  s.llm_model = read.text("AK_LLM_MODEL", options.llm_model, "", "model name");
  s.llm_key = key_source(options, read);
  read.shown("AK_LLM_CLIENT_CERT", "", "a PEM file: the certificate shown to the endpoint");
  read.shown("AK_LLM_CLIENT_KEY", "", "a PEM file: its key");
  s.llm_rounds = read.integer("AK_LLM_ROUNDS", options.llm_rounds, 2, 0, 100, "questions per search");
  s.llm_proposals = read.integer("AK_LLM_PROPOSALS", options.llm_proposals, 12, 1, 256, "tactics asked for per question");
  s.llm_tokens = read.integer<std::int64_t>("AK_LLM_TOKENS", options.llm_tokens, s.llm_tokens, 0, kMostCount,
                                            "tokens of all searches of a context, asked and answered");

  const std::string llm_code =
      read.text("AK_LLM_CODE", word_of(kLlmCodes, options.llm_code), "off",
                "kernels of loops that an LLM wrote: off: none; worker: asked for and proven, never launched here; kept: the "
                "proven ones serve too");
  if (const auto found = std::ranges::find(kLlmCodes, llm_code); found == std::end(kLlmCodes))
    read.refuse(llm_code, fmt::format("expected one of {}", fmt::join(kLlmCodes, ", ")));
  else
    s.llm_code = static_cast<LlmCode>(found - std::begin(kLlmCodes));

  s.budget_s = read.number("AK_BUDGET_S", options.budget_s, s.llm.empty() ? kDefaultBudget : kDefaultBudgetWithLlm,
                           kShortestBudget, kLongest, "wall seconds of one search");
  s.process_budget_s = read.number("AK_PROCESS_BUDGET_S", options.process_budget_s, 600, 0, kLongest,
                                   "wall seconds of all searches of a context");
  s.background_share = read.number("AK_BACKGROUND_SHARE", options.background_share, s.background_share, 0.001, 1,
                                   "of the time in which a search behind the calls may use the GPU");
  s.max_trials = read.integer("AK_MAX_TRIALS", options.max_trials, 100000, 0, 1000000000, "own tactics run per search");
  s.compile_threads = read.integer("AK_COMPILE_THREADS", options.compile_threads, 0, 0, 4096,
                                   "threads that compile for one search; 0: one for every usable core");
  s.compile_niceness = read.integer("AK_COMPILE_NICENESS", options.compile_niceness, s.compile_niceness, 0, 19,
                                    "added to the process's own for these threads");
  s.search_bytes = read.integer<std::int64_t>("AK_SEARCH_BYTES", options.search_bytes, 0, 0, kMostCount,
                                              "most device memory of a search; 0: what is free, less an eighth");
  s.scratch_bytes = read.integer<std::int64_t>("AK_SCRATCH_BYTES", options.scratch_bytes, s.scratch_bytes, 0, kMostCount,
                                               "most device memory for workspaces in a CUDA context");
  if (options.scratch_allocator) {
    s.scratch_allocator = *options.scratch_allocator;
    if (throws && (!s.scratch_allocator.allocate || !s.scratch_allocator.release))
      throw Error(ErrorCode::invalid_argument, "option scratch_allocator: allocate and release are given both");
  }
  const auto numerics_option = word_of(kNumericsNames, options.numerics);
  const std::string numerics = read.text("AK_NUMERICS", numerics_option, "fast",
                                         "fast: any order of summation; deterministic: one; batch_invariant: one for every m");
  if (const auto policy = parse_numerics(numerics))
    s.numerics = *policy;
  else
    read.refuse(numerics, fmt::format("expected one of {}", fmt::join(kNumericsNames, ", ")));
  if (s.numerics != Numerics::fast && s.mode == Mode::off)
    read.refuse(numerics, "mode off serves everything by cuBLASLt, which no order of summation is known of");
  s.guard_every = read.integer("AK_GUARD_EVERY", options.guard_every, 0, 0, 1000000000,
                               "one call in so many is checked against cuBLASLt; 0: none");
  const auto isolation_option = word_of(kIsolations, options.isolation);
  const std::string isolation = read.text("AK_ISOLATION", isolation_option, "worker",
                                          "where a kernel is launched first: worker, a process of its own, or in_process");
  if (const auto found = std::ranges::find(kIsolations, isolation); found == std::end(kIsolations))
    read.refuse(isolation, "expected worker or in_process");
  else
    s.isolation = static_cast<Isolation>(found - std::begin(kIsolations));
  s.worker = read.text("AK_WORKER", options.worker, "", "the program ak-worker; empty: beside the library or in libexec");
  s.loop_budget_s = read.number("AK_LOOP_BUDGET_S", options.loop_budget_s, 10, kShortestBudget, kLongest,
                                "wall seconds of a loop's first call: analysis, proof and timing");
  s.analyser =
      read.text("AK_ANALYSER", options.analyser, "", "the program ak-analyse; empty: beside the library or in libexec");
  s.compiler =
      read.text("AK_CC", options.compiler, "", "the C compiler of loops' proofs; empty: the first of gcc, clang, cc on PATH");
  s.recording = read.text("AK_RECORDING", options.recording, "", "answer trials from this file; nothing is launched");
  if (std::error_code unknown; !s.recording.empty() && !std::filesystem::exists(s.recording, unknown))
    read.refuse(s.recording, "no such file or folder");

  s.shipped = read.flag("AK_SHIPPED", options.shipped, true, "1: what the library's own pack knows is not searched for");
  s.packs = read.files("AK_PACKS", options.packs, "packs consulted before a search, separated by colons");

  const std::string forced = read.text("AK_FORCE_TACTIC", std::nullopt, "", "use this tactic instead of searching");
  if (!forced.empty()) {
    try {
      s.force_tactic = parse_tactic(forced);
    } catch (const Error& error) {
      read.refuse(forced, error.what());
    }
  }
  read.shown("AK_KERNEL_DIR", "", "read device code from this folder instead of the embedded copy");
  ProfileRange::switch_to(
      read.flag("AK_NVTX", std::nullopt, false, "1: a profiler shows searches, trials, proofs and ports (NVTX)"));
  const std::string level =
      read.text("AK_LOG", options.log_level, "off", "off, error, warn, info or debug, to stderr; unset, the tool's is warn");
  LogLevel parsed;
  const bool known = parse_log_level(level, parsed);
  if (!known) read.refuse(level, "expected off, error, warn, info or debug");
  if (known && options.log_level) set_log_level(parsed);
  if (options.log)
    s.log_sink = std::make_shared<const ScopedLogSink>(
        [sink = options.log](LogLevel of, std::string_view line) { sink(name(of), line); });

  s.progress = options.progress;
  s.entries = std::move(read.entries);
  return s;
}

}  // namespace

std::string Settings::Entry::given_by() const {
  if (source != "option") return variable;
  return variable == "AK_LOG" ? "log_level" : lower(std::string_view(variable).substr(std::string_view("AK_").size()));
}

std::string Settings::given_by(std::string_view variable) const {
  const auto entry = std::ranges::find(entries, variable, &Entry::variable);
  return entry == entries.end() ? std::string(variable) : entry->given_by();
}

std::string Settings::mode_given() const {
  return fmt::format("{} is {}", given_by("AK_MODE"), kModes[static_cast<std::size_t>(mode)]);
}

std::string Settings::llm_code_given() const {
  return fmt::format("{} is {}", given_by("AK_LLM_CODE"), kLlmCodes[static_cast<std::size_t>(llm_code)]);
}

std::vector<std::string> colon_list(const std::string& text) {
  std::vector<std::string> list;
  for (const std::string_view each : split(text, ':'))
    if (!each.empty()) list.emplace_back(each);
  return list;
}

Settings resolve(const Options& options) { return read_all(options, true); }
Settings resolve_all(const Options& options) { return read_all(options, false); }

}  // namespace ak
