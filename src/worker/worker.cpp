#include "worker/worker.hpp"

#include <map>
#include <utility>

#include "base/log.hpp"

namespace ak {
namespace {

constexpr double kOpenSeconds = 20;   // for a driver and a context on a cold machine
constexpr double kGraceSeconds = 3;   // beyond a proof's deadline, for an answer: who hangs is known within 2
constexpr double kAgainSeconds = 30;  // after it could not be had
constexpr const char* kDied = "ended the worker's process";

}  // namespace

Worker& Worker::of(const std::string& program, const std::string& device) {
  static std::mutex mutex;
  static auto& all = *new std::map<std::pair<std::string, std::string>, Worker>;
  const std::lock_guard lock(mutex);
  return all.try_emplace({program, device}, program, device).first->second;
}

// Throws Error{unsupported}.
void Worker::begin() {
  if (process_) return;
  if (failure_ && seconds_since(failed_at_) < kAgainSeconds) throw Error(*failure_);
  try {
    process_ = std::make_unique<WorkerProcess>(program_, device_);
  } catch (const Error& error) {
    fail(error.what());
  }
  failure_.reset();
  pid_ = process_->pid();
  ProofRequest open;
  open.kind = Asked::open;
  process_->channel().send(encode(open), Deadline::in(kGraceSeconds));
}

void Worker::end() {
  process_.reset();
  opened_ = false, pid_ = 0;
}

void Worker::fail(const std::string& why) {
  end();
  failed_at_ = Clock::now();
  throw failure_.emplace(ErrorCode::unsupported, why);
}

std::optional<ProofReply> Worker::next(Deadline deadline) {
  const auto frame = process_->channel().receive(deadline);
  return frame ? decode_reply(*frame) : std::nullopt;
}

// False: not by then. Throws Error{unsupported}.
bool Worker::opens(Deadline deadline) {
  if (opened_) return true;
  const auto reply = next(deadline);
  if (!reply && !process_->channel().closed()) return false;
  if (!reply) fail("the worker ended before it had opened the GPU");
  if (reply->kind != Answered::done) fail("the worker cannot use the GPU: " + reply->why);
  return opened_ = true;
}

std::optional<std::string> Worker::start() {
  const std::lock_guard lock(mutex_);
  try {
    begin();
  } catch (const Error& error) {
    return error.what();
  }
  return std::nullopt;
}

void Worker::await_open(Deadline deadline) {
  const std::lock_guard lock(mutex_);
  try {
    if (process_) opens(deadline);
  } catch (const Error&) {
  }
}

void Worker::close() {
  const std::lock_guard lock(mutex_);
  if (!process_ || !opened_) return;
  ProofRequest close;
  close.kind = Asked::close;
  if (!process_->channel().send(encode(close), Deadline::in(kGraceSeconds))) end();
}

// nullopt: it left for want of work before it read the request.
std::optional<ProofReply> Worker::ask(const ProofRequest& request, Deadline deadline) {
  const auto silent = [&] {
    ProofReply reply;
    const bool gone = process_->channel().closed();
    reply.outcome = gone ? Outcome::runtime : Outcome::timeout;
    reply.why = gone ? kDied : deadline.stopped() ? "was stopped" : "did not end in time, nor did the worker answer";
    reply.harms = gone, reply.last = true;  // who does not answer may have been stopped by somebody
    return reply;
  };
  try {
    begin();
    if (!opens(Deadline::in(kOpenSeconds, deadline.stop()))) {
      if (deadline.stopped()) return silent();  // which says nothing against it: it goes on opening
      fail("the worker does not answer");
    }
  } catch (const Error& error) {
    throw Unavailable{error.what()};
  }
  if (!process_->channel().send(encode(request), Deadline::in(kGraceSeconds, deadline.stop()))) {
    end();
    return std::nullopt;
  }
  auto reply = next(Deadline::in(deadline.remaining() + kGraceSeconds, deadline.stop()));
  if (!reply) reply = silent();
  if (reply->kind == Answered::leaving || reply->last) end();
  return reply->kind == Answered::leaving ? std::nullopt : reply;
}

ProofReply Worker::prove(const ProofRequest& request, Deadline deadline) {
  const std::lock_guard lock(mutex_);
  bool died = false;
  for (int attempt = 0; attempt < 3; ++attempt) {
    auto reply = ask(request, deadline);
    if (!reply) continue;
    // Somebody may have ended it: only who ends it twice is to blame.
    const bool dies = reply->harms && reply->why == kDied;
    if (!dies || std::exchange(died, true)) return *reply;
  }
  throw Unavailable{"the worker ends before it is asked"};
}

Proven WorkerProver::prove(const Kernel& kernel, Effort effort, Deadline deadline) {
  ProofRequest request;
  request.effort = effort;
  return ask(std::move(request), kernel, deadline);
}

Proven WorkerProver::prove_whole(const Kernel& kernel, Deadline deadline) {
  ProofRequest request;
  request.all_rows = true;
  return ask(std::move(request), kernel, deadline);
}

Proven WorkerProver::ask(ProofRequest request, const Kernel& kernel, Deadline deadline) {
  request.problem = problem_, request.whole = whole_, request.tactic = to_string(kernel.tactic);
  request.cubin = kernel.cubin, request.seconds = deadline.remaining();
  request.device_bytes = device_bytes_, request.scratch_bytes = scratch_bytes_;
  const ProofReply reply = worker_.prove(request, deadline);
  if (reply.kind == Answered::unready) throw Unavailable{reply.why};
  if (reply.outcome != Outcome::correct) throw Failed{reply.outcome, reply.why, reply.harms};
  return {reply.error, reply.whole};
}

}  // namespace ak
