// The benchmark's problems, read from CSV (tests/bench): linear layers D[m,n] = act(A[m,k] . W[n,k]^T + bias) of contiguous
// matrices, and what else an epilogue may have.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/problem.hpp"

namespace ak::proof {

struct SuiteRow {
  std::int64_t m = 0, n = 0, k = 0;
  std::string kind;                      // its class
  DType dtype = DType::bf16;             // of A, W and D
  std::optional<Activation> activation;  // none: every one that is asked for
  std::string epilogue;                  // tokens of parse_problem; empty: a bias and nothing else

  Problem problem(Activation activation) const;
};

/// The header names the columns: m, n, k, class and, where a suite has them, dtype, activation, epilogue. Throws
/// Error{invalid_argument} naming file and line.
std::vector<SuiteRow> read_suite(const std::string& path);

/// "all", or a list of classes and numbers: "0-9,12,tokens".
bool row_wanted(const std::string& rows, std::size_t index, const std::string& kind);

/// Where a class stands in tables: as in the suite, the epilogues' classes after them.
std::size_t class_rank(const std::string& kind);

}  // namespace ak::proof
