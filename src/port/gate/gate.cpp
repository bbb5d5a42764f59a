#include "port/gate/gate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "port/gate/gate_declarations.hpp"
#include "port/gate/gate_places.hpp"
#include "port/gate/gate_words.hpp"

namespace ak::port {

namespace gate {
namespace {

// Every word of the text: what is none of the language and not declared at its place is refused.
class Gate {
 public:
  Gate(std::string_view text, const GateNames& names) : names_(names), declared_(declarations_of(text, names)) {}

  void check() const {
    for (std::size_t i = 0; i < declared_.text().size(); ++i) look_at(i);
    for (const std::string& kernel : names_.kernels)
      if (!declared_.defines_kernel(kernel))
        throw Refusal{0, "", fmt::format("there is no kernel {}; define extern \"C\" __global__ void {}(...)", kernel, kernel)};
  }

 private:
  const Token& at(std::size_t i) const { return declared_.text()[i]; }
  [[noreturn]] void refuse(std::size_t i, std::string why) const { declared_.text().refuse(i, std::move(why)); }

  void look_at(std::size_t i) const {
    const Token& token = at(i);
    check_member_body(declared_, i);
    if (token.is("&")) check_address(declared_, i);
    if (token.word()) return word(i);
    if (token.kind == Token::Kind::literal && !(token.is("\"C\"") && i > 0 && at(i - 1).is("extern")))
      refuse(i, "no strings and no characters, but for extern \"C\"; write the number");
    const Token &before = at(i - 1), &behind = at(i + 1);
    if (i > 0 && token.is("::")) {
      const bool known = before.is("ak") || before.is(">") || is_prelude_type(before.text) ||
                         (before.word() && declared_.find(i - 1) && declared_.find(i - 1)->kind == Name::Kind::type);
      if (!known || !behind.word()) refuse(i, "only ak::NAME, and members of the prelude's structs and the text's own");
    } else if (token.is("::")) {
      refuse(i, "only ak::NAME, and members of the prelude's structs and the text's own");
    } else if (token.is("*") || token.is("&")) {
      abstract(i);
    } else if (token.is("~") && behind.word() && declared_.find(i + 1) && declared_.find(i + 1)->kind == Name::Kind::type) {
      refuse(i, "no destructors");
    } else if (token.is(".") && behind.is(".")) {
      refuse(i, "no parameter packs");
    } else if (token.is("(")) {
      cast(i);
    } else if (declared_.is_attribute(i)) {
      if (at(i).match != i + 4 || !(at(i + 2).is("maybe_unused") || at(i + 2).is("nodiscard") || at(i + 2).is("fallthrough") ||
                                    at(i + 2).is("likely") || at(i + 2).is("unlikely")))
        refuse(i + 2, "[[maybe_unused]], [[nodiscard]], [[fallthrough]], [[likely]], [[unlikely]] are the only attributes");
    }
  }

  // A type with a star and no name behind: in casts, and as templates' arguments, it makes pointers of numbers.
  void abstract(std::size_t i) const {
    const std::size_t end = declared_.after_stars(i);
    if (i > 0 && at(i - 1).is("[") && declared_.is_lambda(i - 1)) return;  // [&, k]
    if (at(end).is(")") && at(end + 1).word()) word(end + 1);
    if (at(end).is(">") || at(end).is(",") || at(end).is(")"))
      refuse(i, "no casts to pointers; ak::as<float4>(a) is an array as one of another type");
  }

  // (T)x and T(x) of a template's T, which may be a pointer.
  void cast(std::size_t open) const {
    const std::size_t close = at(open).match;
    constexpr const char* const kWhy = "of a template's T, static_cast<T>(x) is the only cast";
    if (open == 0) return;
    const Token& before = at(open - 1);
    if (const Name* name = before.word() ? declared_.find(open - 1) : nullptr;
        name && name->kind == Name::Kind::parameter_type && close != open + 1)
      refuse(open - 1, kWhy);
    const bool of_operator = before.is(")") && open > 2 && at(open - 2).is("(") && at(open - 3).is("operator");
    if ((before.word() && !is_keyword(before.text)) || before.is(">") || before.is("]") || before.is("sizeof") ||
        before.is("alignof") || of_operator)
      return;
    if (declared_.after_type(open + 1) == close && declared_.may_be_pointer(open + 1, close)) refuse(open + 1, kWhy);
  }

  // ak::as<TYPE>(...): of a type that holds no pointer, and can be seen to.
  void reading_as(std::size_t i) const {
    std::size_t end = i + 1;
    for (int depth = 0; at(end).is("<") || (depth > 0 && !at(end).is(";") && end < declared_.text().size()); ++end) {
      if (at(end).is("<")) ++depth;
      if (at(end).is(">") && --depth == 0) break;
    }
    if (!at(end).is(">") || !at(end + 1).is("(")) refuse(i, "ak::as<TYPE>(array): the type is written");
    if (declared_.after_type(i + 2) != end || declared_.may_be_pointer(i + 2, end))
      refuse(i, "ak::as<TYPE> is of numbers, vectors and structs of them, not of a template's parameter");
  }

  void word(std::size_t i) const {
    const std::string_view text = at(i).text;
    const std::string_view before = i > 0 ? at(i - 1).text : std::string_view();
    const bool keyword = is_keyword(text) || is_type_word(text);
    if (before == "." || before == "->") {
      const bool type_of_lambda = before == "->" && i > 1 && (at(i - 2).is("mutable") || declared_.is_lambda_head(i - 2));
      if (!type_of_lambda) {
        if (is_reserved(text) || !(declared_.is_member(text) || is_prelude_member(text)) || text == "operator")
          refuse(i, "no such member");
        return check_array(declared_, i);
      }
    }
    if (text == "ak") {
      if (!at(i + 1).is("::")) refuse(i, "it is the prelude's namespace; choose another name");
      return;
    }
    if (before == "::") {
      if (i > 1 && at(i - 2).is("ak") && !is_prelude_name(text))
        refuse(i, "the prelude has no such function; use those that are described");
      if (is_reserved(text)) refuse(i, "no such member");
      if (text == "as" && at(i - 2).is("ak")) reading_as(i);
      if (!at(i - 2).is("ak")) {
        if (declared_.is_function(text) && !at(i + 1).is("(")) refuse(i, "functions are called, and no values");
        check_array(declared_, i);
      }
      return;
    }
    if (keyword) return placed(i);
    if (const auto instead = instead_of(text); !instead.empty()) refuse(i, std::string(instead));
    if (is_built_in(text)) return check_array(declared_, i);
    if (!is_reserved(text)) {
      if (declared_.declared_at(i)) return;
      if (const Name* name = declared_.find(i)) {
        if (follows_type(i)) refuse(i, "no declaration is expected here; make it a statement of its own before");
        if (name->kind == Name::Kind::function && !at(i + 1).is("(") && !at(i + 1).is("<"))
          refuse(i, "functions are called, and no values");
        return check_array(declared_, i);
      }
      if (std::ranges::count(names_.kernels, text)) return called(i);
      if (i > 1 && declared_.is_attribute(i - 2)) return;
      if ((before == "goto" || at(i + 1).is(":")) && declared_.is_label(text)) return;
    }
    const bool later = declared_.declared_anywhere(text);
    refuse(i, later ? "it is not declared at this place: functions come before those that call them, and none calls itself"
                    : "it is neither declared nor among the names that are allowed");
  }

  // `float b`, `const T* b`, `Pack<float> b`, where nothing is declared: what it would be is not known.
  bool follows_type(std::size_t i) const {
    std::size_t k = i;
    while (k > 0 && (at(k - 1).is("*") || at(k - 1).is("&") || at(k - 1).is("const") || at(k - 1).is("__restrict__"))) --k;
    if (k == 0) return false;
    std::size_t type = k - 1;
    if (at(type).is(">")) {
      int depth = 0;
      for (;; --type) {
        if (at(type).is(">")) ++depth;
        if (at(type).is("<") && --depth == 0) break;
        if (type == 0 || at(type).is(";") || at(type).is("(") || at(type).is(")")) return false;
      }
      if (type == 0) return false;
      --type;
    }
    if (is_type_word(at(type).text) || at(type).is("auto")) return true;
    if (at(type).word() && type > 1 && at(type - 1).is("::") && at(type - 2).is("ak")) return is_prelude_type(at(type).text);
    const Name* name = at(type).word() ? declared_.find(type) : nullptr;
    return name && (name->kind == Name::Kind::type || name->kind == Name::Kind::parameter_type);
  }

  // Keywords that stand at certain places alone.
  void placed(std::size_t i) const {
    const Token& behind = at(i + 1);
    if (at(i).is("void") && (behind.is("*") || behind.is("&") || behind.is("const") || behind.is(">") || behind.is(",")))
      refuse(i, "void is what functions return that return nothing; no pointers to it");
    if (is_specifier(at(i).text) && !begins_declaration(i)) refuse(i, "it stands before the type, where a declaration begins");
    // To the emulator it is nothing, so that it would hide what follows it from what stands before.
    if (at(i).is("__launch_bounds__") && !at(i - 1).is("__global__") && !(at(i - 1).is("void") && at(i - 2).is("__global__")))
      refuse(i, "__launch_bounds__ stands before a kernel's name");
    if (at(i).is("template") && !declared_.is_head(i)) refuse(i, "a template begins outside of functions and structs");
    if ((at(i).is("class") || at(i).is("typename")) && i > 0 && !at(i - 1).is("<") && !at(i - 1).is(",") &&
        !at(i + 2).is("{") && !begins_declaration(i))
      refuse(i, "class and typename are for a template's parameters");
    if (at(i).is("__restrict__") && names_.parameters && names_.parameters->find("__restrict__") == std::string::npos)
      refuse(i, "the arrays may overlap, so that nothing is __restrict__");
    if (at(i).is("extern") && !behind.is("__shared__") && !declared_.begins_kernel(i))
      refuse(i, "extern is for kernels and shared memory");
    if (at(i).is("operator") && i > 0 && (at(i - 1).is(".") || at(i - 1).is("->"))) refuse(i, "operators are called as such");
    if (at(i).is("__global__") && (i == 0 || !at(i - 1).is("\"C\"")))
      refuse(i, "a kernel is extern \"C\" __global__ void NAME(...)");
    if (at(i).is("default") && !behind.is(":")) refuse(i, "default is a switch's alone");
  }

  static bool is_specifier(std::string_view word) {
    constexpr std::string_view kSpecifiers[] = {"static",   "inline",          "constexpr",    "__shared__", "__device__",
                                                "__host__", "__forceinline__", "__noinline__", "alignas",    "__align__"};
    return std::ranges::find(kSpecifiers, word) != std::end(kSpecifiers);
  }

  bool begins_declaration(std::size_t i) const {
    if (at(i).is("constexpr") && i > 0 && at(i - 1).is("if")) return true;
    if ((at(i).is("alignas") || at(i).is("__align__")) && i > 0 && (at(i - 1).is("struct") || at(i - 1).is("class")))
      return true;
    while (i > 0) {
      const Token& before = at(i - 1);
      if (before.is(";") || before.is("{") || before.is("}") || before.is(":") || before.is("else") || before.is("do") ||
          (before.is(">") && declared_.is_head(i - 1)))
        return true;
      if (before.is(")") || before.is("]")) {
        const std::size_t open = before.match, word = open > 0 ? open - 1 : 0;
        if (at(word).is("if") || at(word).is("for") || at(word).is("while") || at(word).is("switch") ||
            at(word).is("constexpr"))
          return true;
        if (before.is("]") && declared_.is_attribute(open))
          i = open;
        else if (at(word).is("alignas") || at(word).is("__align__"))
          i = word;
        else
          return false;
        continue;
      }
      if (before.is("(")) return i > 1 && at(i - 2).is("for");
      if (!is_specifier(before.text) && !before.is("extern") && !before.is("const")) return false;
      --i;
    }
    return true;
  }

  // A kernel starts no kernel.
  void called(std::size_t i) const {
    if (!std::ranges::count(names_.kernels, at(i).text)) return;
    if (i == 0 || !(at(i - 1).is("void") || at(i - 1).is(")")))
      refuse(i, "kernels are not called; write a __device__ function");
  }

  const GateNames& names_;
  const Declarations declared_;
};

}  // namespace
}  // namespace gate

std::string_view gate_rules() {
  return R"(One text in CUDA C++ of at most 16 KiB: the kernels that are asked for, extern "C" __global__ void NAME(the parameters as
given), and before them what they use: __device__ functions, structs of values, templates of class T or int N, constexpr
constants, using. Each comes before its use and has a name of its own; none calls itself. Names: those declared, threadIdx and
its kin, barriers, shuffles, votes, atomics, mathematics, and ak::NAME as described.
Memory: no casts to pointers; ak::as<float4>(a) is array a as float4*, ak::as<unsigned>(s) scratch s as unsigned*, from arrays of
numbers alone. Pointers have their value, an array's, where declared. Own arrays, float b[8], are used by element, b[i], all
subscripts given, i surely within; functions take them as float (&b)[8]. &a[i] of arrays and shared memory, of no own variable.
One extern __shared__ array a text, of one type: ak::as<float>(s + 64) is its next part. What is read has been written.
Not taken: preprocessor lines but #pragma unroll, strings, characters, backslashes, asm, std::, reinterpret_cast, const_cast,
void*, nullptr, unions, pointers in structs and arrays, function pointers, references returned, new, malloc, printf, assert,
clocks, volatile, static or device variables, static behind a type, launches, cooperative groups, overloads, functions as values,
generic or nested lambdas, for (x : b), template or object calls in a struct's functions, arrays of more than 65536 elements,
names that begin with two underscores and are not CUDA's.)";
}

std::string Refusal::text() const { return line == 0 ? why : fmt::format("line {}: '{}': {}", line, word, why); }

std::optional<Refusal> refused(std::string_view text, const GateNames& names) {
  try {
    gate::Gate(text, names).check();
    return std::nullopt;
  } catch (Refusal& refusal) {
    return std::move(refusal);
  }
}

}  // namespace ak::port
