// PlanRecord: a winner as it is remembered: never how it is launched, which its family computes. Its grammar stands in
// cache/README.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ak/tokens.hpp"
#include "base/hash.hpp"
#include "core/device_facts.hpp"
#include "core/problem.hpp"
#include "core/trial.hpp"

namespace ak {

/// What a record is keyed by besides the problem. A recording has a fingerprint of its own: never served on a real GPU.
struct Hardware {
  std::string gpu;  // DeviceFacts::name
  int compute = 0;  // 90
  int sm_count = 0;
  std::string mig;        // profile, empty without MIG
  std::string recording;  // name of the recording that answered; empty on a real GPU

  bool operator==(const Hardware&) const = default;
  static Hardware of(const DeviceFacts& facts, std::string recording = {});
};

/// What the winner was proven with. A mismatch on load means stale: revalidate, neither use nor throw away.
struct Provenance {
  std::string driver;    // "580.159"; the installed driver
  std::string nvrtc;     // "13.0"
  std::string cublaslt;  // "13.1.0"
  Digest family_source;  // source_digest() of the tactic's family; zero for the vendor
  Digest kernel_source;  // kernel_digest() of this very kernel; zero for the vendor, and where nobody said it
  std::string proposer;  // who named the winner
  int round = 0;
  std::int64_t unix_time = 0;
  int trials = 0;  // spent by the search
  double search_s = 0;
  bool provisional = false;  // timed on a busy GPU, or cut short: prepare and tune search again
  std::string note;          // why an LLM round failed, why the search ended early; one line

  bool operator==(const Provenance&) const = default;
};

struct PlanRecord {
  Problem problem;
  Hardware hardware;
  Tactic tactic;
  Digest cubin;                  // key and checksum of the image; zero for a vendor plan
  std::string vendor_algo;       // opaque cublasLtMatmulAlgo_t bytes, with Provenance::cublaslt; empty for an own kernel
  double us = 0, vendor_us = 0;  // in the regime that decided
  Regime regime = Regime::chain;
  PerRegime<double> regime_us{}, regime_vendor_us{};  // 0 where it was not timed
  TokenRange bucket;  // the m that its tactic serves, its own being one end; none: its own alone
  Provenance provenance;

  bool operator==(const PlanRecord&) const = default;
};

/// What is known of work of any other kind than the GEMM, in the words of that kind alone: the store and packs read none of it.
struct WorkRecord {
  std::string kind;   // its tag
  std::string key;    // what it is about: UTF-8, and names the hardware where that matters
  std::string text;   // what another machine can start from: UTF-8, all that packs carry; empty: it does not travel
  std::string local;  // what holds on this machine alone, a kernel's image say; empty: not proven here yet

  bool operator==(const WorkRecord&) const = default;
};

/// The kind of what is known of kernels that harm. All of it is local: it was seen on one GPU, under one driver.
constexpr std::string_view kQuarantine = "quarantine";

/// A tagged digest of kind and key.
Digest key_of(std::string_view kind, std::string_view key);

std::string encode(const WorkRecord& record);
std::optional<WorkRecord> decode_work(std::string_view bytes, std::string* why = nullptr);

/// Key of a record: a tagged digest of every typed field of problem and hardware.
Digest key_of(const Problem& problem, const Hardware& hardware);

std::string encode(const PlanRecord& record);
/// nullopt for a damaged, truncated or newer-format record; `why` says which: "damaged: ..." where it is not as it was written.
std::optional<PlanRecord> decode_record(std::string_view bytes, std::string* why = nullptr);

std::string encode(const Trial& trial);
std::optional<Trial> decode_trial(std::string_view bytes, std::string* why = nullptr);

}  // namespace ak
