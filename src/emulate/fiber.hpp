// Threads of a kernel as the emulator runs them: stacks between which one thread of the process changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace ak::loop {

/// A place at which execution stopped: a stack's pointer. What it needs beside that lies on the stack.
using Context = void*;

/// Goes on at `to` and returns when something goes back to `from`.
void change_context(Context& from, Context to);

/// Stacks of one size, given out last in, first out, so that the one in use is in the cache.
class Stacks {
 public:
  static constexpr std::size_t kBytes = 64 << 10;

  Stacks() = default;
  ~Stacks();
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;

  /// Index of a stack that nobody uses. Throws std::bad_alloc.
  int take();
  void give_back(int stack) { free_.push_back(stack); }
  /// All, whatever ran on them.
  void give_back_all();
  std::uintptr_t begin(int stack) const { return all_[static_cast<std::size_t>(stack)]; }
  /// Where `entry` begins on that stack. It must not return.
  Context start(int stack, void (*entry)());
  /// Whether an address lies in any of them.
  bool contains(std::uintptr_t address) const;

 private:
  std::vector<std::uintptr_t> all_;
  std::vector<int> free_;
};

}  // namespace ak::loop
