#include "worker/crash_reply.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <iterator>
#include <string>
#include <vector>

#include "worker/channel.hpp"

namespace ak {
namespace {

constexpr int kCrashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
constexpr std::size_t kStack = 64 << 10;  // where the stack of the thread that proves ends, a handler needs another

std::atomic<bool> due = false;
static_assert(std::atomic<bool>::is_always_lock_free);
int connection = -1;
const char* frame = nullptr;
std::size_t frame_size = 0;
struct sigaction before[std::size(kCrashes)];

// Async-signal-safe: what it sends stands ready. Whoever was there before has the signal next: on return the instruction fails
// again; what was sent, by abort() say, or would not come again is sent.
void crash(int signal, siginfo_t* info, void*) {
  const bool sent = info->si_code <= 0;
  if ((!sent || info->si_pid == ::getpid()) && due.exchange(false))
    ::send(connection, frame, frame_size, MSG_NOSIGNAL | MSG_DONTWAIT);
  for (std::size_t i = 0; i < std::size(kCrashes); ++i)
    if (kCrashes[i] == signal) ::sigaction(signal, &before[i], nullptr);
  if (sent || signal == SIGTRAP || signal == SIGSYS) ::raise(signal);
}

}  // namespace

void send_at_crash(int socket, std::string_view reply) {
  static const std::string& kept = *new std::string(framed(reply));
  static std::vector<char>& stack = *new std::vector<char>(kStack);
  connection = socket, frame = kept.data(), frame_size = kept.size();
  stack_t own{};
  own.ss_sp = stack.data(), own.ss_size = stack.size();
  ::sigaltstack(&own, nullptr);
  struct sigaction action{};
  action.sa_sigaction = crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (std::size_t i = 0; i < std::size(kCrashes); ++i) ::sigaction(kCrashes[i], &action, &before[i]);
}

ReplyDue::ReplyDue() { due = true; }
ReplyDue::~ReplyDue() { due = false; }

}  // namespace ak
