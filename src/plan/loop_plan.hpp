// LoopPlan: a loop's kernels, ready to launch. Immutable; a launch allocates nothing and takes no lock.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gpu/owners.hpp"
#include "loop/formula.hpp"
#include "loop/function.hpp"
#include "loop/launch.hpp"
#include "plan/resources.hpp"

namespace ak {

class LoopPlan {
 public:
  /// module: in the resources' context. Throws Error{driver} for one without one of the launches' kernels,
  /// Error{invalid_argument} for geometry that the function's parameters do not tell.
  /// scratch: null: the resources' own.
  LoopPlan(Resources& resources, std::shared_ptr<const Module> module, const loop::Function& function,
           loop::Candidate candidate, Workspaces* scratch = nullptr);
  /// With a module of its own: loads the image, whose checksum was verified.
  LoopPlan(Resources& resources, const void* image, const loop::Function& function, loop::Candidate candidate);

  /// Enqueues all its launches; arguments: the address of each value, in the order of loop::c_parameters (what the function
  /// returns first). Legal during capture. False, with nothing enqueued, where its scratch memory is not to be had, or for more
  /// blocks than a launch has. Throws Error{driver}.
  [[nodiscard]] bool try_launch(Stream stream, std::span<void* const> arguments) const;
  /// What a call's integers decide of its launches, for calls that have the same ones: so many numbers, of no use elsewhere.
  std::size_t decisions() const { return kernels_.size() + memory_.size() + 2; }
  void decide(std::span<void* const> arguments, std::span<std::int64_t> into) const;
  /// The same with what was decided for such arguments.
  [[nodiscard]] bool try_launch(Stream stream, std::span<void* const> arguments, std::span<const std::int64_t> decided) const;
  /// Of a call with these arguments.
  std::int64_t workspace_bytes(std::span<void* const> arguments) const;
  const loop::Candidate& candidate() const { return candidate_; }
  /// Most registers of a thread, and most bytes of local memory (spills, local arrays), among its kernels.
  int registers() const;
  int local_bytes() const;

 private:
  struct Kernel {
    CUfunction function = nullptr;
    loop::Formula blocks;
    unsigned threads = 0, shared_bytes = 0;
    bool cooperative = false, dependent = false;
  };
  struct Memory {
    loop::Formula elements;
    std::int64_t element_bytes = 0;
    bool zeroed = false;
  };
  // An integer parameter that formulas may ask for.
  struct Integer {
    std::size_t argument = 0;
    bool wide = false;
  };
  static constexpr std::size_t kMostArguments = 64, kMostLaunches = 64;

  void read(std::span<void* const> arguments, std::span<std::int64_t> values) const;
  std::int64_t lay_out(std::span<const std::int64_t> values, std::span<std::int64_t> offsets, std::int64_t& zeroed) const;

  loop::Candidate candidate_;
  Workspaces& workspaces_;
  std::shared_ptr<const Module> module_;
  std::vector<Integer> integers_;
  std::vector<Kernel> kernels_;
  std::vector<Memory> memory_;  // in the scratch's order
  std::size_t arguments_ = 0;
  std::int64_t sms_ = 0;
};

}  // namespace ak
