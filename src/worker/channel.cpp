#include "worker/channel.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "ak/types.hpp"

namespace ak {
namespace {

constexpr std::size_t kLength = 4;
constexpr double kLongestWait = 3600;  // seconds for one poll
constexpr double kLook = 0.02;         // for a stop, which wakes nobody

std::array<char, kLength> length_of(std::size_t size) {
  std::array<char, kLength> bytes;
  for (std::size_t i = 0; i < kLength; ++i) bytes[i] = static_cast<char>(size >> (8 * i) & 0xff);
  return bytes;
}

std::size_t length_in(std::string_view bytes) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < kLength; ++i) size |= static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return size;
}

}  // namespace

std::string framed(std::string_view frame) {
  const auto length = length_of(frame.size());
  return std::string(length.data(), kLength).append(frame);
}

std::pair<Descriptor, Descriptor> socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
    throw Error(ErrorCode::unsupported, fmt::format("no socket pair: {}", std::strerror(errno)));
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

bool Channel::wait(short events, Deadline deadline) {
  for (;;) {
    pollfd one{socket_.get(), events, 0};
    const double seconds = std::min(deadline.remaining(), deadline.stop().stop_possible() ? kLook : kLongestWait);
    const int ready = ::poll(&one, 1, static_cast<int>(seconds * 1e3) + (seconds > 0));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
    if (deadline.passed()) return false;
  }
}

bool Channel::connected() const {
  pollfd one{socket_.get(), POLLRDHUP, 0};
  return socket_ && !closed_ && ::poll(&one, 1, 0) == 0;
}

bool Channel::send(std::string_view frame, Deadline deadline) {
  if (closed_ || !socket_ || frame.size() > kLongestFrame) return false;
  const auto length = length_of(frame.size());
  for (std::string_view rest : {std::string_view(length.data(), kLength), frame})
    while (!rest.empty()) {
      const ssize_t sent = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0)
        rest.remove_prefix(static_cast<std::size_t>(sent));
      else if (errno == EINTR)
        continue;
      else if ((errno != EAGAIN && errno != EWOULDBLOCK) || !wait(POLLOUT, deadline))
        return closed_ = true, false;
    }
  return true;
}

std::optional<std::string> Channel::receive(Deadline deadline) {
  while (!closed_ && socket_) {
    if (received_.size() >= kLength) {
      const std::size_t size = length_in(received_);
      if (size > kLongestFrame) break;
      if (received_.size() >= kLength + size) {
        std::string frame = received_.substr(kLength, size);
        received_.erase(0, kLength + size);
        return frame;
      }
    }
    char piece[1 << 16];
    const ssize_t got = ::recv(socket_.get(), piece, sizeof piece, MSG_DONTWAIT);
    if (got > 0)
      received_.append(piece, static_cast<std::size_t>(got));
    else if (got == 0)
      break;
    else if (errno == EINTR)
      continue;
    else if (errno != EAGAIN && errno != EWOULDBLOCK)
      break;
    else if (!wait(POLLIN, deadline))
      return std::nullopt;
  }
  closed_ = true;
  return std::nullopt;
}

}  // namespace ak
