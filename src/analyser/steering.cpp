#include "analyser/steering.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "analyser/analyse.hpp"
#include "analyser/modules/modules.hpp"
#include "analyser/refused.hpp"
#include "loop/winner.hpp"

namespace ak::analyser {

namespace {

/// A value for each, as calls may have them: what bounds a loop or an array is large beside what does not.
loop::Values examples(const loop::Function& function, const std::vector<std::string>& names) {
  constexpr std::int64_t kLarge[] = {1009, 1013, 1019, 1021}, kSmall[] = {3, 5, 7, 11};
  std::set<std::string> sizes;
  const auto take = [&](const loop::Term& term) {
    loop::for_each(term, [&](const loop::Term& part) {
      if (part.kind == loop::Term::Kind::scalar) sizes.insert(part.text);
    });
  };
  for (const loop::Parameter& parameter : function.parameters)
    for (const loop::Term& extent : parameter.extents) take(extent);
  loop::for_each_node(function.body, [&](const loop::Node& node) {
    if (node.kind == loop::Node::Kind::loop) take(node.step < 0 ? node.begin : node.end);
  });
  for (const std::string& margin : loop::margins(function)) sizes.erase(margin);
  loop::Values values;
  for (std::size_t i = 0; i < names.size(); ++i)
    values[names[i]] = (sizes.contains(names[i]) ? kLarge : kSmall)[i % std::size(kLarge)];
  return values;
}

std::vector<std::string> steering(const Unit& unit, const Choice& choice, const Facts& facts, const loop::Verdict& plain,
                                  const Limits& limits) {
  constexpr std::size_t kMost = 4;  // parameters that are tried one by one
  std::vector<std::string> names = loop::steering_parameters(plain.function);
  if (names.empty() || !plain.refused.empty() || left_open(plain) == 0) return {};
  const auto line_with = [&](const loop::Values& values) -> std::optional<std::string> {
    try {
      Front front = read_function(unit, choice, values);
      Facts more = facts;
      more.values = values;
      loop::Verdict verdict = analyse(std::move(front.function), more, front.notes, {}, limits);
      if (verdict.in_order) return std::nullopt;
      name_as_written(verdict, front);
      return text(verdict);
    } catch (const Refused& refused) {
      return std::string(refused.what());
    }
  };
  loop::Values values = examples(plain.function, names);
  const auto best = line_with(values);
  if (!best || best == text(plain)) return {};
  if (names.size() > kMost) return names;
  std::erase_if(names, [&](const std::string& name) {
    loop::Values fewer = values;
    fewer.erase(name);
    const bool needless = line_with(fewer) == best;
    if (needless) values = std::move(fewer);
    return needless;
  });
  return names;
}

}  // namespace

void find_steering(const Unit& unit, const Choice& choice, const Facts& facts, loop::Verdict& plain, const Limits& limits) {
  plain.steering = steering(unit, choice, facts, plain, limits);
  flow::name_what_steers(plain);
}

}  // namespace ak::analyser
