#include "cli/misspelt.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>

namespace ak::cli {
namespace {

// Levenshtein's, with a swap of neighbours as one change.
std::size_t changes(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i)
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

std::string described(std::string_view word, const char* what, const std::vector<std::string>& known, const std::string& help) {
  const std::string meant = nearest(word, known);
  return fmt::format("'{}' is not {}{}; `{}` lists them", word, what, meant.empty() ? "" : fmt::format(", {} is", meant), help);
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t least = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string& each : known)
    if (const std::size_t n = changes(word, each); n < least) least = n, best = each;
  return best;
}

std::string misspelt(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return "";
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  const auto command = std::ranges::find_if(commands, [&](const CLI::App* c) { return c->check_name(argv[1]); });
  std::vector<std::string> known;
  if (command == commands.end()) {
    for (const CLI::App* each : commands) known.push_back(each->get_name());
    return described(argv[1], "a command", known, "ak --help");
  }
  for (const CLI::Option* option : (*command)->get_options())
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  for (int i = 2; i < argc && argv[i] != std::string_view("--"); ++i) {
    const std::string_view word = std::string_view(argv[i]).substr(0, std::string_view(argv[i]).find('='));
    const bool is_option =
        word.size() > 1 && word[0] == '-' && (word[1] == '-' || std::isalpha(static_cast<unsigned char>(word[1])));
    if (is_option && !(*command)->get_option_no_throw(std::string(word)))
      return described(word, fmt::format("an option of `ak {}`", argv[1]).c_str(), known, fmt::format("ak {} --help", argv[1]));
  }
  return "";
}

}  // namespace ak::cli
