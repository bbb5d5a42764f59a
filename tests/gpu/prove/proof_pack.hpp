// The shipped pack, made from tests/gpu/record.json.
#pragma once

#include <vector>

#include "cache/pack.hpp"
#include "prove/proof_record.hpp"

namespace ak::proof {

/// What a row measured.
Problem problem_of(const BenchRow& row);

/// Of an H200's record. An entry for every row: the own kernel where it was dispatched, else cuBLASLt with the own kernel as runner-up. Throws
/// Error{invalid_argument} naming the row that cannot be one.
std::vector<PackEntry> pack_entries(const Record& record);

}  // namespace ak::proof
