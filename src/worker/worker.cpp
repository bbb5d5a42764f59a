#include "worker/worker.hpp"

#include <map>
#include <utility>

#include "base/log.hpp"

namespace ak {
namespace {

constexpr double kOpenSeconds = 20;   // for a driver and a context on a cold machine
constexpr double kGraceSeconds = 3;   // beyond a proof's deadline, for an answer: who hangs is known within 2
constexpr double kAgainSeconds = 30;  // after it could not be had
constexpr std::size_t kPart = std::size_t{16} << 20;  // of a subject, a frame each

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
  ProofRequest ready;
  ready.kind = Asked::ready;
  process_->channel().send(encode(ready), Deadline::in(kGraceSeconds));
}

void Worker::end() {
  process_.reset(), subject_.reset();
  ready_ = false, pid_ = 0;
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
  if (ready_) return true;
  const auto reply = next(deadline);
  if (!reply && !process_->channel().closed()) return false;
  if (!reply) fail("the worker ended before it had opened the GPU");
  if (reply->kind != Answered::done) fail("the worker cannot use the GPU: " + reply->why);
  return ready_ = true;
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
  if (!process_ || !ready_) return;
  subject_.reset();
  ProofRequest close;
  close.kind = Asked::close;
  if (!process_->channel().send(encode(close), Deadline::in(kGraceSeconds))) end();
}

// Its subject in parts, where the process does not have it, and then the rest.
bool Worker::send(const ProofRequest& request, Deadline deadline) {
  const Digest subject = digest(request.subject);
  for (std::size_t at = 0; subject_ != subject && at < request.subject.size(); at += kPart) {
    ProofRequest part;
    part.kind = Asked::subject, part.subject = request.subject.substr(at, kPart), part.same_subject = at > 0;
    if (!process_->channel().send(encode(part), Deadline::in(kGraceSeconds, deadline.stop()))) return false;
  }
  ProofRequest rest{.tag = request.tag,
                    .subject = {},
                    .same_subject = subject_ == subject || !request.subject.empty(),
                    .launch = request.launch,
                    .image = request.image,
                    .effort = request.effort,
                    .whole = request.whole,
                    .seconds = deadline.remaining(),
                    .device_bytes = request.device_bytes,
                    .scratch_bytes = request.scratch_bytes};
  if (!process_->channel().send(encode(rest), Deadline::in(kGraceSeconds, deadline.stop()))) return false;
  subject_ = subject;
  return true;
}

// nullopt: it left for want of work before it read the request.
std::optional<ProofReply> Worker::ask_once(const ProofRequest& request, Deadline deadline) {
  const auto silent = [&] {
    ProofReply reply;
    // Who says no word may have been stopped or ended by somebody, for want of memory say: no kernel is to blame.
    reply.outcome = Outcome::timeout, reply.last = true;
    if (process_->channel().closed())
      reply.kind = Answered::gone, reply.why = "the worker ended without a word";
    else
      reply.why = deadline.stopped() ? "was stopped" : "did not end in time, nor did the worker answer";
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
  if (!send(request, deadline)) {
    end();
    return std::nullopt;
  }
  auto reply = next(Deadline::in(deadline.remaining() + kGraceSeconds, deadline.stop()));
  if (!reply) reply = silent();
  if (reply->kind == Answered::leaving || reply->last) end();
  return reply->kind == Answered::leaving ? std::nullopt : reply;
}

// Who ended the worker is asked once more, as that may be chance, and until then not blamed; never is it launched elsewhere.
ProofReply Worker::ask(const ProofRequest& request, Deadline deadline) {
  const std::lock_guard lock(mutex_);
  std::optional<ProofReply> ended;
  for (int attempt = 0; attempt < 3 && !(ended && deadline.passed()); ++attempt) {
    std::optional<ProofReply> reply;
    try {
      reply = ask_once(request, deadline);
    } catch (const Unavailable&) {
      if (!ended) throw;
      break;
    }
    if (!reply) continue;
    const bool ends = reply->kind == Answered::crashed || reply->kind == Answered::gone;
    if (!ends || (ended && ended->kind == reply->kind)) return *reply;
    ended = reply, ended->harms = false;
  }
  if (!ended) throw Unavailable{"the worker ends before it answers"};
  return *ended;
}

Proven Worker::prove(const ProofRequest& request, Deadline deadline) {
  const ProofReply reply = ask(request, deadline);
  if (reply.kind == Answered::unready) throw Unavailable{reply.why};
  if (reply.outcome != Outcome::correct) throw Failed{reply.outcome, reply.why, reply.harms};
  return {reply.error, reply.whole};
}

}  // namespace ak
