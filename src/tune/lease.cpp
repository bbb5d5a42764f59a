#include "tune/lease.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ak {

Lease::Lease(const std::string& folder, const Digest& key)
    : folder_(folder), byte_(static_cast<off_t>(key.low >> 2)), process_(getpid()) {
  if (folder_.empty()) why_ = "there is no folder to share";
}

// Open file description locks, for each lease of its own: plain record locks would let two contexts of one process in.
bool Lease::lock(int kind) {
  struct flock range {};
  range.l_type = static_cast<short>(kind), range.l_whence = SEEK_SET, range.l_start = byte_, range.l_len = 1;
  return fcntl(file_, F_OFD_SETLK, &range) == 0;
}

Lease::State Lease::take() {
  if (held_) return State::held;
  if (!why_.empty()) return State::none;
  if (file_ < 0) file_ = open((folder_ + "/leases").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file_ >= 0 && lock(F_WRLCK)) {
    held_ = true;
    return State::held;
  }
  if (file_ >= 0 && (errno == EAGAIN || errno == EACCES)) return State::elsewhere;
  why_ = fmt::format("{}/leases cannot be {}: {}", folder_, file_ < 0 ? "opened" : "locked", std::strerror(errno));
  return State::none;
}

void Lease::release() {
  // Said aloud: a child that was forked meanwhile has a copy of the descriptor. That child must not unlock its parent's.
  if (held_ && process_ == getpid()) lock(F_UNLCK);
  held_ = false;
  if (file_ >= 0) close(file_);
  file_ = -1;
}

}  // namespace ak
