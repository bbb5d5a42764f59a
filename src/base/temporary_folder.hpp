// A folder of this process alone, in $TMPDIR or /tmp, which goes with all that is in it.
#pragma once

#include <string>
#include <string_view>

#include "base/descriptor.hpp"
#include "base/interruption.hpp"

namespace ak {

class TemporaryFolder {
 public:
  /// Its name begins with that. The first one of a name in the process also removes what processes that were killed have left
  /// of this name for an hour. Throws Error{unsupported}.
  explicit TemporaryFolder(const std::string& name);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  /// A file in it with that text. Throws Error{unsupported}.
  void write(const std::string& name, std::string_view text) const;

 private:
  std::string path_;
  Descriptor lock_;  // of the folder itself: who finds it held leaves the folder alone
  AtInterruption at_interruption_;
};

}  // namespace ak
