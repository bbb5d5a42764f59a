#include "gpu/driver.hpp"

#include <fmt/format.h>

#include "base/library.hpp"
#include "base/process_end.hpp"

namespace ak {
namespace {

// Outlives cuInit's failure, so that the error can be put in the driver's words.
struct Opened {
  SharedLibrary library{"the CUDA driver", {"libcuda.so.1", "libcuda.so"}};
  Driver functions;

  Opened() {
#define AK_TEXT(text) #text
#define AK_DRIVER_BIND(function) bind(functions.function, AK_TEXT(function));
    AK_DRIVER_FUNCTIONS(AK_DRIVER_BIND)
#undef AK_DRIVER_BIND
#undef AK_TEXT
    bind(functions.event_elapsed_ms, "cuEventElapsedTime");
  }

  template <class F>
  void bind(F*& function, const char* name) try {
    library.bind(function, name);
  } catch (const Error& error) {
    int version = 0;
    const auto ask = reinterpret_cast<decltype(&::cuDriverGetVersion)>(library.try_symbol("cuDriverGetVersion"));
    if (!ask || ask(&version) != CUDA_SUCCESS) throw;
    throw Error(error.code(), fmt::format("{}: it is of CUDA {}.{}; one for CUDA 13 (release 580) or later is needed",
                                          error.what(), version / 1000, version % 1000 / 10));
  }
};

const Opened& opened() {
  static const Opened* const once = new Opened;
  return *once;
}

const Driver& initialised() {
  const Opened& o = opened();
  decltype(::cuInit)* init;
  o.library.bind(init, "cuInit");
  if (const CUresult result = init(0); result != CUDA_SUCCESS)
    throw Error(ErrorCode::driver, fmt::format("starting the CUDA driver: {}", describe(result)));
  library_set_up();
  return o.functions;
}

}  // namespace

const Driver& driver() {
  static const Driver& once = initialised();
  return once;
}

bool gpu_available(std::string* why) {
  try {
    int count = 0;
    check(driver().cuDeviceGetCount(&count), "counting the GPUs");
    if (count > 0) return true;
    if (why) *why = "the CUDA driver sees no GPU";
  } catch (const Error& error) {
    if (why) *why = error.what();
  }
  return false;
}

std::string describe(CUresult result) {
  // The stub has no names of errors, its own among them.
  if (result == CUDA_ERROR_STUB_LIBRARY)
    return fmt::format(
        "CUDA_ERROR_STUB_LIBRARY ({}): libcuda.so is the toolkit's stub, which is for linking only; take the stubs folder off "
        "LD_LIBRARY_PATH, so that the driver's own libcuda.so.1 is found",
        static_cast<int>(result));
  const char *name = nullptr, *text = nullptr;
  opened().functions.cuGetErrorName(result, &name);
  opened().functions.cuGetErrorString(result, &text);
  return fmt::format("{} ({}): {}", name ? name : "unknown error", static_cast<int>(result), text ? text : "no description");
}

void throw_driver_error(CUresult result, std::string_view what) {
  const auto code = result == CUDA_ERROR_OUT_OF_MEMORY ? ErrorCode::out_of_memory : ErrorCode::driver;
  throw Error(code, fmt::format("{}: {}", what, describe(result)));
}

}  // namespace ak
