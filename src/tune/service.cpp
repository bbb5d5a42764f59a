#include "tune/service.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

#include "ak/types.hpp"
#include "base/log.hpp"
#include "base/process_end.hpp"
#include "tune/lease.hpp"

namespace ak {
namespace {

constexpr auto kLook = std::chrono::milliseconds(5);  // whether another process gave its lease back
constexpr double kOpening = 30;                       // seconds that callers wait for work that says nothing of its length

thread_local bool working = false;

}  // namespace

struct TuningService::Entry {
  Entry(TuningRequest request, const TuningService* owner, const std::string& folder, Deadline by)
      : request(std::move(request)), owner(owner), lease(folder, this->request.key), by(by) {}

  const TuningRequest request;
  const TuningService* const owner;
  Lease lease;  // of who works
  std::stop_source stop;

  enum class State { queued, running, done } state = State::queued;  // this and what follows: under the tuner's mutex
  Deadline by;
  Clock::time_point not_before{};
  Clock::time_point leave_at{};  // for callers, while it runs
  int waiting = 0;
  bool elsewhere = false;
  std::exception_ptr failure;
};

namespace {

using Entry = TuningService::Entry;
using End = TuningService::End;

// One device's queue, and the thread that works it off.
class Tuner {
 public:
  ~Tuner() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  std::shared_ptr<Entry> enqueue(TuningRequest request, const TuningService* owner, const std::string& folder, Deadline by,
                                 const TuningService::MakeThread& make_thread) {
    const std::lock_guard lock(mutex_);
    if (leaving_) {
      const auto entry = std::make_shared<Entry>(std::move(request), owner, folder, by);
      end(*entry, kLeaving);
      return entry;
    }
    if (!thread_.joinable()) start(make_thread);
    for (const auto& entry : queue_)
      if (join(*entry, request, owner, by)) return changed_.notify_all(), entry;
    if (running_ && join(*running_, request, owner, by)) return running_;
    queue_.push_back(std::make_shared<Entry>(std::move(request), owner, folder, by));
    changed_.notify_all();
    return queue_.back();
  }

  End wait(const std::shared_ptr<Entry>& entry, Deadline begin_by, TuningService::Patience patience) {
    std::unique_lock lock(mutex_);
    ++entry->waiting;
    const End end = await(lock, entry, begin_by, patience);
    --entry->waiting;
    if (entry->state == Entry::State::queued && !entry->waiting && !entry->request.kept) std::erase(queue_, entry);
    if (end == End::done && entry->failure) std::rethrow_exception(entry->failure);
    return end;
  }

  // Returns once nothing of the owner runs any more.
  void drop(const TuningService* owner) {
    std::unique_lock lock(mutex_);
    std::erase_if(queue_, [&](const auto& entry) {
      if (entry->owner != owner) return false;
      end(*entry, "its context ended");
      return true;
    });
    changed_.notify_all();
    if (running_ && running_->owner == owner) running_->stop.request_stop();
    changed_.wait(lock, [&] { return !running_ || running_->owner != owner; });
  }

  // Nothing begins any more, what runs is stopped, and so long waited for: libraries that it may be in are about to end.
  void leave(Deadline by) {
    std::unique_lock lock(mutex_);
    leaving_ = true;
    for (const auto& entry : queue_) end(*entry, kLeaving);
    queue_.clear();
    if (running_) running_->stop.request_stop();
    changed_.notify_all();
    const bool quiet = changed_.wait_until(lock, by.at(), [&] { return !busy_; });
    if (!quiet || !thread_.joinable() || thread_.get_id() == std::this_thread::get_id()) return;
    std::thread ends = std::move(thread_);
    lock.unlock();
    ends.join();
  }

  bool met_elsewhere(const Entry& entry) {
    const std::lock_guard lock(mutex_);
    return entry.elsewhere;
  }

 private:
  static constexpr const char* kLeaving = "the process ends";

  static void end(Entry& entry, const char* why) {
    entry.failure = std::make_exception_ptr(Error(ErrorCode::internal, why));
    entry.state = Entry::State::done;
  }

  static bool join(Entry& entry, const TuningRequest& request, const TuningService* owner, Deadline by) {
    const TuningRequest& known = entry.request;
    if (entry.owner != owner || known.place != request.place || known.key != request.key || known.kind != request.kind)
      return false;
    if (request.kept && !known.kept) return false;
    if (by.at() > entry.by.at()) entry.by = by;
    entry.not_before = {};
    return true;
  }

  void start(const TuningService::MakeThread& make_thread) {
    try {
      thread_ = make_thread([this] { work(); });
    } catch (const std::system_error& error) {
      warn_once(fmt::format("no thread to tune on ({}): the calling thread must", error.what()));
    }
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (!ending_ && !leaving_) {
      std::vector<std::shared_ptr<Entry>> due;
      auto next = Clock::time_point::max();
      for (const auto& entry : queue_)
        if (entry->not_before <= Clock::now())
          due.push_back(entry);
        else
          next = std::min(next, entry->not_before);
      if (busy_ || (due.empty() && next == Clock::time_point::max()))
        changed_.wait(lock);
      else if (due.empty())
        changed_.wait_until(lock, next);
      else if (!run_one(lock, due))
        changed_.wait_for(lock, kLook);
    }
  }

  End await(std::unique_lock<std::mutex>& lock, const std::shared_ptr<Entry>& entry, Deadline begin_by,
            TuningService::Patience patience) {
    while (entry->state != Entry::State::done) {
      if (entry->state == Entry::State::running) {
        if (Clock::now() >= entry->leave_at) return End::late;
        changed_.wait_until(lock, entry->leave_at);
        continue;
      }
      if (!thread_.joinable() && !busy_ && run_one(lock, {entry})) continue;
      if (entry->state != Entry::State::queued) continue;
      if (begin_by.passed() || (entry->elsewhere && patience == TuningService::Patience::no_lease))
        return entry->elsewhere ? End::elsewhere : End::device;
      const auto look = thread_.joinable() ? begin_by.at() : Clock::now() + kLook;  // without a thread nobody else does
      changed_.wait_until(lock, std::min(begin_by.at(), look));
    }
    return End::done;
  }

  // The first whose lease is to be had; false when none is. Leases are asked for unlocked: on a network it takes its time.
  bool run_one(std::unique_lock<std::mutex>& lock, const std::vector<std::shared_ptr<Entry>>& candidates) {
    busy_ = true;
    std::shared_ptr<Entry> next;
    for (const auto& entry : candidates) {
      lock.unlock();
      const bool had = !entry->request.leased || entry->lease.take() != Lease::State::elsewhere;
      lock.lock();
      if (entry->state != Entry::State::queued || std::find(queue_.begin(), queue_.end(), entry) == queue_.end()) {
        entry->lease.release();  // dropped meanwhile
        continue;
      }
      if (had) {
        next = entry;
        break;
      }
      if (!std::exchange(entry->elsewhere, true)) changed_.notify_all();
    }
    if (next) run(lock, next);
    busy_ = false;
    changed_.notify_all();
    return next != nullptr;
  }

  void run(std::unique_lock<std::mutex>& lock, const std::shared_ptr<Entry>& entry) {
    std::erase(queue_, entry);
    running_ = entry;
    entry->state = Entry::State::running;
    const auto leave_in = [&entry](double seconds) { entry->leave_at = Deadline::in(seconds).at(); };
    leave_in(kOpening);
    std::shared_ptr<Entry> again;
    const Turn turn{Deadline::in(entry->by.remaining(), entry->stop.get_token()),
                    entry->request.leased ? entry->lease.why() : std::string(), [&](double seconds) {
                      const std::lock_guard inner(mutex_);
                      leave_in(seconds);
                      changed_.notify_all();
                    },
                    [&](std::shared_ptr<TuningWork> work, double seconds) {
                      TuningRequest request = entry->request;
                      request.work = std::move(work), request.kept = true;
                      again = std::make_shared<Entry>(std::move(request), entry->owner, entry->lease.folder(), Deadline::never());
                      again->not_before = Deadline::in(seconds).at();
                    }};
    lock.unlock();
    working = true;
    std::exception_ptr failure;
    try {
      entry->request.work->run(turn);
    } catch (...) {
      failure = std::current_exception();
    }
    working = false;
    entry->lease.release();
    lock.lock();
    entry->failure = failure;
    entry->state = Entry::State::done;
    if (again && !entry->stop.stop_requested()) queue_.push_back(std::move(again));
    running_.reset();
  }

  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Entry>> queue_;
  std::shared_ptr<Entry> running_;
  bool busy_ = false;  // somebody looks for work, or does it
  bool ending_ = false;   // its services have ended
  bool leaving_ = false;  // the process does
  std::thread thread_;
};

// The process's tuners. A forked child begins with none: its parent's threads do not exist there.
struct Registry {
  const pid_t process = getpid();
  std::mutex mutex;
  std::map<int, std::weak_ptr<Tuner>> by_device;
};

// The process's own instance; a forked child leaves its parent's alone, whose mutex may be held by a thread that is gone.
template <class T>
T& of_process(std::atomic<T*>& current) {
  T* seen = current.load();
  while (!seen || seen->process != getpid()) {
    auto fresh = std::make_unique<T>();
    if (current.compare_exchange_strong(seen, fresh.get())) seen = fresh.release();
  }
  return *seen;
}

std::atomic<Registry*> registry{nullptr};

void leave_all() {
  constexpr double kMost = 5;  // seconds: a stopped search ends within a trial
  Registry* all = registry.load();
  if (!all || all->process != getpid()) return;  // a forked child's end is not its parent's
  std::vector<std::shared_ptr<Tuner>> tuners;
  {
    const std::lock_guard lock(all->mutex);
    for (const auto& [device, tuner] : all->by_device)
      if (auto there = tuner.lock()) tuners.push_back(std::move(there));
  }
  const Deadline by = Deadline::in(kMost);
  for (const auto& tuner : tuners) tuner->leave(by);
}

std::shared_ptr<Tuner> tuner_of(int device) {
  static std::once_flag once;
  std::call_once(once, before_process_ends, leave_all);
  Registry& all = of_process(registry);
  const std::lock_guard lock(all.mutex);
  auto tuner = all.by_device[device].lock();
  if (!tuner) all.by_device[device] = tuner = std::make_shared<Tuner>();
  return tuner;
}

}  // namespace

struct TuningService::Tuners {
  const pid_t process = getpid();
  std::mutex mutex;
  std::map<int, std::shared_ptr<Tuner>> by_device;

  Tuner& of(int device) {
    const std::lock_guard lock(mutex);
    auto& tuner = by_device[device];
    if (!tuner) tuner = tuner_of(device);
    return *tuner;
  }
};

TuningService::TuningService(std::string lease_folder, MakeThread make_thread)
    : folder_(std::move(lease_folder)), make_thread_(std::move(make_thread)) {}

TuningService::~TuningService() {
  Tuners* mine = tuners_.load();
  if (!mine || mine->process != getpid()) return;
  for (const auto& [device, tuner] : mine->by_device) tuner->drop(this);
  delete mine;
}

TuningService::Tuners& TuningService::tuners() { return of_process(tuners_); }

TuningService::Ticket TuningService::enqueue(TuningRequest request, Deadline by) {
  return tuners().of(request.device).enqueue(std::move(request), this, folder_, by, make_thread_);
}

TuningService::End TuningService::wait(const Ticket& ticket, Deadline begin_by, Patience patience) {
  return tuners().of(ticket->request.device).wait(ticket, begin_by, patience);
}

const std::shared_ptr<TuningWork>& TuningService::work(const Ticket& ticket) { return ticket->request.work; }

bool TuningService::met_elsewhere(const Ticket& ticket) { return tuners().of(ticket->request.device).met_elsewhere(*ticket); }

bool TuningService::inside() { return working; }

}  // namespace ak
