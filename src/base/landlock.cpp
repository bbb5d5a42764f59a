#include "base/landlock.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "base/descriptor.hpp"

namespace ak {
namespace {

// Newer than the oldest headers that this is built with.
constexpr std::uint64_t kMoves = 1ull << 13, kTruncates = 1ull << 14;
constexpr std::uint64_t kReads = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kOfFiles =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncates;

int version() { return static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION)); }

std::uint64_t writes() {
  std::uint64_t all = LANDLOCK_ACCESS_FS_WRITE_FILE;
  for (std::uint64_t one = LANDLOCK_ACCESS_FS_REMOVE_DIR; one <= LANDLOCK_ACCESS_FS_MAKE_SYM; one <<= 1) all |= one;
  return all | (version() >= 2 ? kMoves : 0) | (version() >= 3 ? kTruncates : 0);
}

void allow(const Descriptor& rules, const std::string& path, std::uint64_t rights) {
  const Descriptor place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat about {};
  if (!place || ::fstat(place.get(), &about)) return;
  landlock_path_beneath_attr beneath{};
  beneath.allowed_access = S_ISDIR(about.st_mode) ? rights : rights & kOfFiles;
  beneath.parent_fd = place.get();
  ::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
}

}  // namespace

bool has_landlock() { return version() > 0; }

bool restrict_files(const FileRights& rights) {
  if (!has_landlock()) return false;
  const std::uint64_t write = writes(), read = rights.read ? kReads : 0;
  landlock_ruleset_attr handled{};
  handled.handled_access_fs = write | read;
  const Descriptor rules(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0)));
  if (!rules) return false;
  allow(rules, "/dev/null", write | read);
  for (const std::string& path : rights.write) allow(rules, path, write | read);
  if (rights.read)
    for (const std::string& path : *rights.read) allow(rules, path, read);
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::syscall(SYS_landlock_restrict_self, rules.get(), 0) == 0;
}

}  // namespace ak
