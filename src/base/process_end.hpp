// What ends before the process does. exit() runs handlers in the reverse order of their registration: one that was registered when
// the library began would find NVRTC's state, or TLS's, freed under its threads.
#pragma once

namespace ak {

/// exit() calls `stop`, before the handlers of every library that library_set_up() was called behind. At most once for each of
/// those calls; the process's first thread need not be the caller.
void before_process_ends(void (*stop)());

/// A library is open and has registered the handlers that it frees its state in: all stops run before them. While one is being
/// opened, or registers more of them at its first use, the process's end finds a part of it freed and may crash: of NVRTC
/// that is about a tenth of a second.
void library_set_up();

}  // namespace ak
