#include "port/one_thread.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "port/candidates.hpp"

namespace ak::port {

namespace {

bool is_parallel(const Tried& tried) { return tried.candidate.template_name != kSerial; }

std::string why_nothing_else(const loop::Verdict& verdict) {
  bool loops = false;
  for (const loop::Group& group : verdict.groups) {
    loops = loops || !group.loops.empty();
    if (!group.cause.empty()) return group.cause;
  }
  return loops ? "no template runs " + text(verdict) : "it has no loop";
}

}  // namespace

std::string why_one_thread(const loop::Verdict& verdict, const std::vector<Tried>& tried, const loop::Candidate& chosen) {
  if (chosen.template_name != kSerial) return {};
  const auto first = std::ranges::find_if(tried, is_parallel);
  if (first == tried.end()) return why_nothing_else(verdict);
  if (std::ranges::any_of(tried, [](const Tried& one) { return is_parallel(one) && one.passed(); }))
    return "it was the fastest";
  return fmt::format("{} failed: {}{}{}", tactic_text(first->candidate), name(first->status), first->why.empty() ? "" : ": ",
                     first->why);
}

}  // namespace ak::port
