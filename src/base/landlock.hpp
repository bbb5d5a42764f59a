// Which files a thread and the programs that it starts may touch.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace ak {

/// Folders with all beneath them, and files; those that are not there are left out. /dev/null is always among them.
struct FileRights {
  std::vector<std::string> write;                // also make, rename and remove
  std::optional<std::vector<std::string>> read;  // also run; nothing: everywhere
};

/// From now on the calling thread, threads that it makes and programs that it starts have these rights alone, and none that a
/// program's owner would add. What is open already stays. A second call takes further rights away. False where the system has
/// no Landlock.
bool restrict_files(const FileRights& rights);

bool has_landlock();

}  // namespace ak
