#include "search/llm_proposer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <thread>
#include <unordered_set>

#include "base/log.hpp"
#include "base/thread.hpp"
#include "search/llm_facts.hpp"
#include "search/proposers.hpp"

namespace ak {
namespace {

constexpr double kLeastSeconds = 0.5;                    // a question with less time left is not worth its tokens
constexpr double kLeastGain = 0.005;                     // two rounds with less than this end the conversation
constexpr std::size_t kLeastNews = 4;                    // trials between two questions
constexpr auto kGrace = std::chrono::milliseconds(200);  // for a cancelled question to end

double best_us(std::span<const Trial> history) {
  double best = 0;
  for (const Trial& trial : history)
    if (!is_vendor(trial.tactic) && trial.correct() && trial.us > 0 && (best == 0 || trial.us < best)) best = trial.us;
  return best;
}

}  // namespace

LlmProposer::LlmProposer(const LlmOptions& options, Deadline deadline) : options_(options), deadline_(deadline) {
  try {
    chat_ = make_chat(options_.endpoint);
  } catch (const std::exception& error) {
    fail(0, error.what());
  }
}

LlmProposer::~LlmProposer() {
  if (!question_) return;
  question_->stop.request_stop();
  std::unique_lock lock(question_->mutex);
  question_->ended.wait_for(lock, kGrace, [&] { return question_->arrived; });
}

void LlmProposer::fail(int round, const std::string& why) {
  note_ += fmt::format("{}round {}: {}", note_.empty() ? "" : "; ", round, why);
  log(LogLevel::warn, "llm: round {}: {}; the search goes on without it", round, why);
}

// A round only when enough was learned since the last: half of its proposals ran and others too, and it still pays.
bool LlmProposer::worth_asking(const SearchView& view) const {
  if (rounds_ == 0) return true;
  const std::size_t wanted = static_cast<std::size_t>(std::max(1, options_.proposals));
  if (view.history.size() < history_at_ask_ + std::max(kLeastNews, wanted / 2)) return false;
  std::unordered_set<Tactic, TacticHash> tried, refused;
  for (const Trial& trial : view.history) (trial.outcome == Outcome::constraints ? refused : tried).insert(trial.tactic);
  std::ptrdiff_t waiting = 0;
  for (const Tactic& tactic : last_round_) waiting += tried.contains(tactic) ? -1 : refused.contains(tactic) ? 0 : 1;
  if (waiting > 0) return false;
  if (rounds_ < 3) return true;
  const double before = best_at_ask_[static_cast<std::size_t>(rounds_) - 2], now = best_us(view.history);
  return before == 0 || now < before * (1 - kLeastGain);
}

void LlmProposer::start_round(const SearchView& view) {
  const int round = rounds_++;
  history_at_ask_ = view.history.size();
  best_at_ask_.push_back(best_us(view.history));
  last_round_.clear();
  Prompt prompt = make_prompt(prompt_facts(view, round, options_.proposals));
  log(LogLevel::info, "llm: round {}: asking {} for {} proposals ({} bytes)", round, chat_->describe(), options_.proposals,
      prompt.system.size() + prompt.user.size());
  usage_.rounds = rounds_;
  ChatRequest request{std::move(prompt.system), std::move(prompt.user), std::move(prompt.schema)};
  const std::int64_t reserved = chat_->most_tokens(request);
  const auto account = [left = options_.tokens_left](std::int64_t tokens) {
    if (left) *left += tokens;
  };
  account(-reserved);
  auto question = std::make_shared<Question>();
  const auto most = static_cast<std::size_t>(std::max(1, options_.proposals)) * 2;
  try {
    // Detached, and owner of all that it uses: nobody can interrupt the key's callback, and a search must not wait for it.
    start_thread([question, account, reserved, most, chat = chat_, deadline = deadline_, request = std::move(request)] {
      ChatReply answer;
      LlmReply reply;
      try {
        answer = chat->ask(request, deadline, question->stop.get_token());
        account(reserved - answer.input_tokens - answer.output_tokens);
        if (!answer.text.empty()) reply = parse_reply(answer.text, most);
      } catch (const std::exception& error) {  // memory
        reply.fault = error.what();
      }
      std::lock_guard lock(question->mutex);
      question->answer = std::move(answer);
      question->reply = std::move(reply);
      question->arrived = true;
      question->ended.notify_all();
    }).detach();
    question_ = std::move(question);
  } catch (const std::system_error& error) {
    account(reserved);
    fail(round, fmt::format("no thread to ask on: {}", error.what()));
    silent_ = true;
  }
}

void LlmProposer::take_answer() {
  if (!question_) return;
  ChatReply answer;
  LlmReply reply;
  {
    std::lock_guard lock(question_->mutex);
    if (!question_->arrived) return;
    answer = std::move(question_->answer);
    reply = std::move(question_->reply);
  }
  question_.reset();
  usage_.requests += answer.attempts;
  usage_.input_tokens += answer.input_tokens;
  usage_.output_tokens += answer.output_tokens;
  usage_.seconds += answer.seconds;
  usage_.proposals += static_cast<int>(reply.items.size());
  usage_.rejected += reply.rejections;
  const int round = rounds_ - 1;
  const bool cut = answer.fault == ChatFault::truncated && !reply.items.empty();  // what was whole before it counts
  if (!answer.ok() && !cut) {
    fail(round, fmt::format("{} ({})", answer.why, ak::name(answer.fault)));
    silent_ = true;  // the client has retried what can be
    return;
  }
  if (cut) log(LogLevel::info, "llm: round {}: {}; its whole proposals are used", round, answer.why);
  log(LogLevel::info, "llm: round {}: {} proposals, {} items rejected, {} + {} tokens, {:.2f} s", round, reply.items.size(),
      reply.rejections, answer.input_tokens, answer.output_tokens, answer.seconds);
  for (const auto& why : reply.rejected) log(LogLevel::info, "llm: round {}: {}", round, why);
  if (!reply.fault.empty()) fail(round, reply.fault);
  for (ReplyItem& item : reply.items) {
    log(LogLevel::debug, "llm: round {}: {}: {}", round, to_string(item.tactic), item.why);
    arrived_.push_back({item.tactic, round});
    last_round_.push_back(item.tactic);
  }
}

std::vector<Proposal> LlmProposer::propose(const SearchView& view, std::size_t count) {
  if (!chat_) return {};
  take_answer();
  // Kept until the search knows them: it may have had no room.
  std::erase_if(arrived_, [&](const Proposal& proposal) {
    const auto same = [&](const Trial& trial) { return trial.tactic == proposal.tactic; };
    return view.knows(proposal.tactic) || std::any_of(view.history.begin(), view.history.end(), same);
  });
  if (!question_ && !silent_ && arrived_.empty() && rounds_ < options_.rounds && deadline_.remaining() > kLeastSeconds &&
      worth_asking(view)) {
    if (!options_.tokens_left || *options_.tokens_left > 0) {
      start_round(view);
    } else {
      fail(rounds_, "the token budget is used up (llm_tokens, AK_LLM_TOKENS)");
      silent_ = true;
    }
  }
  return {arrived_.begin(), arrived_.begin() + static_cast<std::ptrdiff_t>(std::min(count, arrived_.size()))};
}

bool LlmProposer::pending() const { return question_ || !arrived_.empty(); }

std::string LlmProposer::note() const {
  if (!question_) return note_;
  const std::lock_guard lock(question_->mutex);
  return question_->arrived
             ? note_
             : fmt::format("{}{}round {}: no answer when the search ended", note_, note_.empty() ? "" : "; ", rounds_ - 1);
}

std::unique_ptr<Proposer> make_llm_proposer(const ProposerInputs& inputs) {
  return inputs.llm ? std::make_unique<LlmProposer>(*inputs.llm, inputs.deadline) : nullptr;
}

}  // namespace ak
