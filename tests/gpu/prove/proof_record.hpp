// tests/gpu/record.json and the progress of a run that may be killed: one JSON object a line, appended as results come.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/problem.hpp"

namespace ak::proof {

struct Count {
  int passed = 0, failed = 0;
};

/// All times are of one window, its arms interleaved.
struct BenchRow {
  std::int64_t m = 0, n = 0, k = 0;
  std::string kind, dtype, activation;  // kind: the suite's class
  std::string epilogue;                 // tokens of parse_problem; empty: a bias and nothing else
  double ak_us = 0;                     // as dispatched: the own kernel or the vendor's, as the search decided
  std::optional<double> own_us;         // the best own kernel
  std::string own_tactic;
  std::string own_digest;            // of its family's device source, the first 8 digits
  std::optional<double> default_us;  // the cost model's first choice
  std::string default_tactic;
  double vendor_us = 0;  // min over fused and GEMM + pass; 0: cuBLASLt serves no such problem
  double lt_first_us = 0, lt_gemm_us = 0;
  std::optional<double> lt_fused_us, lt_separate_us;
  double clock_mhz = 0, search_s = 0;
  int trials = 0;
  int rounds = 1;  // windows until ak_us was no more than 1 % over vendor_us; kMostRounds at most

  std::string key() const;
  /// By class, size, dtype, activation.
  bool operator<(const BenchRow& other) const;
};

constexpr double kLeastDispatched = 0.99;  // of vendor_us / ak_us
constexpr int kMostRounds = 5;

struct Record {
  std::string gpu, driver, nvrtc, cublaslt, date;
  std::map<std::string, std::string> digests;  // family -> digest of the device source that was proven
  std::map<std::string, Count> tests;          // by family, "verify" and "sanitizer"
  std::vector<BenchRow> bench;                 // sorted
};

/// Of every own family, as the source stands now.
std::map<std::string, std::string> current_digests();

/// Throws Error{invalid_argument} naming what is wrong. A missing file is an empty record.
Record read_record(const std::string& path);
void write_record(const std::string& path, const Record& record);

/// Where and when a run was made.
struct MachineFacts {
  std::string gpu, driver, nvrtc, cublaslt, date;
};

/// One line of a run's progress.
struct Step {
  std::string id;      // "case 17", "planted ...", "bench ..."; the last one of an id counts
  std::string group;   // a family, "verify", "sanitizer" or "bench"
  std::string digest;  // of the sources it was run with
  bool passed = false;
  std::string note;
  std::optional<BenchRow> bench;
  std::vector<std::string> leaders;  // of a search: what is worth a trial with another activation, best first
};

class ProgressFile {
 public:
  /// With `resume` the file's steps are read first (a torn last line is dropped), else it is emptied.
  ProgressFile(std::string path, bool resume);
  /// A step of this id that was run with this digest.
  const Step* find(const std::string& id, const std::string& digest) const;
  void append(const Step& step);
  /// The machine of the last run; all empty when the file does not say.
  const MachineFacts& machine() const { return machine_; }
  void ran_on(const MachineFacts& machine);
  const std::map<std::string, Step>& steps() const { return steps_; }

 private:
  std::string path_;
  MachineFacts machine_;
  std::map<std::string, Step> steps_;
};

/// Counts of the groups that were run replace the record's, bench rows replace those of the same key, digests those of
/// `families`.
void merge(Record& record, const std::map<std::string, Step>& steps, const std::vector<std::string>& families);

}  // namespace ak::proof
