// The planted kernels of tests/loops/planted on a GPU: what the emulator says of each, and what the proof that `ak port` makes
// in the worker sees of it there.
#pragma once

#include <string>
#include <vector>

#include "planted_loops.hpp"
#include "port/proof/gpu_proof.hpp"

namespace ak::proof {

/// A kernel that may run: compiled, with the emulator's verdict.
struct PreparedKernel {
  std::string title, wrong;           // wrong: as its head has it; empty: it is right
  std::vector<std::string> emulated;  // all that the emulator found
  std::string launch, image;          // as ProofRequest has them
};

/// Whether a mistake stays within the arrays and ends: what else there is may run nowhere but in the emulator.
bool may_run(const std::string& wrong);

/// How the kernel is launched, and its function's parameters; scratch memory that is neither zeroed nor arbitrary is filled by
/// a kernel before it. Throws Error{invalid_argument} for a scratch argument before another one.
loop::Candidate launchable(const loop::PlantedKernel& kernel);
loop::Function function_of(const loop::PlantedKernel& kernel);
/// With what the C function of its file leaves, at sizes around the edges and one that fills a GPU.
std::vector<port::ProofCase> cases_of(const loop::PlantedKernel& kernel);

/// Each that may run, emulated by this worker's program and compiled for sm_90a. Needs a C++ compiler and NVRTC, no GPU.
std::vector<PreparedKernel> prepare_loop_faults(const std::string& planted, const std::string& worker);
std::string encode(const std::vector<PreparedKernel>& kernels);
/// Throws Error{invalid_argument} for bytes that encode() did not make.
std::vector<PreparedKernel> decode_prepared(std::string_view bytes);

}  // namespace ak::proof
