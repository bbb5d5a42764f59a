// What a program that is started gets of its host: descriptors that are named, no signal that is blocked or ignored, a session of
// its own. For posix_spawn; all must be said before it runs, or it would run with what is the host's.
#pragma once

#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>

#include <cstring>

#include "ak/types.hpp"

namespace ak {

/// Throws Error{unsupported} for a posix_spawn function's error.
inline void must_prepare(int error) {
  if (error) throw Error(ErrorCode::unsupported, fmt::format("a program cannot be prepared: {}", std::strerror(error)));
}

class SpawnActions {
 public:
  SpawnActions() { must_prepare(posix_spawn_file_actions_init(&value_)); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&value_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;

  void give(int ours, int theirs) { must_prepare(posix_spawn_file_actions_adddup2(&value_, ours, theirs)); }
  void close_from(int first) { must_prepare(posix_spawn_file_actions_addclosefrom_np(&value_, first)); }
  const posix_spawn_file_actions_t* get() const { return &value_; }

 private:
  posix_spawn_file_actions_t value_;
};

class SpawnAttributes {
 public:
  SpawnAttributes() {
    must_prepare(posix_spawnattr_init(&value_));
    sigset_t none, all;
    sigemptyset(&none), sigfillset(&all);
    posix_spawnattr_setsigmask(&value_, &none);
    posix_spawnattr_setsigdefault(&value_, &all);
    posix_spawnattr_setflags(&value_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  }
  ~SpawnAttributes() { posix_spawnattr_destroy(&value_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;

  const posix_spawnattr_t* get() const { return &value_; }

 private:
  posix_spawnattr_t value_;
};

}  // namespace ak
