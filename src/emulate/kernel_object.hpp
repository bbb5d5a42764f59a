// The object that a text was compiled to, opened in this process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "emulate/device/table.cuh"

namespace ak::loop {

/// A variable of the text that its blocks share.
struct SharedArray {
  std::string name;
  std::uintptr_t begin = 0;
  std::size_t bytes = 0;
};

class KernelObject {
 public:
  /// Stays open for the process's life. Throws Error{invalid_argument} with the reason in words: symbols that nobody has,
  /// variables outside of kernels.
  explicit KernelObject(const std::string& path);

  const ak_emulated::Object& object() const { return object_; }
  const ak_emulated::Kernel* find(const std::string& name) const;
  /// By address; the last one is the dynamic shared memory.
  const std::vector<SharedArray>& shared() const { return shared_; }
  /// Whether it is what kernels may only read: constant data, indices of the thread, code.
  bool constant(std::uintptr_t address, std::size_t bytes) const;

 private:
  struct Range {
    std::uintptr_t begin = 0, end = 0;
  };
  ak_emulated::Object object_{};
  std::vector<SharedArray> shared_;
  std::vector<Range> constant_;
};

}  // namespace ak::loop
