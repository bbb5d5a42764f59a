#include "worker/serve.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/build.hpp"
#include "plan/resources.hpp"
#include "proof/local_prover.hpp"
#include "worker/channel.hpp"
#include "worker/messages.hpp"

namespace ak {
namespace {

constexpr double kPatience = 1;  // seconds for what outlasts a deadline
constexpr double kHangs = 2;     // seconds since its launch: others' work may delay a kernel; one that goes on then hangs

// One problem's proofs; the next problem's take its place.
struct Session {
  explicit Session(const ProofRequest& request)
      : problem(request.problem),
        whole(request.whole),
        allowance(allowance_of(request)),
        bed(parse_problem(problem), parse_problem(whole.empty() ? problem : whole), resources(), allowance),
        prover(bed) {}
  bool serves(const ProofRequest& request) const {
    return problem == request.problem && whole == request.whole && allowance.device_bytes == request.device_bytes &&
           allowance.scratch_bytes == request.scratch_bytes;
  }
  static Allowance allowance_of(const ProofRequest& request) {
    Allowance allowance;
    allowance.device_bytes = request.device_bytes, allowance.scratch_bytes = request.scratch_bytes;
    return allowance;
  }
  const std::string problem, whole;
  const Allowance allowance;
  Testbed bed;
  LocalProver prover;
};

class Server {
 public:
  Server(int socket, const ServeOptions& options) : channel_(Descriptor(socket)), options_(options) {}

  int run() {
    std::thread([socket = channel_.socket()] {
      pollfd host{socket, POLLRDHUP, 0};
      while (::poll(&host, 1, -1) < 0)
        if (errno != EINTR) std::this_thread::sleep_for(std::chrono::milliseconds(100));
      std::_Exit(0);
    }).detach();
    Hello hello;
    hello.build = build_digest(), hello.pid = ::getpid();
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

  static ProofReply leaving() {
    ProofReply reply;
    reply.kind = Answered::leaving, reply.last = true;
    return reply;
  }

  // nullopt: none is due.
  std::optional<ProofReply> answer(const std::string& frame) {
    const auto request = decode_request(frame);
    if (!request) std::_Exit(1);
    if (request->kind == Asked::close) return session_.reset(), std::nullopt;
    ProofReply reply;
    try {
      resources();
    } catch (const std::exception& error) {
      reply.kind = Answered::unready, reply.why = error.what();
      return reply;
    }
    return request->kind == Asked::open ? reply : prove(*request);
  }

  ProofReply prove(const ProofRequest& request) {
    ProofReply reply;
    const auto asked = Clock::now();
    const auto launched = [&] { return session_->prover.verifier().launched(); };
    const auto ended = [&](Outcome outcome, std::string why) { reply.outcome = outcome, reply.why = std::move(why); };
    try {
      if (!session_ || !session_->serves(request)) {
        session_.reset();
        session_.emplace(request);
      }
      const Tactic tactic = parse_tactic(request.tactic);
      const Kernel kernel{tactic, request.cubin};
      const Deadline deadline = Deadline::in(request.seconds);
      const Proven proven = request.all_rows ? session_->prover.prove_whole(kernel, deadline)
                                             : session_->prover.prove(kernel, request.effort, deadline);
      reply.error = proven.error, reply.whole = proven.whole;
    } catch (const Failed& failed) {
      ended(failed.outcome, failed.why);
      reply.harms = failed.harms;
    } catch (const TimedOut&) {
      const bool its_own = launched() >= asked;
      reply.last = !session_->bed.queue.drain(its_own ? std::max(kPatience, kHangs - seconds_since(launched())) : kPatience);
      reply.harms = reply.last && its_own;
      ended(Outcome::timeout, reply.harms ? "does not end" : "did not end in time");
    } catch (const Error& error) {
      ended(error.code() == ErrorCode::out_of_memory ? Outcome::timeout : Outcome::runtime, error.what());
    } catch (const std::exception& error) {
      ended(Outcome::timeout, fmt::format("the worker: {}", error.what()));  // host memory: no kernel is guilty of that
    }
    if (session_ && !session_->bed.queue.fault().empty()) {
      reply.last = true, reply.harms = launched() >= asked;
      if (!reply.harms) reply.outcome = Outcome::timeout;  // before its launch: somebody else's
    }
    return reply;
  }

  Channel channel_;
  const ServeOptions options_;
  std::optional<Session> session_;
};

}  // namespace

int serve(int socket, const ServeOptions& options) { return Server(socket, options).run(); }

}  // namespace ak
