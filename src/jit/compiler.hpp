// text -> cubin, with NVRTC opened at run time. Any number of threads may compile at once: NVRTC scales over threads.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.hpp"

namespace ak {

/// A translation unit, named by the digest of all its text.
struct Source {
  explicit Source(std::string whole) : text(std::move(whole)), digest(ak::digest(text)) {}
  std::string text;
  Digest digest;
};

struct Compiled {
  std::string cubin;      // empty when the compile failed
  std::string log;        // first 4 KB of the compiler's report
  std::string failure;    // one line; empty when it compiled
  int registers = 0;      // per thread, as ptxas reports
  int spill_bytes = 0;    // spill stores + loads
  bool degraded = false;  // compiled, but ptxas says it serialised wgmma or ignored setmaxnreg
  double seconds = 0;

  bool ok() const { return failure.empty() && !degraded && spill_bytes == 0; }
};

/// Whether a * b + c may be rounded once. Off: as C has it, which loops are held to.
enum class Contraction : bool { on, off };

/// arch: "sm_90a", "sm_80", ... Throws Error{missing_library} when NVRTC cannot be opened; a source that does not compile is
/// data. Setting *cancel from another thread ends the compile soon, as a failure (NVRTC 12.9 and later; older ones finish).
Compiled compile(std::string_view source, std::string_view arch, const std::atomic<bool>* cancel = nullptr,
                 Contraction contraction = Contraction::on);

/// What the compiler is told for that architecture, apart from the source.
std::vector<std::string> compile_options(std::string_view arch, Contraction contraction = Contraction::on);

/// Whether NVRTC can be opened; `why` gets the reason when not.
bool compiler_available(std::string* why = nullptr);

/// "13.0"; empty when NVRTC is not available.
std::string compiler_version();
/// The same without opening NVRTC, as its file is called; empty where that does not tell.
std::string compiler_version_on_disk();

}  // namespace ak
