#include "analyser/declarator.hpp"

#include <charconv>

#include "base/text.hpp"

namespace ak::analyser {
namespace {

using loop::Term;

bool in_word(char c) { return is_letter(c) || is_digit(c) || c == '_'; }

/// What stands in one pair of brackets: + - * / % and parentheses over names and numbers.
class ExtentReader {
 public:
  ExtentReader(std::string_view text, const NameValue& value) : rest_(text), value_(value) {}

  std::optional<Term> read() {
    auto term = sum(0);
    skip();
    return rest_.empty() ? term : std::nullopt;
  }

 private:
  void skip() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }

  char take_one_of(std::string_view operators) {
    skip();
    if (rest_.empty() || operators.find(rest_.front()) == operators.npos) return 0;
    const char op = rest_.front();
    rest_.remove_prefix(1);
    return op;
  }

  std::string_view word() {
    skip();
    std::size_t end = 0;
    while (end < rest_.size() && in_word(rest_[end])) ++end;
    const std::string_view found = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return found;
  }

  std::optional<Term> sum(int depth) {
    return chain("+-", [&] { return chain("*/%", [&] { return one(depth); }); });
  }

  template <class Next>
  std::optional<Term> chain(std::string_view operators, Next next) {
    auto left = next();
    while (left) {
      const char op = take_one_of(operators);
      if (!op) break;
      const auto right = next();
      if (!right) return std::nullopt;
      left = loop::binary(std::string(1, op), *left, *right);
    }
    return left;
  }

  std::optional<Term> one(int depth) {
    if (depth > 64) return std::nullopt;
    if (take_one_of("(")) {
      const auto inside = sum(depth + 1);
      return take_one_of(")") ? inside : std::nullopt;
    }
    const std::string_view found = word();
    if (found.empty()) return std::nullopt;
    if (!is_digit(found.front())) return value_(found);
    std::int64_t number = 0;
    const bool hex = found.starts_with("0x") || found.starts_with("0X");
    const std::string_view digits = found.substr(hex ? 2 : 0);
    const auto [at, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, hex ? 16 : 10);
    const std::string_view suffix = digits.substr(static_cast<std::size_t>(at - digits.data()));
    if (error != std::errc() || suffix.find_first_not_of("uUlL") != suffix.npos) return std::nullopt;
    return loop::integer(number, number == static_cast<std::int32_t>(number) ? loop::ScalarType::i32 : loop::ScalarType::i64);
  }

  std::string_view rest_;
  const NameValue& value_;
};

/// Where the name stands as a word of its own, outside brackets.
std::size_t find_name(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    if ((at == 0 || !in_word(text[at - 1])) && (end == text.size() || !in_word(text[end]))) return at;
  }
  return text.npos;
}

}  // namespace

std::vector<std::optional<Term>> read_declarator(std::string_view text, std::string_view name, const NameValue& value) {
  std::vector<std::optional<Term>> read;
  const std::size_t at = find_name(text, name);
  if (at == text.npos) return read;
  if (text.substr(0, at).find('*') != text.npos) read.push_back(std::nullopt);  // *a, (*a)[256]
  for (std::size_t open = text.find('[', at); open != text.npos; open = text.find('[', open)) {
    const std::size_t close = text.find(']', open);
    if (close == text.npos) break;
    std::string_view inside = trimmed(text.substr(open + 1, close - open - 1));
    for (bool more = true; more;) {
      more = false;
      for (const std::string_view word : {"static", "const", "restrict", "__restrict", "__restrict__", "volatile"})
        if (inside.starts_with(word) && (inside.size() == word.size() || !in_word(inside[word.size()]))) {
          inside = trimmed(inside.substr(word.size()));
          more = true;
        }
    }
    read.push_back(ExtentReader(inside, value).read());
    open = close;
  }
  return read;
}

}  // namespace ak::analyser
