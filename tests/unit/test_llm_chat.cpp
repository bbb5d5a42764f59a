#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "ak/types.hpp"
#include "base/environment.hpp"
#include "base/hash.hpp"
#include "llm/chat.hpp"
#include "llm/http.hpp"
#include "llm_server.hpp"

using namespace ak;
using namespace ak::testing;
using nlohmann::json;

namespace {

constexpr const char* kSecret = "sk-Zq7Jx0Ww3mT9vK2pLd5R";
const ChatRequest kQuestion = {"be brief", "which tile?", R"({"type":"object"})"};

ChatEndpoint endpoint(const LlmServer& server, const std::string& provider = "openai") {
  static std::atomic<int> fresh{0};  // what was learned of one model must not leak into the next test
  return {provider, server.url(), "model-" + std::to_string(fresh++), [] { return std::string(kSecret); }, 500, 2, 20};
}

ChatReply ask(const ChatEndpoint& endpoint, double seconds = 20) {
  return make_chat(endpoint)->ask(kQuestion, Deadline::in(seconds), std::stop_token());
}

std::string temporary_folder() {
  std::string path = (std::filesystem::temp_directory_path() / "ak-mailbox-XXXXXX").string();
  REQUIRE(mkdtemp(path.data()));
  return path;
}

}  // namespace

TEST_CASE("chat: the OpenAI request has the shape the API wants, and its answer is read") {
  LlmServer server([](const auto&, auto& response, int) { answer(response, openai_says("use 128")); });
  const ChatEndpoint to = endpoint(server);
  const ChatReply reply = ask(to);
  CHECK(reply.ok());
  CHECK(reply.text == "use 128");
  CHECK(reply.input_tokens == 1200);
  CHECK(reply.output_tokens == 340);
  CHECK(reply.attempts == 1);
  REQUIRE(server.calls() == 1);
  const auto request = server.requests()[0];
  CHECK(request.path == "/v1/chat/completions");
  CHECK(request.get_header_value("Authorization") == std::string("Bearer ") + kSecret);
  CHECK(request.get_header_value("Content-Type") == "application/json");
  CHECK(!request.has_header("x-api-key"));
  CHECK(json::parse(request.body) ==
        json{{"model", to.model},
             {"stream", false},
             {"temperature", 0.3},
             {"max_tokens", 500},
             {"messages", {{{"role", "system"}, {"content", "be brief"}}, {{"role", "user"}, {"content", "which tile?"}}}},
             {"response_format",
              {{"type", "json_schema"},
               {"json_schema", {{"name", "proposals"}, {"strict", true}, {"schema", {{"type", "object"}}}}}}}});
}

TEST_CASE("chat: the Anthropic request has the shape the API wants, and only its text blocks are read") {
  LlmServer server([](const auto&, auto& response, int) {
    answer(response, {{"content",
                       {{{"type", "thinking"}, {"thinking", "hm"}},
                        {{"type", "text"}, {"text", "use "}},
                        {{"type", "text"}, {"text", "256"}}}},
                      {"stop_reason", "end_turn"},
                      {"usage", {{"input_tokens", 7}, {"output_tokens", 9}}}});
  });
  const ChatEndpoint to = endpoint(server, "anthropic");
  const ChatReply reply = ask(to);
  CHECK(reply.ok());
  CHECK(reply.text == "use 256");
  CHECK(reply.input_tokens == 7);
  CHECK(reply.output_tokens == 9);
  REQUIRE(server.calls() == 1);
  const auto request = server.requests()[0];
  CHECK(request.path == "/v1/messages");
  CHECK(request.get_header_value("x-api-key") == kSecret);
  CHECK(request.get_header_value("anthropic-version") == "2023-06-01");
  CHECK(!request.has_header("Authorization"));
  CHECK(json::parse(request.body) ==
        json{{"model", to.model},
             {"stream", false},
             {"temperature", 0.3},
             {"max_tokens", 500},
             {"system", "be brief"},
             {"messages", {{{"role", "user"}, {"content", "which tile?"}}}},
             {"output_config", {{"format", {{"type", "json_schema"}, {"schema", {{"type", "object"}}}}}}}});
}

TEST_CASE("chat: a base URL is completed once, whatever its end") {
  LlmServer server([](const auto&, auto& response, int) { answer(response, openai_says("x")); });
  for (const auto& [base, path] : {std::pair{"", "/v1/chat/completions"},
                                   {"/", "/v1/chat/completions"},
                                   {"/v1/", "/v1/chat/completions"},
                                   {"/api/v3", "/api/v3/chat/completions"},
                                   {"/x/chat/completions", "/x/chat/completions"}}) {
    ChatEndpoint to = endpoint(server);
    to.url = server.url(base);
    CHECK(ask(to).ok());
    CHECK(server.requests().back().path == path);
  }
}

TEST_CASE("chat: no key, no Authorization header") {
  LlmServer server([](const auto&, auto& response, int) { answer(response, openai_says("x")); });
  ChatEndpoint to = endpoint(server);
  to.key = {};
  CHECK(ask(to).ok());
  CHECK(!server.requests()[0].has_header("Authorization"));
}

TEST_CASE("chat: 429 waits at least Retry-After, then succeeds") {
  LlmServer server([](const auto&, auto& response, int call) {
    if (call) return answer(response, openai_says("second"));
    response.set_header("Retry-After", "1");
    answer(response, {{"error", {{"message", "slow down"}, {"type", "rate_limit"}}}}, 429);
  });
  const ChatReply reply = ask(endpoint(server));
  CHECK(reply.ok());
  CHECK(reply.text == "second");
  CHECK(reply.attempts == 2);
  CHECK(reply.seconds >= 1.0);
  CHECK(reply.seconds < 4.0);
}

TEST_CASE("chat: a Retry-After beyond the deadline ends the matter at once") {
  LlmServer server([](const auto&, auto& response, int) {
    response.set_header("Retry-After", "60");
    answer(response, json::object(), 429);
  });
  const ChatReply reply = ask(endpoint(server), 5);
  CHECK(reply.fault == ChatFault::http);
  CHECK(reply.why.find("no time for another try") != std::string::npos);
  CHECK(reply.seconds < 2);
  CHECK(server.calls() == 1);
}

TEST_CASE("chat: 5xx and 529 are tried again, twice at most") {
  LlmServer recovers([](const auto&, auto& response, int call) {
    if (call < 2) return answer(response, {{"error", {{"message", "overloaded"}}}}, call ? 529 : 503);
    answer(response, openai_says("third"));
  });
  const ChatReply good = ask(endpoint(recovers));
  CHECK(good.ok());
  CHECK(good.attempts == 3);

  LlmServer broken([](const auto&, auto& response, int) { answer(response, {{"error", {{"message", "out of order"}}}}, 500); });
  const ChatReply bad = ask(endpoint(broken));
  CHECK(bad.fault == ChatFault::http);
  CHECK(bad.status == 500);
  CHECK(bad.why.find("out of order") != std::string::npos);
  CHECK(broken.calls() == 3);
}

TEST_CASE("chat: 400, 401, 403, 404, 413 and quota codes are never tried again") {
  for (const int status : {400, 401, 403, 404, 413}) {
    LlmServer server([&](const auto&, auto& response, int) {
      answer(response, {{"error", {{"message", "no"}, {"code", "denied"}}}}, status);
    });
    const ChatReply reply = ask(endpoint(server));
    CAPTURE(status);
    CHECK(reply.fault == ChatFault::http);
    CHECK(reply.status == status);
    CHECK(reply.why.find("denied") != std::string::npos);
    CHECK(server.calls() == 1);
  }
  for (const auto* code : {"insufficient_quota", "credit_balance_exhausted", "enforced_spend_limit_reached"}) {
    LlmServer server([&](const auto&, auto& response, int) {
      answer(response, {{"error", {{"message", "pay"}, {"code", code}}}}, 429);
    });
    const ChatReply reply = ask(endpoint(server));
    CHECK(reply.fault == ChatFault::quota);
    CHECK(server.calls() == 1);
  }
}

TEST_CASE("chat: a refused parameter is left out, one at a time, and stays out for that model") {
  LlmServer server([](const auto& request, auto& response, int) {
    const json body = json::parse(request.body);
    const auto refuse = [&](const char* parameter) {
      answer(response,
             {{"error", {{"message", std::string("Unsupported parameter: '") + parameter + "'"}, {"param", parameter}}}}, 400);
    };
    if (body.contains("max_tokens")) return refuse("max_tokens");
    if (body.contains("temperature")) return refuse("temperature");
    if (body.contains("response_format")) return refuse("response_format");
    answer(response, openai_says(body.contains("max_completion_tokens") ? "good" : "no limit"));
  });
  const ChatEndpoint to = endpoint(server);
  const ChatReply reply = ask(to);
  CHECK(reply.ok());
  CHECK(reply.text == "good");
  CHECK(server.calls() == 4);
  CHECK(ask(to).ok());
  CHECK(server.calls() == 5);  // learned
}

TEST_CASE("chat: Anthropic's refusals name the parameter in the message only") {
  LlmServer server([](const auto& request, auto& response, int) {
    const json body = json::parse(request.body);
    CHECK(body.contains("max_tokens"));  // mandatory there
    if (body.contains("temperature"))
      return answer(
          response,
          {{"type", "error"}, {"error", {{"type", "invalid_request_error"}, {"message", "`temperature` may not be set"}}}},
          400);
    if (body.contains("output_config"))
      return answer(
          response,
          {{"type", "error"},
           {"error", {{"type", "invalid_request_error"}, {"message", "output_config: Extra inputs are not permitted"}}}},
          400);
    answer(response, {{"content", {{{"type", "text"}, {"text", "ok"}}}}, {"stop_reason", "end_turn"}});
  });
  CHECK(ask(endpoint(server, "anthropic")).text == "ok");
  CHECK(server.calls() == 3);
}

TEST_CASE("chat: a stubborn 400 about a parameter does not loop") {
  LlmServer server([](const auto&, auto& response, int) {
    answer(response, {{"error", {{"message", "max_tokens temperature schema: all wrong"}}}}, 400);
  });
  const ChatReply reply = ask(endpoint(server));
  CHECK(reply.fault == ChatFault::http);
  CHECK(server.calls() == 5);  // the first, and one for each of the four things to leave out
}

TEST_CASE("chat: why the model stopped is looked at before what it said") {
  const auto outcome = [](const json& body, const std::string& provider = "openai") {
    LlmServer server([&](const auto&, auto& response, int) { answer(response, body); });
    return ask(endpoint(server, provider)).fault;
  };
  const auto choice = [](json message, json finish) {
    return json{{"choices", {{{"message", message}, {"finish_reason", finish}}}}};
  };
  CHECK(outcome(choice({{"content", nullptr}}, "length")) == ChatFault::truncated);
  CHECK(outcome(choice({{"content", "{\"proposals\": [{"}}, "length")) == ChatFault::truncated);
  CHECK(outcome(choice({{"content", nullptr}}, "content_filter")) == ChatFault::refused);
  CHECK(outcome(choice({{"content", nullptr}, {"refusal", "I will not"}}, "stop")) == ChatFault::refused);
  CHECK(outcome(choice({{"content", nullptr}}, "stop")) == ChatFault::malformed);
  CHECK(outcome(choice({{"content", 7}}, "stop")) == ChatFault::malformed);
  CHECK(outcome(choice({{"content", "fine"}}, nullptr)) == ChatFault::none);
  CHECK(outcome({{"content", json::array()}, {"stop_reason", "max_tokens"}}, "anthropic") == ChatFault::truncated);
  CHECK(outcome({{"content", json::array()}, {"stop_reason", "refusal"}}, "anthropic") == ChatFault::refused);
  CHECK(outcome({{"error", {{"message", "upstream died"}}}}) == ChatFault::malformed);
}

TEST_CASE("chat: a 422 in FastAPI's words, or nested deeper, is adapted to like a 400, or told with its reason") {
  const auto refusal = [](const std::string& field) {
    return json{
        {"detail", {{{"type", "extra_forbidden"}, {"loc", {"body", field}}, {"msg", "Extra inputs are not permitted"}}}}};
  };
  LlmServer server([&](const auto& request, auto& response, int call) {
    const json body = json::parse(request.body);
    for (const char* field : {"response_format", "temperature", "stream", "max_tokens", "max_completion_tokens"}) {
      if (!body.contains(field)) continue;
      const json flat = refusal(field);
      return answer(response, call % 2 ? flat : json{{"object", "error"}, {"message", flat}}, 422);
    }
    answer(response, openai_says("good"));
  });
  const ChatEndpoint to = endpoint(server);
  CHECK(ask(to).text == "good");
  CHECK(server.calls() == 6);
  CHECK(ask(to).ok());
  CHECK(server.calls() == 7);  // learned

  LlmServer stubborn([&](const auto&, auto& response, int) { answer(response, refusal("messages"), 422); });
  const ChatReply told = ask(endpoint(stubborn));
  CHECK(told.fault == ChatFault::http);
  CHECK(told.why == "HTTP 422 extra_forbidden: body.messages: Extra inputs are not permitted");
  CHECK(stubborn.calls() == 1);
}

TEST_CASE("chat: the endpoint's query stays at the end of the URL") {
  LlmServer server([](const auto&, auto& response, int) { answer(response, openai_says("x")); });
  for (const auto& [base, target] :
       {std::pair{"?api-version=2024-10-21", "/v1/chat/completions?api-version=2024-10-21"},
        {"/openai/deployments/d/?api-version=1", "/openai/deployments/d/chat/completions?api-version=1"},
        {"/x/chat/completions?a=/b/&c=d", "/x/chat/completions?a=/b/&c=d"}}) {
    ChatEndpoint to = endpoint(server);
    to.url = server.url(base);
    CHECK(ask(to).ok());
    CHECK(server.requests().back().target == target);
  }
}

TEST_CASE("chat: with null content the thoughts are read") {
  for (const char* field : {"reasoning_content", "reasoning"}) {
    LlmServer server([&](const auto&, auto& response, int) {
      json body = openai_says("");
      body["choices"][0]["message"] = {{"content", nullptr}, {field, "take 128"}};
      answer(response, body);
    });
    CHECK(ask(endpoint(server)).text == "take 128");
  }
}

TEST_CASE("chat: of an answer cut at the token limit, what it had said is kept") {
  LlmServer openai([](const auto&, auto& response, int) { answer(response, openai_says("{\"a\":1}, {\"b", "length")); });
  const ChatReply cut = ask(endpoint(openai));
  CHECK(cut.fault == ChatFault::truncated);
  CHECK(cut.text == "{\"a\":1}, {\"b");
  LlmServer anthropic([](const auto&, auto& response, int) {
    answer(response, {{"content", {{{"type", "text"}, {"text", "{\"a\":1}, {"}}}}, {"stop_reason", "max_tokens"}});
  });
  CHECK(ask(endpoint(anthropic, "anthropic")).text == "{\"a\":1}, {");
}

TEST_CASE("chat: a placeholder key, of asterisks even, neither hangs the call nor spoils the answer") {
  const std::string markdown = "**take** {\"family\":\"sm80\",\"tile_m\":128} ***";
  LlmServer server([&](const auto&, auto& response, int) { answer(response, openai_says(markdown)); });
  for (const std::string key : {"*", "**", "***", "x", "1", "sm80", "******"}) {
    ChatEndpoint to = endpoint(server);
    to.key = [key] { return key; };
    const ChatReply reply = ask(to);
    CHECK(reply.ok());
    CHECK(reply.text == markdown);
  }
  ChatEndpoint endless = endpoint(server);
  endless.key = [] { return std::string(1 << 20, 'k'); };
  CHECK(ask(endless).why == "the key is longer than 8192 bytes");
}

TEST_CASE("chat: tokens are counted by a guess where the server does not say, and not at all where it refused") {
  LlmServer silent([](const auto&, auto& response, int) {
    json body = openai_says(std::string(300, 'x'));
    body.erase("usage");
    answer(response, body);
  });
  const ChatReply guessed = ask(endpoint(silent));
  CHECK(guessed.input_tokens > 20);
  CHECK(guessed.output_tokens == 100);
  LlmServer refuses([](const auto&, auto& response, int) { answer(response, json::object(), 401); });
  CHECK(ask(endpoint(refuses)).input_tokens + ask(endpoint(refuses)).output_tokens == 0);
  LlmServer slow([](const auto&, auto& response, int) {
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    answer(response, openai_says("late"));
  });
  const ChatReply late = ask(endpoint(slow), 0.2);
  CHECK(late.fault == ChatFault::timeout);
  CHECK(late.output_tokens == 500);
}

TEST_CASE("chat: every provider of the list can be asked, and nothing else") {
  CHECK(providers() == "openai, anthropic or mailbox:DIR");
  for (const char* known : {"openai", "anthropic", "mailbox:/tmp"}) CHECK(is_provider(known));
  for (const char* unknown : {"", "mailbox", "mailbox:", "OpenAI", "openai "}) CHECK(!is_provider(unknown));
  CHECK(has_own_server("anthropic"));
  CHECK(!has_own_server("mailbox:/tmp"));
}

TEST_CASE("chat: hostile bodies are malformed, never a crash") {
  std::string deep(100000, '[');
  for (const std::string& body :
       {std::string("<html>login</html>"), std::string(""), std::string("null"), std::string("[]"), std::string("{"), deep,
        std::string("{\"choices\":[]}"), std::string("{\"choices\":[null]}"), std::string("{\"choices\":{\"0\":1}}"),
        std::string("\xff\xfe\x00{", 4), std::string("{\"choices\":[{\"message\":{\"content\":[1,{},null]}}]}"),
        std::string("{\"usage\":{\"prompt_tokens\":-5,\"completion_tokens\":1e400}}")}) {
    LlmServer server([&](const auto&, auto& response, int) { response.set_content(body, "application/json"); });
    const ChatReply reply = ask(endpoint(server));
    CHECK(reply.fault == ChatFault::malformed);
    CHECK(!reply.why.empty());
    CHECK(reply.text.empty());
    CHECK(reply.input_tokens >= 0);
    CHECK(server.calls() == 1);
  }
}

TEST_CASE("chat: what is no JSON is told by its beginning, a byte-order mark is none of it, and no count overflows") {
  std::string body;
  LlmServer server([&](const auto&, auto& response, int) { response.set_content(body, "application/json"); });
  body = "data: {\"choices\": [{\"delta\": {}}]}\n\ndata: [DONE]\n";
  CHECK(ask(endpoint(server)).why.find("'data: {") != std::string::npos);
  body = "\xef\xbb\xbf{\"choices\":[{\"message\":{\"content\":\"fine\"}}],\"usage\":{\"prompt_tokens\":9223372036854775807}}";
  const ChatReply reply = ask(endpoint(server));
  CHECK(reply.text == "fine");
  CHECK(reply.input_tokens > 1000000);
  CHECK(reply.input_tokens < std::int64_t{1} << 50);
}

TEST_CASE("chat: a certificate file that is not there is named with its variable, and nothing is sent") {
  LlmServer server([&](const auto&, auto& response, int) { response.set_content("{}", "application/json"); });
  for (const char* variable : {"AK_LLM_CLIENT_CERT", "AK_LLM_CLIENT_KEY", "CURL_CA_BUNDLE"}) {
    ::setenv(variable, "/nowhere/x.pem", 1);
    read_environment();
    const ChatReply reply = ask(endpoint(server));
    ::unsetenv(variable);
    CHECK(reply.fault == ChatFault::setup);
    CHECK(reply.why == fmt::format("{}='/nowhere/x.pem': cannot be read", variable));
  }
  read_environment();
  CHECK(server.calls() == 0);
}

TEST_CASE("chat: a body over 4 MiB is not taken in") {
  std::atomic<std::size_t> sent{0};
  LlmServer server([&](const auto&, auto& response, int) {
    response.set_chunked_content_provider("application/json", [&](std::size_t, httplib::DataSink& sink) {
      const std::string block(1 << 16, ' ');
      sent += block.size();
      return sent < (1u << 30) && sink.write(block.data(), block.size());
    });
  });
  const ChatReply reply = ask(endpoint(server));
  CHECK(reply.fault == ChatFault::too_large);
  CHECK(sent < (64u << 20));  // what the sockets hold, not the whole
  CHECK(reply.attempts == 1);
}

TEST_CASE("chat: a connection cut in the middle of the body is tried again") {
  LlmServer server([](const auto&, auto& response, int call) {
    if (call) return answer(response, openai_says("whole"));
    response.set_content_provider(1000, "application/json", [](std::size_t offset, std::size_t, httplib::DataSink& sink) {
      if (offset) return false;
      return sink.write("{\"choices\":", 11);
    });
  });
  const ChatReply reply = ask(endpoint(server));
  CHECK(reply.ok());
  CHECK(reply.text == "whole");
  CHECK(reply.attempts == 2);
}

TEST_CASE("chat: nobody listening is a transport fault after three tries") {
  ChatEndpoint to{"openai", "http://127.0.0.1:1/v1", "m", {}, 100, 2, 5};
  const ChatReply reply = ask(to);
  CHECK(reply.fault == ChatFault::transport);
  CHECK(reply.attempts == 3);
}

TEST_CASE("chat: a redirect is not followed, and the key does not travel") {
  LlmServer elsewhere([](const auto&, auto& response, int) { answer(response, openai_says("stolen")); });
  for (const int status : {301, 302, 307, 308}) {
    LlmServer server([&](const auto&, auto& response, int) {
      response.status = status;
      response.set_header("Location", elsewhere.url() + "/chat/completions");
    });
    for (const auto* provider : {"openai", "anthropic"}) {
      const ChatReply reply = ask(endpoint(server, provider));
      CHECK(reply.fault == ChatFault::http);
      CHECK(reply.why.find("redirect") != std::string::npos);
    }
  }
  CHECK(elsewhere.calls() == 0);
}

TEST_CASE("chat: the deadline is honoured by a silent server, and cancelling takes milliseconds") {
  std::atomic<bool> release{false};
  LlmServer server([&](const auto&, auto& response, int) {
    for (int i = 0; i < 1000 && !release; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    answer(response, openai_says("late"));
  });
  const auto start = Clock::now();
  const ChatReply late = ask(endpoint(server), 0.5);
  CHECK(late.fault == ChatFault::timeout);
  CHECK(seconds_since(start) >= 0.45);
  CHECK(seconds_since(start) < 1.5);

  ChatReply cancelled;
  double took = 0;
  {
    Clock::time_point at;
    std::jthread thread([&](std::stop_token stop) {
      cancelled = make_chat(endpoint(server))->ask(kQuestion, Deadline::in(60), stop);
      took = seconds_since(at);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    at = Clock::now();
  }
  CHECK(cancelled.fault == ChatFault::cancelled);
  CHECK(took < 0.5);
  release = true;
}

TEST_CASE("chat: cancelling also ends the wait between two tries") {
  LlmServer server([](const auto&, auto& response, int) {
    response.set_header("Retry-After", "30");
    answer(response, json::object(), 503);
  });
  ChatReply reply;
  const auto start = Clock::now();
  {
    std::jthread thread(
        [&](std::stop_token stop) { reply = make_chat(endpoint(server))->ask(kQuestion, Deadline::in(300), stop); });
    while (server.calls() == 0) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  CHECK(reply.fault == ChatFault::cancelled);
  CHECK(seconds_since(start) < 3);
}

TEST_CASE("chat: the key stands in no log and no error, whatever the server says back") {
  LogCapture log;
  for (const int status : {200, 302, 400, 401, 429, 500}) {
    LlmServer server([&](const auto&, auto& response, int) {
      response.set_header("Location", std::string("http://127.0.0.1/") + kSecret);
      if (status == 200) return answer(response, openai_says(std::string("your key is ") + kSecret + " and " + kSecret));
      answer(response,
             {{"error",
               {{"message", std::string("Incorrect API key provided: ") + kSecret + " " + std::string(kSecret).substr(3, 12)},
                {"code", kSecret},
                {"param", kSecret}}}},
             status);
    });
    for (const auto* provider : {"openai", "anthropic"}) {
      const auto chat = make_chat(endpoint(server, provider));
      const ChatReply reply = chat->ask(kQuestion, Deadline::in(20), {});
      for (const std::string& text : {reply.why, reply.text, chat->describe()}) {
        CHECK(text.find(kSecret) == std::string::npos);
        CHECK(text.find(std::string(kSecret).substr(3, 12)) == std::string::npos);
      }
      if (status == 401) CHECK(reply.why.find("***") != std::string::npos);
    }
  }
  CHECK(log.text().find("asking again") != std::string::npos);  // something was logged
  CHECK(log.text().find(kSecret) == std::string::npos);
  CHECK(log.text().find(std::string(kSecret).substr(3, 12)) == std::string::npos);
}

TEST_CASE("chat: a key that breaks headers is a set-up fault and is not sent; a key's line end is trimmed") {
  LlmServer server([](const auto&, auto& response, int) { answer(response, openai_says("x")); });
  ChatEndpoint to = endpoint(server);
  to.key = [] { return std::string("abc\r\nX-Evil: 1"); };
  ChatReply reply = ask(to);
  CHECK(reply.fault == ChatFault::setup);
  CHECK(reply.why.find("abc") == std::string::npos);
  CHECK(server.calls() == 0);
  to.key = []() -> std::string { throw std::runtime_error("the vault is closed"); };
  reply = ask(to);
  CHECK(reply.fault == ChatFault::setup);
  CHECK(reply.why == "the vault is closed");
  to.key = [] { return std::string("abc\n"); };
  CHECK(ask(to).ok());
  CHECK(server.requests()[0].get_header_value("Authorization") == "Bearer abc");
}

TEST_CASE("redact takes out the secret and long parts of it") {
  CHECK(redact("key sk-12345678 end", "sk-12345678") == "key *** end");
  CHECK(redact("tail 345678.", "sk-12345678") == "tail ***.");
  CHECK(redact("tail 45678.", "sk-12345678") == "tail 45678.");
  CHECK(redact("ab abc abab", "ab") == "*** ***c ******");
  CHECK(redact("text", "") == "text");
}

TEST_CASE("chat: an endpoint is checked before anything is sent") {
  const auto make = [](const std::string& provider, const std::string& url, const std::string& model = "m") {
    return make_chat({provider, url, model, {}, 100, 1, 1});
  };
  CHECK_THROWS_WITH_AS(make("gemini", ""), doctest::Contains("gemini"), Error);
  CHECK_THROWS_WITH_AS(make("openai", "", ""), doctest::Contains("model"), Error);
  CHECK_THROWS_WITH_AS(make("openai", "http://example.com/v1"), doctest::Contains("https"), Error);
  CHECK_THROWS_WITH_AS(make("openai", "http://127.0.0.1.example.com/v1"), doctest::Contains("https"), Error);
  CHECK_THROWS_WITH_AS(make("openai", "http://localhost@example.com/v1"), doctest::Contains("user name"), Error);
  CHECK_THROWS_WITH_AS(make("openai", "https://user:pw@example.com/v1"), doctest::Contains("user name"), Error);
  CHECK_THROWS_WITH_AS(make("openai", "ftp://example.com"), doctest::Contains("ftp"), Error);
  CHECK_THROWS_WITH_AS(make("openai", "not a url"), doctest::Contains("URL"), Error);
  CHECK_THROWS_WITH_AS(make("mailbox:/no/such/folder", ""), doctest::Contains("/no/such/folder"), Error);
  CHECK(make("openai", "")->describe() == "openai m at https://api.openai.com/v1/chat/completions");
  CHECK(make("anthropic", "https://gw.example.com?token=hidden")->describe().find("hidden") == std::string::npos);
  for (const auto* local : {"http://127.0.0.1:80", "http://localhost:8000/v1", "http://[::1]:9/v1"})
    CHECK_NOTHROW(make("openai", local));
}

TEST_CASE("mailbox: the whole prompt is written, the reply awaited; a recorded reply answers the same prompt again") {
  const std::string folder = temporary_folder();
  const auto chat = make_chat({"mailbox:" + folder, "", "", {}, 0, 0, 0});
  const std::string text = "be brief\n\nwhich tile?", stem = folder + "/" + digest(text).hex();
  std::thread clerk([&] {
    while (!std::filesystem::exists(stem + ".prompt.txt")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::ofstream(folder + "/draft") << "use 64";
    std::filesystem::rename(folder + "/draft", stem + ".reply.txt");
  });
  const ChatReply reply = chat->ask(kQuestion, Deadline::in(10), {});
  clerk.join();
  CHECK(reply.ok());
  CHECK(reply.text == "use 64");
  std::ifstream prompt(stem + ".prompt.txt");
  CHECK(std::string(std::istreambuf_iterator<char>(prompt), {}) == text);

  std::filesystem::remove(stem + ".prompt.txt");
  const auto start = Clock::now();
  CHECK(chat->ask(kQuestion, Deadline::in(10), {}).text == "use 64");
  CHECK(seconds_since(start) < 0.5);
  CHECK(!std::filesystem::exists(stem + ".prompt.txt"));

  const auto other = Clock::now();
  const ChatReply none = chat->ask({"be brief", "another", ""}, Deadline::in(0.2), {});
  CHECK(none.fault == ChatFault::timeout);
  CHECK(seconds_since(other) < 1);
  std::ofstream(folder + "/" + digest("s\n\nu").hex() + ".reply.txt") << std::string((4 << 20) + 1, 'x');
  CHECK(chat->ask({"s", "u", ""}, Deadline::in(5), {}).fault == ChatFault::too_large);
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    CHECK(entry.path().extension() == ".txt");  // no leftovers
  std::filesystem::remove_all(folder);
}
