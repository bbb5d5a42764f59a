// Chat: one question to a language model and its answer, or the class of its failure. Over HTTPS to any OpenAI-compatible
// `chat/completions` (OpenAI, vLLM, llama.cpp, Ollama, gateways) or Anthropic `messages`, or through a folder (mailbox).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace ak {

/// Where and how to ask. Nothing is sent until Chat::ask.
struct ChatEndpoint {
  std::string provider;  // a word of providers()
  std::string url;       // base URL, "https://host/v1"; empty: the provider's own
  std::string model;
  std::function<std::string()> key;  // the secret; called by ask() on its own thread, for each question. May be empty
  int max_tokens = 6144;             // of the answer, a reasoning model's thinking included
  double connect_s = 5;
  double request_s = 120;  // one attempt; the deadline of ask() covers them all
};

struct ChatRequest {
  std::string system, user;
  std::string schema;  // JSON schema of the answer; empty: none. Dropped where the endpoint refuses it
};

enum class ChatFault : std::uint8_t {
  none,
  setup,      // no key, an unusable folder, TLS
  transport,  // no connection, cut off
  timeout,    // the deadline came first
  cancelled,
  http,       // a status other than 200
  quota,      // out of credit: asking again will not help
  truncated,  // the model hit its token limit; what it had said until then is kept
  refused,    // the model or a filter declined
  malformed,  // not the API's JSON, or no text in it
  too_large,
};

std::string_view name(ChatFault fault);

struct ChatReply {
  ChatFault fault = ChatFault::none;
  std::string why;                                   // one line for the log and the record; the key never stands in it
  std::string text;                                  // the model's words, untrusted; empty on a fault other than truncated
  int status = 0;                                    // last HTTP status
  int attempts = 0;                                  // requests sent
  std::int64_t input_tokens = 0, output_tokens = 0;  // of all attempts; a guess where the server does not say, or was not heard
  double seconds = 0;

  bool ok() const { return fault == ChatFault::none; }
};

class Chat {
 public:
  virtual ~Chat() = default;
  /// Never throws. Returns by the deadline, and within milliseconds once stop is requested; the key's callback alone, which
  /// nobody can interrupt, may take longer.
  virtual ChatReply ask(const ChatRequest& request, Deadline deadline, std::stop_token stop) = 0;
  /// What a question may cost at most, retries aside; 0 where nothing is counted.
  virtual std::int64_t most_tokens(const ChatRequest&) const { return 0; }
  /// For logs: "openai gpt-x at https://host/v1/chat/completions".
  virtual std::string describe() const = 0;
};

/// Whether this library was built with AK_WITH_LLM; if not, there are no providers and make_chat throws Error{unsupported}.
bool has_llm();
/// "openai, anthropic or mailbox:DIR": what can be asked, and whether `text` is one of these.
std::string providers();
bool is_provider(std::string_view text);
/// Whether it has a server of its own, which wants a key.
bool has_own_server(std::string_view provider);

/// Throws Error{invalid_argument} that names what is wrong with the endpoint.
std::unique_ptr<Chat> make_chat(const ChatEndpoint& endpoint);

/// Writes DIR/<digest>.prompt.txt, whole and self-contained, and awaits DIR/<digest>.reply.txt. The digest is of the prompt's
/// text, so a recorded reply answers the same prompt again. Write a reply under another name and rename it.
std::unique_ptr<Chat> make_mailbox_chat(const std::string& folder);

/// Every appearance of the secret, and of any six or more of its characters in a row, becomes "***".
std::string redact(std::string text, std::string_view secret);

}  // namespace ak
