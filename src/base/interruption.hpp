// What a program leaves behind when a signal ends it: nothing.
#pragma once

#include <functional>

namespace ak {

/// Done should a signal end a program that has called tidy_when_interrupted(), while this lives; the latest made is done first.
class AtInterruption {
 public:
  AtInterruption() = default;
  explicit AtInterruption(std::function<void()> action) { set(std::move(action)); }
  ~AtInterruption() { forget(); }
  AtInterruption(const AtInterruption&) = delete;
  AtInterruption& operator=(const AtInterruption&) = delete;

  /// `action`: uses nothing that ends before this does.
  void set(std::function<void()> action);
  /// `start` begins something and says what ends it, or nothing where it failed; no signal ends the program in between. It
  /// makes no AtInterruption.
  void set_with(const std::function<std::function<void()>()>& start);
  void forget();

 private:
  int number_ = 0;
};

/// For main(), before it starts a thread: INT, TERM and HUP, those that are not ignored, end the process as they would, but
/// what AtInterruption holds is done first. A library leaves signals to its host.
void tidy_when_interrupted();

}  // namespace ak
