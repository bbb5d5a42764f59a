// The cache folder: made, and judged fit for a memory-mapped database, before anything is opened in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ak {

/// Creates the folder and its missing parents with mode 0700. nullopt when it can be used, else why not.
std::optional<std::string> prepare_folder(const std::string& folder);

/// "NFS" for statfs's f_type of a file system shared between machines, where a memory map is not coherent; empty for others.
std::string_view network_file_system(unsigned long type);
/// Of the one a folder lies on; empty when that is a local one or cannot be told.
std::string_view network_file_system_of(const std::string& folder);

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
