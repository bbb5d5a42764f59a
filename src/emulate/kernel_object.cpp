#include "emulate/kernel_object.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>

#include "ak/types.hpp"

namespace ak::loop {
namespace {

Error bad_object(const std::string& why) { return Error(ErrorCode::invalid_argument, why); }

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// "k::tile" of _ZZ1kE4tile, "tile" of that.
std::string plain_name(const char* symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(symbol, nullptr, nullptr, &status), std::free);
  const std::string whole = text ? text.get() : symbol;
  const auto colons = whole.rfind("::");
  return colons == whole.npos ? whole : whole.substr(colons + 2);
}

template <class T>
const T* view(const std::string& bytes, std::uint64_t offset, std::uint64_t count = 1) {
  if (offset > bytes.size() || count > (bytes.size() - offset) / sizeof(T))
    throw bad_object("the compiler made an object that cannot be read");
  return reinterpret_cast<const T*>(bytes.data() + offset);
}

// What the object may write lies in .data and .bss: shared memory, and what begins with ak_.
std::vector<SharedArray> shared_arrays(const std::string& bytes, std::uintptr_t base) {
  const auto& header = *view<ElfW(Ehdr)>(bytes, 0);
  const auto* const sections = view<ElfW(Shdr)>(bytes, header.e_shoff, header.e_shnum);
  std::vector<SharedArray> found;
  for (int s = 0; s < header.e_shnum; ++s) {
    if (sections[s].sh_type != SHT_SYMTAB || sections[s].sh_link >= header.e_shnum) continue;
    const auto& names = sections[sections[s].sh_link];
    const char* const text = view<char>(bytes, names.sh_offset, names.sh_size);
    const std::uint64_t count = sections[s].sh_size / sizeof(ElfW(Sym));
    const auto* const symbols = view<ElfW(Sym)>(bytes, sections[s].sh_offset, count);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto& symbol = symbols[i];
      if ((symbol.st_info & 0xf) != STT_OBJECT || symbol.st_shndx >= header.e_shnum || symbol.st_name >= names.sh_size)
        continue;
      const auto& section = sections[symbol.st_shndx];
      if (!(section.sh_flags & SHF_WRITE) || section.sh_type == SHT_DYNAMIC) continue;
      const std::string_view name = text + symbol.st_name;
      if (name.starts_with("ak_") || name.starts_with("_GLOBAL_OFFSET") || name.starts_with("DW.ref")) continue;
      if (!name.starts_with("_ZZ"))
        throw bad_object(
            fmt::format("'{}' is a variable outside of kernels; they may have none", plain_name(text + symbol.st_name)));
      found.push_back({plain_name(text + symbol.st_name), base + symbol.st_value, symbol.st_size});
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  return found;
}

}  // namespace

KernelObject::KernelObject(const std::string& path) {
  void* const handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    std::string why = ::dlerror();
    if (const auto colon = why.rfind(": "); colon != why.npos) why = why.substr(colon + 2);
    throw bad_object(why);
  }
  const auto entry = reinterpret_cast<void (*)(ak_emulated::Object*)>(::dlsym(handle, "ak_emulated_object"));
  link_map* map = nullptr;
  if (!entry || ::dlinfo(handle, RTLD_DI_LINKMAP, &map)) throw bad_object("the compiler made an object without an entry");
  entry(&object_);
  const std::string bytes = bytes_of(path);
  shared_ = shared_arrays(bytes, map->l_addr);
  const auto& header = *view<ElfW(Ehdr)>(bytes, 0);
  const auto* const segments = view<ElfW(Phdr)>(bytes, header.e_phoff, header.e_phnum);
  for (int i = 0; i < header.e_phnum; ++i)
    if (const auto& one = segments[i]; one.p_type == PT_GNU_RELRO || (one.p_type == PT_LOAD && !(one.p_flags & PF_W)))
      constant_.push_back({map->l_addr + one.p_vaddr, map->l_addr + one.p_vaddr + one.p_memsz});
  const auto here = reinterpret_cast<std::uintptr_t>(object_.here);
  constant_.push_back({here, here + sizeof(ak_emulated::Here)});  // as kernels see it
  shared_.push_back({"dynamic shared memory", reinterpret_cast<std::uintptr_t>(object_.dynamic_shared), 0});
}

bool KernelObject::constant(std::uintptr_t address, std::size_t bytes) const {
  return std::any_of(constant_.begin(), constant_.end(),
                     [&](const Range& one) { return one.begin <= address && address + bytes <= one.end; });
}

const ak_emulated::Kernel* KernelObject::find(const std::string& name) const {
  for (int i = 0; i < object_.kernel_count; ++i)
    if (name == object_.kernels[i].name) return &object_.kernels[i];
  return nullptr;
}

}  // namespace ak::loop
