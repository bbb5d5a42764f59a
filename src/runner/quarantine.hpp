// Quarantine: kernels that faulted, hung or wrote where they must not. They are never launched again.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/hash.hpp"

namespace ak {

class Quarantine {
 public:
  virtual ~Quarantine() = default;
  /// What a kernel did; nullopt when nothing is known against it. kernel: the digest of what it is compiled from, as its record
  /// has it (Provenance::kernel_source).
  virtual std::optional<std::string> why(const Digest& kernel) = 0;
  /// For good, on this kind of GPU.
  virtual void add(const Digest& kernel, std::string_view what) = 0;
};

}  // namespace ak
