#include "worker/serve.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "base/box.hpp"
#include "base/build.hpp"
#include "base/landlock.hpp"
#include "base/sanitized.hpp"
#include "plan/resources.hpp"
#include "worker/channel.hpp"
#include "worker/crash_reply.hpp"
#include "worker/messages.hpp"

namespace ak {
namespace {

constexpr double kPatience = 1;  // seconds for what outlasts a deadline
constexpr double kHangs = 2;     // seconds since its launch: others' work may delay a kernel; one that goes on then hangs

// One subject's proofs; the next subject's take their place.
struct OpenSession {
  OpenSession(const WorkKind& kind, const std::string& subject, const ProofRequest& request)
      : kind(kind), allowance(allowance_of(request)), session(kind.open(subject, allowance)) {}
  bool serves(const ProofRequest& request) const {
    return kind.tag == request.tag && allowance.device_bytes == request.device_bytes &&
           allowance.scratch_bytes == request.scratch_bytes;
  }
  static Allowance allowance_of(const ProofRequest& request) {
    Allowance allowance;
    allowance.device_bytes = request.device_bytes, allowance.scratch_bytes = request.scratch_bytes;
    return allowance;
  }
  const WorkKind& kind;
  const Allowance allowance;
  const std::unique_ptr<ProofSession> session;
};

class Server {
 public:
  Server(int socket, std::span<const WorkKind> kinds, const ServeOptions& options)
      : channel_(Descriptor(socket)), kinds_(kinds), options_(options) {}

  int run() {
    std::thread([socket = channel_.socket()] {
      pollfd host{socket, POLLRDHUP, 0};
      while (::poll(&host, 1, -1) < 0)
        if (errno != EINTR) std::this_thread::sleep_for(std::chrono::milliseconds(100));
      std::_Exit(0);
    }).detach();
    send_at_crash(channel_.socket(), encode(crashed()));
    Hello hello;
    hello.build = build_digest();
    if (!say(encode(hello))) return 1;
    for (;;) {
      std::optional<ProofReply> reply;
      try {
        const auto frame = channel_.receive(Deadline::in(options_.idle_s));
        if (channel_.closed()) return 0;
        reply = frame ? answer(*frame) : leaving();
      } catch (const std::exception& error) {  // host memory: no kernel is guilty of that
        reply = ProofReply{};
        reply->outcome = Outcome::timeout, reply->why = fmt::format("the worker: {}", error.what()), reply->last = true;
      }
      if (!reply) continue;
      if (!say(encode(*reply))) return 1;
      if (reply->last) std::_Exit(0);  // orderly destruction would ask a driver that is no longer there
    }
  }

 private:
  bool say(const std::string& frame) { return channel_.send(frame, Deadline::in(10)); }

  static ProofReply crashed() {
    ProofReply reply;
    reply.kind = Answered::crashed, reply.outcome = Outcome::runtime, reply.why = "crashed the worker's process";
    reply.harms = true, reply.last = true;
    return reply;
  }

  static ProofReply leaving() {
    ProofReply reply;
    reply.kind = Answered::leaving, reply.last = true;
    return reply;
  }

  // nullopt: none is due.
  std::optional<ProofReply> answer(const std::string& frame) {
    const auto request = decode_request(frame);
    if (!request) std::_Exit(1);
    if (request->kind == Asked::close) return take_subject({}), std::nullopt;
    if (request->kind == Asked::subject) {
      if (request->same_subject)
        subject_.append(request->subject);
      else
        take_subject(request->subject);
      return std::nullopt;
    }
    ProofReply reply;
    try {
      resources();
      confine();
    } catch (const std::exception& error) {
      reply.kind = Answered::unready, reply.why = error.what();
      return reply;
    }
    if (request->kind == Asked::ready) return reply;
    const auto kind = std::find_if(kinds_.begin(), kinds_.end(), [&](const WorkKind& one) { return one.tag == request->tag; });
    if (kind != kinds_.end()) return prove(*kind, *request);
    reply.kind = Answered::unready, reply.why = fmt::format("it knows no work of the kind '{}'", request->tag);
    return reply;
  }

  // Once the driver has what it opens, and started what it starts; what it may load later it reads.
  void confine() {
    if (confined_ || kSanitized) return;
    confined_ = true;
    restrict_files({.write = {"/dev", "/proc"}, .read = std::nullopt});
    stay_alone();
  }

  void take_subject(std::string subject) { open_.reset(), subject_ = std::move(subject); }

  ProofReply prove(const WorkKind& kind, const ProofRequest& request) {
    ProofReply reply;
    const auto asked = Clock::now();
    const auto since_launch = [&] { return seconds_since(open_->session->launched()); };
    const auto its_own = [&] { return open_->session->launched() >= asked; };
    const auto ended = [&](Outcome outcome, std::string why) { reply.outcome = outcome, reply.why = std::move(why); };
    try {
      if (!request.same_subject && request.subject != subject_) take_subject(request.subject);
      if (!open_ || !open_->serves(request)) {
        open_.reset();
        open_ = std::make_unique<OpenSession>(kind, subject_, request);
      }
      const ReplyDue due;  // a crash before this is no kernel's
      const Proven proven = open_->session->prove(request, Deadline::in(request.seconds));
      reply.error = proven.error, reply.whole = proven.whole;
    } catch (const Failed& failed) {
      ended(failed.outcome, failed.why);
      reply.harms = failed.harms;
    } catch (const TimedOut&) {
      if (open_)
        reply.last = !open_->session->queue().drain(its_own() ? std::max(kPatience, kHangs - since_launch()) : kPatience);
      reply.harms = reply.last && its_own();
      ended(Outcome::timeout, reply.harms ? "does not end" : "did not end in time");
    } catch (const Error& error) {
      ended(error.code() == ErrorCode::out_of_memory ? Outcome::timeout : Outcome::runtime, error.what());
    } catch (const std::exception& error) {
      ended(Outcome::timeout, fmt::format("the worker: {}", error.what()));  // host memory: no kernel is guilty of that
    }
    if (open_ && !open_->session->queue().fault().empty()) {
      reply.last = true, reply.harms = its_own();
      if (!reply.harms) reply.outcome = Outcome::timeout;  // before its launch: somebody else's
    }
    return reply;
  }

  Channel channel_;
  const std::span<const WorkKind> kinds_;
  const ServeOptions options_;
  bool confined_ = false;
  std::string subject_;
  std::unique_ptr<OpenSession> open_;  // of it
};

}  // namespace

int serve(int socket, std::span<const WorkKind> kinds, const ServeOptions& options) {
  return Server(socket, kinds, options).run();
}

}  // namespace ak
