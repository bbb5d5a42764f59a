// A program that runs beside the host, and ends with its deadline.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "worker/channel.hpp"

namespace ak::port {

class Child {
 public:
  /// command[0]: a path. `given`: descriptors of ours, each with the number that it is to have; nothing else of the host's is
  /// open, standard input, output and errors that are not given are /dev/null. Throws Error{unsupported}.
  Child(const std::vector<std::string>& command, const std::vector<std::pair<int, int>>& given);
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
};

/// A program that is waited for later: others run meanwhile.
class Run {
 public:
  enum class Errors { with_output, apart };
  explicit Run(const std::vector<std::string>& command, Errors errors = Errors::with_output, std::string_view input = {});
  /// Its wait status; nothing: it was ended at the deadline.
  std::optional<int> wait(Deadline deadline);
  /// What it wrote, the first 64 KiB; where errors are apart all of it, up to 64 MiB.
  std::string output() const;
  std::string errors() const;

 private:
  Descriptor input_, output_, errors_;
  Child child_;
};

/// How a program ended, by its wait status: "exit code 1", "a trap".
std::string ending(int status);

}  // namespace ak::port
