// What a test asks of the fake NVRTC.
#pragma once

namespace fake {

/// In this process, the library's first one at opening it among them.
int compiles();

}  // namespace fake
