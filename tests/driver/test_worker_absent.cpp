// Where kernels cannot be proven in the worker: GPUs that take no second process, a worker without a GPU, work it does not
// know.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/log.hpp"
#include "fake_driver.hpp"
#include "gpu/device.hpp"
#include "machine/gpu.hpp"
#include "own_context.hpp"
#include "search/space.hpp"
#include "worker/worker.hpp"

using namespace ak;

namespace {

const std::string kProgram = AK_BINARY_DIR "/ak-worker";

// A variable for the time of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1), read_environment(); }
  ~Variable() { unsetenv(name_), read_environment(); }

 private:
  const char* name_;
};

// What the worker takes for a driver.
struct DriverIn : Variable {
  explicit DriverIn(const char* folder) : Variable("LD_LIBRARY_PATH", std::string(AK_BINARY_DIR "/tests/") + folder) {}
};

const Problem& problem() {
  static const Problem p = parse_problem("64x256x256 relu");
  return p;
}

ProofRequest request() {
  ProofRequest r;
  r.tag = "gemm", r.subject = to_string(problem()), r.image = "a cubin", r.seconds = 5;
  r.launch = to_string(make_space(problem(), DeviceFacts{}).tactics.front().tactic);
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

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

int own_launches() {
  return static_cast<int>(std::ranges::count(fake::launches(), std::string("ak_kernel"), &fake::Launch::kernel));
}

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
  const LogLevel level = log_level();
  set_log_level(LogLevel::warn);
  for (const auto& [which, value, why] : modes) {
    CAPTURE(why);
    fake::reset();
    fake::attribute(which, value);
    OwnContext own;
    std::vector<std::string> told;
    const auto sink = add_log_sink([&](LogLevel at, std::string_view line) {
      if (at == LogLevel::warn) told.emplace_back(line);
    });
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
    remove_log_sink(sink);
    own.end();
  }
  set_log_level(level);
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
    const DriverIn nothing("fake");
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
