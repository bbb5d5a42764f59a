#include "loop/c_tokens.hpp"

namespace ak::loop {

namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80);
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) {}

  std::vector<std::string_view> all() {
    while (at_ < text_.size()) next();
    end_line();
    return std::move(found_);
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void take(std::size_t length) {
    found_.push_back(text_.substr(at_, length));
    at_ += length;
  }

  void end_line() {
    if (directive_) found_.push_back("\n");
    directive_ = false, fresh_ = true;
  }

  // The length of a backslash and a line's end; 0 where there is none.
  std::size_t continuation() const {
    if (peek() != '\\') return 0;
    return peek(1) == '\n' ? 2 : peek(1) == '\r' && peek(2) == '\n' ? 3 : 0;
  }

  void next() {
    const char c = peek();
    if (c == '\n') {
      end_line();
      ++at_;
    } else if (is_space(c)) {
      ++at_;
    } else if (const auto length = continuation()) {
      at_ += length;
    } else if (c == '/' && peek(1) == '/') {
      while (at_ < text_.size() && peek() != '\n') at_ += continuation() ? continuation() : 1;
    } else if (c == '/' && peek(1) == '*') {
      const auto end = text_.find("*/", at_ + 2);
      at_ = end == text_.npos ? text_.size() : end + 2;
    } else if (c == '"' || c == '\'') {
      literal(c);
    } else if (is_digit(c) || (c == '.' && is_digit(peek(1)))) {
      number();
    } else if (is_word(c)) {
      std::size_t length = 1;
      while (is_word(peek(length))) ++length;
      take(length);
      fresh_ = false;
    } else {
      if (c == '#' && fresh_) directive_ = true;
      take(1);
      fresh_ = false;
    }
  }

  void literal(char quote) {
    std::size_t length = 1;
    while (peek(length) && peek(length) != quote && peek(length) != '\n')
      length += peek(length) == '\\' && peek(length + 1) ? 2 : 1;
    take(length + (peek(length) == quote));
    fresh_ = false;
  }

  void number() {
    std::size_t length = 1;
    const auto signs = [&] {
      const char before = peek(length - 1), c = peek(length);
      return (c == '+' || c == '-') && (before == 'e' || before == 'E' || before == 'p' || before == 'P');
    };
    while (is_word(peek(length)) || peek(length) == '.' || signs()) ++length;
    take(length);
    fresh_ = false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<std::string_view> found_;
  bool fresh_ = true;       // nothing stood on this line yet
  bool directive_ = false;  // of the preprocessor
};

}  // namespace

std::vector<std::string_view> c_tokens(std::string_view text) { return Tokens(text).all(); }

Digest token_digest(std::string_view text) {
  std::string all;
  for (const std::string_view token : c_tokens(text)) all.append(token).push_back('\0');
  return digest(all);
}

namespace {

std::string_view from_to(std::string_view first, std::string_view last) {
  return std::string_view(first.data(), static_cast<std::size_t>(last.data() + last.size() - first.data()));
}

bool is_directive(std::span<const std::string_view> tokens, std::size_t at, std::string_view word) {
  return at + 2 < tokens.size() && tokens[at] == "#" && tokens[at + 1] == word;
}

}  // namespace

std::optional<Include> include_of(std::span<const std::string_view> tokens) {
  const std::string_view first = tokens.empty() ? std::string_view() : tokens[0];
  if (first.size() > 2 && first.front() == '"')
    return Include{std::string(first.substr(1, first.size() - 2)), true, first, false, false};
  if (first != "<") return std::nullopt;
  std::size_t end = 1;
  while (end < tokens.size() && tokens[end] != ">" && tokens[end] != "\n") ++end;
  if (end == tokens.size() || tokens[end] != ">") return std::nullopt;
  return Include{std::string(first.data() + 1, tokens[end].data()), false, from_to(first, tokens[end]), false, false};
}

std::vector<Include> includes_of(std::string_view text) {
  const auto all = c_tokens(text);
  const std::span<const std::string_view> tokens(all);
  std::vector<Include> found;
  for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
    const bool next = is_directive(tokens, i, "include_next");
    if (!next && !is_directive(tokens, i, "include")) continue;
    auto include = include_of(tokens.subspan(i + 2));
    if (!include && is_word(tokens[i + 2][0])) include = Include{std::string(tokens[i + 2]), false, tokens[i + 2], true, false};
    if (!include) continue;
    include->line = from_to(tokens[i], include->line);
    include->next = next;
    found.push_back(*std::move(include));
  }
  return found;
}

std::vector<Definition> definitions_of(std::string_view text) {
  const auto tokens = c_tokens(text);
  std::vector<Definition> found;
  for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
    if (!is_directive(tokens, i, "define")) continue;
    Definition one{tokens[i + 2], {}};
    for (std::size_t k = i + 3; k < tokens.size() && tokens[k] != "\n"; ++k) one.value.push_back(tokens[k]);
    if (!one.value.empty()) found.push_back(std::move(one));
  }
  return found;
}

}  // namespace ak::loop
