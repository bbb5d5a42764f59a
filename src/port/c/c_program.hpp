// C text as a program of its own that is called over shared memory: what it does, crash or never end, happens there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ak/types.hpp"
#include "base/clock.hpp"
#include "base/temporary_folder.hpp"
#include "worker/channel.hpp"

namespace ak {
class Child;
class Run;
}  // namespace ak

namespace ak::port {

struct CompilerOptions {
  std::string compiler;            // a name on PATH, or a path; empty: the first of cc, gcc, clang
  std::vector<std::string> flags;  // the user's: -I, -D, -std
  double seconds = 20;             // for one run of it
  /// Of a CProgram: what the user's flags may change, and what holds whatever they say.
  struct Optimization {
    std::vector<std::string> before, behind;
  };
  Optimization optimize{{"-O2"}, {"-fno-fast-math", "-ffp-contract=off"}};
};

/// What a text that is preprocessed is compiled with.
std::vector<std::string> c_flags(const CompilerOptions& options);

/// A function's text as its file has it.
struct Source {
  std::string text;
  std::string file;  // whose text it is: for messages, and quoted includes are looked for beside it; may be empty
};

/// Of what did not end in time: unsupported where the deadline has passed, with more time it may; invalid_argument where the
/// limit of what was to end has.
ErrorCode code_of_late(const Deadline& deadline);

/// The compiler's path. Throws Error{unsupported} that says what to do when there is none.
std::string find_compiler(const std::string& chosen);

/// The text after the C preprocessor. Throws Error{invalid_argument} with the compiler's first error, or when it takes too
/// long.
std::string preprocessed(const Source& source, const CompilerOptions& options, Deadline deadline);

/// Thrown when the program has ended: "a trap".
struct Ended {
  std::string how;
};

class CProgram {
 public:
  /// `text`: C after the preprocessor (or without need of it) that defines `entries` functions void ak_entry_0(void** ak_args),
  /// ... Its compilation begins. `beside`: C that is linked to it, and compiled without options.flags and optimize. Throws
  /// Error{unsupported}.
  CProgram(const std::string& text, int entries, const CompilerOptions& options, const std::string& beside = {});
  ~CProgram();
  CProgram(const CProgram&) = delete;
  CProgram& operator=(const CProgram&) = delete;

  /// Returns once it is compiled, however often it is asked. Throws Error{invalid_argument} with the compiler's first error, or when it takes too long.
  void await(Deadline deadline);

  struct Block {
    void* data = nullptr;  // read before the call, written after it
    std::size_t bytes = 0;
    std::size_t begin = 0;  // of what the entry's argument points to; several blocks of one data: the first one's copy is meant
  };
  /// Of the compiled program: an entry with a pointer into each block. Throws Ended, and TimedOut; the next call starts it
  /// anew.
  void call(int entry, const std::vector<Block>& blocks, Deadline deadline);

 private:
  void start();

  const TemporaryFolder folder_{"ak-oracle"};  // the program's, of this one alone
  double compile_seconds_;
  std::unique_ptr<Run> compiler_;    // until it is compiled
  std::optional<Error> failure_;     // why it is not
  std::vector<std::string> linker_;  // what comes after it; empty: nothing
  Descriptor memory_;
  std::unique_ptr<Child> child_;
  Channel channel_;
};

}  // namespace ak::port
