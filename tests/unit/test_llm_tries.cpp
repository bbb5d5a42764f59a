// When a server is asked again, for how long it is heard, and how that ends.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "llm_ask.hpp"

using namespace ak;
using namespace ak::testing;
using nlohmann::json;

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
