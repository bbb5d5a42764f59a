#include "base/temporary_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <system_error>

#include "ak/types.hpp"
#include "base/environment.hpp"
#include "base/file_size.hpp"

namespace ak {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kUnique = "XXXXXX";
constexpr time_t kLeftAlone = 3600;  // seconds: whoever made it has locked it long since
constexpr int kTries = 20;

Descriptor open_folder(const std::string& path) {
  return Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

bool take(const Descriptor& folder) { return folder && ::flock(folder.get(), LOCK_EX | LOCK_NB) == 0; }

void sweep(const std::string& parent, const std::string& name) {
  std::error_code error;
  fs::directory_iterator at(parent, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    const auto& one = *at;
    const std::string file = one.path().filename().string();
    if (file.size() != name.size() + 1 + kUnique.size() || !file.starts_with(name + "-")) continue;
    const Descriptor folder = open_folder(one.path().string());
    struct stat status {};
    if (!folder || ::fstat(folder.get(), &status) || status.st_uid != ::geteuid()) continue;
    if (::time(nullptr) - status.st_mtime < kLeftAlone || !take(folder)) continue;
    std::error_code stays;
    fs::remove_all(one.path(), stays);
  }
}

void sweep_once(const std::string& parent, const std::string& name) {
  static std::mutex mutex;
  static auto* const swept = new std::set<std::pair<std::string, std::string>>;
  const std::lock_guard lock(mutex);
  if (swept->emplace(parent, name).second) sweep(parent, name);
}

}  // namespace

TemporaryFolder::TemporaryFolder(const std::string& name) {
  const std::string chosen = environment("TMPDIR"), parent = chosen.empty() ? "/tmp" : chosen;
  sweep_once(parent, name);
  path_ = fmt::format("{}/{}-{}", parent, name, kUnique);
  at_interruption_.set_with([&]() -> std::function<void()> {
    if (!::mkdtemp(path_.data()))
      throw Error(ErrorCode::unsupported, fmt::format("no folder '{}' can be made: {}", path_, std::strerror(errno)));
    // Who was killed just now may yet have written a file.
    return [path = path_] {
      std::error_code error;
      for (int i = 0; i < kTries && (fs::remove_all(path, error), error); ++i) ::usleep(10000);
    };
  });
  lock_ = open_folder(path_);
  take(lock_);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void TemporaryFolder::write(const std::string& name, std::string_view text) const {
  const NoFileSizeSignal no_signal;
  const std::string path = path_ + "/" + name;
  errno = 0;
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (file.flush()) return;
  throw Error(ErrorCode::unsupported, fmt::format("'{}' cannot be written, {} bytes: {}{}", path, text.size(),
                                                  std::strerror(errno), errno == EFBIG ? " (ulimit -f)" : ""));
}

}  // namespace ak
