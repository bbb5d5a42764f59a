#include "port/c/bare_serial.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "ak/types.hpp"
#include "loop/c_tokens.hpp"
#include "loop/cpp_words.hpp"
#include "port/cases/size_expression.hpp"

namespace ak::port {

using loop::ScalarType;
using loop::Term;

namespace {

using Token = std::string_view;
using Tokens = std::span<const Token>;

// What C has and the GPU's compiler has not. Once for each text.
constexpr char kPrelude[] = R"(
#define restrict __restrict__
#define _Bool bool
#ifndef NULL
#define NULL 0
#endif
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif
#ifndef NAN
#define NAN __int_as_float(0x7fffffff)
#endif
#ifndef INT_MAX
#define INT_MAX 2147483647
#define INT_MIN (-2147483647 - 1)
#endif
#ifndef FLT_MAX
#define FLT_MAX 3.402823466e+38f
#define FLT_MIN 1.175494351e-38f
#define FLT_EPSILON 1.192092896e-07f
#endif
#ifndef DBL_MAX
#define DBL_MAX 1.7976931348623157e+308
#define DBL_MIN 2.2250738585072014e-308
#define DBL_EPSILON 2.2204460492503131e-16
#endif
#ifndef M_PI
#define M_PI 3.14159265358979323846
#endif
typedef signed int int32_t;
typedef long int64_t;
)";

[[noreturn]] void refuse(const std::string& function, const std::string& why) {
  throw Error(ErrorCode::unsupported, fmt::format("{}: {}", function, why));
}

bool is_name(Token token) {
  const char c = token.front();
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// The place behind the bracket that closes the one at `open`; the end where none does.
std::size_t behind(Tokens tokens, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < tokens.size(); ++i) {
    const Token t = tokens[i];
    if (t == "(" || t == "[" || t == "{") ++depth;
    if ((t == ")" || t == "]" || t == "}") && --depth == 0) return i + 1;
  }
  return tokens.size();
}

struct DeclaredParameter {
  loop::Parameter value;
  std::size_t first = 0, last = 0;  // tokens of its outermost [...], which C++ must not see; equal: none
};

// A text at file scope: what its names stand for, where functions begin.
class Unit {
 public:
  Unit(const LoopSource& source, const std::string& text) : source_(source), text_(text), tokens_(loop::c_tokens(text_)) {}

  BareSerial made() {
    for (std::size_t i = 0; i < source_.flags.size(); ++i) define_flag(i);
    scan();
    if (name_at_ == 0) refuse(source_.function, fmt::format("no function of this name in '{}'", source_.file));
    BareSerial bare;
    loop::Function& function = bare.function;
    function.name = source_.function;
    function.returns = type_of(Tokens(tokens_).subspan(begin_, name_at_ - begin_), "what it returns", nullptr);
    const std::size_t open = name_at_ + 1, close = behind(tokens_, open) - 1;
    std::vector<std::pair<std::size_t, std::size_t>> parts = split(open + 1, close);
    for (const auto& [first, last] : parts) parameters_.push_back(declared(first, last));
    for (std::size_t i = 0; i < parts.size(); ++i) measure(i, parts[i]);
    for (const DeclaredParameter& each : parameters_) function.parameters.push_back(each.value);

    std::string list, names;
    for (std::size_t i = open + 1; i < close; ++i) {
      const auto in = std::find_if(parameters_.begin(), parameters_.end(),
                                   [&](const DeclaredParameter& each) { return i >= each.first && i < each.last; });
      if (in == parameters_.end())
        list.append(tokens_[i]) += ' ';
      else if (i == in->first)
        list += "[] ";
    }
    if (parts.empty()) list.clear();
    for (const DeclaredParameter& each : parameters_) names += (names.empty() ? "" : ", ") + each.value.name;
    const bool returns = function.returns != ScalarType::none;
    if (returns) list = fmt::format("{}* {}{}{}", c_name(function.returns), loop::kResult, list.empty() ? "" : ", ", list);
    loop::Candidate& candidate = bare.candidate;
    candidate.template_name = "serial";
    const std::string kernel = function.name + "_serial_1_";
    std::set<Token> words;  // names in C
    for (const Token token : tokens_)
      if (loop::is_cpp_keyword(token)) words.insert(token);
    for (const Token word : words) defines_ += fmt::format("#define {0} c_{0}\n", word);
    candidate.text = kPrelude + defines_ + edited() +
                     fmt::format(
                         "\nextern \"C\" __global__ void __launch_bounds__(32) {}({}) {{\n"
                         "  if (threadIdx.x > 0) return;\n  {}{}({});\n}}\n",
                         kernel, list, returns ? fmt::format("*{} = ", loop::kResult) : "", function.name, names);
    candidate.launches.push_back({kernel, loop::integer(1), 32, 0, false, false});
    return bare;
  }

 private:
  std::size_t offset(Token token) const { return static_cast<std::size_t>(token.data() - text_.data()); }
  void edit(Token first, Token last, std::string with) {  // both included
    edits_[offset(first)] = {offset(last) + last.size() - offset(first), std::move(with)};
  }

  void define_flag(std::size_t i) {
    std::string_view flag = source_.flags[i];
    if (!flag.starts_with("-D")) return;
    flag.remove_prefix(2);
    if (flag.empty() && i + 1 < source_.flags.size()) flag = source_.flags[i + 1];
    const auto equals = flag.find('=');
    const std::string name(flag.substr(0, equals)), value(equals == flag.npos ? "1" : flag.substr(equals + 1));
    defines_ += fmt::format("#define {} {}\n", name, value);
    flag_texts_.push_back(value);
    macros_[name] = loop::c_tokens(flag_texts_.back());
  }

  // Directives, typedefs, and the functions: where a declaration begins, and with which name and parameters.
  void scan() {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < tokens_.size();) {
      const Token token = tokens_[i];
      if (token == "#" && is_directive(i)) {
        begin = i = directive(i);
      } else if (token == ";") {
        if (tokens_[begin] == "typedef" && i > begin + 2 && is_name(tokens_[i - 1]))
          macros_[std::string(tokens_[i - 1])].assign(tokens_.begin() + static_cast<std::ptrdiff_t>(begin) + 1,
                                                      tokens_.begin() + static_cast<std::ptrdiff_t>(i) - 1);
        begin = ++i;
      } else if (token == "(" && i > begin && is_name(tokens_[i - 1])) {
        const std::size_t after = behind(tokens_, i);
        if (after < tokens_.size() && (tokens_[after] == "{" || tokens_[after] == ";")) function_at(begin, i - 1, after);
        i = after;
      } else if (token == "{") {
        const bool body = i > begin && tokens_[i - 1] == ")";
        i = behind(tokens_, i);
        if (body) begin = i;
      } else {
        ++i;
      }
    }
  }

  // A "#" is one where nothing but spacing stands before it on its line.
  bool is_directive(std::size_t i) const {
    std::size_t at = offset(tokens_[i]);
    while (at > 0 && (text_[at - 1] == ' ' || text_[at - 1] == '\t')) --at;
    return at == 0 || text_[at - 1] == '\n';
  }

  std::size_t directive(std::size_t i) {
    std::size_t end = i;
    while (end < tokens_.size() && tokens_[end] != "\n") ++end;
    const Tokens words = Tokens(tokens_).subspan(i, end - i);
    if (words.size() > 1 && (words[1] == "include" || words[1] == "pragma")) edit(words.front(), words.back(), {});
    if (words.size() > 2 && words[1] == "define") {
      const bool parameters = words.size() > 3 && words[3] == "(" && offset(words[3]) == offset(words[2]) + words[2].size();
      if (!parameters) macros_[std::string(words[2])].assign(words.begin() + 3, words.end());
    }
    return end + (end < tokens_.size());
  }

  void function_at(std::size_t begin, std::size_t name, std::size_t after) {
    if (begin == name || tokens_[begin] == "typedef" || tokens_[begin] == "extern") return;
    edit(tokens_[begin], tokens_[begin], "__device__ " + std::string(tokens_[begin]));
    // Bounds of parameters that are no constants are not C++; of the outermost none is needed.
    for (const auto& [first, last] : split(name + 2, after - 1))
      for (std::size_t i = first; i < last; ++i)
        if (tokens_[i] == "[") {
          edit(tokens_[i], tokens_[behind(tokens_, i) - 1], "[]");
          break;
        }
    if (tokens_[name] != source_.function || tokens_[after] != "{") return;
    if (name_at_ != 0)
      refuse(source_.function, "it is defined twice, of which the preprocessor has one: that needs the analyser");
    begin_ = begin, name_at_ = name;
  }

  std::vector<std::pair<std::size_t, std::size_t>> split(std::size_t first, std::size_t last) const {
    std::vector<std::pair<std::size_t, std::size_t>> parts;
    if (first == last || (first + 1 == last && tokens_[first] == "void")) return parts;
    std::size_t from = first;
    for (std::size_t i = first; i < last;) {
      if (tokens_[i] == "(" || tokens_[i] == "[") {
        i = behind(tokens_, i);
        continue;
      }
      if (tokens_[i] == ",") parts.emplace_back(from, i), from = i + 1;
      ++i;
    }
    parts.emplace_back(from, last);
    return parts;
  }

  void expand(Token token, std::vector<Token>& to, int depth) const {
    const auto macro = macros_.find(std::string(token));
    if (macro == macros_.end() || depth > 8) return to.push_back(token);
    for (const Token each : macro->second) expand(each, to, depth + 1);
  }

  // Of the words of a type, without its stars; pointee: whether it is const.
  ScalarType type_of(Tokens words, const std::string& of, bool* constant) const {
    std::vector<Token> all;
    for (const Token word : words) expand(word, all, 0);
    int longs = 0, ints = 0, reals = 0, doubles = 0, voids = 0;
    for (const Token word : all) {
      if (word == "const" && constant)
        *constant = true;
      else if (word == "static" || word == "inline" || word == "register" || word == "const" ||
               word.starts_with("__restrict") || word == "restrict" || word == "signed" || word == "__inline__")
        ints += word == "signed";
      else if (word == "long")
        ++longs;
      else if (word == "int" || word == "int32_t")
        ++ints;
      else if (word == "int64_t" || word == "ptrdiff_t" || word == "ssize_t")
        ++longs;
      else if (word == "float")
        ++reals;
      else if (word == "double")
        ++doubles;
      else if (word == "void")
        ++voids;
      else
        refuse(source_.function, fmt::format("{} has '{}' in its type, which needs the analyser", of, word));
    }
    if (voids && !constant && longs + ints + reals + doubles == 0) return ScalarType::none;
    if (reals && longs + ints + doubles + voids == 0) return ScalarType::f32;
    if (doubles && longs + ints + reals + voids == 0) return ScalarType::f64;
    if (longs && reals + doubles + voids == 0) return ScalarType::i64;
    if (ints && longs + reals + doubles + voids == 0) return ScalarType::i32;
    refuse(source_.function, fmt::format("{} is of no type that loops have", of));
  }

  DeclaredParameter declared(std::size_t first, std::size_t last) const {
    DeclaredParameter parameter;
    const Tokens all(tokens_);
    std::size_t bracket = first;
    while (bracket < last && all[bracket] != "[") ++bracket;
    if (bracket == first || !is_name(all[bracket - 1]))
      refuse(source_.function, "a parameter without a name needs the analyser");
    loop::Parameter& value = parameter.value;
    value.name = all[bracket - 1];
    std::vector<Token> words;
    int stars = bracket < last;
    for (std::size_t i = first; i + 1 < bracket; ++i) {
      if (all[i] != "*") {
        // `float *const a`: the pointer itself.
        if (!(stars > (bracket < last) && all[i] == "const")) words.push_back(all[i]);
        continue;
      }
      ++stars;
    }
    if (words.empty()) refuse(source_.function, "a parameter without a name needs the analyser");
    if (stars > 1) refuse(source_.function, fmt::format("{} is a pointer to pointers", value.name));
    value.pointer = stars == 1;
    bool constant = false;
    value.type = type_of(words, value.name, &constant);
    value.constant = value.pointer && constant;
    value.length_known = !value.pointer;
    if (bracket < last) parameter.first = bracket, parameter.last = behind(all, bracket);
    return parameter;
  }

  // Its length, once all integer parameters are known.
  void measure(std::size_t which, const std::pair<std::size_t, std::size_t>& part) {
    DeclaredParameter& parameter = parameters_[which];
    loop::Parameter& value = parameter.value;
    if (!value.pointer) return;
    std::optional<Term> outer;
    if (parameter.first < parameter.last) {
      outer = parsed(Tokens(tokens_).subspan(parameter.first + 1, parameter.last - parameter.first - 2));
      for (std::size_t i = parameter.last; i < part.second; i = behind(tokens_, i)) {
        const auto inner = parsed(Tokens(tokens_).subspan(i + 1, behind(tokens_, i) - i - 2));
        if (!inner || !loop::evaluate(*inner, {}))
          refuse(source_.function,
                 fmt::format("{} has an inner dimension that is no constant: that needs the analyser", value.name));
        value.extents.push_back(*inner);
      }
    }
    if (const auto given = source_.lengths.find(value.name); given != source_.lengths.end()) {
      const auto tokens = loop::c_tokens(given->second);
      outer = parsed(tokens);
    }
    value.length_known = outer.has_value();
    value.extents.insert(value.extents.begin(), outer.value_or(loop::integer(0)));
  }

  // Of numbers and integer parameters.
  std::optional<Term> parsed(Tokens words) const {
    std::vector<Token> all;
    for (const Token word : words)
      if (word != "static" && word != "restrict" && word != "const") expand(word, all, 0);
    return size_expression(all, [&](Token token) -> std::optional<Term> {
      for (const DeclaredParameter& each : parameters_)
        if (each.value.name == token && !each.value.pointer && !is_real(each.value.type))
          return loop::scalar(each.value.name, each.value.type);
      return std::nullopt;
    });
  }

  std::string edited() const {
    std::string all;
    std::size_t at = 0;
    for (const auto& [where, change] : edits_) {
      if (where < at) continue;
      all.append(text_, at, where - at) += change.second;
      at = where + change.first;
    }
    return all.append(text_, at);
  }

  const LoopSource& source_;
  const std::string& text_;
  std::vector<Token> tokens_;
  std::map<std::string, std::vector<Token>> macros_;  // and typedefs
  std::vector<std::string> flag_texts_ = reserved(source_.flags.size());
  std::map<std::size_t, std::pair<std::size_t, std::string>> edits_;  // by place: how much is replaced, with what
  std::string defines_;
  std::vector<DeclaredParameter> parameters_;
  std::size_t begin_ = 0, name_at_ = 0;  // of the function

  // Tokens are views of these texts, which must not move.
  static std::vector<std::string> reserved(std::size_t count) {
    std::vector<std::string> all;
    all.reserve(count);
    return all;
  }
};

}  // namespace

BareSerial bare_serial(const LoopSource& source) {
  const std::string whole = with_includes(source, source.text);
  return Unit(source, whole).made();
}

}  // namespace ak::port
