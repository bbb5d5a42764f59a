// A program that runs beside the host, and ends with its deadline.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/descriptor.hpp"
#include "base/interruption.hpp"

namespace ak {

/// What a program gets and may use; no program writes a core file.
struct ChildOptions {
  std::vector<std::string> variables;            // "NAME=value", besides the host's
  std::uint64_t most_memory = 0, most_file = 0;  // bytes, of its addresses and of a file that it writes; 0: as the host
  std::function<void()> restrict;  // called on a thread that then starts it, so that it lacks what the thread gave up
};

class Child {
 public:
  /// command[0]: a path. `given`: descriptors of ours, each with the number that it is to have; nothing else of the host's is
  /// open, standard input, output and errors that are not given are /dev/null. Throws Error{unsupported}.
  Child(const std::vector<std::string>& command, const std::vector<std::pair<int, int>>& given,
        const ChildOptions& options = {});
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Its wait status once it has ended; nothing at the deadline. -1: somebody else of this process took it.
  std::optional<int> wait(Deadline deadline);
  /// At once, with what it has started.
  void end();

 private:
  Descriptor handle_;
  int pid_ = 0;
  std::optional<int> status_;
  AtInterruption at_interruption_;
};

/// A program that is waited for later: others run meanwhile.
class Run {
 public:
  enum class Errors { with_output, apart };
  explicit Run(const std::vector<std::string>& command, Errors errors = Errors::with_output, std::string_view input = {},
               const ChildOptions& options = {});
  /// `input`: a descriptor. Errors are apart.
  Run(const std::vector<std::string>& command, int input, const ChildOptions& options);
  /// Its wait status; nothing: it was ended at the deadline.
  std::optional<int> wait(Deadline deadline);
  /// What it wrote, the first 64 KiB; where errors are apart all of it, up to 64 MiB or what a file may have.
  std::string output() const;
  std::string errors() const;
  /// What it wrote, from the start.
  int output_file() const;

 private:
  std::size_t most_output_;
  Descriptor input_, output_, errors_;
  Child child_;
};

/// How a program ended, by its wait status: "exit code 1", "a trap".
std::string ending(int status);

/// The program's path: as it is where it has a slash and may be run, else from PATH; empty: there is none.
std::string on_path(const std::string& program);

}  // namespace ak
