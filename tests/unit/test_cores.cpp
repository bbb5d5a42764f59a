#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/cores.hpp"

namespace {

namespace fs = std::filesystem;

void write(const fs::path& file, const char* text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

}  // namespace

TEST_CASE("the tightest CPU quota of a group and its ancestors counts") {
  const fs::path root = fs::temp_directory_path() / ("ak_cores_" + std::to_string(getpid()));
  CHECK(ak::usable_cores() >= 1);
  CHECK(ak::cgroup_cores(root, "0::/a/b\n") == 0);

  write(root / "a/cpu.max", "250000 100000\n");
  write(root / "a/b/cpu.max", "max 100000\n");
  CHECK(ak::cgroup_cores(root, "0::/a/b\n") == 3);
  CHECK(ak::cgroup_cores(root, "0::/\n") == 0);
  write(root / "cpu.max", "50000 100000\n");  // what a container sees at its own mount
  CHECK(ak::cgroup_cores(root, "0::/not/mounted/here\n") == 1);

  write(root / "cpu,cpuacct/x/cpu.cfs_quota_us", "400000\n");
  write(root / "cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
  write(root / "cpu,cpuacct/x/y/cpu.cfs_quota_us", "-1\n");
  write(root / "cpu,cpuacct/x/y/cpu.cfs_period_us", "100000\n");
  CHECK(ak::cgroup_cores(root, "4:cpu,cpuacct:/x/y\n5:memory:/x\n") == 4);
  fs::remove_all(root);
}
