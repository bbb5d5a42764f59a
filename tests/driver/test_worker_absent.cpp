// Where kernels cannot be proven in the worker: GPUs that take no second process, a worker without a GPU, work it does not
// know.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"
#include "base/log.hpp"
#include "fake_driver.hpp"
#include "gpu/device.hpp"
#include "machine/gpu.hpp"
#include "own_context.hpp"
#include "search/space.hpp"
#include "tests/texts.hpp"
#include "worker/worker.hpp"
#include "worker_fixture.hpp"

using namespace ak;
using namespace ak::testing;

namespace {

// What the worker takes for a driver.
struct DriverIn : Variable {
  explicit DriverIn(const char* folder) : Variable("LD_LIBRARY_PATH", std::string(AK_BINARY_DIR "/tests/") + folder) {}
};

ProofRequest request() {
  ProofRequest r = testing::request("a cubin");
  r.launch = a_tactic();
  return r;
}

// The first answer of a fresh process, without what Worker makes of it.
ProofReply answer_of_process(const ProofRequest& asked) {
  WorkerProcess process(kProgram, "GPU-0");
  REQUIRE(process.channel().send(encode(asked), Deadline::in(5)));
  const auto frame = process.channel().receive(Deadline::in(20));
  REQUIRE(frame);
  return decode_reply(*frame).value();
}

// Why Worker does not prove it.
std::string unavailable(const ProofRequest& asked) {
  Worker worker(kProgram, "GPU-0");
  try {
    worker.prove(asked, Deadline::in(20));
  } catch (const Unavailable& absent) {
    return absent.why;
  }
  return "it proved";
}

// The warnings while it lives.
struct Warnings {
  Warnings() { set_log_level(LogLevel::warn); }
  ~Warnings() { remove_log_sink(sink), set_log_level(before); }
  const LogLevel before = log_level();
  std::vector<std::string> told;
  const std::uint64_t sink = add_log_sink([this](LogLevel at, std::string_view line) {
    if (at == LogLevel::warn) told.emplace_back(line);
  });
};

int own_launches() { return static_cast<int>(std::ranges::count(fake::launches(), true, &fake::Launch::own)); }

}  // namespace

TEST_CASE(
    "under MPS and in exclusive-process mode reviewed kernels are proven in the process, which is said once; others not") {
  struct {
    CUdevice_attribute which;
    int value;
    std::string why;
  } const modes[] = {
      {CU_DEVICE_ATTRIBUTE_COMPUTE_MODE, CU_COMPUTEMODE_EXCLUSIVE_PROCESS, "the GPU is in exclusive-process mode; `nvidia-smi"},
      {CU_DEVICE_ATTRIBUTE_MPS_ENABLED, 1,
       "the GPU's processes share one context (MPS); `echo quit | nvidia-cuda-mps-control`"}};
  const DriverIn fakes("fake");
  for (const auto& [which, value, why] : modes) {
    CAPTURE(why);
    fake::reset();
    fake::attribute(which, value);
    OwnContext own;
    const Warnings warnings;
    const std::vector<std::string>& told = warnings.told;
    const Tactic tactic = make_space(problem(), device_facts()).tactics.front().tactic;
    const auto trial = [&] {
      fake::forget();
      const auto machine = make_gpu_machine({.scratch_bytes = std::int64_t{64} << 20, .worker = kProgram});
      machine->warm_up(problem());
      return machine->runner(problem(), Allowance{}, nullptr)->run(tactic, Effort::quick, Deadline::in(20));
    };
    const int pid = Worker::of(kProgram, device_uuid()).pid();  // which other tests may have left
    for (int search = 0; search < 2; ++search) {
      const Trial reviewed = trial();
      CHECK_MESSAGE(reviewed.correct(), reviewed.why);
      CHECK(own_launches() > 0);
    }
    REQUIRE(told.size() == 1);
    CHECK(has(told[0], "new kernels are launched in this process first: " + why));

    const Variable folder("AK_KERNEL_DIR", AK_SOURCE_DIR "/kernels");
    const Trial foreign = trial();
    CHECK(foreign.outcome == Outcome::constraints);
    CHECK(has(foreign.why, "sources of AK_KERNEL_DIR are launched in a worker only, or with AK_ISOLATION=in_process: " + why));
    CHECK(own_launches() == 0);
    CHECK(told.size() == 1);
    CHECK(Worker::of(kProgram, device_uuid()).pid() == pid);
    own.end();
  }
  fake::reset();
}

TEST_CASE("a worker without a GPU starts, and says to each question why there is none") {
  ProofRequest ready;
  ready.kind = Asked::ready;
  const auto says = [&](const char* why) {
    CAPTURE(why);
    for (const ProofRequest& asked : {ready, request()}) {
      const ProofReply reply = answer_of_process(asked);
      CHECK(reply.kind == Answered::unready);
      CHECK_MESSAGE(has(reply.why, why), reply.why);
      CHECK(!reply.last);
    }
    CHECK(Worker(kProgram, "GPU-0").start() == std::nullopt);
    CHECK(has(unavailable(request()), "the worker cannot use the GPU: "));
    CHECK(has(unavailable(request()), why));
  };
  {
    const DriverIn none("nowhere");
    says("the CUDA driver");  // is not available; where one is installed it has no GPU-0
  }
  {
    const DriverIn fakes("fake");
    const Variable none("FAKE_DEVICES", "0");
    says("starting the CUDA driver: CUDA_ERROR_OF_THE_FAKE (100)");
  }
  {
    const DriverIn old("old");
    says("one for CUDA 13 (release 580) or later is needed");
  }
}

TEST_CASE("work of a kind that the worker does not know is refused by its name, and the worker goes on") {
  const DriverIn fakes("fake");
  ProofRequest unknown = request();
  unknown.tag = "convolution";
  Worker worker(kProgram, "GPU-0");
  const ProofReply reply = worker.ask(unknown, Deadline::in(20));
  CHECK(reply.kind == Answered::unready);
  CHECK(reply.why == "it knows no work of the kind 'convolution'");
  CHECK(unavailable(unknown) == reply.why);
  const int pid = worker.pid();
  const ProofReply known = worker.ask(request(), Deadline::in(20));
  CHECK(known.kind == Answered::done);
  CHECK_MESSAGE(known.outcome == Outcome::correct, known.why);
  CHECK(worker.pid() == pid);
}
