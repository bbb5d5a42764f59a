// The emulator's process: ak-worker --emulate.
#pragma once

namespace ak::loop {

/// `socket`: the connection to the host. Compiles, opens and runs what the host says until that is gone. Returns the exit
/// status.
int serve_emulation(int socket);

}  // namespace ak::loop
