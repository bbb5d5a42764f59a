// A second kind of work, a vector add: what the test, in the host, and its worker have in common.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gpu/owners.hpp"
#include "worker/kind.hpp"

namespace vector_add {

constexpr std::string_view kTag = "vector_add";
constexpr int kSize = 1000, kGuard = 64;  // elements

// What is added, and room for what a kernel writes where it must not.
struct Operands {
  explicit Operands(float step);
  std::vector<float> result() const;

  ak::Buffer x = ak::Buffer::make(4 * kSize), y = ak::Buffer::make(4 * kSize), out = ak::Buffer::make(4 * (kSize + kGuard));
  std::vector<float> host_x, host_y;
};

// A compiled candidate, ready to launch.
class LaunchPlan {
 public:
  // threads: of a CTA.
  LaunchPlan(const std::string& image, unsigned threads);
  void launch(CUstream stream, const Operands& on) const;

 private:
  ak::Module module_;
  CUfunction function_ = nullptr;
  unsigned threads_;
};

// Its proofs in the worker: a subject is a number of elements, a launch the threads of a CTA.
constexpr std::string_view kCrashes = "crashes";  // a subject that the worker does not survive
ak::WorkKind kind();

// What stands for its kernels on the fake driver, by the word in their sources.
struct FakeKernels {
  FakeKernels();
  int adds = 0, others = 0;  // launches in this process, outside captures
};

}  // namespace vector_add
