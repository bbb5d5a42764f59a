#include "port/gate/gate_places.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "port/gate/gate_words.hpp"

namespace ak::port::gate {

namespace {

bool is_one_of(const Token& token, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, token.text) != words.end();
}

bool is_name(const Token& token) { return token.word() && !is_keyword(token.text); }

// Whether an operand ends here, so that a mark behind it joins it to another.
bool ends_operand(const Token& token) {
  return is_name(token) || token.kind == Token::Kind::number || is_one_of(token, {")", "]", "}", "true", "false", "nullptr"});
}

// The bracket that is open here; the text's size: none.
std::size_t around(const Text& text, std::size_t i) {
  while (i-- > 0) {
    if (is_one_of(text[i], {")", "]", "}"})) {
      i = text[i].match;
    } else if (is_one_of(text[i], {"(", "[", "{"})) {
      return i;
    }
  }
  return text.size();
}

// Where a.b[i].c, whose last name this is, begins.
std::size_t chain_begin(const Text& text, std::size_t i) {
  while (i >= 2 && is_one_of(text[i - 1], {".", "->", "::"})) {
    i -= 2;
    while (i > 0 && is_one_of(text[i], {"]", ")"})) i = text[i].match - 1;
  }
  return i;
}

// Whether the call that opens here takes an array by reference in place of the argument that begins at i.
bool takes_array(const Declarations& declared, std::size_t open, std::size_t i) {
  const Text& text = declared.text();
  std::size_t argument = 0;
  for (std::size_t k = open + 1; k < i; ++k) {
    if (is_one_of(text[k], {"(", "[", "{"})) k = text[k].match;
    if (text[k].is("<")) return false;  // a comma may be of a template's
    if (text[k].is(",")) ++argument;
  }
  if (open == 0) return false;
  if (text[open - 1].is("]")) {  // row[i](x), of ak::Affine's
    const std::size_t row = text[open - 1].match - 1;
    return text[row].is("row") && text[row - 1].is(".") && !declared.is_member("row");
  }
  if (text[open - 1].is(">")) {  // f<4>(b)
    while (open > 2 && !text[open - 1].is("<") && !text[open - 1].is(";")) --open;
    if (open > 1) --open;
  }
  const Token& called = text[open - 1];
  if (!is_name(called) || open < 2) return false;
  const Token& before = text[open - 2];
  if (is_one_of(before, {".", "->"})) return called.is("latest") && !declared.is_member("latest");
  if (before.is("::")) return open > 2 && text[open - 3].is("ak") && is_one_of(called, {"load16", "store16"});
  const Name* name = declared.find(open - 1);
  if (!name) return false;
  if (name->kind == Name::Kind::function) return argument < name->by_array.size() && name->by_array[argument];
  return name->kind == Name::Kind::variable && name->type > 0 && is_one_of(text[name->type], {"ak"});
}

}  // namespace

void check_array(const Declarations& declared, std::size_t i) {
  const Text& text = declared.text();
  const bool member = i > 0 && is_one_of(text[i - 1], {".", "->"});
  int extents = 0;
  if (member) {
    extents = declared.is_member(text[i].text) ? declared.member_extents(text[i].text)
                                               : static_cast<int>(!prelude_arrays_of(text[i].text).empty());
  } else if (const Name* name = declared.find(i); name && !declared.declared_at(i)) {
    extents = name->own_extents;
  }
  if (extents == 0) return;
  std::size_t end = i + 1;
  int subscripts = 0;
  for (; text[end].is("["); end = text[end].match + 1) ++subscripts;
  if (subscripts == extents) return;
  const std::size_t begin = member ? chain_begin(text, i) : i, open = around(text, i);
  const bool whole =
      begin > 0 && is_one_of(text[begin - 1], {"(", ","}) && is_one_of(text[end], {",", ")"}) && text[open].is("(");
  if (whole && open > 0 && (text[open - 1].is("sizeof") || takes_array(declared, open, begin))) return;
  text.refuse(i,
              "an own array is used by its elements alone, with all subscripts; functions take it by reference, float (&b)[8]");
}

void check_address(const Declarations& declared, std::size_t i) {
  const Text& text = declared.text();
  if (!text[i].is("&") || i == 0 || ends_operand(text[i - 1])) return;
  if (text[i - 1].is("&") && text[i].joined && i > 1 && ends_operand(text[i - 2])) return;  // a && b
  if (text[i + 1].is("&") && text[i + 1].joined) text.refuse(i, "no && but between two conditions");
  if (is_one_of(text[i - 1], {">", "const", "auto"})) return;  // of a declaration
  const std::size_t open = around(text, i);
  if (declared.is_lambda(open)) return;                                                                 // [&], [&x]
  if (text[i - 1].is("(") && text[i + 1].word() && text[i + 2].is(")") && text[i + 3].is("[")) return;  // float (&b)[8]
  const Token& of = text[i + 1];
  const Name* name = is_name(of) ? declared.find(i + 1) : nullptr;
  const bool known = name && name->kind == Name::Kind::variable;
  if (known && name->shared) return;
  if (known && name->own_extents == 0 && is_one_of(text[i + 2], {"[", "->"})) return;
  text.refuse(i, "the address is taken of elements of arrays alone, &a[i], and of shared memory");
}

namespace {

// ak::Add<float>()(a, b): () is here.
bool is_operator_of_numbers(const Text& text, std::size_t open) {
  if (text[open].match != open + 1 || open < 5 || !text[open - 1].is(">")) return false;
  std::size_t k = open - 2;
  while (k > 3 && (is_type_word(text[k].text) || text[k].kind == Token::Kind::number || text[k].is(","))) --k;
  return text[k].is("<") && k > 3 && is_prelude_type(text[k - 1].text) && text[k - 2].is("::") && text[k - 3].is("ak");
}

// As calls of a struct's functions may use: they take numbers and no operators.
bool is_plain_function_of_prelude(const Token& token) {
  return is_one_of(token, {"to_i32", "to_i64", "largest", "lane", "warp", "warps", "thread", "threads", "kRoom"});
}

}  // namespace

void check_member_body(const Declarations& declared, std::size_t i) {
  const MemberBody* const body = declared.member_body(i);
  if (!body) return;
  const Text& text = declared.text();
  const Token &token = text[i], &before = text[i - 1], &behind = text[i + 1];
  constexpr const char* const kCalls =
      "a struct's functions call built-ins and plain functions that stand before it, neither templates nor objects";
  if (token.is("(")) {
    if (before.is("]") || before.is("}")) text.refuse(i, kCalls);
    if (before.is(")")) {
      const std::size_t open = before.match;
      const bool control = is_one_of(text[open - 1], {"if", "while", "for", "switch", "constexpr"});
      if (!control && !is_operator_of_numbers(text, open) && declared.after_type(open + 1) != i - 1) text.refuse(i, kCalls);
    }
    return;
  }
  if (!is_name(token)) return;
  if (before.is("::") && i > 1 && text[i - 2].is("ak")) {
    if (!is_prelude_type(token.text) && !is_plain_function_of_prelude(token)) text.refuse(i, kCalls);
    return;
  }
  if (is_one_of(before, {".", "->", "::"})) {
    const bool identity = before.is(".") && i > 1 && text[i - 2].is(")") && is_operator_of_numbers(text, text[i - 2].match);
    if (behind.is("(") && !identity) text.refuse(i, kCalls);
    return;
  }
  const Name* const name = declared.find(i);
  if (!name || declared.declared_at(i)) return;
  if (name->kind == Name::Kind::function && name->is_template) text.refuse(i, kCalls);
  if (name->kind == Name::Kind::variable && behind.is("(")) text.refuse(i, kCalls);

  // Values of the struct itself have its operators: they are taken whole, or by members.
  const Token& own = text[body->of];
  std::size_t end = i + 1, type = name->type;
  while (type > 0 && is_one_of(text[type], {"const", "constexpr", "static"})) ++type;
  const bool is_own = type > 0 && is_one_of(text[type], {own.text, "auto"});
  if (name->kind == Name::Kind::variable) {
    if (!is_own || behind.is(".")) return;
  } else if (token.is(own.text) || (name->kind == Name::Kind::function && is_own)) {
    if (!is_one_of(behind, {"(", "{"})) return;
    end = behind.match + 1;
    if (text[end].is(".")) return;
  } else {
    return;
  }
  const std::size_t open = around(text, i);
  const bool group = text[open].is("(") && (open == 0 || !is_name(text[open - 1]) || is_built_in(text[open - 1].text) ||
                                            is_prelude_name(text[open - 1].text));
  const bool left = is_one_of(before, {"return", "=", "(", ",", "?", ":", "{", "}", ";"}),
             right = is_one_of(text[end], {";", ",", ")", "?", ":", "}"}) || (text[end].is("=") && !text[end + 1].is("="));
  if (group || !left || !right ||
      (before.is("=") && i > 1 && text[i - 2].kind == Token::Kind::mark && !text[i - 2].is("]") && !text[i - 2].is(")")))
    text.refuse(i, "within a struct its own values are used by their members");
}

}  // namespace ak::port::gate
