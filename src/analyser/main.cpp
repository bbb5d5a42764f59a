// ak-analyse: what may run in parallel in a C function, as JSON. See --help.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <string>
#include <vector>

#include "ak/types.hpp"
#include "analyser/front.hpp"
#include "analyser/refused.hpp"

namespace {

constexpr const char* kHelp = R"(usage: ak-analyse FILE FUNCTION [options] [-- COMPILER FLAGS]
       ak-analyse FILE --list [options] [-- COMPILER FLAGS]

Prints what may run in parallel in a C function, as JSON. FILE - is standard input.

  --body VAR       the body of the loop over VAR alone
  --drop NAME      leave out calls of NAME (repeatable)
  --int n=1000     an integer parameter's value (repeatable)
  --function-only  print the function as it was read, and stop
  --list           the functions with a body, one a line
  --clang PATH     default: clang
  --seconds N      clang's deadline, default 20

Exit: 0 also when the function is refused (the JSON says why), 2 for a wrong command line, 3 when there is nothing to analyse.
)";

struct Usage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct CommandLine {
  ak::analyser::ClangCall clang;
  ak::analyser::Choice choice;
  ak::loop::Values values;
  bool list = false, function_only = false, help = false;
};

template <class Number>
Number number(const std::string& option, std::string_view text) {
  Number value{};
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || at != text.data() + text.size())
    throw Usage(fmt::format("{}: '{}' is not a number", option, text));
  return value;
}

/// "n=1000"
std::pair<std::string, std::string> assignment(const std::string& option, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == 0 || equals == text.npos) throw Usage(fmt::format("{}: NAME=VALUE is wanted, not '{}'", option, text));
  return {text.substr(0, equals), text.substr(equals + 1)};
}

CommandLine read_command_line(const std::vector<std::string>& words) {
  CommandLine line;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const auto value = [&]() -> const std::string& {
      if (i + 1 == words.size()) throw Usage(word + ": its value is missing");
      return words[++i];
    };
    if (word == "--") {
      line.clang.flags.assign(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      break;
    }
    if (word == "--help" || word == "-h") {
      line.help = true;
    } else if (word == "--list") {
      line.list = true;
    } else if (word == "--function-only") {
      line.function_only = true;
    } else if (word == "--body") {
      line.choice.body = value();
    } else if (word == "--drop") {
      line.choice.drop.insert(value());
    } else if (word == "--clang") {
      line.clang.program = value();
    } else if (word == "--seconds") {
      line.clang.seconds = number<double>(word, value());
    } else if (word == "--int") {
      const auto [name, text] = assignment(word, value());
      line.values[name] = number<std::int64_t>(word, text);
    } else if (word.size() > 1 && word[0] == '-') {
      throw Usage(fmt::format("there is no option {}", word));
    } else {
      names.push_back(word);
    }
  }
  if (line.help) return line;
  if (names.size() != (line.list ? 1u : 2u)) throw Usage(line.list ? "FILE is wanted" : "FILE and FUNCTION are wanted");
  line.clang.file = names[0];
  if (!line.list) line.choice.function = names[1];
  return line;
}

void print(const ak::loop::Function& function) {
  std::string text = fmt::format("{} {}({}) {{\n", c_name(function.returns), function.name, ak::loop::c_parameters(function));
  for (const ak::loop::Local& local : function.locals) {
    text += fmt::format("  {} {}", c_name(local.type), local.name);
    for (const ak::loop::Term& extent : local.extents) text += fmt::format("[{}]", ak::loop::c_text(extent));
    text += ";\n";
  }
  text += ak::loop::c_text(function.body, 2) + "}\n";
  std::fputs(text.c_str(), stdout);
}

int run(const CommandLine& line) {
  const ak::analyser::Unit unit(ak::analyser::parse(line.clang));
  if (line.list) {
    for (const ak::analyser::Ast& function : unit.functions())
      if (unit.in_main_file(function)) fmt::print("{}\n", function.name());
    return 0;
  }
  ak::loop::Verdict verdict;
  try {
    const ak::analyser::Front front = ak::analyser::read_function(unit, line.choice, line.values);
    if (line.function_only) {
      print(front.function);
      return 0;
    }
    verdict.function = front.function;
    verdict.refused = "the analysis of dependences is not part of this program yet";
  } catch (const ak::analyser::Refused& refused) {
    if (line.function_only) {
      fmt::print("refused: {}\n", refused.what());
      return 0;
    }
    verdict.function.name = line.choice.function;
    verdict.refused = refused.what();
  }
  fmt::print("{}\n", ak::loop::write_json(verdict));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const CommandLine line = read_command_line({argv + 1, argv + argc});
    if (line.help) {
      std::fputs(kHelp, stdout);
      return 0;
    }
    return run(line);
  } catch (const Usage& wrong) {
    fmt::print(stderr, "ak-analyse: {}; --help\n", wrong.what());
    return 2;
  } catch (const std::exception& failed) {
    fmt::print(stderr, "ak-analyse: {}\n", failed.what());
    return 3;
  }
}
