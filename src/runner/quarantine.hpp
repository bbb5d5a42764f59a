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
  /// What the kernel of a source did; nullopt when nothing is known against it.
  virtual std::optional<std::string> why(const Digest& source) = 0;
  /// For good, on this kind of GPU.
  virtual void add(const Digest& source, std::string_view what) = 0;
};

}  // namespace ak
