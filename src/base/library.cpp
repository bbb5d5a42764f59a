#include "base/library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <filesystem>
#include <fstream>
#include <vector>

#include "ak/types.hpp"
#include "base/environment.hpp"
#include "base/process_end.hpp"
#include "base/text.hpp"

namespace ak {
namespace {

// Whether the file is there; what the links that it is reached by say of its version: libnvrtc.so.13 -> libnvrtc.so.13.0.88.
bool version_of(std::string path, std::string& version) {
  char target[PATH_MAX];
  for (int links = 0; links < 8; ++links) {
    const auto at = path.rfind(".so.");
    version = at == path.npos ? std::string() : path.substr(at + 4);
    if (version.find('.') != version.npos && version.find_first_not_of("0123456789.") == version.npos)
      return access(path.c_str(), F_OK) == 0;
    const ssize_t length = readlink(path.c_str(), target, sizeof target);
    if (length < 0) {
      version.clear();
      return errno == EINVAL;  // a file, not a link
    }
    const std::string_view to(target, static_cast<std::size_t>(length));
    path = to.starts_with('/') ? std::string(to) : path.substr(0, path.rfind('/') + 1).append(to);
  }
  return false;
}

// The first name up to its version: libnvrtc.
bool in_process(std::initializer_list<const char*> names) {
  const std::string_view name = *names.begin();
  const std::string_view stem = name.substr(0, name.find('.'));
  return dl_iterate_phdr(
      [](dl_phdr_info* library, std::size_t, void* wanted) -> int {
        return std::string_view(library->dlpi_name).find(*static_cast<const std::string_view*>(wanted)) !=
               std::string_view::npos;
      },
      const_cast<std::string_view*>(&stem));
}

std::string path_of(void* handle) {
  link_map* map = nullptr;
  return dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map ? map->l_name : "";
}

std::vector<std::string> toolkit_folders() {
  std::vector<std::string> folders;
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const std::string root = environment(variable); !root.empty()) folders.push_back(root + "/lib64");
  folders.emplace_back("/usr/local/cuda/lib64");
  return folders;
}

// Where the loader looks, as far as it says so.
const std::vector<std::string>& usual_folders() {
  static const auto* const once = [] {
    auto* folders = new std::vector<std::string>;
    const std::string path = environment("LD_LIBRARY_PATH");
    for (const std::string_view folder : split(path, ':')) folders->emplace_back(folder);
    std::error_code absent;
    for (const auto& entry : std::filesystem::directory_iterator("/etc/ld.so.conf.d", absent)) {
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);)
        if (line.starts_with('/')) folders->emplace_back(trimmed(line));
    }
    for (const char* folder : {"/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib"})
      folders->emplace_back(folder);
    return folders;
  }();
  return *once;
}

}  // namespace

SharedLibrary::SharedLibrary(std::string what, std::initializer_list<const char*> names) : what_(std::move(what)) {
  open(names);
  if (handle_) library_set_up();
}

void SharedLibrary::open(std::initializer_list<const char*> names) {
  for (const char* name : names)
    if ((handle_ = dlopen(name, RTLD_LAZY | RTLD_NOLOAD))) return;
  for (const char* name : names) {
    if ((handle_ = dlopen(name, RTLD_LAZY | RTLD_LOCAL))) return;
    if (error_.empty()) error_ = dlerror();
  }
  for (const std::string& folder : toolkit_folders())
    for (const char* name : names)
      if ((handle_ = dlopen(fmt::format("{}/{}", folder, name).c_str(), RTLD_LAZY | RTLD_LOCAL))) return;
}

// Every hit of a fresh process comes by here: few system calls.
std::string SharedLibrary::path_in_process(std::initializer_list<const char*> names) {
  if (!in_process(names)) return {};
  for (const char* name : names)
    if (void* handle = dlopen(name, RTLD_LAZY | RTLD_NOLOAD)) {
      std::string path = path_of(handle);
      dlclose(handle);
      return path;
    }
  return {};
}

std::string SharedLibrary::version_on_disk(std::initializer_list<const char*> names) {
  if (const std::string here = path_in_process(names); !here.empty()) {
    std::string version;
    version_of(here, version);
    return version;
  }
  for (const auto& folders : {usual_folders(), toolkit_folders()})
    for (const char* name : names)
      for (const std::string& folder : folders)
        if (std::string version; version_of(folder + "/" + name, version)) return version;
  return {};
}

std::string SharedLibrary::path() const { return handle_ ? path_of(handle_) : ""; }

void SharedLibrary::open_beside(const std::string& name) const {
  const std::string own = path();
  if (const auto slash = own.rfind('/'); slash != own.npos)
    dlopen((own.substr(0, slash + 1) + name).c_str(), RTLD_LAZY | RTLD_LOCAL);
}

void* SharedLibrary::try_symbol(const char* name) const { return handle_ ? dlsym(handle_, name) : nullptr; }

void* SharedLibrary::symbol(const char* name) const {
  if (!handle_) throw Error(ErrorCode::missing_library, fmt::format("{} is not available: {}", what_, error_));
  void* address = dlsym(handle_, name);
  if (!address) throw Error(ErrorCode::missing_library, fmt::format("{} ({}) has no function {}", what_, path(), name));
  return address;
}

}  // namespace ak
