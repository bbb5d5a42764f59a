// ak-analyse: what may run in parallel in a C function, as JSON. See --help.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "ak/types.hpp"
#include "analyser/analyse.hpp"
#include "analyser/front.hpp"
#include "analyser/refused.hpp"
#include "analyser/steering.hpp"
#include "analyser/watchdog.hpp"

namespace {

constexpr const char* kHelp = R"(usage: ak-analyse FILE FUNCTION [options] [-- COMPILER FLAGS]
       ak-analyse FILE --list [options] [-- COMPILER FLAGS]

Prints what may run in parallel in a C function, as JSON. FILE - is standard input.

  --body VAR       the body of the loop over VAR alone
  --drop NAME      leave out calls of NAME (repeatable)
  --int n=1000     an integer parameter's value (repeatable)
  --alias a=b+1    pointer a is pointer b and 1 element (repeatable); all others do not overlap
  --length a=n     elements of a pointer's outermost dimension, over integer parameters (repeatable)
  --facts JSON     the same in one: {"int": {"n": 1000}, "alias": {"a": "b+1"}, "length": {"a": "n"}}
  --name PATH      what standard input is called: quoted includes are looked for beside it
  --function-only  print the function as it was read, and stop
  --list           the functions with a body, one a line, without static ones that have no loop: they serve others
  --clang PATH     default: clang
  --seconds N      clang's deadline, default 20
  --read-seconds N of all that is made of clang's words, default 20

Exit: 0 also when the function is refused (the JSON says why), 2 for a wrong command line, 3 when there is nothing to analyse.
)";

constexpr int kNothing = 3;

/// Whether a function is there for others alone: static, with no loop of its own.
bool is_helper(const ak::analyser::Ast& function) {
  const auto loops = [](const auto& self, const ak::analyser::Ast& node) -> bool {
    if (node.is("ForStmt") || node.is("WhileStmt") || node.is("DoStmt") || node.is("LabelStmt")) return true;
    const auto children = node.children();
    return std::ranges::any_of(children, [&](const ak::analyser::Ast& child) { return self(self, child); });
  };
  return function.text("storageClass") == "static" && !loops(loops, function);
}


struct Usage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct CommandLine {
  ak::analyser::ClangCall clang;
  ak::analyser::Choice choice;
  ak::analyser::Facts facts;
  std::map<std::string, std::string> lengths;  // as they were given
  double read_seconds = 20;
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

/// "b+1", "b-1", "b"
ak::analyser::Alias alias(const std::string& option, const std::string& pointer, const std::string& place) {
  const auto sign = place.find_first_of("+-");
  ak::analyser::Alias made{pointer, place.substr(0, sign), 0};
  if (sign != place.npos) made.offset = number<std::int64_t>(option, place.substr(place[sign] == '+' ? sign + 1 : sign));
  return made;
}

void read_facts(CommandLine& line, const std::string& json) {
  simdjson::dom::parser parser;
  simdjson::dom::object all;
  if (parser.parse(json).get(all)) throw Usage("--facts: a JSON object is wanted");
  for (const auto& [kind, values] : all) {
    simdjson::dom::object entries;
    if ((kind != "int" && kind != "alias" && kind != "length") || values.get(entries))
      throw Usage(fmt::format("--facts: '{}': int, alias and length are known, each an object", kind));
    for (const auto& [key, value] : entries) {
      const std::string name(key);
      std::int64_t whole = 0;
      std::string_view text;
      const bool is_text = !value.get(text);
      if (kind == "int" ? value.get(whole) != simdjson::SUCCESS : !is_text)
        throw Usage(fmt::format("--facts: {}: {} is wanted", name, kind == "int" ? "an integer" : "a text"));
      if (kind == "int") line.facts.values[name] = whole;
      if (kind == "alias") line.facts.aliases.push_back(alias("--facts", name, std::string(text)));
      if (kind == "length") line.lengths[name] = text;
    }
  }
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
    } else if (word == "--read-seconds") {
      line.read_seconds = number<double>(word, value());
    } else if (word == "--int") {
      const auto [name, text] = assignment(word, value());
      line.facts.values[name] = number<std::int64_t>(word, text);
    } else if (word == "--alias") {
      const auto [name, text] = assignment(word, value());
      line.facts.aliases.push_back(alias(word, name, text));
    } else if (word == "--length") {
      const auto [name, text] = assignment(word, value());
      line.lengths[name] = text;
    } else if (word == "--facts") {
      read_facts(line, value());
    } else if (word == "--name") {
      line.clang.name = value();
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

std::string of(const CommandLine& line) {
  const std::string& file = line.clang.file == "-" && !line.clang.name.empty() ? line.clang.name : line.clang.file;
  return line.list ? file : fmt::format("{} of {}", line.choice.function, file);
}

int run(const CommandLine& line) {
  ak::analyser::ParsedText parsed = ak::analyser::parse(line.clang);
  std::optional<ak::analyser::Watchdog> watchdog;
  watchdog.emplace(
      line.read_seconds,
      fmt::format("ak-analyse: {}: reading it takes more than {} s: put what is to be ported into a file of its own, "
                  "in smaller functions",
                  of(line), line.read_seconds),
      kNothing);
  const ak::analyser::Unit unit(std::move(parsed));
  if (line.list) {
    watchdog.reset();
    for (const ak::analyser::Ast& function : unit.functions())
      if (unit.in_main_file(function) && !is_helper(function)) fmt::print("{}\n", function.name());
    return 0;
  }
  ak::loop::Verdict verdict;
  const ak::analyser::Limits limits;
  try {
    ak::analyser::Front front = ak::analyser::read_function(unit, line.choice, line.facts.values);
    if (line.function_only) {
      watchdog.reset();
      print(front.function);
      return 0;
    }
    ak::analyser::Facts facts = line.facts;
    facts.walked = front.walked;
    for (const auto& [name, text] : line.lengths) facts.lengths[name] = ak::analyser::length(front.function, name, text);
    verdict = ak::analyser::analyse(std::move(front.function), facts, front.notes, {}, limits);
    ak::analyser::name_as_written(verdict, front);
    if (facts.values.empty()) ak::analyser::find_steering(unit, line.choice, facts, verdict, limits);
  } catch (const ak::analyser::Refused& refused) {
    watchdog.reset();
    if (line.function_only) {
      fmt::print("refused: {}\n", refused.what());
      return 0;
    }
    verdict = {};
    verdict.function.name = line.choice.function;
    verdict.refused = ak::analyser::with_file_name(refused.what(), line.clang);
  }
  const std::string json = ak::loop::write_json(verdict);
  watchdog.reset();
  fmt::print("{}\n", json);
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
  } catch (const ak::Error& failed) {
    fmt::print(stderr, "ak-analyse: {}\n", failed.what());
    return failed.code() == ak::ErrorCode::missing_library ? 4 : kNothing;
  } catch (const std::exception& failed) {
    fmt::print(stderr, "ak-analyse: {}\n", failed.what());
    return kNothing;
  }
}
