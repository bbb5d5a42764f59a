// The loop: a tuning run asks a model over real HTTP, tries what only the model named, and keeps it where it is best. Whatever
// the server does instead, the offline result stands, within the deadline, with the reason on record.
#include <doctest/doctest.h>

#include "../unit/landscape.hpp"
#include "../unit/llm_server.hpp"
#include "search/llm_proposer.hpp"
#include "search/proposers.hpp"
#include "tune/tuner.hpp"

using namespace ak;
using namespace ak::testing;
using nlohmann::json;

namespace {

constexpr double kBudget = 3;
// No family enumerates it and no neighbour step reaches it: a tile between the powers of two.
const Tactic kSecretTactic = parse_tactic("sm80 tile_m=120 tile_n=136 tile_k=72 stages=4 split_k=2 raster=8");
const std::string kNamesIt =
    R"(Here you go: {"proposals":[{"why":"odd tile fills the waves","family":"sm80","tile_m":120,"tile_n":136,"tile_k":72,"stages":4,"split_k":2,"raster":8},
       {"family":"sm80","tile_m":4096,"tile_n":4096},{"family":"vendor"}]})";

/// The synthetic GPU, on which one tactic is far better or far worse than its neighbours.
class OddRunner : public FakeRunner {
 public:
  double odd_us = 20;
  Trial run(const Tactic& t, Effort effort, Deadline deadline) override { return odd(FakeRunner::run(t, effort, deadline)); }
  std::vector<Trial> finals(std::span<const Tactic> tactics, Deadline deadline) override {
    auto trials = FakeRunner::finals(tactics, deadline);
    for (Trial& trial : trials) trial = odd(trial);
    return trials;
  }

 private:
  Trial odd(Trial trial) const {
    if (trial.tactic != kSecretTactic) return trial;
    trial.outcome = Outcome::correct, trial.us = odd_us, trial.why.clear();
    trial.ratio = trial.final_timing ? 52 / odd_us : 0;
    return trial;
  }
};

Tuned tune_with(OddRunner& runner, const std::string& url, double seconds = kBudget) {
  std::vector<std::unique_ptr<Proposer>> proposers;
  for (const auto* name : {"local", "offline"}) proposers.push_back(make_proposer(name));
  if (!url.empty())
    proposers.push_back(std::make_unique<LlmProposer>(
        LlmOptions{{"openai", url, "m", [] { return std::string("sk-loop-secret"); }, 500, 1, 20}, 2, 4},
        Deadline::in(seconds)));
  return tune(runner.land.problem, runner.land.device, runner.land.space(), runner, std::move(proposers), {seconds, 100000, 6});
}

const Trial* first_trial(const Tuned& tuned, const Tactic& tactic) {
  for (const Trial& trial : tuned.history)
    if (trial.tactic == tactic) return &trial;
  return nullptr;
}

}  // namespace

TEST_CASE("the loop: a tactic that only the reply names is tried, wins where it is best, and the history says who named it") {
  LlmServer server([](const auto&, auto& response, int call) {
    answer(response, openai_says(call ? R"({"proposals":[{"family":"sm80","tile_m":120,"tile_n":120,"tile_k":72,"stages":4}]})"
                                      : kNamesIt));
  });
  OddRunner without;
  without.odd_us = 20;
  CHECK(!first_trial(tune_with(without, ""), kSecretTactic));  // nobody else names it

  OddRunner runner;
  const Tuned tuned = tune_with(runner, server.url());
  REQUIRE(tuned.winner);
  CHECK(tuned.winner->tactic == kSecretTactic);
  CHECK(tuned.winner->proposer == "llm");
  CHECK(tuned.winner->round == 0);
  CHECK(tuned.winner->us == doctest::Approx(20));
  CHECK(tuned.artifact.cubin == to_string(kSecretTactic));
  const Trial* trial = first_trial(tuned, kSecretTactic);
  REQUIRE(trial);
  CHECK(trial->proposer == "llm");
  CHECK(trial->round == 0);
  const Trial* refused = first_trial(tuned, parse_tactic("sm80 tile_m=4096 tile_n=4096"));
  REQUIRE(refused);  // checked before it could run
  CHECK(refused->outcome == Outcome::constraints);
  CHECK(runner.ran_rejected == 0);
  CHECK(tuned.note == "");

  // The second question carries what the first one led to, and its proposals carry their round.
  REQUIRE(server.calls() == 2);
  const std::string user = json::parse(server.requests()[1].body)["messages"][1]["content"];
  CHECK(user.find(to_string(kSecretTactic)) != user.npos);
  const Trial* second = first_trial(tuned, parse_tactic("sm80 tile_m=120 tile_n=120 tile_k=72 stages=4"));
  REQUIRE(second);
  CHECK(second->round == 1);
}

TEST_CASE("the loop: a proposal that is slower is tried and loses") {
  LlmServer server([](const auto&, auto& response, int) { answer(response, openai_says(kNamesIt)); });
  OddRunner runner;
  runner.odd_us = 400;
  const Tuned tuned = tune_with(runner, server.url());
  REQUIRE(tuned.winner);
  REQUIRE(first_trial(tuned, kSecretTactic));
  CHECK(tuned.winner->tactic != kSecretTactic);
  CHECK(tuned.winner->proposer != "llm");
}

TEST_CASE("the loop: whatever the server does, the offline result stands within the deadline and the reason is on record") {
  OddRunner plain;
  const Tuned offline = tune_with(plain, "");
  REQUIRE(offline.winner);
  struct Failure {
    const char* reason;
    LlmServer::Handler handler;
  };
  const Failure failures[] = {
      {"401",
       [](const auto&, auto& r, int) {
         answer(r, {{"error", {{"message", "who are you"}}}}, 401);
       }},
      {"429", [](const auto&, auto& r, int) { r.set_header("Retry-After", "100"), answer(r, json::object(), 429); }},
      {"500", [](const auto&, auto& r, int) { answer(r, json::object(), 500); }},
      {"redirect", [](const auto&, auto& r, int) { r.status = 302, r.set_header("Location", "http://127.0.0.1:1/"); }},
      {"malformed", [](const auto&, auto& r, int) { r.set_content("{\"choices\": [", "application/json"); }},
      {"truncated", [](const auto&, auto& r, int) { answer(r, openai_says("", "length")); }},
      {"too large", [](const auto&, auto& r, int) { r.set_content(std::string(5 << 20, ' '), "application/json"); }},
      {"no JSON", [](const auto&, auto& r, int) { answer(r, openai_says("sorry")); }},
      {"not an own kernel family", [](const auto&, auto& r, int) { answer(r, openai_says(R"({"family":"rm -rf"})")); }},
      {"llm",
       [](const auto&, auto& r, int) {  // cut in the middle, every time
         r.set_content_provider(1000, "application/json",
                                [](std::size_t at, std::size_t, httplib::DataSink& sink) { return !at && sink.write("{", 1); });
       }},
      {"late",
       [](const auto&, auto&, int) {  // silent
         std::this_thread::sleep_for(std::chrono::duration<double>(kBudget + 2));
       }},
  };
  for (const Failure& failure : failures) {
    CAPTURE(std::string(failure.reason));
    LlmServer server(failure.handler);
    OddRunner runner;
    const auto start = Clock::now();
    const Tuned tuned = tune_with(runner, server.url());
    CHECK(seconds_since(start) < kBudget + 0.5);
    REQUIRE(tuned.winner);
    CHECK(tuned.winner->tactic.family == FamilyId::sm80);
    CHECK(tuned.winner->us <= offline.winner->us * 1.05);
    CAPTURE(tuned.note);
    CHECK(tuned.note.find(failure.reason) != std::string::npos);
    CHECK(tuned.note.find("sk-loop-secret") == std::string::npos);
    CHECK(server.calls() >= 1);
  }
  // Nobody listens at all.
  OddRunner runner;
  const Tuned tuned = tune_with(runner, "http://127.0.0.1:1/v1");
  REQUIRE(tuned.winner);
  CHECK(tuned.winner->us <= offline.winner->us * 1.05);
  CHECK(tuned.note.find("transport") != std::string::npos);
}
