#include "base/library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>

#include <cstdlib>

#include "ak/types.hpp"

namespace ak {

SharedLibrary::SharedLibrary(std::string what, std::initializer_list<const char*> names) : what_(std::move(what)) {
  for (const char* name : names)
    if ((handle_ = dlopen(name, RTLD_LAZY | RTLD_NOLOAD))) return;
  for (const char* name : names) {
    if ((handle_ = dlopen(name, RTLD_LAZY | RTLD_LOCAL))) return;
    if (error_.empty()) error_ = dlerror();
  }
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH", ""}) {
    const char* root = *variable ? std::getenv(variable) : "/usr/local/cuda";
    if (!root) continue;
    for (const char* name : names)
      if ((handle_ = dlopen(fmt::format("{}/lib64/{}", root, name).c_str(), RTLD_LAZY | RTLD_LOCAL))) return;
  }
}

void SharedLibrary::open_beside(const std::string& name) const {
  link_map* map = nullptr;
  if (!handle_ || dlinfo(handle_, RTLD_DI_LINKMAP, &map) != 0 || !map) return;
  const std::string path = map->l_name;
  if (const auto slash = path.rfind('/'); slash != path.npos)
    dlopen((path.substr(0, slash + 1) + name).c_str(), RTLD_LAZY | RTLD_LOCAL);
}

void* SharedLibrary::try_symbol(const char* name) const { return handle_ ? dlsym(handle_, name) : nullptr; }

void* SharedLibrary::symbol(const char* name) const {
  if (!handle_) throw Error(ErrorCode::missing_library, fmt::format("{} is not available: {}", what_, error_));
  void* address = dlsym(handle_, name);
  if (!address) throw Error(ErrorCode::missing_library, fmt::format("{} has no function {}", what_, name));
  return address;
}

}  // namespace ak
