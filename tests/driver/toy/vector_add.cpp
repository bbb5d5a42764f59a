#include "vector_add.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <functional>
#include <memory>

#include "fake_driver.hpp"

using namespace ak;

namespace vector_add {
namespace {

constexpr float kUntouched = -1;

unsigned number(const std::string& text) {
  unsigned value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

class Session final : public ProofSession {
 public:
  Proven prove(const ProofRequest& request, Deadline deadline) override {
    const LaunchPlan plan(request.image, number(request.launch));
    launched_ = Clock::now();
    plan.launch(queue_.stream(), operands_);
    queue_.wait(deadline);
    const std::vector<float> result = operands_.result();
    for (int i = kSize; i < kSize + kGuard; ++i)
      if (result[static_cast<std::size_t>(i)] != kUntouched)
        throw Failed{Outcome::incorrect, fmt::format("writes element {} of {}", i, kSize), true};
    for (std::size_t i = 0; i < kSize; ++i)
      if (const float sum = operands_.host_x[i] + operands_.host_y[i]; result[i] != sum)
        throw Failed{Outcome::incorrect, fmt::format("element {} is {}, not {}", i, result[i], sum)};
    return {};
  }
  GpuQueue& queue() override { return queue_; }
  Clock::time_point launched() const override { return launched_; }

 private:
  GpuQueue queue_;
  const Operands operands_{0.5f};
  Clock::time_point launched_;
};

float* pointer(const fake::Launch& launch, int parameter) { return *static_cast<float**>(launch.parameters[parameter]); }

std::function<void(const fake::Launch&)> run(int& count, int up_to, float sign) {
  return [&count, up_to, sign](const fake::Launch& launch) {
    ++count;
    const float *x = pointer(launch, 0), *y = pointer(launch, 1);
    for (unsigned i = 0; i < launch.grid[0] * launch.block[0] && static_cast<int>(i) < up_to; ++i)
      pointer(launch, 2)[i] = i < kSize ? x[i] + sign * y[i] : 0;
  };
}

void write(const Buffer& to, const std::vector<float>& values) {
  check(driver().cuMemcpyHtoD(to.get(), values.data(), 4 * values.size()), "writing operands");
}

}  // namespace

Operands::Operands(float step) {
  for (int i = 0; i < kSize; ++i) host_x.push_back(step * static_cast<float>(i)), host_y.push_back(static_cast<float>(i) + 1);
  write(x, host_x), write(y, host_y);
  write(out, std::vector<float>(kSize + kGuard, kUntouched));
}

std::vector<float> Operands::result() const {
  std::vector<float> values(kSize + kGuard);
  check(driver().cuMemcpyDtoH(values.data(), out.get(), 4 * values.size()), "reading the result");
  return values;
}

LaunchPlan::LaunchPlan(const std::string& image, unsigned threads) : module_(Module::load(image.data())), threads_(threads) {
  function_ = module_.find("ak_kernel");
}

void LaunchPlan::launch(CUstream stream, const Operands& on) const {
  CUdeviceptr x = on.x.get(), y = on.y.get(), out = on.out.get();
  int n = kSize;
  void* parameters[] = {&x, &y, &out, &n};
  CUlaunchConfig config{};
  config.gridDimX = (kSize + threads_ - 1) / threads_, config.gridDimY = config.gridDimZ = 1;
  config.blockDimX = threads_, config.blockDimY = config.blockDimZ = 1;
  config.hStream = stream;
  check(driver().cuLaunchKernelEx(&config, function_, parameters, nullptr), "launching a vector add");
}

WorkKind kind() {
  return {kTag, [](const std::string& subject, const Allowance&) -> std::unique_ptr<ProofSession> {
            if (subject == kCrashes) std::abort();
            if (number(subject) != kSize) throw Error(ErrorCode::invalid_argument, fmt::format("'{}' elements", subject));
            return std::make_unique<Session>();
          }};
}

FakeKernels::FakeKernels() {
  fake::reset();
  fake::kernel("adds", run(adds, kSize, +1));
  fake::kernel("subtracts", run(others, kSize, -1));
  fake::kernel("strays", run(others, kSize + 1, +1));
}

}  // namespace vector_add
