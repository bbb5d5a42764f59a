// The proof of a loop's kernels on a GPU: cases with what they must leave, sent to the worker; the work of the kind "loop"
// there.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loop/launch.hpp"
#include "port/cases/expected_cases.hpp"
#include "worker/kind.hpp"

namespace ak::port {

/// ProofRequest::subject: the function's parameters and all cases.
std::string proof_subject(const loop::Function& function, const std::vector<ProofCase>& cases);
struct ProofSubject {
  loop::Function function;
  std::vector<ProofCase> cases;
};
/// Throws Error{invalid_argument} for bytes that proof_subject() did not make.
ProofSubject read_proof_subject(std::string_view bytes);

/// Of ProofRequest::tag loop::kLoop; `launch` is a candidate's JSON without its text. Effort::quick: the first cases, once;
/// full: every case three times, with equal bits.
WorkKind loop_kind();

}  // namespace ak::port
