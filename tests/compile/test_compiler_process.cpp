// The compiler's process, by the real program and NVRTC.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "ak/types.hpp"
#include "base/clock.hpp"
#include "core/allowance.hpp"
#include "jit/compile_pool.hpp"
#include "tests/unit/stores.hpp"
#include "worker/compiler_process.hpp"
#include "worker/serve_compiler.hpp"

using namespace ak;

namespace {

const std::string kProgram = AK_BINARY_DIR "/ak-worker";

std::string scaled_by(int i) {
  return fmt::format("extern \"C\" __global__ void ak_kernel(float* p) {{ *p = *p * {}.f + p[1]; }}", i);
}

// A second's work for a compiler, and more.
std::string slow(int seed, int kernels = 200) {
  std::string text;
  for (int i = 0; i < kernels; ++i)
    text += fmt::format(
        "extern \"C\" __global__ void k{0}(float* a) {{\n#pragma unroll\nfor (int i = 0; i < 40; ++i) a[threadIdx.x] = "
        "a[threadIdx.x] * a[i] + {0}; }}\n",
        i + seed);
  return text;
}

bool opened(const std::string& library) {
  std::ifstream file("/proc/self/maps");
  for (std::string line; std::getline(file, line);)
    if (line.find(library) != line.npos) return true;
  return false;
}

}  // namespace

TEST_CASE("the compiler's process gives what this process's NVRTC gives, to many threads at once") {
  CompilerProcess apart(kProgram);
  std::string why;
  REQUIRE_MESSAGE(apart.available(&why), why);
  CHECK(apart.version() == compiler_version());
  std::vector<Compiled> all(12);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = t; i < 12; i += 4)
        all[i] = apart.compile(scaled_by(i), "sm_90a", Deadline::never(), i % 2 ? Contraction::off : Contraction::on);
    });
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 12; ++i) {
    const Compiled here = compile(scaled_by(i), "sm_90a", Deadline::never(), i % 2 ? Contraction::off : Contraction::on);
    CHECK(all[i].ok());
    CHECK(all[i].cubin == here.cubin);
    CHECK(all[i].registers == here.registers);
    CHECK(all[i].seconds > 0);
  }
  const Compiled wrong = apart.compile("this does not compile", "sm_80", Deadline::never(), Contraction::on);
  CHECK(wrong.cubin.empty());
  CHECK(wrong.failure.find("error") != std::string::npos);
}

TEST_CASE("a compile apart ends when it is stopped, and the others go on") {
  CompilerProcess apart(kProgram);
  REQUIRE(apart.available());
  const int pid = apart.pid();
  std::stop_source stop, later;
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop.request_stop();
  });
  std::atomic<bool> ended{false};
  std::thread other([&] {
    const Compiled cut = apart.compile(slow(2, 3000), "sm_80", Deadline::never(later.get_token()), Contraction::on);
    CHECK(cut.failure == "its compile was cut short");
    ended = true;
  });
  const Compiled cut = apart.compile(slow(1, 2000), "sm_80", Deadline::never(stop.get_token()), Contraction::on);
  CHECK(cut.failure == "its compile was cut short");
  CHECK(apart.compile(slow(3, 2), "sm_80", Deadline::in(60), Contraction::on).ok());
  CHECK(!ended);
  CHECK(apart.pid() == pid);  // it was not ended for that
  later.request_stop();
  stopper.join(), other.join();
  CHECK(apart.compile(slow(1, 3000), "sm_80", Deadline::in(0.5), Contraction::on).failure == "its compile was cut short");
}

TEST_CASE("a compiler's process that is killed starts again, for what was compiled too") {
  CompilerProcess apart(kProgram);
  REQUIRE(apart.compile(scaled_by(0), "sm_80", Deadline::never(), Contraction::on).ok());
  const int before = apart.pid();
  std::thread killer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    ::kill(before, SIGKILL);
  });
  CHECK(apart.compile(slow(3, 600), "sm_80", Deadline::in(60), Contraction::on).ok());
  killer.join();
  CHECK(apart.pid() != before);
  ::kill(apart.pid(), SIGKILL);
  CHECK(apart.compile(scaled_by(1), "sm_80", Deadline::in(60), Contraction::on).ok());
}

TEST_CASE("a compiler's process that ends with each text is no fault of the text") {
  CompilerProcess apart(kProgram);
  std::atomic<bool> done{false};
  std::thread killer([&] {
    int last = 0;
    while (!done) {
      const int pid = apart.pid();
      if (pid != last && pid > 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(400));
        ::kill(pid, SIGKILL), last = pid;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  std::string why;
  try {
    apart.compile(slow(4, 2000), "sm_80", Deadline::in(60), Contraction::on);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::out_of_memory);
    why = error.what();
  }
  done = true, killer.join();
  CHECK(why == "it ends the compiler: it may take more memory than there is");
}

TEST_CASE("a pool compiles apart as it does here, and its end does not wait for what runs there") {
  CompilerProcess apart(kProgram);
  Allowance allowance;
  allowance.compile_threads = 2;
  const auto start = Clock::now();
  {
    CompilePool pool("sm_80", allowance, start_thread, nullptr, apart);
    const auto one = pool.get(Source(scaled_by(1)), Deadline::in(60));
    REQUIRE(one);
    CHECK(one->ok());
    pool.want(Source(slow(5, 20000)));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  CHECK(seconds_since(start) < 60);
}

TEST_CASE("where there is no such program the host compiles") {
  CHECK(&compiler_apart("/nowhere/ak-worker") == &compiler_here());
  CHECK(&compiler_apart(kProgram) != &compiler_here());
  CHECK(&compiler_apart(kProgram) == &compiler_apart(kProgram));
  Compiler& broken = compiler_apart("/bin/true");
  CHECK(broken.available());
  CHECK(broken.version() == compiler_version());
  CHECK(broken.compile(scaled_by(1), "sm_80", Deadline::never(), Contraction::on).ok());
}

TEST_CASE("a compiler's process that nobody asks for a while ends, and not before") {
  const auto start = Clock::now();
  ak::test_stores::Child child("a compiler's process that nobody asks", "", 0);
  CHECK(child.line() == "compiled");
  CHECK(child.wait() == 0);
  CHECK(seconds_since(start) > 1);
}

TEST_CASE("a compiler's process that nobody asks" * doctest::skip()) {
  static auto ends = socket_pair();
  std::thread([] {
    Channel host(std::move(ends.first));
    host.receive(Deadline::in(10));  // its Hello
    host.send(encode(CompilerSetUp{}), Deadline::in(10));
    host.receive(Deadline::in(10));  // ready
    for (std::uint64_t number = 1; number < 4; ++number) {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      CompileRequest request;
      request.number = number, request.arch = "sm_80", request.source = scaled_by(1);
      host.send(encode(request), Deadline::in(10));
      const auto reply = decode_compile_reply(host.receive(Deadline::in(10)).value());
      if (!reply || reply->number != number || !reply->compiled.ok()) std::_Exit(1);
    }
    std::cout << "compiled" << std::endl;
    host.receive(Deadline::in(30));
    std::this_thread::sleep_for(std::chrono::seconds(30));
    std::_Exit(2);
  }).detach();
  std::_Exit(serve_compiler(::dup(ends.second.get()), 2));
}

// As hosts have that bring an NVRTC of their own and no path to it.
TEST_CASE("the compiler's process opens the NVRTC that the host has open") {
  ak::test_stores::Child child("a host that has another NVRTC", "", 0);
  CHECK(child.line() == "a cubin");
  CHECK(child.wait() == 0);
}

TEST_CASE("a host that has another NVRTC" * doctest::skip()) {
  if (!::dlopen(AK_BINARY_DIR "/tests/fake/libnvrtc.so.13", RTLD_NOW)) std::exit(1);
  std::cout << compiler_apart(kProgram).compile(scaled_by(1), "sm_80", Deadline::in(20)).cubin.c_str() << std::endl;
  std::exit(0);
}

TEST_CASE("a host that compiles apart has no NVRTC in it, and ends well at any time") {
  for (const int milliseconds : {0, 30, 100, 300}) {
    CAPTURE(milliseconds);
    ak::test_stores::Child child("a host that ends while its process compiles", "", milliseconds);
    CHECK(child.line() == "no NVRTC here");
    CHECK(child.wait() == 0);
  }
}

TEST_CASE("a host that ends while its process compiles" * doctest::skip()) {
  Compiler& apart = compiler_apart(kProgram);
  std::thread([&] { apart.compile(slow(6, 2000), "sm_80", Deadline::never(), Contraction::on); }).detach();
  std::this_thread::sleep_for(std::chrono::milliseconds(ak::test_stores::child_number()));
  std::cout << (opened("libnvrtc") ? "NVRTC" : "no NVRTC here") << std::endl;
  std::exit(0);
}
