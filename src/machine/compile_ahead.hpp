// CompileAhead: while one bucket is proven and timed, what its neighbours will try first is compiled.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/device_facts.hpp"
#include "core/problem.hpp"
#include "jit/compile_pool.hpp"
#include "jit/compiled_kernels.hpp"
#include "machine/machine.hpp"

namespace ak {

/// On threads of their own, the least urgent of the process. Ends within moments, whatever it compiles.
class CompileAhead {
 public:
  /// In their order; of one without tactics what a search proposes before it knows anything. folder: of the families' sources.
  /// Where no thread can be started nothing is compiled.
  CompileAhead(std::vector<Machine::Coming> coming, const DeviceFacts& device, std::string folder, int threads,
               std::shared_ptr<CompiledKernels> into, Compiler& compiler);
  ~CompileAhead();
  CompileAhead(const CompileAhead&) = delete;
  CompileAhead& operator=(const CompileAhead&) = delete;

 private:
  void want_all();

  const std::vector<Machine::Coming> coming_;
  const DeviceFacts device_;
  const std::string folder_;
  const std::shared_ptr<CompiledKernels> into_;
  std::atomic<bool> stop_{false};
  CompilePool pool_;
  std::thread thread_;
};

}  // namespace ak
