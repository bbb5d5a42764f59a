// Lease: of all processes that share a cache folder, one at a time searches for a key.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/hash.hpp"

namespace ak {

/// A lock of one byte of the folder's file `leases`, which stays empty. The kernel gives it back when its holder ends, however
/// that comes: children that it forked meanwhile hold nothing of it. Two of one process exclude each other as those of two do.
/// Not thread-safe.
class Lease {
 public:
  /// Takes nothing yet. `folder` exists, or is empty: then there is no lease.
  Lease(const std::string& folder, const Digest& key);
  ~Lease() { release(); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  enum class State { held, elsewhere, none };
  /// Never waits. elsewhere: another holds it. none: it cannot be had here at all, and why() says why.
  State take();
  void release();
  const std::string& why() const { return why_; }
  const std::string& folder() const { return folder_; }

 private:
  struct Open;
  static Open& open();
  bool lock(int kind);

  const std::string folder_;
  const off_t byte_;
  int file_ = -1;
  bool held_ = false;
  std::string why_;
};

}  // namespace ak
