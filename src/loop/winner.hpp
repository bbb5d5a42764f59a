// What is remembered of a loop: from which source it was read, and which kernels serve which sizes. Texts of two kinds of work
// in the store: kLoopSource, so that a hit needs no compiler and no analyser, and kLoop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.hpp"
#include "loop/function.hpp"
#include "loop/launch.hpp"

namespace ak::loop {

constexpr std::string_view kLoopSource = "loop_source", kLoop = "loop";  // tags in the store

/// A source as it was when the function was read: its key is of the main file's tokens, the function's name and the flags.
struct KnownSource {
  struct File {
    std::string path;    // as the including file names it
    std::string digest;  // of its tokens
    bool operator==(const File&) const = default;
  };
  std::vector<File> files;            // included in quotes, also by each other
  Function function;                  // parameters and nest, before any fact of a call
  std::vector<std::string> steering;  // integer parameters whose values make another verdict
  std::string refused;                // why it cannot become kernels; then the function has parameters alone, or nothing
  std::string build;                  // build_digest() of what read it
  bool operator==(const KnownSource&) const = default;
};

/// Which kernel serves sizes up to this one, and what it took; times in us, 0 where it was not timed.
struct SizeRow {
  std::int64_t size = 0;  // iterations of the loops, as size_of_call() counts them
  int kernel = 0;         // of Winner::kernels
  double kernel_us = 0;   // with all data on the GPU
  double host_us = 0;     // the C function, its data in the CPU's memory
  double copy_in_us = 0, copy_out_us = 0;
  double moved_us = 0;  // a whole call on arrays in the host's memory, by the kernel
  double call_us = 0;   // what one by the C function costs beside it
  bool operator==(const SizeRow&) const = default;
};

struct Winner {
  std::string verdict;  // its line
  std::vector<Candidate> kernels;
  std::vector<SizeRow> sizes;  // ascending
  std::string driver, nvrtc;   // that they were proven with
  std::string build;           // build_digest() of what made and proved them
  std::string cases;           // "48/48": of the proof
  int tried = 0;               // candidates
  double seconds = 0;          // that it took
  std::int64_t unix_time = 0;
  bool unfinished = false;  // the budget ended it: a later call goes on
  bool operator==(const Winner&) const = default;
};

/// Key of a source, without what its files include.
std::string source_key(const std::string& function, std::string_view text, const std::vector<std::string>& flags);

/// The canonical text of what is computed: parameters, locals and nest, whatever comments, spacing, macros and helpers made it.
Digest canonical_digest(const Function& function);

/// What a kernel depends on besides the function: int values that are no mere sizes, and how pointers overlap.
struct CallClass {
  std::vector<std::pair<std::string, std::int64_t>> values;  // by name
  struct Alias {
    std::string pointer, base;
    std::int64_t offset = 0;  // elements: pointer == base + offset
    bool operator==(const Alias&) const = default;
  };
  std::vector<Alias> aliases;
  bool operator==(const CallClass&) const = default;
};
/// "k=3 a=b+1"; empty where there is nothing.
std::string text(const CallClass& call);

/// Key of a loop's winner on a GPU: "smooth 6ad0... k=3 a=b+1 on NVIDIA H200, 132 SMs". by_llm: of one that only those look
/// for who take kernels that an LLM wrote, "smooth 6ad0... by llm on ..."; others keep and find their own beside it.
std::string winner_key(const Function& function, const CallClass& call, const std::string& hardware, bool by_llm = false);

/// Whether an LLM wrote one of its kernels.
bool by_llm(const Winner& winner);

/// Integer parameters that stand in subscripts or steer what is computed, and not only bound loops or extents: whose values may
/// make another verdict, where arrays overlap say.
std::vector<std::string> steering_parameters(const Function& function);

/// Iterations of a call: of each loop its trips, inner ones by those of the outer (bounds that depend on outer variables: at
/// the outer one's middle), summed over loops side by side. Values: integer parameters.
std::int64_t size_of_call(const Function& function, const Values& values);

/// Copies of images with their checksums: WorkRecord::local of a winner. One for each of its kernels.
std::string pack_images(const std::vector<std::string>& images);
/// nullopt where a checksum does not match.
std::optional<std::vector<std::string>> unpack_images(std::string_view bytes);

/// Throw Error{invalid_argument} naming the field.
std::string write_json(const KnownSource& source);
std::string write_json(const Winner& winner);
std::string write_json(const Candidate& candidate);
KnownSource read_known_source(std::string_view json);
Winner read_winner(std::string_view json);
Candidate read_candidate(std::string_view json);

}  // namespace ak::loop
