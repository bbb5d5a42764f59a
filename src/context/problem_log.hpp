// ProblemLog: which problems were asked for, and how often, for `ak warm`.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "base/descriptor.hpp"
#include "context/served.hpp"

namespace ak {

/// Appends lines "PROBLEM count=N" to a file: a problem's first at once, then one whenever it was asked for twice as often, so
/// that a process that is killed loses no problem, and less than half of a count. What cannot be written then is written with
/// the next line of that problem, or at the end. Counts of one problem add up. Thread-safe;
/// processes may share a file, as each line is one write.
class ProblemLog {
 public:
  /// The file is made where there is none. given_by: of it, for messages. Throws Error{invalid_argument}.
  ProblemLog(std::string file, const std::string& given_by);
  /// Writes what is left.
  ~ProblemLog();
  ProblemLog(const ProblemLog&) = delete;
  ProblemLog& operator=(const ProblemLog&) = delete;

  void count(const Problem& problem);

  /// Bytes that a file grows to; what comes then is not written, and the log says so once.
  static constexpr std::int64_t kMostBytes = std::int64_t{16} << 20;

 private:
  struct Count {
    std::int64_t all = 0, written = 0, tried = 0;  // tried: how many there were when they were to be written last
  };
  void write(const Problem& problem, Count& count);

  const std::string file_;
  const Descriptor out_;
  std::mutex mutex_;  // of what follows
  PerProblem<Count> counts_;
  bool cut_ = false;  // the last line was not written whole
};

}  // namespace ak
