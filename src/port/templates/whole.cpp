#include "port/templates/whole.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "port/templates/emit.hpp"
#include "port/templates/wide_access.hpp"

namespace ak::port {

using loop::Node;
using loop::ScalarType;
using loop::Term;

std::set<std::string> carried_by(const Work& work) {
  std::set<std::string> names;
  for (const loop::Reduction& reduction : work.group.reductions) {
    names.insert(reduction.target.text);
    for (const auto& [position, value] : reduction.positions) names.insert(position);
  }
  return names;
}

namespace {

Term lesser(const Term& a, const Term& b) { return {Term::Kind::choose, ScalarType::i64, {}, {loop::binary("<", a, b), a, b}}; }

}  // namespace

Stage Whole::one_block(int block, const Packs* packs) const {
  Stage stage = empty();
  stage.knobs = {{"block", block}, {"blocks", 1}, {"vector", packs != nullptr}};
  if (packs && packs->at_once() > 1) stage.knobs["unroll"] = packs->at_once();
  Kernel kernel;
  kernel.threads = block;
  kernel.blocks = loop::integer(1);
  kernel.body = opening(work) + warm_up_opening(work, sweep) + only_if_any(true) + setup + gather(packs) +
                fmt::format("  mine_ = ak::block_reduce(mine_, {}, room_);\n  if (threadIdx.x == 0) {{\n{}{}  }}\n",
                            partials.op(), partials.finish(4, "mine_"), closing(work, 4));
  stage.kernels.push_back(std::move(kernel));
  return stage;
}

Stage Whole::two_launches(int block, int unroll, const Packs* packs) const {
  Stage stage = empty();
  stage.knobs = {{"block", block}, {"unroll", unroll}, {"vector", packs != nullptr}};
  const std::string parts = parts_name(), count = "blocks_" + work.tag + "_";
  const Term blocks = some_blocks(block, unroll, packs);
  stage.scratch.push_back({parts, ScalarType::i64, loop::binary("*", blocks, loop::integer(partials.words())), false});
  stage.scratch.push_back({count, ScalarType::i32, loop::integer(1), false});
  Kernel gathers;
  gathers.threads = block;
  gathers.blocks = blocks;
  gathers.body =
      opening(work) + warm_up_opening(work, sweep) + only_if_any(false) + setup + gather(packs) +
      fmt::format(
          "  mine_ = ak::block_reduce(mine_, {0}, room_);\n  if (threadIdx.x == 0) ak::as<{1}>({2})[blockIdx.x] = mine_;\n"
          "  if (blockIdx.x == 0 && threadIdx.x == 0) {3}[0] = gridDim.x;\n",
          partials.op(), partials.type(), parts, count);
  Kernel joins;
  joins.threads = packs ? 512 : 256;
  joins.blocks = loop::integer(1);
  joins.body = opening(work) + only_if_any(true) + partials.declarations(2) +
               fmt::format(
                   "  __shared__ {0} room_[ak::kRoom];\n  const {0}* parts_ = ak::as<{0}>({2});\n  {0} mine_ = {1}.identity();\n"
                   "  for (int part_ = threadIdx.x; part_ < {3}[0]; part_ += blockDim.x) mine_ = {1}(mine_, parts_[part_]);\n"
                   "  mine_ = ak::block_reduce(mine_, {1}, room_);\n  if (threadIdx.x == 0) {{\n{4}{5}  }}\n",
                   partials.type(), partials.op(), parts, count, result("mine_"), closing(work, 4));
  stage.kernels = {std::move(gathers), std::move(joins)};
  return stage;
}

Stage Whole::last_block(int block, int unroll, const Packs* packs) const {
  Stage stage = empty();
  stage.knobs = {{"block", block}, {"unroll", unroll}, {"vector", packs != nullptr}, {"launches", 1}};
  const std::string parts = parts_name(), ended = "ended_" + work.tag + "_";
  Kernel kernel;
  kernel.threads = block;
  kernel.blocks = some_blocks(block, unroll, packs);
  stage.scratch.push_back({parts, ScalarType::i64, loop::binary("*", kernel.blocks, loop::integer(partials.words())), false});
  stage.scratch.push_back({ended, ScalarType::i32, loop::integer(1), true});
  kernel.body =
      opening(work) + warm_up_opening(work, sweep) + only_if_any(true) + setup + gather(packs) +
      fmt::format(
          "  __shared__ unsigned ticket_room_[ak::kRoom];\n  {0}* partials_ = ak::as<{0}>({2});\n"
          "  mine_ = ak::block_reduce(mine_, {1}, room_);\n  if (threadIdx.x == 0) partials_[blockIdx.x] = mine_;\n"
          "  if (!ak::is_last_block(ak::as<unsigned>({3}), ticket_room_)) return;\n  mine_ = {1}.identity();\n"
          "  for (unsigned part_ = threadIdx.x; part_ < gridDim.x; part_ += blockDim.x) mine_ = {1}(mine_, partials_[part_]);\n"
          "  mine_ = ak::block_reduce(mine_, {1}, room_);\n  if (threadIdx.x == 0) {{\n{4}{5}  }}\n",
          partials.type(), partials.op(), parts, ended, partials.finish(4, "mine_"), closing(work, 4));
  stage.kernels.push_back(std::move(kernel));
  return stage;
}

std::string Whole::parts_name() const { return "parts_" + work.tag + "_"; }

/// Where threads have several packs in flight, as many as surely run at once: a second wave would double the time.
Term Whole::some_blocks(int block, int unroll, const Packs* packs) const {
  const int most = packs ? std::max(1, 1024 / block) : 8;
  return lesser(blocks_for(work, sweep, block * unroll * (packs ? packs->count() : 1)),
                loop::binary("*", loop::scalar(loop::kSms, ScalarType::i32), loop::integer(most)));
}

Stage Whole::empty() const {
  Stage stage;
  stage.template_name = template_name;
  stage.helpers = partials.helpers();
  stage.scratch = kept_scratch(work);
  stage.same_bits = partials.same_bits();
  return stage;
}

/// Where there is no iteration, the elements are not touched.
std::string Whole::only_if_any(bool closes) const {
  if (!partials.needs_iterations()) return {};
  const std::string close = closes ? "    if (threadIdx.x == 0) {\n" + closing(work, 6) + "    }\n" : "";
  return fmt::format("  if ({} <= 0) {{\n{}    return;\n  }}\n", trips_text(sweep.col), close);
}

/// From the kernel's scalars as they come in.
std::string Whole::result(const std::string& total) const {
  if (!partials.watches()) return partials.finish(4, total);
  return fmt::format("    if ({}) {{\n{}    }} else {{\n{}    }}\n", partials.strange(total), statements(work.body, 6),
                     partials.finish(6, total));
}

/// Rises row by row, by more than a row has iterations.
std::string Whole::row_number() const {
  if (sweep.inside.empty()) return sweep.rows.empty() ? "" : "(row_ << 32) + ";
  const Node& row = sweep.inside[0];
  const std::string moved = fmt::format("(long long)({}) - {}", loop::c_text(row.begin), row.variable);
  return fmt::format("(({}) * {} << 32) + ", moved, row.step > 0 ? -1 : 1);
}

std::string Whole::gather(const Packs* packs) const {
  std::string text = partials.start(2) + fmt::format("  __shared__ {} room_[ak::kRoom];\n", partials.type());
  text += sweep_text(
      sweep,
      [&](int indent, bool packed) {
        std::string order;
        if (partials.ordered()) order = fmt::format("{:{}}const long long order_ = {}col_;\n", "", indent, row_number());
        return order + iteration_text(sweep, packed ? packs->lane(partials.body()) : partials.body(), indent);
      },
      limit, packs);
  return text + fmt::format("  {} mine_ = {};\n", partials.type(), partials.value());
}

}  // namespace ak::port
