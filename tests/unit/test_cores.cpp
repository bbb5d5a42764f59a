#include <doctest/doctest.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/cores.hpp"
#include "base/thread.hpp"

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

TEST_CASE("a thread that a pinned one starts runs where the process may, and takes no signals") {
  cpu_set_t all;
  REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
  int cores = 0;
  bool masked = false;
  std::thread([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu)
      if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
    ak::start_thread([&] {
      cpu_set_t mine;
      if (sched_getaffinity(0, sizeof mine, &mine) == 0) cores = CPU_COUNT(&mine);
      sigset_t mask;
      pthread_sigmask(SIG_SETMASK, nullptr, &mask);
      masked = sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGTERM) == 1;
    }).join();
  }).join();
  CHECK(cores == CPU_COUNT(&all));
  CHECK(masked);
}
