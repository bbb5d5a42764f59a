#include "base/library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "ak/types.hpp"
#include "base/text.hpp"

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

std::string SharedLibrary::version_on_disk(std::initializer_list<const char*> names) {
  const auto version_of = [](const std::string& path) -> std::string {
    std::error_code absent;
    const std::string file = std::filesystem::canonical(path, absent).filename().string();
    const auto at = file.rfind(".so.");
    if (absent || at == file.npos) return {};
    const std::string version = file.substr(at + 4);
    return version.find('.') != version.npos && version.find_first_not_of("0123456789.") == version.npos ? version
                                                                                                         : std::string();
  };
  for (const char* name : names)
    if (void* handle = dlopen(name, RTLD_LAZY | RTLD_NOLOAD)) {
      link_map* map = nullptr;
      const bool known = dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map;
      const std::string version = known ? version_of(map->l_name) : std::string();
      dlclose(handle);
      return version;
    }
  std::vector<std::string> folders;
  if (const char* path = std::getenv("LD_LIBRARY_PATH"))
    for (const std::string_view folder : split(path, ':')) folders.emplace_back(folder);
  std::error_code absent;
  for (const auto& entry : std::filesystem::directory_iterator("/etc/ld.so.conf.d", absent)) {
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);)
      if (line.starts_with('/')) folders.emplace_back(trimmed(line));
  }
  for (const char* folder : {"/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib"})
    folders.emplace_back(folder);
  for (const char* name : names)
    for (const std::string& folder : folders)
      if (std::string version = version_of(folder + "/" + name); !version.empty()) return version;
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH", ""}) {
    const char* root = *variable ? std::getenv(variable) : "/usr/local/cuda";
    for (const char* name : names)
      if (std::string version = root ? version_of(fmt::format("{}/lib64/{}", root, name)) : ""; !version.empty())
        return version;
  }
  return {};
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
