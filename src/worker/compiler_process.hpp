// NVRTC in a process of its own: what it allocates, what it registers for a process's end, and what a text makes of it is not
// the host's. The host's threads share it, as they would share the library.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "jit/compiler.hpp"
#include "worker/compile_messages.hpp"
#include "worker/process.hpp"

namespace ak {

/// Started when it is needed. It ends when the host does, and where nothing is asked of it for a while; then the next compile
/// starts it again.
class CompilerProcess final : public Compiler {
 public:
  /// program: as find_worker() gives it. cpu_seconds: the process ends when its threads have taken so many, or much memory; 0:
  /// it has no limits.
  explicit CompilerProcess(std::string program, double cpu_seconds = 0)
      : program_(std::move(program)), cpu_seconds_(cpu_seconds) {}

  /// These throw Error{unsupported} where the process cannot be started.
  void start() override;
  bool available(std::string* why = nullptr) override;
  std::string version() override;
  /// What was compiled when the process ended is compiled once more, where it has no limits. Throws Error{out_of_memory} when
  /// it ends again, Error{missing_library} where it finds no NVRTC. At the deadline a failure, and what runs is cancelled.
  Compiled compile(std::string_view source, std::string_view arch, const Deadline& deadline, Contraction contraction) override;

  /// Of the process that runs; 0: none does.
  int pid() const;

 private:
  using Lock = std::unique_lock<std::mutex>;

  void start(const Lock&);
  void end(const Lock&);
  void send(const Lock&, const CompileRequest& request);
  void await(Lock& lock, std::uint64_t number, const Deadline& deadline);
  CompileReply ready();

  const std::string program_;
  const double cpu_seconds_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<WorkerProcess> process_;
  Channel requests_;      // the same socket; one thread receives while others send
  bool reading_ = false;  // one of those that wait receives for all
  std::uint64_t last_ = CompileReply::kReady;
  std::map<std::uint64_t, std::optional<CompileReply>> asked_;  // of the process that runs
  std::optional<CompileReply> ready_;                           // of the last one that found NVRTC
  std::string not_started_;                                     // why the last start failed
  Clock::time_point again_;                                     // not tried before
};

/// Who compiles the library's own texts for a host whose kernels are proven apart. worker: its program; empty: find_worker(). A
/// process that all of the host's threads share or, where there is no such program, it does not start or finds no NVRTC (the
/// host may have one open from elsewhere), the host itself.
Compiler& compiler_apart(const std::string& worker);

}  // namespace ak
