// ak-worker: kernels run here first, compiled ones on the GPU and, with --emulate, their texts on the CPU, so that one that
// faults or hangs takes no host with it; with --compile they are compiled. libak starts it.
#include <fmt/format.h>
#include <sys/socket.h>

#include <string_view>

#include "emulate/emulator_role.hpp"
#include "port/proof/gpu_proof.hpp"
#include "worker/gemm.hpp"
#include "worker/serve.hpp"
#include "worker/serve_compiler.hpp"

int main(int argc, char** argv) {
  constexpr int kSocket = 3;
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(kSocket, SOL_SOCKET, SO_TYPE, &type, &size)) {
    fmt::print(stderr, "ak-worker is started by libak, which speaks to it over a socket\n");
    return 2;
  }
  if (argc > 1 && std::string_view(argv[1]) == "--emulate") return ak::loop::serve_emulation(kSocket);
  if (argc > 1 && std::string_view(argv[1]) == "--compile") return ak::serve_compiler(kSocket);
  const ak::WorkKind kinds[] = {ak::gemm_kind(), ak::port::loop_kind()};
  return ak::serve(kSocket, kinds);
}
