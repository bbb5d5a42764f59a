// The worker's answer when the process crashes: only that tells the host a crash from an end that somebody gave the process, for
// want of memory say.
#pragma once

#include <string_view>

namespace ak {

/// From now on a crash of this process, by this thread's proof, sends `reply`, a frame, over the socket, provided that one is due; the crash then takes its
/// course. One in a process.
void send_at_crash(int socket, std::string_view reply);

/// While it lives, a reply is due.
class ReplyDue {
 public:
  ReplyDue();
  ~ReplyDue();
  ReplyDue(const ReplyDue&) = delete;
  ReplyDue& operator=(const ReplyDue&) = delete;
};

}  // namespace ak
