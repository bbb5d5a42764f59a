// Chains of two links at most: what the iterations before a point make, those behind it read. Cut there, both parts are parallel.
#include <algorithm>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

namespace {

using loop::Node;
using loop::Term;

std::optional<Term> floor_term(const loop::Function& function, const isl::aff& aff);

std::optional<std::int64_t> whole(isl_val* value, std::int64_t scale) {
  const isl::val scaled = isl::manage(isl_val_mul_ui(value, static_cast<unsigned long>(scale)));
  return number(scaled);
}

/// floor(sum / divisor), for what is not negative.
std::optional<Term> floor_term(const loop::Function& function, const isl::aff& aff) {
  const auto divisor = whole(isl_aff_get_denominator_val(aff.get()), 1);
  const auto base = divisor ? whole(isl_aff_get_constant_val(aff.get()), *divisor) : std::nullopt;
  if (!base) return std::nullopt;
  std::optional<Term> sum;
  const auto add = [&](std::int64_t factor, const Term& part) {
    const Term one = loop::binary("*", part, loop::integer(factor < 0 ? -factor : factor, part.type));
    sum = sum ? loop::binary(factor < 0 ? "-" : "+", *sum, one) : factor < 0 ? loop::unary("-", one) : one;
  };
  for (int i = 0; i < isl_aff_dim(aff.get(), isl_dim_param); ++i) {
    const auto factor = whole(isl_aff_get_coefficient_val(aff.get(), isl_dim_param, i), *divisor);
    if (!factor) return std::nullopt;
    if (*factor == 0) continue;
    const loop::Parameter* parameter = loop::find_parameter(function, isl_aff_get_dim_name(aff.get(), isl_dim_param, i));
    if (!parameter) return std::nullopt;
    add(*factor, loop::scalar(parameter->name, parameter->type));
  }
  for (int i = 0; i < isl_aff_dim(aff.get(), isl_dim_div); ++i) {
    const auto factor = whole(isl_aff_get_coefficient_val(aff.get(), isl_dim_div, i), *divisor);
    if (!factor) return std::nullopt;
    if (*factor == 0) continue;
    const auto inner = floor_term(function, isl::manage(isl_aff_get_div(aff.get(), i)));
    if (!inner) return std::nullopt;
    add(*factor, *inner);
  }
  if (!sum)
    sum = loop::integer(*base);
  else if (*base != 0)
    sum = loop::binary(*base < 0 ? "-" : "+", *sum, loop::integer(*base < 0 ? -*base : *base));
  return *divisor == 1 ? *sum : loop::binary("/", *sum, loop::integer(*divisor));
}

/// The first iteration that reads what an earlier one made, if no iteration behind it makes what a later one reads.
std::optional<Term> threshold(const Model& model, const std::vector<Dependence>& dependences, const Node& loop) {
  isl::map chain;
  for (const Dependence& one : dependences) {
    if (one.kind != Dependence::Kind::flow || one.level != 0 || model.statements[one.from].loops[0]->id != loop.id) continue;
    if (!one.exact || model.is_scalar(one.name) || model.statements[one.from].depth() != 1 || model.statements[one.to].depth() != 1)
      return std::nullopt;
    isl_map* plain = isl_map_reset_tuple_id(isl_map_reset_tuple_id(one.relation.copy(), isl_dim_in), isl_dim_out);
    chain = chain.is_null() ? isl::manage(plain) : chain.unite(isl::manage(plain));
  }
  if (chain.is_null() || !chain.apply_range(chain).is_empty()) return std::nullopt;
  const isl::set sinks = chain.range(), sources = chain.domain();
  if (isl_set_dim_has_lower_bound(sinks.get(), isl_dim_set, 0) != isl_bool_true) return std::nullopt;
  const isl::pw_aff first = isl::manage(isl_pw_aff_coalesce(isl_set_dim_min(sinks.copy(), 0)));
  if (first.n_piece() != 1) return std::nullopt;
  isl_aff* raw = nullptr;
  first.foreach_piece([&](const isl::set&, const isl::multi_aff& piece) { raw = isl_multi_aff_get_aff(piece.get(), 0); });
  const isl::aff only = isl::manage(raw);
  isl_set* behind = isl_set_from_pw_aff(isl_pw_aff_copy(first.get()));
  const isl::map reaches = isl::map(chain.ctx(), "{ [p] -> [t] : t >= p }");
  if (!isl::manage(behind).apply(reaches).intersect(sources).is_empty()) return std::nullopt;
  return floor_term(*model.function, only);
}

void shift(Node& node, int above, int by) {
  if (node.id > above) node.id += by;
  if (node.of > above) node.of += by;
  for (Node& inner : node.body) shift(inner, above, by);
  for (Node& inner : node.otherwise) shift(inner, above, by);
}

Term lesser(const Term& a, const Term& b) { return {Term::Kind::choose, a.type, {}, {loop::binary("<", a, b), a, b}}; }
Term greater(const Term& a, const Term& b) { return {Term::Kind::choose, a.type, {}, {loop::binary("<", a, b), b, a}}; }

}  // namespace

bool cut_at_threshold(const Model& model, const std::vector<Dependence>& dependences, loop::Function& function,
                      std::vector<loop::Note>& notes) {
  for (std::size_t i = 0; i < function.body.size(); ++i) {
    Node& loop = function.body[i];
    if (loop.kind != Node::Kind::loop || loop.step < 1) continue;
    const auto count = threshold(model, dependences, loop);
    if (!count) continue;
    int last = loop.id;
    loop::for_each_node(loop.body, [&](const Node& inner) { last = std::max(last, inner.id); });
    const int by = last - loop.id + 1;
    for (Node& node : function.body) shift(node, last, by);
    for (loop::Note& note : notes)
      for (int* id : {&note.from, &note.to, &note.loop}) *id += *id > last ? by : 0;
    Node second = function.body[i];
    shift(second, second.id - 1, by);
    // Wherever it is cut, both parts together are the loop.
    const Term cut = loop::binary("+", loop.begin, loop::binary("*", *count, loop::integer(loop.step)));
    second.begin = greater(cut, loop.begin);
    loop.end = lesser(cut, loop.end);
    function.body.insert(function.body.begin() + static_cast<std::ptrdiff_t>(i) + 1, std::move(second));
    return true;
  }
  return false;
}

}  // namespace ak::analyser::flow
