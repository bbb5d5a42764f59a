#include "cache/folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "cache/store.hpp"

namespace ak {

std::string_view network_file_system(unsigned long type) {
  switch (type & 0xffffffff) {
    case 0x6969:
      return "NFS";
    case 0x517b:
    case 0xff534d42:
    case 0xfe534d42:
      return "SMB";
    case 0x0bd00bd0:
      return "Lustre";
    case 0x47504653:
      return "GPFS";
    case 0x00c36400:
      return "Ceph";
    case 0x5346414f:
    case 0x6b414653:
      return "AFS";
    case 0x19830326:
      return "BeeGFS";
    case 0xaad7aaea:
      return "PanFS";
    case 0x01021997:
      return "9P";
    case 0x65735546:
      return "FUSE";
    default:
      return {};
  }
}

std::optional<std::string> prepare_folder(const std::string& folder) {
  if (folder.empty()) return "no folder given";
  for (std::size_t end = 0; end != folder.npos;) {
    end = folder.find('/', end + 1);
    const std::string part = folder.substr(0, end);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST)
      return fmt::format("cannot create {}: {}", part, std::strerror(errno));
  }
  struct stat info;
  if (stat(folder.c_str(), &info) != 0) return std::string(std::strerror(errno));
  if (!S_ISDIR(info.st_mode)) return "it is not a folder";
  // What lies here is loaded into the caller's GPU context: only root and the user may have written it.
  if (geteuid() != 0 && info.st_uid != geteuid() && info.st_uid != 0)
    return fmt::format("it belongs to another user (uid {})", info.st_uid);
  if (info.st_mode & S_IWOTH) return "every user may write to it (chmod o-w)";
  if (access(folder.c_str(), R_OK | W_OK | X_OK) != 0) return fmt::format("not writable: {}", std::strerror(errno));
  return std::nullopt;
}

std::string_view network_file_system_of(const std::string& folder) {
  struct statfs system;
  return statfs(folder.c_str(), &system) == 0 ? network_file_system(static_cast<unsigned long>(system.f_type))
                                              : std::string_view();
}

FolderLock::FolderLock(const std::string& folder) {
  file_ = open((folder + "/open.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  for (int tries = 0; file_ >= 0 && !held_ && tries < 2500; ++tries) {
    held_ = flock(file_, LOCK_EX | LOCK_NB) == 0;
    if (!held_) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

FolderLock::~FolderLock() {
  if (held_) flock(file_, LOCK_UN);  // said aloud: a forked child may hold a copy of the descriptor
  if (file_ >= 0) close(file_);
}

std::string default_cache_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  if (auto folder = variable("AK_CACHE_DIR"); !folder.empty()) return folder;
  if (const auto base = variable("XDG_CACHE_HOME"); base.starts_with('/')) return base + "/ak";
  std::string home = variable("HOME");
  if (home.empty())
    if (const passwd* user = getpwuid(geteuid())) home = user->pw_dir;
  return home.empty() ? std::string() : home + "/.cache/ak";
}

}  // namespace ak
