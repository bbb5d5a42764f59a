// A folder of this process alone, in $TMPDIR or /tmp, which goes with all that is in it.
#pragma once

#include <string>

namespace ak {

class TemporaryFolder {
 public:
  /// Its name begins with that. Throws Error{unsupported}.
  explicit TemporaryFolder(const std::string& name);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace ak
