#include "llm/chat.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>

#include "ak/types.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "llm/http.hpp"

namespace ak {
namespace {

namespace dom = simdjson::dom;

constexpr int kMostRetries = 2;
constexpr double kFirstBackoff = 0.5;  // seconds; doubles
constexpr std::size_t kMostQuoted = 300;
constexpr std::string_view kFaultNames[] = {"none",  "setup",     "transport", "timeout",   "cancelled", "http",
                                            "quota", "truncated", "refused",   "malformed", "too large"};

// What an endpoint and model accept, learned from their 400s and kept for the process.
struct Capabilities {
  enum class Limit : std::uint8_t { max_tokens, max_completion_tokens, none };
  Limit limit = Limit::max_tokens;
  bool temperature = true, schema = true;
};

struct Learned {
  std::mutex mutex;
  std::map<std::string, Capabilities> known;
};
Learned& learned() {
  static Learned* all = new Learned;  // never destroyed: a thread may still ask while the process ends
  return *all;
}

std::string_view text_or(simdjson::simdjson_result<dom::element> field, std::string_view fallback = {}) {
  std::string_view text;
  return field.get(text) == simdjson::SUCCESS ? text : fallback;
}

std::int64_t number_or_zero(simdjson::simdjson_result<dom::element> field) {
  std::int64_t number = 0;
  return field.get(number) == simdjson::SUCCESS && number > 0 ? number : 0;
}

struct ApiError {
  std::string code, type, parameter, message;
};

// {"error": {...}} of OpenAI and Anthropic, {"error": "text"} of Ollama, {"message": ...} or {"detail": ...} of gateways.
ApiError read_error(const std::string& body) {
  dom::parser parser;
  dom::element root, error;
  ApiError out;
  if (parser.parse(body).get(root) != simdjson::SUCCESS) return {{}, {}, {}, one_line(body, kMostQuoted)};
  if (root["error"].get(error) != simdjson::SUCCESS) error = root;
  out.code = text_or(error["code"]);
  out.type = text_or(error["type"]);
  out.parameter = text_or(error["param"]);
  std::string_view message = text_or(root["error"]);
  for (const char* field : {"message", "detail"})
    if (message.empty()) message = text_or(error[field]);
  out.message = one_line(message, kMostQuoted);
  return out;
}

bool out_of_credit(const ApiError& error) {
  for (const char* code : {"insufficient_quota", "credit_balance_exhausted", "enforced_spend_limit_reached",
                           "billing_hard_limit_reached", "billing_error", "quota_exceeded"})
    if (error.code == code || error.type == code) return true;
  return error.message.find("credit balance is too low") != std::string::npos;
}

class HttpChat : public Chat {
 public:
  explicit HttpChat(ChatEndpoint endpoint) : endpoint_(std::move(endpoint)), anthropic_(endpoint_.provider == "anthropic") {
    if (endpoint_.model.empty()) throw Error(ErrorCode::invalid_argument, "LLM model: none given");
    std::string base = endpoint_.url;
    if (base.empty()) base = anthropic_ ? "https://api.anthropic.com/v1" : "https://api.openai.com/v1";
    check_url(base);
    while (base.ends_with('/')) base.pop_back();
    if (base.find('/', base.find("://") + 3) == base.npos) base += "/v1";
    const std::string_view call = anthropic_ ? "/messages" : "/chat/completions";
    url_ = base.ends_with(call) ? base : base.append(call);
    check_url(url_);
  }

  std::string describe() const override {
    return fmt::format("{} {} at {}", endpoint_.provider, endpoint_.model, shown_url(url_));
  }

  ChatReply ask(const ChatRequest& request, Deadline deadline, std::stop_token stop) override {
    const auto start = Clock::now();
    ChatReply reply;
    std::string key;
    try {
      if (endpoint_.key) key = endpoint_.key();
      while (!key.empty() && static_cast<unsigned char>(key.back()) <= ' ') key.pop_back();
      if (std::any_of(key.begin(), key.end(), [](unsigned char c) { return c <= ' ' || c > 0x7e; })) {
        reply.fault = ChatFault::setup;
        reply.why = "the key has characters that cannot stand in a header";
      } else {
        exchange(request, key, deadline, stop, reply);
      }
    } catch (const std::exception& error) {  // the key's callback, or memory
      reply.fault = ChatFault::setup;
      reply.why = one_line(error.what(), kMostQuoted);
    }
    reply.why = redact(reply.why, key);
    if (!reply.ok()) reply.text.clear();
    // A hostile server may say our own key back; what follows goes into logs and records.
    for (std::size_t at; !key.empty() && (at = reply.text.find(key)) != reply.text.npos;)
      reply.text.replace(at, key.size(), "***");
    reply.seconds = seconds_since(start);
    return reply;
  }

 private:
  std::string body(const ChatRequest& request, const Capabilities& can) const {
    using Json = nlohmann::json;
    Json out = {{"model", endpoint_.model}, {"stream", false}};
    if (can.temperature) out["temperature"] = 0.3;
    const Json user = {{"role", "user"}, {"content", request.user}};
    if (anthropic_) {
      out["system"] = request.system;
      out["messages"] = Json::array({user});
      out["max_tokens"] = endpoint_.max_tokens;
      if (can.schema && !request.schema.empty())
        out["output_config"]["format"] = {{"type", "json_schema"}, {"schema", Json::parse(request.schema)}};
    } else {
      out["messages"] = Json::array({{{"role", "system"}, {"content", request.system}}, user});
      if (can.limit == Capabilities::Limit::max_tokens) out["max_tokens"] = endpoint_.max_tokens;
      if (can.limit == Capabilities::Limit::max_completion_tokens) out["max_completion_tokens"] = endpoint_.max_tokens;
      if (can.schema && !request.schema.empty())
        out["response_format"] = {
            {"type", "json_schema"},
            {"json_schema", {{"name", "proposals"}, {"strict", true}, {"schema", Json::parse(request.schema)}}}};
    }
    return out.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  std::vector<std::string> headers(const std::string& key) const {
    std::vector<std::string> list = {"Content-Type: application/json", "Accept: application/json", "Expect:"};
    if (anthropic_) list.push_back("anthropic-version: 2023-06-01");
    if (!key.empty()) list.push_back((anthropic_ ? "x-api-key: " : "Authorization: Bearer ") + key);
    return list;
  }

  // Whether a 400 complains of a parameter that can be left out; forgets that parameter.
  bool adapt(const ApiError& error, bool has_schema, Capabilities& can) const {
    const std::string& said = error.parameter.empty() ? error.message : error.parameter;
    const auto mentions = [&](std::initializer_list<const char*> words) {
      return std::any_of(words.begin(), words.end(), [&](const char* word) { return said.find(word) != std::string::npos; });
    };
    using Limit = Capabilities::Limit;
    if (can.temperature && mentions({"temperature"})) return can.temperature = false, true;
    if (can.schema && has_schema &&
        mentions({"response_format", "output_config", "output_format", "json_schema", "schema", "structured output", "grammar",
                  "guided"}))
      return can.schema = false, true;
    if (!anthropic_ && can.limit != Limit::none && mentions({"max_tokens", "max_completion_tokens"}))
      return can.limit = can.limit == Limit::max_tokens ? Limit::max_completion_tokens : Limit::none, true;
    return false;
  }

  void exchange(const ChatRequest& request, const std::string& key, Deadline deadline, std::stop_token stop,
                ChatReply& reply) const {
    const std::string identity = url_ + ' ' + endpoint_.model;
    Capabilities can;
    {
      std::lock_guard lock(learned().mutex);
      can = learned().known[identity];
    }
    for (int retries = 0, adapted = 0;;) {
      ++reply.attempts;
      const HttpReply http =
          http_post(url_, headers(key), body(request, can), endpoint_.connect_s, deadline.sooner(endpoint_.request_s), stop);
      reply.status = http.status;
      const bool again = judge(http, deadline, reply);
      if (reply.ok()) return;
      // OpenAI-style servers report one refused parameter at a time; there are four to lose.
      if (http.status == 400 && adapted < 4 && adapt(read_error(http.body), !request.schema.empty(), can)) {
        ++adapted;
        log(LogLevel::info, "llm: {}: {}; asking again without it", describe(), redact(reply.why, key));
        std::lock_guard lock(learned().mutex);
        learned().known[identity] = can;
        continue;
      }
      if (!again || retries == kMostRetries) return;
      thread_local std::mt19937_64 random{std::random_device{}()};
      const double wait = http.retry_after_s + std::uniform_real_distribution<>(0, kFirstBackoff * (1 << retries))(random);
      if (wait >= deadline.remaining()) {
        reply.why += fmt::format("; no time for another try (wait {:.1f} s)", wait);
        return;
      }
      ++retries;
      log(LogLevel::info, "llm: {}: {}; asking again in {:.1f} s", describe(), redact(reply.why, key), wait);
      std::mutex mutex;
      std::unique_lock lock(mutex);
      std::condition_variable_any().wait_for(lock, stop, std::chrono::duration<double>(wait), [] { return false; });
      if (stop.stop_requested()) {
        reply.fault = ChatFault::cancelled;
        reply.why = "cancelled";
        return;
      }
    }
  }

  // Fills fault and why, or text and tokens; true when the same request may be sent again.
  bool judge(const HttpReply& http, Deadline deadline, ChatReply& reply) const {
    const auto fail = [&](ChatFault fault, std::string why) {
      reply.fault = fault;
      reply.why = std::move(why);
      return false;
    };
    switch (http.fault) {
      case HttpReply::Fault::none:
        break;
      case HttpReply::Fault::cancelled:
        return fail(ChatFault::cancelled, http.why);
      case HttpReply::Fault::too_large:
        return fail(ChatFault::too_large, http.why);
      case HttpReply::Fault::refused:
        return fail(ChatFault::setup, http.why);
      case HttpReply::Fault::timeout:
        fail(ChatFault::timeout, http.why);
        return !deadline.passed();
      case HttpReply::Fault::connection:
        fail(ChatFault::transport, http.why);
        return true;
    }
    if (http.status == 200) {
      read(http.body, reply);
      return false;
    }
    if (http.status >= 300 && http.status < 400)
      return fail(ChatFault::http, fmt::format("HTTP {}: redirects are not followed", http.status));
    const ApiError error = read_error(http.body);
    const std::string kind = error.code.empty() ? error.type : error.code;
    std::string why = fmt::format("HTTP {}{}{}{}{}", http.status, kind.empty() ? "" : " ", one_line(kind, kMostQuoted),
                                  error.message.empty() ? "" : ": ", error.message);
    if (out_of_credit(error)) return fail(ChatFault::quota, std::move(why));
    fail(ChatFault::http, std::move(why));
    return http.status == 408 || http.status == 409 || http.status == 429 || http.status >= 500;
  }

  void read(const std::string& json, ChatReply& reply) const {
    reply.fault = ChatFault::malformed;
    dom::parser parser;
    dom::element root;
    if (const auto error = parser.parse(json).get(root)) {
      reply.why = fmt::format("the reply is not JSON: {}", simdjson::error_message(error));
      return;
    }
    const std::string_view in = anthropic_ ? "input_tokens" : "prompt_tokens",
                           out = anthropic_ ? "output_tokens" : "completion_tokens";
    reply.input_tokens += number_or_zero(root["usage"][in]);
    reply.output_tokens += number_or_zero(root["usage"][out]);
    // Why it stopped, before what it said: a truncated answer often has no content at all.
    const auto stopped = anthropic_ ? root["stop_reason"] : root["choices"].at(0)["finish_reason"];
    const std::string_view reason = text_or(stopped);
    if (reason == "length" || reason == "max_tokens" || reason == "model_context_window_exceeded") {
      reply.fault = ChatFault::truncated;
      reply.why = fmt::format("the answer was cut off ({}) after {} tokens; limit {}", reason, reply.output_tokens,
                              endpoint_.max_tokens);
      return;
    }
    if (reason == "content_filter" || reason == "refusal" || !text_or(root["choices"].at(0)["message"]["refusal"]).empty()) {
      reply.fault = ChatFault::refused;
      reply.why = fmt::format("the model declined ({})", reason.empty() ? "refusal" : one_line(reason, kMostQuoted));
      return;
    }
    const auto content = anthropic_ ? root["content"] : root["choices"].at(0)["message"]["content"];
    dom::array parts;
    if (content.get(parts) == simdjson::SUCCESS) {
      for (const dom::element part : parts)
        if (text_or(part["type"]) == "text") reply.text += text_or(part["text"]);
    } else {
      reply.text = text_or(content);
    }
    if (!reply.text.empty()) {
      reply.fault = ChatFault::none;
      reply.why.clear();
    } else {
      const ApiError error = read_error(json);
      reply.why = error.message.empty() ? "the reply holds no text" : "the reply holds no text: " + error.message;
    }
  }

  ChatEndpoint endpoint_;
  const bool anthropic_;
  std::string url_;
};

}  // namespace

std::string_view name(ChatFault fault) { return kFaultNames[static_cast<int>(fault)]; }

std::string redact(std::string text, std::string_view secret) {
  if (secret.empty()) return text;
  const std::size_t least = std::min<std::size_t>(6, secret.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::size_t longest = 0;
    for (std::size_t from = 0; from < secret.size(); ++from) {
      std::size_t length = 0;
      while (at + length < text.size() && from + length < secret.size() && text[at + length] == secret[from + length]) ++length;
      longest = std::max(longest, length);
    }
    if (longest < least) continue;
    text.replace(at, longest, "***");
    at += 2;
  }
  return text;
}

std::unique_ptr<Chat> make_chat(const ChatEndpoint& endpoint) {
  constexpr std::string_view kMailbox = "mailbox:";
  if (endpoint.provider.starts_with(kMailbox)) return make_mailbox_chat(endpoint.provider.substr(kMailbox.size()));
  if (endpoint.provider == "openai" || endpoint.provider == "anthropic") return std::make_unique<HttpChat>(endpoint);
  throw Error(ErrorCode::invalid_argument, fmt::format("LLM provider '{}': expected openai, anthropic or mailbox:DIR",
                                                       one_line(endpoint.provider, kMostQuoted)));
}

}  // namespace ak
