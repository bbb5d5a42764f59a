// The LLM as one proposer among others: asked once at the start, while the first candidates compile, and again with digested
// feedback. It answers when it answers; whatever goes wrong is a note, never a delay and never an exception.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "llm/chat.hpp"
#include "llm/reply.hpp"
#include "search/proposer.hpp"

namespace ak {

struct LlmOptions {
  ChatEndpoint endpoint;
  int rounds = 2;      // questions at most
  int proposals = 12;  // wanted per round
  /// What may still be spent, shared with other searches; null: no limit. No question is asked once it is used up.
  std::shared_ptr<std::atomic<std::int64_t>> tokens_left = {};
};

struct LlmUsage {
  int rounds = 0;     // questions asked
  int requests = 0;   // HTTP requests, retries included
  int proposals = 0;  // tactics taken from the answers
  int rejected = 0;   // items of the answers that were no tactic
  std::int64_t input_tokens = 0, output_tokens = 0;
  double seconds = 0;  // waiting for answers
};

class LlmProposer final : public Proposer {
 public:
  /// A wrong endpoint is a note too; make_chat tells it early. The deadline is of the whole search.
  LlmProposer(const LlmOptions& options, Deadline deadline);
  /// Cancels the question under way and waits for its thread: milliseconds.
  ~LlmProposer() override;

  std::string_view name() const override { return "llm"; }
  std::vector<Proposal> propose(const SearchView& view, std::size_t count) override;
  bool pending() const override;
  std::string note() const override;

  LlmUsage usage() const;

 private:
  void start_round(const SearchView& view);
  void take_answer();
  bool worth_asking(const SearchView& view) const;
  void fail(int round, const std::string& why);

  const LlmOptions options_;
  const Deadline deadline_;
  std::unique_ptr<Chat> chat_;

  // The search's thread only.
  int rounds_ = 0;  // questions asked
  std::size_t history_at_ask_ = 0;
  std::vector<double> best_at_ask_;  // us, by round; 0 while unknown
  std::vector<Proposal> arrived_;    // not yet known to the search, as far as was seen
  std::vector<Tactic> last_round_;   // named by the last answer
  bool silent_ = false;

  mutable std::mutex mutex_;  // guards what follows
  enum class State : std::uint8_t { idle, asking, arrived } state_ = State::idle;
  ChatReply answer_;
  LlmReply reply_;
  LlmUsage usage_;
  std::string note_;

  std::jthread thread_;  // last: it uses all of the above
};

std::unique_ptr<Proposer> make_llm_proposer(const LlmOptions& options, Deadline deadline);

}  // namespace ak
