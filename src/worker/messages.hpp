// What host and worker say to each other, one frame each. Both are of one build, so that no version is negotiated.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/allowance.hpp"
#include "core/trial.hpp"

namespace ak {

/// The worker's first words.
struct Hello {
  std::string build;  // build_digest()
  std::int32_t pid = 0;
};

/// What the host asks. Kinds to come, which need no GPU: compile, emulate.
enum class Asked : std::uint8_t { open, prove, close };

struct ProofRequest {
  // open: make the GPU ready; close: let go what proofs left, without a reply. Nothing else is read then.
  Asked kind = Asked::prove;
  std::string problem;  // as to_string(Problem)
  std::string whole;    // the same of what it is a panel of; empty: of itself
  std::string tactic;   // as to_string(Tactic)
  std::string cubin;
  Effort effort = Effort::quick;
  bool all_rows = false;  // prove_whole(), at no effort
  double seconds = 0;     // until the deadline
  std::int64_t device_bytes = Allowance{}.device_bytes, scratch_bytes = Allowance{}.scratch_bytes;  // as in Allowance
};

enum class Answered : std::uint8_t {
  done,     // outcome and why
  unready,  // the GPU cannot be used: why
  leaving,  // idle for long; what was asked meanwhile is not answered
};

struct ProofReply {
  Answered kind = Answered::done;
  Outcome outcome = Outcome::correct;
  std::string why;
  double error = 0;    // of the worst element, over its bound
  bool whole = true;   // as in Proven
  bool harms = false;  // as in Failed
  bool last = false;   // the worker ends with this answer: its context is lost
};

std::string encode(const Hello& hello);
std::string encode(const ProofRequest& request);
std::string encode(const ProofReply& reply);
/// nullopt for bytes that are no such message.
std::optional<Hello> decode_hello(std::string_view bytes);
std::optional<ProofRequest> decode_request(std::string_view bytes);
std::optional<ProofReply> decode_reply(std::string_view bytes);

}  // namespace ak
