// How many threads this process may keep busy.
#pragma once

#include <string>

namespace ak {

/// CPUs of the affinity mask, capped by the cgroup's CPU quota (v2 and v1); at least 1. Read anew on each call.
int usable_cores();

/// The quota's cores under a cgroup mount, rounded up, from the innermost group of `self` (the text of /proc/self/cgroup) to
/// the root; 0 where there is none.
int cgroup_cores(const std::string& mount, const std::string& self);

}  // namespace ak
