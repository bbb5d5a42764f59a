#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "base/hash.hpp"
#include "landscape.hpp"
#include "llm_server.hpp"
#include "search/llm_facts.hpp"
#include "search/llm_proposer.hpp"

using namespace ak;
using namespace ak::testing;
using nlohmann::json;

namespace {

constexpr const char* kKey = "sk-proposer-0123456789";
constexpr const char* kThree =
    R"({"proposals":[{"why":"a","family":"sm80","tile_m":96,"tile_n":128,"tile_k":64,"stages":4},
                     {"why":"b","family":"sm80","tile_m":160,"tile_n":128,"tile_k":64,"stages":3},
                     {"why":"c","family":"sm80","tile_m":"wide"},
                     {"why":"d","family":"sm80","tile_m":192,"tile_n":96,"tile_k":32,"stages":4}]})";

struct Scene {
  Landscape land;
  Space space = land.space();
  std::vector<Trial> history;
  TacticSet known;
  SearchView view() const { return {land.problem, land.device, space, history, 52, 0.5, &known}; }

  std::vector<Proposal> wait(LlmProposer& proposer, std::size_t count = 64, double seconds = 10) {
    for (const Deadline deadline = Deadline::in(seconds); !deadline.passed();) {
      auto given = proposer.propose(view(), count);
      for (const Proposal& proposal : given) known.insert(proposal.tactic);  // as the search does with what it takes
      if (!given.empty() || !proposer.pending()) return given;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return {};
  }
  void try_them(const std::vector<Proposal>& proposals, double us) {
    for (const Proposal& proposal : proposals) {
      Trial trial;
      trial.tactic = proposal.tactic, trial.outcome = Outcome::correct, trial.us = us, trial.proposer = "llm",
      trial.round = proposal.round;
      history.push_back(trial);
    }
  }
  void try_offline(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      history.push_back(land.trial(space.tactics[(history.size() * 5 + 1) % space.tactics.size()].tactic));
  }
};

LlmOptions options(const std::string& url, int rounds = 2) {
  return {{"openai", url, "m", [] { return std::string(kKey); }, 500, 2, 20}, rounds, 3};
}

}  // namespace

TEST_CASE("llm proposer: asked at once, never waited for, its valid items come with their round") {
  std::atomic<bool> release{false};
  LlmServer server([&](const auto&, auto& response, int) {
    while (!release) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    answer(response, openai_says(kThree));
  });
  Scene scene;
  LlmProposer proposer(options(server.url(), 1), Deadline::in(30));
  CHECK(!proposer.pending());
  const auto start = Clock::now();
  CHECK(proposer.propose(scene.view(), 8).empty());
  CHECK(seconds_since(start) < 0.2);
  CHECK(proposer.pending());
  while (server.calls() == 0) std::this_thread::yield();
  CHECK(proposer.propose(scene.view(), 8).empty());
  release = true;
  const auto first = scene.wait(proposer, 2);
  REQUIRE(first.size() == 2);
  CHECK(first[0].tactic == parse_tactic("sm80 tile_m=96 tile_n=128 tile_k=64 stages=4"));
  CHECK(first[0].round == 0);
  CHECK(proposer.pending());  // one arrived and is not known yet
  CHECK(proposer.propose(scene.view(), 2).size() == 1);
  CHECK(proposer.propose(scene.view(), 2).size() == 1);  // offered until the search takes it
  CHECK(scene.wait(proposer).size() == 1);
  CHECK(proposer.propose(scene.view(), 2).empty());
  CHECK(!proposer.pending());
  CHECK(proposer.note() == "");
  const LlmUsage usage = proposer.usage();
  CHECK(usage.rounds == 1);
  CHECK(usage.requests == 1);
  CHECK(usage.proposals == 3);
  CHECK(usage.rejected == 1);
  CHECK(usage.input_tokens == 1200);
  CHECK(usage.output_tokens == 340);
  const json body = json::parse(server.requests()[0].body);
  const std::string user = body["messages"][1]["content"];
  CHECK(user == make_prompt(prompt_facts(scene.view(), 0, 3)).user);
  CHECK(user.find("family sm80") != user.npos);
}

TEST_CASE("llm proposer: what is known already is not named again") {
  LlmServer server([](const auto&, auto& response, int) { answer(response, openai_says(kThree)); });
  Scene scene;
  Trial tried;
  tried.tactic = parse_tactic("sm80 tile_m=96 tile_n=128 tile_k=64 stages=4");
  scene.history.push_back(tried);
  scene.known = {parse_tactic("sm80 tile_m=160 tile_n=128 tile_k=64 stages=3")};
  LlmProposer proposer(options(server.url(), 1), Deadline::in(30));
  const auto given = scene.wait(proposer);
  REQUIRE(given.size() == 1);
  CHECK(given[0].tactic == parse_tactic("sm80 tile_m=192 tile_n=96 tile_k=32 stages=4"));
}

TEST_CASE("llm proposer: another round only after enough news, with the feedback in the question") {
  LlmServer server([](const auto&, auto& response, int call) {
    json items = json::array();
    for (int i = 0; i < 3; ++i)
      items.push_back(
          {{"family", "sm80"}, {"tile_m", 32 + 16 * (3 * call + i)}, {"tile_n", 64}, {"tile_k", 32}, {"stages", 3}});
    answer(response, openai_says(json{{"proposals", items}}.dump()));
  });
  Scene scene;
  LlmProposer proposer(options(server.url(), 5), Deadline::in(30));
  const auto first = scene.wait(proposer);
  REQUIRE(first.size() == 3);
  for (int i = 0; i < 20; ++i) proposer.propose(scene.view(), 8);
  CHECK(proposer.usage().rounds == 1);  // nothing new
  scene.try_offline(6);
  proposer.propose(scene.view(), 8);
  CHECK(proposer.usage().rounds == 1);  // its own proposals were not tried yet
  scene.try_them(first, 30);
  const auto second = scene.wait(proposer);
  REQUIRE(second.size() == 3);
  CHECK(second[0].round == 1);
  const std::string user = json::parse(server.requests()[1].body)["messages"][1]["content"];
  CHECK(user.find("best: " + to_string(first[0].tactic) + ": 30 us") != user.npos);
  CHECK(user.find("VENDOR cuBLASLt's best: 52 us") != user.npos);

  // Two rounds without a gain end the conversation.
  scene.try_them(second, 31);
  scene.try_offline(8);
  CHECK(scene.wait(proposer).size() == 3);
  scene.try_offline(20);
  for (const Trial& trial : std::vector<Trial>(scene.history)) scene.history.push_back(trial);
  std::vector<Proposal> third;
  for (int i = 6; i < 9; ++i)
    third.push_back({parse_tactic(fmt::format("sm80 tile_m={} tile_n=64 tile_k=32 stages=3", 32 + 16 * i)), 2});
  scene.try_them(third, 32);
  CHECK(scene.wait(proposer).empty());
  CHECK(proposer.usage().rounds == 3);
  CHECK(proposer.note() == "");
}

TEST_CASE("llm proposer: any failure is a note and a warning, and the key is in neither") {
  const auto note = [](LlmServer::Handler handler, double seconds = 20) {
    LlmServer server(std::move(handler));
    LogCapture log;
    Scene scene;
    LlmProposer proposer(options(server.url(), 1), Deadline::in(seconds));
    CHECK(scene.wait(proposer).empty());
    CHECK(!proposer.pending());
    CHECK(log.warnings() == 1);
    CHECK(log.text().find(kKey) == std::string::npos);
    CHECK(proposer.note().find(kKey) == std::string::npos);
    return proposer.note();
  };
  CHECK(note([](const auto&, auto& r, int) {
          answer(r, {{"error", {{"message", std::string("bad key ") + kKey}}}}, 401);
        }).find("401") != std::string::npos);
  CHECK(note([](const auto&, auto& r, int) { r.set_content("<html>", "text/html"); }).find("malformed") != std::string::npos);
  CHECK(note([](const auto&, auto& r, int) { answer(r, openai_says("", "length")); }).find("truncated") != std::string::npos);
  CHECK(note([](const auto&, auto& r, int) { answer(r, openai_says("I would rather not")); }).find("no JSON object") !=
        std::string::npos);
  CHECK(note([](const auto&, auto& r, int) { answer(r, openai_says(R"({"family":"sm99"})")); }).find("sm99") !=
        std::string::npos);
  CHECK(
      note([](const auto&, auto&, int) { std::this_thread::sleep_for(std::chrono::milliseconds(1500)); }, 1).find("timeout") !=
      std::string::npos);

  LogCapture log;
  LlmProposer wrong({{"gemini", "", "", {}, 1, 1, 1}, 1, 3}, Deadline::in(1));
  CHECK(wrong.propose(Scene().view(), 8).empty());
  CHECK(!wrong.pending());
  CHECK(wrong.note().find("gemini") != std::string::npos);
  CHECK(log.warnings() == 1);
}

TEST_CASE("llm proposer: its destructor cancels the question within milliseconds, and the note says that no answer came") {
  std::atomic<bool> release{false};
  LlmServer server([&](const auto&, auto&, int) {
    while (!release) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  });
  Clock::time_point start;
  {
    Scene scene;
    LlmProposer proposer(options(server.url()), Deadline::in(60));
    proposer.propose(scene.view(), 8);
    while (server.calls() == 0) std::this_thread::yield();
    CHECK(proposer.note().find("no answer") != std::string::npos);
    start = Clock::now();
  }
  CHECK(seconds_since(start) < 0.5);
  release = true;
}

TEST_CASE("llm proposer: a mailbox replays a recorded reply for the same question") {
  std::string folder = (std::filesystem::temp_directory_path() / "ak-proposer-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()));
  Scene scene;
  const Prompt prompt = make_prompt(prompt_facts(scene.view(), 0, 3));
  std::ofstream(folder + "/" + digest(prompt.system + "\n\n" + prompt.user).hex() + ".reply.txt") << "```json\n"
                                                                                                  << kThree << "\n```\n";
  for (int run = 0; run < 2; ++run) {
    LlmProposer proposer({{"mailbox:" + folder, "", "", {}, 0, 0, 0}, 1, 3}, Deadline::in(10));
    CHECK(scene.wait(proposer).size() == 3);
    CHECK(proposer.note() == "");
    scene.known.clear();
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("no question is asked once the token budget is used up, and the note says so") {
  LlmServer server([](const auto&, auto& response, int) { answer(response, openai_says(kThree)); });
  LlmOptions limited = options(server.url());
  limited.tokens_left = std::make_shared<std::atomic<std::int64_t>>(1);
  Scene scene;
  {
    LlmProposer first(limited, Deadline::in(10));
    CHECK(scene.wait(first).size() == 3);
    CHECK(*limited.tokens_left <= 0);
  }
  LlmProposer second(limited, Deadline::in(10));
  CHECK(scene.wait(second).empty());
  CHECK(second.note().find("AK_LLM_TOKENS") != std::string::npos);
  CHECK(server.calls() == 1);
}

TEST_CASE("llm proposer: tokens are taken when a question is asked, and what it did not cost comes back") {
  std::atomic<bool> release{false};
  LlmServer server([&](const auto&, auto& response, int call) {
    while (call == 1 && !release) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    answer(response, openai_says(kThree));
  });
  LlmOptions limited = options(server.url());
  limited.tokens_left = std::make_shared<std::atomic<std::int64_t>>(100000);
  Scene scene;
  {
    LlmProposer answered(limited, Deadline::in(10));
    CHECK(scene.wait(answered).size() == 3);
    CHECK(*limited.tokens_left == 100000 - 1540);  // as the server says
  }
  {
    LlmProposer dropped(limited, Deadline::in(10));
    CHECK(dropped.propose(scene.view(), 8).empty());
    CHECK(*limited.tokens_left < 100000 - 1540 - 500);
    while (server.calls() < 2) std::this_thread::yield();
  }
  CHECK(*limited.tokens_left < 100000 - 1540 - 500);  // nobody took the answer, and it is paid for
  release = true;
}

TEST_CASE("llm proposer: of an answer that was cut off the whole proposals are used") {
  const std::string cut = std::string(kThree).substr(0, std::string(kThree).rfind(R"("tile_n":96)"));
  LlmServer server([&](const auto&, auto& response, int) { answer(response, openai_says(cut, "length")); });
  Scene scene;
  LogCapture log;
  LlmProposer proposer(options(server.url(), 1), Deadline::in(10));
  CHECK(scene.wait(proposer).size() == 2);
  CHECK(proposer.note() == "");
  CHECK(log.text().find("cut off (length)") != std::string::npos);
}

TEST_CASE("llm proposer: a key's callback that does not return is left behind, and nothing is sent afterwards") {
  LlmServer server([](const auto&, auto& response, int) { answer(response, openai_says(kThree)); });
  struct Vault {
    std::atomic<bool> called{false}, open{false}, left{false};
  };
  const auto vault = std::make_shared<Vault>();
  LlmOptions slow = options(server.url());
  slow.tokens_left = std::make_shared<std::atomic<std::int64_t>>(100000);
  slow.endpoint.key = [vault] {
    vault->called = true;
    while (!vault->open) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    vault->left = true;
    return std::string(kKey);
  };
  Scene scene;
  {
    LlmProposer proposer(slow, Deadline::in(60));
    proposer.propose(scene.view(), 8);
    while (!vault->called) std::this_thread::yield();
    CHECK(proposer.note().find("no answer") != std::string::npos);
  }
  CHECK(!vault->left);  // the destructor did not wait for it
  vault->open = true;
  while (*slow.tokens_left != 100000) std::this_thread::yield();  // not asked, not paid for
  CHECK(server.calls() == 0);
}
