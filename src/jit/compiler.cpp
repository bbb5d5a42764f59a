#include "jit/compiler.hpp"

#include <fmt/format.h>
#include <nvrtc.h>

#include <charconv>
#include <mutex>

#include "ak/types.hpp"
#include "base/clock.hpp"
#include "base/library.hpp"
#include "base/process_end.hpp"
#include "base/text.hpp"

namespace ak {
namespace {

constexpr std::initializer_list<const char*> kNvrtcNames = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"};

// Never destroyed.
std::string& preferred() {
  static std::string& path = *new std::string;
  return path;
}

struct Nvrtc {
  SharedLibrary library = preferred().empty() ? SharedLibrary("NVRTC", kNvrtcNames)
                                              : SharedLibrary("NVRTC", {preferred().c_str(), "libnvrtc.so.13", "libnvrtc.so"});
  decltype(nvrtcVersion)* version;
  decltype(nvrtcCreateProgram)* create;
  decltype(nvrtcDestroyProgram)* destroy;
  decltype(nvrtcCompileProgram)* compile;
  decltype(nvrtcGetProgramLogSize)* log_size;
  decltype(nvrtcGetProgramLog)* log;
  decltype(nvrtcGetCUBINSize)* cubin_size;
  decltype(nvrtcGetCUBIN)* cubin;
  decltype(nvrtcGetErrorString)* error_string;
  decltype(nvrtcSetFlowCallback)* set_flow_callback;  // null before 12.9

  Nvrtc() {
    library.bind(version, "nvrtcVersion");
    library.bind(create, "nvrtcCreateProgram");
    library.bind(destroy, "nvrtcDestroyProgram");
    library.bind(compile, "nvrtcCompileProgram");
    library.bind(log_size, "nvrtcGetProgramLogSize");
    library.bind(log, "nvrtcGetProgramLog");
    library.bind(cubin_size, "nvrtcGetCUBINSize");
    library.bind(cubin, "nvrtcGetCUBIN");
    library.bind(error_string, "nvrtcGetErrorString");
    // NVRTC opens its builtins by bare name, which fails where its folder is not on the loader's path.
    int major = 0, minor = 0;
    version(&major, &minor);
    library.open_beside(fmt::format("libnvrtc-builtins.so.{}.{}", major, minor));
    set_flow_callback = reinterpret_cast<decltype(set_flow_callback)>(library.try_symbol("nvrtcSetFlowCallback"));
    begin();
    library_set_up();
  }

  // Its first compile is when it registers what frees its state at the process's end. A process that ends in these some 20 ms
  // may crash in it.
  void begin() const {
    nvrtcProgram program = nullptr;
    if (create(&program, "__global__ void k() {}", nullptr, 0, nullptr, nullptr) != NVRTC_SUCCESS) return;
    const char* const arch = "--gpu-architecture=sm_80";
    compile(program, 1, &arch);
    destroy(&program);
  }
};

const Nvrtc& nvrtc() {
  static const Nvrtc* loaded = new Nvrtc;  // a throw leaves it unset: the next call tries again
  return *loaded;
}

// Of ptxas's report; the numbers precede the words.
int number_before(std::string_view text, std::string_view words) {
  const auto at = text.find(words);
  if (at == text.npos || at == 0) return 0;
  auto start = at;
  while (start > 0 && is_digit(text[start - 1])) --start;
  int number = 0;
  std::from_chars(text.data() + start, text.data() + at, number);
  return number;
}

// Advisories that a kernel is not what its source says: C7504 and C7508 setmaxnreg ignored, C7510..C7515 wgmma serialised.
bool degrades(std::string_view log) {
  for (const auto code : {"C7504", "C7508", "C7510", "C7511", "C7512", "C7513", "C7514", "C7515"})
    if (log.find(code) != log.npos) return true;
  return false;
}

std::string first_error(std::string_view log) {
  const auto at = log.find("error");
  if (at == log.npos) return std::string(log.substr(0, log.find('\n')));
  const auto start = log.rfind('\n', at);
  const auto line = log.substr(start == log.npos ? 0 : start + 1);
  return std::string(line.substr(0, line.find('\n')));
}

class CompilerHere final : public Compiler {
 public:
  void start() override { compiler_available(); }
  bool available(std::string* why) override { return compiler_available(why); }
  std::string version() override { return compiler_version(); }
  Compiled compile(std::string_view source, std::string_view arch, const Deadline& deadline, Contraction contraction) override {
    return ak::compile(source, arch, deadline, contraction);
  }
};

}  // namespace

Compiler& compiler_here() {
  static Compiler& here = *new CompilerHere;  // never destroyed
  return here;
}

std::vector<std::string> compile_options(std::string_view arch, Contraction contraction) {
  std::vector<std::string> options = {"--std=c++17", "--ptxas-options=-v", "--no-source-include",
                                      fmt::format("--gpu-architecture={}", arch)};
  if (contraction == Contraction::off) options.push_back("--fmad=false");
  return options;
}

Compiled compile(std::string_view source, std::string_view arch, const Deadline& deadline, Contraction contraction) {
  const Nvrtc& api = nvrtc();
  const auto start = Clock::now();
  Compiled out;
  nvrtcProgram program = nullptr;
  if (const auto status = api.create(&program, std::string(source).c_str(), "ak_kernel.cu", 0, nullptr, nullptr);
      status != NVRTC_SUCCESS) {
    out.failure = api.error_string(status);
    return out;
  }
  if (api.set_flow_callback)
    api.set_flow_callback(
        program, [](void* until, void*) { return static_cast<int>(static_cast<const Deadline*>(until)->passed()); },
        const_cast<Deadline*>(&deadline));
  const std::vector<std::string> told = compile_options(arch, contraction);
  std::vector<const char*> options;
  for (const std::string& option : told) options.push_back(option.c_str());
  const auto status = api.compile(program, static_cast<int>(options.size()), options.data());

  std::size_t size = 0;
  std::string log;
  if (api.log_size(program, &size) == NVRTC_SUCCESS && size > 1) {
    log.resize(size);
    api.log(program, log.data());
    log.resize(size - 1);
  }
  out.registers = number_before(log, " registers");
  out.spill_bytes = number_before(log, " bytes spill stores") + number_before(log, " bytes spill loads");
  out.degraded = degrades(log);
  if (status == NVRTC_SUCCESS && api.cubin_size(program, &size) == NVRTC_SUCCESS && size > 0) {
    out.cubin.resize(size);
    api.cubin(program, out.cubin.data());
  } else {
    out.failure = log.empty() ? api.error_string(status) : first_error(log);
  }
  log.resize(std::min<std::size_t>(log.size(), 4096));
  out.log = std::move(log);
  api.destroy(&program);
  out.seconds = seconds_since(start);
  return out;
}

bool compiler_available(std::string* why) {
  try {
    nvrtc();
    return true;
  } catch (const Error& error) {
    if (why) *why = error.what();
    return false;
  }
}

std::string compiler_version_on_disk() {
  // Once a process, for every hit asks.
  static const auto* const version = new std::string(SharedLibrary::version_on_disk(kNvrtcNames));
  return version->substr(0, std::min(version->size(), version->rfind('.')));  // 13.0.88: the library says 13.0
}

std::string compiler_in_process() { return SharedLibrary::path_in_process(kNvrtcNames); }

void prefer_compiler(std::string path) { preferred() = std::move(path); }

std::string compiler_version() {
  if (!compiler_available()) return {};
  int major = 0, minor = 0;
  nvrtc().version(&major, &minor);
  return fmt::format("{}.{}", major, minor);
}

}  // namespace ak
