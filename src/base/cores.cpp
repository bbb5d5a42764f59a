#include "base/cores.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <string_view>

#include "base/text.hpp"

namespace ak {
namespace {

int tighter(int a, int b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

std::string whole(const std::string& file) {
  std::ifstream in(file);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// 0 for what is none, such as "max".
double number(std::string_view text) {
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

int cores_of(double quota, double period) {
  return quota > 0 && period > 0 ? std::max(1, static_cast<int>(std::ceil(quota / period))) : 0;
}

// "max 100000" or "150000 100000"
int quota_v2(const std::string& folder) {
  const std::string text = whole(folder + "/cpu.max");
  const auto parts = words(text);
  return parts.size() < 2 ? 0 : cores_of(number(parts[0]), number(parts[1]));
}

int quota_v1(const std::string& folder) {
  return cores_of(number(whole(folder + "/cpu.cfs_quota_us")), number(whole(folder + "/cpu.cfs_period_us")));
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
  for (const std::string_view line : split(self, '\n')) {  // "0::/path" is v2, "4:cpu,cpuacct:/path" is v1
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers(line.substr(first + 1, second - first - 1)), path(line.substr(second + 1));
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
  return std::max(1, tighter(cores, cgroup_cores("/sys/fs/cgroup", whole("/proc/self/cgroup"))));
}

}  // namespace ak
