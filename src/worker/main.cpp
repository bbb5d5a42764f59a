// ak-worker: compiled kernels are launched here first, so that one that faults or hangs takes no host with it. libak starts it.
#include <fmt/format.h>
#include <sys/socket.h>

#include "worker/gemm.hpp"
#include "worker/serve.hpp"

int main() {
  constexpr int kSocket = 3;
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(kSocket, SOL_SOCKET, SO_TYPE, &type, &size)) {
    fmt::print(stderr, "ak-worker is started by libak, which speaks to it over a socket\n");
    return 2;
  }
  const ak::WorkKind kinds[] = {ak::gemm_kind()};
  return ak::serve(kSocket, kinds);
}
