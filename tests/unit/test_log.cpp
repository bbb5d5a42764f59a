#include <doctest/doctest.h>

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
