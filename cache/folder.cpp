#include "cache/folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include "base/hash.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
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

std::string written_by_others(const struct stat& info) {
  if (info.st_uid != 0 && info.st_uid != geteuid()) return fmt::format("it belongs to another user (uid {})", info.st_uid);
  if (info.st_mode & S_IWOTH) return "every user may write to it (chmod go-w)";
  if (info.st_mode & S_IWGRP) return "its group may write to it (chmod g-w)";
  return {};
}

namespace {

// Why it is no folder that this process could read.
std::string make_folders(const std::string& folder) {
  struct stat info;
  for (std::size_t end = 0; end != folder.npos;) {
    end = folder.find('/', end + 1);
    const std::string part = folder.substr(0, end);
    const int fault = mkdir(part.c_str(), 0700) == 0 ? 0 : errno;
    if (fault != 0 && fault != EEXIST && stat(part.c_str(), &info) != 0)
      return fmt::format("{} cannot be created: {}", part == folder ? "it" : part, std::strerror(fault));
  }
  if (stat(folder.c_str(), &info) != 0) return std::strerror(errno);
  return S_ISDIR(info.st_mode) ? "" : "it is not a folder";
}

// make_own: whether a private folder is made in one that others may write to.
Place judged(const std::string& folder, std::string unusable, bool make_own) {
  Place place{folder, std::move(unusable), {}};
  struct stat info;
  if (place.unusable.empty() && stat(folder.c_str(), &info) != 0) place.unusable = std::strerror(errno);
  if (!place.unusable.empty()) return place;
  if (const auto shared = written_by_others(info); !shared.empty()) {
    place.folder = fmt::format("{}/ak-{}", folder, geteuid());
    const int fault = !make_own ? ENOENT : mkdir(place.folder.c_str(), 0700) == 0 ? 0 : errno;
    // No link: others may have laid it.
    if (lstat(place.folder.c_str(), &info) != 0)
      place.unusable = make_own
                           ? fmt::format("{}, and no folder of its own can be made in it: {}", shared, std::strerror(fault))
                           : fmt::format("{}, and none of this user's own is in it", shared);
    else if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)))
      place.unusable = fmt::format("{}, and {} is not a folder that this user alone may write to", shared, place.folder);
    else
      log(LogLevel::info, "the cache is {}: of {}, {}", place.folder, folder, shared);
    if (!place.unusable.empty()) return place;
  }
  if (access(place.folder.c_str(), R_OK | X_OK) != 0)
    place.unusable = fmt::format("it cannot be read ({}; chmod a+rX for all users to read it)", std::strerror(errno));
  else if (access(place.folder.c_str(), W_OK) != 0)
    place.read_only = fmt::format("it is not writable: {}", std::strerror(errno));
  return place;
}

}  // namespace

Place prepare_folder(const std::string& folder) {
  return judged(folder, folder.empty() ? "no folder given" : make_folders(folder), true);
}

Place find_folder(const std::string& folder) {
  struct stat info;
  const bool is_file = stat(folder.c_str(), &info) == 0 && !S_ISDIR(info.st_mode);
  return judged(folder, is_file ? "it is not a folder" : "", false);
}

std::string_view network_file_system_of(const std::string& folder) {
  struct statfs system;
  return statfs(folder.c_str(), &system) == 0 ? network_file_system(static_cast<unsigned long>(system.f_type))
                                              : std::string_view();
}

namespace {

// Alike for all code of a process, and for no other one: process ids repeat in containers, and in time.
off_t place_of_process() {
  struct stat space = {};
  stat("/proc/self/ns/pid", &space);
  std::ifstream in("/proc/self/stat");
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const auto fields = words(std::string_view(text).substr(std::min(text.rfind(')') + 1, text.size())));
  const std::string_view started = fields.size() > 19 ? fields[19] : "";
  const Digest all = Hasher()
                         .field("process", static_cast<std::int64_t>(getpid()))
                         .field("space", static_cast<std::int64_t>(space.st_ino))
                         .field("started", started)
                         .digest();
  return static_cast<off_t>(all.low >> 2);
}

int lock_byte(int file, short type, off_t at) {
  struct flock range = {};
  range.l_type = type, range.l_whence = SEEK_SET, range.l_start = at, range.l_len = 1;
  return fcntl(file, F_OFD_SETLK, &range) == 0 ? 0 : errno;
}

}  // namespace

bool ProcessPlace::take(const std::string& folder) {
  file_ = open((folder + "/open.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const int fault = file_ < 0 ? 0 : lock_byte(file_, F_WRLCK, place_of_process());
  return fault != EAGAIN && fault != EACCES;
}

void ProcessPlace::leave() {
  if (file_ < 0) return;
  lock_byte(file_, F_UNLCK, place_of_process());  // said aloud: a forked child may hold a copy of the descriptor
  close(std::exchange(file_, -1));
}

ProcessPlace::~ProcessPlace() { leave(); }

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

namespace {

// As the password file says. Empty when it does not.
std::string home_of(uid_t user) {
  std::string room(16384, '\0');
  passwd entry, *found = nullptr;
  return getpwuid_r(user, &entry, room.data(), room.size(), &found) == 0 && found ? found->pw_dir : std::string();
}

}  // namespace

std::string default_cache_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  if (auto folder = variable("AK_CACHE_DIR"); !folder.empty()) return folder;
  if (const auto base = variable("XDG_CACHE_HOME"); base.starts_with('/')) return base + "/ak";
  std::string home = variable("HOME");
  if (home.empty()) home = home_of(geteuid());
  return home.empty() ? std::string() : home + "/.cache/ak";
}

}  // namespace ak
