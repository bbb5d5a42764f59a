#include "port/llm/asking.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "llm/chat.hpp"
#include "loop/c_tokens.hpp"
#include "port/candidates.hpp"
#include "port/cases/pinned.hpp"
#include "port/llm/answer.hpp"
#include "port/llm/kernel_facts.hpp"

namespace ak::port {

namespace {

constexpr double kLeastSeconds = 0.01;  // with less left nobody is asked

// What nobody has counted: four characters to a token.
std::int64_t tokens_of(const ChatReply& reply, const ChatRequest& request) {
  const std::int64_t counted = reply.input_tokens + reply.output_tokens;
  return counted > 0 ? counted
                     : static_cast<std::int64_t>((request.system.size() + request.user.size() + reply.text.size()) / 4);
}

}  // namespace

bool alike_but_for_names(std::string_view a, std::string_view b) {
  const auto first = loop::c_tokens(a), second = loop::c_tokens(b);
  if (first.size() != second.size()) return false;
  std::map<std::string_view, std::string_view> to, back;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const auto is_name = [](std::string_view token) { return is_letter(token.front()) || token.front() == '_'; };
    if (!is_name(first[i]) || !is_name(second[i])) {
      if (first[i] != second[i]) return false;
      continue;
    }
    if (to.emplace(first[i], second[i]).first->second != second[i] ||
        back.emplace(second[i], first[i]).first->second != first[i])
      return false;
  }
  return true;
}

std::string ask_for_kernels(const PortRequest& request, const Judge& judge, const std::function<void(int number)>& asks,
                            Deadline deadline, std::vector<Tried>& to) {
  const Asking& asking = *request.asking;
  const KernelFacts facts = kernel_facts(request, asking.arm, deadline);
  const KernelPrompt prompt = kernel_prompt(facts, asking.arm);
  const std::vector<loop::Candidate> templates = candidates_in(request.verdict, request.call);
  Attempts attempts(asking.rules);
  while (const auto question = attempts.next()) {
    if (deadline.remaining() < kLeastSeconds) return "no time was left to ask the LLM again (--seconds)";
    if (asking.tokens_left && *asking.tokens_left <= 0) return "the token budget is used up (llm_tokens, AK_LLM_TOKENS)";
    asks(question->number);
    const ChatRequest ask{prompt.system, prompt.user + question->feedback, {}};
    const ChatReply reply = asking.chat->ask(ask, deadline, deadline.stop());
    const std::int64_t tokens = tokens_of(reply, ask);
    if (asking.tokens_left) *asking.tokens_left -= tokens;
    const bool said = reply.ok() || (reply.fault == ChatFault::truncated && !reply.text.empty());
    if (!said) return fmt::format("the LLM did not answer: {}", one_line(reply.why, 200));
    KernelAnswer answer = read_answer(reply.text, request.verdict.function);
    const bool whole = answer.ok();
    Tried& tried = to.emplace_back();
    tried.candidate = std::move(answer.candidate);
    tried.candidate.template_name = kLlm, tried.candidate.origin = loop::Origin::llm;
    tried.candidate.same_bits = facts.same_bits;
    Judged judged;
    tried.asked = Asked{question->number,
                        question->anew,
                        asking.arm,
                        ask.system + "\n\n" + ask.user,
                        reply.text,
                        std::move(answer.why),
                        tokens,
                        reply.seconds,
                        std::ranges::any_of(templates, [&](const loop::Candidate& one) {
                          return alike_but_for_names(one.text, tried.candidate.text);
                        })};
    const std::string text = whole ? answer_text(tried.candidate, tried.asked->why) : reply.text;
    if (whole)
      judged = judge(tried);
    else
      tried.status = Status::unread, tried.why = std::move(answer.fault);
    if (tried.status == Status::budget) {
      if (deadline.passed()) return "no time was left for the proof of the LLM's kernels (--seconds)";
      if (!is_late(tried.why)) return fmt::format("the LLM's kernels cannot be proven: {}", tried.why);
    }
    attempts.ended({tried.status, tried.why, text, judged.us, judged.best_us});
  }
  return {};
}

}  // namespace ak::port
