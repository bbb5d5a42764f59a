// What a language model answered for the tests' own loops, recorded with its questions: judged as it was then.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "base/hash.hpp"
#include "base/json_value.hpp"
#include "base/temporary_folder.hpp"
#include "llm/chat.hpp"
#include "tool.hpp"

namespace fs = std::filesystem;
using namespace ak_tool;

namespace {

struct Judged {
  std::string function, file, arm, prompt, reply, status;
  int right = 0, cases = 0;
};

Judged judged(const std::string& line) {
  Judged one;
  ak::read_json("a recorded answer", line, [&](const ak::JsonValue& whole) {
    one.function = whole["function"].text(), one.file = whole["file"].text(), one.arm = whole["arm"].text();
    one.prompt = whole["prompt"].text(), one.reply = whole["reply"].text(), one.status = whole["status"].text();
    one.right = whole["right"].count(), one.cases = whole["cases"].count();
  });
  return one;
}

std::string content(const fs::path& path) {
  std::ostringstream all;
  all << std::ifstream(path).rdbuf();
  return all.str();
}

}  // namespace

TEST_CASE("replies: recorded answers for own loops are judged as they were; those whose question has changed are named as stale") {
  if (!ak::has_llm() || !fs::exists(AK_BINARY_DIR "/ak-analyse")) return;
  const int every = std::getenv("AK_TEST_ALL") ? 3 : 12;
  int at = 0, replayed = 0;
  std::string stale;
  for (const char* arm : {"bare", "verdict", "skeleton"}) {
    std::ifstream in(fmt::format("{}/tests/replies/loops/{}.jsonl", AK_SOURCE_DIR, arm));
    for (std::string line; std::getline(in, line);) {
      if (at++ % every != 0) continue;
      const Judged then = judged(line);
      CAPTURE(then.function);
      CAPTURE(then.arm);
      const std::string source = fmt::format("port {}/{} {} --prompt-arm {}", AK_SOURCE_DIR, then.file, then.function, arm);
      if (run_ak(source + " --prompt").output != then.prompt) {
        stale += fmt::format(" {}.{}", then.function, arm);
        continue;
      }
      const ak::TemporaryFolder box("ak-replies");
      std::ofstream(fmt::format("{}/{}.reply.txt", box.path(), ak::digest(then.prompt).hex())) << then.reply;
      run_ak(fmt::format("{} --llm mailbox:{} --proposer llm --quick --rounds 1 --proposals 0 --seconds 90 --attempts {}/now.jsonl",
                         source, box.path(), box.path()));
      const Judged now = judged(content(fs::path(box.path()) / "now.jsonl"));
      CHECK(now.reply == then.reply);
      CHECK(now.status == then.status);
      CHECK(now.right == then.right);
      CHECK(now.cases == then.cases);
      ++replayed;
    }
  }
  CHECK(at > 0);
  if (!stale.empty()) MESSAGE("asked otherwise now, so not replayed:", stale);
  MESSAGE(replayed, " answers replayed");
}
