// clang as a child process: a C file becomes its preprocessed text and the tree of its declarations as JSON.
#pragma once

#include <string>
#include <vector>

namespace ak::analyser {

struct ClangCall {
  std::string file;  // "-": standard input
  std::string name;  // of what standard input has: quoted includes are looked for beside it
  std::string program = "clang";
  std::vector<std::string> flags;  // the user's: -I, -D, -std
  double seconds = 20;             // for all of it
};

struct ParsedText {
  std::string text;  // preprocessed, with line markers: where the offsets of the tree lead
  std::string json;
};

/// Throws Error{invalid_argument} with one line: the file cannot be read, clang's first error, no clang (missing_library), the
/// deadline passed or the output grew too large.
ParsedText parse(const ClangCall& call);

/// Words about a text from standard input, with what that is called.
std::string with_file_name(std::string words, const ClangCall& call);

}  // namespace ak::analyser
