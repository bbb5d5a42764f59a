// The kernels that are tried for a function: each template's, their whole texts, and how they are compiled and rounded.
#pragma once

#include <string>
#include <vector>

#include "jit/compiler.hpp"
#include "loop/launch.hpp"
#include "loop/verdict.hpp"
#include "port/templates/templates.hpp"

namespace ak::port {

inline constexpr const char* kLlm = "llm";  // the name of a candidate that no template has made

/// Whether C and CUDA give the same bits: what IEEE 754 rounds correctly, and no function that each has its own approximation
/// of.
bool rounds_alike(const loop::Function& function);

/// Whether the verdict's function, run in order, rounds otherwise than the C function: a sum that was unrolled by hand is one
/// of single terms, x += step is read as x + i * step.
bool rounds_otherwise(const loop::Verdict& verdict);

/// All that there are, the best guess first. overlapping: arrays may overlap.
std::vector<loop::Candidate> port_candidates(const loop::Verdict& verdict, bool overlapping);

/// "scan block=256 unroll=4".
std::string tactic_text(const loop::Candidate& candidate);

/// The kernels' whole text: kernels/loop.cuh, then the candidate's own.
std::string kernel_text(const loop::Candidate& candidate);

/// Compiled as C has it: products and sums stay apart, each rounded, so that bits are C's. Throws as the compiler
/// does.
Compiled compile_kernels(const std::string& text, const std::string& arch, Compiler& compiler = compiler_here(),
                         const Deadline& deadline = Deadline::never());

/// The whole function as one thread, not proven: what serves until something better is known. overlapping: arrays may overlap.
loop::Candidate serial_candidate(const loop::Function& function, bool overlapping);

}  // namespace ak::port
