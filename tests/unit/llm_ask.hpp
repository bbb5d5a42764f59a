// A question to a model's server, as the tests of the client put it.
#pragma once

#include <atomic>
#include <string>

#include "llm/chat.hpp"
#include "llm_server.hpp"

namespace ak::testing {

constexpr const char* kSecret = "sk-Zq7Jx0Ww3mT9vK2pLd5R";
inline const ChatRequest kQuestion = {"be brief", "which tile?", R"({"type":"object"})"};

inline ChatEndpoint endpoint(const LlmServer& server, const std::string& provider = "openai") {
  static std::atomic<int> fresh{0};  // what was learned of one model must not leak into the next test
  return {provider, server.url(), "model-" + std::to_string(fresh++), [] { return std::string(kSecret); }, 500, 2, 20};
}

inline ChatReply ask(const ChatEndpoint& endpoint, double seconds = 20) {
  return make_chat(endpoint)->ask(kQuestion, Deadline::in(seconds), std::stop_token());
}

}  // namespace ak::testing
