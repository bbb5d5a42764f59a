#include "prove/proof_pack.hpp"

#include <fmt/format.h>

#include <ctime>

#include "core/activation.hpp"
#include "core/device_facts.hpp"
#include "prove/suite.hpp"

namespace ak::proof {
namespace {

Digest digest_of_hex(const std::string& hex) {
  return {std::stoull(hex.substr(0, 16), nullptr, 16), std::stoull(hex.substr(16), nullptr, 16)};
}

// Noon of "2026-11-21".
std::int64_t unix_time(const std::string& date) {
  std::tm day{};
  if (!strptime(date.c_str(), "%Y-%m-%d", &day)) return 0;
  return static_cast<std::int64_t>(timegm(&day)) + 12 * 3600;
}

}  // namespace

Problem problem_of(const BenchRow& row) {
  const auto dtype = parse_dtype(row.dtype);
  const auto activation = parse_activation(row.activation);
  if (!dtype || !activation) throw Error(ErrorCode::invalid_argument, fmt::format("{}: not a row of the suite", row.key()));
  return SuiteRow{row.m, row.n, row.k, row.kind, *dtype, activation, row.epilogue}.problem(*activation);
}

std::vector<PackEntry> pack_entries(const Record& record) {
  const DeviceFacts facts;  // a record names the GPU alone
  if (record.gpu != facts.name)
    throw Error(ErrorCode::invalid_argument, fmt::format("a record of '{}', not of an {}", record.gpu, facts.name));
  std::vector<PackEntry> entries;
  for (const BenchRow& row : record.bench) {
    PackEntry entry;
    PlanRecord& r = entry.record;
    r.problem = problem_of(row);
    r.hardware = Hardware::of(facts);
    r.provenance.driver = record.driver, r.provenance.nvrtc = record.nvrtc, r.provenance.cublaslt = record.cublaslt;
    r.provenance.proposer = "proof";
    r.provenance.unix_time = unix_time(record.date);
    r.us = row.ak_us, r.vendor_us = row.vendor_us;
    r.tactic.family = FamilyId::vendor;
    if (!row.own_tactic.empty()) {
      const Tactic own = parse_tactic(row.own_tactic);
      if (row.own_us && row.ak_us == *row.own_us) {  // one and the same arm of the window: it was dispatched
        r.tactic = own;
        // A row of older device code names no source: it is timed again wherever it is used.
        const auto proven = record.digests.find(std::string(name(own.family)));
        if (proven != record.digests.end() && proven->second.starts_with(row.own_digest))
          r.provenance.family_source = digest_of_hex(proven->second);
      } else {
        entry.own = own;
      }
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace ak::proof
