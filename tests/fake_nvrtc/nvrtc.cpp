// A libnvrtc.so.13 beside the fake driver: every source compiles at once, to nothing.
#include <nvrtc.h>

#include <cstring>

namespace {
constexpr char kCubin[] = "a cubin", kLog[] = "ptxas info: Used 64 registers";
}

extern "C" {

nvrtcResult nvrtcVersion(int* major, int* minor) { return *major = 13, *minor = 0, NVRTC_SUCCESS; }
nvrtcResult nvrtcCreateProgram(nvrtcProgram* program, const char*, const char*, int, const char* const*, const char* const*) {
  *program = reinterpret_cast<nvrtcProgram>(1);
  return NVRTC_SUCCESS;
}
nvrtcResult nvrtcDestroyProgram(nvrtcProgram*) { return NVRTC_SUCCESS; }
nvrtcResult nvrtcCompileProgram(nvrtcProgram, int, const char* const*) { return NVRTC_SUCCESS; }
nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram, size_t* size) { return *size = sizeof kLog, NVRTC_SUCCESS; }
nvrtcResult nvrtcGetProgramLog(nvrtcProgram, char* log) { return std::memcpy(log, kLog, sizeof kLog), NVRTC_SUCCESS; }
nvrtcResult nvrtcGetCUBINSize(nvrtcProgram, size_t* size) { return *size = sizeof kCubin, NVRTC_SUCCESS; }
nvrtcResult nvrtcGetCUBIN(nvrtcProgram, char* cubin) { return std::memcpy(cubin, kCubin, sizeof kCubin), NVRTC_SUCCESS; }
const char* nvrtcGetErrorString(nvrtcResult) { return "a scripted failure"; }

}  // extern "C"
