#include "port/llm/attempts.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace ak::port {

namespace {

constexpr std::size_t kMostRepeated = 20 << 10;  // bytes; a text with kernels is shorter

std::string_view advice(Status status) {
  switch (status) {
    case Status::unread:
      return "The answer could not be read. Keep to its form.";
    case Status::refused:
      return "The text was refused before any compiler read it. Say it otherwise.";
    case Status::compile:
      return "It does not compile.";
    case Status::race:
      return "Two threads met in one element, or one read what none had written. Give each element one writer, put a barrier "
             "or a launch between a write and another thread's read, or use atomics.";
    case Status::bounds:
      return "It left an array. Check the ends and sizes that are no multiple of the block.";
    case Status::divergence:
      return "Threads wait for what never comes: all threads of a block must reach each barrier, and blocks may only wait for "
             "those that have started.";
    case Status::steps:
    case Status::timeout:
      return "It did not end.";
    case Status::fault:
      return "It trapped or crashed.";
    case Status::incorrect:
      return "Its result is another than the C function's, on the smallest case that shows it.";
    case Status::budget:
      return "It was too slow to be proven in time.";
    case Status::passed:
      break;
  }
  return {};
}

}  // namespace

std::string feedback(const AttemptEnd& end) {
  std::string what;
  if (end.status != Status::passed)
    what = fmt::format("It failed: {}: {}\n{} Answer with whole, mended kernels in the same form.", name(end.status), end.why,
                       advice(end.status));
  else if (end.us > 0 && end.us > end.best_us)
    what =
        fmt::format("It is right but slow: {:.2f} us, where the best so far takes {:.2f} us. Make it faster, in the same form.",
                    end.us, end.best_us);
  else
    what = end.us > 0 ? fmt::format("It is right and takes {:.2f} us, the best so far. Make it faster still, in the same form.",
                                    end.us)
                      : "It is right. Make it faster, in the same form.";
  return fmt::format("\nYour last answer was:\n{}\n\n{}\n", std::string_view(end.text).substr(0, kMostRepeated), what);
}

std::optional<Attempts::Question> Attempts::next() const {
  if (made_ >= rules_.with_feedback + rules_.anew) return std::nullopt;
  if (right_ && rules_.goal == Goal::right) return std::nullopt;
  Question question;
  question.number = made_ + 1;
  question.anew = made_ >= rules_.with_feedback;
  // Of a question that stood before, a mailbox would give the answer that it gave before.
  if (question.anew && made_ > 0)
    question.feedback = fmt::format(
        "\nThis is try {}; no earlier answer was good enough. Begin anew, and choose another way.\n", question.number);
  else if (last_)
    question.feedback = feedback(*last_);
  return question;
}

void Attempts::ended(AttemptEnd end) {
  ++made_;
  right_ = right_ || end.status == Status::passed;
  last_ = std::move(end);
}

}  // namespace ak::port
