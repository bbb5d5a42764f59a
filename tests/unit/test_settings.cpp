#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include "ak/types.hpp"
#include "base/log.hpp"
#include "llm/chat.hpp"
#include "settings.hpp"

using namespace ak;

namespace {

// Every AK_ variable as given for the time of a test, the others unset.
class Environment {
 public:
  explicit Environment(std::map<std::string, std::string> set) {
    for (const char* name : {"AK_CACHE_DIR",       "AK_MODE",
                             "AK_BUDGET_S",        "AK_PROCESS_BUDGET_S",
                             "AK_MAX_TRIALS",      "AK_LLM",
                             "AK_LLM_ENDPOINT",    "AK_LLM_MODEL",
                             "AK_LLM_KEY",         "AK_LLM_KEY_FILE",
                             "AK_LLM_ROUNDS",      "AK_LLM_PROPOSALS",
                             "AK_RECORDING",       "AK_FORCE_TACTIC",
                             "AK_KERNEL_DIR",      "AK_LOG",
                             "AK_SHIPPED",         "AK_PACKS",
                             "AK_ISOLATION",       "AK_WORKER",
                             "AK_COMPILE_THREADS", "AK_COMPILE_NICENESS",
                             "AK_SEARCH_BYTES",    "AK_LLM_CODE"}) {
      if (const char* old = std::getenv(name)) before_[name] = old;
      unsetenv(name);
    }
    for (const auto& [name, value] : set) setenv(name.c_str(), value.c_str(), 1), set_.push_back(name);
  }
  ~Environment() {
    for (const auto& name : set_) unsetenv(name.c_str());
    for (const auto& [name, value] : before_) setenv(name.c_str(), value.c_str(), 1);
  }

 private:
  std::map<std::string, std::string> before_;
  std::vector<std::string> set_;
};

const Settings::Entry& entry(const Settings& s, std::string_view variable) {
  const auto it = std::find_if(s.entries.begin(), s.entries.end(), [&](const auto& e) { return e.variable == variable; });
  REQUIRE(it != s.entries.end());
  return *it;
}

}  // namespace

TEST_CASE("defaults, then the environment, then the options; each entry says which") {
  {
    Environment none({});
    const Settings s = resolve({});
    CHECK(s.mode == Mode::tune);
    CHECK(s.budget_s == 3);
    CHECK(s.max_trials == 100000);
    CHECK(s.compile_threads == 0);
    CHECK(s.compile_niceness == 10);
    CHECK(s.search_bytes == 0);
    CHECK(!s.llm_key);
    CHECK(!s.force_tactic);
    CHECK(!s.cache_dir.empty());
    for (const auto& e : s.entries) CHECK(e.source == "default");
    for (const auto& e : s.entries) CHECK(!e.meaning.empty());
  }
  Environment some({{"AK_MODE", "hit"},
                    {"AK_BUDGET_S", "1.5"},
                    {"AK_MAX_TRIALS", "40"},
                    {"AK_COMPILE_THREADS", "2"},
                    {"AK_CACHE_DIR", "/tmp/x"},
                    {"AK_FORCE_TACTIC", "sm90 tile_m=128 stages=4"}});
  Options options;
  options.budget_s = 0.5;
  const Settings s = resolve(options);
  CHECK(s.mode == Mode::hit);
  CHECK(s.budget_s == 0.5);
  CHECK(s.max_trials == 40);
  CHECK(s.compile_threads == 2);
  CHECK(s.cache_dir == "/tmp/x");
  REQUIRE(s.force_tactic);
  CHECK(s.force_tactic->tile_m == 128);
  CHECK(entry(s, "AK_BUDGET_S").source == "option");
  CHECK(entry(s, "AK_MODE").source == "environment");
  CHECK(entry(s, "AK_MODE").value == "hit");
  CHECK(entry(s, "AK_LLM").source == "default");
}

TEST_CASE("an LLM lengthens the default budget; an empty variable is an unset one, but an empty cache folder means memory") {
  Environment some({{"AK_LLM", has_llm() ? "anthropic" : ""}, {"AK_MODE", ""}, {"AK_CACHE_DIR", ""}});
  const Settings s = resolve({});
  CHECK(s.budget_s == (has_llm() ? 20 : 3));
  CHECK(s.mode == Mode::tune);
  CHECK(s.cache_dir.empty());
}

TEST_CASE("a bad value names its variable and itself") {
  for (const auto& [variable, value] : std::map<std::string, std::string>{{"AK_MODE", "fast"},
                                                                          {"AK_BUDGET_S", "soon"},
                                                                          {"AK_BUDGET_S ", "-1"},
                                                                          {"AK_BUDGET_S  ", "nan"},
                                                                          {"AK_PROCESS_BUDGET_S", "1s"},
                                                                          {"AK_MAX_TRIALS", "2.5"},
                                                                          {"AK_LLM", "gpt"},
                                                                          {"AK_LLM ", "mailbox:"},
                                                                          {"AK_LLM_ROUNDS", "-2"},
                                                                          {"AK_LLM_PROPOSALS", "0"},
                                                                          {"AK_LLM_TOKENS", "many"},
                                                                          {"AK_SCRATCH_BYTES", "2GB"},
                                                                          {"AK_FORCE_TACTIC", "sm99 tile_m=1"},
                                                                          {"AK_RECORDING", "/nowhere"},
                                                                          {"AK_COMPILE_THREADS", "all"},
                                                                          {"AK_ISOLATION", "sandbox"},
                                                                          {"AK_LLM_CODE", "on"},
                                                                          {"AK_SHIPPED", "yes"},
                                                                          {"AK_LOG", "loud"}}) {
    const std::string name = variable.substr(0, variable.find(' '));
    CAPTURE(name);
    Environment one(std::map<std::string, std::string>{{name, value}});
    try {
      resolve({});
      FAIL("accepted " << value);
    } catch (const Error& error) {
      CHECK(error.code() == (name == "AK_LLM" && !has_llm() ? ErrorCode::unsupported : ErrorCode::invalid_argument));
      CHECK(std::string(error.what()).find(name) != std::string::npos);
      CHECK(std::string(error.what()).find(value) != std::string::npos);
    }
    for (const auto& e : resolve_all({}).entries) CHECK((e.fault.find(value) != std::string::npos) == (e.variable == name));
  }
}

TEST_CASE("a bad option names its field and itself") {
  Environment none({});
  const auto refused = [](auto Options::*field, auto wrong, const std::string& what) {
    Options options;
    options.*field = wrong;
    CAPTURE(what);
    CHECK_THROWS_WITH_AS(resolve(options), doctest::Contains(("option " + what).c_str()), Error);
  };
  refused(&Options::budget_s, -1., "budget_s='-1': ");
  refused(&Options::process_budget_s, -1., "process_budget_s='-1': ");
  refused(&Options::background_share, 0., "background_share='0': ");
  refused(&Options::background_share, 1.5, "background_share='1.5': ");
  refused(&Options::max_trials, -3, "max_trials='-3': ");
  refused(&Options::compile_threads, -1, "compile_threads='-1': ");
  refused(&Options::compile_niceness, 20, "compile_niceness='20': ");
  refused(&Options::llm, "gpt", "llm='gpt': ");
  refused(&Options::llm_rounds, -1, "llm_rounds='-1': ");
  refused(&Options::llm_proposals, 0, "llm_proposals='0': ");
  refused(&Options::llm_tokens, -1, "llm_tokens='-1': ");
  refused(&Options::scratch_bytes, -1, "scratch_bytes='-1': ");
  refused(&Options::search_bytes, -1, "search_bytes='-1': ");
  refused(&Options::guard_every, -1, "guard_every='-1': ");
  refused(&Options::log_level, "loud", "log_level='loud': ");
  refused(&Options::recording, "/nowhere", "recording='/nowhere': ");
  for (const int wrong : {6, 255}) {
    refused(&Options::mode, static_cast<Mode>(wrong), fmt::format("mode='{}': ", wrong));
    refused(&Options::isolation, static_cast<Isolation>(wrong), fmt::format("isolation='{}': ", wrong));
    refused(&Options::llm_code, static_cast<LlmCode>(wrong), fmt::format("llm_code='{}': ", wrong));
    refused(&Options::numerics, static_cast<Numerics>(wrong), fmt::format("numerics='{}': ", wrong));
  }
}

TEST_CASE("a setting is called by what it was given by") {
  Environment variable({{"AK_MODE", "hit"}, {"AK_SHIPPED", ""}});
  Options options;
  options.budget_s = 1, options.log_level = "off";
  const Settings s = resolve(options);
  CHECK(s.given_by("AK_BUDGET_S") == "budget_s");
  CHECK(s.given_by("AK_LOG") == "log_level");
  CHECK(s.given_by("AK_MODE") == "AK_MODE");
  CHECK(s.given_by("AK_MAX_TRIALS") == "AK_MAX_TRIALS");
}

TEST_CASE("the key comes from the callback, the variable or the file, and is never among the entries") {
  const std::string secret = "sk-very-secret", path = std::string(AK_BINARY_DIR) + "/test_key.txt";
  std::ofstream(path) << secret << " \nsecond line\n";
  Environment both(
      {{"AK_LLM_KEY", secret + "1"}, {"AK_LLM_KEY_FILE", path}, {"AK_LLM_ENDPOINT", "https://me:" + secret + "@host/v1"}});
  Options options;
  CHECK(resolve(options).llm_key() == secret + "1");
  options.llm_key = [&] { return secret + "2"; };
  const Settings s = resolve(options);
  CHECK(s.llm_key() == secret + "2");
  CHECK(entry(s, "AK_LLM_ENDPOINT").value == "https://***@host/v1");
  for (const auto& e : s.entries) CHECK(e.value.find(secret) == std::string::npos);
  unsetenv("AK_LLM_KEY");
  CHECK(resolve({}).llm_key() == secret);
  setenv("AK_LLM_KEY_FILE", "/no/such/file", 1);
  CHECK_THROWS_WITH_AS(resolve({}).llm_key(), doctest::Contains("AK_LLM_KEY_FILE"), Error);
}

TEST_CASE("a caller's log sink takes the lines at the level the caller asks for") {
  Environment none({});
  std::vector<std::string> lines;
  Options options;
  options.log_level = "info";
  options.log = [&](std::string_view level, std::string_view line) {
    lines.push_back(std::string(level) + " " + std::string(line));
  };
  const LogLevel before = log_level();
  {
    const Settings hold = resolve(options);
    log(LogLevel::info, "heard {}", 1);
    log(LogLevel::debug, "not heard");
  }
  log(LogLevel::info, "to stderr");
  set_log_level(before);
  CHECK(lines == std::vector<std::string>{"info heard 1"});
  options.log_level = "shout";
  CHECK_THROWS_WITH_AS(resolve(options), doctest::Contains("shout"), Error);
}

TEST_CASE("packs: the shipped one can be switched off, further ones are a list") {
  {
    Environment none({});
    CHECK(resolve({}).shipped);
    CHECK(resolve({}).packs.empty());
  }
  Environment set(std::map<std::string, std::string>{{"AK_SHIPPED", "0"}, {"AK_PACKS", "/a/one.pack::two.pack"}});
  CHECK(!resolve({}).shipped);
  CHECK(resolve({}).packs == std::vector<std::string>{"/a/one.pack", "two.pack"});
  Options options;
  options.shipped = true;
  options.packs = std::vector<std::string>{"with:colon.pack"};
  CHECK(resolve(options).shipped);
  CHECK(resolve(options).packs == std::vector<std::string>{"with:colon.pack"});
  Environment wrong(std::map<std::string, std::string>{{"AK_SHIPPED", "maybe"}});
  CHECK_THROWS_WITH_AS(resolve({}), doctest::Contains("AK_SHIPPED='maybe'"), Error);
}
