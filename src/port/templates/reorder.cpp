// Parallel loops whose iterations overwrite what others read, or each other's writes. What must be seen as it was is copied
// before (the whole array, or only what lies at the edges of blocks' tiles); a write stays where none comes later.
#include <fmt/format.h>

#include <algorithm>

#include "port/templates/emit.hpp"
#include "port/templates/hazards.hpp"
#include "port/templates/map.hpp"
#include "port/templates/sharing.hpp"

namespace ak::port {

using loop::Node;
using loop::ScalarType;
using loop::Term;

namespace {

std::string declarations(const Hazards& hazards) {
  std::string text;
  for (const loop::Local& local : hazards.locals()) text += fmt::format("  {} {};\n", c_name(local.type), local.name);
  return text;
}

/// Old values from a copy of the array.
std::optional<Stage> with_copies(const Work& work, const Sweep& sweep, const Hazards& hazards, int block, int unroll) {
  Stage stage;
  stage.template_name = "reorder";
  stage.knobs = {{"block", block}, {"unroll", unroll}};
  stage.scratch = kept_scratch(work);
  const auto name = [&](const std::string& array) { return "old_" + array + "_" + work.tag + "_"; };
  std::map<std::string, Term> lengths;
  for (const OldRead& read : hazards.old_reads()) {
    const auto length = length_of(work, read.element.text);
    if (!length) return std::nullopt;
    if (lengths.emplace(read.element.text, *length).second)
      stage.scratch.push_back({name(read.element.text), read.element.type, *length, false});
  }
  Kernel copies;
  copies.threads = 256;
  copies.blocks = loop::integer(1);
  copies.strides = true;
  for (const auto& [array, length] : lengths) {
    copies.body += fmt::format("  for (long long at_ = ak::thread(); at_ < ({}); at_ += ak::threads()) {}[at_] = {}[at_];\n",
                               loop::c_text(length), name(array), array);
    const Term blocks = loop::binary("/", loop::binary("+", length, loop::integer(1023)), loop::integer(1024));
    copies.blocks = loop::binary("+", copies.blocks, blocks);
  }
  if (!lengths.empty()) stage.kernels.push_back(std::move(copies));
  const std::vector<Node> body = hazards.body(
      [&](std::size_t, const Term& element) { return loop::element(name(element.text), element.terms, element.type); });
  Kernel kernel = map_kernel(work, sweep, body, block, unroll);
  kernel.body = declarations(hazards) + kernel.body;
  stage.kernels.push_back(std::move(kernel));
  return stage;
}

/// A block reads all that its tile needs before it writes anything; what the next tile overwrites, a launch before has saved.
class Tiles {
 public:
  Tiles(const Work& work, const Sweep& sweep, const Hazards& hazards) : work_(work), sweep_(sweep), hazards_(hazards) {
    for (const OldRead& read : hazards.old_reads()) {
      reach_ = std::max(reach_, read.reach);
      fits_ = fits_ && read.reach > 0 && read.reach <= 32 && read.outright;
    }
    fits_ = fits_ && reach_ > 0 && hazards.old_reads().size() <= 6 && sweep.single() && sweep.guards.empty() &&
            work.kept.empty() && sweep.warm.empty() && blocks_for(work, sweep, 1) != guess();
  }
  bool fit() const { return fits_; }

  Stage stage(int block, int each) const {
    const int tile = block * each;
    Stage stage;
    stage.template_name = "reorder";
    stage.knobs = {{"block", block}, {"unroll", each}, {"halo", 1}};
    const Term tiles = blocks_for(work_, sweep_, tile);
    for (std::size_t i = 0; i < hazards_.old_reads().size(); ++i)
      stage.scratch.push_back(
          {edge(i), hazards_.old_reads()[i].element.type, loop::binary("*", tiles, loop::integer(reach_)), false});
    stage.kernels = {edges(tiles, tile), main(tiles, block, each)};
    return stage;
  }

 private:
  static Term guess() { return loop::binary("*", loop::scalar(loop::kSms, ScalarType::i32), loop::integer(8)); }
  std::string edge(std::size_t read) const { return fmt::format("edge{}_{}_", read, work_.tag); }
  std::string head(int tile) const {
    return opening(work_) +
           fmt::format("  const long long cols_ = {}, tiles_ = (cols_ + {}) / {};\n", trips_text(sweep_.col), tile - 1, tile);
  }

  /// Old reads of the last iterations of every tile but the last.
  Kernel edges(const Term& tiles, int tile) const {
    Kernel kernel;
    const Term all = loop::binary("*", loop::binary("-", tiles, loop::integer(1)), loop::integer(reach_));
    kernel.blocks = loop::binary("/", loop::binary("+", all, loop::integer(255)), loop::integer(256));
    kernel.strides = true;
    kernel.body = head(tile);
    kernel.body += fmt::format(
        "  for (long long at_ = ak::thread(); at_ < (tiles_ - 1) * {0}; at_ += ak::threads()) {{\n"
        "    const long long col_ = (at_ / {0} + 1) * {1} - {0} + at_ % {0};\n    {2}\n",
        reach_, tile, variable_text(sweep_.col, "col_"));
    for (std::size_t i = 0; i < hazards_.old_reads().size(); ++i)
      kernel.body += fmt::format("    {}[at_] = {};\n", edge(i), loop::c_text(hazards_.old_reads()[i].element));
    kernel.body += "  }\n";
    return kernel;
  }

  Kernel main(const Term& tiles, int block, int each) const {
    Kernel kernel;
    kernel.threads = block;
    kernel.blocks = tiles;
    kernel.strides = true;
    const auto iterations = [&](const std::string& body) {
      return fmt::format(
          "#pragma unroll\n    for (int turn_ = 0; turn_ < {}; ++turn_) {{\n      const int place_ = turn_ * {} + "
          "threadIdx.x;\n"
          "      const long long col_ = tile_ * {} + place_;\n      if (col_ < cols_) {{\n        {}\n{}      }}\n    }}\n",
          each, block, block * each, variable_text(sweep_.col, "col_"), body);
    };
    std::string arrays, loads;
    for (std::size_t i = 0; i < hazards_.old_reads().size(); ++i) {
      const Term& element = hazards_.old_reads()[i].element;
      arrays += fmt::format("    {} old{}_[{}];\n", c_name(element.type), i, each);
      loads += fmt::format("        old{}_[turn_] = saved_ ? {}[tile_ * {} + place_ - {}] : {};\n", i, edge(i), reach_,
                           block * each - reach_, loop::c_text(element));
    }
    loads = fmt::format("        const bool saved_ = place_ >= {} && tile_ + 1 < tiles_;\n", block * each - reach_) + loads;
    const std::vector<Node> body = hazards_.body(
        [](std::size_t i, const Term& element) { return loop::scalar(fmt::format("old{}_[turn_]", i), element.type); });
    kernel.body = declarations(hazards_) + head(block * each) +
                  "  for (long long tile_ = blockIdx.x; tile_ < tiles_; tile_ += gridDim.x) {\n" + arrays + iterations(loads) +
                  "    __syncthreads();\n" + iterations(statements(body, 8)) + "  }\n";
    return kernel;
  }

  const Work& work_;
  const Sweep& sweep_;
  const Hazards& hazards_;
  std::int64_t reach_ = 0;
  bool fits_ = true;
};

}  // namespace

std::vector<Stage> reorder_stages(const Work& work) {
  const bool meets = std::any_of(work.group.notes.begin(), work.group.notes.end(), [](const loop::Note& note) {
    return note.kind == loop::Note::Kind::anti || note.kind == loop::Note::Kind::output;
  });
  if (!work.after.empty() || !meets) return {};
  Share share;
  share.notes = true;
  const auto sweep = sweep_of(work, share);
  if (!sweep || !keeps_last(work, *sweep)) return {};
  const Hazards hazards(work, *sweep);
  if (!hazards.ok()) return {};
  std::vector<Stage> stages;
  const Tiles tiles(work, *sweep, hazards);
  if (tiles.fit())
    for (const auto& [block, each] : {std::pair{256, 2}, {256, 1}, {512, 4}, {1024, 4}, {1024, 1}, {1024, 8}})
      stages.push_back(tiles.stage(block, each));
  for (const int block : {256, 512})
    for (const int unroll : {1, 2})
      if (auto stage = with_copies(work, *sweep, hazards, block, unroll)) stages.push_back(*std::move(stage));
  return stages;
}

}  // namespace ak::port
