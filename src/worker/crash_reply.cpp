#include "worker/crash_reply.hpp"

#include <signal.h>
#include <sys/socket.h>

#include <iterator>
#include <string>
#include <vector>

#include "worker/channel.hpp"

namespace ak {
namespace {

constexpr int kCrashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};
constexpr std::size_t kStack = 64 << 10;  // a crash may be the end of the stack

volatile sig_atomic_t due = 0;
int connection = -1;
const char* frame = nullptr;
std::size_t frame_size = 0;
struct sigaction before[std::size(kCrashes)];

// Async-signal-safe: what it sends stands ready. On return the instruction fails again, and meets who was there before.
void crash(int signal) {
  if (due) ::send(connection, frame, frame_size, MSG_NOSIGNAL | MSG_DONTWAIT);
  due = 0;
  for (std::size_t i = 0; i < std::size(kCrashes); ++i)
    if (kCrashes[i] == signal) ::sigaction(signal, &before[i], nullptr);
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
  action.sa_handler = crash;
  action.sa_flags = SA_ONSTACK;
  for (std::size_t i = 0; i < std::size(kCrashes); ++i) ::sigaction(kCrashes[i], &action, &before[i]);
}

ReplyDue::ReplyDue() { due = 1; }
ReplyDue::~ReplyDue() { due = 0; }

}  // namespace ak
