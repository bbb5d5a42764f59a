// The subcommands of ak_prove, each of which returns its exit code, and what they share.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "core/tactic.hpp"
#include "plan/resources.hpp"
#include "prove/cases.hpp"
#include "prove/proof_record.hpp"
#include "runner/runner.hpp"

namespace ak::proof {

constexpr std::size_t kCases = 2100;
constexpr std::uint64_t kSeed = 2026;

struct Settings {
  std::string progress = "proof.jsonl", record, rows = "all", activations = "relu,leaky_relu,silu,gelu_tanh", family, into, summary_into;
  std::string results, larger;     // of `ak port`
  std::string prepared, planted;   // of loop-faults
  std::vector<std::string> suites;
  bool resume = false, classes = false, every_row = false;
  double budget_s = 3;   // of one search
  double seconds = 1e9;  // no row is begun later than this
  std::string self;      // this program
};

/// Seeded cases of every family, those of [first, last).
int prove_correctness(const Settings& settings, std::size_t first, std::size_t last);
/// The first of the case's tactics that compiles without spilling decides. `lost`: whether the GPU's context was.
Step prove_case(const ProofCase& c, Resources& resources, Effort effort, bool* lost = nullptr);

/// Wrong kernels that must be refused and right ones that must not, each in a process of its own.
int prove_planted(const Settings& settings);
/// One of them, in this process, for a wrong kernel may fault. Prints one line.
int prove_planted_one(int index, bool wrong);

/// At least so many candidates of a kind that must not win and must not touch the host: faults, traps, strays, wrong, hangs.
int prove_bad(const Settings& settings, const std::string& kind, int count);

/// A few small cases of each family under compute-sanitizer, and a race that it must see.
int prove_sanitize(const Settings& settings);
/// Those cases, in this process.
int prove_sanitizer_set(const Settings& settings);

/// The suites' rows against cuBLASLt.
int bench(const Settings& settings);

/// What serves a bucket against exact searches and cuBLASLt, for seeded m of a model's layers and the suites' rows of tokens; a
/// CSV. cache: the folder that the buckets are tuned into.
int compare_buckets(const Settings& settings, const std::string& cache);

/// The winners under each numeric policy and cuBLASLt's best, of the suites' rows; a CSV, and a table of its means.
int compare_policies(const Settings& settings);

/// Searches behind the calls of an application that is busy so much of the time: when the winner stands, what it costs the
/// application, and what it loses against one that was tuned in peace; a CSV.
int measure_behind(const Settings& settings, double busy);

/// The suites' rows, with the record's own kernels, between launches of a foreign kernel; prints a table, records nothing.
int time_alone(const Settings& settings);

/// Of the GPU and the libraries of this process, today.
MachineFacts this_machine();

/// Merges the progress into the record.
int update_record(const Settings& settings);
/// Prints a record's table; also writes it, and its summary, between the marks of the files that are given.
int print_table(const Settings& settings);
/// Prints what results of `ak port` say; also writes their records, and puts the table into the file given.
int print_loops(const Settings& settings);

/// The planted kernels of loops that stay within their arrays, emulated and compiled, into a file; needs no GPU.
int prepare_loop_faults(const Settings& settings);
/// Proves each as `ak port` does, in the worker; what the emulator said and what the GPU showed as JSON, and in one line. 1 where a
/// right one is refused, or a wrong value is not seen.
int prove_loop_faults(const Settings& settings);

bool wanted(const Settings& settings, FamilyId id);

/// Of every own family's source together.
std::string all_digests();

/// Runs work(i) for i in [0, count) on `threads` threads.
void in_parallel(std::size_t count, int threads, const std::function<void(std::size_t)>& work);

struct ChildResult {
  int status = -1;   // -1 unless it exited
  std::string line;  // the last one printed
};
ChildResult run_child(const std::string& command);

}  // namespace ak::proof
