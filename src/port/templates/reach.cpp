#include "port/templates/reach.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "port/templates/emit.hpp"
#include "port/templates/linear.hpp"

namespace ak::port {

using loop::Node;
using loop::Term;

namespace {

constexpr std::size_t kMost = 8;  // terms, of which none is always the least

/// Of terms of which the least counts, or the greatest: without those that another one always stands for.
void add(std::vector<Term>& all, const Term& one, bool greatest) {
  for (Term& other : all)
    if (const auto apart = (linear(one) - linear(other)).constant()) {
      if ((*apart > 0) == greatest) other = one;
      return;
    }
  all.push_back(one);
}

// Computed in 64 bits: what lies beyond what is touched may lie beyond 32.
Term wide(const Term& term) {
  if (const auto constant = linear(term).constant()) return loop::integer(*constant, loop::ScalarType::i64);
  return loop::convert(loop::ScalarType::i64, loop::replace(term, [](const Term& part) {
                         const bool narrow = part.kind == Term::Kind::scalar && part.type == loop::ScalarType::i32;
                         return narrow ? std::optional(loop::convert(loop::ScalarType::i64, part)) : std::nullopt;
                       }));
}

class Reaching {
 public:
  Reaching(const std::vector<Node>& nodes, const std::string& array) : array_(array), moving_(assigned_scalars(nodes)) {
    loop::for_each_node(nodes, [&](const Node& node) {
      if (node.kind == Node::Kind::loop) moving_.insert(node.variable);
    });
    visit(nodes);
  }

  bool known() const { return known_ && std::max(first_.size(), last_.size()) <= kMost; }
  const std::vector<Term>& first() const { return first_; }
  const std::vector<Term>& last() const { return last_; }

 private:
  void visit(const std::vector<Node>& nodes) {
    for (const Node& node : nodes) {
      for (const Term& term : terms_read(node)) look_in(term);
      if (node.kind == Node::Kind::assign) look_in(node.target);
      if (node.kind == Node::Kind::loop) loops_.push_back(&node);
      visit(node.body);
      if (node.kind == Node::Kind::loop) loops_.pop_back();
      visit(node.otherwise);
    }
  }

  void look_in(const Term& term) {
    loop::for_each(term, [&](const Term& part) {
      if (part.kind != Term::Kind::element || part.text != array_) return;
      const auto first = extreme(part, false), last = extreme(part, true);
      known_ = known_ && first && last;
      if (known_) add(first_, *first, false), add(last_, *last, true);
    });
  }

  // A sum of multiples of the loops' variables is greatest, and least, where each of them is.
  std::optional<Term> extreme(const Term& element, bool greatest) const {
    if (element.terms.size() != 1) return std::nullopt;
    Term at = element.terms[0];
    for (auto each = loops_.rbegin(); each != loops_.rend(); ++each) {
      const Node& loop = **each;
      const auto factor = factor_of(linear(at), loop.variable);
      if (!factor) return std::nullopt;
      const bool up = loop.step > 0, at_most = (*factor > 0) == greatest;
      const Term behind = loop::binary(up ? "-" : "+", loop.end, loop::integer(1));
      at = loop::replace(at, [&](const Term& part) {
        const bool its = part.kind == Term::Kind::scalar && part.text == loop.variable;
        return its ? std::optional(up == at_most ? behind : loop.begin) : std::nullopt;
      });
    }
    if (!arrays_of(at).empty() || intersect(scalars_of(at), moving_)) return std::nullopt;
    return wide(at);
  }

  const std::string& array_;
  Names moving_;
  std::vector<const Node*> loops_;
  std::vector<Term> first_, last_;
  bool known_ = true;
};

}  // namespace

std::string reach_text(const std::vector<Node>& nodes, const std::string& array, const Term& length, const std::string& name) {
  const Reaching reaching(nodes, array);
  const Term none = loop::integer(0, loop::ScalarType::i64), all = wide(length);
  if (!reaching.known() || reaching.first().empty())
    return fmt::format("  const long long {0}_first_ = 0, {0}_behind_ = {1};\n", name, loop::c_text(all));
  std::string text;
  const auto declare = [&](const std::string& what, const std::vector<Term>& terms, bool greatest, const Term& bound) {
    const auto take = [&](const Term& term, const char* less) {
      text += fmt::format("  if (const long long next_ = {0}; next_ {1} {2}) {2} = next_;\n", loop::c_text(term), less, what);
    };
    const auto over = terms.size() == 1 ? (linear(terms[0]) - linear(bound)).constant() : std::nullopt;
    const bool is_bound = over && (greatest ? *over > 0 : *over < 0);
    text += fmt::format("  long long {} = {};\n", what, loop::c_text(is_bound ? bound : terms[0]));
    for (std::size_t i = 1; i < terms.size(); ++i) take(terms[i], greatest ? ">" : "<");
    if (!over) take(bound, greatest ? "<" : ">");
  };
  std::vector<Term> behind;
  for (const Term& last : reaching.last()) behind.push_back(loop::binary("+", last, loop::integer(1, loop::ScalarType::i64)));
  declare(name + "_first_", reaching.first(), false, none);
  declare(name + "_behind_", behind, true, all);
  return text;
}

}  // namespace ak::port
