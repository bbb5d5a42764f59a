// Frames over a stream socket: four bytes of length, then so many bytes. Both ends of the worker speak through it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "base/descriptor.hpp"

namespace ak {

class Channel {
 public:
  static constexpr std::size_t kLongestFrame = std::size_t{256} << 20;

  Channel() = default;
  explicit Channel(Descriptor socket) : socket_(std::move(socket)) {}

  /// False once the other end is gone or the deadline has passed; the channel is then of no more use.
  bool send(std::string_view frame, Deadline deadline);
  /// nullopt: the deadline has passed, or closed() says that the other end is gone or sent what is no frame.
  std::optional<std::string> receive(Deadline deadline);
  bool closed() const { return closed_; }
  /// Whether the other end is there now, whatever is still to be received.
  bool connected() const;
  int socket() const { return socket_.get(); }

 private:
  bool wait(short events, Deadline deadline);

  Descriptor socket_;
  std::string received_;  // of a frame that is not complete
  bool closed_ = false;
};

/// The bytes of a frame, its length before it.
std::string framed(std::string_view frame);
/// Two ends of one connection; neither is inherited by a program that is executed. Throws Error{unsupported}.
std::pair<Descriptor, Descriptor> socket_pair();

}  // namespace ak
