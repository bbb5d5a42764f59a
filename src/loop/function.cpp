#include "loop/function.hpp"

#include <fmt/format.h>

namespace ak::loop {

const Parameter* find_parameter(const Function& function, const std::string& name) {
  for (const Parameter& parameter : function.parameters)
    if (parameter.name == name) return &parameter;
  return nullptr;
}

void for_each_node(const std::vector<Node>& body, const std::function<void(const Node&)>& visit) {
  for (const Node& node : body) {
    visit(node);
    for_each_node(node.body, visit);
    for_each_node(node.otherwise, visit);
  }
}

const Node* find_node(const Function& function, int id) {
  const Node* found = nullptr;
  for_each_node(function.body, [&](const Node& node) {
    if (node.id == id) found = &node;
  });
  return found;
}

namespace {

/// What one more of a parameter changes in loops, where parameters are about a thousand and loops' variables above that.
class Probe {
 public:
  Probe(const Function& function, const std::string& name) {
    for (const Parameter& parameter : function.parameters)
      if (!parameter.pointer && !is_real(parameter.type)) less_[parameter.name] = 1000;
    for_each_node(function.body, [&](const Node& node) {
      if (node.kind == Node::Kind::loop) less_[node.variable] = 5000;
    });
    more_ = less_;
    ++more_[name];
    visit(function.body, false);
  }
  bool is_margin() const { return reaches_ || (narrows_ && !widens_); }

 private:
  std::int64_t change(const Term& term) const {
    const auto before = evaluate(term, less_), after = evaluate(term, more_);
    return before && after ? *after - *before : 0;
  }

  void visit(const std::vector<Node>& body, bool narrowed) {
    for (const Node& node : body) {
      bool inside = narrowed;
      if (node.kind == Node::Kind::loop) {
        const bool down = node.step < 0;
        const std::int64_t low = change(down ? node.end : node.begin), high = change(down ? node.begin : node.end);
        reaches_ = reaches_ || low < 0;
        widens_ = widens_ || (high > low && !narrowed);
        narrows_ = narrows_ || high < low;
        inside = inside || high < low;
      }
      visit(node.body, inside);
      visit(node.otherwise, inside);
    }
  }

  Values less_, more_;
  bool reaches_ = false, narrows_ = false;
  bool widens_ = false;  // a loop that is in none that it narrows
};

}  // namespace

std::vector<std::string> margins(const Function& function) {
  std::vector<std::string> names;
  for (const Parameter& parameter : function.parameters)
    if (!parameter.pointer && !is_real(parameter.type) && Probe(function, parameter.name).is_margin())
      names.push_back(parameter.name);
  return names;
}

namespace {

bool is_constant(const std::vector<Term>& extents) {
  for (const Term& extent : extents)
    if (extent.kind != Term::Kind::integer) return false;
  return true;
}

class Flattening {
 public:
  explicit Flattening(Function& function) {
    for (Parameter& parameter : function.parameters) take(parameter.name, parameter.extents);
    for (Local& local : function.locals) take(local.name, local.extents);
    change(function.body);
  }

 private:
  void take(const std::string& name, std::vector<Term>& extents) {
    if (extents.size() < 2) return;
    shapes_[name] = extents;
    Term all = extents[0];
    for (std::size_t i = 1; i < extents.size(); ++i) all = binary("*", std::move(all), wide(extents, extents[i]));
    extents = {std::move(all)};
  }

  // Inner extents that are known keep C's own 32 bits: what they multiply fits, or the C function were wrong too.
  static Term wide(const std::vector<Term>& extents, Term term) {
    return is_constant({extents.begin() + 1, extents.end()}) ? term : convert(ScalarType::i64, std::move(term));
  }

  Term flat(const Term& term) const {
    return replace(term, [this](const Term& part) -> std::optional<Term> {
      if (part.kind != Term::Kind::element) return std::nullopt;
      const auto shape = shapes_.find(part.text);
      if (shape == shapes_.end() || part.terms.size() != shape->second.size()) return std::nullopt;
      Term at = wide(shape->second, part.terms[0]);
      for (std::size_t i = 1; i < part.terms.size(); ++i)
        at = binary("+", binary("*", std::move(at), shape->second[i]), part.terms[i]);
      return element(part.text, {std::move(at)}, part.type);
    });
  }

  void change(std::vector<Node>& body) const {
    for (Node& node : body) {
      for (Term* term : {&node.target, &node.value, &node.condition, &node.begin, &node.end}) *term = flat(*term);
      change(node.body);
      change(node.otherwise);
    }
  }

  std::map<std::string, std::vector<Term>> shapes_;
};

bool leaves_another(const std::vector<Node>& body, int loop) {
  bool found = false;
  for_each_node(body, [&](const Node& node) { found = found || (node.kind == Node::Kind::leave && node.of == loop); });
  return found;
}

class Printer {
 public:
  explicit Printer(const Substitute& substitute) : substitute_(substitute) {}

  void print(const std::vector<Node>& body, int indent, int innermost) {
    for (const Node& node : body) print(node, indent, innermost);
  }
  std::string text;

 private:
  std::string of(const Term& term) const { return c_text(term, substitute_); }

  void line(int indent, const std::string& words) { text += std::string(indent, ' ') + words + "\n"; }

  void print(const Node& node, int indent, int innermost) {
    switch (node.kind) {
      case Node::Kind::assign:
        line(indent, of(node.target) + " = " + of(node.value) + ";");
        break;
      case Node::Kind::branch:
        line(indent, "if (" + of(node.condition) + ") {");
        print(node.body, indent + 2, innermost);
        if (!node.otherwise.empty()) {
          line(indent, "} else {");
          print(node.otherwise, indent + 2, innermost);
        }
        line(indent, "}");
        break;
      case Node::Kind::loop: {
        const std::string step = node.step == 1    ? "++" + node.variable
                                 : node.step == -1 ? "--" + node.variable
                                 : node.step < 0   ? fmt::format("{} -= {}", node.variable, -node.step)
                                                   : fmt::format("{} += {}", node.variable, node.step);
        const bool chooses = node.end.kind == Term::Kind::choose;
        line(indent,
             fmt::format("for ({} {} = {}; {} {} {}{}{}; {}) {{", c_name(node.variable_type), node.variable, of(node.begin),
                         node.variable, node.step < 0 ? ">" : "<", chooses ? "(" : "", of(node.end), chooses ? ")" : "", step));
        print(node.body, indent + 2, node.id);
        line(indent, "}");
        // Out of a loop that is not the innermost: C has goto alone.
        bool inner_leaves = false;
        for_each_node(node.body, [&](const Node& inner) {
          if (inner.kind == Node::Kind::loop) inner_leaves = inner_leaves || leaves_another(inner.body, node.id);
        });
        if (inner_leaves) line(indent, fmt::format("after_{}_:;", node.id));
        break;
      }
      case Node::Kind::leave:
        line(indent, node.of == innermost ? "break;" : fmt::format("goto after_{}_;", node.of));
        break;
      case Node::Kind::finish:
        line(indent, has_value(node) ? "return " + of(node.value) + ";" : "return;");
        break;
    }
  }

  static bool has_value(const Node& node) { return node.value != Term{}; }

  const Substitute& substitute_;
};

}  // namespace

Function flattened(Function function) {
  Flattening{function};
  return function;
}

std::string c_parameters(const Function& function, bool restricted) {
  std::string text;
  const char* star = restricted ? "* __restrict__ " : "* ";
  if (function.returns != ScalarType::none) text = fmt::format("{}{}{}", c_name(function.returns), star, kResult);
  for (const Parameter& parameter : function.parameters)
    text += fmt::format("{}{}{}{}{}", text.empty() ? "" : ", ", parameter.pointer && parameter.constant ? "const " : "",
                        c_name(parameter.type), parameter.pointer ? star : " ", parameter.name);
  return text;
}

std::string c_text(const std::vector<Node>& body, int indent, const Substitute& substitute) {
  Printer printer(substitute);
  printer.print(body, indent, 0);
  return printer.text;
}

}  // namespace ak::loop
