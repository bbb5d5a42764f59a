// The LLM as one proposer among others: asked once at the start, while the first candidates compile, and again with digested
// feedback. It answers when it answers; whatever goes wrong is a note, never a delay and never an exception.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
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
  /// What may still be spent, shared with other searches; null: no limit. A question takes what it may cost at most when it is
  /// asked, and gives back what it did not cost once that is known. No question is asked once it is used up.
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
  /// Cancels the question under way. Its thread ends within milliseconds and is waited for, unless it is in the key's callback,
  /// which nobody can interrupt: then it is left behind, and asks nothing any more.
  ~LlmProposer() override;

  std::string_view name() const override { return "llm"; }
  std::vector<Proposal> propose(const SearchView& view, std::size_t count) override;
  bool pending() const override;
  std::string note() const override;

  const LlmUsage& usage() const { return usage_; }

 private:
  void start_round(const SearchView& view);
  void take_answer();
  bool worth_asking(const SearchView& view) const;
  void fail(int round, const std::string& why);

  const LlmOptions options_;
  const Deadline deadline_;
  std::shared_ptr<Chat> chat_;

  // The search's thread only.
  int rounds_ = 0;  // questions asked
  std::size_t history_at_ask_ = 0;
  std::vector<double> best_at_ask_;  // us, by round; 0 while unknown
  std::vector<Proposal> arrived_;    // not yet known to the search, as far as was seen
  std::vector<Tactic> last_round_;   // named by the last answer
  bool silent_ = false;

  std::string note_;
  LlmUsage usage_;

  // What the asking thread shares with us, and may outlive us with.
  struct Question {
    std::mutex mutex;  // of what follows
    std::condition_variable ended;
    bool arrived = false;
    ChatReply answer;
    LlmReply reply;
    std::stop_source stop;
  };
  std::shared_ptr<Question> question_;  // null: none under way
};

}  // namespace ak
