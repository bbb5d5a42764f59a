// problem + tactic -> the text NVRTC compiles, and the digests that key it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/hash.hpp"
#include "core/expression.hpp"
#include "core/problem.hpp"
#include "core/tactic.hpp"

namespace ak {

/// AK_KERNEL_DIR as it was last read, whose files take the place of the embedded ones; empty when it is not set. Whoever asks
/// for more than one thing takes it once: another context may read it anew.
std::string kernel_folder();

/// Text of a file under kernels/ (or of "activations.def"), as embedded at build time; read from the folder instead when one is
/// given. Throws Error{internal} for an unknown name.
std::string kernel_file(std::string_view file, const std::string& folder = kernel_folder());

/// The symbol of an own family's kernel, as a profiler shows it: family, tile and what else tells tactics apart at a glance,
/// types and epilogue: "ak_sm90_128x256x64_c2x1_bf16_gelu_tanh_bias". An identifier of at most 127 characters; others may have
/// it too.
std::string kernel_name(const Problem& problem, const Tactic& tactic);

/// The whole translation unit of an own family's kernel, `files` being Family::sources(), in which it is called `ak_kernel`;
/// its symbol is kernel_name(). It holds nothing that depends on m, n, k: one cubin serves every size of the same structure.
std::string make_source(std::span<const std::string_view> files, const Problem& problem, const Tactic& tactic,
                        const std::string& folder = kernel_folder());

/// The smallest kernel of an expression: whether it compiles.
std::string activation_check_source(const Expression& expression);

/// The kernels of kernels/support/ that exist once an activation, for a caller's own: pass_own_N_<dtype> and ak_compare_own_N.
std::string own_activation_source(Activation activation);

/// Of a family's device files and what they all share, comments and white space aside: what a record was proven with.
Digest source_digest(std::span<const std::string_view> files, const std::string& folder = kernel_folder());
/// Of all that makes one kernel's image but the compiler's version: every part of make_source() but its name, likewise, and
/// the compiler's options for that architecture.
Digest kernel_digest(std::span<const std::string_view> files, const Problem& problem, const Tactic& tactic,
                     std::string_view arch, const std::string& folder = kernel_folder());

}  // namespace ak
