#include "cli/command.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <limits>
#include <map>
#include <string_view>
#include <type_traits>

namespace ak::cli {
namespace {

std::function<int()> chosen;
std::map<const CLI::App*, std::vector<std::string>*> behind_dashes;

template <class Number>
CLI::Validator above_zero(const std::string& expected) {
  const auto why = [expected](const std::string& word) {
    Number value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    const bool whole = error == std::errc() && end == word.data() + word.size();
    return whole && value > 0 && value <= std::numeric_limits<Number>::max() ? "" : expected + " are expected";
  };
  return CLI::Validator(why, "");
}

}  // namespace

Argument Argument::required() { return option_->required(), *this; }
Argument Argument::shows_default() { return option_->capture_default_str(), *this; }
Argument Argument::one_of(const std::vector<std::string>& words) { return option_->check(CLI::IsMember(words)), *this; }
Argument Argument::seconds_above_zero() { return option_->check(above_zero<double>("seconds above 0")), *this; }
Argument Argument::count_above_zero(const std::string& what) {
  return option_->check(above_zero<int>(what + " above 0, a whole number,")), *this;
}
Argument Argument::goes_with(const Argument& other) {
  option_->needs(other.option_);
  other.option_->needs(option_);
  return *this;
}

template <class Value>
Argument Command::option(const std::string& name, Value& value, const std::string& what) {
  CLI::Option* const option = app_->add_option(name, value, what);
  // --drop a --drop b: one word each, so that what follows stays a word by its place.
  if (std::is_same_v<Value, std::vector<std::string>> && name.starts_with("--")) option->allow_extra_args(false);
  return Argument(option);
}
template Argument Command::option(const std::string&, std::string&, const std::string&);
template Argument Command::option(const std::string&, std::vector<std::string>&, const std::string&);
template Argument Command::option(const std::string&, double&, const std::string&);
template Argument Command::option(const std::string&, int&, const std::string&);
template Argument Command::option(const std::string&, std::int64_t&, const std::string&);
template Argument Command::option(const std::string&, std::size_t&, const std::string&);

Argument Command::option(const std::string& name, std::function<void(const std::string&)> take, const std::string& what) {
  return Argument(app_->add_option_function<std::string>(name, take, what));
}
void Command::flag(const std::string& name, bool& value, const std::string& what) { app_->add_flag(name, value, what); }
void Command::flag(const std::string& name, std::function<void()> take, const std::string& what) {
  app_->add_flag_callback(name, std::move(take), what);
}
void Command::words_behind_dashes(std::vector<std::string>& words) { behind_dashes[app_] = &words; }
bool Command::takes_words_behind_dashes() const { return behind_dashes.contains(app_); }
void Command::footer(const std::string& text) { app_->footer(text); }
void Command::on_run(std::function<int()> body) {
  app_->callback([body = std::move(body)] { chosen = body; });
}

std::string Command::name() const { return app_->get_name(); }

std::vector<std::string> Command::options() const {
  std::vector<std::string> names;
  for (const CLI::Option* option : app_->get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::optional<int> Command::least_words_of(const std::string& name) const {
  const CLI::Option* const option = app_->get_option_no_throw(name);
  if (!option) return std::nullopt;
  return std::min(option->get_type_size_min(), option->get_items_expected_min());
}

Program::Program(const std::string& name, const std::string& what, const std::string& version, const std::string& footer)
    : app_(std::make_unique<CLI::App>(what, name)) {
  app_->set_version_flag("--version", version);
  app_->require_subcommand(1);
  app_->footer(footer);
}
Program::~Program() = default;

Command Program::without_command() const { return Command(app_.get()); }
Command Program::add_command(const std::string& name, const std::string& what) {
  return Command(app_->add_subcommand(name, what));
}

std::vector<Command> Program::commands() const {
  std::vector<Command> all;
  for (CLI::App* each : app_->get_subcommands([](CLI::App*) { return true; })) all.emplace_back(each);
  return all;
}

int Program::run(int argc, char** argv, int usage) {
  // The other commands' words by their place may begin with a dash behind "--".
  const auto takes =
      std::ranges::find_if(behind_dashes, [&](const auto& each) { return argc > 1 && each.first->get_name() == argv[1]; });
  char** const end = argv + argc;
  char** const dashes = takes == behind_dashes.end()
                            ? end
                            : std::find_if(argv, end, [](const char* word) { return std::string_view(word) == "--"; });
  if (dashes != end) takes->second->assign(dashes + 1, end);
  try {
    app_->parse(static_cast<int>(dashes - argv), argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) std::fputs("ak: ", stderr);
    return app_->exit(error) == 0 ? 0 : usage;
  }
  return chosen();
}

}  // namespace ak::cli
