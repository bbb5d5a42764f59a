#include "base/temporary_folder.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "ak/types.hpp"
#include "base/environment.hpp"

namespace ak {

TemporaryFolder::TemporaryFolder(const std::string& name) {
  const std::string chosen = environment("TMPDIR");
  path_ = fmt::format("{}/{}-XXXXXX", chosen.empty() ? "/tmp" : chosen, name);
  if (!::mkdtemp(path_.data()))
    throw Error(ErrorCode::unsupported, fmt::format("no folder '{}' can be made: {}", path_, std::strerror(errno)));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace ak
