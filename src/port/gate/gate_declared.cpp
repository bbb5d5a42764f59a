#include "port/gate/gate_declarations.hpp"
#include "port/gate/gate_words.hpp"

namespace ak::port::gate {

const Name* Declarations::find(std::size_t i) const {
  const auto found = declared_.find(at(i).text);
  if (found == declared_.end()) return nullptr;
  const Name* innermost = nullptr;
  for (const Name& name : found->second)
    if (name.from <= i && i < name.to && (!innermost || name.from >= innermost->from)) innermost = &name;
  return innermost;
}

std::size_t Declarations::after_arguments(std::size_t i) const {
  int depth = 0;
  for (; i < text_.size(); ++i) {
    if (at(i).is("<")) ++depth;
    if (at(i).is(">") && --depth == 0) return i + 1;
    if (at(i).is("(")) i = at(i).match;
    if (at(i).is(";") || at(i).is("{") || at(i).is("}") || at(i).is("=")) return 0;
  }
  return 0;
}

std::size_t Declarations::after_type(std::size_t i) const {
  const std::size_t begin = i;
  const auto qualifiers = [&] {
    for (;; ++i) {
      if (at(i).is("const") || at(i).is("constexpr") || at(i).is("static") || at(i).is("inline") || at(i).is("__shared__"))
        continue;
      if (at(i).is("extern") && at(i + 1).is("__shared__")) continue;
      if ((at(i).is("alignas") || at(i).is("__align__")) && at(i + 1).is("(")) {
        i = at(i + 1).match;
        continue;
      }
      if (!is_attribute(i)) return;
      i = at(i).match;
    }
  };
  qualifiers();
  if (is_type_word(at(i).text)) {
    while (is_type_word(at(i).text)) ++i;
  } else if (at(i).is("auto")) {
    ++i;
  } else if (at(i).is("ak") && at(i + 1).is("::") && is_prelude_type(at(i + 2).text)) {
    i += 3;
  } else if (const Name* name = at(i).word() ? find(i) : nullptr;
             name && (name->kind == Name::Kind::type || name->kind == Name::Kind::parameter_type)) {
    ++i;
  } else {
    return 0;
  }
  if (at(i).is("<") && i > begin && !is_type_word(at(i - 1).text)) {
    i = after_arguments(i);
    if (i == 0) return 0;
  }
  while (at(i).is("const")) ++i;
  return i;
}

const MemberBody* Declarations::member_body(std::size_t i) const {
  for (const MemberBody& one : member_bodies_)
    if (one.open < i && i < one.close) return &one;
  return nullptr;
}

int Declarations::member_extents(std::string_view word) const {
  const auto found = members_.find(word);
  return found == members_.end() ? 0 : found->second;
}

bool Declarations::may_be_pointer(std::size_t from, std::size_t to) const {
  for (std::size_t i = from; i < to; ++i)
    if (const Name* name = at(i).word() ? find(i) : nullptr;
        at(i).is("auto") || (name && name->kind == Name::Kind::parameter_type))
      return true;
  return false;
}

bool Declarations::is_attribute(std::size_t i) const { return at(i).is("[") && at(i + 1).is("[") && at(i + 1).joined; }

std::size_t Declarations::after_stars(std::size_t i, bool* pointer) const {
  for (;; ++i) {
    if (pointer && at(i).is("*")) *pointer = true;
    if (!at(i).is("*") && !at(i).is("&") && !at(i).is("const") && !at(i).is("__restrict__")) return i;
  }
}

}  // namespace ak::port::gate
