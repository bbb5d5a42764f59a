// Parallel loops: an iteration a thread; loops that carry something stay within a thread.
#include "port/templates/map.hpp"

#include <fmt/format.h>

#include "port/templates/emit.hpp"
#include "port/templates/wide_access.hpp"

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
  kernel.strides = true;
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
    const Packs at_once = packs.at_once(unroll);
    stage.kernels.push_back(map_kernel(work, *sweep, sweep->body, block, unroll, vector ? &at_once : nullptr));
    stages.push_back(std::move(stage));
  };
  if (packs.any())
    for (const auto& [block, unroll] : {std::pair{256, 1}, {256, 2}, {128, 1}, {256, 4}, {512, 1}, {64, 1}, {128, 4}})
      add(block, unroll, true);
  add(256, 1, false);
  for (const int unroll : {1, 2, 4})
    for (const int block : {128, 256, 512})
      if (block != 256 || unroll != 1) add(block, unroll, false);
  return stages;
}

}  // namespace ak::port
