// Parallel loops: an iteration a thread; loops that carry something stay within a thread.
#include "port/templates/map.hpp"

#include <fmt/format.h>

#include "port/templates/emit.hpp"
#include "port/templates/wide_packs.hpp"

namespace ak::port {

bool keeps_last(const Work& work, const Sweep& sweep) {
  const Names definite = scalar_flow(sweep.body).definite;
  for (const Passed& kept : work.kept)
    if (!definite.count(kept.scalar)) return false;
  return work.kept.empty() || (sweep.single() && sweep.guards.empty());
}

Kernel map_kernel(const Work& work, const Sweep& sweep, const std::vector<loop::Node>& body, int block, int unroll,
                  const Packs* packs) {
  Kernel kernel;
  kernel.threads = block;
  kernel.blocks = blocks_for(work, sweep, block * unroll * (packs ? packs->count() : 1));
  kernel.body = opening(work) + warm_up_opening(work, sweep);
  // Without an iteration, what was there before stays.
  if (!work.kept.empty())
    kernel.body += fmt::format("  if (blockIdx.x == 0 && threadIdx.x == 0 && {} <= 0) {{\n{}  }}\n", trips_text(sweep.col),
                               closing(work, 4));
  const Iteration iteration = [&](int indent, bool packed) {
    std::string text = iteration_text(sweep, packed ? packs->lane(body) : body, indent);
    if (!work.kept.empty())
      text += fmt::format("{0:{1}}if (col_ == cols_ - 1) {{\n{2}{0:{1}}}}\n", "", indent, closing(work, indent + 2));
    return text;
  };
  kernel.body += sweep_text(sweep, iteration, {}, packs);
  return kernel;
}

std::vector<Stage> map_stages(const Work& work) {
  if (!work.after.empty()) return {};
  const auto sweep = sweep_of(work);
  if (!sweep || !keeps_last(work, *sweep)) return {};
  const Packs packs(work, *sweep, sweep->body);
  std::vector<Stage> stages;
  const auto add = [&](int block, int unroll, bool vector) {
    Stage stage;
    stage.template_name = "map";
    stage.knobs = {{"block", block}, {"unroll", unroll}, {"vector", vector}};
    stage.scratch = kept_scratch(work);
    stage.kernels.push_back(map_kernel(work, *sweep, sweep->body, block, unroll, vector ? &packs : nullptr));
    stages.push_back(std::move(stage));
  };
  add(256, 1, false);
  if (packs.any())
    for (const int block : {128, 256, 64}) add(block, 1, true);
  for (const int unroll : {1, 2, 4})
    for (const int block : {128, 256, 512})
      if (block != 256 || unroll != 1) add(block, unroll, false);
  if (packs.any()) add(256, 2, true);
  return stages;
}

}  // namespace ak::port
