#include "port/templates/affine_steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "port/templates/emit.hpp"

namespace ak::port {

using loop::Node;
using loop::ScalarType;
using loop::Term;

namespace {

ScalarType computed_in(const Node& statement) {
  const ScalarType target = statement.target.type;
  const bool wider = is_real(target) && unrounded(statement.value).type == ScalarType::f64;
  return wider ? ScalarType::f64 : target;
}

Term call(const char* function, ScalarType type, Term a, Term b) {
  return {Term::Kind::call, type, fmt::format("ak::{}<{}>", function, loop::c_name(type)), {std::move(a), std::move(b)}};
}

void add_to(std::optional<Term>& sum, Term part) { sum = sum ? loop::binary("+", *sum, part) : part; }

}  // namespace

const Term& unrounded(const Term& term) {
  const bool same_kind = term.kind == Term::Kind::convert && is_real(term.type) == is_real(term.terms[0].type);
  return same_kind ? term.terms[0] : term;
}

Node assigned(int id, const std::string& scalar, ScalarType type, Term value) {
  Node node;
  node.id = id;
  node.target = loop::scalar(scalar, type);
  node.value = value.type == type ? std::move(value) : loop::convert(type, std::move(value));
  return node;
}

AffineSteps::AffineSteps(const std::vector<Node>& body, Carried carried, Unknown found)
    : body_(body), carried_(std::move(carried)), found_(std::move(found)) {
  find_rows();
  bool sum = carried_.values.size() == 1, hold = sum || shifts(body_);
  carried_.type = carried_.target.type;
  for (const Node* statement : statements()) {
    const auto made = form(*statement);
    ok_ = ok_ && made;
    if (!ok_) return;
    const auto there = std::ranges::count_if(made->factors, [](const auto& factor) { return factor.has_value(); });
    sum = sum && there == 1 && std::ranges::all_of(made->factors, [](const auto& one) { return !one || is_one(one); });
    hold = hold && (there == 0 || target(*statement) > 0);
    if (computed_in(*statement) == ScalarType::f64) carried_.type = ScalarType::f64;
  }
  if (hold && carried_.array()) ok_ = false;
  if (hold) carried_.type = carried_.target.type;
  carried_.law = sum ? Carried::Law::sum : hold ? Carried::Law::hold : Carried::Law::affine;
  for (std::size_t i = 0; i < scalars_.size(); ++i) carried_.rows.push_back(row(carried_.values.size() + i));
}

std::optional<Carried> AffineSteps::carried() const { return ok_ ? std::optional(carried_) : std::nullopt; }

/// Of the scalars that the values are made of, those that are made of the values.
void AffineSteps::find_rows() {
  Names wanted;
  for (bool grown = true; grown;) {
    grown = false;
    loop::for_each_node(body_, [&](const Node& node) {
      if (node.kind != Node::Kind::assign || (!target(node) && !wanted.count(node.target.text))) return;
      for (const std::string& name : scalars_of(node.value)) grown = wanted.insert(name).second || grown;
    });
  }
  for (bool grown = true; grown;) {
    grown = false;
    loop::for_each_node(body_, [&](const Node& node) {
      if (node.kind != Node::Kind::assign || node.target.kind != Term::Kind::scalar || takes_part(node)) return;
      bool made = false;
      loop::for_each(node.value, [&](const Term& part) { made = made || unknown(part); });
      if (!made || !wanted.count(node.target.text)) return;
      scalars_.push_back(node.target.text);
      grown = true;
    });
  }
}

/// Whether each scalar takes the value of the one before it, and then the first a new one, all together and once.
bool AffineSteps::shifts(const std::vector<Node>& block) const {
  const std::size_t count = carried_.values.size();
  std::size_t here = 0;
  bool inside = false, in_order = true;
  for (const Node& node : block) {
    inside = inside || shifts(node.body) || shifts(node.otherwise);
    const auto at = target(node);
    if (!at || *at >= count) continue;
    in_order = in_order && *at == count - 1 - here++;
    if (*at > 0) in_order = in_order && node.value == carried_.values[*at - 1];
  }
  return inside || (here == count && in_order && statements().size() == count && !in_inner_loop(block.front().id));
}

std::vector<const Node*> AffineSteps::statements() const {
  std::vector<const Node*> all;
  loop::for_each_node(body_, [&](const Node& node) {
    if (takes_part(node)) all.push_back(&node);
  });
  return all;
}

/// The row that a statement sets, as an unknown.
std::optional<std::size_t> AffineSteps::target(const Node& statement) const {
  if (statement.kind != Node::Kind::assign) return std::nullopt;
  for (std::size_t i = 0; i < carried_.values.size(); ++i)
    if (statement.target.kind == carried_.target.kind && statement.target.text == carried_.values[i].text) return i;
  const auto found = std::ranges::find(scalars_, statement.target.text);
  if (statement.target.kind != Term::Kind::scalar || found == scalars_.end()) return std::nullopt;
  return carried_.values.size() + static_cast<std::size_t>(found - scalars_.begin());
}

bool AffineSteps::takes_part(const Node& statement) const { return target(statement).has_value(); }

std::optional<std::size_t> AffineSteps::unknown(const Term& term) const {
  if (const auto index = found_(term)) return index;
  const auto found = std::ranges::find(scalars_, term.text);
  if (term.kind != Term::Kind::scalar || found == scalars_.end()) return std::nullopt;
  return carried_.values.size() + static_cast<std::size_t>(found - scalars_.begin());
}

std::optional<AffineForm> AffineSteps::form(const Node& statement) const {
  const Unknown of = [&](const Term& term) { return unknown(term); };
  auto made = affine_form(unrounded(statement.value), carried_.values.size() + scalars_.size(), of);
  if (!made) return std::nullopt;
  // A real sum takes up integers, not the other way round.
  const bool real = is_real(carried_.target.type);
  if (is_real(statement.target.type) != real || is_real(unrounded(statement.value).type) != real) return std::nullopt;
  const auto fits = [&](const std::optional<Term>& part) { return !part || real || !is_real(part->type); };
  if (!std::ranges::all_of(made->factors, fits) || !fits(made->rest)) return std::nullopt;
  return made;
}

std::string AffineSteps::row(std::size_t unknown) const {
  if (unknown >= carried_.values.size())
    return fmt::format("{}_{}_row_", carried_.name, scalars_[unknown - carried_.values.size()]);
  return carried_.law == Carried::Law::affine ? fmt::format("{}.row[{}]", carried_.step(), unknown) : carried_.step();
}

/// Whether that value is still what the iteration has found.
bool AffineSteps::as_found(std::size_t unknown, const Node& statement) const {
  if (unknown >= carried_.values.size()) return false;
  if (carried_.array()) return true;
  bool set = in_inner_loop(statement.id);
  loop::for_each_node(body_, [&](const Node& node) { set = set || (node.id < statement.id && target(node) == unknown); });
  return !set;
}

bool AffineSteps::in_inner_loop(int id) const {
  bool found = false;
  loop::for_each_node(body_, [&](const Node& node) {
    if (node.kind == Node::Kind::loop)
      loop::for_each_node(node.body, [&](const Node& inner) { found = found || inner.id == id; });
  });
  return found;
}

std::vector<Node> AffineSteps::step(const Node& statement) const {
  std::vector<Node> out;
  const std::size_t at = *target(statement);
  const AffineForm made = *form(statement);
  const Term rest = made.rest.value_or(loop::integer(0));
  switch (carried_.law) {
    case Carried::Law::hold:
      if (at > 0) return out;  // a copy of the value before
      out.push_back(assigned(statement.id, carried_.step() + ".value[0]", carried_.type, rest));
      out.push_back(assigned(statement.id, carried_.step() + ".set", ScalarType::i32, loop::integer(1)));
      return out;
    case Carried::Law::sum: {
      std::size_t from = 0;
      while (!made.factors[from]) ++from;
      const Term before = loop::scalar(row(from), carried_.type);
      out.push_back(assigned(statement.id, row(at), carried_.type, made.rest ? loop::binary("+", before, rest) : before));
      return out;
    }
    default:
      break;
  }
  set_row(out, statement.id, row(at), made, statement);
  if (carried_.array() && at == 0)
    for (std::size_t i = 1; i < carried_.values.size(); ++i) {  // the older ones move on
      AffineForm older{std::vector<std::optional<Term>>(made.factors.size()), std::nullopt};
      older.factors[i - 1] = loop::integer(1);
      set_row(out, statement.id, row(i), older, statement);
    }
  return out;
}

void AffineSteps::set_row(std::vector<Node>& out, int id, const std::string& row, const AffineForm& form,
                          const Node& statement) const {
  const ScalarType type = carried_.type;
  std::vector<std::optional<Term>> factors(carried_.values.size());
  std::optional<Term> rest = form.rest;
  for (std::size_t i = 0; i < form.factors.size(); ++i) {
    if (!form.factors[i]) continue;
    const bool one = is_one(form.factors[i]);
    const Term factor = remembering(*form.factors[i]);
    if (as_found(i, statement)) {
      add_to(factors[i], factor);
      continue;
    }
    const auto of = [&](const std::string& member) { return loop::scalar(this->row(i) + member, type); };
    for (std::size_t k = 0; k < factors.size(); ++k) {
      const Term its = of(fmt::format(".m[{}]", k));
      const Term part = one ? its : call("product", type, factor, its);
      factors[k] = factors[k] ? call("added", type, *factors[k], part) : part;
    }
    add_to(rest, one ? of(".c") : call("weighted", type, factor, of(".c")));
  }
  out.push_back(assigned(id, row + ".c", type, rest.value_or(loop::integer(0))));
  for (std::size_t k = 0; k < factors.size(); ++k)
    out.push_back(assigned(id, fmt::format("{}.m[{}]", row, k), type, factors[k].value_or(forgets(type))));
}

}  // namespace ak::port
