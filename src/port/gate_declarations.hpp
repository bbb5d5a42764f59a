// Which names a kernel text declares, and where each stands for what: read from declaration to declaration, without an
// understanding of expressions.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "port/gate.hpp"
#include "port/gate_tokens.hpp"

namespace ak::port::gate {

/// What a name stands for, and where: between these tokens.
struct Name {
  enum class Kind : std::uint8_t { variable, type, parameter_type, function } kind = Kind::variable;
  std::size_t from = 0, to = 0;
  bool pointer = false;       // a variable that is surely one
  std::int64_t constant = 0;  // of a constexpr integer; 0: none
};

/// Of a whole text. Functions are declared behind their bodies, so that none calls itself.
class Declarations {
 public:
  const Text& text() const { return text_; }
  /// What the word means at its place; null: nothing.
  const Name* find(std::size_t i) const;
  /// Whether it is declared here; whether it is declared anywhere.
  bool declared_at(std::size_t i) const { return naming_.contains(i); }
  bool declared_anywhere(std::string_view word) const { return declared_.contains(word); }
  bool is_label(std::string_view word) const { return labels_.contains(word); }
  /// Whether a kernel begins here, at `extern`.
  bool begins_kernel(std::size_t i) const { return kernels_.contains(i); }
  bool defines_kernel(std::string_view name) const { return defined_.contains(name); }

  /// Behind the type that begins here, without the * and & of its declarators; 0 where none does.
  std::size_t after_type(std::size_t i) const;
  /// Behind * & const __restrict__.
  std::size_t after_stars(std::size_t i, bool* pointer = nullptr) const;
  /// [[...]]
  bool is_attribute(std::size_t i) const;

 protected:
  explicit Declarations(std::string_view text) : text_(text) {}
  const Token& at(std::size_t i) const { return text_[i]; }
  std::size_t after_arguments(std::size_t i) const;  // behind `<...>`, of types, names and numbers; 0: it is none

  Text text_;
  std::map<std::string_view, std::vector<Name>, std::less<>> declared_;
  std::set<std::size_t> naming_, kernels_;
  std::set<std::string_view> labels_;
  std::set<std::string, std::less<>> defined_;
};

/// Throws Refusal for what is no declaration that a kernel text may have.
Declarations declarations_of(std::string_view text, const GateNames& names);

}  // namespace ak::port::gate
