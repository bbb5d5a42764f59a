#include "port/cases/size_expression.hpp"

#include <fmt/format.h>

#include <charconv>

#include "loop/launch.hpp"

namespace ak::port {

using loop::Term;

namespace {

constexpr std::size_t kMostTokens = 256;
constexpr int kMostExtrema = 6;  // in each other: each has its operands twice

class SizeReader {
 public:
  using Name = std::function<std::optional<Term>(std::string_view)>;
  SizeReader(std::span<const std::string_view> tokens, const Name& name) : tokens_(tokens), name_(name) {}

  std::optional<Term> whole() {
    const auto term = choice();
    return term && tokens_.empty() ? term : std::nullopt;
  }

 private:
  bool takes(std::string_view token) {
    if (tokens_.empty() || tokens_.front() != token) return false;
    tokens_ = tokens_.subspan(1);
    return true;
  }

  std::optional<Term> choice() {
    auto condition = comparison();
    if (!condition || !takes("?")) return condition;
    const auto then = choice();
    if (!then || !takes(":")) return std::nullopt;
    const auto otherwise = choice();
    if (!otherwise) return std::nullopt;
    return chosen(*condition, *then, *otherwise);
  }
  std::optional<Term> comparison() {
    auto left = sum();
    if (!left || tokens_.empty()) return left;
    std::string op(tokens_.front());
    if (op != "<" && op != ">" && op != "=" && op != "!") return left;
    tokens_ = tokens_.subspan(1);
    if (takes("=")) op += "=";
    if (op == "=" || op == "!") return std::nullopt;
    const auto right = sum();
    return right ? std::optional(loop::binary(op, *left, *right)) : std::nullopt;
  }
  static Term chosen(const Term& condition, const Term& then, const Term& otherwise) {
    const Term first = loop::convert(loop::ScalarType::i64, then), second = loop::convert(loop::ScalarType::i64, otherwise);
    return {Term::Kind::choose, loop::ScalarType::i64, {}, {condition, first, second}};
  }
  std::optional<Term> sum() {
    auto left = product();
    while (left && !tokens_.empty() && (tokens_.front() == "+" || tokens_.front() == "-"))
      left = with_next(*left, &SizeReader::product);
    return left;
  }
  std::optional<Term> product() {
    auto left = atom();
    while (left && !tokens_.empty() && (tokens_.front() == "*" || tokens_.front() == "/" || tokens_.front() == "%"))
      left = with_next(*left, &SizeReader::atom);
    return left;
  }
  std::optional<Term> with_next(const Term& left, std::optional<Term> (SizeReader::*read)()) {
    const std::string op(tokens_.front());
    tokens_ = tokens_.subspan(1);
    const auto right = (this->*read)();
    return right ? std::optional(loop::binary(op, left, *right)) : std::nullopt;
  }

  std::optional<Term> atom() {
    if (tokens_.empty()) return std::nullopt;
    const std::string_view token = tokens_.front();
    tokens_ = tokens_.subspan(1);
    if (token == "-") {
      const auto negated = atom();
      return negated ? std::optional(loop::unary("-", *negated)) : std::nullopt;
    }
    if (token == "(") {
      auto inner = choice();
      return takes(")") ? inner : std::nullopt;
    }
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), number);
    if (error == std::errc() && end == token.data() + token.size() && token.front() != '-') {
      if (token.front() == '0' && token.size() > 1) return std::nullopt;  // octal
      return loop::integer(number, number == static_cast<int>(number) ? loop::ScalarType::i32 : loop::ScalarType::i64);
    }
    if ((token == "min" || token == "max") && !tokens_.empty() && tokens_.front() == "(") return extremum(token == "min");
    return name_(token);
  }

  std::optional<Term> extremum(bool least) {
    if (!takes("(") || ++extrema_ > kMostExtrema) return std::nullopt;
    const auto a = choice();
    if (!a || !takes(",")) return std::nullopt;
    const auto b = choice();
    if (!b || !takes(")")) return std::nullopt;
    --extrema_;
    const Term first = loop::convert(loop::ScalarType::i64, *a), second = loop::convert(loop::ScalarType::i64, *b);
    return chosen(loop::binary(least ? "<" : ">", first, second), first, second);
  }

  std::span<const std::string_view> tokens_;
  const Name& name_;
  int extrema_ = 0;
};

}  // namespace

std::optional<Term> size_expression(std::span<const std::string_view> tokens,
                                    const std::function<std::optional<Term>(std::string_view)>& name) {
  if (tokens.size() > kMostTokens) return std::nullopt;
  return SizeReader(tokens, name).whole();
}

std::string size_text(const Term& term) {
  return c_text(term, [](const Term& part) -> std::optional<std::string> {
    if (part.kind == Term::Kind::integer) return part.text;
    if (part.kind == Term::Kind::scalar && part.text == loop::kSms) return kSmsName;
    if (part.kind == Term::Kind::convert) {
      const bool simple = part.terms[0].terms.empty();
      return simple ? size_text(part.terms[0]) : fmt::format("({})", size_text(part.terms[0]));
    }
    if (part.kind != Term::Kind::choose) return std::nullopt;
    const Term& condition = part.terms[0];
    const bool compares = condition.kind == Term::Kind::binary && condition.terms.size() == 2 &&
                          condition.terms[0] == part.terms[1] && condition.terms[1] == part.terms[2] &&
                          (condition.text == "<" || condition.text == ">");
    if (!compares) return std::nullopt;
    return fmt::format("{}({}, {})", condition.text == "<" ? "min" : "max", size_text(part.terms[1]), size_text(part.terms[2]));
  });
}

}  // namespace ak::port
