// text -> cubin, with NVRTC opened at run time. Any number of threads may compile at once: NVRTC scales over threads.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
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
/// data. The deadline ends the compile soon, as a failure (NVRTC 12.9 and later; older ones finish).
Compiled compile(std::string_view source, std::string_view arch, const Deadline& deadline = Deadline::never(),
                 Contraction contraction = Contraction::on);

/// What the compiler is told for that architecture, apart from the source.
std::vector<std::string> compile_options(std::string_view arch, Contraction contraction = Contraction::on);

/// Whether NVRTC can be opened; `why` gets the reason when not.
bool compiler_available(std::string* why = nullptr);

/// "13.0"; empty when NVRTC is not available.
std::string compiler_version();
/// The same without opening NVRTC, as its file is called; empty where that does not tell.
std::string compiler_version_on_disk();

/// The file of the NVRTC that somebody has opened in this process; empty where nobody has.
std::string compiler_in_process();
/// What is opened first, where it is not yet open: an NVRTC that the loader need not find by its name.
void prefer_compiler(std::string path);

/// Who compiles: this process, as by the functions above, or another one. Any number of threads may ask at once.
class Compiler {
 public:
  virtual ~Compiler() = default;
  /// Begins to open what compiling needs, and need not wait for it.
  virtual void start() = 0;
  virtual bool available(std::string* why = nullptr) = 0;
  virtual std::string version() = 0;
  virtual Compiled compile(std::string_view source, std::string_view arch, const Deadline& deadline,
                           Contraction contraction = Contraction::on) = 0;
};

Compiler& compiler_here();

}  // namespace ak
