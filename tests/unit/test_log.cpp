#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "ak/ak.hpp"
#include "base/log.hpp"

using namespace ak;

TEST_CASE("a log sink may log itself, and may wait for another thread that logs") {
  std::vector<std::string> lines;
  const auto id = add_log_sink([&](LogLevel, std::string_view line) {
    lines.emplace_back(line);
    if (lines.size() > 1) return;
    log_line(LogLevel::info, "from within the sink, to stderr");
    std::thread([] { log_line(LogLevel::info, "from another thread"); }).join();
  });
  log_line(LogLevel::info, "outer");
  remove_log_sink(id);
  CHECK(lines == std::vector<std::string>{"outer", "from another thread"});
}

TEST_CASE("a sink that throws costs nobody anything") {
  const auto id = add_log_sink([](LogLevel, std::string_view) { throw 1; });
  CHECK_NOTHROW(log_line(LogLevel::info, "a line"));
  remove_log_sink(id);
}

TEST_CASE("a context's log sink is not called after the context, and that of an older one is again") {
  const LogLevel before = log_level();
  std::vector<std::string> outer, inner;
  Options options;
  options.cache_dir = "", options.log_level = "info";
  options.log = [&](std::string_view, std::string_view line) { outer.emplace_back(line); };
  {
    const Context first(options);
    {
      options.log = [&](std::string_view, std::string_view line) { inner.emplace_back(line); };
      const Context second(options);
      outer.clear(), inner.clear();
      log(LogLevel::info, "both");
    }
    log(LogLevel::info, "first only");
  }
  set_log_level(before);
  log_line(LogLevel::info, "nobody hears this");
  CHECK(inner == std::vector<std::string>{"both"});
  CHECK(outer == std::vector<std::string>{"first only"});
}

TEST_CASE("a context that cannot be made leaves no sink behind") {
  const LogLevel before = log_level();
  int heard = 0;
  Options options;
  options.cache_dir = "", options.log_level = "info", options.recording = AK_SOURCE_DIR "/README.md";
  options.log = [&](std::string_view, std::string_view) { ++heard; };
  CHECK_THROWS_AS(Context{options}, Error);
  heard = 0;
  log_line(LogLevel::info, "after it, to stderr");
  CHECK(heard == 0);
  set_log_level(before);
}

TEST_CASE("a warning obeys the level, and what nobody heard is told once somebody listens") {
  const LogLevel before = log_level();
  std::vector<std::string> lines;
  const auto id = add_log_sink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  for (const LogLevel silent : {LogLevel::off, LogLevel::error}) {
    set_log_level(silent);
    warn_once("a warning of test_log");
  }
  CHECK(lines.empty());
  set_log_level(LogLevel::warn);
  warn_once("a warning of test_log");
  warn_once("a warning of test_log");
  CHECK(lines == std::vector<std::string>{"a warning of test_log"});
  remove_log_sink(id);
  set_log_level(before);
}

TEST_CASE("the library prints through its log alone") {
  namespace fs = std::filesystem;
  const std::regex prints(R"(\b(stderr|stdout) *[,)]|\b(perror|puts)\(|std::c(out|err|log)\b|fmt::print\b|\bv?printf\b)");
  std::vector<std::string> found;
  for (const char* folder : {"src", "cache"})
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(AK_SOURCE_DIR) / folder)) {
      const std::string file = fs::relative(entry.path(), AK_SOURCE_DIR);
      if (file.starts_with("src/port/gate")) continue;  // names what kernels must not call
      if (file.starts_with("src/cli/") || file == "src/ak_worker.cpp" || file == "src/analyser/main.cpp" || file == "src/base/log.cpp") continue;  // programs
      if (entry.path().extension() != ".cpp" && entry.path().extension() != ".hpp") continue;
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) {
        line.resize(std::min(line.find("//"), line.size()));
        if (std::regex_search(line, prints)) found.push_back(file + ": " + line);
      }
    }
  CHECK(found == std::vector<std::string>{});
}
