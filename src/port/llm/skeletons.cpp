#include "port/llm/skeletons.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <string_view>
#include <vector>

#include "ak/types.hpp"
#include "base/embedded.hpp"
#include "base/text.hpp"
#include "port/candidates.hpp"
#include "port/llm/answer.hpp"

namespace ak::port {

namespace {

struct Shown {
  std::string_view part, function;  // of a template's name; of src/port/skeletons/
};
// Of several parts the one that takes most to say comes first.
constexpr Shown kShown[] = {
    {"wavefront", "sum_of_corners"}, {"rounds", "spread_by_steps"}, {"scan", "running_stock"},  {"compact", "collect_peaks"},
    {"scatter", "votes_by_party"},   {"exit", "until_empty"},       {"chains", "echo_of_four"}, {"reduce", "total_work"},
    {"reorder", "settle_in_place"},  {"lines", "cool_layers"},      {"map", "tone_map"}};

constexpr std::size_t kMostLike = 2;

bool has_part(std::string_view name, std::string_view part) {
  for (const std::string_view one : split(name, '+'))
    if (one == part) return true;
  return false;
}

// Without what an answer does without, or may not have: what starts launches early, attributes, directives.
std::string plainer(const std::string& text) {
  std::string out;
  for (const std::string_view line : split(text, '\n')) {
    if (line == "  ak::start_next();" || line == "  ak::wait_for_previous();" || line.find("#pragma") != line.npos) continue;
    out.append(line) += '\n';
  }
  constexpr std::string_view kAttribute = "[[maybe_unused]] ";
  for (std::size_t at; (at = out.find(kAttribute)) != out.npos;) out.erase(at, kAttribute.size());
  return out;
}

// Not one that leaves most of the GPU idle.
bool fills_grid(const loop::Candidate& candidate) { return !loop::evaluate(candidate.launches[0].blocks, {}); }

}  // namespace

std::vector<Skeleton> skeletons_for(const std::string& template_name, const loop::Function& function, const Tools& tools,
                                    Deadline deadline) {
  std::vector<const Shown*> order;
  for (const Shown& one : kShown)
    if (has_part(template_name, one.part)) order.push_back(&one);
  if (order.size() > kMostLike) order.resize(kMostLike);
  for (const Shown* other : {&kShown[std::size(kShown) - 1], &kShown[std::size(kShown) - 2]})
    if (order.empty() || order.back() != other) order.push_back(other);
  std::vector<Skeleton> all;
  for (const Shown* one : order) {
    if (!all.empty() && one == order.back()) break;  // there only for who is the map himself
    Skeleton skeleton;
    LoopSource source;
    source.function = one->function, source.file = source.function + ".c";
    source.text = skeleton.text = embedded_text(source.file);
    skeleton.verdict = analyse(source, {}, tools, deadline);
    if (loop::canonical_digest(skeleton.verdict.function) == loop::canonical_digest(function)) continue;
    skeleton.text.erase(0, skeleton.text.find('\n') + 1);  // the verdict
    std::vector<loop::Candidate> made = port_candidates(skeleton.verdict, false);
    std::erase_if(made, [&](const loop::Candidate& candidate) { return !has_part(candidate.template_name, one->part); });
    if (std::ranges::any_of(made, fills_grid)) std::erase_if(made, std::not_fn(fills_grid));  // four chains are no grid
    if (made.empty()) throw Error(ErrorCode::internal, source.function + " has no template");
    skeleton.candidate =
        *std::ranges::min_element(made, {}, [](const loop::Candidate& one) { return answer_text(one, {}).size(); });
    skeleton.candidate.text = plainer(skeleton.candidate.text);
    for (loop::Launch& launch : skeleton.candidate.launches) launch.dependent = false;
    all.push_back(std::move(skeleton));
  }
  return all;
}

}  // namespace ak::port
