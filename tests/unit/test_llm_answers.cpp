// What the client takes from an answer.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "llm_ask.hpp"

using namespace ak;
using namespace ak::testing;
using nlohmann::json;

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
