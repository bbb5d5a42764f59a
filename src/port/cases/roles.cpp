#include "port/cases/roles.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

namespace ak::port {

using loop::Function;
using loop::Node;
using loop::Parameter;
using loop::Term;
using loop::Values;
using Kind = loop::Term::Kind;

namespace {

template <class Visit>
void for_each_term(const Function& function, const Visit& visit) {
  loop::for_each_node(function.body, [&](const Node& node) {
    for (const Term* term : {&node.target, &node.value, &node.condition, &node.begin, &node.end}) loop::for_each(*term, visit);
  });
}

class Analysis {
 public:
  explicit Analysis(const Function& function) : function_(function), margins_(loop::margins(function)) {
    loop::for_each_node(function.body, [&](const Node& node) {
      if (node.kind == Node::Kind::assign && node.target.kind == Kind::scalar) values_[node.target.text].push_back(&node.value);
      if (node.kind == Node::Kind::loop) loops_.insert(node.variable);
    });
    sizes();
    indices(function.body);
    thresholds();
    strange();
    extrema();
    for (const Node& node : function.body) products(node);
  }

  Roles roles;

 private:
  bool is_integer_array(const std::string& name) const {
    const Parameter* parameter = loop::find_parameter(function_, name);
    return parameter && parameter->pointer && !is_real(parameter->type);
  }

  /// With scalars that have one value alone replaced by it: `k = ip[i]; a[k]` is a[ip[i]].
  Term resolved(const Term& term, int depth = 3) const {
    if (depth == 0) return term;
    return loop::replace(term, [&](const Term& part) -> std::optional<Term> {
      if (part.kind != Kind::scalar) return std::nullopt;
      const auto found = values_.find(part.text);
      if (found == values_.end() || found->second.size() != 1 || loop::mentions(*found->second[0], part.text))
        return std::nullopt;
      return resolved(*found->second[0], depth - 1);
    });
  }

  /// Products gone, but for those of one scalar and a constant: who is a factor alone is a stride, unless a loop ends with it.
  static Term without_factors(const Term& term) {
    return loop::replace(term, [](const Term& part) -> std::optional<Term> {
      if (part.kind != Kind::binary || part.text != "*") return std::nullopt;
      for (const Term& factor : part.terms)
        if (factor.kind == Kind::integer && factor.text != "0") return std::nullopt;
      return loop::integer(0);
    });
  }

  /// Both sides of choices in their places.
  static Term without_conditions(const Term& term) {
    return loop::replace(term, [](const Term& part) {
      return part.kind == Kind::choose ? std::optional(loop::binary("+", part.terms[1], part.terms[2])) : std::nullopt;
    });
  }

  void sizes() {
    std::set<std::string> in_sizes;
    const auto take = [&](const Term& term) {
      loop::for_each(resolved(term), [&](const Term& part) {
        if (part.kind == Kind::scalar) in_sizes.insert(part.text);
      });
    };
    const auto depth_of = [&](const Term& term) {  // of an extent: its sizes
      int found = 0;
      loop::for_each(term, [&](const Term& part) { found += part.kind == Kind::scalar; });
      return found;
    };
    for (const Parameter& parameter : function_.parameters) {
      int multiplied = 0;
      for (const Term& extent : parameter.extents) {
        take(without_factors(without_conditions(resolved(extent))));
        multiplied += depth_of(extent) > 0;
        if (extent.kind == Kind::integer && extent.text != "0") {
          std::int64_t value = 0;
          std::from_chars(extent.text.data(), extent.text.data() + extent.text.size(), value);
          roles.lengths.push_back(value);
        }
      }
      roles.depth = std::max(roles.depth, multiplied);
    }
    loops(function_.body, 0, take);
    for (const Parameter& parameter : function_.parameters)
      if (!parameter.pointer && !is_real(parameter.type))
        (in_sizes.count(parameter.name) ? roles.sizes : roles.integers).push_back(parameter.name);
    for (const std::string& size : roles.sizes)
      if (is_margin(size)) roles.margins.push_back(size);
  }

  bool is_margin(const std::string& name) const { return std::find(margins_.begin(), margins_.end(), name) != margins_.end(); }

  template <class Take>
  void loops(const std::vector<Node>& body, int around, const Take& take) {
    for (const Node& node : body) {
      const bool loop = node.kind == Node::Kind::loop;
      bool sized = false;
      if (loop) {
        const Term end = resolved(node.step < 0 ? node.begin : node.end);  // where it starts may be a small number
        take(end);
        if (node.step > 0) roles.begin = std::max(roles.begin, loop::evaluate(node.begin, {}).value_or(0));
        loop::for_each(end, [&](const Term& part) {
          sized = sized || (part.kind == Kind::scalar && !is_margin(part.text)) || part.kind == Kind::element;
        });
        roles.depth = std::max(roles.depth, around + sized);
      }
      if (node.kind == Node::Kind::leave || node.kind == Node::Kind::finish) roles.exits = roles.exits || around > 0;
      loops(node.body, around + sized, take);
      loops(node.otherwise, around, take);
    }
  }

  /// Products of what an earlier iteration has left: a scalar that its iteration has not set yet, an element that another
  /// iteration sets.
  void products(const Node& root) {
    if (root.kind != Node::Kind::loop) {
      for (const std::vector<Node>* body : {&root.body, &root.otherwise})
        for (const Node& node : *body) products(node);
      return;
    }
    std::set<std::string> written, set;
    std::vector<Term> elements;
    const auto assigned = [](const Node& node) { return node.kind == Node::Kind::assign && is_real(node.target.type); };
    loop::for_each_node(root.body, [&](const Node& node) {
      if (!assigned(node)) return;
      written.insert(node.target.text);
      if (node.target.kind == Kind::element) elements.push_back(node.target);
    });
    const auto carried = [&](const Term& term) {
      bool found = false;
      loop::for_each(term, [&](const Term& part) {
        if (!written.contains(part.text)) return;
        found = found || (part.kind == Kind::scalar && !set.contains(part.text)) ||
                (part.kind == Kind::element && std::ranges::find(elements, part) == elements.end());
      });
      return found;
    };
    loop::for_each_node(root.body, [&](const Node& node) {
      if (!assigned(node)) return;
      loop::for_each(node.value, [&](const Term& part) {
        if (part.kind != Kind::binary || part.text != "*" || !is_real(part.type)) return;
        for (const int side : {0, 1})
          if (carried(part.terms[side]) && !carried(part.terms[1 - side])) factors_of(part.terms[1 - side]);
      });
      if (node.target.kind == Kind::scalar) set.insert(node.target.text);
    });
  }

  void factors_of(const Term& term) {
    roles.carries_products = true;
    loop::for_each(resolved(term), [&](const Term& part) {
      const bool one = is_real(part.type) && (part.kind == Kind::scalar || part.kind == Kind::element);
      if (one && std::ranges::find(roles.factors, part.text) == roles.factors.end()) roles.factors.push_back(part.text);
    });
  }

  IndexArray& index_array(const std::string& name) {
    for (IndexArray& array : roles.indices)
      if (array.name == name) return array;
    return roles.indices.emplace_back(IndexArray{name, {}, false});
  }

  /// Outermost elements of integer arrays in `term`, which become kIndex.
  std::set<std::string> take_out(Term& term) const {
    if (term.kind == Kind::element && is_integer_array(term.text)) {
      const std::string name = term.text;
      term = loop::scalar(IndexArray::kIndex, loop::ScalarType::i64);
      return {name};
    }
    std::set<std::string> names;
    for (Term& part : term.terms) names.merge(take_out(part));
    return names;
  }

  /// A subscript's scalar that has several values, some of them from an array of integers: each of these. `k = next[k]; a[k]`.
  void chained(const Term& subscript, const Term& extent) {
    loop::for_each(subscript, [&](const Term& part) {
      const auto found = part.kind == Kind::scalar ? values_.find(part.text) : values_.end();
      if (found == values_.end()) return;
      for (const Term* value : found->second) {
        if (value->kind != Kind::element || !is_integer_array(value->text)) continue;
        use(loop::replace(subscript,
                          [&](const Term& each) {
                            return each.kind == Kind::scalar && each.text == part.text ? std::optional(*value) : std::nullopt;
                          }),
            extent, false);
      }
    });
  }

  void use(const Term& subscript, const Term& extent, bool ascending) {
    Term at = subscript;
    for (const std::string& name : take_out(at)) {
      IndexArray& array = index_array(name);
      array.uses.push_back({at, extent});
      array.ascending = array.ascending || ascending;
    }
  }

  void accesses(const std::vector<Node>& body,
                const std::function<void(const Term& subscript, const Term& extent)>& visit) const {
    loop::for_each_node(body, [&](const Node& node) {
      for (const Term* term : {&node.target, &node.value, &node.condition, &node.begin, &node.end})
        loop::for_each(resolved(*term), [&](const Term& part) {
          if (part.kind != Kind::element) return;
          const Parameter* array = loop::find_parameter(function_, part.text);
          if (!array || array->extents.size() != part.terms.size()) return;
          for (std::size_t k = 0; k < part.terms.size(); ++k) visit(part.terms[k], array->extents[k]);
        });
    });
  }

  void indices(const std::vector<Node>& body) {
    accesses(body, [&](const Term& subscript, const Term& extent) {
      use(subscript, extent, false);
      chained(subscript, extent);
    });
    loop::for_each_node(body, [&](const Node& node) {
      if (node.kind != Node::Kind::loop) return;
      Term begin = resolved(node.begin), end = resolved(node.end);
      std::set<std::string> names = take_out(begin);
      names.merge(take_out(end));
      for (const std::string& name : names) index_array(name).ascending = true;
      if (names.empty()) return;
      // The largest is an end: what it bounds stays one below.
      const Term last = loop::binary("-", loop::scalar(IndexArray::kIndex, loop::ScalarType::i64), loop::integer(1));
      accesses(node.body, [&](const Term& subscript, const Term& extent) {
        if (!loop::mentions(subscript, node.variable)) return;
        const Term at = loop::replace(subscript, [&](const Term& part) -> std::optional<Term> {
          return part.kind == Kind::scalar && part.text == node.variable ? std::optional(last) : std::nullopt;
        });
        for (const std::string& name : names) index_array(name).uses.push_back({at, extent});
      });
    });
  }

  void thresholds() {
    std::set<double> found{0};
    const auto take = [&](const Term& condition) {
      loop::for_each(condition, [&](const Term& part) {
        if (part.kind != Kind::integer && part.kind != Kind::real) return;
        double value = 0;
        std::from_chars(part.text.data(), part.text.data() + part.text.size(), value);
        found.insert(value), found.insert(-value);
      });
    };
    loop::for_each_node(function_.body, [&](const Node& node) {
      if (node.kind == Node::Kind::branch) take(resolved(node.condition));
    });
    for_each_term(function_, [&](const Term& term) {
      if (term.kind == Kind::choose) take(resolved(term.terms[0]));
    });
    roles.thresholds.assign(found.begin(), found.end());
  }

  void strange() {
    for (const Parameter& parameter : function_.parameters)
      roles.strange = roles.strange || (parameter.pointer && is_real(parameter.type) && !function_.body.empty());
    for_each_term(function_, [&](const Term& term) {
      if (term.kind == Kind::convert && !is_real(term.type) && is_real(term.terms[0].type)) roles.strange = false;
    });
  }

  void extrema() {
    std::set<std::string> written;
    loop::for_each_node(function_.body, [&](const Node& node) {
      if (node.kind == Node::Kind::assign && node.target.kind == Kind::element) written.insert(node.target.text);
    });
    const auto varies = [](const Term& term) { return is_real(term.type) && term.kind != Kind::real; };
    for_each_term(function_, [&](const Term& term) {
      const bool compares = term.kind == Kind::binary && (term.text[0] == '<' || term.text[0] == '>');
      const bool library = term.kind == Kind::call && (term.text.starts_with("fmin") || term.text.starts_with("fmax"));
      if (!(compares || library) || !varies(term.terms[0]) || !varies(term.terms[1])) return;
      roles.extrema = true;
      for (const Term& side : term.terms)
        if (side.kind == Kind::element && written.contains(side.text) &&
            std::ranges::find(roles.kept, side.text) == roles.kept.end())
          roles.kept.push_back(side.text);
    });
  }

  const Function& function_;
  const std::vector<std::string> margins_;
  std::map<std::string, std::vector<const Term*>> values_;
  std::set<std::string> loops_;
};

/// The loops' variables at their first or their last values.
void add_variables(const std::vector<Node>& body, bool last, Values& values) {
  loop::for_each_node(body, [&](const Node& node) {
    if (node.kind != Node::Kind::loop) return;
    const auto begin = loop::evaluate(node.begin, values), end = loop::evaluate(node.end, values);
    const auto at = !last ? begin : end ? std::optional(*end + (node.step < 0 ? 1 : -1)) : begin;
    values[node.variable] = at.value_or(0);
  });
}

bool is_variable(const Function& function, const std::string& name) {
  bool found = false;
  loop::for_each_node(function.body,
                      [&](const Node& node) { found = found || (node.kind == Node::Kind::loop && node.variable == name); });
  return found;
}

std::int64_t width_of(const std::string& stride, const Function& function, const Values& integers) {
  Values ends[2] = {integers, integers};
  for (Values& values : ends) values[stride] = 0;
  add_variables(function.body, false, ends[0]);
  add_variables(function.body, true, ends[1]);
  std::int64_t widest = 1;
  for_each_term(function, [&](const Term& term) {
    if (term.kind != Kind::element || !loop::mentions(term, stride)) return;
    for (const Term& subscript : term.terms) {
      // How far one more of each loop's variable leads with stride and without; each end with the others at their first.
      std::int64_t apart = 0, span = 1;
      for (const auto& [name, first] : ends[0]) {
        const auto at = [&](std::int64_t value, std::int64_t step) {
          Values values = ends[0];
          values[name] = value, values[stride] = step;
          return loop::evaluate(subscript, values).value_or(0);
        };
        if (!is_variable(function, name)) continue;
        const std::int64_t rows = std::abs(at(first + 1, 1) - at(first, 1) - (at(first + 1, 0) - at(first, 0)));
        if (rows == 0) span += std::abs(at(ends[1].at(name), 0) - at(first, 0));
        if (rows && (!apart || rows < apart)) apart = rows;
      }
      if (apart) widest = std::max(widest, (span + apart - 1) / apart);
    }
  });
  return widest;
}

double iterations(const std::vector<Node>& body, Values values) {
  double all = 0;
  for (const Node& node : body) {
    if (node.kind == Node::Kind::loop) {
      const auto begin = loop::evaluate(node.begin, values), end = loop::evaluate(node.end, values);
      double trips = 4;
      if (begin && end && node.step != 0) {
        trips = std::max<double>(0, static_cast<double>((*end - *begin) / node.step));
        values[node.variable] = *begin + (*end - *begin) / 2;
      }
      all += trips * std::max(1.0, iterations(node.body, values));
    } else {
      all += iterations(node.body, values) + iterations(node.otherwise, values);
    }
  }
  return all;
}

}  // namespace

Roles roles_of(const Function& function) { return Analysis(function).roles; }

Range range_of(const IndexArray& array, const Function& function, const Values& integers) {
  Values ends[2] = {integers, integers};
  add_variables(function.body, false, ends[0]);
  add_variables(function.body, true, ends[1]);
  std::int64_t beyond = 0;
  for (const IndexArray::Use& use : array.uses)
    beyond = std::max(beyond, loop::evaluate(use.extent, integers).value_or(0) + 64);
  const auto fits = [&](std::int64_t value) {
    for (const IndexArray::Use& use : array.uses) {
      const auto extent = loop::evaluate(use.extent, integers);
      for (Values& values : ends) {
        values[IndexArray::kIndex] = value;
        const auto at = loop::evaluate(use.at, values);
        const bool empty = array.ascending && value == 0;  // ends where it begins: nothing is accessed
        if (extent && at && !empty && (*at < 0 || *at >= *extent)) return false;
      }
    }
    return true;
  };
  // What fits is an interval, for subscripts that are affine in the index.
  Range range;
  while (range.low < 64 && !fits(range.low)) ++range.low;
  if (!fits(range.low)) return {};
  while (!array.ascending && range.low <= 0 && range.low > -64 && fits(range.low - 1)) --range.low;  // a[k & 7]
  std::int64_t bad = std::max(beyond, range.low + 1);
  range.high = range.low;
  while (range.high + 1 < bad) {
    const std::int64_t middle = range.high + (bad - range.high) / 2;
    (fits(middle) ? range.high : bad) = middle;
  }
  return range;
}

Values widths_of(const Function& function, const Roles& roles, const Values& integers) {
  constexpr int kMostNested = 3;  // strides of each other's widths
  Values all = integers;
  std::vector<std::string> strides;
  for (const std::string& name : roles.integers)
    if (all.emplace(name, 1).second) strides.push_back(name);
  for (int pass = 0; pass < kMostNested; ++pass)
    for (const std::string& name : strides) all[name] = width_of(name, function, all);
  std::erase_if(all, [&](const auto& one) { return integers.contains(one.first); });
  return all;
}

double iterations(const Function& function, const Values& integers) { return iterations(function.body, integers); }

double elements(const Function& function, const Values& integers) {
  double all = 0;
  for (const Parameter& parameter : function.parameters) {
    double one = parameter.pointer;
    for (const Term& extent : parameter.extents) one *= static_cast<double>(loop::evaluate(extent, integers).value_or(1));
    all += std::max(0.0, one);
  }
  return all;
}

}  // namespace ak::port
