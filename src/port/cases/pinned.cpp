#include "port/cases/pinned.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "port/candidates.hpp"

namespace ak::port {

using loop::Node;
using loop::Term;

namespace {

bool writes(const loop::Function& function, const std::string& name) {
  bool found = false;
  loop::for_each_node(function.body, [&](const Node& node) {
    found = found || (node.kind == Node::Kind::assign && node.target.kind == Term::Kind::scalar && node.target.text == name);
  });
  return found;
}

/// The values, in the places of their names.
void pin_values(loop::Verdict& verdict, const loop::CallClass& call) {
  loop::Values values;
  for (const auto& [name, value] : call.values)
    if (!writes(verdict.function, name)) values[name] = value;
  if (values.empty()) return;
  loop::for_each_term(verdict, [&](Term& term) {
    term = loop::replace(term, [&](const Term& part) -> std::optional<Term> {
      const auto found = part.kind == Term::Kind::scalar ? values.find(part.text) : values.end();
      return found == values.end() ? std::nullopt : std::optional(loop::integer(found->second, part.type));
    });
  });
}

/// Arrays that lie in one: by how many elements each begins behind that.
using Places = std::map<std::string, std::int64_t>;

Term plus(const Term& term, std::int64_t offset) { return offset == 0 ? term : loop::binary("+", term, loop::integer(offset)); }

/// Whether an element of each is one of any other, with an offset in its first subscript.
bool is_one_array(const loop::Function& function, const Places& places) {
  const loop::Parameter* const first = loop::find_parameter(function, places.begin()->first);
  return std::ranges::all_of(places, [&](const auto& place) {
    const loop::Parameter* const one = loop::find_parameter(function, place.first);
    if (!first || !one || !one->pointer || one->type != first->type || !one->length_known) return false;
    if (one->extents.empty() || one->extents.size() != first->extents.size()) return false;
    return one->extents.size() == 1 || (place.second == places.begin()->second &&
                                        std::equal(one->extents.begin() + 1, one->extents.end(), first->extents.begin() + 1));
  });
}

/// By the name of the one that begins first, as long as all of them reach.
void join(loop::Verdict& verdict, const Places& places) {
  const auto [first, least] = *std::ranges::min_element(places, {}, [](const auto& place) { return place.second; });
  const std::int64_t begin = least;
  const auto name = [&, &first = first](std::string& text) {
    if (places.count(text)) text = first;
  };
  loop::for_each_term(verdict, [&](Term& term) {
    term = loop::replace(term, [&, &first = first](const Term& part) -> std::optional<Term> {
      const auto place = part.kind == Term::Kind::element ? places.find(part.text) : places.end();
      if (place == places.end()) return std::nullopt;
      Term element = part;
      element.text = first;
      element.terms[0] = plus(element.terms[0], place->second - begin);
      return element;
    });
  });
  std::vector<Term> lengths;
  bool constant = true;
  loop::Parameter* array = nullptr;
  for (loop::Parameter& one : verdict.function.parameters) {
    const auto place = places.find(one.name);
    if (place == places.end()) continue;
    lengths.push_back(plus(one.extents[0], place->second - begin));
    constant = constant && one.constant;
    if (one.name == first) array = &one;
  }
  array->constant = constant;
  array->extents[0] = lengths[0];
  for (const Term& other : lengths)
    if (other != array->extents[0])
      array->extents[0] = {Term::Kind::choose,
                           loop::ScalarType::i64,
                           {},
                           {loop::binary("<", array->extents[0], other), other, array->extents[0]}};
  for (loop::Group& group : verdict.groups) {
    std::ranges::for_each(group.scattered, name);
    for (loop::Recurrence& one : group.recurrences) name(one.target);
    for (loop::Note& note : group.notes) name(note.name);
  }
  for (loop::Access& access : verdict.accesses) name(access.array);
  for (loop::Dependence& one : verdict.dependences) name(one.name);
}

/// Of those that overlap, by the array whose name the verdict has for all.
std::map<std::string, Places> places_of(const loop::CallClass& call) {
  std::map<std::string, Places> all;
  for (const auto& alias : call.aliases) {
    Places& places = all[alias.base];
    places[alias.base] = 0;
    places[alias.pointer] = alias.offset;
  }
  return all;
}

bool overlaps(const loop::Verdict& verdict, const loop::CallClass& call) {
  return std::ranges::any_of(places_of(call), [&](const auto& one) { return !is_one_array(verdict.function, one.second); });
}

}  // namespace

loop::Verdict pinned(loop::Verdict verdict, const loop::CallClass& call) {
  pin_values(verdict, call);
  for (const auto& [base, places] : places_of(call))
    if (is_one_array(verdict.function, places)) join(verdict, places);
  return verdict;
}

std::vector<loop::Candidate> candidates_in(const loop::Verdict& verdict, const loop::CallClass& call) {
  return port_candidates(pinned(verdict, call), overlaps(verdict, call));
}

std::optional<loop::Candidate> where_assumed(loop::Candidate kernels, const loop::Verdict& verdict,
                                             const loop::CallClass& call) {
  const loop::Verdict known = pinned(verdict, call);
  if (known.assumed.empty()) return kernels;
  loop::Verdict bare;
  bare.function = known.function;
  Setting setting{.restricted = !overlaps(verdict, call), .scratch = kernels.scratch};
  for (std::size_t i = 0; i < setting.scratch.size(); ++i) setting.scratch[i].name = fmt::format("scratch_{}_", i);
  const loop::Candidate serial = candidates(bare, setting).back();
  if (kernels.text.ends_with(serial.text)) return kernels;
  const bool named = std::ranges::any_of(kernels.launches,
                                         [&](const loop::Launch& one) { return one.kernel == serial.launches.front().kernel; });
  if (named || serial.scratch.size() != kernels.scratch.size()) return std::nullopt;
  return where_assumed(std::move(kernels), known.assumed, serial);
}

}  // namespace ak::port
