// Parallel loops: an iteration a thread; loops that carry something stay within a thread.
#include "port/templates/map.hpp"

#include <fmt/format.h>

#include "port/templates/emit.hpp"

namespace ak::port {

bool keeps_last(const Work& work, const Sweep& sweep) {
  const Names definite = scalar_flow(sweep.body).definite;
  for (const Passed& kept : work.kept)
    if (!definite.count(kept.scalar)) return false;
  return work.kept.empty() || (sweep.single() && sweep.guards.empty());
}

Kernel map_kernel(const Work& work, const Sweep& sweep, const std::vector<loop::Node>& body, int block, int unroll) {
  Kernel kernel;
  kernel.threads = block;
  kernel.blocks = blocks_for(work, sweep, block * unroll);
  kernel.body = opening(work) + warm_up_opening(work, sweep);
  // Without an iteration, what was there before stays.
  if (!work.kept.empty())
    kernel.body += fmt::format("  if (blockIdx.x == 0 && threadIdx.x == 0 && {} <= 0) {{\n{}  }}\n", trips_text(sweep.col),
                               closing(work, 4));
  kernel.body += sweep_text(sweep, [&](int indent) {
    std::string text = iteration_text(sweep, body, indent);
    if (!work.kept.empty())
      text += fmt::format("{0:{1}}if (col_ == cols_ - 1) {{\n{2}{0:{1}}}}\n", "", indent, closing(work, indent + 2));
    return text;
  });
  return kernel;
}

std::vector<Stage> map_stages(const Work& work) {
  if (!work.after.empty()) return {};
  const auto sweep = sweep_of(work);
  if (!sweep || !keeps_last(work, *sweep)) return {};
  std::vector<Stage> stages;
  for (const int block : {256, 128, 512})
    for (const int unroll : {1, 2, 4}) {
      Stage stage;
      stage.template_name = "map";
      stage.knobs = {{"block", block}, {"unroll", unroll}};
      stage.scratch = kept_scratch(work);
      stage.kernels.push_back(map_kernel(work, *sweep, sweep->body, block, unroll));
      stages.push_back(std::move(stage));
    }
  return stages;
}

}  // namespace ak::port
