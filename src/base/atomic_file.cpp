#include "base/atomic_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>

#include "base/file_size.hpp"

namespace ak {
namespace {

// mkstemp would do but for its mode: 0600, and the umask cannot be asked without changing it. O_EXCL follows no link.
int create_beside(const std::string& path, unsigned mode, std::string& name) {
  std::random_device random;
  for (int tries = 0; tries < 16; ++tries) {
    name = fmt::format("{}.{:08x}{:08x}.new", path, random(), random());
    const int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file >= 0 || errno != EEXIST) return file;
  }
  return -1;
}

bool write_all(int file, std::string_view bytes) {
  const NoFileSizeSignal no_signal;
  while (!bytes.empty()) {
    const ssize_t n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// Best effort: some file systems cannot synchronise a folder, and the file itself is safe by then.
void sync_folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == path.npos ? "." : path.substr(0, slash + 1);
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  ::fsync(file);
  ::close(file);
}

}  // namespace

std::optional<std::string> write_atomically(const std::string& path, std::string_view bytes, unsigned mode) {
  std::string beside;
  const int file = create_beside(path, mode, beside);
  if (file < 0) return std::string(std::strerror(errno));
  int fault = write_all(file, bytes) && ::fsync(file) == 0 ? 0 : errno;
  if (::close(file) != 0 && fault == 0) fault = errno;
  if (fault == 0 && ::rename(beside.c_str(), path.c_str()) != 0) fault = errno;
  if (fault == 0) return sync_folder_of(path), std::nullopt;
  ::unlink(beside.c_str());
  return std::string(std::strerror(fault));
}

}  // namespace ak
