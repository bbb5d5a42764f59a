// The worker's side: answers one host until that is gone or has been silent for a while.
#pragma once

#include <span>

#include "worker/kind.hpp"

namespace ak {

struct ServeOptions {
  double idle_s = 5;  // then it ends, and gives back the device memory that its context takes
};

/// `socket`: the connection to the host; kinds: the work that it proves. Returns the exit status. Ends the process at once when
/// the host is gone, whatever it does, and after a kernel that faulted or does not end.
int serve(int socket, std::span<const WorkKind> kinds, const ServeOptions& options = {});

}  // namespace ak
