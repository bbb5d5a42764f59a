// Parallel loops: an iteration a thread; loops that carry something stay within a thread.
#include <fmt/format.h>

#include "port/templates/emit.hpp"
#include "port/templates/sweep.hpp"

namespace ak::port {

namespace {

/// The scalars whose values outlive the loop: of the last iteration, which sets all of them, or from before if there is none.
std::string keep_last(const Work& work, int indent) {
  return fmt::format("{0:{1}}if (col_ == cols_ - 1) {{\n{2}{0:{1}}}}\n", "", indent, closing(work, indent + 2));
}

bool last_is_enough(const Work& work, const Sweep& sweep) {
  const Names definite = scalar_flow(sweep.body).definite;
  for (const Passed& kept : work.kept)
    if (!definite.count(kept.scalar)) return false;
  return work.kept.empty() || (sweep.single() && sweep.guards.empty());
}

}  // namespace

std::vector<Stage> map_stages(const Work& work) {
  if (!work.after.empty()) return {};
  const auto sweep = sweep_of(work);
  if (!sweep || !last_is_enough(work, *sweep)) return {};
  std::vector<Stage> stages;
  for (const int block : {256, 128, 512})
    for (const int unroll : {1, 2, 4}) {
      Stage stage;
      stage.template_name = "map";
      stage.knobs = {{"block", block}, {"unroll", unroll}};
      stage.scratch = kept_scratch(work);
      Kernel kernel;
      kernel.threads = block;
      kernel.blocks = blocks_for(work, *sweep, block * unroll);
      kernel.body = opening(work) + warm_up_opening(work, *sweep);
      if (!work.kept.empty())
        kernel.body += fmt::format("  if (blockIdx.x == 0 && threadIdx.x == 0 && {} <= 0) {{\n{}  }}\n", trips_text(sweep->col),
                                   closing(work, 4));
      kernel.body += sweep_text(*sweep, [&](int indent) {
        std::string text = iteration_text(*sweep, sweep->body, indent);
        if (!work.kept.empty()) text += keep_last(work, indent);
        return text;
      });
      stage.kernels.push_back(std::move(kernel));
      stages.push_back(std::move(stage));
    }
  return stages;
}

}  // namespace ak::port
