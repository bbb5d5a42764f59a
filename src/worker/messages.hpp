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
};

/// What the host asks. Kinds to come, which need no GPU: compile, emulate.
enum class Asked : std::uint8_t { ready, prove, close, subject };

struct ProofRequest {
  // ready: the GPU is opened; close: what proofs left is let go, without a reply. Nothing else is read then. subject: more of
  // what the next proof is of, without a reply.
  Asked kind = Asked::prove;
  std::string tag;           // of its WorkKind
  std::string subject;       // what is computed, in the words of that kind
  bool same_subject = false;  // as the last proof's, or what came since in parts; none is said then
  std::string launch;   // how the image is launched, in its words too
  std::string image;
  Effort effort = Effort::quick;
  bool whole = false;  // where a part of the subject was proven: all of it, once, as in Prover::prove_whole()
  double seconds = 0;  // until the deadline
  std::int64_t device_bytes = Allowance{}.device_bytes, scratch_bytes = Allowance{}.scratch_bytes;  // as in Allowance
};

enum class Answered : std::uint8_t {
  done,     // outcome and why
  unready,  // the GPU cannot be used, or the kind of work is not known: why
  crashed,  // its process, in the proof
  leaving,  // idle for long; what was asked meanwhile is not answered
  gone,     // no message, but what the host makes of an end without one
};

struct ProofReply {
  Answered kind = Answered::done;
  Outcome outcome = Outcome::correct;
  std::string why;
  double error = 0;    // of the worst element, over its bound
  bool whole = true;   // as in Proven
  bool harms = false;  // as in Failed
  bool last = false;   // the worker ends with this answer
};

std::string encode(const Hello& hello);
std::string encode(const ProofRequest& request);
std::string encode(const ProofReply& reply);
/// nullopt for bytes that are no such message.
std::optional<Hello> decode_hello(std::string_view bytes);
std::optional<ProofRequest> decode_request(std::string_view bytes);
std::optional<ProofReply> decode_reply(std::string_view bytes);

}  // namespace ak
