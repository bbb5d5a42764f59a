#include "port/templates/partials.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "port/templates/emit.hpp"

namespace ak::port {

using loop::Node;
using loop::ScalarType;
using loop::Term;

namespace {

Node assignment(Term target, Term value) {
  Node node;
  node.target = std::move(target);
  node.value = std::move(value);
  return node;
}

/// After every assignment to a scalar.
std::vector<Node> with_after(std::vector<Node> body, const std::string& scalar, const std::vector<Node>& more) {
  std::vector<Node> out;
  for (Node& node : body) {
    node.body = with_after(std::move(node.body), scalar, more);
    node.otherwise = with_after(std::move(node.otherwise), scalar, more);
    const bool sets = node.kind == Node::Kind::assign && node.target.kind == Term::Kind::scalar && node.target.text == scalar;
    out.push_back(std::move(node));
    if (sets) out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

bool sets_outright(const std::vector<Node>& body, const Term& target) {
  return std::any_of(body.begin(), body.end(),
                     [&](const Node& node) { return node.kind == Node::Kind::assign && node.target == target; });
}

/// Whether an element is there whatever the sizes are: then it may be read where C would not.
bool is_there(const loop::Function& function, const Term& element) {
  const loop::Parameter* array = loop::find_parameter(function, element.text);
  if (!array || !array->length_known || !array->length_certain || array->extents.size() != 1 || element.terms.size() != 1)
    return false;
  const auto at = loop::evaluate(element.terms[0], {}), length = loop::evaluate(array->extents[0], {});
  return at && length && *at >= 0 && *at < *length;
}

/// Whether an array is touched only as this element, and as others that are known to be others and are reduced into too.
bool only_as(const std::vector<Node>& body, const Term& element, const std::vector<loop::Reduction>& reductions) {
  const auto is_another = [&](const Term& part) {
    const bool reduced = std::ranges::any_of(reductions, [&](const loop::Reduction& one) { return one.target == part; });
    const auto at = loop::evaluate(part.terms[0], {}), own = loop::evaluate(element.terms[0], {});
    return reduced && at && own && *at != *own;
  };
  bool only = true;
  const auto look = [&](const Term& term) {
    loop::for_each(term, [&](const Term& part) {
      only = only && (part.kind != Term::Kind::element || part.text != element.text || part == element || is_another(part));
    });
  };
  loop::for_each_node(body, [&](const Node& node) {
    for (const Term& term : terms_read(node)) look(term);
    if (node.kind == Node::Kind::assign) look(node.target);
  });
  return only;
}

/// `m = x > m ? x : m` and fmaxf(m, x) as a branch that sets m, as C decides: of two zeros one stays, and not any. Nothing
/// where it is none of these.
std::optional<std::vector<Node>> under_branches(const std::vector<Node>& body, const Term& m) {
  std::vector<Node> out;
  for (Node node : body) {
    for (auto* part : {&node.body, &node.otherwise}) {
      auto inner = under_branches(*part, m);
      if (!inner) return std::nullopt;
      *part = std::move(*inner);
    }
    if (node.kind != Node::Kind::assign || node.target != m || !loop::mentions(node.value, m.text)) {
      out.push_back(std::move(node));
      continue;
    }
    const Term& value = node.value;
    const bool call = value.kind == Term::Kind::call && value.terms.size() == 2;
    if (!call && value.kind != Term::Kind::choose) return std::nullopt;
    const bool found_first = value.terms[call ? 0 : 1] == m;
    if (!found_first && value.terms[call ? 1 : 2] != m) return std::nullopt;
    Term x = found_first ? value.terms.back() : value.terms[call ? 0 : 1];
    if (loop::mentions(x, m.text)) return std::nullopt;
    Node branch;
    branch.kind = Node::Kind::branch;
    branch.id = node.id;
    if (call) {
      const char* const beyond = value.text.find("max") != std::string::npos ? ">" : "<";
      branch.condition = found_first
                             ? loop::binary("||", loop::binary(beyond, x, m), loop::binary("!=", m, m))
                             : loop::binary("&&", loop::unary("!", loop::binary(beyond, m, x)), loop::binary("==", x, x));
    } else {
      branch.condition = found_first ? loop::unary("!", value.terms[0]) : value.terms[0];
    }
    node.value = std::move(x);
    branch.body.push_back(std::move(node));
    out.push_back(std::move(branch));
  }
  return out;
}

/// Whether the extremum is set otherwise than to a number that lies beyond it: `m > x ? m : x`, fmaxf(m, x).
bool takes_no_number(const std::vector<Node>& body, const Term& target) {
  bool found = false;
  loop::for_each_node(body, [&](const Node& node) {
    if (node.kind == Node::Kind::assign && node.target == target && loop::mentions(node.value, target.text))
      found = found || node.value.kind != Term::Kind::choose || node.value.terms[2] != target;
  });
  return found;
}

std::string word(const Term& scalar) { return scalar.text; }

const char* functor(const std::string& op) {
  if (op == "+") return "Add";
  if (op == "*") return "Multiply";
  if (op == "min") return "Min";
  if (op == "max") return "Max";
  if (op == "&") return "And";
  if (op == "|") return "Or";
  return op == "^" ? "Xor" : nullptr;
}

bool starts_from_first(const std::string& op) { return op == "min" || op == "max"; }

}  // namespace

Partials::Partials(const Work& work, const std::vector<Node>& body) : tag_(work.tag), body_(body) {
  for (const loop::Reduction& reduction : work.group.reductions) add(work, reduction);
  const std::set<std::string> mine = carried();
  const Names assigned = assigned_scalars(body);
  for (const Passed& kept : work.kept)
    if (assigned.count(kept.scalar) && !mine.count(kept.scalar)) add_last(kept.scalar, type_of(*work.function, kept.scalar));
  for (const Node& node : work.after)
    for (const std::string& scalar : scalar_flow({node}).exposed)
      if (assigned.count(scalar) && !mine.count(scalar) && !carried().count(scalar))
        add_last(scalar, type_of(*work.function, scalar));
}

void Partials::add(const Work& work, const loop::Reduction& reduction) {
  Item item;
  item.op = reduction.op;
  item.type = reduction.target.type;
  item.position = !reduction.positions.empty();
  item.last = reduction.last;
  ok_ = ok_ && functor(item.op) != nullptr && (!item.position || starts_from_first(item.op));
  for (const Item& other : items_) ok_ = ok_ && other.name != reduction.target.text;
  if (reduction.target.kind == Term::Kind::element) {
    item.name = fmt::format("sum{}_{}_", items_.size(), tag_);
    item.element = reduction.target;
    const bool outright = sets_outright(body_, reduction.target);
    item.rarely = is_there(*work.function, reduction.target) && (!outright || work.group.loops.size() > 1);
    ok_ = ok_ && !item.position && (outright || item.rarely);
    ok_ = ok_ && only_as(body_, reduction.target, work.group.reductions);
    for (const std::string& scalar : scalars_of(reduction.target)) ok_ = ok_ && !assigned_scalars(body_).count(scalar);
    ok_ = ok_ && !intersect(arrays_of(reduction.target.terms[0]), written_arrays(work.body));
    body_ = replace_all(std::move(body_), [&](const Term& term) {
      return term == reduction.target ? std::optional(loop::scalar(item.name, item.type)) : std::nullopt;
    });
  } else {
    item.name = word(reduction.target);
  }
  if (is_real(item.type) && starts_from_first(item.op) && !item.position) {
    const Term now = loop::scalar(item.name, item.type), strange = loop::scalar(item.strange(), ScalarType::i32);
    item.watched = takes_no_number(body_, now);
    // Which of two zeros stays is a matter of order.
    auto branches = under_branches(body_, now);
    ok_ = ok_ && branches;
    if (branches) body_ = std::move(*branches);
    item.position = true;
    if (item.watched)
      body_ = with_after(std::move(body_), item.name,
                         {assignment(strange, loop::binary("|", strange, loop::binary("!=", now, now)))});
  }
  if (item.position) {
    // Set under a branch alone: only then does it say when.
    ok_ = ok_ && !sets_outright(body_, reduction.target);
    for (const auto& [name, value] : reduction.positions) item.positions.push_back({name, type_of(*work.function, name)});
    body_ =
        with_after(std::move(body_), item.name,
                   {assignment(loop::scalar(item.name + "_when_", ScalarType::i64), loop::scalar("order_", ScalarType::i64))});
  }
  items_.push_back(std::move(item));
}

void Partials::add_last(const std::string& scalar, ScalarType type) {
  body_ = with_after(std::move(body_), scalar,
                     {assignment(loop::scalar(scalar + "_last_", type), loop::scalar(scalar, type)),
                      assignment(loop::scalar(scalar + "_when_", ScalarType::i64), loop::scalar("order_", ScalarType::i64))});
  Item item;
  item.name = scalar;
  item.type = type;
  item.op = "last";
  items_.push_back(std::move(item));
}

bool Partials::ordered() const {
  return std::any_of(items_.begin(), items_.end(), [](const Item& item) { return item.position || item.op == "last"; });
}

bool Partials::has_elements() const {
  return std::any_of(items_.begin(), items_.end(), [](const Item& item) { return item.element.has_value(); });
}

bool Partials::needs_iterations() const {
  return std::any_of(items_.begin(), items_.end(), [](const Item& item) { return item.element && !item.rarely; });
}

bool Partials::watches() const {
  return std::any_of(items_.begin(), items_.end(), [](const Item& item) { return item.watched; });
}

std::string Partials::strange(const std::string& total) const {
  std::string text;
  for (std::size_t i = 0; i < items_.size(); ++i)
    if (items_[i].watched) text += fmt::format("{}{}.strange{}", text.empty() ? "" : " || ", total, i);
  return text;
}

bool Partials::same_bits() const {
  return std::all_of(items_.begin(), items_.end(),
                     [](const Item& item) { return !is_real(item.type) || starts_from_first(item.op) || item.op == "last"; });
}

std::set<std::string> Partials::carried() const {
  std::set<std::string> names;
  for (const Item& item : items_) {
    names.insert(item.name);
    for (const auto& [position, type] : item.positions) names.insert(position);
  }
  return names;
}

int Partials::words() const {
  int words = 0;
  for (const Item& item : items_) words += 2 + item.watched + static_cast<int>(item.positions.size());
  return words;
}

std::string Partials::identity(const Item& item) const {
  if (item.op == "last" || item.position) return "0";
  return fmt::format("ak::{}<{}>().identity()", functor(item.op), c_name(item.type));
}

std::string Partials::helpers() const {
  std::string fields, joins, identities;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const Item& item = items_[i];
    fields += fmt::format("  {} value{};\n", c_name(item.type), i);
    identities += fmt::format("    none.value{} = {};\n", i, identity(item));
    if (item.watched) {
      fields += fmt::format("  int strange{};\n", i);
      identities += fmt::format("    none.strange{} = 0;\n", i);
      joins += fmt::format("    a.strange{0} |= b.strange{0};\n", i);
    }
    if (item.op != "last" && !item.position) {
      joins +=
          fmt::format("    a.value{0} = ak::{1}<{2}>()(a.value{0}, b.value{0});\n", i, functor(item.op), c_name(item.type));
      continue;
    }
    fields += fmt::format("  long long when{};  // below 0: nothing\n", i);
    identities += fmt::format("    none.when{} = -1;\n", i);
    std::string takes = fmt::format("b.when{0} > a.when{0}", i);
    if (item.position)
      takes = fmt::format(
          "b.when{0} >= 0 && (a.when{0} < 0 || b.value{0} {1} a.value{0} || (b.value{0} == a.value{0} && b.when{0} {2} "
          "a.when{0}))",
          i, item.op == "max" ? ">" : "<", item.last ? ">" : "<");
    joins += fmt::format("    if ({0}) {{\n      a.value{1} = b.value{1};\n      a.when{1} = b.when{1};\n", takes, i);
    for (std::size_t k = 0; k < item.positions.size(); ++k) {
      fields += fmt::format("  {} place{}_{};\n", c_name(item.positions[k].second), i, k);
      identities += fmt::format("    none.place{}_{} = 0;\n", i, k);
      joins += fmt::format("      a.place{0}_{1} = b.place{0}_{1};\n", i, k);
    }
    joins += "    }\n";
  }
  return fmt::format(
      "\nstruct {0} {{\n{2}}};\nstruct Join{1}_ {{\n  __device__ {0} operator()({0} a, {0} b) const {{\n{3}    return a;\n  "
      "}}\n"
      "  __device__ {0} identity() const {{\n    {0} none;\n{4}    return none;\n  }}\n}};\n",
      type(), tag_, fields, joins, identities);
}

std::string Partials::declarations(int indent) const {
  std::string text;
  const auto line = [&](const std::string& words) { text += std::string(indent, ' ') + words + "\n"; };
  for (const Item& item : items_) {
    if (item.element) line(fmt::format("{} {} = {};", c_name(item.type), item.name, loop::c_text(*item.element)));
    if (item.op != "last") line(fmt::format("const {0} {1}_first_ = {1};", c_name(item.type), item.name));
  }
  return text;
}

std::string Partials::start(int indent) const {
  std::string text = declarations(indent);
  const auto line = [&](const std::string& words) { text += std::string(indent, ' ') + words + "\n"; };
  for (const Item& item : items_) {
    if (item.op == "last") line(fmt::format("{0} {1}_last_ = {1};", c_name(item.type), item.name));
    if (item.op == "last" || item.position) line(fmt::format("long long {}_when_ = -1;", item.name));
    if (item.watched) line(fmt::format("int {0} = {1} != {1};", item.strange(), item.name));
    if (item.op != "last" && !starts_from_first(item.op)) line(fmt::format("{} = {};", item.name, identity(item)));
  }
  return text;
}

std::string Partials::value() const {
  std::string text;
  for (const Item& item : items_) {
    text += (text.empty() ? "" : ", ") + item.name + (item.op == "last" ? "_last_" : "");
    if (item.watched) text += ", " + item.strange();
    if (item.op == "last" || item.position) text += ", " + item.name + "_when_";
    for (const auto& [position, type] : item.positions) text += ", " + position;
  }
  return type() + "{" + text + "}";
}

std::string Partials::merge(int indent, const std::string& total) const {
  std::string text;
  const auto line = [&](const std::string& words) { text += std::string(indent, ' ') + words + "\n"; };
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const Item& item = items_[i];
    if (item.op != "last" && !item.position) {
      line(fmt::format("{0} = ak::{1}<{2}>()({0}_first_, {3}.value{4});", item.name, functor(item.op), c_name(item.type), total,
                       i));
      continue;
    }
    line(fmt::format("if ({}.when{} >= 0) {{", total, i));
    line(fmt::format("  {} = {}.value{};", item.name, total, i));
    for (std::size_t k = 0; k < item.positions.size(); ++k)
      line(fmt::format("  {} = {}.place{}_{};", item.positions[k].first, total, i, k));
    line("}");
  }
  return text;
}

std::string Partials::store(int indent) const {
  std::string text;
  for (const Item& item : items_) {
    if (!item.element) continue;
    // Of an extremum the other zero is a change; a sum of nothing may be one without having been made.
    const char* const differs =
        item.position && is_real(item.type) ? "if (ak::bits_of({0}) != ak::bits_of({0}_first_)) " : "if ({0} != {0}_first_) ";
    const std::string changed = item.rarely ? fmt::format(fmt::runtime(differs), item.name) : "";
    text += fmt::format("{:{}}{}{} = {};\n", "", indent, changed, loop::c_text(*item.element), item.name);
  }
  return text;
}

std::string Partials::finish(int indent, const std::string& total) const { return merge(indent, total) + store(indent); }

}  // namespace ak::port
