#include "worker/compiler_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <chrono>
#include <new>
#include <utility>

#include "ak/types.hpp"
#include "base/log.hpp"

namespace ak {
namespace {

constexpr double kSends = 10;  // seconds; the process reads whatever it compiles
constexpr auto kAgain = std::chrono::seconds(30);
constexpr double kOpens = 10;  // from a disk that is cold and busy

// Of this thread, which waits for the compile and has the priority that it is to have.
int own_niceness() { return ::getpriority(PRIO_PROCESS, 0); }

class ApartOrHere final : public Compiler {
 public:
  explicit ApartOrHere(const std::string& program) : process_(program) {}

  void start() override {
    try {
      process_.start();
    } catch (const Error&) {  // who compiles says why
    }
  }
  bool available(std::string* why) override { return whom().available(why); }
  std::string version() override { return whom().version(); }
  Compiled compile(std::string_view source, std::string_view arch, const Deadline& deadline, Contraction contraction) override {
    try {
      return whom().compile(source, arch, deadline, contraction);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unsupported && error.code() != ErrorCode::missing_library) throw;
      return compiler_here().compile(source, arch, deadline, contraction);  // it starts no more, or finds no NVRTC now
    }
  }

 private:
  Compiler& whom() {
    std::string why;
    try {
      if (process_.available(&why)) return process_;
    } catch (const Error& error) {
      why = error.what();
    }
    warn_once(fmt::format("NVRTC is opened in this process, not in one of its own: {}", why));
    return compiler_here();
  }

  CompilerProcess process_;
};

}  // namespace

int CompilerProcess::pid() const {
  const Lock lock(mutex_);
  return process_ ? process_->pid() : 0;
}

void CompilerProcess::start(const Lock& lock) {
  if (process_ && !reading_ && !process_->channel().connected()) end(lock);  // nothing was asked of it for a while
  if (process_) return;
  if (Clock::now() < again_) throw Error(ErrorCode::unsupported, not_started_);
  std::unique_ptr<WorkerProcess> process;
  try {
    process = std::make_unique<WorkerProcess>(program_, "", "--compile");
  } catch (const Error& error) {
    not_started_ = error.what(), again_ = Clock::now() + kAgain;
    throw;
  }
  Descriptor socket(::fcntl(process->channel().socket(), F_DUPFD_CLOEXEC, 0));
  if (!socket) throw Error(ErrorCode::unsupported, "the compiler's process cannot be spoken to: no descriptor is left");
  requests_ = Channel(std::move(socket));
  process_ = std::move(process);
  asked_[CompileReply::kReady].reset();
  requests_.send(encode(CompilerSetUp{cpu_seconds_, compiler_in_process()}), Deadline::in(kSends));
}

void CompilerProcess::end(const Lock&) {
  process_.reset(), requests_ = Channel();
  std::erase_if(asked_, [](const auto& one) { return !one.second; });
}

// Who receives notices that the other end is gone.
void CompilerProcess::send(const Lock&, const CompileRequest& request) {
  if (!requests_.send(encode(request), Deadline::in(kSends))) ::shutdown(requests_.socket(), SHUT_RDWR);
}

// Until it is answered, the process has ended, which asked_ then tells, or the deadline has passed.
void CompilerProcess::await(Lock& lock, std::uint64_t number, const Deadline& deadline) {
  const auto settled = [&] {
    const auto at = asked_.find(number);
    return at == asked_.end() || at->second;
  };
  while (!settled() && !deadline.passed()) {
    if (reading_) {
      deadline.wait(changed_, lock, [&] { return settled() || !reading_; });
      continue;
    }
    reading_ = true;
    Channel& replies = process_->channel();
    lock.unlock();
    std::optional<CompileReply> reply;
    bool ended = false;
    try {
      const auto frame = replies.receive(deadline);
      reply = frame ? decode_compile_reply(*frame) : std::nullopt;
      ended = !reply && (frame || replies.closed());
    } catch (const std::bad_alloc&) {  // what it said is lost: it is asked again
      ended = true;
    }
    lock.lock();
    reading_ = false;
    if (ended) end(lock);
    if (reply && reply->number == CompileReply::kReady && reply->missing.empty()) ready_ = *reply;
    if (reply)
      if (const auto at = asked_.find(reply->number); at != asked_.end()) at->second = std::move(reply);  // else withdrawn
    changed_.notify_all();
  }
}

void CompilerProcess::start() {
  const Lock lock(mutex_);
  start(lock);
}

// Once found it is not asked again; one that is missing may be there for the next process.
CompileReply CompilerProcess::ready() {
  Lock lock(mutex_);
  if (ready_) return *ready_;
  start(lock);
  await(lock, CompileReply::kReady, Deadline::in(kOpens));
  const auto at = asked_.find(CompileReply::kReady);
  if (at == asked_.end() || !at->second)
    throw Error(ErrorCode::unsupported, fmt::format("the compiler's process of '{}' ends, or opens no NVRTC", program_));
  return *at->second;
}

bool CompilerProcess::available(std::string* why) {
  const CompileReply known = ready();
  if (why) *why = known.missing;
  return known.missing.empty();
}

std::string CompilerProcess::version() { return ready().version; }

Compiled CompilerProcess::compile(std::string_view source, std::string_view arch, const Deadline& deadline,
                                  Contraction contraction) {
  Compiled cut_short;
  cut_short.failure = "its compile was cut short";
  CompileRequest request;
  request.niceness = own_niceness(), request.contraction = contraction;
  request.arch = arch, request.source = source;
  Lock lock(mutex_);
  for (int tries = cpu_seconds_ > 0 ? 1 : 2; tries > 0; --tries) {
    start(lock);
    const std::uint64_t number = request.number = ++last_;
    asked_[number];
    send(lock, request);
    await(lock, number, deadline);
    const auto at = asked_.find(number);
    if (at == asked_.end()) {
      if (deadline.passed()) return cut_short;
      continue;  // the process ended
    }
    const std::optional<CompileReply> reply = std::move(at->second);
    asked_.erase(at);
    if (!reply) {
      CompileRequest no_more;
      no_more.number = number;
      send(lock, no_more);
      return cut_short;
    }
    if (!reply->missing.empty()) throw Error(ErrorCode::missing_library, reply->missing);
    return reply->compiled;
  }
  throw Error(ErrorCode::out_of_memory, "it ends the compiler: it may take more memory than there is");
}

Compiler& compiler_apart(const std::string& worker) {
  const std::string program = find_worker(worker);
  if (program.empty()) return compiler_here();
  static std::mutex mutex;
  static auto& all = *new std::map<std::string, ApartOrHere>;  // never destroyed: threads may compile while the process ends
  const std::lock_guard lock(mutex);
  return all.try_emplace(program, program).first->second;
}

}  // namespace ak
