// The fields of a verdict and all that it is made of, for json.hpp.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "loop/verdict.hpp"

namespace ak::loop {

/// The values of an enumeration, in its order.
inline constexpr std::string_view kTermKinds[] = {"integer", "real",   "scalar", "element", "unary",
                                                  "binary",  "choose", "call",   "convert"};
inline constexpr std::string_view kNodeKinds[] = {"assign", "branch", "loop", "leave", "finish"};
inline constexpr std::string_view kRoles[] = {"parallel", "reduce",  "scan",      "chains",    "compact",
                                              "exit",     "scatter", "wavefront", "sequential"};
inline constexpr std::string_view kNoteKinds[] = {"anti", "output", "expand", "induction", "reroll", "goto"};
inline constexpr std::string_view kDependenceKinds[] = {"flow", "anti", "output"};
inline constexpr std::string_view kScalarTypes[] = {"void", "f32", "f64", "i32", "i64"};

inline std::span<const std::string_view> words(Term::Kind) { return {kTermKinds}; }
inline std::span<const std::string_view> words(Node::Kind) { return {kNodeKinds}; }
inline std::span<const std::string_view> words(Role) { return {kRoles}; }
inline std::span<const std::string_view> words(Note::Kind) { return {kNoteKinds}; }
inline std::span<const std::string_view> words(Dependence::Kind) { return {kDependenceKinds}; }
inline std::span<const std::string_view> words(ScalarType) { return {kScalarTypes}; }

template <class V>
void fields(V& v, Term& t) {
  v("kind", t.kind), v("type", t.type), v("text", t.text), v("terms", t.terms);
}
template <class V>
void fields(V& v, Parameter& p) {
  v("name", p.name), v("type", p.type), v("pointer", p.pointer), v("constant", p.constant), v("implicit", p.implicit);
  v("extents", p.extents), v("length_known", p.length_known), v("length_certain", p.length_certain);
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
  v("statement", r.statement), v("with", r.with);
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
void fields(V& v, Dependence& d) {
  v("kind", d.kind), v("name", d.name), v("from", d.from), v("to", d.to), v("loop", d.loop), v("distances", d.distances);
  v("exact", d.exact);
}
template <class V>
void fields(V& v, Observed& o) {
  v("kind", o.kind), v("name", o.name), v("from", o.from), v("to", o.to), v("loop", o.loop), v("distances", o.distances);
}
template <class V>
void fields(V& v, InRows& r) {
  v("flat", r.flat), v("by_rows", r.by_rows);
}
template <class V>
void fields(V& v, Verdict& w) {
  v("function", w.function), v("as_read", w.as_read);
  v("groups", w.groups), v("findings", w.findings), v("accesses", w.accesses), v("in_rows", w.in_rows);
  v("assumed", w.assumed), v("used", w.used);
  v("dependences", w.dependences), v("in_order", w.in_order), v("observed", w.observed);
  v("steering", w.steering);
  v("bytes", w.bytes), v("operations", w.operations), v("refused", w.refused);
}

}  // namespace ak::loop
