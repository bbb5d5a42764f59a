// The key goes to the server that it is for and nowhere else; certificates.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "base/environment.hpp"
#include "llm/http.hpp"
#include "llm_ask.hpp"

using namespace ak;
using namespace ak::testing;

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
