#include "cli/misspelt.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

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

std::string described(std::string_view word, const std::string& what, const std::vector<std::string>& known,
                      const std::string& help) {
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

std::string misspelt(const Program& program, int argc, char** argv) {
  Command scope = program.without_command();
  std::string command = "ak";
  int at = 1;
  if (argc > 1 && argv[1][0] != '-') {
    const std::vector<Command> commands = program.commands();
    const auto chosen = std::ranges::find(commands, argv[1], &Command::name);
    std::vector<std::string> known;
    for (const Command& each : commands) known.push_back(each.name());
    if (chosen == commands.end()) return described(argv[1], "a command", known, "ak --help");
    scope = *chosen, command += fmt::format(" {}", argv[1]), at = 2;
  }
  for (; at < argc && argv[at] != std::string_view("--"); ++at) {
    const std::string text = argv[at], word = text.substr(0, text.find('='));
    const bool is_option = word.size() > 1 && word[0] == '-' && (word[1] == '-' || is_letter(word[1]));
    if (!is_option) continue;
    if (const auto words = scope.least_words_of(word)) {
      if (word == text) at += *words;  // its value may begin with a dash: --act -x
      continue;
    }
    const bool takes_flags = scope.takes_words_behind_dashes() && word[1] != '-';
    return described(word, fmt::format("an option of `{}`", command), scope.options(), command + " --help") +
           (takes_flags ? "; flags of the C compiler stand behind --" : "");
  }
  return "";
}

}  // namespace ak::cli
