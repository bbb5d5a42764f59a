// How a language model is asked for one function's kernels, again and again: which question comes next, and when to stop. No
// I/O and no clock.
#pragma once

#include <optional>
#include <string>

#include "port/report/results.hpp"

namespace ak::port {

enum class Goal : std::uint8_t {
  right,  // the first right kernels end it
  speed,  // all attempts are made
};

struct AttemptRules {
  int with_feedback = 5;  // each is told the text before it and what was wrong with that
  int anew = 5;           // then each begins from nothing
  Goal goal = Goal::right;
};

/// What became of an answer.
struct AttemptEnd {
  Status status = Status::unread;
  std::string why;     // one line
  std::string text;    // of the answer
  double us = 0;       // of right kernels, where they were timed
  double best_us = 0;  // of the incumbent beside them
};

class Attempts {
 public:
  explicit Attempts(const AttemptRules& rules) : rules_(rules) {}

  struct Question {
    int number = 1;        // from 1
    bool anew = false;     // without history
    std::string feedback;  // to stand behind the first question; empty for the first of all
  };
  /// Nothing: no more are asked.
  std::optional<Question> next() const;
  /// Of the question that next() gave.
  void ended(AttemptEnd end);

  int made() const { return made_; }

 private:
  const AttemptRules rules_;
  int made_ = 0;
  bool right_ = false;
  std::optional<AttemptEnd> last_;
};

/// "race: a[5] is written by ...", and what to do about that class of failure.
std::string feedback(const AttemptEnd& end);

}  // namespace ak::port
