// Folders of a process alone: gone with it, and with whoever was killed.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "base/descriptor.hpp"
#include "base/temporary_folder.hpp"

namespace fs = std::filesystem;

TEST_CASE("temporary folder: the first of a name sweeps what killed processes left, and nothing else") {
  const std::string name = fmt::format("ak-swept-{}", getpid());
  const fs::path parent = fs::path(ak::TemporaryFolder(name + "-where").path()).parent_path();
  const auto made = [&](const std::string& folder, bool old) {
    const fs::path path = parent / folder;
    fs::create_directories(path / "inside");
    std::ofstream(path / "file") << "text";
    if (old) fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(2));
    return path;
  };
  const fs::path left = made(name + "-abcdef", true), young = made(name + "-bbcdef", false),
                 held = made(name + "-cbcdef", true), other = made(name + "-dbcdef-more", true),
                 target = made(name + "-target", false);
  const ak::Descriptor holder(::open(held.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(::flock(holder.get(), LOCK_EX | LOCK_NB) == 0);
  fs::create_directory_symlink(target, parent / (name + "-ebcdef"));
  fs::path mine, another;
  {
    const ak::TemporaryFolder own(name), second(name);
    mine = own.path(), another = second.path();
    CHECK(!fs::exists(left));
    for (const fs::path& there : {young, held, other, target, parent / (name + "-ebcdef"), fs::path(own.path())})
      CHECK_MESSAGE(fs::exists(there), there.string());
    // Who lives holds a lock on it.
    const ak::Descriptor again(::open(own.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    CHECK(::flock(again.get(), LOCK_EX | LOCK_NB) != 0);
  }
  CHECK(!fs::exists(mine));
  CHECK(!fs::exists(another));
  for (const auto& one : fs::directory_iterator(parent))
    if (one.path().filename().string().starts_with(name)) fs::remove_all(one.path());
}
