// Recording: a sweep of one problem's space on a real GPU, as a file. Kernel Tuner's T4 fields (configuration, times,
// invalidity, measurements) as JSON, one zstd frame, tagged with all that the numbers depend on.
#pragma once

#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.hpp"
#include "core/device_facts.hpp"
#include "core/problem.hpp"
#include "core/trial.hpp"
#include "runner/runner.hpp"

namespace ak {

/// What a sweep was made with; two sweeps may be joined only when problem, device, digests and space are equal.
struct RecordingHeader {
  Problem problem;
  DeviceFacts device;
  std::map<std::string, Digest> digests;  // family name -> source_digest() of its device code
  std::string space;                      // digest of every own tactic of the space, in order
  int space_size = 0;                     // own tactics in the space; the trials may be a sample of them
  std::string date;                       // "2026-11-21T10:00:00Z", when the sweep began
  std::string driver, nvrtc, cublaslt;
};

struct RecordedTrial {
  Trial trial;
  double final_us = 0;  // from the finals' one interleaved window; 0 for what was not in them
};

struct Recording {
  std::string name;  // of its file, without folder and suffix
  RecordingHeader header;
  VendorTimes vendor;
  double anchor_drift = 0;
  std::vector<RecordedTrial> trials;  // vendor's too, in the order they ran

  /// Throws Error{invalid_argument} naming the file and the field that is wrong.
  static Recording read(const std::string& file);
  /// The recording of a problem: `path` is a file, or a folder of them. nullopt when it holds none of that very problem.
  static std::optional<Recording> open(const std::string& path, const Problem& problem);
  /// Whole or not at all: written beside, then renamed. Throws Error{internal} naming the file.
  void write(const std::string& file) const;
};

/// "4096x4096x4096_bf16_relu-<8 digits>.json.zst": one name a problem.
std::string recording_file_name(const Problem& problem);
/// Every "*.json.zst" of a folder, sorted; the file itself when `path` is one.
std::vector<std::string> recording_files(const std::string& path);

/// Writes a sweep as it goes: every trial is one line of "<file>.part", so a killed sweep resumes where it stopped.
class RecordingWriter {
 public:
  /// Takes up a .part of an equal header; any other is begun anew (with a line in the log). Throws Error{invalid_argument} when
  /// the folder cannot be written.
  RecordingWriter(const std::string& folder, RecordingHeader header);
  ~RecordingWriter();
  RecordingWriter(const RecordingWriter&) = delete;
  RecordingWriter& operator=(const RecordingWriter&) = delete;

  bool has(const Tactic& tactic) const { return index_.contains(tactic); }
  std::size_t size() const { return recording_.trials.size(); }
  const Recording& recording() const { return recording_; }

  /// A tactic that was added before is replaced. Throws Error{internal} on a full disk.
  void add(RecordedTrial trial);
  /// Writes the recording, removes the .part and gives the file's path.
  std::string finish(const VendorTimes& vendor, double anchor_drift);

 private:
  void append(const std::string& line);
  void place(RecordedTrial trial);
  std::size_t resume();

  const std::string file_;
  Recording recording_;
  std::unordered_map<Tactic, std::size_t, TacticHash> index_;  // into recording_.trials
  std::FILE* part_ = nullptr;
};

}  // namespace ak
