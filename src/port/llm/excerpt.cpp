#include "port/llm/excerpt.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "loop/c_tokens.hpp"

namespace ak::port {

namespace {

using Tokens = std::vector<std::string_view>;

bool names_something(std::string_view token) { return is_letter(token.front()) || token.front() == '_'; }

// A text at file scope, and where what a name stands for is written.
class Pieces {
 public:
  explicit Pieces(const std::string& text) : text_(text), tokens_(loop::c_tokens(text)) { scan(); }

  std::string of(const LoopSource& source) const {
    const auto found = pieces_.find(source.function);
    if (found == pieces_.end() || !found->second.function) return {};
    Span own = found->second.span;
    if (!source.body.empty() && !find_body(source.body, own)) return {};
    // In the order of the text, each once.
    std::map<std::size_t, Span> wanted;
    std::set<std::string_view> seen{source.function};
    std::vector<Span> open{own};
    while (!open.empty()) {
      const Span span = open.back();
      open.pop_back();
      for (std::size_t i = span.first; i <= span.last; ++i) {
        const auto piece = pieces_.find(tokens_[i]);
        if (piece == pieces_.end() || !seen.insert(tokens_[i]).second) continue;
        if (std::ranges::find(source.drops, tokens_[i]) != source.drops.end()) continue;
        wanted[piece->second.span.first] = piece->second.span;
        open.push_back(piece->second.span);
      }
    }
    std::string all;
    for (const auto& [first, span] : wanted) all.append(text_of(span)) += '\n';
    if (!all.empty()) all += '\n';
    return all.append(without(source.drops, own)) += '\n';
  }

 private:
  struct Span {
    std::size_t first = 0, last = 0;  // tokens, both included
  };
  struct Piece {
    Span span;
    bool function = false;
  };

  std::size_t offset(std::size_t i) const { return static_cast<std::size_t>(tokens_[i].data() - text_.data()); }
  std::string_view text_of(const Span& span) const {
    return std::string_view(text_).substr(offset(span.first),
                                          offset(span.last) + tokens_[span.last].size() - offset(span.first));
  }

  // Behind the bracket that closes the one at `open`; the end where none does.
  std::size_t behind(std::size_t open) const {
    int depth = 0;
    for (std::size_t i = open; i < tokens_.size(); ++i) {
      const std::string_view t = tokens_[i];
      if (t == "(" || t == "[" || t == "{") ++depth;
      if ((t == ")" || t == "]" || t == "}") && --depth == 0) return i + 1;
    }
    return tokens_.size();
  }

  void scan() {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < tokens_.size();) {
      if (tokens_[i] == "\n") {
        begin = ++i;
      } else if (tokens_[i] == "#") {
        const std::size_t first = i;
        while (i < tokens_.size() && tokens_[i] != "\n") ++i;
        if (i > first + 3 && tokens_[first + 1] == "define") pieces_[tokens_[first + 2]] = {{first, i - 1}, false};
      } else if (tokens_[i] == "{") {
        const std::size_t end = behind(i);
        if (i > begin && tokens_[i - 1] == ")") {
          add_function({begin, end - 1});
          begin = end;
        }
        i = end;
      } else if (tokens_[i] == ";") {
        if (i > begin + 1 && tokens_[begin] == "typedef") pieces_[tokens_[i - 1]] = {{begin, i}, false};
        begin = ++i;
      } else {
        ++i;
      }
    }
  }

  // Its name stands before its parameters.
  void add_function(const Span& span) {
    for (std::size_t i = span.first + 1; i < span.last; ++i)
      if (tokens_[i] == "(" && names_something(tokens_[i - 1])) {
        pieces_[tokens_[i - 1]] = {span, true};
        return;
      }
  }

  // Of the first loop over the variable.
  bool find_body(const std::string& variable, Span& in) const {
    for (std::size_t i = in.first; i + 1 < in.last; ++i) {
      if (tokens_[i] != "for" || tokens_[i + 1] != "(") continue;
      const std::size_t body = behind(i + 1);
      if (body > in.last ||
          std::find(tokens_.begin() + static_cast<std::ptrdiff_t>(i), tokens_.begin() + static_cast<std::ptrdiff_t>(body),
                    variable) == tokens_.begin() + static_cast<std::ptrdiff_t>(body))
        continue;
      if (tokens_[body] != "{") {  // a loop in it, most often: up to the function's end it is in there
        in.first = body, --in.last;
        return true;
      }
      in = {body, behind(body) - 1};
      return true;
    }
    return false;
  }

  // The text without statements that call one of these.
  std::string without(const std::vector<std::string>& drops, const Span& span) const {
    std::string all;
    std::size_t from = offset(span.first);
    for (std::size_t i = span.first; i + 1 < span.last; ++i) {
      if (tokens_[i + 1] != "(" || std::ranges::find(drops, tokens_[i]) == drops.end()) continue;
      const std::size_t end = behind(i + 1);
      if (end > span.last || tokens_[end] != ";") continue;
      all.append(text_, from, offset(i) - from);
      from = offset(end) + 1;
      i = end;
    }
    return all.append(text_, from, offset(span.last) + tokens_[span.last].size() - from);
  }

  const std::string& text_;
  const Tokens tokens_;
  std::map<std::string_view, Piece, std::less<>> pieces_;
};

}  // namespace

std::string excerpt(const LoopSource& source) {
  const std::string whole = with_includes(source, source.text);
  return Pieces(whole).of(source);
}

}  // namespace ak::port
