// What a user takes away of a ported function: its kernel as CUDA C++, a launcher in C, a test and a benchmark, which build
// with nvcc alone.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "loop/launch.hpp"
#include "port/cases/data.hpp"

namespace ak::port {

struct Artifact {
  loop::Function function;  // whose kernels they are
  loop::Candidate candidate;
  std::string verdict, tactic;                         // in one line each
  Facts facts;                                         // that the kernels were made for
  std::vector<std::pair<loop::Values, Recipe>> cases;  // of its test: sizes and data that the C function may be called with
  std::vector<std::pair<loop::Values, Recipe>> timed;  // of the calls that its benchmark times
};

struct ArtifactFile {
  std::string name, text;
};

/// NAME.cu, NAME.h, NAME_c.c, NAME_calls.cuh, NAME_test.cu, NAME_bench.cu, harness.cuh and README.md.
std::vector<std::string> artifact_names(const std::string& name);

/// With their texts. Throws
/// Error{invalid_argument} for a function whose name is no identifier, Error{unsupported} for geometry that its parameters do
/// not tell, and as laid_out does.
std::vector<ArtifactFile> artifact_files(const Artifact& artifact);

/// These files in the folder, which is made. Throws Error{internal} that names the file, too.
void write_artifacts(const std::string& folder, const Artifact& artifact);

}  // namespace ak::port
