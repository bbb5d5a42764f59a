#include "port/templates/reach.hpp"

#include <optional>

#include "port/templates/emit.hpp"
#include "port/templates/linear.hpp"

namespace ak::port {

using loop::Node;
using loop::Term;

namespace {

Term lesser(Term a, Term b, bool greater) {
  if (const auto apart = (linear(a) - linear(b)).constant()) return (*apart < 0) != greater ? a : b;
  Term less = loop::binary(greater ? ">" : "<", a, b);
  return {Term::Kind::choose, loop::ScalarType::i64, {}, {std::move(less), std::move(a), std::move(b)}};
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

  std::optional<Reach> reach() const { return known_ ? reach_ : std::nullopt; }  // not within the array yet

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
      if (!known_) return;
      const Term behind = loop::binary("+", *last, loop::integer(1, loop::ScalarType::i64));
      reach_ = reach_ ? Reach{lesser(reach_->first, *first, false), lesser(reach_->behind, behind, true)} : Reach{*first, behind};
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
  std::optional<Reach> reach_;
  bool known_ = true;
};

}  // namespace

Reach reach_of(const std::vector<Node>& nodes, const std::string& array, const Term& length) {
  const Term none = loop::integer(0, loop::ScalarType::i64), all = wide(length);
  const auto reach = Reaching(nodes, array).reach();
  return reach ? Reach{lesser(reach->first, none, true), lesser(reach->behind, all, false)} : Reach{none, all};
}

}  // namespace ak::port
