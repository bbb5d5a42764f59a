// The correctness cases: seeded problems that together cover every pair of the factors below, and every edge size.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/device_facts.hpp"
#include "core/problem.hpp"
#include "core/tactic.hpp"

namespace ak::proof {

struct Factor {
  std::string name;
  int levels;
};

/// family, in, layout, activation, out, align_in, align_out, bias, c, alpha, extras (gate, aux, scales).
const std::vector<Factor>& factors();

/// One level of each factor.
using Row = std::vector<int>;

/// The structure that a row means; m, n, k are left 0.
Problem structure(const Row& row);
FamilyId family_of(const Row& row);

/// Whether some family can serve such a structure at all (a family's alignment needs, an f32 output on 2 bytes, a gate with C).
bool possible(const Row& row, const DeviceFacts& device);

/// Rows that cover every pair of levels that can occur together, again and again with other companions, until there are
/// `at_least`. Deterministic in the seed.
std::vector<Row> covering_rows(const DeviceFacts& device, std::size_t at_least, std::uint64_t seed);

struct ProofCase {
  int id;
  FamilyId family;
  Problem problem;
};

/// The rows with sizes: every m, n and k of the edge lists meets every family.
std::vector<ProofCase> proof_cases(const DeviceFacts& device, std::size_t at_least, std::uint64_t seed);

const std::vector<std::int64_t>& edge_sizes();   // of m and n
const std::vector<std::int64_t>& edge_depths();  // of k

/// Up to `count` tactics of the case's family, drawn by its id from all that the family enumerates and lets pass.
std::vector<Tactic> drawn_tactics(const ProofCase& proof_case, const DeviceFacts& device, std::size_t count);

}  // namespace ak::proof
