#include "plan/loop_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "kernels/args.cuh"

namespace ak {

namespace {

constexpr std::int64_t kAlignment = 256;                      // of each scratch, bytes
constexpr std::int64_t kMostScratch = std::int64_t{1} << 50;  // more than any GPU has
constexpr std::int64_t kMostGridBlocks = std::numeric_limits<int>::max();

std::int64_t round_up(std::int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

LoopPlan::LoopPlan(Resources& resources, const void* image, const loop::Function& function, loop::Candidate candidate)
    : LoopPlan(resources, load_module(resources, image), function, std::move(candidate)) {}

LoopPlan::LoopPlan(Resources& resources, std::shared_ptr<const Module> module, const loop::Function& function,
                   loop::Candidate candidate, Workspaces* scratch)
    : candidate_(std::move(candidate)),
      workspaces_(scratch ? *scratch : resources.workspaces()),
      module_(std::move(module)),
      sms_(resources.facts().sm_count) {
  std::vector<std::string> names;
  arguments_ = function.returns != loop::ScalarType::none;
  for (const loop::Parameter& parameter : function.parameters) {
    if (!parameter.pointer && !loop::is_real(parameter.type)) {
      integers_.push_back({arguments_, parameter.type == loop::ScalarType::i64});
      names.push_back(parameter.name);
    }
    ++arguments_;
  }
  names.push_back(loop::kSms);
  if (arguments_ + candidate_.scratch.size() > kMostArguments)
    throw Error(ErrorCode::unsupported, fmt::format("{} has more than {} parameters", function.name, kMostArguments));
  if (candidate_.launches.size() > kMostLaunches)
    throw Error(ErrorCode::unsupported, fmt::format("{} needs more than {} launches", function.name, kMostLaunches));

  const ContextScope scope(resources.context());
  const bool overlaps = resources.facts().compute_major >= 9;
  for (const loop::Launch& launch : candidate_.launches) {
    Kernel kernel{module_->find(launch.kernel.c_str()),
                  loop::Formula(launch.blocks, names),
                  static_cast<unsigned>(launch.threads),
                  static_cast<unsigned>(launch.shared_bytes),
                  false,
                  launch.dependent && overlaps};
    if (!kernel.function)
      throw Error(ErrorCode::driver, fmt::format("the image of {} has no kernel {}", function.name, launch.kernel));
    // Blocks that wait for each other must all be resident, which a cooperative launch makes sure of.
    kernel.cooperative = launch.waits && loop::mentions(launch.blocks, loop::kSms);
    if (kernel.shared_bytes > 48 * 1024) allow_shared_bytes(kernel.function, launch.shared_bytes);
    kernels_.push_back(std::move(kernel));
  }
  for (const loop::Scratch& scratch : candidate_.scratch)
    memory_.push_back({loop::Formula(scratch.elements, names), size_of(scratch.type), scratch.zeroed});
}

void LoopPlan::read(std::span<void* const> arguments, std::span<std::int64_t> values) const {
  for (std::size_t i = 0; i < integers_.size(); ++i) {
    const void* from = arguments[integers_[i].argument];
    values[i] = integers_[i].wide ? *static_cast<const std::int64_t*>(from) : *static_cast<const std::int32_t*>(from);
  }
  values[integers_.size()] = sms_;
}

// What is to be zero comes first, so that one memset does it. Returns all bytes.
std::int64_t LoopPlan::lay_out(std::span<const std::int64_t> values, std::span<std::int64_t> offsets,
                               std::int64_t& zeroed) const {
  std::int64_t bytes = 0;
  for (const bool first : {true, false}) {
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      if (memory_[i].zeroed != first) continue;
      offsets[i] = bytes;
      const std::int64_t elements = std::max<std::int64_t>(memory_[i].elements(values), 0);
      bytes = std::min(kMostScratch, bytes + round_up(std::min(elements, kMostScratch) * memory_[i].element_bytes));
    }
    if (first) zeroed = bytes;
  }
  return bytes;
}

std::int64_t LoopPlan::workspace_bytes(std::span<void* const> arguments) const {
  std::int64_t values[kMostArguments], offsets[kMostArguments], zeroed = 0;
  read(arguments, values);
  return lay_out(values, offsets, zeroed);
}

void LoopPlan::decide(std::span<void* const> arguments, std::span<std::int64_t> into) const {
  std::int64_t values[kMostArguments];
  read(arguments, values);
  const std::size_t kernels = kernels_.size(), memories = memory_.size();
  for (std::size_t i = 0; i < kernels; ++i) into[i] = kernels_[i].blocks(values);
  into[kernels + memories] = lay_out(values, into.subspan(kernels, memories), into[kernels + memories + 1]);
}

bool LoopPlan::try_launch(Stream stream, std::span<void* const> arguments) const {
  std::int64_t decided[kMostLaunches + kMostArguments + 2];
  decide(arguments, decided);
  return try_launch(stream, arguments, decided);
}

bool LoopPlan::try_launch(Stream stream, std::span<void* const> arguments, std::span<const std::int64_t> decided) const {
  const auto blocks = decided.first(kernels_.size()), offsets = decided.subspan(kernels_.size(), memory_.size());
  const std::int64_t bytes = decided[decisions() - 2], zeroed = decided[decisions() - 1];
  for (const std::int64_t each : blocks)  // before anything is enqueued
    if (each > kMostGridBlocks) return false;
  const CUstream on = static_cast<CUstream>(stream);
  void* parameters[kMostArguments];
  std::copy(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(arguments_), parameters);
  Workspaces::Lease lease;
  CUdeviceptr pointers[kMostArguments];
  if (!memory_.empty()) {
    lease = workspaces_.acquire(stream, kCounterBytes + bytes);
    if (!lease) return false;
    const CUdeviceptr base = reinterpret_cast<CUdeviceptr>(lease.data()) + kCounterBytes;
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      pointers[i] = base + static_cast<CUdeviceptr>(offsets[i]);
      parameters[arguments_ + i] = &pointers[i];
    }
    if (zeroed > 0) check(driver().cuMemsetD8Async(base, 0, static_cast<std::size_t>(zeroed), on), "clearing scratch memory");
  }
  bool first = true;
  for (std::size_t i = 0; i < kernels_.size(); ++i) {
    const Kernel& kernel = kernels_[i];
    if (blocks[i] < 1) continue;
    CUlaunchAttribute attributes[2];
    CUlaunchConfig launch{};
    launch.gridDimX = static_cast<unsigned>(blocks[i]), launch.gridDimY = launch.gridDimZ = 1;
    launch.blockDimX = kernel.threads, launch.blockDimY = launch.blockDimZ = 1;
    launch.sharedMemBytes = kernel.shared_bytes;
    launch.hStream = on;
    if (kernel.cooperative) {
      auto& cooperative = attributes[launch.numAttrs++];
      cooperative.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
      cooperative.value.cooperative = 1;
    } else if (kernel.dependent && !(first && zeroed > 0)) {  // a memset says nothing of when its successor may start
      auto& serialization = attributes[launch.numAttrs++];
      serialization.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
      serialization.value.programmaticStreamSerializationAllowed = 1;
    }
    launch.attrs = attributes;
    check(driver().cuLaunchKernelEx(&launch, kernel.function, parameters, nullptr), "launching a kernel");
    first = false;
  }
  return true;
}

int LoopPlan::registers() const {
  int most = 0;
  for (const Kernel& kernel : kernels_) most = std::max(most, attribute(kernel.function, CU_FUNC_ATTRIBUTE_NUM_REGS));
  return most;
}

int LoopPlan::local_bytes() const {
  int most = 0;
  for (const Kernel& kernel : kernels_) most = std::max(most, attribute(kernel.function, CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES));
  return most;
}

}  // namespace ak
