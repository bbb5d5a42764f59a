// Words that C has as names, and C++ or CUDA does not.
#pragma once

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

namespace ak::loop {

/// Keywords of C++ alone, whichever headers a C text includes.
constexpr bool is_cpp_keyword(std::string_view word) {
  constexpr std::string_view kWords[] = {
      "and",        "and_eq", "bitand",  "bitor",     "catch",     "char8_t",    "class",    "co_await", "co_return",
      "co_yield",   "compl",  "concept", "consteval", "constinit", "const_cast", "decltype", "delete",   "dynamic_cast",
      "explicit",   "export", "friend",  "mutable",   "namespace", "new",        "noexcept", "not",      "not_eq",
      "operator",   "or",     "or_eq",   "private",   "protected", "public",     "requires", "template", "this",
      "throw",      "try",    "typeid",  "typename",  "using",     "virtual",    "xor",      "xor_eq",   "reinterpret_cast",
      "static_cast"};
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

/// NVRTC takes no letters but ASCII's, nor does nvcc in the name of a kernel.
inline std::string name_on_device(std::string_view c_name) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string name;
  for (const char c : c_name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80)
      name += c;
    else
      name += {'x', kDigits[byte / 16], kDigits[byte % 16]};
  }
  return name;
}

}  // namespace ak::loop
