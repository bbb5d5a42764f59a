// Worker: proofs in a process of their own, which a GPU's searches share and which is started again whenever it ended.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "ak/types.hpp"
#include "core/allowance.hpp"
#include "core/problem.hpp"
#include "proof/prover.hpp"
#include "worker/messages.hpp"
#include "worker/process.hpp"

namespace ak {

class Worker {
 public:
  Worker(std::string program, std::string device) : program_(std::move(program)), device_(std::move(device)) {}

  /// The process's worker for a GPU (a UUID as CUDA_VISIBLE_DEVICES has it), made on first use and kept.
  static Worker& of(const std::string& program, const std::string& device);

  /// Starts it, unless it runs, and lets it open the GPU while the caller goes on. Why it cannot be used; nullopt when it can.
  std::optional<std::string> start();
  /// Returns once it has opened the GPU, or cannot, as the next start says, or at the deadline or a stop: then it goes on.
  void await_open(Deadline deadline);
  /// Its answer; what it said no word of is told as an outcome too: it ended by itself, or did not answer by the deadline or a
  /// stop and was ended. Throws Unavailable when it cannot be started.
  ProofReply prove(const ProofRequest& request, Deadline deadline);
  /// What the last proofs left is let go: cases and their device memory. Waits for nothing.
  void close();
  /// Whether it runs and has opened its GPU: then its context is among what the device holds. Waits for no proof.
  bool opened() const { return opened_; }
  /// Of the process that runs; 0 when none does. Waits for no proof.
  int pid() const { return pid_; }

 private:
  void begin();
  void end();
  [[noreturn]] void fail(const std::string& why);
  bool opens(Deadline deadline);
  std::optional<ProofReply> next(Deadline deadline);
  std::optional<ProofReply> ask(const ProofRequest& request, Deadline deadline);

  const std::string program_, device_;
  std::mutex mutex_;
  std::unique_ptr<WorkerProcess> process_;
  std::optional<Error> failure_;  // why it could not be started or used, and when: each try may take seconds
  Clock::time_point failed_at_;
  std::atomic<bool> opened_ = false;  // its answer to `open` was read
  std::atomic<int> pid_ = 0;
};

/// A problem's proofs, or those of a panel of `whole`, through a worker, which must outlive it. Of the allowance, which is the
/// worker's, that takes device memory; it is given back with the prover.
class WorkerProver : public Prover {
 public:
  WorkerProver(const Problem& problem, const Problem& whole, Worker& worker, const Allowance& allowance)
      : problem_(to_string(problem)),
        whole_(problem == whole ? std::string() : to_string(whole)),
        worker_(worker),
        device_bytes_(allowance.device_bytes),
        scratch_bytes_(allowance.scratch_bytes) {}
  ~WorkerProver() override { worker_.close(); }
  Proven prove(const Kernel& kernel, Effort effort, Deadline deadline) override;
  Proven prove_whole(const Kernel& kernel, Deadline deadline) override;

 private:
  Proven ask(ProofRequest request, const Kernel& kernel, Deadline deadline);

  const std::string problem_, whole_;
  Worker& worker_;
  const std::int64_t device_bytes_, scratch_bytes_;
};

}  // namespace ak
