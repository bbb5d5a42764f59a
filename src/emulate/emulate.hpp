// Kernels without a GPU: their text is compiled as C++, each of its threads runs as a fiber in a process of its own, and every
// access to memory is watched. What it finds: races within a warp, a block and between blocks, accesses outside an array,
// shared memory read before it was written, threads that wait at different barriers or for ever, and kernels that do not end.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "loop/launch.hpp"

namespace ak::loop {

/// An array in device memory.
struct EmulatedBuffer {
  std::string name;  // as findings call it
  ScalarType type = ScalarType::f32;
  std::int64_t elements = 0;
  void* data = nullptr;  // the caller's: what kernels find there, and what they left after the run
};

/// A kernel's argument: a scalar, or a pointer into a buffer. Several may point into one.
struct EmulatedArgument {
  ScalarType type = ScalarType::i32;  // of the scalar, or of what the pointer points to
  int buffer = -1;                    // index into the buffers; -1: a scalar
  std::int64_t offset = 0;            // elements from the buffer's begin
  std::int64_t integer = 0;           // a scalar of an integer type
  double real = 0;                    // of f32 or f64

  static EmulatedArgument of(std::int64_t value, ScalarType type = ScalarType::i32) { return {type, -1, 0, value, 0}; }
  static EmulatedArgument of_real(double value, ScalarType type) { return {type, -1, 0, 0, value}; }
  static EmulatedArgument pointer(int buffer, ScalarType type, std::int64_t offset = 0) { return {type, buffer, offset, 0, 0}; }
};

/// A Launch whose geometry has values. All launches of a run take the same arguments.
struct EmulatedLaunch {
  std::string kernel;
  std::int64_t blocks = 1;  // less than 1: not launched
  int threads = 256;
  int shared_bytes = 0;
  bool dependent = false;  // what a thread does before wait_for_previous() has no order with the launch before
};

/// The order in which threads of a block run between two barriers, and of blocks that run at once. Shuffled, others come
/// between a thread's atomic accesses too.
enum class ThreadOrder : std::uint8_t { forward, reverse, shuffled };

struct EmulationRequest {
  std::vector<EmulatedLaunch> launches;  // one after the other
  std::vector<EmulatedBuffer> buffers;
  std::vector<EmulatedArgument> arguments;
  ThreadOrder order = ThreadOrder::forward;
  std::uint64_t seed = 1;            // of ThreadOrder::shuffled
  std::int64_t steps = 100'000'000;  // pieces of straight code, of all threads together
  int resident_blocks = 32;          // that run at once, as on a GPU with so many multiprocessors; up to 31744 threads
  double seconds = 30;               // of the run, whatever it does
};

enum class FaultKind : std::uint8_t {
  race,           // two accesses, not both reads nor both atomic, without an order between them
  out_of_bounds,  // or of no array at all
  misaligned,     // an access of 8 or 16 bytes; of whole vectors where g++ compiles
  uninitialised,  // shared memory read before a thread of the block wrote it
  divergence,     // threads at different barriers, or ended before one, or lanes missing from a mask
  deadlock,       // blocks or threads wait for what nobody will do
  steps,          // beyond the steps or the time
  trap,
  crash,  // the kernel's process ended: a division by zero, a stack that overflowed
};
/// "race", "out of bounds", ...
const char* name(FaultKind kind);

struct ThreadPlace {
  std::int64_t block = -1;  // -1: no thread
  int thread = 0;
  enum class Access : std::uint8_t { none, read, write, atomic } access = Access::none;

  bool operator==(const ThreadPlace&) const = default;
};

struct Fault {
  FaultKind kind = FaultKind::race;
  std::string kernel;
  std::string array;          // of a race and of accesses outside or not initialised; empty: none
  std::int64_t element = 0;   // of it, in elements of its type; may be negative
  ThreadPlace first, second;  // the access that was found, and of a race the earlier one
  int line = 0;               // of the kernels' text without the prelude, where known
  std::string text;           // all of it in one line for a person

  bool operator==(const Fault&) const = default;
};

struct Emulation {
  std::vector<Fault> faults;  // the first few of each array and kind; a race ends no run, everything else does
  std::int64_t steps = 0;     // that it took
  bool ok() const { return faults.empty(); }
};

struct EmulatorOptions {
  std::string worker;    // the program ak-worker; empty: find_worker()
  std::string compiler;  // g++ or clang++; empty: $CXX, else the first of g++, clang++, c++ on the path
  double seconds = 30;   // of the compilation
};

/// One text, compiled once, for many runs. Not for several threads at once.
class Emulator {
 public:
  /// `text`: the prelude's and the kernels', without an include; `kernels`: the names of those to be run. Throws
  /// Error{invalid_argument} with the compiler's first message when it does not compile, Error{unsupported} where there is no
  /// C++ compiler or no worker.
  Emulator(const std::string& text, const std::vector<std::string>& kernels, const EmulatorOptions& options = {});
  ~Emulator();
  Emulator(Emulator&&) noexcept;
  Emulator& operator=(Emulator&&) noexcept;

  /// Throws Error{invalid_argument} for arguments that do not fit the kernels' parameters, and for launches that no GPU takes.
  Emulation run(const EmulationRequest& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ak::loop
