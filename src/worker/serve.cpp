#include "worker/serve.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

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

constexpr double kPatience = 1;  // seconds that a kernel gets beyond its deadline; one that goes on then hangs

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
      while (::poll(&host, 1, -1) < 0) {
      }
      std::_Exit(0);
    }).detach();
    Hello hello;
    hello.build = build_digest(), hello.pid = ::getpid();
    if (!say(encode(hello))) return 1;
    for (;;) {
      const auto frame = channel_.receive(Deadline::in(options_.idle_s));
      if (channel_.closed()) return 0;
      ProofReply reply;
      if (!frame) {
        reply.kind = Answered::leaving;
        say(encode(reply));
        std::_Exit(0);
      }
      const auto request = decode_request(*frame);
      if (!request) return 1;
      if (request->kind == Asked::close) {
        session_.reset();
        continue;
      }
      reply = answer(*request);
      if (!say(encode(reply))) return 1;
      if (reply.last) std::_Exit(0);  // orderly destruction would ask a driver that is no longer there
    }
  }

 private:
  bool say(const std::string& frame) { return channel_.send(frame, Deadline::in(10)); }

  ProofReply answer(const ProofRequest& request) {
    ProofReply reply;
    try {
      resources();
    } catch (const std::exception& error) {
      reply.kind = Answered::unready, reply.why = error.what();
      return reply;
    }
    return request.kind == Asked::open ? reply : prove(request);
  }

  ProofReply prove(const ProofRequest& request) {
    ProofReply reply;
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
      reply.harms = reply.last = !session_->bed.queue.drain(kPatience);
      ended(Outcome::timeout, reply.last ? "does not end" : "did not end in time");
    } catch (const Error& error) {
      ended(error.code() == ErrorCode::out_of_memory ? Outcome::timeout : Outcome::runtime, error.what());
    } catch (const std::exception& error) {
      ended(Outcome::timeout, fmt::format("the worker: {}", error.what()));  // host memory: no kernel is guilty of that
    }
    if (session_ && !session_->bed.queue.fault().empty()) reply.harms = reply.last = true;
    return reply;
  }

  Channel channel_;
  const ServeOptions options_;
  std::optional<Session> session_;
};

}  // namespace

int serve(int socket, const ServeOptions& options) { return Server(socket, options).run(); }

}  // namespace ak
