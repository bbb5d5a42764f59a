#include "analyser/c_type.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/text.hpp"

namespace ak::analyser {
namespace {

using loop::ScalarType;

struct KnownType {
  std::string_view name;
  ScalarType type;
  bool is_unsigned = false;
};

constexpr KnownType kKnown[] = {{"float", ScalarType::f32},
                                {"double", ScalarType::f64},
                                {"int", ScalarType::i32},
                                {"long", ScalarType::i64},
                                {"long long", ScalarType::i64},
                                {"unsigned int", ScalarType::i64, true},
                                {"unsigned long", ScalarType::i64, true},
                                {"unsigned long long", ScalarType::i64, true}};

/// Reads words like "const real_t" into the scalar; the other shapes of typedefs are not followed.
void read_words(std::string_view text, const Typedefs& typedefs, int depth, CType& type) {
  std::string name;
  for (const std::string_view word : words(text)) {
    if (word == "const") {
      type.constant = true;
    } else if (word == "volatile" || word.starts_with("_Atomic")) {
      type.means = word;
      return;
    } else if (word != "restrict" && word != "__restrict" && word != "static") {
      if (!name.empty()) name += ' ';
      name += word;
    }
  }
  if (name == "void") type.shape = CType::Shape::nothing;
  for (const KnownType& known : kKnown)
    if (known.name == name) {
      type.shape = CType::Shape::scalar;
      type.scalar = known.type;
      type.is_unsigned = known.is_unsigned;
      type.is_narrow = known.is_unsigned && known.name == "unsigned int";
      return;
    }
  type.means = name;
  const auto alias = typedefs.find(name);
  if (alias == typedefs.end()) return;
  if (alias->second == name || depth >= 32)
    type.means = "struct " + name;  // or a union, without a name of its own
  else
    read_words(alias->second, typedefs, depth + 1, type);
}

std::vector<std::optional<std::int64_t>> read_extents(std::string_view text) {
  std::vector<std::optional<std::int64_t>> found;
  while (text.starts_with("[")) {
    const auto close = text.find(']');
    const std::string_view inside = text.substr(1, close - 1);
    std::int64_t value = 0;
    const auto [at, error] = std::from_chars(inside.data(), inside.data() + inside.size(), value);
    const bool number = error == std::errc() && at == inside.data() + inside.size();
    found.push_back(number ? std::optional(value) : std::nullopt);
    text.remove_prefix(close == text.npos ? text.size() : close + 1);
  }
  return found;
}

}  // namespace

CType c_type(std::string_view text, const Typedefs& typedefs) {
  CType type;
  type.spelled = text;
  const auto bracket = text.find('[');
  std::string_view head = text.substr(0, bracket);
  if (bracket != text.npos) type.extents = read_extents(text.substr(bracket));
  const auto star = head.find('*');
  const bool pointer = star != head.npos;
  if (pointer && head.find('*', star + 1) != head.npos) return type;  // to a pointer
  std::string_view element = head.substr(0, star);
  if (const auto open = head.find('('); open != head.npos) {
    // float (*)[256] alone; the rest are functions.
    if (!pointer || open > star || bracket == text.npos || head.find('(', open + 1) != head.npos) return type;
    element = head.substr(0, open);
  } else if (pointer && bracket != text.npos) {
    return type;  // an array of pointers
  }
  read_words(element, typedefs, 0, type);
  if (type.shape != CType::Shape::scalar) {
    if (pointer) type.shape = CType::Shape::other;
    return type;
  }
  if (pointer)
    type.shape = CType::Shape::pointer;
  else if (!type.extents.empty())
    type.shape = CType::Shape::array;
  return type;
}

std::string remedy(const CType& type, bool local) {
  const bool several = type.spelled.find_first_of("*[") != type.spelled.npos;
  const auto has = [&](std::string_view word) {
    return type.spelled.find(word) != type.spelled.npos || type.means.find(word) != type.means.npos;
  };
  const auto make = [&](std::string_view what) { return fmt::format(": make {} {}", several ? "them" : "it", what); };
  if (has("(*)(")) return ": call the function by its name";
  if (has("**") || has("*[")) return ": pass each array as a parameter of its own";
  if (has("volatile") || has("_Atomic")) return ": leave that out, as a kernel's data are nobody else's while it runs";
  if (has("vector_size") || has("vector_type")) return ": make it an array of its elements";
  if (has("struct") || has("union"))
    return local ? ": make its members variables of their own" : ": pass its members as parameters of their own";
  if (has("_Complex")) return ": pass real and imaginary parts as arrays of their own";
  if (has("long double") || has("float128")) return make("double");
  if (has("_Float16") || has("__fp16") || has("bf16")) return make("float");
  if (has("__int128")) return make("long long");
  if (type.is_unsigned) return make("int or long long");
  for (const std::string_view small : {"char", "short", "bool", "_Bool", "enum", "int8", "int16"})
    if (has(small)) return make("int");
  return {};
}

}  // namespace ak::analyser
