#include "port/templates/wide_access.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "port/templates/emit.hpp"
#include "port/templates/linear.hpp"

namespace ak::port {

using loop::Node;
using loop::Term;

namespace {

constexpr std::int64_t kWidest = 24;  // elements that a thread keeps of an array for a pack

int per_access(const Term& element) { return 16 / size_of(element.type); }

}  // namespace

Packs::Packs(const Work& work, const Sweep& sweep, const std::vector<Node>& body) : sweep_(sweep) {
  if (!work.setting.restricted || sweep.col.step != 1 || !sweep.warm.empty() || has_loop(body) || has_exit(body)) return;
  set_ = assigned_scalars(body);
  collect(body, true);
  const Names written = written_arrays(body);
  std::map<std::string, int> places;
  for (const auto& [text, place] : places_) ++places[place.element.text];
  // Of an array that is written, all accesses must be in the pack, or none.
  std::erase_if(places_, [&](const auto& one) {
    const std::string& array = one.second.element.text;
    return (written.count(array) && places[array] > 1) || !moves_side_by_side(*work.function, one.second);
  });
  make_strips();
}

void Packs::collect(const std::vector<Node>& body, bool outright) {
  for (const Node& node : body) {
    if (node.kind == Node::Kind::assign) look(node.target, outright, true);
    const std::vector<Term> read = node.kind == Node::Kind::assign   ? std::vector<Term>{node.value}
                                   : node.kind == Node::Kind::branch ? std::vector<Term>{node.condition}
                                                                     : std::vector<Term>{};
    for (const Term& term : read) look(term, outright, false);
    collect(node.body, false);
    collect(node.otherwise, false);
  }
}

void Packs::look(const Term& term, bool outright, bool target) {
  if (term.kind == Term::Kind::element) {
    Place& place = places_[loop::c_text(term)];
    place.element = term;
    place.outright = place.outright || outright;
    // A write that may not happen leaves what was there.
    place.read = place.read || !target || !outright;
    place.written = place.written || target;
    if (target && outright && reference_.empty()) reference_ = loop::c_text(term);
  }
  const bool lazy =
      term.kind == Term::Kind::choose || (term.kind == Term::Kind::binary && (term.text == "&&" || term.text == "||"));
  for (std::size_t i = 0; i < term.terms.size(); ++i) look(term.terms[i], outright && !(lazy && i > 0), false);
}

/// By one element with `col`, and touched in every iteration.
bool Packs::moves_side_by_side(const loop::Function& function, const Place& place) const {
  const Term& subscript = place.element.terms[0];
  if (!place.outright || intersect(scalars_of(subscript), set_) || !arrays_of(subscript).empty()) return false;
  for (const loop::Local& local : function.locals)
    if (local.name == place.element.text) return false;
  // What is aligned, and how many, decides which thread has which iterations: the same ones in each of these loops, which carry
  // something.
  for (const Node& loop : sweep_.inside)
    for (const Term* term : {&subscript, &sweep_.col.begin, &sweep_.col.end})
      if (loop::mentions(*term, loop.variable)) return false;
  return factor_of(linear(subscript), sweep_.col.variable) == 1;
}

void Packs::make_strips() {
  if (places_.empty()) return;
  const auto reference = places_.find(reference_);
  const Term first = reference != places_.end() ? reference->second.element : places_.begin()->second.element;
  std::vector<Place*> order;
  for (auto& [text, place] : places_) {
    const auto apart = (linear(place.element.terms[0]) - linear(first.terms[0])).constant();
    if (!apart || (place.written && *apart % per_access(place.element) != 0)) continue;
    place.apart = *apart;
    count_ = std::max(count_, per_access(place.element));
    order.push_back(&place);
  }
  std::stable_sort(order.begin(), order.end(), [](const Place* a, const Place* b) {
    return std::tie(a->element.text, a->apart) < std::tie(b->element.text, b->apart);
  });
  std::map<std::string, Place> kept;
  for (std::size_t i = 0; i < order.size();) {
    const Place& begin = *order[i];
    Strip strip{begin.element, begin.apart, begin.apart, begin.apart, begin.read, begin.written, {}, {}, {}};
    const std::size_t from = i;
    for (; i < order.size() && order[i]->element.text == strip.element.text && order[i]->apart <= strip.to &&
           order[i]->apart + count_ - strip.from <= kWidest;
         ++i)
      strip.to = order[i]->apart + count_;
    const int each = per_access(strip.element);
    for (std::int64_t at = strip.from; at < strip.to;) {
      const bool wide = at % each == 0 && at + each <= strip.to;
      (wide ? strip.wide : strip.single).push_back(at);
      at += wide ? each : 1;
    }
    if (strip.wide.empty() && i - from < 2) continue;
    strip.name = fmt::format("pack{}_", strips_.size());
    for (std::size_t k = from; k < i; ++k) {
      order[k]->strip = strips_.size();
      kept.emplace(loop::c_text(order[k]->element), *order[k]);
    }
    strips_.push_back(std::move(strip));
  }
  places_ = std::move(kept);
  if (std::all_of(strips_.begin(), strips_.end(), [](const Strip& strip) { return strip.wide.empty(); })) strips_.clear();
}

Packs Packs::at_once(int packs) const {
  Packs all = *this;
  all.at_once_ = packs;
  return all;
}

Term Packs::element_at(const Strip& strip, std::int64_t at) {
  const std::int64_t by = at - strip.apart;
  return loop::element(strip.element.text,
                       {loop::binary(by < 0 ? "-" : "+", strip.element.terms[0], loop::integer(by < 0 ? -by : by))},
                       strip.element.type);
}

std::string Packs::until_aligned() const {
  for (const Strip& strip : strips_)
    if (!strip.wide.empty()) return fmt::format("ak::until_aligned16(&{})", loop::c_text(element_at(strip, strip.wide[0])));
  return "0";
}

std::string Packs::aligned() const {
  std::string text;
  for (const Strip& strip : strips_)
    if (!strip.wide.empty())
      text += fmt::format("{}ak::aligned16(&{})", text.empty() ? "" : " && ", loop::c_text(element_at(strip, strip.wide[0])));
  return text;
}

std::string Packs::declarations(int indent) const {
  std::string text;
  for (const Strip& strip : strips_)
    text += fmt::format("{:{}}{} {}[{}][{}];\n", "", indent, c_name(strip.element.type), strip.name, at_once_,
                        strip.to - strip.from);
  return text;
}

std::string Packs::loads(int indent) const {
  std::string text;
  for (const Strip& strip : strips_) {
    if (!strip.read) continue;
    for (const std::int64_t at : strip.wide)
      text += fmt::format("{:{}}ak::load16({}[u_], {}, &{});\n", "", indent, strip.name, at - strip.from,
                          loop::c_text(element_at(strip, at)));
    for (const std::int64_t at : strip.single)
      text +=
          fmt::format("{:{}}{}[u_][{}] = {};\n", "", indent, strip.name, at - strip.from, loop::c_text(element_at(strip, at)));
  }
  return text;
}

std::string Packs::stores(int indent) const {
  std::string text;
  for (const Strip& strip : strips_)
    for (const std::int64_t at : strip.wide)
      if (strip.written)
        text += fmt::format("{:{}}ak::store16(&{}, {}[u_], {});\n", "", indent, loop::c_text(element_at(strip, at)),
                            strip.name, at - strip.from);
  return text;
}

std::string Packs::load_each(int indent) const {
  std::string text;
  for (const auto& [element, place] : places_)
    if (strips_[place.strip].read) text += fmt::format("{:{}}{} = {};\n", "", indent, loop::c_text(own(place)), element);
  return text;
}

std::string Packs::store_each(int indent) const {
  std::string text;
  for (const auto& [element, place] : places_)
    if (place.written) text += fmt::format("{:{}}{} = {};\n", "", indent, element, loop::c_text(own(place)));
  return text;
}

Term Packs::own(const Place& place) const {
  const Strip& strip = strips_[place.strip];
  const Term lane = loop::scalar("lane_", loop::ScalarType::i32);
  return loop::element(strip.name + "[u_]", {loop::binary("+", lane, loop::integer(place.apart - strip.from))},
                       place.element.type);
}

std::vector<Node> Packs::lane(const std::vector<Node>& body) const {
  // From the leaves up: what stands in subscripts is none of the packs' own.
  return replace_all(body, [&](const Term& term) -> std::optional<Term> {
    if (term.kind != Term::Kind::element) return std::nullopt;
    const auto place = places_.find(loop::c_text(term));
    return place == places_.end() ? std::nullopt : std::optional(own(place->second));
  });
}

}  // namespace ak::port
