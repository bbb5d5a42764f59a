// Candidates that fault, hang, write where they must not or are wrong, through ak::matmul_act itself, beside a thread of the
// host that computes and checks: none may win, and none may touch the host.
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>
#include <vector>

#include "ak/ak.hpp"
#include "context/context.hpp"
#include "context/stored_quarantine.hpp"
#include "gpu/device.hpp"
#include "gpu/owners.hpp"
#include "prove/prove.hpp"

namespace ak::proof {
namespace {

constexpr std::int64_t kM = 64, kN = 256, kK = 256;

// What each kind's kernel does, whatever its tactic.
const std::map<std::string, std::string>& bodies() {
  static const std::map<std::string, std::string> all = {
      {"faults", "*reinterpret_cast<volatile int*>(16) = 1;"},
      {"traps", "__trap();"},
      {"strays", "static_cast<volatile char*>(args.d)[-1024 - static_cast<int>(threadIdx.x)] = 0;"},
      {"wrong", "static_cast<volatile char*>(args.d)[threadIdx.x] = 0;"},
      {"hangs", "for (;;) asm volatile(\"nanosleep.u32 1000;\");"},
  };
  return all;
}

std::string folder_of_kernels(const std::string& body) {
  const std::string folder = fmt::format("{}/ak_bad_{}", std::filesystem::temp_directory_path().string(), getpid());
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  for (const char* family : {"sm80", "sm90", "skinny"})
    std::ofstream(fmt::format("{}/{}.cu", folder, family))
        << "extern \"C\" __global__ void ak_kernel(const __grid_constant__ ak::KernelArgs args) { " << body << " }\n";
  return folder;
}

// A product's operands; A and B hold a pattern.
struct Operands {
  Operands() {
    std::vector<std::uint16_t> pattern(static_cast<std::size_t>(std::max(kM, kN) * kK));
    for (std::size_t i = 0; i < pattern.size(); ++i) pattern[i] = static_cast<std::uint16_t>(0x3f00 + i % 127);  // bf16 near 1
    check(driver().cuMemcpyHtoD(a.get(), pattern.data(), kM * kK * 2), "writing A");
    check(driver().cuMemcpyHtoD(b.get(), pattern.data(), kK * kN * 2), "writing B");
  }
  Buffer a = Buffer::make(kM * kK * 2), b = Buffer::make(kK * kN * 2), d = Buffer::make(kM * kN * 2),
         bias = Buffer::make(kN * 2);
  ConstMatrix x() const { return {a.data<void>(), kM, kK, kK, DType::bf16, Order::row}; }
  ConstMatrix w(bool along_k) const {
    const ConstMatrix stored{b.data<void>(), along_k ? kN : kK, along_k ? kK : kN, along_k ? kK : kN, DType::bf16, Order::row};
    return along_k ? stored.transposed() : stored;
  }
  Matrix y() const { return {d.data<void>(), kM, kN, kN, DType::bf16, Order::row}; }
};

// Computes on a stream of its own all the while; counts what went wrong.
class Witness {
 public:
  Witness()
      : thread_([this, context = current_context()] {
          const ContextScope scope(context);
          try {
            watch();
          } catch (const Error& error) {
            ++errors, fmt::print("the host's own work failed: {}\n", error.what());
          }
        }) {}
  ~Witness() { end(); }
  void end() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::atomic<long> calls{0}, errors{0};

 private:
  void watch() {
    Options options;
    options.cache_dir = "", options.mode = Mode::off;
    Context context(options);
    const Operands operands;
    const OwnedStream stream = OwnedStream::make();
    std::vector<char> first(kM * kN * 2), now(first.size());
    for (; !stop_; ++calls) {
      context.matmul_act(stream.get(), operands.x(), operands.w(true), operands.y());
      auto& result = calls == 0 ? first : now;
      check(driver().cuMemcpyDtoHAsync(result.data(), operands.d.get(), result.size(), stream.get()), "reading D");
      check(driver().cuStreamSynchronize(stream.get()), "waiting");
      if (calls > 0 && std::memcmp(first.data(), now.data(), now.size())) ++errors;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace

int prove_bad(const Settings& settings, const std::string& kind, int count) {
  const auto body = bodies().find(kind);
  if (body == bodies().end()) throw Error(ErrorCode::invalid_argument, fmt::format("'{}' is no kind of bad kernel", kind));
  const std::string folder = folder_of_kernels(body->second);
  setenv("AK_KERNEL_DIR", folder.c_str(), 1);
  current_context();
  const auto start = Clock::now();
  Witness witness;
  const Operands operands;
  Options options;
  options.cache_dir = folder + "/cache", options.shipped = false, options.budget_s = settings.budget_s;
  options.process_budget_s = 3600;
  Context context(options);
  std::map<std::string, int> outcomes;
  int tried = 0, accepted = 0, failed = 0;
  // Each structure has kernels of its own.
  for (int i = 0; tried < count && seconds_since(start) < settings.seconds && i < 4 * kActivationCount; ++i) {
    Epilogue epilogue;
    epilogue.activation = static_cast<Activation>(i / 4);
    if (i & 1) epilogue.bias = operands.bias.data<void>();
    const ConstMatrix w = operands.w(i & 2);
    try {
      context.matmul_act(nullptr, operands.x(), w, operands.y(), epilogue);
      check(driver().cuStreamSynchronize(nullptr), "waiting for a call");
    } catch (const Error& error) {
      ++failed, fmt::print("a call failed: {}\n", error.what());
    }
    const Explanation e = context.explain(operands.x(), w, operands.y(), epilogue);
    accepted += e.served_by.find("cuBLASLt") != 0;
    for (const Trial& trial : context.impl().store().trials(parse_problem(e.problem), context.impl().hardware()))
      if (!is_vendor(trial.tactic) && trial.outcome != Outcome::constraints)
        ++tried, ++outcomes[std::string(name(trial.outcome))];
  }
  witness.end();
  int quarantined = 0;
  context.impl().store().for_each_work(kQuarantine, [&](const WorkRecord&) { ++quarantined; });
  std::string told;
  for (const auto& [outcome, times] : outcomes) told += fmt::format("{}{} {}", told.empty() ? "" : ", ", times, outcome);
  fmt::print(
      "{}: {} candidates in {:.0f} s ({}), {} accepted, {} in quarantine; {} calls of the host beside them, {} errors, "
      "{} calls failed\n",
      kind, tried, seconds_since(start), told, accepted, quarantined, witness.calls.load(), witness.errors.load(), failed);
  std::fflush(stdout);
  std::filesystem::remove_all(folder);
  return tried > 0 && !accepted && !failed && !witness.errors ? 0 : 1;
}

}  // namespace ak::proof
