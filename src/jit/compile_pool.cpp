#include "jit/compile_pool.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <system_error>

#include "ak/types.hpp"
#include "base/log.hpp"

namespace ak {
namespace {

// On top of what the process has; of this thread alone.
void be_nicer(int by) {
  const auto self = static_cast<id_t>(gettid());
  if (by > 0) setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + by);
}

}  // namespace

CompilePool::CompilePool(std::string arch, const Allowance& allowance, MakeThread make_thread,
                         std::shared_ptr<CompiledKernels> known, Compiler& compiler)
    : arch_(std::move(arch)),
      make_thread_(std::move(make_thread)),
      limit_(std::max(1, allowance.compile_threads)),
      niceness_(allowance.niceness),
      known_(std::move(known)),
      compiler_(compiler) {}

CompilePool::~CompilePool() {
  {
    std::lock_guard lock(mutex_);
    stop_.request_stop();
    queue_.clear();
  }
  wanted_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void CompilePool::want_locked(const Source& source, bool first) {
  const auto [entry, fresh] = entries_.try_emplace(source.digest);
  if (entry->second.done()) return;
  if (!fresh) {
    if (!first) return;
    const auto at = std::find(queue_.begin(), queue_.end(), source.digest);
    if (at == queue_.end()) return;  // being compiled
    queue_.erase(at);
  } else if (known_ && (entry->second.result = known_->find(source.digest))) {
    return;
  } else {
    entry->second.text = source.text;
  }
  first ? queue_.push_front(source.digest) : queue_.push_back(source.digest);
  if (idle_ < static_cast<int>(queue_.size()) && static_cast<int>(workers_.size()) < limit_) start_worker();
  wanted_.notify_one();
}

// A process may be out of threads (ulimit -u, a container's pids limit): then those there are compile, or who waits in get().
void CompilePool::start_worker() {
  try {
    workers_.push_back(make_thread_([this] {
      be_nicer(niceness_);  // the application goes first
      work();
    }));
  } catch (const std::system_error& error) {
    warn_once(fmt::format("no further thread to compile on ({}): {} compile", error.what(),
                          workers_.empty() ? "the calling thread must" : "those there are"));
  }
}

void CompilePool::want(const Source& source) {
  std::lock_guard lock(mutex_);
  want_locked(source, false);
}

void CompilePool::put(const Source& source, std::string cubin) {
  std::lock_guard lock(mutex_);
  const auto [entry, fresh] = entries_.try_emplace(source.digest);
  if (!fresh) return;
  auto result = std::make_shared<Compiled>();
  result->cubin = std::move(cubin);
  entry->second.result = std::move(result);
}

bool CompilePool::ready(const Digest& source) const {
  std::lock_guard lock(mutex_);
  if (workers_.empty() && !queue_.empty()) return queue_.front() == source;  // get() compiles it
  const auto entry = entries_.find(source);
  return entry != entries_.end() && entry->second.done();
}

std::shared_ptr<const Compiled> CompilePool::get(const Source& source, Deadline deadline) {
  std::unique_lock lock(mutex_);
  want_locked(source, true);
  if (workers_.empty() && !queue_.empty() && queue_.front() == source.digest) compile_next(lock);
  auto entry = entries_.end();
  const auto settled = [&] { return (entry = entries_.find(source.digest)) == entries_.end() || entry->second.done(); };
  if (!deadline.wait(finished_, lock, settled) || entry == entries_.end()) return nullptr;
  if (entry->second.failure) std::rethrow_exception(entry->second.failure);
  return entry->second.result;
}

void CompilePool::drop_waiting() {
  std::lock_guard lock(mutex_);
  for (const Digest& source : queue_) entries_.erase(source);
  queue_.clear();
  finished_.notify_all();
}

int CompilePool::compiles() const {
  std::lock_guard lock(mutex_);
  return compiles_;
}

void CompilePool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    wanted_.wait(lock, [&] { return stop_.stop_requested() || !queue_.empty(); });
    --idle_;
    if (stop_.stop_requested()) return;
    compile_next(lock);
  }
}

void CompilePool::compile_next(std::unique_lock<std::mutex>& lock) {
  const Digest source = queue_.front();
  queue_.pop_front();
  const std::string text = std::move(entries_.at(source).text);
  lock.unlock();

  Entry outcome;
  bool passing = false;  // a lack of memory
  try {
    outcome.result = std::make_shared<const Compiled>(compiler_.compile(text, arch_, Deadline::never(stop_.get_token())));
  } catch (const Error& error) {
    passing = error.code() == ErrorCode::out_of_memory;
    outcome.failure = std::current_exception();
  } catch (const std::bad_alloc&) {
    passing = true;
  } catch (...) {
    outcome.failure = std::current_exception();
  }

  if (known_ && outcome.result) known_->put(source, outcome.result);
  lock.lock();
  compiles_ += outcome.result != nullptr;
  if (passing)
    entries_.erase(source);  // who waits goes without; it may be wanted again
  else
    entries_.at(source) = std::move(outcome);
  finished_.notify_all();
}

}  // namespace ak
