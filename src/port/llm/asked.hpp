// A language model as one more source of candidates: who is asked and how, and what is known of one answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "port/llm/attempts.hpp"
#include "port/llm/kernel_prompt.hpp"

namespace ak {
class Chat;
}  // namespace ak

namespace ak::port {

struct Asking {
  std::shared_ptr<Chat> chat;
  std::string model;  // for a person
  PromptArm arm = PromptArm::skeleton;
  AttemptRules rules;
  bool templates = true;  // are tried too
  /// What may still be spent, shared by all who ask; null: no limit. No question is asked once it is used up.
  std::shared_ptr<std::atomic<std::int64_t>> tokens_left = {};
};

/// Of a candidate that was asked for.
struct Asked {
  int number = 1;  // of the attempt
  bool anew = false;
  PromptArm arm = PromptArm::skeleton;
  std::string prompt, reply;
  std::string why;           // the model's reason
  std::int64_t tokens = 0;   // asked and answered; a guess where nobody counts
  double seconds = 0;        // until the answer came
  bool as_template = false;  // a template makes the same kernels, names aside
};

}  // namespace ak::port
