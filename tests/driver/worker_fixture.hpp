// What tests of the worker's process share, on the fake driver.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "base/environment.hpp"
#include "fake_driver.hpp"
#include "search/space.hpp"
#include "worker/worker.hpp"

namespace ak::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // and takes as much address space as there is
#else
constexpr bool kSanitized = false;
#endif

inline const std::string kProgram = AK_BINARY_DIR "/ak-worker";

// A variable for the time of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1), ak::read_environment(); }
  ~Variable() { unsetenv(name_), ak::read_environment(); }

 private:
  const char* name_;
};

// The worker finds the fake driver.
struct FakeDriver : Variable {
  FakeDriver() : Variable("LD_LIBRARY_PATH", AK_BINARY_DIR "/tests/fake") { fake::reset(); }
};

inline bool runs(int pid) {
  std::ifstream status(fmt::format("/proc/{}/stat", pid));
  const std::string line(std::istreambuf_iterator<char>(status), {});
  const auto name_ends = line.rfind(')');
  return name_ends != line.npos && line.at(name_ends + 2) != 'Z';
}

inline bool ends_within(int pid, double seconds) {
  for (const Deadline deadline = Deadline::in(seconds); runs(pid); std::this_thread::sleep_for(std::chrono::milliseconds(5)))
    if (deadline.passed()) return false;
  return true;
}

inline std::string contents(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline const Problem& problem() {
  static const Problem p = parse_problem("64x256x256 relu");
  return p;
}

inline ProofRequest request(const std::string& cubin, double seconds = 5) {
  ProofRequest r;
  r.tag = "gemm", r.subject = to_string(problem());
  r.launch = "sm80", r.image = cubin;
  r.seconds = seconds;
  return r;
}

// The first tactic of the space, so that its text is one that families take.
inline std::string a_tactic() { return to_string(make_space(problem(), DeviceFacts{}).tactics.front().tactic); }

inline ProofReply proof_of(Worker& worker, const std::string& cubin, double seconds = 5) {
  ProofRequest r = request(cubin, seconds);
  r.launch = a_tactic();
  return worker.ask(r, Deadline::in(seconds));
}

}  // namespace ak::testing
