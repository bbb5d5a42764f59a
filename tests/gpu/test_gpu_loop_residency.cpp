// Where a loop's arrays lie, on a GPU: a real driver's addresses, and what its streams do to the host's memory.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ak/loop.hpp"
#include "base/library.hpp"
#include "base/own_memory.hpp"
#include "base/temporary_folder.hpp"
#include "cache/store.hpp"
#include "gpu/driver.hpp"
#include "gpu/owners.hpp"
#include "gpu/pointer_place.hpp"
#include "loop/verdict.hpp"
#include "port/analysis.hpp"
#include "port/c/includes.hpp"
#include "tests/loops/made.hpp"

using namespace ak;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
float in_program[1000];

const SharedLibrary& cuda() {
  static const SharedLibrary library{"the CUDA driver", {"libcuda.so.1"}};
  return library;
}
// One that the library itself does not call, of the version that cuda.h has.
#define CUDA_NAMED(function) reinterpret_cast<decltype(&::function)>(cuda().symbol(#function))
#define CUDA(function) CUDA_NAMED(function)

void scale_in_c(int n, float k, float* a, const float* b) {
  for (int i = 0; i < n; ++i) a[i] = k * b[i];
}

// a[i] = k * b[i], which the store has read; the C function serves it wherever the arrays lie.
struct Scale {
  Scale() {
    using namespace made;
    const Function of = function(
        "scale", {size("n"), value("k"), array("a", i32("n")), array("b", i32("n"), true)},
        {made::loop(1, "i", integer(0), i32("n"), {assign(2, at("a", i32("i")), binary("*", f32("k"), at("b", i32("i"))))})});
    port::LoopSource source;
    source.file = "scale.c", source.text = text, source.function = "scale";
    const ak::loop::KnownSource read{port::included_files(source, text), of, ak::loop::steering_parameters(of), {}, {}};
    open_store(folder.path())
        ->put_work({std::string(ak::loop::kLoopSource),
                    ak::loop::source_key("scale", text, port::key_flags(source)),
                    {},
                    write_json(read)});
    Options options;
    options.cache_dir = folder.path(), options.shipped = false, options.mode = Mode::off;
    context.emplace(options);
  }
  Loop loop(LoopResidency residency = LoopResidency::ask, bool unordered = false) {
    LoopOptions options;
    options.text = text, options.residency = residency, options.unordered = unordered;
    return context->loop("scale.c", "scale", &scale_in_c, options);
  }
  const std::string text =
      "void scale(int n, float k, float a[n], const float b[n]) { for (int i = 0; i < n; ++i) a[i] = k * b[i]; }";
  const TemporaryFolder folder{"ak_gpu_residency"};
  std::optional<Context> context;
};

void* pages(std::size_t bytes, void* where = nullptr) {
  void* const at = mmap(where, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(at != MAP_FAILED);
  return at;
}

// Device memory of cuMemMap, at the address if that is free.
struct MappedOnDevice {
  explicit MappedOnDevice(void* where, std::size_t of = 4 * kMiB) : bytes(of) {
    CUmemAllocationProp what{};
    what.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    what.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    check(driver().cuCtxGetDevice(&what.location.id), "the device");
    check(CUDA(cuMemAddressReserve)(&at, bytes, 0, reinterpret_cast<CUdeviceptr>(where), 0), "reserving");
    check(CUDA(cuMemCreate)(&handle, bytes, &what, 0), "making memory");
    check(CUDA(cuMemMap)(at, bytes, 0, handle, 0), "mapping");
    CUmemAccessDesc access{};
    access.location = what.location, access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    check(CUDA(cuMemSetAccess)(at, bytes, &access, 1), "giving access");
  }
  ~MappedOnDevice() { CUDA(cuMemUnmap)(at, bytes), CUDA(cuMemRelease)(handle), CUDA(cuMemAddressFree)(at, bytes); }
  const std::size_t bytes;
  CUdeviceptr at = 0;
  CUmemGenericAllocationHandle handle = 0;
};

}  // namespace

TEST_CASE("loop residency: what a driver hands out is never the process's own, and the process's own is the host's") {
  current_context();
  const auto of_driver = [](const void* at, std::size_t bytes, const char* how) {
    CAPTURE(how);
    CHECK_FALSE(in_own_memory(at));
    CHECK_FALSE(in_own_memory(static_cast<const char*>(at) + bytes - 1));
  };
  std::vector<Buffer> buffers;
  for (const std::size_t bytes : {std::size_t{4}, std::size_t{1000}, 3 * kMiB, 100 * kMiB})
    for (int i = 0; i < 50; ++i) {
      buffers.push_back(Buffer::make(bytes));
      of_driver(buffers.back().data<void>(), bytes, "cuMemAlloc");
      if (bytes > kMiB && i == 4) break;
    }
  CUdeviceptr managed = 0, pooled = 0;
  check(CUDA(cuMemAllocManaged)(&managed, kMiB, CU_MEM_ATTACH_GLOBAL), "managed memory");
  of_driver(reinterpret_cast<void*>(managed), kMiB, "cuMemAllocManaged");
  check(CUDA(cuMemAllocAsync)(&pooled, kMiB, nullptr), "pooled memory");
  of_driver(reinterpret_cast<void*>(pooled), kMiB, "cuMemAllocAsync");
  void* pinned = nullptr;
  check(driver().cuMemAllocHost(&pinned, kMiB), "pinned memory");
  of_driver(pinned, kMiB, "cuMemAllocHost");
  // As near as can be to what is the process's.
  char here = 0;
  for (const void* near :
       {static_cast<const void*>(sbrk(0)), static_cast<const void*>(in_program), static_cast<const void*>(&here)})
    for (const std::ptrdiff_t by : {std::ptrdiff_t{0}, std::ptrdiff_t{4 * kMiB}, -std::ptrdiff_t{16 * kMiB}}) {
      const auto where =
          (reinterpret_cast<std::uintptr_t>(near) + static_cast<std::uintptr_t>(by) + 2 * kMiB - 1) / (2 * kMiB) * (2 * kMiB);
      const MappedOnDevice there(reinterpret_cast<void*>(where));
      of_driver(reinterpret_cast<void*>(there.at), there.bytes, "cuMemMap");
    }
  CHECK(place_of(reinterpret_cast<void*>(managed)).managed);
  check(driver().cuMemFree(managed), "freeing"), check(driver().cuMemFree(pooled), "freeing");

  std::vector<float> heap(1000);
  float stack[1000] = {};
  for (const bool registered : {false, true})
    for (float* const own : {heap.data(), in_program, stack}) {
      CHECK(in_own_memory(own));
      if (registered) check(CUDA(cuMemHostRegister)(own, 4000, 0), "registering");
      CHECK_FALSE(place_of(own).device);
      if (registered) check(CUDA(cuMemHostUnregister)(own), "giving back");
    }
  CHECK_FALSE(place_of(pinned).device);
  driver().cuMemFreeHost(pinned);
}

TEST_CASE("loop residency: device memory that is mapped where an array of the host's was is seen") {
  current_context();
  Scale scale;
  const Loop loop = scale.loop();
  constexpr int kCount = 1000;
  // Aligned as device memory has to be.
  char* const room = static_cast<char*>(pages(8 * kMiB));
  char* const at = reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(room) + 2 * kMiB - 1) / (2 * kMiB) * (2 * kMiB));
  float *const a = reinterpret_cast<float*>(at), *const b = a + kCount;
  std::fill_n(b, kCount, 3.f);
  for (int i = 0; i < 3; ++i) loop(nullptr, kCount, 2.f, a, static_cast<const float*>(b));
  CHECK(a[kCount - 1] == 6);
  munmap(room, 8 * kMiB);
  {
    const MappedOnDevice there(at);
    if (there.at != reinterpret_cast<CUdeviceptr>(at)) {
      MESSAGE("the driver maps elsewhere");
      return;
    }
    const std::vector<float> from(kCount, 5);
    check(driver().cuMemcpyHtoD(reinterpret_cast<CUdeviceptr>(b), from.data(), 4 * kCount), "copying");
    for (int i = 0; i < 3; ++i) loop(nullptr, kCount, 2.f, a, static_cast<const float*>(b));
    std::vector<float> to(kCount);
    check(driver().cuMemcpyDtoH(to.data(), reinterpret_cast<CUdeviceptr>(a), 4 * kCount), "copying");
    CHECK(to[kCount - 1] == 10);
  }
  void* const again = pages(4 * kMiB, at);
  if (again != at) {
    munmap(again, 4 * kMiB);
    MESSAGE("the driver keeps the addresses");
    return;
  }
  std::fill_n(b, kCount, 7.f);
  for (int i = 0; i < 3; ++i) loop(nullptr, kCount, 2.f, a, static_cast<const float*>(b));
  CHECK(a[kCount - 1] == 14);
  munmap(at, 4 * kMiB);
}

TEST_CASE("loop residency: a call is behind what its stream does to its arrays, and leaves captures whole") {
  current_context();
  Scale scale;
  constexpr int kCount = 1 << 22;
  const std::size_t bytes = sizeof(float) * kCount;
  const Buffer device = Buffer::make(bytes);
  void* pinned_pages = nullptr;
  check(driver().cuMemAllocHost(&pinned_pages, 2 * bytes), "pinned memory");
  float *const pinned = static_cast<float*>(pinned_pages), *const to = pinned + kCount;
  const OwnedStream stream = OwnedStream::make();
  std::vector<float> heap(2000);
  const auto launch_host_function = CUDA(cuLaunchHostFunc);
  float value = 1;
  for (const LoopResidency residency : {LoopResidency::ask, LoopResidency::host}) {
    const Loop loop = scale.loop(residency);
    for (const CUstream on : {stream.get(), CUstream(nullptr), CU_STREAM_PER_THREAD}) {
      for (int i = 0; i < 3; ++i) {  // a copy that is on its way
        value += 1;
        std::fill_n(to, kCount, value);
        check(driver().cuMemcpyHtoD(device.get(), to, bytes), "copying");
        std::memset(pinned, 0, bytes);
        check(driver().cuMemcpyDtoHAsync(pinned, device.get(), bytes, on), "copying");
        loop(on, kCount, 2.f, to, static_cast<const float*>(pinned));
        CHECK(to[kCount - 1] == 2 * value);
      }
      // A host function writes what it likes.
      std::fill(heap.begin(), heap.end(), 0.f);
      const CUhostFn writes = [](void* data) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        std::fill_n(static_cast<float*>(data), 1000, 4.f);
      };
      check(launch_host_function(on, writes, heap.data()), "a host function");
      loop(on, 1000, 2.f, heap.data() + 1000, static_cast<const float*>(heap.data()));
      CHECK(heap[1999] == 8);
    }
    // Another stream's capture is none of its business; in one it is refused.
    const OwnedStream capturing = OwnedStream::make();
    CUgraph graph = nullptr;
    check(driver().cuStreamBeginCapture(capturing.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
    for (float* const arrays : {heap.data(), in_program, pinned}) {
      const auto call = [&](CUstream on) { loop(on, 400, 2.f, arrays, static_cast<const float*>(arrays + 500)); };
      call(stream.get());
      CHECK_THROWS_WITH_AS(call(capturing.get()), doctest::Contains("host pointers in a stream capture"), Error);
    }
    CHECK(driver().cuStreamEndCapture(capturing.get(), &graph) == CUDA_SUCCESS);
    if (graph) driver().cuGraphDestroy(graph);
  }

  // Nothing is waited for where that is promised.
  const Loop unordered = scale.loop(LoopResidency::host, true);
  static std::atomic<bool> release, ended;
  release = ended = false;
  const CUhostFn waits = [](void*) {
    for (int i = 0; i < 10000 && !release; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ended = true;
  };
  check(launch_host_function(stream.get(), waits, nullptr), "a host function");
  unordered(stream.get(), 400, 2.f, in_program, static_cast<const float*>(in_program + 500));
  CHECK_FALSE(ended);
  release = true;
  stream.synchronize();
  driver().cuMemFreeHost(pinned_pages);
}
