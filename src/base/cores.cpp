#include "base/cores.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

namespace ak {
namespace {

int tighter(int a, int b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

int cores_of(double quota, double period) {
  return quota > 0 && period > 0 ? std::max(1, static_cast<int>(std::ceil(quota / period))) : 0;
}

// "max 100000" or "150000 100000"
int quota_v2(const std::string& folder) {
  std::ifstream in(folder + "/cpu.max");
  std::string quota;
  double period = 0;
  if (!(in >> quota >> period) || quota == "max") return 0;
  return cores_of(std::strtod(quota.c_str(), nullptr), period);
}

int quota_v1(const std::string& folder) {
  double quota = 0, period = 0;
  if (!(std::ifstream(folder + "/cpu.cfs_quota_us") >> quota) || !(std::ifstream(folder + "/cpu.cfs_period_us") >> period))
    return 0;
  return cores_of(quota, period);
}

// A quota of any ancestor binds. Inside a container the path may not exist below the mount: then the mount itself is the group.
template <class Quota>
int tightest(const std::string& mount, std::string path, Quota quota) {
  int cores = quota(mount);
  for (; path.size() > 1; path.resize(path.rfind('/'))) cores = tighter(cores, quota(mount + path));
  return cores;
}

}  // namespace

int cgroup_cores(const std::string& mount, const std::string& self) {
  int cores = 0;
  std::istringstream lines(self);
  for (std::string line; std::getline(lines, line);) {  // "0::/path" is v2, "4:cpu,cpuacct:/path" is v1
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (path.empty() || path[0] != '/') continue;
    if (controllers.empty()) cores = tighter(cores, tightest(mount, path, quota_v2));
    if (("," + controllers + ",").find(",cpu,") != std::string::npos)
      for (const std::string& sub : {"/" + controllers, std::string("/cpu")})
        cores = tighter(cores, tightest(mount + sub, path, quota_v1));
  }
  return cores;
}

int usable_cores() {
  int cores = 0;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
  if (cores <= 0) cores = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));  // more CPUs than cpu_set_t holds
  std::ostringstream self;
  self << std::ifstream("/proc/self/cgroup").rdbuf();
  return std::max(1, tighter(cores, cgroup_cores("/sys/fs/cgroup", self.str())));
}

}  // namespace ak
