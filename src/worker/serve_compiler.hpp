// The compiler's process: compiles what one host asks for, each text on a thread of its own.
#pragma once

namespace ak {

/// `socket`: the connection to the host. Returns the exit status when nothing was asked for in so many seconds. Ends the
/// process at once when the host is gone, whatever it compiles.
int serve_compiler(int socket, double idle_s = 20);

}  // namespace ak
