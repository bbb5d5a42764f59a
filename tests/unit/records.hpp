// Sample values for the tests of records and stores: nothing here was measured.
#pragma once

#include <string>

#include "cache/record.hpp"

namespace ak::sample {

inline Problem problem(int n = 64) {
  Problem p;
  p.m = 16, p.n = n, p.k = 4096;
  p.in = DType::f16;
  p.b_major = Major::mn;
  p.align_c = 8;
  p.epilogue = {Activation::mish, DType::f32, BiasAxis::row, DType::f32, true, false};
  p.numerics = Numerics::deterministic;
  return p;
}

inline Hardware hardware() { return {"NVIDIA Sample", 90, 132, "1g.10gb", ""}; }

inline Tactic tactic(std::int16_t tile_m = 128) {
  Tactic t;
  t.family = FamilyId::sm90;
  t.tile_m = tile_m, t.tile_n = 256, t.tile_k = 64, t.stages = 4, t.schedule = 2, t.cluster_m = 2;
  return t;
}

inline PlanRecord record(int n = 64) {
  PlanRecord r;
  r.problem = problem(n);
  r.hardware = hardware();
  r.tactic = tactic();
  r.vendor_algo = std::string("\0\1algorithm\xff", 12);
  r.us = 10.25, r.vendor_us = 12.5;
  r.provenance = {"580.1", "13.0", "13.1.0", {1, 2}, {}, "llm", 3, 1790000000, 42, 2.5, true, "the server was slow"};
  return r;
}

inline Trial trial(std::int16_t tile_m = 128) {
  Trial t;
  t.tactic = tactic(tile_m);
  t.outcome = Outcome::spills;
  t.why = "12 bytes";
  t.us = 3.5, t.ratio = 1.01, t.final_timing = true;
  t.registers = 168, t.smem_bytes = 1000, t.spill_bytes = 12, t.compile_s = 0.25, t.proposer = "offline", t.round = 2;
  return t;
}

/// Bytes that do not compress, different for each seed.
inline std::string image(std::size_t size, std::uint64_t seed) {
  std::string out(size, '\0');
  for (char& c : out) seed = seed * 6364136223846793005ull + 1442695040888963407ull, c = static_cast<char>(seed >> 56);
  return out;
}

}  // namespace ak::sample
