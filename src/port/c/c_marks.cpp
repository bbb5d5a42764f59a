#include "port/c/c_marks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "port/c/c_rewrite.hpp"

namespace ak::port {
namespace {

constexpr std::string_view kPrototypes =
    "void ak_at(int), ak_turn(int), ak_leave(int*), ak_return(int*), ak_apart(int);\n"
    "int ak_enter(int), ak_call(void);\n";

struct CToken {
  std::string_view before, text;  // blanks and line markers in front of it
  int line = 0;
  bool system = false;
};

/// Those of a preprocessed text: line markers go with the blanks.
std::vector<CToken> tokens_of(std::string_view text) {
  std::vector<CToken> tokens;
  int line = 1;
  bool system = false, line_begins = true;
  std::size_t blanks = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '\n') {
      ++at, ++line, line_begins = true;
    } else if (is_blank(c)) {
      ++at;
    } else if (c == '#' && line_begins) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const std::string_view marker = text.substr(at, end - at);
      if (marker.size() > 2 && marker[1] == ' ' && is_digit(marker[2])) {
        std::from_chars(marker.data() + 2, marker.data() + marker.size(), line);
        --line;  // of the line behind it
        system = false;
        for (const std::string_view flag : words(marker.substr(marker.rfind('"') == marker.npos ? 0 : marker.rfind('"') + 1)))
          system = system || flag == "3";
      }
      at = end;
    } else {
      std::size_t end = at + 1;
      if (c == '"' || c == '\'') {
        while (end < text.size() && text[end] != c && text[end] != '\n') end += text[end] == '\\' ? 2 : 1;
        end = std::min(end + 1, text.size());
      } else if (is_word(c)) {
        while (end < text.size() && is_word(text[end])) ++end;
      }
      tokens.push_back({text.substr(blanks, at - blanks), text.substr(at, end - at), line, system});
      at = blanks = end;
      line_begins = false;
    }
  }
  return tokens;
}

class Marking {
 public:
  Marking(std::string_view text, const std::vector<std::string>& dropped) : tokens_(tokens_of(text)), dropped_(dropped) {
    made_.marks.resize(1);
  }

  Marked run() {
    made_.text = kPrototypes;
    while (here()) begins_body() ? body() : take();
    return std::move(made_);
  }

 private:
  bool here() const { return at_ < tokens_.size(); }
  std::string_view peek(std::size_t ahead = 0) const { return at_ + ahead < tokens_.size() ? tokens_[at_ + ahead].text : ""; }
  bool is(std::string_view word) const { return peek() == word; }
  int line() const { return here() ? tokens_[at_].line : 0; }

  void blanks() {  // once
    std::string_view before = tokens_[at_].before;
    while (depth_ > 0 && before.find("#pragma") != before.npos) {  // they ask for a loop right behind them
      const std::size_t pragma = before.find("#pragma");
      made_.text += before.substr(0, pragma);
      before.remove_prefix(std::min(before.find('\n', pragma), before.size()));
    }
    made_.text += before;
    tokens_[at_].before = {};
  }
  void add(std::string_view text) {
    if (here()) blanks();
    made_.text += text;
  }
  void take() {
    if (!here()) return;
    blanks();
    if (depth_ > 0 && peek(1) == "(" && std::ranges::find(dropped_, peek()) != dropped_.end()) return dropped_call();
    made_.text += tokens_[at_++].text;
  }

  void dropped_call() {
    made_.text += "(ak_apart(1), ";
    made_.text += tokens_[at_++].text;
    parentheses();
    made_.text += ", ak_apart(-1))";
  }

  int new_mark(int first, int last) {
    made_.marks.push_back({first, last});
    return static_cast<int>(made_.marks.size()) - 1;
  }
  /// Up to the end of the statement, or of the parentheses, at the token `from`.
  int last_line(std::size_t from) const {
    int depth = 0, last = from < tokens_.size() ? tokens_[from].line : 0;
    for (std::size_t i = from; i < tokens_.size(); ++i) {
      const std::string_view text = tokens_[i].text;
      last = tokens_[i].line;
      depth += text == "(" || text == "[" || text == "{";
      depth -= text == ")" || text == "]" || text == "}";
      if (depth < 0 || (depth == 0 && (text == ";" || (text == ")" && i > from && tokens_[from].text == "(")))) break;
    }
    return last;
  }

  // --- where functions are -------------------------------------------------------------------------------------------

  /// Whether a `{` here is a function's: behind its parameters, which stand behind a name.
  bool begins_body() const {
    if (!is("{") || at_ == 0 || tokens_[at_].system || tokens_[at_ - 1].text != ")") return false;
    int depth = 0;
    for (std::size_t i = at_; i-- > 0;) {
      depth += tokens_[i].text == ")";
      depth -= tokens_[i].text == "(";
      if (depth == 0) return i > 0 && is_word(tokens_[i - 1].text[0]) && !tokens_[i - 1].text.starts_with("__attribute");
    }
    return false;
  }

  void body() {
    ++depth_;
    take();
    add(" int ak_caller __attribute__((cleanup(ak_return))) = ak_call();");
    while (here() && !is("}")) statement();
    take();
    --depth_;
  }

  // --- statements, as they stand in a block --------------------------------------------------------------------------

  void block() {
    take();
    while (here() && !is("}")) statement();
    take();
  }

  /// That of an if or a loop: in a block of its own.
  void substatement() {
    if (is("{")) return block();
    add(" {");
    statement();
    made_.text += " }";
  }

  void parentheses() {
    int depth = 0;
    do {
      depth += is("(");
      depth -= is(")");
      take();
    } while (here() && depth > 0);
  }

  /// Up to one of these, outside of parentheses and braces.
  void take_until(std::string_view ends) {
    int depth = 0;
    while (here()) {
      if (depth == 0 && peek().size() == 1 && ends.find(peek()[0]) != ends.npos) return;
      depth += is("(") || is("[") || is("{");
      depth -= is(")") || is("]") || is("}");
      if (depth < 0) return;
      take();
    }
  }

  void mark(int last) { add(fmt::format(" ak_at({}); ", new_mark(line(), last))); }

  void statement() {
    const std::string_view word = peek();
    if (word == "{") return block();
    if (word == ";") return take();
    if (word == "case" || word == "default") {
      int open = 0;  // ? that wait for their :
      for (take(); here() && (open > 0 || !is(":")); take()) open += is("?"), open -= is(":");
      return labelled();
    }
    if (is_letter(word[0]) || word[0] == '_') {
      if (peek(1) == ":") return take(), labelled();
      if (word == "if") {
        mark(last_line(at_ + 1));
        take(), parentheses(), substatement();
        if (is("else")) take(), substatement();
        return;
      }
      if (word == "switch") {
        mark(last_line(at_ + 1));
        return take(), parentheses(), substatement();
      }
      if (word == "for" || word == "while" || word == "do") return loop();
    }
    mark(last_line(at_));
    take_until(";");
    take();
  }

  /// From the `:` on.
  void labelled() {
    take();
    if (here() && !is("}")) statement();
  }

  void loop() {
    const int header = new_mark(line(), is("do") ? line() : last_line(at_ + 1));
    add(fmt::format(" ak_at({0}); {{ int ak_loop __attribute__((cleanup(ak_leave))) = ak_enter({0}); ", header));
    if (is("do")) {
      take();
      add(fmt::format(" {{ ak_turn({});", header));
      substatement();
      made_.text += " }";
      take();  // while
      test(fmt::format("ak_at({})", new_mark(line(), last_line(at_))));
      take();  // ;
    } else if (is("while")) {
      take();
      test(fmt::format("ak_turn({})", header));
      substatement();
    } else {
      take(), take();  // for (
      take_until(";"), take();
      add(fmt::format(" ak_turn({}), (", header));
      if (is(";")) made_.text += '1';
      take_until(";");
      add(")"), take();
      if (!is(")")) {
        add(fmt::format(" ak_at({}), (", header));
        take_until(")");
        add(")");
      }
      take();
      substatement();
    }
    made_.text += " }";
  }

  /// A condition in its parentheses.
  void test(const std::string& first) {
    take();
    add(first + ", (");
    take_until(")");
    add(")");
    take();
  }

  std::vector<CToken> tokens_;
  const std::vector<std::string>& dropped_;
  std::size_t at_ = 0;
  int depth_ = 0;
  Marked made_;
};

}  // namespace

Marked marked(std::string_view text, const std::vector<std::string>& dropped) { return Marking(text, dropped).run(); }

}  // namespace ak::port
