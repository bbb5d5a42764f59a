#include "port/artifact_names.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include "base/text.hpp"

namespace ak::port {

namespace {

// Keywords of C and C++ that the other one has as names, what <cuda_runtime_api.h> has as macros or types in our declarations,
// and what these call their own.
constexpr std::string_view kTaken[] = {
    "alignas",      "alignof",  "and",          "and_eq",     "asm",       "auto",        "bitand",        "bitor",
    "bool",         "catch",    "char8_t",      "char16_t",   "char32_t",  "class",       "co_await",      "co_return",
    "co_yield",     "compl",    "concept",      "const_cast", "consteval", "constexpr",   "constinit",     "cudaStream_t",
    "decltype",     "delete",   "dynamic_cast", "explicit",   "export",    "extern",      "false",         "friend",
    "inline",       "linux",    "mutable",      "namespace",  "new",       "noexcept",    "not",           "not_eq",
    "nullptr",      "operator", "or",           "or_eq",      "private",   "protected",   "public",        "register",
    "requires",     "restrict", "scratch",      "size_t",     "static",    "stream",      "template",      "this",
    "thread_local", "throw",    "true",         "try",        "typeid",    "typename",    "typeof",        "unix",
    "using",        "virtual",  "wchar_t",      "xor",        "xor_eq",    "static_cast", "static_assert", "reinterpret_cast"};

bool may_begin(char c) { return is_letter(c) || c == '_' || c == '$' || (c & 0x80); }

bool is_ours(const loop::Function& function, const std::string& name) {
  return std::find(std::begin(kTaken), std::end(kTaken), name) != std::end(kTaken) || name.ends_with('_') ||
         name.starts_with('_') || name == "ak" || name.starts_with(function.name + "_");
}

}  // namespace

std::map<std::string, std::string> declared_names(const loop::Function& function) {
  std::set<std::string> used;
  for (const loop::Parameter& parameter : function.parameters) used.insert(parameter.name);
  std::map<std::string, std::string> names;
  for (const loop::Parameter& parameter : function.parameters) {
    std::string name = parameter.name;
    if (is_ours(function, name)) {
      name = "arg_" + name;
      while (name.ends_with('_')) name.pop_back();
      while (used.count(name)) name += "x";
    }
    used.insert(name);
    names[parameter.name] = name;
  }
  return names;
}

bool is_identifier(const std::string& name) {
  return !name.empty() && may_begin(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char c) { return may_begin(c) || is_digit(c); });
}

}  // namespace ak::port
