// Command-line words -> problems and options.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "api/arguments.hpp"
#include "base/text.hpp"
#include "cli/cli.hpp"
#include "context/context.hpp"
#include "context/describe.hpp"
#include "core/activation.hpp"
#include "core/bucket.hpp"
#include "settings.hpp"

namespace ak::cli {
namespace {

constexpr auto kInvalid = ErrorCode::invalid_argument;

template <class... Args>
[[noreturn]] void bad(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kInvalid, fmt::format(format, std::forward<Args>(args)...));
}

std::string activation_names() {
  std::string names;
  for (int i = 0; i < kActivationCount; ++i) names += fmt::format("{}{}", i ? " " : "", name(static_cast<Activation>(i)));
  return names;
}

Activation activation_of(const std::string& text) {
  if (const auto kind = parse_activation(text)) return *kind;
  try {
    return own_activation(text);
  } catch (const Error& e) {
    bad("activation: '{}' is none of {}, and no expression of x: {}", text, activation_names(), e.what());
  }
}

DType dtype_of(const std::string& text, const char* option) {
  const auto dtype = parse_dtype(text);
  if (!dtype) bad("{}: '{}' is not f16, bf16 or f32", option, text);
  return *dtype;
}

Numerics policy_of(const std::string& text) {
  if (text.empty()) return resolve_all({}).numerics;
  const auto policy = parse_numerics(text);
  if (!policy) bad("numerics: '{}' is none of {}", text, fmt::join(kNumericsNames, " "));
  return *policy;
}

// A size's word, by its name.
std::int64_t size_of_word(const char* name, const std::string& word) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error == std::errc::result_out_of_range) bad("{}: {} is over 2^31 - 1", name, word);
  if (error != std::errc() || end != word.data() + word.size())
    bad("{}: '{}' is not a whole number; M N K are three of them, as in 16 4096 4096", name, word);
  return value;
}

}  // namespace

bool is_range(std::string_view text) { return text.find_first_of(":-", 1) != text.npos || text.find("..") != text.npos; }

TokenRange tokens_of(const char* name, std::string_view text) {
  const std::string_view between = text.find("..") != text.npos ? ".." : ":";
  const std::size_t at = text.find(between);
  TokenRange tokens;
  const auto number = [&](std::string_view word, std::int64_t& value) {
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    return error == std::errc() && end == word.data() + word.size();
  };
  if (at == text.npos || !number(trimmed(text.substr(0, at)), tokens.from) ||
      !number(trimmed(text.substr(at + between.size())), tokens.to))
    bad("{}: '{}' is no range: two whole numbers with a colon or two dots between them, as in 1:512 or 1..512", name, text);
  try {
    check_tokens(tokens);
  } catch (const Error& error) {
    bad("{}: '{}': {}", name, text, error.what());
  }
  return tokens;
}

Problem contiguous_problem(const ProblemArguments& words) {
  const auto m = words.sizes.at(0), n = words.sizes.at(1), k = words.sizes.at(2);
  const std::string &dtype = words.dtype, &out = words.out, &layout = words.layout, &scale = words.scale;
  const auto kind = activation_of(words.activation);
  if (std::max({m, n, k}) > std::numeric_limits<std::int32_t>::max()) bad("{}x{}x{}: a dimension over 2^31 - 1", m, n, k);
  if (dtype == "f32") bad("dtype: f32 inputs are not served, only f16 and bf16");
  const DType in = dtype_of(dtype, "dtype"), out_type = out.empty() ? in : dtype_of(out, "out");
  const auto transposed = [&](std::size_t at) {
    if (layout.size() != 2 || (layout[at] != 'n' && layout[at] != 't')) bad("layout: '{}' is none of nt nn tt tn", layout);
    return layout[at] == 't';
  };
  const auto view = [&](std::int64_t rows, std::int64_t cols, bool flip) {
    return ConstMatrix{nullptr, rows, cols, flip ? rows : cols, in, flip ? Order::col : Order::row, words.batch, rows * cols};
  };
  if (!scale.empty() && scale != "row" && scale != "column" && scale != "both")
    bad("scale: '{}' is none of row column both", scale);
  static const float aligned_vector alignas(16)[4] = {};
  Epilogue epilogue;
  epilogue.activation = kind;
  epilogue.alpha = words.alpha ? 0.5f : 1.0f;
  epilogue.beta = words.c ? 1.0f : 0.0f;
  if (words.bias) epilogue.bias = aligned_vector, epilogue.bias_dtype = out_type;
  const std::int64_t wide = words.gated ? 2 * n : n;
  epilogue.gated = words.gated;
  if (words.aux) epilogue.aux = {nullptr, m, wide, wide, out_type, Order::row, words.batch, m * wide};
  if (scale == "row" || scale == "both") epilogue.row_scale = aligned_vector;
  if (scale == "column" || scale == "both") epilogue.column_scale = aligned_vector;
  const Matrix d{nullptr, m, n, n, out_type, Order::row, words.batch, m * n};
  epilogue.c = d;
  const CanonicalCall call =
      canonicalize(view(m, k, transposed(0)), view(k, wide, transposed(1)), d, epilogue, Pointers::optional,
                   {"A", "B", "C", "D", "bias", "activation", "up", "aux", "row scale", "column scale"});
  if (call.empty) bad("{}x{}x{}: D has no elements, there is nothing to tune", m, n, k);
  Problem problem = call.problem;
  problem.numerics = policy_of(words.numerics);
  return problem;
}

Problem problem_of_text(std::string_view text) {
  const Problem p = parse_problem(text);
  if (p.m == 0 || p.n == 0) bad("{}: D has no elements, there is nothing to tune", text);
  if (p.batch != 1) bad("batch={}: not served yet, only a batch of 1", p.batch);
  return p;
}

void ProblemArguments::add_to(Command& command) {
  for (const auto& [name, meaning] : {std::pair("M", "rows of A and D: D[M,N] = act(A[M,K] . B[K,N] ...)"),
                                      {"N", "columns of B and D; of D alone with --gated"},
                                      {"K", "columns of A, rows of B"}})
    command.option(
        name, [this, name = name](const std::string& word) { sizes.push_back(size_of_word(name, word)); }, meaning);
  command.option("--act", activation, activation_names() + ", or an expression of x").shows_default();
  command.option("--dtype", dtype, "of A and B: bf16 or f16").shows_default();
  command.option("--out", out, "dtype of D: f16, bf16 or f32 (default: that of A and B)");
  command.option("--layout", layout, "a letter for A, one for B: n as written, t transposed; nt is a linear layer, w[N,K]")
      .shows_default();
  command.flag("--bias", bias, "add a bias of N elements");
  command.flag("--c", c, "add beta * C");
  command.flag("--alpha", alpha, "with an alpha other than 1");
  command.flag("--gated", gated, "D = act(A . gate) * (A . up), B[K,2N] holding the gate's columns, then the up's");
  command.flag("--aux", aux, "store what the activation is given too");
  command.option("--scale", scale, "multiply rows, columns or both of A . B by a vector").one_of({"row", "column", "both"});
  command.option("--numerics", numerics, "fast, deterministic or batch_invariant (AK_NUMERICS)");
  command.option("--batch", batch, "how many such products; only 1 is served yet").shows_default();
  command.option("--problem", text, "the whole problem as `ak ls` prints it, instead of all of the above");
}

Problem ProblemArguments::problem() const {
  if (!text.empty()) {
    if (!sizes.empty()) bad("give either M N K or --problem, not both");
    return problem_of_text(text);
  }
  if (sizes.size() != 3) bad("give M N K, three whole numbers, or --problem");
  try {
    return contiguous_problem(*this);
  } catch (const Error& error) {  // whatever it is to a caller, here the command line asks for it
    throw Error(kInvalid, error.what());
  }
}

void SearchArguments::add_cache_to(Command& command) {
  command.option(
      "--cache", [this](const std::string& folder) { cache = folder, cache_given = true; },
      "folder of the records (AK_CACHE_DIR)");
}

void SearchArguments::add_to(Command& command) {
  add_cache_to(command);
  command.option("--budget", budget_s, "wall seconds per problem (AK_BUDGET_S)").seconds_above_zero();
  command.option("--trials", trials, "most trials per problem (AK_MAX_TRIALS)").count_above_zero("trials");
  command.option("--recording", recording, "answer trials from this file instead of a GPU (AK_RECORDING)");
}

Options SearchArguments::options() const {
  Options options;
  if (cache_given) options.cache_dir = cache;
  if (budget_s > 0) options.budget_s = budget_s;
  if (trials > 0) options.max_trials = trials;
  if (!recording.empty()) options.recording = recording;
  return options;
}

}  // namespace ak::cli
