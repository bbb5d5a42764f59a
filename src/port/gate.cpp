#include "port/gate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "port/gate_declarations.hpp"
#include "port/gate_words.hpp"

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

  // A type with a star and no name behind: `(float4*)a` of a pointer is the only one. Others make pointers of numbers, in casts
  // and through templates' arguments.
  void abstract(std::size_t i) const {
    const std::size_t end = declared_.after_stars(i);
    if (!at(end).is(">") && !at(end).is(",") && !at(end).is(")")) return;
    if (at(end).is(")")) {
      const std::size_t open = at(end).match, type = declared_.after_type(open + 1);
      const std::size_t operand = end + 1;
      bool one = type == i && at(i).is("*");
      for (std::size_t k = i + 1; k < end; ++k) one = one && !at(k).is("*") && !at(k).is("&");
      if (one && is_pointer(operand)) return;
      if (at(operand).word()) word(operand);
    }
    refuse(i, "a pointer without a name: (float4*)a, of a pointer a, is the only cast to one");
  }

  // `a` or `(a + b * 4)` of a pointer or an array a, with nothing that binds it more tightly.
  bool is_pointer(std::size_t i) const {
    const bool brackets = at(i).is("(");
    const std::size_t end = brackets ? at(i).match : i + 1;
    const std::size_t first = brackets ? i + 1 : i;
    const Name* name = at(first).word() ? declared_.find(first) : nullptr;
    if (!name || !name->pointer) return false;
    if (brackets && first + 1 < end && !at(first + 1).is("+")) return false;
    for (std::size_t k = first + 1; k < end; ++k) {
      if (at(k).is("(") || (at(k).is("[") && k > first + 1))
        k = at(k).match;
      else if (at(k).kind == Token::Kind::mark && !at(k).is("+") && !at(k).is("*") && !at(k).is("."))
        return false;
    }
    const Token& behind = at(brackets ? end + 1 : end);
    return !behind.is("[") && !behind.is("(") && !behind.is(".") && !behind.is("->") && !behind.is("::") && !behind.is("<");
  }

  // (T)x and T(x) of a template's T, which may be a pointer.
  void cast(std::size_t open) const {
    const auto is_parameter = [&](std::size_t i) {
      const Name* name = at(i).word() ? declared_.find(i) : nullptr;
      return name && name->kind == Name::Kind::parameter_type;
    };
    const std::size_t close = at(open).match;
    const bool converts = open > 0 && is_parameter(open - 1) && close != open + 1;
    const Token& operand = at(close + 1);
    const bool casts =
        close == open + 2 && is_parameter(open + 1) &&
        (operand.word() || operand.kind == Token::Kind::number || operand.is("(") || operand.is("&") || operand.is("*"));
    if (converts || casts) refuse(converts ? open - 1 : open + 1, "of a template's T, static_cast<T>(x) is the only cast");
  }

  void word(std::size_t i) const {
    const std::string_view text = at(i).text;
    const std::string_view before = i > 0 ? at(i - 1).text : std::string_view();
    const bool keyword = is_keyword(text) || is_type_word(text);
    if (before == "." || before == "->") {
      if (is_reserved(text) || text == "operator" || text == "template") refuse(i, "no such member");
      if (!keyword || before == ".") return;
    }
    if (text == "ak") {
      if (!at(i + 1).is("::")) refuse(i, "it is the prelude's namespace; choose another name");
      return;
    }
    if (before == "::") {
      if (i > 1 && at(i - 2).is("ak") && !is_prelude_name(text))
        refuse(i, "the prelude has no such function; use those that are described");
      if (is_reserved(text)) refuse(i, "no such member");
      return;
    }
    if (keyword) return placed(i);
    if (const auto instead = instead_of(text); !instead.empty()) refuse(i, std::string(instead));
    if (is_built_in(text)) return;
    if (!is_reserved(text)) {
      if (declared_.find(i) || declared_.declared_at(i)) return;
      if (std::ranges::count(names_.kernels, text)) return called(i);
      if (i > 1 && declared_.is_attribute(i - 2)) return;
      if ((before == "goto" || at(i + 1).is(":")) && declared_.is_label(text)) return;
    }
    const bool later = declared_.declared_anywhere(text);
    refuse(i, later ? "it is not declared at this place: functions come before those that call them, and none calls itself"
                    : "it is neither declared nor among the names that are allowed");
  }

  // Keywords that stand at certain places alone.
  void placed(std::size_t i) const {
    const Token& behind = at(i + 1);
    if (at(i).is("__restrict__") && names_.parameters && names_.parameters->find("__restrict__") == std::string::npos)
      refuse(i, "the arrays may overlap, so that nothing is __restrict__");
    if (at(i).is("extern") && !behind.is("__shared__") && !declared_.begins_kernel(i))
      refuse(i, "extern is for kernels and shared memory");
    if (at(i).is("operator") && i > 0 && (at(i - 1).is(".") || at(i - 1).is("->"))) refuse(i, "operators are called as such");
    if (at(i).is("__global__") && (i == 0 || !at(i - 1).is("\"C\"")))
      refuse(i, "a kernel is extern \"C\" __global__ void NAME(...)");
    if (at(i).is("default") && !behind.is(":")) refuse(i, "default is a switch's alone");
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
constants, using. Each comes before its use; none calls itself. Its names: those that it declares, threadIdx and its kin,
barriers, shuffles, votes, atomics, mathematics, and ak::NAME as described.
Not taken: preprocessor lines but #pragma unroll, strings and characters, backslashes, asm, std::, reinterpret_cast and
const_cast (but (float4*)a of a pointer a is), unions, pointers in structs, function pointers, new, malloc, printf, assert,
clocks, volatile, static or device variables, launches, cooperative groups, recursion, generic lambdas, arrays of more than
65536 elements, names that begin with two underscores and are not CUDA's.)";
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
