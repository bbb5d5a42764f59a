#include "base/own_memory.hpp"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>

namespace ak {

namespace {

struct Range {
  std::uintptr_t begin = 0, end = 0;
  bool has(std::uintptr_t at) const { return at - begin < end - begin; }
};

// 0: none.
std::uintptr_t number_at(const std::string& text, std::size_t at, int base) {
  std::uintptr_t number = 0;
  if (at < text.size()) std::from_chars(text.data() + at, text.data() + text.size(), number, base);
  return number;
}

// "7ffd0000-7ffe0000 rw-p 00000000 00:00 0    [stack]": the main thread's, as far as it has grown, for what lies below may be
// anybody's. It never shrinks.
Range main_stack() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.ends_with("[stack]")) return {number_at(line, 0, 16), number_at(line, line.find('-') + 1, 16)};
  return {};
}

// Where the heap begins. What brk makes it grow over is never mapped: all of it up to the break is the heap's.
std::uintptr_t heap_begin() {
  constexpr int kField = 47;  // start_brk in proc(5), from 1
  std::ifstream in("/proc/self/stat");
  std::string line;
  std::getline(in, line);
  std::size_t at = line.rfind(')');  // of the second field, in which there may be blanks
  for (int field = 2; field < kField && at != line.npos; ++field) at = line.find(' ', at + 1);
  return at == line.npos ? 0 : number_at(line, at + 1, 10);
}

// What the process has until it ends, its segments one by one: there may be gaps between them.
struct Process {
  std::uintptr_t heap = heap_begin();
  Range stack = main_stack();
  std::array<Range, 8> segments;

  Process() {
    const auto of_program = [](dl_phdr_info* info, std::size_t, void* to) {
      Range* segment = static_cast<Process*>(to)->segments.data();
      for (int i = 0, left = 8; i < info->dlpi_phnum && left > 0; ++i) {
        const auto& header = info->dlpi_phdr[i];
        if (header.p_type != PT_LOAD || info->dlpi_name[0] != '\0') continue;
        *segment++ = {info->dlpi_addr + header.p_vaddr, info->dlpi_addr + header.p_vaddr + header.p_memsz}, --left;
      }
      return 1;  // the first is the program
    };
    dl_iterate_phdr(of_program, this);
  }

  // sbrk(0) says what brk said last, which is above all that lives in the heap; what lies above it was given back.
  bool has(std::uintptr_t at) const {
    if (heap != 0 && at >= heap && at < reinterpret_cast<std::uintptr_t>(sbrk(0))) return true;
    return stack.has(at) || std::ranges::any_of(segments, [at](const Range& segment) { return segment.has(at); });
  }
};

// Of a thread that the program has started.
Range own_stack() {
  Range range;
  pthread_attr_t attributes;
  if (getpid() == gettid() || pthread_getattr_np(pthread_self(), &attributes) != 0) return range;
  void* begin = nullptr;
  std::size_t bytes = 0;
  if (pthread_attr_getstack(&attributes, &begin, &bytes) == 0)
    range.begin = reinterpret_cast<std::uintptr_t>(begin), range.end = range.begin + bytes;
  pthread_attr_destroy(&attributes);
  return range;
}

// Without a lock, and true of what is loaded now: a library that is closed leaves its addresses to others.
bool in_library([[maybe_unused]] void* address) {
#if defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 35)
  dl_find_object found;
  return _dl_find_object(address, &found) == 0 && found.dlfo_link_map->l_name[0] != '\0';
#endif
#endif
  return false;
}

}  // namespace

bool in_own_memory(const void* address) {
  static const Process process;
  thread_local const Range stack = own_stack();
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  return process.has(at) || stack.has(at) || in_library(const_cast<void*>(address));
}

}  // namespace ak
