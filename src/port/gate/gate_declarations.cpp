#include "port/gate/gate_declarations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "port/gate/gate_words.hpp"

namespace ak::port::gate {

namespace {

constexpr std::int64_t kMostElements = 1 << 16;  // of an array that a kernel declares
constexpr int kMostNested = 32;                  // statements without braces, in each other

// Fills it, from item to item.
class Reader : public Declarations {
 public:
  Reader(std::string_view text, const GateNames& names) : Declarations(text), names_(names) {
    for (std::size_t i = 0; i < text_.size();) i = item(i);
  }

 private:
  [[noreturn]] void refuse(std::size_t i, std::string why) const { text_.refuse(i, std::move(why)); }
  std::size_t expect(std::size_t i, std::string_view what, const char* where) const {
    if (!at(i).is(what)) refuse(i, fmt::format("'{}' is expected {}", what, where));
    return i + 1;
  }

  void declare(std::size_t i, Name name) {
    const std::string_view word = at(i).text;
    if (!at(i).word() || is_keyword(word) || is_type_word(word)) refuse(i, "a name is expected here");
    if (is_reserved(word) || word == "threadIdx" || word == "blockIdx" || word == "blockDim" || word == "gridDim" ||
        word == "warpSize")
      refuse(i, "a name that is taken; choose another");
    if (const Name* before = find(i); before && before->own_extents > 0)
      refuse(i, "an array has that name here; choose another");
    // A type's name stands for it alone, so that nothing hides what it is.
    const auto type = [](Name::Kind kind) { return kind == Name::Kind::type || kind == Name::Kind::parameter_type; };
    for (const Name& other : declared_[word]) {
      const bool same = name.kind == Name::Kind::parameter_type && other.kind == Name::Kind::parameter_type;
      if ((type(name.kind) || type(other.kind)) && !same) refuse(i, "a type has that name; choose another");
    }
    if (name.kind == Name::Kind::function) {
      if (is_built_in(word) || is_prelude_name(word)) refuse(i, "a function of that name is there already; choose another");
      for (const Name& other : declared_[word])
        if (other.kind == Name::Kind::function && (other.to == text_.size() || name.to == text_.size() || other.to == name.to))
          refuse(i, "there is a function of that name; each has a name of its own");
    }
    declared_[word].push_back(name), naming_.insert(i);
  }

  // Behind the name at i: what is declared there.
  Name variable(std::size_t type, std::size_t end, std::size_t name, std::size_t scope) const {
    Name made{Name::Kind::variable, name, scope};
    made.type = type;
    for (std::size_t k = type; k < end; ++k) made.shared = made.shared || at(k).is("__shared__");
    if (!made.shared)
      for (std::size_t k = name + 1; at(k).is("["); k = at(k).match + 1) ++made.own_extents;
    return made;
  }

  // ---- What stands outside of functions.

  std::size_t item(std::size_t i) {
    if (at(i).is(";")) return i + 1;
    if (at(i).is("static_assert")) return after_assert(i);
    if (at(i).is("using")) return alias(i, text_.size());
    if (at(i).is("extern")) return kernel(i);
    if (at(i).is("struct") || at(i).is("class")) return structure(i);
    if (!at(i).is("template")) return function(i, text_.size(), false);
    expect(i + 1, "<", "behind template");
    const std::size_t close = after_arguments(i + 1);
    if (close == 0 || close == i + 3) refuse(i, "a template has parameters; there are no specialisations");
    heads_.insert(i), heads_.insert(close - 1);
    const std::size_t item = close;
    std::vector<std::pair<std::size_t, Name>> parameters;
    for (std::size_t p = i + 2; p + 1 < close; ++p) {
      const bool type = at(p).is("class") || at(p).is("typename");
      const std::size_t name = type ? p + 1 : after_type(p);
      if (name == 0 || at(name).is("...")) refuse(p, "a template's parameter is class T or an integer, int N");
      parameters.emplace_back(name, Name{type ? Name::Kind::parameter_type : Name::Kind::variable, name, 0});
      if (!at(name + 1).is(",") && name + 2 != close) refuse(name + 1, "a template's parameter is class T or int N, no more");
      p = name + 1;
    }
    // What it is the template of ends where the scope does.
    std::size_t end = item;
    while (end < text_.size() && !at(end).is("{") && !at(end).is(";")) end = at(end).is("(") ? at(end).match + 1 : end + 1;
    end = at(end).is("{") ? at(end).match : end;
    for (auto& [name, parameter] : parameters) parameter.to = end, declare(name, parameter);
    if (at(item).is("struct") || at(item).is("class")) return structure(item, true);
    return function(item, text_.size(), false, true);
  }

  std::size_t after_assert(std::size_t i) const {
    expect(i + 1, "(", "behind static_assert");
    return expect(at(i + 1).match + 1, ";", "behind static_assert(...)");
  }

  std::size_t alias(std::size_t i, std::size_t scope) {
    expect(i + 2, "=", "behind using NAME");
    const std::size_t end = after_type(i + 3);
    if (end == 0) refuse(i + 3, "using NAME = TYPE; where the type is known");
    if (may_be_pointer(i + 3, end)) refuse(i + 3, "no other name for a template's parameter; write the type itself");
    for (std::size_t k = i + 3; k < end; ++k)
      if (at(k).is("void")) refuse(k, "void is what functions return that return nothing");
    declare(i + 1, {Name::Kind::type, i + 1, scope});
    return expect(end, ";", "behind the type, which is no pointer and no array");
  }

  std::size_t structure(std::size_t i, bool is_template = false) {
    std::size_t name = i + 1;
    while (at(name).is("alignas") || at(name).is("__align__")) name = at(name + 1).is("(") ? at(name + 1).match + 1 : name + 1;
    const std::size_t open = name + 1;
    expect(open, "{", "behind a struct's name; there are no bases and no declarations without a body");
    if (find(name)) refuse(name, "there is one of that name already");
    const std::size_t close = at(open).match;
    Name made{Name::Kind::type, name, text_.size()};
    made.is_template = is_template;
    declare(name, made);
    if (is_template)
      for (std::size_t k = open; k < close; ++k)
        if (at(k).is(at(name).text) && at(k + 1).is("<")) refuse(k, "a template does not use itself");
    // No template of what is being made: what it calls would be what calls it.
    for (std::size_t k = open + 1; k < close; ++k)
      if (at(k).is(at(name).text) && (at(k - 1).is("<") || at(k + 1).is(">") || (at(k - 1).is(",") && at(k + 1).is(","))))
        refuse(k, "a struct is no template's argument within itself");
    for (std::size_t k = open + 1; k < close;) k = member(k, name, close);
    return expect(close + 1, ";", "behind a struct");
  }

  std::size_t member(std::size_t i, std::size_t of, std::size_t close) {
    if (at(i).is(";")) return i + 1;
    if (at(i).is("static_assert")) return after_assert(i);
    if (at(i).is("using")) refuse(i, "no using within a struct; define the name before it");
    if (at(i).is("struct") || at(i).is("class") || at(i).is("template"))
      refuse(i, "no structs and no templates within a struct; define them before it");
    std::size_t type = after_function_words(i);
    if (at(type).is(at(of).text) && at(type + 1).is("(")) refuse(type, "no constructors; write {a, b} for the members' values");
    const std::size_t end = after_type(type);
    if (end == 0) refuse(type, "a member's type is expected, which is known before");
    const std::size_t name = after_stars(end);
    if (at(name).is("operator") || at(name + 1).is("(")) return function(i, close, true, false, of);
    bool constant = false, fixed = false;
    for (std::size_t k = i; k < end; ++k) {
      constant = constant || at(k).is("static"), fixed = fixed || at(k).is("constexpr");
      if (at(k).is("inline") || at(k).is("__shared__") || at(k).is("extern"))
        refuse(k, "members are values, and static constexpr constants");
    }
    if (constant != fixed) refuse(i, "members are values, and static constexpr constants: nothing lasts from call to call");
    for (std::size_t k = end;;) {  // fields
      if (after_stars(k) != k) refuse(k, "members are values, neither pointers nor references; pass pointers on their own");
      Name field = variable(end, end, k, close);
      field.from = at(close).match, field.type = type;
      declare(k, field);
      declare_member(k, field.own_extents);
      k = after_extents(k + 1);
      if (at(k).is("=")) {
        if (!constant)
          refuse(k, "members have no values of their own but static constexpr ones; write {a, b} where it is made");
        while (k < close && !at(k).is(";") && !at(k).is(",")) k = at(k).is("(") || at(k).is("{") ? at(k).match + 1 : k + 1;
      }
      if (at(k).is(";")) return k + 1;
      k = expect(k, ",", "between members");
    }
  }

  // An array of one struct is no number of another, where `.NAME` is all there is to see.
  void declare_member(std::size_t i, int extents) {
    const auto [found, is_new] = members_.emplace(at(i).text, extents);
    if (!is_new && found->second != extents)
      refuse(i, "another struct has a member of that name with other subscripts; choose another");
    if (extents != 1)
      for (const std::string_view of : prelude_arrays_of(at(i).text))
        for (std::size_t k = 0; k < text_.size(); ++k)
          if (at(k).is(of)) refuse(i, fmt::format("ak::{} has an array of that name; choose another", of));
  }

  std::size_t after_function_words(std::size_t i) const {
    for (;; ++i) {
      if (is_attribute(i))
        i = at(i).match;
      else if (!at(i).is("__device__") && !at(i).is("__host__") && !at(i).is("__forceinline__") && !at(i).is("__noinline__") &&
               !at(i).is("inline") && !at(i).is("static") && !at(i).is("constexpr"))
        return i;
    }
  }

  std::size_t function(std::size_t i, std::size_t scope, bool member, bool is_template = false, std::size_t of = 0) {
    const std::size_t begin = i;
    bool constant = false;
    const std::size_t type = after_function_words(i);
    for (std::size_t k = begin; k < type; ++k) constant = constant || at(k).is("constexpr");
    if (at(type).is("__global__")) refuse(type, "a kernel is extern \"C\" __global__ void NAME(...)");
    if (const auto instead = instead_of(at(type).text); !instead.empty()) refuse(type, std::string(instead));
    const std::size_t end = after_type(type);
    if (end == 0)
      refuse(type, "outside of functions there are functions, structs, using and constexpr alone; a type is expected");
    if (at(type).is("extern")) refuse(type, "extern is for kernels and for dynamic shared memory within them");
    std::size_t name = after_stars(end);
    std::size_t open = name + 1;
    if (at(name).is("operator")) {
      if (!member) refuse(name, "operators are members of a struct");
      while (open < text_.size() && at(open).kind == Token::Kind::mark && !at(open).is("(")) ++open;
      if (open == name + 1) open = at(open).match + 1;  // operator()(
      if (open > name + 3 || !at(open).is("(")) refuse(name, "an operator of marks, with its parameters");
      const Token& mark = at(name + 1);
      if (mark.is("[") || mark.is("->") || mark.is("&") || mark.is(",") || mark.is("~") || (mark.is("=") && open == name + 2) ||
          (mark.is("*") && at(open).match == open + 1))
        refuse(name, "operators are (), and those of numbers: + - * / < > == and their like");
    }
    if (!at(open).is("(")) {
      if (member || !constant || after_stars(end) != end)
        refuse(name, "no variables outside of functions; constants are constexpr TYPE NAME = VALUE;");
      return constants(end, scope);
    }
    const std::size_t close = at(open).match;
    std::size_t body = close + 1;
    while (at(body).is("const")) ++body;
    if (!at(body).is("{")) refuse(body, "a function has its body here; it is not declared before");
    for (std::size_t k = end; k < name; ++k)
      if (at(k).is("&")) refuse(k, "a function returns a value or a pointer, no reference");
    for (std::size_t k = type; k < end; ++k)
      if (at(k).is("auto")) refuse(k, "a function has a type of its own; write it");
    Name made{Name::Kind::function, at(body).match, scope};
    made.is_template = is_template, made.type = type;
    made.by_array = parameters(open, at(body).match, at(name).is("operator"));
    if (member) {
      member_bodies_.push_back({body, at(body).match, of, at(scope).match});
      if (!at(name).is("operator")) members_.emplace(at(name).text, 0);
    }
    statements(body);
    if (!at(name).is("operator")) declare(name, made);
    return at(body).match + 1;
  }

  // constexpr int kA = 1, kB[2] = {1, 2};
  std::size_t constants(std::size_t i, std::size_t scope) {
    const std::size_t end = declarators(i, i, scope, true, false);
    return expect(end, ";", "behind a constant");
  }

  // Between ( and ), as far as the end of the body. Which of them take an array of the caller's own, by reference.
  std::vector<bool> parameters(std::size_t open, std::size_t scope, bool values_alone = false) {
    const std::size_t close = at(open).match;
    std::vector<bool> by_array;
    if (close == open + 1 || (at(open + 1).is("void") && close == open + 2)) return by_array;
    for (std::size_t i = open + 1;;) {
      const std::size_t end = after_type(i);
      if (end == 0) refuse(i, "a parameter's type is expected, which is known before");
      for (std::size_t k = i; k < end; ++k)
        if (at(k).is("auto") || at(k).is("__shared__") || at(k).is("static"))
          refuse(k, "a parameter has a type of its own; write it");
      bool pointer = false;
      std::size_t name = after_stars(end, &pointer);
      if (is_attribute(name)) name = at(name).match + 1;
      by_array.push_back(at(name).is("(") && at(name + 1).is("&") && at(name + 2).word());
      if (by_array.back()) {  // float (&v)[8]
        if (at(name).match != name + 3 || !at(name + 4).is("[")) refuse(name, "an array by reference is float (&NAME)[8]");
        Name made = variable(i, end, name + 3, scope);
        made.from = name + 2;
        declare(name + 2, made);
        name += 4;
        while (at(name).is("[")) name = at(name).match + 1;
      } else if (at(name).word()) {
        if (values_alone && (pointer || at(name + 1).is("["))) refuse(name, "an operator takes values and arrays by reference");
        Name made{Name::Kind::variable, name, scope};
        made.type = i;
        declare(name, made);
        ++name;
        while (at(name).is("[")) name = at(name).match + 1;
      }
      if (name == close) return by_array;
      i = expect(name, ",", "between parameters, which have no values");
    }
  }

  std::size_t kernel(std::size_t i) {
    if (!at(i + 1).is("\"C\"") || !at(i + 2).is("__global__"))
      refuse(i, "extern is for kernels, extern \"C\" __global__ void NAME(...), and for dynamic shared memory within them");
    std::size_t k = i + 3;
    const auto bounds = [&] {
      if (at(k).is("__launch_bounds__")) k = at(expect(k + 1, "(", "behind __launch_bounds__") - 1).match + 1;
    };
    bounds();
    k = expect(k, "void", "as a kernel's type");
    bounds();
    const std::size_t name = k, open = name + 1;
    expect(open, "(", "behind a kernel's name");
    const std::string kernel(at(name).text);
    if (is_reserved(kernel) || is_built_in(kernel) || is_keyword(kernel) || is_type_word(kernel) || kernel[0] == '_')
      refuse(name, "a name that is taken; choose another");
    if (!std::ranges::count(names_.kernels, kernel)) {
      std::string all;
      for (const std::string& one : names_.kernels) all += (all.empty() ? "" : ", ") + one;
      refuse(name, fmt::format("no such kernel is asked for; the text defines {}", all));
    }
    // As C's, which compilers call unasked, are not: memcpy, sincos.
    if (kernel.find('_', 1) == kernel.npos) refuse(name, "a kernel is named for its function, f_1 of f");
    if (defined_.contains(kernel)) refuse(name, "it is defined already");
    if (names_.parameters) signature(name, open);
    const std::size_t body = at(open).match + 1;
    expect(body, "{", "behind a kernel's parameters");
    parameters(open, at(body).match);
    statements(body);
    defined_.insert(kernel), kernels_.insert(i);
    return at(body).match + 1;
  }

  // The types of parameters, one a string: "const float*". `__restrict__` is no part of one, nor what is const itself.
  static std::vector<std::string> types_of(const Text& text, std::size_t from, std::size_t to) {
    std::vector<std::string> types;
    if (from == to) return types;
    types.emplace_back();
    std::size_t words = 0;  // of this one
    bool constant = false;
    for (std::size_t i = from; i < to; ++i) {
      const Token& token = text[i];
      if (token.is(",")) {
        types.emplace_back(), words = 0, constant = false;
      } else if (token.is("*")) {
        types.back() = (constant ? "const " : "") + types.back() + "*", constant = false;
      } else if (token.is("const")) {
        constant = true;
      } else if (!token.is("__restrict__") && (words == 0 || is_type_word(token.text))) {
        types.back() += (words++ ? " " : "") + std::string(token.text);
      }
    }
    return types;
  }

  void signature(std::size_t name, std::size_t open) const {
    const Text wanted(*names_.parameters);
    const auto asked = types_of(wanted, 0, wanted.size()), given = types_of(text_, open + 1, at(open).match);
    const auto differ = fmt::format("its parameters are ({}), in this order", *names_.parameters);
    if (asked != given) refuse(name, differ);
  }

  // ---- What stands within them.

  // Behind [..][..] of an array that is declared.
  std::size_t after_extents(std::size_t i) const {
    std::int64_t elements = 1;
    for (; at(i).is("["); i = at(i).match + 1) {
      const std::size_t end = at(i).match;
      bool shifts = false;
      for (std::size_t k = i + 1; k < end; ++k) shifts |= at(k).is("<");
      std::int64_t sum = 0, term = 1;  // what is not added in the open is taken for multiplied: no less than it is
      int depth = 0;
      for (std::size_t k = i + 1; k < end; ++k) {
        depth += at(k).is("("), depth -= at(k).is(")");
        if (at(k).is("+") && depth == 0 && !shifts)
          sum += term, term = 1;
        else if (!(at(k - 1).is("<") && at(k - 1).joined == false))
          term *= extent(k);
        if (sum + term > kMostElements || elements * (sum + term) > kMostElements)
          refuse(k, fmt::format("an array of more than {} elements; use the arrays and the scratch that the kernel is given",
                                kMostElements));
      }
      elements *= sum + term;
    }
    return i;
  }

  // A number, or a constant of the text: an upper bound where they are added or multiplied; 1 for anything else.
  std::int64_t extent(std::size_t i) const {
    const Token& token = at(i);
    if (token.kind == Token::Kind::number) {
      std::uint64_t value = 0;
      const bool hex = token.text.size() > 2 && (token.text[1] | 32) == 'x';
      const std::string_view digits = token.text.substr(hex ? 2 : 0);
      if (std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10).ec != std::errc()) value = ~0ull;
      if (at(i - 1).is("<") && i > 1 && at(i - 2).is("<")) value = value < 40 ? 1ull << value : ~0ull;
      return static_cast<std::int64_t>(std::clamp<std::uint64_t>(value, 1, kMostElements + 1));
    }
    const Name* name = token.word() ? find(i) : nullptr;
    return name && name->constant > 0 ? name->constant : 1;
  }

  // Of `a = 1, *b, c[4] = {}`: up to the ; or ) or : behind them. `i` is behind their type.
  std::size_t declarators(std::size_t type, std::size_t i, std::size_t scope, bool constant, bool any_type) {
    for (;;) {
      bool pointer = false;
      const std::size_t name = after_stars(i, &pointer);
      if (any_type && at(name).is("[")) {  // auto [a, b] =
        const std::size_t value = at(name).match + 2;
        const std::string_view made = at(value).is("ak") ? at(value + 2).text : std::string_view();
        if (made != "warp_scan" && made != "block_scan" && made != "warp_rank" && made != "block_rank")
          refuse(name, "auto [a, b] is of ak::warp_scan, block_scan, warp_rank and block_rank alone; name the struct");
        for (std::size_t k = name + 1; k < at(name).match; k += 2) declare(k, {Name::Kind::variable, k, scope});
        i = at(name).match + 1;
      } else {
        const Name made = variable(type, i, name, scope);
        if (pointer && (made.shared || at(name + 1).is("["))) refuse(name, "no arrays of pointers, and none in shared memory");
        if (pointer && !at(name + 1).is("=") && !at(name + 1).is("(") && !at(name + 1).is("{") && !at(name + 1).is(":"))
          refuse(name, "a pointer has its value where it is declared");
        if (pointer && (at(name + 2).is("0") || at(name + 2).is("{") || at(name + 2).is("}") || at(name + 2).is(")")))
          refuse(name, "no null pointers; begin with an array");
        declare(name, made);
        i = after_extents(name + 1);
      }
      if (at(i).is("(") && (at(i).match == i + 1 || after_type(i + 1) != 0))
        refuse(name, "no functions are declared within functions; write = VALUE for a variable");
      std::int64_t value = at(i).is("=") ? 1 : 0;
      for (; i < text_.size() && !at(i).is(",") && !at(i).is(";") && !at(i).is(")"); ++i) {
        if (constant && value > 0) value = std::min(value * extent(i), kMostElements + 1);
        if (at(i).is("(") || at(i).is("{") || at(i).is("[")) i = at(i).match;
      }
      if (constant) declared_[at(name).text].back().constant = value;
      // f<A, B>(x) has a comma too
      while (at(i).is(",") && !(at(after_stars(i + 1)).word() && goes_on(after_stars(i + 1) + 1)))
        for (++i; i < text_.size() && !at(i).is(",") && !at(i).is(";") && !at(i).is(")"); ++i)
          if (at(i).is("(") || at(i).is("{") || at(i).is("[")) i = at(i).match;
      if (!at(i).is(",")) return i;
      ++i;
    }
  }

  // Whether what stands here can come behind a declared name.
  bool goes_on(std::size_t i) const {
    constexpr std::string_view kBehind[] = {"=", ";", ",", "[", "(", "{", ")"};
    return std::ranges::find(kBehind, at(i).text) != std::end(kBehind) &&
           !(at(i).is("=") && at(i + 1).is("=") && at(i + 1).joined);
  }

  // Behind the statement that begins here.
  std::size_t after_statement(std::size_t i, int depth = 0) const {
    if (depth > kMostNested) refuse(i, fmt::format("statements within {} others; use functions", kMostNested));
    if (at(i).is("{")) return at(i).match + 1;
    if (at(i).is("if")) {
      const std::size_t open = at(i + 1).is("constexpr") ? i + 2 : i + 1;
      if (!at(open).is("(")) refuse(open, "'(' is expected behind if");
      const std::size_t end = after_statement(at(open).match + 1, depth + 1);
      return at(end).is("else") ? after_statement(end + 1, depth + 1) : end;
    }
    if (at(i).is("for") || at(i).is("while") || at(i).is("switch"))
      return after_statement(at(expect(i + 1, "(", "here") - 1).match + 1, depth + 1);
    if (at(i).is("do")) i = after_statement(i + 1, depth + 1);
    while (i < text_.size() && !at(i).is(";") && !at(i).is("}"))
      i = at(i).is("(") || at(i).is("[") || at(i).is("{") ? at(i).match + 1 : i + 1;
    return i + 1;
  }

  bool begins_statement(std::size_t i) const {
    constexpr std::string_view kBefore[] = {";", "}", "else", "do"};
    if (at(i - 1).is("{")) return is_block(i - 1);
    if (at(i - 1).is(")")) {
      const std::size_t open = at(i - 1).match;
      return at(open - 1).is("if") || at(open - 1).is("for") || at(open - 1).is("while") || at(open - 1).is("switch") ||
             at(open - 1).is("constexpr");
    }
    if (at(i - 1).is(":")) return !of_choice(i - 1);
    return std::ranges::find(kBefore, at(i - 1).text) != std::end(kBefore);
  }

  // Whether { begins statements, not values.
  bool is_block(std::size_t i) const {
    if (std::ranges::count(lambda_bodies_, i)) return true;
    constexpr std::string_view kBefore[] = {";", "}", ")", "else", "do", "const"};
    if (at(i - 1).is("{")) return is_block(i - 1);
    if (at(i - 1).is(":")) return !of_choice(i - 1);
    if (at(i - 1).is("]")) return is_attribute(at(i - 1).match);
    return std::ranges::find(kBefore, at(i - 1).text) != std::end(kBefore);
  }

  // Whether a : is that of ?:, not a label's.
  bool of_choice(std::size_t i) const {
    int labels = 0;
    while (i-- > 0) {
      if (at(i).is(")") || at(i).is("]") || at(i).is("}")) {
        if (at(i).is("}")) return false;
        i = at(i).match;
      } else if (at(i).is("?")) {
        if (labels-- == 0) return true;
      } else if (at(i).is(":")) {
        ++labels;
      } else if (at(i).is(";") || at(i).is("{") || at(i).is("(") || at(i).is("case")) {
        return false;
      }
    }
    return false;
  }

  void statements(std::size_t body) {
    std::vector<std::size_t> blocks{body};
    for (std::size_t i = body + 1; i < at(body).match; ++i) {
      while (i > at(blocks.back()).match) blocks.pop_back();
      if (at(i).is("{")) blocks.push_back(i);
      if (at(i).is("for")) {
        int depth = 0;
        for (std::size_t k = i + 2; at(i + 1).is("(") && k < at(i + 1).match && !at(k).is(";"); ++k) {
          if (at(k).is("(") || at(k).is("[") || at(k).is("{")) k = at(k).match;
          if (at(k).is("?")) ++depth;
          if (at(k).is(":") && depth-- == 0) refuse(k, "no for over the elements; write for (int i = 0; i < N; ++i)");
        }
      }
      const std::size_t block_end = at(blocks.back()).match;
      if (at(i).is("if") || at(i).is("for") || at(i).is("while") || at(i).is("switch")) {
        if (at(i).is("while") && at(i - 1).is("}")) continue;  // of do
        const std::size_t end = std::min(after_statement(i), block_end);
        const std::size_t open = at(i + 1).is("constexpr") ? i + 2 : i + 1;
        declaration(open + 1, end);
      } else if (at(i).is("using")) {
        alias(i, block_end);
      } else if (at(i).is("struct") || at(i).is("class") || at(i).is("template")) {
        refuse(i, "no structs and no templates within functions; define them before");
      } else if (at(i).is("[") && !is_attribute(i) && begins_lambda(i)) {
        lambda(i, body);
      } else if (begins_statement(i)) {
        if (at(i).word() && at(i + 1).is(":") && !is_keyword(at(i).text)) labels_.insert(at(i).text);
        declaration(i, block_end);
      }
    }
  }

  void declaration(std::size_t i, std::size_t scope) {
    const std::size_t end = after_type(i);
    if (end == 0) return;
    bool constant = false, any_type = false;
    for (std::size_t k = i; k < end; ++k) {
      constant = constant || at(k).is("constexpr"), any_type = any_type || at(k).is("auto");
      if (at(k).is("static") && !at(k + 1).is("constexpr") && !(k > i && at(k - 1).is("constexpr")))
        refuse(k, "nothing lasts from call to call; use __shared__, or static constexpr");
      if (at(k).is("inline")) refuse(k, "no functions within functions");
    }
    const std::size_t name = after_stars(end);
    const bool condition = at(i - 1).is("(") && !at(i - 2).is("for");
    if (at(name).is("(") && !condition)
      refuse(name, "a statement begins with a type: a name without brackets is expected behind it");
    if (any_type ? !at(name).word() && !at(name).is("[") : !at(name).word() || !goes_on(name + 1)) return;
    dynamic_shared(i, end, name);
    declarators(i, end, scope, constant, any_type);
  }

  // All of a text's dynamic shared memory is one array: two would lie in one place.
  void dynamic_shared(std::size_t i, std::size_t end, std::size_t name) {
    bool dynamic = false;
    for (std::size_t k = i; k < end; ++k) dynamic = dynamic || at(k).is("extern");
    if (!dynamic) return;
    if (may_be_pointer(i, end) || after_stars(end) != end)
      refuse(i, "extern __shared__ TYPE NAME[]; of numbers, whose type is written");
    std::string type(at(name).text);
    for (std::size_t k = i; k < end; ++k)
      if (!at(k).is("const") && at(k).word() && !at(k).is("alignas") && !at(k).is("__align__"))
        type += " " + std::string(at(k).text);
    if (dynamic_.empty()) dynamic_ = type;
    if (type != dynamic_)
      refuse(name, "dynamic shared memory has one name and one type; ak::as<float>(NAME + 8) is a part of it as another");
  }

  bool begins_lambda(std::size_t i) const {
    const Token &before = at(i - 1), &behind = at(at(i).match + 1);
    const bool subscript = (before.word() && !before.is("return")) || before.kind == Token::Kind::number || before.is("]") ||
                           before.is(")") || before.is("&") || before.is("*") || before.is("}");
    return !subscript && (behind.is("(") || behind.is("{") || behind.is("mutable"));
  }

  void lambda(std::size_t i, std::size_t function_body) {
    for (const std::size_t other : lambda_bodies_)
      if (other < i && i < at(other).match) refuse(i, "no lambda within a lambda; write a __device__ function");
    if (at(i - 1).is("return")) refuse(i, "no lambda is returned");
    for (const MemberBody& one : member_bodies_)
      if (one.open == function_body) refuse(i, "no lambda within a struct's function");
    lambdas_.insert(i);
    const std::size_t close = at(i).match;
    std::size_t body = close + 1;
    while (body < text_.size() && !at(body).is("{") && !at(body).is(";"))
      body = at(body).is("(") ? at(body).match + 1 : body + 1;
    if (!at(body).is("{")) refuse(i, "a lambda has a body");
    lambda_bodies_.push_back(body);
    for (std::size_t k = close; k < body; ++k)
      if (at(k).is("->")) {
        const std::size_t end = after_type(k + 1);
        if (end == 0 || after_stars(end) != body || at(end).is("&"))
          refuse(k + 1, "a lambda returns a value or a pointer, of a type that is known");
      }
    for (std::size_t k = i + 1; k < close; ++k)
      if (at(k).word() && at(k + 1).is("=")) declare(k, {Name::Kind::variable, k, at(body).match});
    if (at(close + 1).is("(")) parameters(close + 1, at(body).match);
  }

  const GateNames& names_;
  std::string dynamic_;  // name and type
  std::vector<std::size_t> lambda_bodies_;
};

}  // namespace

Declarations declarations_of(std::string_view text, const GateNames& names) { return Reader(text, names); }

}  // namespace ak::port::gate
