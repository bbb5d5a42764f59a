// Real processes for tests: forked from this one, without exec.
#pragma once

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>

namespace ak::testing {

/// Whether such a child may start threads: the thread sanitizer takes none after a fork.
#if defined(__SANITIZE_THREAD__)
constexpr bool kChildHasThreads = false;
#else
constexpr bool kChildHasThreads = true;
#endif

/// Runs `body` in a child, whose text it gives is read by text(). Killed at the end of its test if it has not ended.
class ChildProcess {
 public:
  template <class Body>
  explicit ChildProcess(Body&& body) {
    int pipe_ends[2];
    REQUIRE(pipe(pipe_ends) == 0);
    id_ = fork();
    REQUIRE(id_ >= 0);
    if (id_ == 0) {
      alarm(60);  // whatever it waits for
      close(pipe_ends[0]);
      out_ = pipe_ends[1];
      body(*this);
      _exit(0);
    }
    close(pipe_ends[1]);
    out_ = pipe_ends[0];
  }
  ChildProcess(ChildProcess&& other) noexcept : id_(std::exchange(other.id_, 0)), out_(std::exchange(other.out_, -1)) {}
  ~ChildProcess() {
    if (id_ > 0) signal(SIGKILL);
    if (out_ >= 0) close(out_);
  }

  /// In the child.
  void say(const std::string& text) {
    if (write(out_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) _exit(1);
  }
  /// In the parent: all that it said until it ended, or its first `bytes`.
  std::string text(std::size_t bytes = std::string::npos) {
    std::string all;
    char next;
    while (all.size() < bytes && read(out_, &next, 1) == 1) all += next;
    return all;
  }
  /// Sent, and seen to have worked: SIGSTOP, SIGKILL.
  void signal(int number) {
    kill(id_, number);
    int status = 0;
    waitpid(id_, &status, number == SIGSTOP ? WUNTRACED : 0);
    if (number == SIGKILL) id_ = 0;
  }
  /// Whether it ended by itself and well.
  bool ended_well() {
    int status = 0;
    waitpid(std::exchange(id_, 0), &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

 private:
  pid_t id_ = 0;
  int out_ = -1;
};

}  // namespace ak::testing
