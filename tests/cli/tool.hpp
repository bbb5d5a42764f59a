// Runs the ak tool as a script would.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/texts.hpp"

namespace ak_tool {

struct Result {
  int code;
  std::string output;  // stdout, and stderr unless it was redirected
};

inline Result run_command(const std::string& command, const std::string& errors = "2>&1") {
  FILE* pipe = popen(fmt::format("{} {}", command, errors).c_str(), "r");
  REQUIRE(pipe);
  Result result;
  char buffer[4096];
  for (std::size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) result.output.append(buffer, n);
  const int status = pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

/// A program of the build folder.
inline Result run_program(const std::string& program, const std::string& arguments, const std::string& environment = "",
                          const std::string& errors = "2>&1") {
  return run_command(fmt::format("env AK_CACHE_DIR= {} '{}/{}' {}", environment, AK_BINARY_DIR, program, arguments), errors);
}

inline Result run_ak(const std::string& arguments, const std::string& environment = "", const std::string& errors = "2>&1") {
  return run_program("ak", arguments, environment, errors);
}

// A file that is gone when the test ends.
struct File {
  std::string path;
  explicit File(const std::string& text)
      : path((std::filesystem::temp_directory_path() / fmt::format("ak_list_{}", getpid())).string()) {
    std::ofstream(path, std::ios::binary) << text;
  }
  ~File() { std::filesystem::remove(path); }
};

}  // namespace ak_tool
