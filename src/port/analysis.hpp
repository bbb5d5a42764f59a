// The analyser's client: a source and what is known of a call go to the program ak-analyse, a verdict comes back.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "loop/verdict.hpp"
#include "loop/winner.hpp"

namespace ak::port {

/// A C function as its user names it.
struct LoopSource {
  std::string file;  // read where there is no text, else only named
  std::string text;
  std::string function;
  std::vector<std::string> flags;              // the compiler's
  std::map<std::string, std::string> lengths;  // of parameters, as C expressions
  std::string body;                            // the body of the loop over this variable, instead of the function's
  std::vector<std::string> drops;              // calls that are left out
};

/// Programs; empty: looked for.
struct Tools {
  std::string analyser, compiler, worker;
};

/// `chosen` if it is not empty, else beside the library or in the libexec folder of where that is installed. Throws
/// Error{unsupported} that says what to do.
std::string find_analyser(const std::string& chosen);

/// The file's content. Throws Error{invalid_argument}.
std::string read_source(const LoopSource& source);

/// All that decides what is computed, besides the text: for loop::source_key.
std::vector<std::string> key_flags(const LoopSource& source);

/// A refusal is a verdict. Throws Error{unsupported} without the program or when it takes too long, Error{invalid_argument}
/// with its words: a file that does not compile, a function that is not there; Error{missing_library} without clang.
loop::Verdict analyse(const LoopSource& source, const loop::CallClass& call, const Tools& tools, Deadline deadline);

/// The functions with a body in the file.
std::vector<std::string> functions_of(const LoopSource& source, const Tools& tools, Deadline deadline);

/// Which files it was read from, with the digests of their tokens: includes that lie beside the file or in folders of the flags
/// (-I, -iquote, -isystem), those of -include too.
/// The environment's CPATH and C_INCLUDE_PATH name folders too. kUnknownFile instead of a digest: what a macro includes is not
/// seen, so nobody knows whether the source is as it was.
constexpr const char* kUnknownFile = "unknown";
std::vector<loop::KnownSource::File> included_files(const LoopSource& source, const std::string& text);

/// The text with these files in their places, each once, and without what is not found.
std::string with_includes(const LoopSource& source, const std::string& text);

}  // namespace ak::port
