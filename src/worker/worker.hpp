// Worker: proofs in a process of their own, which a GPU's searches share and which is started again whenever it ended.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "ak/types.hpp"
#include "base/hash.hpp"
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
  /// A proof in it, by the deadline. Throws Failed, also where it said no word: it ended by itself, or did not answer in time
  /// and was ended, or at a stop. Throws Unavailable when it cannot be started or used, or does not know the kind of work.
  Proven prove(const ProofRequest& request, Deadline deadline);
  /// The same, as its answer.
  ProofReply ask(const ProofRequest& request, Deadline deadline);
  /// What the last proofs left is let go: operands, references. Waits for a proof that runs, for nothing else.
  void close();
  /// Whether it runs and has opened its GPU: then its context is among what the device holds. Waits for no proof.
  bool ready() const { return ready_; }
  /// Of the process that runs; 0 when none does. Waits for no proof.
  int pid() const { return pid_; }

 private:
  void begin();
  void end();
  [[noreturn]] void fail(const std::string& why);
  bool opens(Deadline deadline);
  std::optional<ProofReply> next(Deadline deadline);
  std::optional<ProofReply> ask_once(const ProofRequest& request, Deadline deadline);
  bool send(const ProofRequest& request, Deadline deadline);

  const std::string program_, device_;
  std::mutex mutex_;
  std::unique_ptr<WorkerProcess> process_;
  std::optional<Digest> subject_;  // that the process has: one may be of hundreds of megabytes, and is proven many times
  std::optional<Error> failure_;  // why it could not be started or used, and when: each try may take seconds
  Clock::time_point failed_at_;
  std::atomic<bool> ready_ = false;  // its answer to `open` was read
  std::atomic<int> pid_ = 0;
};

}  // namespace ak
