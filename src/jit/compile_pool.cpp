#include "jit/compile_pool.hpp"

#include <algorithm>

namespace ak {

CompilePool::CompilePool(std::string arch, SourceOf source, int threads)
    : arch_(std::move(arch)), source_(std::move(source)), limit_(std::max(1, threads)) {}

CompilePool::~CompilePool() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    queue_.clear();
  }
  wanted_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void CompilePool::want_locked(const Tactic& tactic, bool first) {
  const auto [entry, fresh] = entries_.try_emplace(tactic);
  if (entry->second.done()) return;
  if (!fresh) {
    if (!first) return;
    const auto at = std::find(queue_.begin(), queue_.end(), tactic);
    if (at == queue_.end()) return;  // being compiled
    queue_.erase(at);
  }
  first ? queue_.push_front(tactic) : queue_.push_back(tactic);
  if (idle_ < static_cast<int>(queue_.size()) && static_cast<int>(workers_.size()) < limit_)
    workers_.emplace_back([this] { work(); });
  wanted_.notify_one();
}

void CompilePool::want(const Tactic& tactic) {
  std::lock_guard lock(mutex_);
  want_locked(tactic, false);
}

bool CompilePool::ready(const Tactic& tactic) const {
  std::lock_guard lock(mutex_);
  const auto entry = entries_.find(tactic);
  return entry != entries_.end() && entry->second.done();
}

std::shared_ptr<const Compiled> CompilePool::get(const Tactic& tactic, Deadline deadline) {
  std::unique_lock lock(mutex_);
  want_locked(tactic, true);
  auto entry = entries_.end();
  const auto settled = [&] { return (entry = entries_.find(tactic)) == entries_.end() || entry->second.done(); };
  if (!finished_.wait_until(lock, deadline.at(), settled) || entry == entries_.end()) return nullptr;
  if (entry->second.failure) std::rethrow_exception(entry->second.failure);
  return entry->second.result;
}

void CompilePool::drop_waiting() {
  std::lock_guard lock(mutex_);
  for (const Tactic& tactic : queue_) entries_.erase(tactic);
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
    wanted_.wait(lock, [&] { return stop_ || !queue_.empty(); });
    --idle_;
    if (stop_) return;
    const Tactic tactic = queue_.front();
    queue_.pop_front();
    lock.unlock();

    Entry outcome;
    try {
      outcome.result = std::make_shared<const Compiled>(compile(source_(tactic), arch_, &stop_));
    } catch (...) {
      outcome.failure = std::current_exception();
    }

    lock.lock();
    compiles_ += outcome.result != nullptr;
    entries_.at(tactic) = std::move(outcome);
    finished_.notify_all();
  }
}

}  // namespace ak
