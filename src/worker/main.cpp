// ak-worker: compiled kernels are launched here first, so that one that faults or hangs takes no host with it. libak starts it.
#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string_view>

#include "worker/gemm.hpp"
#include "worker/serve.hpp"

extern char** environ;

int main(int argc, char** argv) {
  constexpr int kSocket = 3;
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(kSocket, SOL_SOCKET, SO_TYPE, &type, &size)) {
    fmt::print(stderr, "ak-worker is started by libak, which speaks to it over a socket\n");
    return 2;
  }
  if (argc > 1 && std::string_view(argv[1]) == "serve") {
    const ak::WorkKind kinds[] = {ak::gemm_kind()};
    return ak::serve(kSocket, kinds);
  }
  // Once more, as nobody's child.
  char serve[] = "serve";
  char* arguments[] = {argv[0], serve, nullptr};
  pid_t worker = 0;
  return posix_spawn(&worker, "/proc/self/exe", nullptr, nullptr, arguments, environ);
}
