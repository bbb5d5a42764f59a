// Reductions: threads gather, blocks and then one block join. Of a parallel loop's inner reductions: a block, or a warp, for
// each of its iterations.
#include <fmt/format.h>

#include "port/templates/emit.hpp"
#include "port/templates/partials.hpp"
#include "port/templates/sweep.hpp"

namespace ak::port {

using loop::Node;
using loop::Role;
using loop::ScalarType;
using loop::Term;

namespace {

std::set<std::string> carried_by(const Work& work) {
  std::set<std::string> names;
  for (const loop::Reduction& reduction : work.group.reductions) {
    names.insert(reduction.target.text);
    for (const auto& [position, value] : reduction.positions) names.insert(position);
  }
  return names;
}

Term lesser(const Term& a, const Term& b) { return {Term::Kind::choose, ScalarType::i64, {}, {loop::binary("<", a, b), a, b}}; }

/// All iterations into one value.
class Whole {
 public:
  Whole(const Work& work, const Sweep& sweep, const Partials& partials) : work_(work), sweep_(sweep), partials_(partials) {}

  Stage one_block(int block) const {
    Stage stage = empty();
    stage.knobs = {{"block", block}, {"blocks", 1}};
    Kernel kernel;
    kernel.threads = block;
    kernel.blocks = loop::integer(1);
    kernel.body = opening(work_) + warm_up_opening(work_, sweep_) + only_if_any() + gather() +
                  fmt::format("  mine_ = ak::block_reduce(mine_, {}, room_);\n  if (threadIdx.x == 0) {{\n{}{}  }}\n",
                              partials_.op(), partials_.finish(4, "mine_"), closing(work_, 4));
    stage.kernels.push_back(std::move(kernel));
    return stage;
  }

  Stage two_launches(int block, int unroll) const {
    Stage stage = empty();
    stage.knobs = {{"block", block}, {"unroll", unroll}};
    const std::string parts = "parts_" + work_.tag + "_", count = "blocks_" + work_.tag + "_";
    const Term blocks = lesser(blocks_for(work_, sweep_, block * unroll),
                               loop::binary("*", loop::scalar(loop::kSms, ScalarType::i32), loop::integer(8)));
    stage.scratch.push_back({parts, ScalarType::i64, loop::binary("*", blocks, loop::integer(partials_.words())), false});
    stage.scratch.push_back({count, ScalarType::i32, loop::integer(1), false});
    Kernel gathers;
    gathers.threads = block;
    gathers.blocks = blocks;
    gathers.body =
        opening(work_) + warm_up_opening(work_, sweep_) + only_if_any() + gather() +
        fmt::format(
            "  mine_ = ak::block_reduce(mine_, {0}, room_);\n  if (threadIdx.x == 0) (({1}*){2})[blockIdx.x] = mine_;\n"
            "  if (blockIdx.x == 0 && threadIdx.x == 0) {3}[0] = gridDim.x;\n",
            partials_.op(), partials_.type(), parts, count);
    Kernel joins;
    joins.threads = 256;
    joins.blocks = loop::integer(1);
    joins.body =
        opening(work_) + only_if_any() + partials_.declarations(2) +
        fmt::format(
            "  __shared__ {0} room_[ak::kRoom];\n  const {0}* parts_ = (const {0}*){2};\n  {0} mine_ = {1}.identity();\n"
            "  for (int part_ = threadIdx.x; part_ < {3}[0]; part_ += blockDim.x) mine_ = {1}(mine_, parts_[part_]);\n"
            "  mine_ = ak::block_reduce(mine_, {1}, room_);\n  if (threadIdx.x == 0) {{\n{4}{5}  }}\n",
            partials_.type(), partials_.op(), parts, count, partials_.finish(4, "mine_"), closing(work_, 4));
    stage.kernels = {std::move(gathers), std::move(joins)};
    return stage;
  }

 private:
  Stage empty() const {
    Stage stage;
    stage.template_name = "reduce";
    stage.helpers = partials_.helpers();
    stage.scratch = kept_scratch(work_);
    stage.same_bits = partials_.same_bits();
    return stage;
  }

  /// Where there is no iteration, the elements are not touched.
  std::string only_if_any() const {
    if (!partials_.has_elements()) return {};
    return fmt::format("  if ({} <= 0) {{\n    if (blockIdx.x == 0 && threadIdx.x == 0) {{\n{}    }}\n    return;\n  }}\n",
                       trips_text(sweep_.col), closing(work_, 6));
  }

  std::string gather() const {
    std::string text = partials_.start(2) + fmt::format("  __shared__ {} room_[ak::kRoom];\n", partials_.type());
    text += sweep_text(sweep_, [&](int indent) {
      std::string order;
      if (partials_.ordered())
        order = fmt::format("{:{}}const long long order_ = {};\n", "", indent,
                            sweep_.rows.empty() ? "col_" : "(row_ << 32) + col_");
      return order + iteration_text(sweep_, partials_.body(), indent);
    });
    return text + fmt::format("  {} mine_ = {};\n", partials_.type(), partials_.value());
  }

  const Work& work_;
  const Sweep& sweep_;
  const Partials& partials_;
};

/// Whether the loops of a sweep stand as in the text: row by row, the numbers of iterations rise.
bool in_order(const Work& work, const Sweep& sweep) {
  if (!sweep.inside.empty()) return false;
  int last = 0;
  for (const Node& row : sweep.rows) {
    if (row.id < last) return false;
    last = row.id;
  }
  return sweep.col.id > last && !work.body.empty();
}

std::vector<Stage> whole_stages(const Work& work) {
  Share share;
  share.roles = {Role::reduce};
  share.carried = carried_by(work);
  for (const loop::LoopRole& one : work.group.loops)
    if (one.role != Role::reduce) share.roles.clear();
  auto sweep = sweep_of(work, share);
  if (!sweep) return {};
  const Partials partials(work, sweep->body);
  if (!partials.ok() || (partials.ordered() && !in_order(work, *sweep))) return {};
  if (partials.has_elements() && (!sweep->single() || !sweep->guards.empty())) return {};
  const Whole whole(work, *sweep, partials);
  std::vector<Stage> stages{whole.two_launches(256, 4), whole.one_block(1024),       whole.two_launches(256, 1),
                            whole.two_launches(512, 4), whole.two_launches(256, 16), whole.one_block(256)};
  return stages;
}

}  // namespace

std::vector<Stage> reduce_stages(const Work& work) { return whole_stages(work); }

}  // namespace ak::port
