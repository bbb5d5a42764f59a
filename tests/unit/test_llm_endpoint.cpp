// Which endpoints there are; the mailbox among them.
#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "ak/types.hpp"
#include "base/hash.hpp"
#include "llm/chat.hpp"

using namespace ak;

namespace {

const ChatRequest kPlainQuestion = {"be brief", "which tile?", ""};

std::string temporary_folder() {
  std::string path = (std::filesystem::temp_directory_path() / "ak-mailbox-XXXXXX").string();
  REQUIRE(mkdtemp(path.data()));
  return path;
}

}  // namespace

TEST_CASE("chat: every provider of the list can be asked, and nothing else") {
  CHECK(providers() == "openai, anthropic or mailbox:DIR");
  for (const char* known : {"openai", "anthropic", "mailbox:/tmp"}) CHECK(is_provider(known));
  for (const char* unknown : {"", "mailbox", "mailbox:", "OpenAI", "openai "}) CHECK(!is_provider(unknown));
  CHECK(has_own_server("anthropic"));
  CHECK(!has_own_server("mailbox:/tmp"));
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
  const ChatReply reply = chat->ask(kPlainQuestion, Deadline::in(10), {});
  clerk.join();
  CHECK(reply.ok());
  CHECK(reply.text == "use 64");
  std::ifstream prompt(stem + ".prompt.txt");
  CHECK(std::string(std::istreambuf_iterator<char>(prompt), {}) == text);

  std::filesystem::remove(stem + ".prompt.txt");
  const auto start = Clock::now();
  CHECK(chat->ask(kPlainQuestion, Deadline::in(10), {}).text == "use 64");
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
