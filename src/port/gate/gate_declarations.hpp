// Which names a kernel text declares, and where each stands for what: read from declaration to declaration, without an
// understanding of expressions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "port/gate/gate.hpp"
#include "port/gate/gate_tokens.hpp"

namespace ak::port::gate {

/// What a name stands for, and where: between these tokens.
struct Name {
  enum class Kind : std::uint8_t { variable, type, parameter_type, function } kind = Kind::variable;
  std::size_t from = 0, to = 0;
  std::int64_t constant = 0;  // of a constexpr integer; 0: none
  int own_extents = 0;   // of an array that is neither shared nor a parameter's pointer: so many subscripts make an element
  bool shared = false;   // in shared memory
  std::size_t type = 0;  // where a variable's begins, or what a function returns
  std::vector<bool> by_array{};  // of a function: which parameters take such an array, by reference
  bool is_template = false;      // a function or a struct
};

/// A function of a struct, between its body's brackets, and the struct's name.
struct MemberBody {
  std::size_t open = 0, close = 0, of = 0, struct_open = 0;
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
  /// The function of a struct in which this stands; null: none.
  const MemberBody* member_body(std::size_t i) const;
  /// Whether the word is a member of a struct that the text declares; how many subscripts its elements take.
  bool is_member(std::string_view word) const { return members_.contains(word); }
  int member_extents(std::string_view word) const;
  bool is_function(std::string_view word) const {
    const auto found = declared_.find(word);
    return found != declared_.end() &&
           std::ranges::any_of(found->second, [](const Name& name) { return name.kind == Name::Kind::function; });
  }
  /// Whether this is the [ of a lambda.
  bool is_lambda(std::size_t i) const { return lambdas_.contains(i); }
  /// Whether this ends what stands before a lambda's ->: its parameters.
  bool is_lambda_head(std::size_t i) const {
    return at(i).is(")") && at(i).match > 0 && at(at(i).match - 1).is("]") && is_lambda(at(at(i).match - 1).match);
  }
  /// Whether a template's parameters begin here, at `template`; whether they end here, at `>`.
  bool is_head(std::size_t i) const { return heads_.contains(i); }
  bool defines_kernel(std::string_view name) const { return defined_.contains(name); }

  /// Behind the type that begins here, without the * and & of its declarators; 0 where none does.
  std::size_t after_type(std::size_t i) const;
  /// Behind * & const __restrict__.
  std::size_t after_stars(std::size_t i, bool* pointer = nullptr) const;
  /// Of a type that begins here: whether it is, or is made of, a template's parameter or auto, so that it may be a pointer's.
  bool may_be_pointer(std::size_t from, std::size_t to) const;
  /// [[...]]
  bool is_attribute(std::size_t i) const;

 protected:
  explicit Declarations(std::string_view text) : text_(text) {}
  const Token& at(std::size_t i) const { return text_[i]; }
  std::size_t after_arguments(std::size_t i) const;  // behind `<...>`, of types, names and numbers; 0: it is none

  Text text_;
  std::map<std::string_view, std::vector<Name>, std::less<>> declared_;
  std::set<std::size_t> naming_, kernels_, lambdas_, heads_;
  std::vector<MemberBody> member_bodies_;
  std::map<std::string_view, int, std::less<>> members_;  // subscripts of an element, of fields
  std::set<std::string_view> labels_;
  std::set<std::string, std::less<>> defined_;
};

/// Throws Refusal for what is no declaration that a kernel text may have.
Declarations declarations_of(std::string_view text, const GateNames& names);

}  // namespace ak::port::gate
