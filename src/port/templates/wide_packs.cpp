#include "port/templates/wide_packs.hpp"

#include <fmt/format.h>

#include "port/templates/emit.hpp"
#include "port/templates/linear.hpp"

namespace ak::port {

using loop::Node;
using loop::Term;

Packs::Packs(const Work& work, const Sweep& sweep, const std::vector<Node>& body) : sweep_(sweep) {
  if (!work.setting.restricted || sweep.col.step != 1 || !sweep.warm.empty() || has_loop(body) || has_exit(body)) return;
  set_ = assigned_scalars(body);
  collect(body, true);
  const Names written = written_arrays(body);
  std::map<std::string, int> places;
  for (const auto& [text, pack] : packs_) ++places[pack.element.text];
  // Of an array that is written, all accesses must be in the pack, or none.
  std::erase_if(packs_,
                [&](const auto& one) { return written.count(one.second.element.text) && places[one.second.element.text] > 1; });
  keep_side_by_side(*work.function);
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
    Pack& pack = packs_[loop::c_text(term)];
    pack.element = term;
    pack.outright = pack.outright || outright;
    // A write that may not happen leaves what was there.
    pack.read = pack.read || !target || !outright;
    pack.written = pack.written || target;
    if (target && outright && reference_.empty()) reference_ = loop::c_text(term);
  }
  const bool lazy =
      term.kind == Term::Kind::choose || (term.kind == Term::Kind::binary && (term.text == "&&" || term.text == "||"));
  for (std::size_t i = 0; i < term.terms.size(); ++i) look(term.terms[i], outright && !(lazy && i > 0), false);
}

/// Those that move by one element with `col`, are there in every iteration, and can be aligned all at once.
void Packs::keep_side_by_side(const loop::Function& function) {
  std::erase_if(packs_, [&](const auto& one) {
    const Pack& pack = one.second;
    const Term& subscript = pack.element.terms[0];
    bool fixed = !intersect(scalars_of(subscript), set_) && arrays_of(subscript).empty() && pack.outright;
    for (const loop::Local& local : function.locals) fixed = fixed && local.name != pack.element.text;
    // What is aligned decides which thread has which iterations: the same ones in each of these loops, which carry something.
    for (const Node& loop : sweep_.inside) fixed = fixed && !scalars_of(subscript).count(loop.variable);
    return !fixed || factor_of(linear(subscript), sweep_.col.variable) != 1;
  });
  if (packs_.empty()) return;
  const auto reference = packs_.find(reference_);
  const Pack first = reference != packs_.end() ? reference->second : packs_.begin()->second;
  count_ = 16 / size_of(first.element.type);
  std::erase_if(packs_, [&](const auto& one) {
    const auto apart = (linear(one.second.element.terms[0]) - linear(first.element.terms[0])).constant();
    return !apart || *apart % count_ != 0 || size_of(one.second.element.type) != size_of(first.element.type);
  });
  int number = 0;
  for (auto& [text, pack] : packs_) pack.name = fmt::format("pack{}_", number++);
}

std::string Packs::aligned() const {
  std::string text;
  for (const auto& [element, pack] : packs_)
    text += fmt::format("{}ak::aligned16({} + ({}))", text.empty() ? "" : " && ", pack.element.text,
                        loop::c_text(pack.element.terms[0]));
  return text;
}

std::string Packs::loads(int indent, const std::string& variable) const {
  std::string declared, loaded;
  for (const auto& [element, pack] : packs_) {
    declared += fmt::format("{:{}}ak::Pack<{}> {};\n", "", indent, c_name(pack.element.type), pack.name);
    if (pack.read)
      loaded += fmt::format("{:{}}{} = ak::load_pack({} + ({}));\n", "", indent + 2, pack.name, pack.element.text,
                            loop::c_text(pack.element.terms[0]));
  }
  if (loaded.empty()) return declared;
  return declared + fmt::format("{0:{1}}{{\n{0:{1}}  {2}\n{3}{0:{1}}}}\n", "", indent, variable, loaded);
}

std::vector<Node> Packs::lane(const std::vector<Node>& body) const {
  // From the leaves up: what stands in subscripts is none of the packs' own.
  return replace_all(body, [&](const Term& term) -> std::optional<Term> {
    if (term.kind != Term::Kind::element) return std::nullopt;
    const auto pack = packs_.find(loop::c_text(term));
    if (pack == packs_.end()) return std::nullopt;
    return loop::element(pack->second.name + ".at", {loop::scalar("lane_", loop::ScalarType::i32)}, term.type);
  });
}

std::string Packs::stores(int indent, const std::string& variable) const {
  std::string stored;
  for (const auto& [element, pack] : packs_)
    if (pack.written)
      stored += fmt::format("{:{}}ak::store_pack({} + ({}), {});\n", "", indent, pack.element.text,
                            loop::c_text(pack.element.terms[0]), pack.name);
  return stored.empty() ? stored : fmt::format("{:{}}{}\n", "", indent, variable) + stored;
}

}  // namespace ak::port
