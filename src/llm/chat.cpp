#include "llm/chat.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "ak/types.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "llm/http.hpp"
#include "llm/wire.hpp"

namespace ak {
namespace {

constexpr int kMostRetries = 2;
constexpr double kFirstBackoff = 0.5;  // seconds; doubles
constexpr std::size_t kMostShown = 60, kLongestKey = 8192;
constexpr std::size_t kShortestSecret = 6;  // what is shorter guards nothing
constexpr std::string_view kFaultNames[] = {"none",  "setup",     "transport", "timeout",   "cancelled", "http",
                                            "quota", "truncated", "refused",   "malformed", "too large"};

// The fields that an endpoint and model refused, learned from their 400s and 422s and kept for the process.
using Refused = std::set<std::string, std::less<>>;

struct Learned {
  std::mutex mutex;
  std::map<std::string, Refused> refused;
};
Learned& learned() {
  static Learned* all = new Learned;  // never destroyed: a thread may still ask while the process ends
  return *all;
}

// A guess, a little high: prompts and answers are mostly names and numbers.
std::int64_t tokens_of(std::size_t bytes) { return static_cast<std::int64_t>((bytes + 2) / 3); }

bool out_of_credit(const WireError& error) {
  for (const char* code : {"insufficient_quota", "credit_balance_exhausted", "enforced_spend_limit_reached",
                           "billing_hard_limit_reached", "billing_error", "quota_exceeded"})
    if (error.code == code || error.type == code) return true;
  return error.message.find("credit balance is too low") != std::string::npos;
}

// "stream" is in "body.stream" and not in "upstream".
bool mentions(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    const char before = at ? text[at - 1] : ' ';
    if (before != '_' && !(before >= 'a' && before <= 'z') && !(before >= 'A' && before <= 'Z')) return true;
  }
  return false;
}

// The base URL of an endpoint, or the call's own; its query stays at the end.
std::string url_of_call(const Wire& wire, std::string base) {
  if (base.empty()) base = wire.base_url;
  check_url(base);
  const auto tail = std::min(base.find_first_of("?#"), base.size());
  const std::string query = base.substr(tail);
  base.resize(tail);
  while (base.ends_with('/')) base.pop_back();
  if (base.find('/', base.find("://") + 3) == base.npos) base += "/v1";
  if (!base.ends_with(wire.call)) base += wire.call;
  check_url(base + query);
  return base + query;
}

// Each appearance of the key is ***, in one pass: the key may itself be made of asterisks.
std::string without(std::string_view text, std::string_view key) {
  std::string out;
  for (std::size_t at; (at = text.find(key)) != text.npos; text.remove_prefix(at + key.size()))
    out.append(text.substr(0, at)).append("***");
  return out.append(text);
}

class HttpChat : public Chat {
 public:
  HttpChat(ChatEndpoint endpoint, const Wire& wire) : endpoint_(std::move(endpoint)), wire_(wire) {
    if (endpoint_.model.empty()) throw Error(ErrorCode::invalid_argument, "LLM model: none given (llm_model, AK_LLM_MODEL)");
    url_ = url_of_call(wire_, endpoint_.url);
  }

  std::string describe() const override {
    return fmt::format("{} {} at {}", endpoint_.provider, endpoint_.model, shown_url(url_));
  }

  std::int64_t most_tokens(const ChatRequest& request) const override {
    return tokens_of(request.system.size() + request.user.size() + request.schema.size()) + endpoint_.max_tokens;
  }

  ChatReply ask(const ChatRequest& request, Deadline deadline, std::stop_token stop) override {
    const auto start = Clock::now();
    ChatReply reply;
    std::string key;
    const auto setup_fault = [&](std::string why) { reply.fault = ChatFault::setup, reply.why = std::move(why); };
    try {
      if (endpoint_.key && !stop.stop_requested()) key = endpoint_.key();
      while (!key.empty() && static_cast<unsigned char>(key.back()) <= ' ') key.pop_back();
      if (key.size() > kLongestKey) {
        key.clear();  // whatever it is, it is not sent and not looked for in texts
        setup_fault(fmt::format("the key is longer than {} bytes", kLongestKey));
      } else if (std::any_of(key.begin(), key.end(), [](unsigned char c) { return c <= ' ' || c > 0x7e; })) {
        setup_fault("the key has characters that cannot stand in a header");
      } else {
        exchange(request, key, deadline, stop, reply);
      }
    } catch (const std::exception& error) {  // the key's callback, or memory
      setup_fault(one_line(error.what(), kMostQuoted));
    } catch (...) {  // a callback may throw anything
      setup_fault("the key's callback threw what is no std::exception");
    }
    reply.why = redact(reply.why, key);
    if (!reply.ok() && reply.fault != ChatFault::truncated) reply.text.clear();
    // A hostile server may say our own key back; what follows goes into logs and records. A local server's placeholder
    // ("x", "***") is no secret, and taking it out would break the answer.
    if (key.size() >= kShortestSecret) reply.text = without(reply.text, key);
    reply.seconds = seconds_since(start);
    return reply;
  }

 private:
  nlohmann::json body(const ChatRequest& request, const Refused& refused) const {
    nlohmann::json out = wire_.body(request, endpoint_.model, endpoint_.max_tokens);
    for (const Wire::Optional& optional : wire_.optional) {
      const auto at = out.find(optional.field);
      if (at == out.end() || !refused.contains(optional.field)) continue;
      const nlohmann::json value = *at;
      out.erase(at);
      if (!optional.instead.empty()) out[std::string(optional.instead)] = value;
    }
    return out;
  }

  std::vector<std::string> headers(const std::string& key) const {
    std::vector<std::string> list = {"Content-Type: application/json", "Accept: application/json", "Expect:"};
    for (std::string& header : wire_.headers(key)) list.push_back(std::move(header));
    return list;
  }

  // Whether a refusal complains of a field that was sent and can be left out; if so it is refused from now on.
  bool adapt(const WireError& error, const nlohmann::json& sent, Refused& refused) const {
    const std::string& said = error.parameter.empty() ? error.message : error.parameter;
    for (const Wire::Optional& optional : wire_.optional)
      if (sent.contains(optional.field) && std::any_of(optional.words.begin(), optional.words.end(),
                                                       [&](std::string_view word) { return mentions(said, word); }))
        return refused.emplace(optional.field).second;
    return false;
  }

  void exchange(const ChatRequest& request, const std::string& key, Deadline deadline, std::stop_token stop,
                ChatReply& reply) const {
    const auto cancelled = [&] { reply.fault = ChatFault::cancelled, reply.why = "cancelled"; };
    const std::string identity = url_ + ' ' + endpoint_.model;
    Refused refused;
    {
      std::lock_guard lock(learned().mutex);
      refused = learned().refused[identity];
    }
    for (int retries = 0;;) {
      if (stop.stop_requested()) return cancelled();
      ++reply.attempts;
      const nlohmann::json json = body(request, refused);
      const std::string text = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
      const HttpReply http =
          http_post(url_, headers(key), text, endpoint_.connect_s, deadline.sooner(endpoint_.request_s), stop);
      reply.status = http.status;
      const bool again = judge(http, deadline, text.size(), reply);
      if (reply.ok()) return;
      // Servers report one refused field at a time.
      if ((http.status == 400 || http.status == 422) && adapt(read_wire_error(http.body), json, refused)) {
        log(LogLevel::info, "llm: {}: {}; asking again without it", describe(), redact(reply.why, key));
        std::lock_guard lock(learned().mutex);
        learned().refused[identity] = refused;
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
    }
  }

  // Fills fault and why, or text, and adds the tokens; true when the same request may be sent again.
  bool judge(const HttpReply& http, Deadline deadline, std::size_t sent, ChatReply& reply) const {
    const auto fail = [&](ChatFault fault, std::string why) {
      reply.fault = fault;
      reply.why = std::move(why);
      return false;
    };
    const auto unheard = [&] {  // the model may have answered to the end, and that is paid for
      reply.input_tokens += tokens_of(sent), reply.output_tokens += endpoint_.max_tokens;
    };
    switch (http.fault) {
      case HttpReply::Fault::none:
        break;
      case HttpReply::Fault::cancelled:
        unheard();
        return fail(ChatFault::cancelled, http.why);
      case HttpReply::Fault::too_large:
        unheard();
        return fail(ChatFault::too_large, http.why);
      case HttpReply::Fault::refused:
        return fail(ChatFault::setup, http.why);
      case HttpReply::Fault::timeout:
        unheard();
        fail(ChatFault::timeout, http.why);
        return !deadline.passed();
      case HttpReply::Fault::connection:
        if (http.status == 200) unheard();  // cut off in the middle
        fail(ChatFault::transport, http.why);
        return true;
    }
    if (http.status == 200) {
      read(http.body, sent, reply);
      return false;
    }
    if (http.status >= 300 && http.status < 400)
      return fail(ChatFault::http, fmt::format("HTTP {}: redirects are not followed", http.status));
    const WireError error = read_wire_error(http.body);
    const std::string kind = error.code.empty() ? error.type : error.code;
    std::string why = fmt::format("HTTP {}{}{}{}{}", http.status, kind.empty() ? "" : " ", one_line(kind, kMostQuoted),
                                  error.message.empty() ? "" : ": ", error.message);
    if (out_of_credit(error)) return fail(ChatFault::quota, std::move(why));
    fail(ChatFault::http, std::move(why));
    return http.status == 408 || http.status == 409 || http.status == 429 || http.status >= 500;
  }

  void read(std::string json, std::size_t sent, ChatReply& reply) const {
    if (json.starts_with("\xef\xbb\xbf")) json.erase(0, 3);
    reply.fault = ChatFault::malformed;
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    if (const auto error = parser.parse(json).get(root)) {
      reply.why = fmt::format("the reply is not JSON but '{}': {}", one_line(json, kMostShown), simdjson::error_message(error));
      return;
    }
    WireAnswer answer = wire_.read(root);
    reply.input_tokens += answer.input_tokens.value_or(tokens_of(sent));
    reply.output_tokens += answer.output_tokens.value_or(tokens_of(answer.text.size()));
    reply.text = std::move(answer.text);
    const std::string reason = one_line(answer.reason, kMostQuoted);
    // Why it stopped, before what it said: a truncated answer often has no content at all.
    switch (answer.stop) {
      case WireAnswer::Stop::cut:
        reply.fault = ChatFault::truncated;
        reply.why = fmt::format("the answer was cut off ({}) after {} tokens; limit {}", reason, reply.output_tokens,
                                endpoint_.max_tokens);
        return;
      case WireAnswer::Stop::declined:
        reply.fault = ChatFault::refused;
        reply.why = fmt::format("the model declined ({})", reason.empty() ? "refusal" : reason);
        return;
      case WireAnswer::Stop::ended:
        break;
    }
    if (!reply.text.empty()) {
      reply.fault = ChatFault::none;
      reply.why.clear();
    } else {
      const WireError error = read_wire_error(json);
      reply.why = error.message.empty() ? "the reply holds no text" : "the reply holds no text: " + error.message;
    }
  }

  const ChatEndpoint endpoint_;
  const Wire& wire_;
  std::string url_;
};

constexpr std::string_view kMailbox = "mailbox:";

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
    at += 2;  // what was put in is not looked at again
  }
  return text;
}

bool has_llm() { return true; }

std::string providers() {
  std::string list;
  for (const Wire* wire : wires()) list += fmt::format("{}{}", list.empty() ? "" : ", ", wire->provider);
  return list + " or mailbox:DIR";
}

bool is_provider(std::string_view text) {
  return find_wire(text) || (text.starts_with(kMailbox) && text.size() > kMailbox.size());
}

bool has_own_server(std::string_view provider) { return find_wire(provider) != nullptr; }

std::unique_ptr<Chat> make_chat(const ChatEndpoint& endpoint) {
  if (endpoint.provider.starts_with(kMailbox)) return make_mailbox_chat(endpoint.provider.substr(kMailbox.size()));
  if (const Wire* wire = find_wire(endpoint.provider)) return std::make_unique<HttpChat>(endpoint, *wire);
  throw Error(ErrorCode::invalid_argument,
              fmt::format("LLM provider '{}': expected {}", one_line(endpoint.provider, kMostQuoted), providers()));
}

}  // namespace ak
