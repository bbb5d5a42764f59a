// What the client asks of a server, and what it leaves out when the server refuses it.
#include <doctest/doctest.h>

#include "llm_ask.hpp"

using namespace ak;
using namespace ak::testing;
using nlohmann::json;

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

TEST_CASE("chat: no key, no Authorization header") {
  LlmServer server([](const auto&, auto& response, int) { answer(response, openai_says("x")); });
  ChatEndpoint to = endpoint(server);
  to.key = {};
  CHECK(ask(to).ok());
  CHECK(!server.requests()[0].has_header("Authorization"));
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
