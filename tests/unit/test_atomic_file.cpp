#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/atomic_file.hpp"
#include "cache/pack.hpp"
#include "records.hpp"

using namespace ak;
namespace fs = std::filesystem;

namespace {

// What this thread asks of the disk while somebody listens.
thread_local std::string* asked = nullptr;
thread_local int fsync_fault = 0;  // of a file, not of a folder

}  // namespace

// In place of the C library's, for the whole program.
extern "C" int fsync(int file) {
  struct stat info;
  const bool folder = ::fstat(file, &info) == 0 && S_ISDIR(info.st_mode);
  if (asked) *asked += folder ? "synchronises the folder; " : "synchronises the file; ";
  if (fsync_fault && !folder) return errno = fsync_fault, -1;
  return static_cast<int>(::syscall(SYS_fsync, file));
}
extern "C" int rename(const char* from, const char* to) noexcept {
  if (asked) *asked += "renames; ";
  return ::renameat(AT_FDCWD, from, AT_FDCWD, to);
}

namespace {

struct FileFolder {
  FileFolder() { fs::remove_all(path), fs::create_directories(path); }
  ~FileFolder() { fs::remove_all(path); }
  int files() const { return static_cast<int>(std::distance(fs::directory_iterator(path), fs::directory_iterator())); }
  const fs::path path = fs::temp_directory_path() / ("ak_atomic_" + std::to_string(getpid()));
};

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("a file is replaced whole, through no link, and nothing lies beside it") {
  const FileFolder folder;
  const fs::path file = folder.path / "a";
  CHECK(write_atomically(file, "first") == std::nullopt);
  const std::string large(1 << 20, 'x');
  fs::create_symlink(file, folder.path / "link");
  CHECK(write_atomically(folder.path / "link", large) == std::nullopt);
  CHECK(text_of(folder.path / "link") == large);
  CHECK_FALSE(fs::is_symlink(folder.path / "link"));
  CHECK(text_of(file) == "first");
  CHECK(write_atomically(folder.path / "secret", "s", 0600) == std::nullopt);
  struct stat info;
  REQUIRE(stat((folder.path / "secret").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(folder.files() == 3);
}

TEST_CASE("what cannot be written says why and leaves nothing") {
  const FileFolder folder;
  CHECK(write_atomically(folder.path / "none/a", "x") == "No such file or directory");
  fs::create_directories(folder.path / "taken/full");
  CHECK(write_atomically(folder.path / "taken", "x") == "Is a directory");
  CHECK(folder.files() == 1);

  const pid_t child = fork();  // a full disk, as far as this process can tell
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const bool refused = write_atomically(folder.path / "a", std::string(5000, 'x')) == "File too large";
    bool thrown = false;
    try {
      write_pack(folder.path / "b.pack", std::vector<PackEntry>(1, {sample::record(), std::nullopt}));
      write_pack(folder.path / "b.pack", [] {
        std::vector<PackEntry> many;
        for (int m = 1; m < 50; ++m) many.push_back({sample::record(m), std::nullopt});
        return many;
      }());
    } catch (const Error&) {
      thrown = true;
    }
    _exit(refused && thrown ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK_FALSE(fs::exists(folder.path / "a"));
  CHECK(read_pack(folder.path / "b.pack").entries.size() == 1);
  CHECK(folder.files() == 2);
}

TEST_CASE("a file is on the disk before it has its name, and its name before it is said to be written") {
  const FileFolder folder;
  const fs::path file = folder.path / "a";
  std::string heard;
  asked = &heard;
  CHECK(write_atomically(file, "first") == std::nullopt);
  CHECK(heard == "synchronises the file; renames; synchronises the folder; ");
  heard.clear();
  fsync_fault = EIO;
  CHECK(write_atomically(file, "second") == "Input/output error");
  fsync_fault = 0, asked = nullptr;
  CHECK(heard == "synchronises the file; ");
  CHECK(text_of(file) == "first");
  CHECK(folder.files() == 1);
}
