// What the tests of stores share: a folder of their own, what was logged, other processes.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "cache/store.hpp"

namespace ak::test_stores {

struct Folder {
  explicit Folder(const char* name)
      : path(std::filesystem::temp_directory_path() / ("ak_store_" + std::to_string(getpid()) + "_" + name)) {
    std::filesystem::remove_all(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  operator std::string() const { return path; }
  const std::filesystem::path path;
};

// What was logged while it lives.
struct Log {
  Log() {
    set_log_sink([this](LogLevel, std::string_view line) { text += std::string(line) + "\n"; });
    set_log_level(LogLevel::warn);
  }
  ~Log() {
    set_log_sink({});
    set_log_level(LogLevel::off);
  }
  bool has(std::string_view what) const { return text.find(what) != text.npos; }
  std::string text;
};

inline bool durable(const Store& store) { return store.describe().starts_with("lmdb "); }

// This program again, running one case of it, with its standard output in a pipe. With own_pids it is process 1 of a PID
// namespace, as in a container.
struct Child {
  Child(const char* test, const std::string& folder, int number, bool own_pids = false) {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    const std::string filter = std::string("--test-case=") + test;
    const std::string program = std::filesystem::read_symlink("/proc/self/exe");
    std::vector<const char*> arguments = {program.c_str(), "--no-skip", "--minimal", filter.c_str(), nullptr};
    if (own_pids) arguments.insert(arguments.begin(), {"unshare", "--pid", "--fork", "--kill-child"});
    setenv("AK_TEST_FOLDER", folder.c_str(), 1);
    setenv("AK_TEST_NUMBER", std::to_string(number).c_str(), 1);
    REQUIRE(posix_spawnp(&process, arguments[0], &actions, nullptr, const_cast<char**>(arguments.data()), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    out = ends[0];
  }
  ~Child() {
    if (process) kill(process, SIGKILL), wait();
    close(out);
  }
  // Its next line; empty at its end.
  std::string line() {
    std::string text;
    for (char c; ::read(out, &c, 1) == 1 && c != '\n';) text += c;
    return text;
  }
  int wait() {
    int status = 0;
    waitpid(process, &status, 0);
    process = 0;
    return status;
  }
  pid_t process = 0;
  int out = -1;
};

inline std::string child_folder() { return std::getenv("AK_TEST_FOLDER"); }
inline int child_number() { return std::atoi(std::getenv("AK_TEST_NUMBER")); }

}  // namespace ak::test_stores
