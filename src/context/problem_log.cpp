#include "context/problem_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "ak/types.hpp"
#include "base/file_size.hpp"
#include "base/log.hpp"

namespace ak {

ProblemLog::ProblemLog(std::string file, const std::string& given_by)
    : file_(std::move(file)), out_(::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666)) {
  if (!out_)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}='{}': cannot be written: {}", given_by, file_, std::strerror(errno)));
}

ProblemLog::~ProblemLog() {
  const std::lock_guard lock(mutex_);
  for (auto& [problem, count] : counts_)
    if (count.all > count.written) write(problem, count);
}

void ProblemLog::count(const Problem& problem) {
  if (problem.k == 0) return;  // nothing to tune
  const std::lock_guard lock(mutex_);
  Count& count = counts_[problem];
  if (++count.all >= 2 * count.tried) write(problem, count);
}

void ProblemLog::write(const Problem& problem, Count& count) {
  const std::string line = fmt::format("{}{} count={}\n", cut_ ? "\n" : "", to_string(problem), count.all - count.written);
  count.tried = count.all;  // whatever becomes of it: it is not tried with every call
  struct stat now;
  const std::int64_t bytes = ::fstat(out_.get(), &now) == 0 ? now.st_size : 0;
  const std::int64_t after = bytes + static_cast<std::int64_t>(line.size());
  if (after > kMostBytes) return warn_once(fmt::format("{} has {} bytes: no more problems are written to it", file_, bytes));
  ssize_t written = -1;
  errno = EFBIG;
  if (file_may_grow_to(static_cast<std::uint64_t>(after))) {
    const NoFileSizeSignal no_signal;  // another process may have written to it meanwhile
    do {
      written = ::write(out_.get(), line.data(), line.size());
    } while (written < 0 && errno == EINTR);
  }
  if (written < 0) warn_once(fmt::format("{}: problems cannot be written to it: {}", file_, std::strerror(errno)));
  if (written > 0) cut_ = std::cmp_less(written, line.size());
  if (written > 0 && !cut_) count.written = count.all;
}

}  // namespace ak
