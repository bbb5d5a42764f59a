#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/interruption.hpp"
#include "base/log.hpp"
#include "cli/cli.hpp"
#include "cli/misspelt.hpp"

namespace ak::cli {
namespace {

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return kUsage;
    case ErrorCode::missing_library:
    case ErrorCode::driver:
      return kUnavailable;
    default:
      return kFailed;
  }
}

// A library is silent unless asked; a command says what its user should know.
void set_tools_log_level() {
  const char* level = std::getenv("AK_LOG");
  if (!level || !*level) set_log_level(LogLevel::warn);
}

int run(int argc, char** argv) {
  set_tools_log_level();
  Program program("ak", "Autokernel: GEMM + activation on NVIDIA GPUs, tuned on first use and remembered", "ak " + version(),
                  "Exit codes: 0 done; 1 the work or a part of it failed; 2 the command line or a list is wrong;\n"
                  "            3 no GPU, driver or library, and no recording (AK_RECORDING, --recording).\n"
                  "`ak env` lists the environment variables, `ak doctor` says what is missing on this machine.");
  for (const auto add : {add_tune, add_warm, add_ls, add_show, add_pack, add_import, add_merge, add_rm, add_prune, add_verify,
                         add_bench, add_sweep, add_port, add_report, add_doctor, add_env})
    add(program);
  if (const std::string word = misspelt(program, argc, argv); !word.empty()) {
    fmt::print(stderr, "ak: {}\n", word);
    return kUsage;
  }
  return program.run(argc, argv, kUsage);
}

// With --json there is JSON on stdout, whatever came of it, and says it once.
void report(const char* why, int code, int argc, char** argv) {
  const std::vector<std::string_view> words(argv, argv + argc);
  if (std::ranges::find(words, "--json") != words.end()) return print_json(Json{{"error", why}});
  fmt::print(stderr, "ak: {}\n", printable(why));
  if (code == kUnavailable)
    fmt::print(stderr, "`ak doctor` says what to do; with --recording tune, warm and bench work without a GPU\n");
}

}  // namespace
}  // namespace ak::cli

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // what is too large for `ulimit -f` is an error by name
  ak::tidy_when_interrupted();
  try {
    return ak::cli::run(argc, argv);
  } catch (const ak::Error& error) {
    const int code = ak::cli::exit_code(error.code());
    ak::cli::report(error.what(), code, argc, argv);
    return code;
  } catch (const std::exception& error) {
    ak::cli::report(error.what(), ak::cli::kFailed, argc, argv);
    return ak::cli::kFailed;
  }
}
