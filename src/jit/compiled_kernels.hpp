// CompiledKernels: what was compiled here, for searches that come after: a kernel's text does not name m, so that a bucket's
// neighbours try the same kernels.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/hash.hpp"
#include "jit/compiler.hpp"

namespace ak {

/// Of one architecture. What compiled, by its source's digest; the oldest go where they take more than `most` bytes.
/// Thread-safe.
class CompiledKernels {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{32} << 20;
  explicit CompiledKernels(std::size_t most = kMostBytes) : most_(most) {}

  /// Null where it is not known.
  std::shared_ptr<const Compiled> find(const Digest& source) const;
  /// A failure is not kept: it may have been cut short.
  void put(const Digest& source, std::shared_ptr<const Compiled> compiled);

 private:
  struct HashOf {
    std::size_t operator()(const Digest& digest) const { return static_cast<std::size_t>(digest.low); }
  };

  const std::size_t most_;
  mutable std::mutex mutex_;
  std::unordered_map<Digest, std::shared_ptr<const Compiled>, HashOf> all_;
  std::deque<Digest> order_;  // the oldest first
  std::size_t bytes_ = 0;
};

}  // namespace ak
