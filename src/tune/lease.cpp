#include "tune/lease.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <vector>

namespace ak {

// Those with an open file. A forked child closes its copies, or its parent's locks would last as long as it does.
struct Lease::Open {
  std::mutex mutex;
  std::vector<Lease*> all;

  Open() {
    pthread_atfork([] { open().mutex.lock(); }, [] { open().mutex.unlock(); },
                   [] {  // allocates nothing: only what a signal handler may do is safe here
                     for (Lease* lease : open().all) {
                       close(lease->file_);
                       lease->file_ = -1, lease->held_ = false;
                     }
                     open().all.clear();
                     open().mutex.unlock();
                   });
  }
};

// Never destroyed: a process may fork while it ends.
Lease::Open& Lease::open() {
  static Open* const open = new Open;
  return *open;
}

Lease::Lease(const std::string& folder, const Digest& key) : folder_(folder), byte_(static_cast<off_t>(key.low >> 2)) {
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
  if (file_ < 0) {
    const std::string path = folder_ + "/leases";
    const std::lock_guard lock(open().mutex);  // no fork between opening and listing
    open().all.push_back(this);
    file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file_ < 0) open().all.pop_back();
  }
  if (file_ >= 0 && lock(F_WRLCK)) {
    held_ = true;
    return State::held;
  }
  if (file_ >= 0 && (errno == EAGAIN || errno == EACCES)) return State::elsewhere;
  why_ = fmt::format("{}/leases cannot be {}: {}", folder_, file_ < 0 ? "opened" : "locked", std::strerror(errno));
  return State::none;
}

void Lease::release() {
  if (held_) lock(F_UNLCK);  // said aloud: a child that did not come by fork() may have a copy of the descriptor
  held_ = false;
  if (file_ < 0) return;
  const std::lock_guard lock(open().mutex);
  std::erase(open().all, this);
  close(file_);
  file_ = -1;
}

}  // namespace ak
