#include "recording/recording.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "ak/types.hpp"
#include "base/atomic_file.hpp"
#include "base/log.hpp"
#include "core/activation.hpp"
#include "recording/recording_json.hpp"

namespace ak {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".json.zst";
constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20, kMaxTextBytes = std::size_t{256} << 20;

[[noreturn]] void bad(const std::string& file, std::string_view what) {
  throw Error(ErrorCode::invalid_argument, fmt::format("recording {}: {}", file, what));
}

[[noreturn]] void unwritten(const std::string& file, std::string_view why) {
  throw Error(ErrorCode::internal, fmt::format("recording {} cannot be written: {}", file, why));
}

std::string bytes_of(const std::string& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error) bad(file, error.message());
  if (size > kMaxFileBytes) bad(file, fmt::format("{} bytes are more than a recording has", size));
  std::ifstream in(file, std::ios::binary);
  std::string bytes(size, '\0');
  if (!in.read(bytes.data(), static_cast<std::streamsize>(size))) bad(file, "cannot be read");
  return bytes;
}

std::string decompress(const std::string& file, const std::string& packed) {
  const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR) bad(file, "not a zstd file");
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size > kMaxTextBytes) bad(file, "does not say its size, or is too large");
  std::string text(size, '\0');
  const auto got = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
  if (ZSTD_isError(got)) bad(file, fmt::format("damaged: {}", ZSTD_getErrorName(got)));
  if (got != size) bad(file, "cut off");
  return text;
}

std::string stem(const std::string& file) {
  std::string name = fs::path(file).filename();
  if (name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
  return name;
}

bool joinable(const RecordingHeader& a, const RecordingHeader& b) {
  return a.problem == b.problem && a.device == b.device && a.digests == b.digests && a.space == b.space;
}

}  // namespace

Recording Recording::read(const std::string& file) {
  Recording recording = recording_json::parse_document(file, decompress(file, bytes_of(file)));
  recording.name = stem(file);
  return recording;
}

std::optional<Recording> Recording::open(const std::string& path, const Problem& problem) {
  if (fs::is_directory(path)) {
    const auto usual = fs::path(path) / recording_file_name(problem);
    if (fs::exists(usual)) return open(usual, problem);
  }
  for (const std::string& file : recording_files(path))
    if (Recording recording = read(file); recording.header.problem == problem) return recording;
  return std::nullopt;
}

void Recording::write(const std::string& file) const {
  const std::string text = recording_json::document(*this);
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  const auto size = ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 19);
  if (ZSTD_isError(size)) bad(file, ZSTD_getErrorName(size));
  packed.resize(size);
  if (const auto why = write_atomically(file, packed)) unwritten(file, *why);
}

std::string recording_file_name(const Problem& p) {
  return fmt::format("{}x{}x{}_{}_{}-{}{}", p.m, p.n, p.k, name(p.in),
                     is_own(p.epilogue.activation) ? "own" : name(p.epilogue.activation),
                     digest(to_string(p)).hex().substr(0, 8), kSuffix);
}

std::vector<std::string> recording_files(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) bad(path, "no such file or folder");
  if (!fs::is_directory(path, error)) return {path};
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(path, error))
    if (std::string file = entry.path(); file.ends_with(kSuffix)) files.push_back(std::move(file));
  if (error) bad(path, error.message());
  std::sort(files.begin(), files.end());
  return files;
}

// --- writer ---------------------------------------------------------------------------------------------------------------

RecordingWriter::RecordingWriter(const std::string& folder, RecordingHeader header)
    : file_((fs::path(folder) / recording_file_name(header.problem)).string()) {
  recording_.header = std::move(header);
  const std::string part = file_ + ".part";
  std::error_code error;
  fs::create_directories(folder, error);
  const std::size_t kept = resume();
  if (fs::exists(part, error)) fs::resize_file(part, kept, error);
  part_ = std::fopen(part.c_str(), "a");
  if (!part_ || error)
    throw Error(ErrorCode::invalid_argument, fmt::format("recording {}: cannot write there: {}", file_, std::strerror(errno)));
  if (kept == 0) append(recording_json::header_line(recording_.header));
}

RecordingWriter::~RecordingWriter() {
  if (part_) std::fclose(part_);
}

// Reads what an earlier sweep left and gives the bytes of it that stand: a last line that was cut off goes.
std::size_t RecordingWriter::resume() {
  const std::string part = file_ + ".part";
  std::ifstream in(part, std::ios::binary);
  std::string line;
  std::size_t kept = 0;
  try {
    while (std::getline(in, line) && !in.eof()) {  // a whole line ends in a newline, not in the file's end
      if (kept > 0) {
        place(recording_json::parse_trial(part, line));
      } else if (const auto before = recording_json::parse_header(part, line); joinable(before, recording_.header)) {
        recording_.header.date = before.date;
      } else {
        log(LogLevel::warn, "{} was made with other device code, space or device: begun anew", part);
        return 0;
      }
      kept += line.size() + 1;
    }
  } catch (const Error& error) {
    log(LogLevel::warn, "{}; what stands before it is kept", error.what());
  }
  return kept;
}

void RecordingWriter::place(RecordedTrial trial) {
  const auto [at, fresh] = index_.try_emplace(trial.trial.tactic, recording_.trials.size());
  if (fresh)
    recording_.trials.push_back(std::move(trial));
  else
    recording_.trials[at->second] = std::move(trial);
}

void RecordingWriter::append(const std::string& line) {
  if (std::fputs(line.c_str(), part_) < 0 || std::fputc('\n', part_) == EOF || std::fflush(part_) != 0)
    unwritten(file_ + ".part", std::strerror(errno));
}

void RecordingWriter::add(RecordedTrial trial) {
  append(recording_json::trial_line(trial));
  place(std::move(trial));
}

std::string RecordingWriter::finish(const VendorTimes& vendor, double anchor_drift) {
  recording_.vendor = vendor;
  recording_.anchor_drift = anchor_drift;
  recording_.write(file_);
  std::fclose(std::exchange(part_, nullptr));
  std::remove((file_ + ".part").c_str());
  return file_;
}

}  // namespace ak
