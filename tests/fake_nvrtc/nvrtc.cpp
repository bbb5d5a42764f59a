// A libnvrtc.so.13 beside the fake driver: every source compiles at once, to nothing, but for what a line of it makes the fake
// driver do when its kernel is launched: "// fake kernel: faults", hangs, crashes, or what a test has given to fake::kernel(),
// and the name that a line "#define ak_kernel NAME" gives it.
#include <nvrtc.h>

#include <atomic>
#include <cstring>
#include <string>

#include "fake_nvrtc.hpp"

namespace {
constexpr char kLog[] = "ptxas info: Used 64 registers";
std::atomic<int> compiled{0};
}  // namespace

int fake::compiles() { return compiled; }

extern "C" {

nvrtcResult nvrtcVersion(int* major, int* minor) { return *major = 13, *minor = 0, NVRTC_SUCCESS; }
nvrtcResult nvrtcCreateProgram(nvrtcProgram* program, const char* source, const char*, int, const char* const*,
                               const char* const*) {
  auto* cubin = new std::string("a cubin");
  if (const char* what = std::strstr(source, "fake kernel: ")) cubin->assign(what, std::strcspn(what, "\n"));
  constexpr const char* kNames = "#define ak_kernel ";
  if (const char* named = std::strstr(source, kNames)) {
    named += std::strlen(kNames);
    cubin->append("\nnamed ").append(named, std::strcspn(named, "\n"));
  }
  *program = reinterpret_cast<nvrtcProgram>(cubin);
  return NVRTC_SUCCESS;
}
nvrtcResult nvrtcDestroyProgram(nvrtcProgram* program) {
  return delete reinterpret_cast<std::string*>(*program), *program = nullptr, NVRTC_SUCCESS;
}
nvrtcResult nvrtcCompileProgram(nvrtcProgram, int, const char* const*) { return ++compiled, NVRTC_SUCCESS; }
nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram, size_t* size) { return *size = sizeof kLog, NVRTC_SUCCESS; }
nvrtcResult nvrtcGetProgramLog(nvrtcProgram, char* log) { return std::memcpy(log, kLog, sizeof kLog), NVRTC_SUCCESS; }
nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t* size) {
  return *size = reinterpret_cast<std::string*>(program)->size() + 1, NVRTC_SUCCESS;
}
nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char* cubin) {
  return std::strcpy(cubin, reinterpret_cast<std::string*>(program)->c_str()), NVRTC_SUCCESS;
}
const char* nvrtcGetErrorString(nvrtcResult) { return "a scripted failure"; }

}  // extern "C"
