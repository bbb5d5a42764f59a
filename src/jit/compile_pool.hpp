// CompilePool: compiles sources on all usable cores, in the order they were wanted. It knows a source by its digest and
// nothing of what it is for.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/thread.hpp"
#include "core/allowance.hpp"
#include "jit/compiled_kernels.hpp"
#include "jit/compiler.hpp"

namespace ak {

class CompilePool {
 public:
  /// start_thread; a test's own may throw std::system_error.
  using MakeThread = std::function<std::thread(std::function<void()>)>;

  /// arch as in compile(). Of the allowance it takes threads and their niceness. They start with the first want() and block all
  /// signals. Where none can be started get() compiles itself. known: what it need not compile, and what it adds to; null:
  /// nothing. compiler: who compiles; it outlives the pool.
  explicit CompilePool(std::string arch, const Allowance& allowance = {}, MakeThread make_thread = start_thread,
                       std::shared_ptr<CompiledKernels> known = nullptr, Compiler& compiler = compiler_here());
  /// Drops what waits and cancels what runs.
  ~CompilePool();
  CompilePool(const CompilePool&) = delete;
  CompilePool& operator=(const CompilePool&) = delete;

  /// Queues a compile behind those wanted before; a source that is known already is left alone.
  void want(const Source& source);
  /// What a compile of the source gave before; one that is known already is left alone.
  void put(const Source& source, std::string cubin);
  /// Whether get() would return without waiting.
  bool ready(const Digest& source) const;
  /// The result, wanted now: it goes to the front of the queue. nullptr once the deadline has passed or when another
  /// thread dropped it. Throws what the compiler throws: Error{missing_library} without NVRTC.
  std::shared_ptr<const Compiled> get(const Source& source, Deadline deadline);
  /// Drops what waits; what was compiled stays. A dropped source may be wanted again.
  void drop_waiting();

  /// Compiles finished so far.
  int compiles() const;
  int threads() const { return limit_; }

 private:
  struct Entry {
    std::string text;  // until it is compiled
    std::shared_ptr<const Compiled> result;
    std::exception_ptr failure;
    bool done() const { return result || failure; }
  };

  struct HashOf {
    std::size_t operator()(const Digest& digest) const { return static_cast<std::size_t>(digest.low); }
  };

  void want_locked(const Source& source, bool first);
  void start_worker();
  void work();
  void compile_next(std::unique_lock<std::mutex>& lock);

  const std::string arch_;
  const MakeThread make_thread_;
  const int limit_, niceness_;
  const std::shared_ptr<CompiledKernels> known_;
  Compiler& compiler_;
  mutable std::mutex mutex_;
  std::condition_variable wanted_, finished_;
  std::deque<Digest> queue_;
  std::unordered_map<Digest, Entry, HashOf> entries_;
  std::vector<std::thread> workers_;
  int idle_ = 0, compiles_ = 0;
  std::stop_source stop_;
};

}  // namespace ak
