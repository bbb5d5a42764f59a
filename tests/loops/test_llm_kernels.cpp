// Kernels of a language model: a real local server's answers go the whole way without a GPU.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "../unit/llm_server.hpp"
#include "base/temporary_folder.hpp"
#include "llm/chat.hpp"
#include "port/candidates.hpp"
#include "port/cases/pinned.hpp"
#include "port/gate/gate.hpp"
#include "port/llm/answer.hpp"
#include "port/llm/asking.hpp"
#include "tests/texts.hpp"

using namespace ak;
using namespace ak::port;

namespace {

constexpr const char* kShift =
    "void shift(int n, const float a[n + 1], float b[n]) { for (int i = 0; i < n; i++) b[i] = a[i + 1] * 2.0f; }";

PortRequest request_of(std::shared_ptr<Chat> chat, AttemptRules rules = {}, PromptArm arm = PromptArm::verdict) {
  PortRequest request;
  request.tools = {AK_BINARY_DIR "/ak-analyse", {}, AK_BINARY_DIR "/ak-worker"};
  request.source.file = "shift.c", request.source.function = "shift", request.source.text = kShift;
  request.verdict = analyse(request.source, {}, request.tools, Deadline::in(20));
  request.function = request.verdict.function, request.integers = {{"n", 1000}}, request.quick = true;
  request.asking = Asking{std::move(chat), "model", arm, rules, false, {}};
  return request;
}

std::shared_ptr<Chat> chat_of(const ak::testing::LlmServer& server) {
  return make_chat({"openai", server.url(), "m", [] { return std::string("sk-Zq7Jx0Ww3mT9vK2pLd5R"); }, 500, 2, 20});
}

// Kernels with this body, one thread an element.
std::string answer(const std::string& body, const std::string& before = {}) {
  return "```json\n{\"why\": \"w\", \"launches\": [{\"kernel\": \"shift_1\", \"blocks\": \"(n + 63) / 64\", \"threads\": "
         "64}]}\n```\n```cuda\n" +
         before +
         "extern \"C\" __global__ void shift_1(int n, const float* a, float* b) {\n  const int i = blockIdx.x * 64 + "
         "threadIdx.x;\n" +
         body + "}\n```\n";
}
constexpr const char* kRight = "  if (i < n) b[i] = a[i + 1] * 2.0f;\n";

}  // namespace

TEST_CASE(
    "llm kernels: five answers each told of the one before, a reset, five anew; each class of error by its name; the right one "
    "is last") {
  const std::vector<std::pair<std::string, std::string>> script = {
      {"unread", "I had rather not."},
      {"refused", answer("  asm(\"trap;\");\n")},
      {"compile", answer("  if (i < n) b[i] = a * 2.0f;\n")},
      {"race", answer("  if (n > 1) b[0] = i;\n")},
      {"bounds", answer("  b[i] = a[i + 1] * 2.0f;\n")},
      {"divergence", answer("  if (i < n - 1) __syncthreads();\n" + std::string(kRight))},
      {"incorrect", answer("  if (i < n) b[i] = a[i + 1] * 2.5f;\n")},
      {"steps", answer("  if (n > 0)\n    for (;;) {\n    }\n")},
      {"fault", answer("  if (i < n) b[i] = n / (n - n);\n")},
      {"passed", answer(kRight)}};
  ak::testing::LlmServer server([&](const auto&, httplib::Response& response, int call) {
    ak::testing::answer(response, ak::testing::openai_says(script.at(static_cast<std::size_t>(call)).second));
  });
  const Ported ported = port::port(request_of(chat_of(server)), nullptr, Deadline::in(60));
  REQUIRE(ported.tried.size() == 10);
  const auto requests = server.requests();
  REQUIRE(requests.size() == 10);
  for (std::size_t i = 0; i < 10; ++i) {
    const Tried& tried = ported.tried[i];
    CAPTURE(i);
    CAPTURE(tried.why);
    CHECK(name(tried.status) == script[i].first);
    REQUIRE(tried.asked);
    CHECK(tried.asked->number == static_cast<int>(i) + 1);
    CHECK(tried.asked->anew == (i >= 5));
    CHECK(tried.asked->tokens == 1540);
    CHECK(tried.asked->reply == script[i].second);
    const std::string asked = nlohmann::json::parse(requests[i].body)["messages"][1]["content"];
    CHECK(tried.asked->prompt.ends_with(asked));
    CHECK(has(asked, "i:parallel"));
    // The last answer and its classed error, and of the others nothing.
    for (std::size_t before = 0; before < i; ++before) {
      const bool told = before + 1 == i && i < 5;
      CHECK(has(asked, fmt::format("It failed: {}: {}", script[before].first, ported.tried[before].why)) == told);
      const std::string& said = script[before].second;
      CHECK(has(asked, said.substr(said.find("```cuda") == said.npos ? 0 : said.find("```cuda"))) == told);
    }
  }
  CHECK(has(ported.tried[6].why, "(n="));  // the case that shows it
  CHECK(ported.tried[9].right == ported.tried[9].cases);
  CHECK(ported.tried[9].candidate.same_bits);
  CHECK(ported.winner.tried == 0);  // templates' alone, of which a later port goes on
  CHECK(ported.note == "");
}

namespace {

// What the questions come to where kernels that are kRight are right.
struct Answers {
  std::vector<Tried> tried;
  std::string ended;
};
Answers asked(const PortRequest& request, Deadline deadline = Deadline::in(20)) {
  Answers run;
  run.tried.reserve(10);
  const Judge judge = [](Tried& tried) {
    tried.status = has(tried.candidate.text, kRight) ? Status::passed : Status::race;
    return Judged{2, 1};
  };
  run.ended = ask_for_kernels(
      request, judge, [](int) {}, deadline, run.tried);
  return run;
}

}  // namespace

TEST_CASE(
    "llm kernels: the first right answer ends the questions, for speed all are asked; a template's but for names is known as "
    "such") {
  std::string said = answer(kRight);
  ak::testing::LlmServer server(
      [&](const auto&, httplib::Response& response, int) { ak::testing::answer(response, ak::testing::openai_says(said)); });
  PortRequest request = request_of(chat_of(server), {.goal = Goal::speed});
  Answers run = asked(request);
  CHECK(run.tried.size() == 10);
  CHECK(run.ended == "");
  CHECK(has(run.tried[1].asked->prompt, "It is right but slow: 2.00 us, where the best so far takes 1.00 us."));
  request.asking->rules.goal = Goal::right;
  run = asked(request);
  REQUIRE(run.tried.size() == 1);
  CHECK(!run.tried[0].asked->as_template);
  loop::Candidate map = port_candidates(request.verdict, false)[0];
  for (std::size_t at; (at = map.text.find("col_")) != map.text.npos;) map.text.replace(at, 4, "column");
  said = answer_text(map, "a map");
  request.asking->rules = {1, 0, Goal::right};
  run = asked(request);
  REQUIRE(run.tried.size() == 1);
  CHECK(run.tried[0].asked->as_template);
  CHECK(run.tried[0].asked->why == "a map");
  CHECK(run.tried[0].candidate.origin == loop::Origin::llm);
}

TEST_CASE("llm kernels: where what the analysis assumed of sizes does not hold, one thread runs the function") {
  const std::string text =
      "void pitch(int n, int step, float *a) { for (int i = 0; i < n; i++) a[i * step] = a[i * step] * 2; }";
  ak::testing::LlmServer server([&](const auto&, httplib::Response& response, int) {
    ak::testing::answer(
        response,
        ak::testing::openai_says(
            "```json\n{\"why\": \"w\", \"launches\": [{\"kernel\": \"pitch_1\", \"blocks\": \"(n + 63) / 64\", \"threads\": "
            "64}], \"scratch\": [{\"name\": \"i\", \"type\": \"int\", \"elements\": \"n\"}]}\n```\n```cuda\nextern \"C\" "
            "__global__ void "
            "pitch_1(int n, int step, float* a, int* place) {\n  const int i = blockIdx.x * 64 + threadIdx.x;\n  if (i < n) "
            "a[i * "
            "step] = a[i * step] * 2;\n}\n```\n"));
  });
  PortRequest request = request_of(chat_of(server));
  request.source.function = "pitch", request.source.text = text;
  request.verdict = analyse(request.source, {}, request.tools, Deadline::in(20));
  REQUIRE(request.verdict.assumed.size() == 1);
  request.function = request.verdict.function, request.integers = {{"n", 1000}, {"step", 3}};
  const Ported ported = port::port(request, nullptr, Deadline::in(60));
  REQUIRE(ported.tried.size() == 1);
  const Tried& tried = ported.tried[0];
  REQUIRE_MESSAGE(tried.status == Status::passed, tried.why);
  const auto& launches = tried.candidate.launches;
  REQUIRE(launches.size() == 2);
  CHECK(evaluate(launches[0].blocks, {{"n", 1000}, {"step", 3}}) == 16);
  CHECK(evaluate(launches[1].blocks, {{"n", 1000}, {"step", 3}}) == 0);
  CHECK(evaluate(launches[0].blocks, {{"n", 1000}, {"step", 0}}) == 0);
  CHECK(evaluate(launches[1].blocks, {{"n", 1000}, {"step", 0}}) == 1);
  // What a record has is guarded already, and passes the gate as it is.
  CHECK(where_assumed(tried.candidate, request.verdict, request.call) == tried.candidate);
  CHECK_FALSE(refused(tried.candidate.text, gate_names(tried.candidate, request.verdict.function, false)));
}

TEST_CASE("llm kernels: a mailbox's answers replay to the same; without one the question lies there and nothing is tried") {
  const TemporaryFolder folder("ak-box");
  const PortRequest request = request_of(make_mailbox_chat(folder.path()), {2, 0, Goal::right});
  const auto run = [&] {
    std::string all;
    for (const Tried& tried : asked(request, Deadline::in(0.3)).tried) all += fmt::format("{} ", name(tried.status));
    return all;
  };
  const auto answer_new = [&](const std::string& with) {
    int prompts = 0;
    for (const auto& one : std::filesystem::directory_iterator(folder.path())) {
      const std::string path = one.path().string();
      if (!path.ends_with(".prompt.txt")) continue;
      ++prompts;
      const std::string reply = path.substr(0, path.size() - 10) + "reply.txt";
      if (!std::filesystem::exists(reply)) std::ofstream(reply) << with;
    }
    return prompts;
  };
  const Answers unanswered = asked(request, Deadline::in(0.2));
  CHECK(unanswered.tried.empty());
  CHECK(has(unanswered.ended, "the LLM did not answer: mailbox: no "));
  CHECK(answer_new("No kernels.") == 1);
  CHECK(run() == "unread ");
  CHECK(answer_new(answer(kRight)) == 2);
  for (int time = 0; time < 2; ++time) CHECK(run() == "unread passed ");
}

TEST_CASE("llm kernels: a server that fails, and a budget that is used up, end the questions with their reason") {
  ak::testing::LlmServer server([&](const auto&, httplib::Response& response, int call) {
    if (call == 0) return ak::testing::answer(response, ak::testing::openai_says("no"));
    ak::testing::answer(response, {{"error", {{"message", "no such model"}}}}, 404);
  });
  PortRequest request = request_of(chat_of(server));
  CHECK(has(asked(request).ended, "the LLM did not answer: "));
  CHECK(server.calls() == 2);
  // Nor where nothing can be proven: answers would be in vain.
  request.asking->rules = {};
  std::vector<Tried> tried;
  tried.reserve(10);
  const Judge none = [](Tried& one) {
    one.status = Status::budget, one.why = "no worker";
    return Judged{};
  };
  ak::testing::LlmServer willing([&](const auto&, httplib::Response& response, int) {
    ak::testing::answer(response, ak::testing::openai_says(answer(kRight)));
  });
  request.asking->chat = chat_of(willing);
  CHECK(ask_for_kernels(
            request, none, [](int) {}, Deadline::in(20), tried) == "the LLM's kernels cannot be proven: no worker");
  CHECK(willing.calls() == 1);
  request.asking->tokens_left = std::make_shared<std::atomic<std::int64_t>>(0);
  CHECK(asked(request).ended == "the token budget is used up (llm_tokens, AK_LLM_TOKENS)");
  CHECK(willing.calls() == 1);
}

TEST_CASE("llm kernels: two texts are alike when one is the other with its names exchanged, each for one") {
  CHECK(alike_but_for_names("a = b + a;  // x", "c = a + c;"));
  CHECK(!alike_but_for_names("a = b + a;", "c = a + a;"));
  CHECK(!alike_but_for_names("a = b + b;", "c = a + c;"));
  CHECK(!alike_but_for_names("a = b + 1;", "a = b + 2;"));
  CHECK(!alike_but_for_names("a = b;", "a = b; ;"));
}
