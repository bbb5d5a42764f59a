// JSON of a verdict, written by ak-analyse and read by whoever asked it. Each value's fields stand once, for both ways.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "ak/types.hpp"
#include "loop/verdict.hpp"

namespace ak::loop {

namespace {

constexpr int kDeepest = 200;  // terms and nodes within each other

/// The values of an enumeration, in its order.
constexpr std::string_view kTermKinds[] = {"integer", "real",   "scalar", "element", "unary",
                                           "binary",  "choose", "call",   "convert"};
constexpr std::string_view kNodeKinds[] = {"assign", "branch", "loop", "leave", "finish"};
constexpr std::string_view kRoles[] = {"parallel", "reduce",  "scan",      "chains",    "compact",
                                       "exit",     "scatter", "wavefront", "sequential"};
constexpr std::string_view kNoteKinds[] = {"anti", "output", "expand", "induction", "reroll", "goto"};
constexpr std::string_view kScalarTypes[] = {"void", "f32", "f64", "i32", "i64"};

auto words(Term::Kind) { return std::span(kTermKinds); }
auto words(Node::Kind) { return std::span(kNodeKinds); }
auto words(Role) { return std::span(kRoles); }
auto words(Note::Kind) { return std::span(kNoteKinds); }
auto words(ScalarType) { return std::span(kScalarTypes); }

template <class V>
void fields(V& v, Term& t) {
  v("kind", t.kind), v("type", t.type), v("text", t.text), v("terms", t.terms);
}
template <class V>
void fields(V& v, Parameter& p) {
  v("name", p.name), v("type", p.type), v("pointer", p.pointer), v("constant", p.constant), v("implicit", p.implicit);
  v("extents", p.extents), v("length_known", p.length_known);
}
template <class V>
void fields(V& v, Local& l) {
  v("name", l.name), v("type", l.type), v("extents", l.extents);
}
template <class V>
void fields(V& v, Node& n) {
  v("kind", n.kind), v("id", n.id), v("line", n.line), v("target", n.target), v("value", n.value), v("condition", n.condition);
  v("body", n.body), v("otherwise", n.otherwise), v("variable", n.variable), v("variable_type", n.variable_type);
  v("begin", n.begin), v("end", n.end), v("step", n.step), v("of", n.of);
}
template <class V>
void fields(V& v, Function& f) {
  v("name", f.name), v("returns", f.returns), v("parameters", f.parameters), v("locals", f.locals), v("body", f.body);
}
template <class V>
void fields(V& v, Recurrence& r) {
  v("target", r.target), v("distances", r.distances), v("multipliers", r.multipliers), v("constant", r.constant), v("op", r.op);
  v("statement", r.statement);
}
template <class V>
void fields(V& v, std::pair<std::string, Term>& p) {
  v("name", p.first), v("value", p.second);
}
template <class V>
void fields(V& v, Reduction& r) {
  v("target", r.target), v("op", r.op), v("value", r.value), v("condition", r.condition), v("positions", r.positions);
  v("last", r.last), v("statements", r.statements);
}
template <class V>
void fields(V& v, Counter& c) {
  v("name", c.name), v("step", c.step), v("condition", c.condition), v("statements", c.statements);
}
template <class V>
void fields(V& v, Note& n) {
  v("kind", n.kind), v("name", n.name), v("distance", n.distance), v("from", n.from), v("to", n.to), v("loop", n.loop);
}
template <class V>
void fields(V& v, LoopRole& l) {
  v("loop", l.loop), v("variable", l.variable), v("role", l.role);
}
template <class V>
void fields(V& v, Group& g) {
  v("statements", g.statements), v("loops", g.loops), v("reductions", g.reductions), v("recurrences", g.recurrences);
  v("counters", g.counters), v("scattered", g.scattered), v("notes", g.notes), v("cause", g.cause);
}
template <class V>
void fields(V& v, Finding& f) {
  v("module", f.module), v("node", f.node), v("text", f.text), v("changed", f.changed);
}
template <class V>
void fields(V& v, Access& a) {
  v("statement", a.statement), v("array", a.array), v("write", a.write), v("pattern", a.pattern), v("stride", a.stride);
}
template <class V>
void fields(V& v, Verdict& w) {
  v("function", w.function), v("groups", w.groups), v("findings", w.findings), v("accesses", w.accesses), v("used", w.used);
  v("bytes", w.bytes), v("operations", w.operations), v("refused", w.refused);
}

/// Empty texts, lists and values stay out, so that trees of terms stay short.
class Writer {
 public:
  template <class T>
  void operator()(const char* name, T& value) {
    if constexpr (!std::is_enum_v<T> && !std::is_arithmetic_v<T>)
      if (value == T{}) return;
    json_[name] = json_of(value);
  }
  nlohmann::ordered_json take() { return std::move(json_); }

 private:
  template <class T>
  static nlohmann::ordered_json json_of(T& value) {
    if constexpr (std::is_enum_v<T>) {
      return words(value)[static_cast<int>(value)];
    } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      return value;
    } else if constexpr (requires { value.has_value(); }) {
      return json_of(*value);
    } else if constexpr (requires { value.push_back(value[0]); }) {
      auto list = nlohmann::ordered_json::array();
      for (auto& one : value) list.push_back(json_of(one));
      return list;
    } else {
      Writer writer;
      fields(writer, value);
      return writer.take();
    }
  }
  nlohmann::ordered_json json_ = nlohmann::ordered_json::object();
};

[[noreturn]] void fail(const std::string& where, std::string_view what) {
  throw Error(ErrorCode::invalid_argument, fmt::format("verdict: {} {}", where.empty() ? "the text" : where, what));
}

using Json = simdjson::dom::element;

class Reader {
 public:
  Reader(Json json, std::string where, int depth) : where_(std::move(where)), depth_(depth) {
    if (json.get(object_)) fail(where_, "is not an object");
    if (depth_ > kDeepest) fail(where_, "is nested too deeply");
  }
  template <class T>
  void operator()(const char* name, T& value) {
    Json found;
    if (object_[name].get(found)) return;
    read(found, value, where_.empty() ? std::string(name) : where_ + "." + name);
  }

 private:
  template <class T>
  void read(Json json, T& value, const std::string& where) {
    if constexpr (std::is_enum_v<T>) {
      std::string_view word;
      if (json.get(word)) fail(where, "is not a word");
      const auto all = words(value);
      const auto at = std::find(all.begin(), all.end(), word);
      if (at == all.end()) fail(where, fmt::format("has no value '{}'", word.substr(0, 40)));
      value = static_cast<T>(at - all.begin());
    } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, double>) {
      if (json.get(value)) fail(where, std::is_same_v<T, bool> ? "is not true or false" : "is not a number");
    } else if constexpr (std::is_integral_v<T>) {
      std::int64_t number = 0;
      if (json.get(number) || number != static_cast<T>(number)) fail(where, "is not an integer that fits");
      value = static_cast<T>(number);
    } else if constexpr (std::is_same_v<T, std::string>) {
      std::string_view text;
      if (json.get(text)) fail(where, "is not a text");
      value = text;
    } else if constexpr (requires { value.has_value(); }) {
      read(json, value.emplace(), where);
    } else if constexpr (requires { value.push_back(value[0]); }) {
      simdjson::dom::array list;
      if (json.get(list)) fail(where, "is not a list");
      for (Json one : list) {
        const std::size_t at = value.size();
        read(one, value.emplace_back(), fmt::format("{}[{}]", where, at));
      }
    } else {
      Reader reader(json, where, depth_ + 1);
      fields(reader, value);
    }
  }

  simdjson::dom::object object_;
  std::string where_;
  int depth_;
};

}  // namespace

std::string write_json(const Verdict& verdict) {
  Verdict copy = verdict;  // fields() takes what it may also read into
  Writer writer;
  fields(writer, copy);
  return writer.take().dump();
}

Verdict read_verdict(std::string_view json) {
  simdjson::dom::parser parser;
  Json root;
  if (const auto error = parser.parse(simdjson::padded_string(json)).get(root))
    fail("", fmt::format("is not JSON: {}", simdjson::error_message(error)));
  Verdict verdict;
  Reader reader(root, "", 0);
  fields(reader, verdict);
  return verdict;
}

}  // namespace ak::loop
