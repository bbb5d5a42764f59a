#include "gpu/device.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <climits>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>

#include "base/log.hpp"
#include "base/text.hpp"
#include "gpu/driver.hpp"

namespace ak {
namespace {

bool is_release(std::string_view text) {
  return text.find('.') != text.npos && text.find_first_not_of("0123456789.") == text.npos;
}

// libcuda.so.1 is a link to libcuda.so.<release>.
std::string release_of_library() {
  Dl_info info;
  char path[PATH_MAX];
  if (!dladdr(reinterpret_cast<void*>(driver().cuDriverGetVersion), &info) || !realpath(info.dli_fname, path)) return {};
  const std::string_view file = path;
  const auto at = file.rfind(".so.");
  const auto release = at == file.npos ? std::string_view{} : file.substr(at + 4);
  return is_release(release) ? std::string(release) : std::string{};
}

// "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.159.03  ..."
std::string release_of_kernel_module() {
  std::ifstream in("/proc/driver/nvidia/version");
  const std::string text(std::istreambuf_iterator<char>(in), {});
  for (const std::string_view word : words(text))
    if (is_release(word)) return std::string(word);
  return {};
}

CUdevice current_device() {
  current_context();
  CUdevice device;
  check(driver().cuCtxGetDevice(&device), "asking for the context's GPU");
  return device;
}

constexpr std::string_view kMig = " MIG ";  // a slice is called "NVIDIA H200 MIG 1g.18gb"

std::string name_of(CUdevice device) {
  char name[256] = {};
  check(driver().cuDeviceGetName(name, sizeof name, device), "reading the GPU's name");
  return name;
}

}  // namespace

CUcontext current_context() {
  CUcontext context = nullptr;
  check(driver().cuCtxGetCurrent(&context), "asking for the current CUDA context");
  unsigned long long now = 0;
  if (context && driver().cuCtxGetId(context, &now) == CUDA_SUCCESS) return context;
  static std::mutex mutex;
  static CUcontext primary = nullptr;
  static std::uint64_t id = 0;
  const std::lock_guard lock(mutex);
  if (context && context != primary) throw Error(ErrorCode::driver, "the current CUDA context has ended");
  if (!primary || !alive(primary, id)) {
    CUdevice device;
    check(driver().cuDeviceGet(&device, 0), "opening GPU 0");
    check(driver().cuDevicePrimaryCtxRetain(&primary, device), "retaining the primary context of GPU 0");
    id = context_id(primary);
  }
  check(driver().cuCtxSetCurrent(primary), "making the primary context current");
  return primary;
}

bool alive(CUcontext context, std::uint64_t id) {
  unsigned long long now = 0;
  return context && driver().cuCtxGetId(context, &now) == CUDA_SUCCESS && now == id;
}

DeviceMemory device_memory() {
  std::size_t free = 0, total = 0;
  check(driver().cuMemGetInfo(&free, &total), "asking for the free device memory");
  return {static_cast<std::int64_t>(free), static_cast<std::int64_t>(total)};
}

std::uint64_t context_id(CUcontext context) {
  unsigned long long id = 0;
  check(driver().cuCtxGetId(context, &id), "asking for the CUDA context's number");
  return id;
}

std::string device_uuid() {
  CUuuid uuid;
  const CUdevice device = current_device();
  check(driver().cuDeviceGetUuid(&uuid, device), "reading the GPU's UUID");
  std::string text = name_of(device).find(kMig) == std::string::npos ? "GPU-" : "MIG-";
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned char>(uuid.bytes[i]));
  }
  return text;
}

std::optional<OneProcess> not_for_two_processes() {
  const auto attribute = [device = current_device()](CUdevice_attribute which) {
    int value = 0;
    return driver().cuDeviceGetAttribute(&value, which, device) == CUDA_SUCCESS ? value : 0;
  };
  if (attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_MODE) == CU_COMPUTEMODE_EXCLUSIVE_PROCESS)
    return OneProcess{"the GPU is in exclusive-process mode", "`nvidia-smi -c 0` sets the default mode"};
  if (attribute(CU_DEVICE_ATTRIBUTE_MPS_ENABLED))
    return OneProcess{"the GPU's processes share one context (MPS)", "`echo quit | nvidia-cuda-mps-control` stops MPS"};
  return std::nullopt;
}

DeviceFacts device_facts() {
  const CUdevice device = current_device();
  const auto attribute = [&](CUdevice_attribute which) {
    int value = 0;
    check(driver().cuDeviceGetAttribute(&value, which, device), "reading a GPU attribute");
    return value;
  };
  DeviceFacts facts;
  facts.name = name_of(device);
  if (const auto at = facts.name.find(kMig); at != facts.name.npos) {
    facts.mig = facts.name.substr(at + kMig.size());
    facts.name.resize(at);
  }
  facts.compute_major = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  facts.compute_minor = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  facts.sm_count = attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  facts.smem_per_block = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
  facts.smem_per_sm = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR);
  facts.registers_per_sm = attribute(CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR);
  facts.l2_bytes = attribute(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
  // Virtual and very new GPUs report 0 for what cannot be 0; a cost model that divides by it drops every tactic.
  const auto positive = [&](CUdevice_attribute which, const char* what, int usual) {
    const int value = attribute(which);
    if (value > 0) return value;
    log(LogLevel::warn, "{} reports {} {}; {} is assumed", facts.name, what, value, usual);
    return usual;
  };
  facts.clock_ghz = positive(CU_DEVICE_ATTRIBUTE_CLOCK_RATE, "a clock (kHz) of", 1500000) * 1e-6;
  // Two transfers a clock; reads achieve about 0.945 of the pins' rate.
  facts.memory_tb_s = 2e3 * positive(CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, "a memory clock (kHz) of", 6251000) *
                      positive(CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, "a memory bus width (bits) of", 256) / 8 * 1e-12 *
                      0.945;
  return facts;
}

std::string driver_version() {
  static const auto& version = *new std::string([] {
    std::string release = release_of_library();
    if (release.empty()) release = release_of_kernel_module();
    if (!release.empty()) return release;
    int cuda = 0;
    check(driver().cuDriverGetVersion(&cuda), "asking for the driver's version");
    return fmt::format("CUDA {}.{}", cuda / 1000, cuda % 1000 / 10);
  }());
  return version;
}

}  // namespace ak
