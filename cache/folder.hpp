// The cache folder: made, and judged fit for a memory-mapped database, before anything is opened in it.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

namespace ak {

/// Where the records of a cache folder lie.
struct Place {
  std::string folder;     // the one asked for, or a private one below it
  std::string unusable;   // why not at all; empty when it can be read
  std::string read_only;  // why nothing can be written there; empty when it can be
};
/// Creates the folder and its missing parents with mode 0700. Where users other than root and this one may write, or it is
/// another user's, the place is `ak-<uid>` below it: mode 0700 and this user's own.
Place prepare_folder(const std::string& folder);
/// The same where that folder is already; creates nothing.
Place find_folder(const std::string& folder);

/// The one rule of trust, as what lies there runs on the GPU: what users other than root and this one can write is never
/// loaded. Why that is so of a file or folder, with the remedy; empty when it may be loaded.
std::string written_by_others(const struct stat& info);

/// "NFS" for statfs's f_type of a file system shared between machines, where a memory map is not coherent; empty for others.
std::string_view network_file_system(unsigned long type);
/// Of the one a folder lies on; empty when that is a local one or cannot be told.
std::string_view network_file_system_of(const std::string& folder);

/// The place of a folder's one user in this process. LMDB bears no second one, and another copy of this library in the process,
/// in a shared object of its own say, knows nothing of the first: they meet at open.lock. A forked child is another process.
class ProcessPlace {
 public:
  ~ProcessPlace();
  /// False where another copy has it.
  bool take(const std::string& folder);
  void leave();

 private:
  int file_ = -1;
};

/// An exclusive lock between processes, held for moments: while a database is opened, grown or moved aside.
class FolderLock {
 public:
  /// Waits up to 5 s; ask held().
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  bool held() const { return held_; }

 private:
  int file_ = -1;
  bool held_ = false;
};

}  // namespace ak
