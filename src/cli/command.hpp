// The command line: a program's commands with their options, each bound to a variable. CLI11, which takes seconds to compile,
// is seen by command.cpp alone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ak::cli {

/// One of a command's options, or a word without a name; lives as long as the command's program.
class Argument {
 public:
  explicit Argument(CLI::Option* option) : option_(option) {}

  Argument required();
  /// Its help says what the variable holds now.
  Argument shows_default();
  Argument one_of(const std::vector<std::string>& words);
  /// Anything but a number above 0 is refused in plain words: seconds, or whole ones of `what` ("trials").
  Argument seconds_above_zero();
  Argument count_above_zero(const std::string& what);
  /// Neither may be given without the other.
  Argument goes_with(const Argument& other);

 private:
  CLI::Option* option_;
};

/// A command; lives as long as its program.
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  /// "--name", or a name without dashes for a word by its place; the variable must outlive the program's run.
  template <class Value>  // std::string, a vector of them, double, int, std::int64_t or std::size_t
  Argument option(const std::string& name, Value& value, const std::string& what);
  Argument option(const std::string& name, std::function<void(const std::string& word)> take, const std::string& what);
  void flag(const std::string& name, bool& value, const std::string& what);
  void flag(const std::string& name, std::function<void()> take, const std::string& what);
  /// Gets the words behind "--", which are words by their place to other commands; the vector must outlive the program's run.
  void words_behind_dashes(std::vector<std::string>& words);
  bool takes_words_behind_dashes() const;
  /// The end of its help.
  void footer(const std::string& text);
  /// Runs when this command was chosen; its result is the exit code.
  void on_run(std::function<int()> body);

  std::string name() const;
  /// "--name" of each option.
  std::vector<std::string> options() const;
  /// How many words behind the option are its value at least; nothing where the command has no such option.
  std::optional<int> least_words_of(const std::string& option) const;

 private:
  CLI::App* app_;
};

class Program {
 public:
  Program(const std::string& name, const std::string& what, const std::string& version, const std::string& footer);
  ~Program();

  /// The program without a command.
  Command without_command() const;
  Command add_command(const std::string& name, const std::string& what);
  std::vector<Command> commands() const;
  /// Reads the command line and runs the command's body. What the line asks for itself (--help) or gets wrong is printed;
  /// `usage` is the exit code then.
  int run(int argc, char** argv, int usage);

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace ak::cli
