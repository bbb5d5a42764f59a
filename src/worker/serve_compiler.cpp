#include "worker/serve_compiler.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

#include "ak/types.hpp"
#include "base/build.hpp"
#include "base/landlock.hpp"
#include "base/sanitized.hpp"
#include "base/thread.hpp"
#include "worker/channel.hpp"
#include "worker/compile_messages.hpp"
#include "worker/messages.hpp"

namespace ak {
namespace {

constexpr rlim_t kMemory = rlim_t{12} << 30;  // of addresses: NVRTC's own libraries are among them

void limit_to(__rlimit_resource resource, rlim_t most) {
  const rlimit limit{most, most};
  ::setrlimit(resource, &limit);
}

void confine(double cpu_seconds) {
  limit_to(RLIMIT_CORE, 0), limit_to(RLIMIT_FSIZE, 0);
  if (!kSanitized) restrict_files({.write = {}, .read = std::nullopt});
  if (!(cpu_seconds > 0)) return;
  limit_to(RLIMIT_CPU, static_cast<rlim_t>(std::ceil(std::clamp(cpu_seconds, 1.0, 1e6))) + 1);
  if (!kSanitized) limit_to(RLIMIT_AS, kMemory);
}

class CompileServer {
 public:
  CompileServer(int socket, double idle_s)
      : requests_(Descriptor(socket)), replies_(Descriptor(::fcntl(socket, F_DUPFD_CLOEXEC, 0))), idle_s_(idle_s) {}

  int run() {
    Hello hello;
    hello.build = build_digest();
    if (!replies_.send(encode(hello), Deadline::never())) return 1;
    const auto first = requests_.receive(Deadline::never());
    const auto set_up = first ? decode_set_up(*first) : std::nullopt;
    if (!set_up) return 1;
    confine(set_up->cpu_seconds);
    prefer_compiler(set_up->nvrtc);
    CompileReply ready;
    if (compiler_available(&ready.missing)) ready.version = compiler_version();
    say(ready);
    for (;;) {
      const auto frame = requests_.receive(Deadline::in(idle_s_));
      if (requests_.closed()) std::_Exit(0);  // others may still compile
      if (!frame && idle()) std::_Exit(0);
      if (!frame) continue;
      auto request = decode_compile_request(*frame);
      if (!request) std::_Exit(1);
      request->arch.empty() ? withdraw(request->number) : begin(std::move(*request));
    }
  }

 private:
  // Waits for the host to read; requests are read meanwhile, for the host may be about to send one.
  void say(const CompileReply& reply) {
    const std::lock_guard lock(replies_mutex_);
    replies_.send(encode(reply), Deadline::never());
  }

  bool idle() {
    const std::lock_guard lock(mutex_);
    return running_.empty() && seconds_since(ended_) >= idle_s_;
  }

  void withdraw(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    if (const auto at = running_.find(number); at != running_.end()) at->second.request_stop();
  }

  void begin(CompileRequest request) {
    std::stop_token stop;
    {
      const std::lock_guard lock(mutex_);
      stop = running_[request.number].get_token();
    }
    const auto shared = std::make_shared<const CompileRequest>(std::move(request));
    try {
      start_thread([this, stop, shared] {
        ::setpriority(PRIO_PROCESS, 0, std::max(shared->niceness, ::getpriority(PRIO_PROCESS, 0)));  // of this thread
        compile_one(*shared, stop);
      }).detach();
    } catch (const std::system_error&) {  // out of threads: this one, with the priority that it has
      compile_one(*shared, stop);
    }
  }

  void compile_one(const CompileRequest& request, const std::stop_token& stop) {
    CompileReply reply;
    reply.number = request.number;
    try {
      reply.compiled = compile(request.source, request.arch, Deadline::never(stop), request.contraction);
    } catch (const Error& error) {
      reply.missing = error.what();
    } catch (const std::bad_alloc&) {  // no fault of the text: the host may ask again
      std::_Exit(1);
    }
    if (!stop.stop_requested()) say(reply);  // else nobody reads it
    const std::lock_guard lock(mutex_);
    running_.erase(request.number), ended_ = Clock::now();
  }

  Channel requests_, replies_;
  std::mutex replies_mutex_, mutex_;  // the second one of what runs
  std::map<std::uint64_t, std::stop_source> running_;
  Clock::time_point ended_ = Clock::now();  // the last of them
  const double idle_s_;
};

}  // namespace

int serve_compiler(int socket, double idle_s) { return CompileServer(socket, idle_s).run(); }

}  // namespace ak
