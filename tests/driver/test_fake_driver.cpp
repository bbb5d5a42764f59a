// The fake itself: the rules that the library's tests lean on, as measured on a real driver.
#include <doctest/doctest.h>

#include <optional>
#include <thread>

#include "fake_driver.hpp"
#include "gpu/owners.hpp"

using namespace ak;

TEST_CASE("the library takes the driver that is in the process") {
  fake::reset();
  std::string why;
  CHECK(gpu_available(&why));
  CHECK(device_facts().name == "Fake H200");
}

TEST_CASE("memory is what the test says, and a scripted call fails") {
  fake::reset();
  const ContextScope scope(current_context());
  fake::memory(fake::allocated() + (1 << 20), 1 << 18);
  CHECK_THROWS_AS(Buffer::make(1 << 20), Error);
  CHECK(Buffer::make(1 << 19).bytes() == 1 << 19);
  CHECK(fake::peak() >= 1 << 19);
  fake::fail("cuMemAlloc", CUDA_ERROR_OUT_OF_MEMORY);
  CHECK_THROWS_AS(Buffer::make(256), Error);
  CHECK(Buffer::make(256).bytes() == 256);
  fake::fail_call(3, CUDA_ERROR_UNKNOWN);  // current context, its number, the memory
  CHECK_THROWS_AS(Buffer::make(256), Error);
  CHECK(fake::misuses().empty());
}

TEST_CASE("a capture of global mode forbids what threads that are not relaxed do, and is lost by it") {
  fake::reset();
  const CUcontext context = current_context();
  const OwnedStream stream = OwnedStream::make();
  const auto beside = [&](bool relaxed) {
    CUgraph graph = nullptr;
    check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
    std::thread([&] {
      const ContextScope scope(context);
      std::optional<RelaxedCapture> mode;
      if (relaxed) mode.emplace();
      CUdeviceptr p = 0;
      if (driver().cuMemAlloc(&p, 256) == CUDA_SUCCESS) driver().cuMemFree(p);
    }).join();
    return driver().cuStreamEndCapture(stream.get(), &graph);
  };
  CHECK(beside(true) == CUDA_SUCCESS);
  CHECK(beside(false) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}

TEST_CASE("a call that hangs waits for its release") {
  fake::reset();
  const OwnedStream stream = OwnedStream::make();
  fake::hang("cuStreamSynchronize");
  std::thread waiting([&, context = current_context()] {
    const ContextScope scope(context);
    stream.synchronize();
  });
  while (fake::hanging("cuStreamSynchronize") == 0) std::this_thread::yield();
  fake::release("cuStreamSynchronize");
  waiting.join();
  CHECK(fake::count("cuStreamSynchronize") == 1);
}
