#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <optional>

#include "ak/types.hpp"
#include "base/atomic_file.hpp"
#include "base/hash.hpp"
#include "llm/chat.hpp"
#include "llm/http.hpp"

namespace ak {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(20);

struct Letter {
  std::string text;
  bool too_large = false;
};

// nullopt while there is none. O_NONBLOCK: a FIFO of that name must not hold us.
std::optional<Letter> read_letter(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return std::nullopt;
  struct stat status {};
  Letter letter;
  bool good = ::fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
  letter.too_large = good && status.st_size > static_cast<off_t>(kMostReplyBytes);
  if (good && !letter.too_large) {
    letter.text.resize(static_cast<std::size_t>(status.st_size));
    const ssize_t n = ::read(file, letter.text.data(), letter.text.size());
    good = n > 0;
    if (good) letter.text.resize(static_cast<std::size_t>(n));
  }
  ::close(file);
  if (!good) return std::nullopt;
  return letter;
}

class MailboxChat : public Chat {
 public:
  explicit MailboxChat(std::string folder) : folder_(std::move(folder)) {}

  std::string describe() const override { return "mailbox " + folder_; }

  ChatReply ask(const ChatRequest& request, Deadline deadline, std::stop_token stop) override {
    const auto start = Clock::now();
    ChatReply reply;
    const std::string text = request.system + "\n\n" + request.user;
    const std::string stem = folder_ + "/" + digest(text).hex();
    // A recorded reply needs no prompt beside it, so a folder that cannot be written still replays.
    std::optional<Letter> letter = read_letter(stem + ".reply.txt");
    if (!letter) {
      if (const auto why = write_atomically(stem + ".prompt.txt", text, 0600)) {
        reply.fault = ChatFault::setup;
        reply.why = fmt::format("mailbox: {}.prompt.txt: {}", stem, *why);
        return reply;
      }
    }
    reply.attempts = 1;
    std::mutex mutex;
    std::condition_variable_any nap;
    std::unique_lock lock(mutex);
    // A reply still being written grows: it counts once two looks agree.
    for (std::optional<Letter> before; !letter || !before || before->text != letter->text;
         letter = read_letter(stem + ".reply.txt")) {
      before = std::move(letter);
      if (stop.stop_requested() || deadline.passed()) {
        reply.fault = stop.stop_requested() ? ChatFault::cancelled : ChatFault::timeout;
        reply.why = stop.stop_requested() ? "cancelled" : fmt::format("mailbox: no {}.reply.txt before the deadline", stem);
        reply.seconds = seconds_since(start);
        return reply;
      }
      nap.wait_until(lock, stop, std::min(deadline.at(), Clock::now() + kPoll), [] { return false; });
    }
    reply.seconds = seconds_since(start);
    if (letter->too_large) {
      reply.fault = ChatFault::too_large;
      reply.why = fmt::format("mailbox: {}.reply.txt is larger than {} MiB", stem, kMostReplyBytes >> 20);
    } else {
      reply.text = std::move(letter->text);
    }
    return reply;
  }

 private:
  std::string folder_;
};

}  // namespace

std::unique_ptr<Chat> make_mailbox_chat(const std::string& folder) {
  struct stat status {};
  if (folder.empty() || ::stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    throw Error(ErrorCode::invalid_argument, fmt::format("LLM mailbox (llm, AK_LLM): '{}' is not a folder", folder));
  return std::make_unique<MailboxChat>(folder);
}

}  // namespace ak
