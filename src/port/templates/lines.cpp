// Two loops all of whose dependences lie along one direction, down a column or down a diagonal: the lines in that direction
// never meet, a thread has one. Neighbouring threads are neighbours in memory, and nothing waits.
#include <fmt/format.h>

#include <algorithm>

#include "port/templates/emit.hpp"
#include "port/templates/meetings.hpp"
#include "port/templates/rows.hpp"
#include "port/templates/sharing.hpp"

namespace ak::port {

using loop::Node;
using loop::Role;
using loop::Term;

namespace {

constexpr std::int64_t kMostSlope = 4;

/// Columns from row to row, where all that meets lies along such a line.
std::optional<std::int64_t> slope_of(const Meetings& meetings) {
  std::optional<std::int64_t> slope;
  for (const Vector& vector : meetings.vectors()) {
    if (vector.rows == 0 || vector.cols % vector.rows != 0) return std::nullopt;
    if (slope && *slope != vector.cols / vector.rows) return std::nullopt;
    slope = vector.cols / vector.rows;
  }
  if (!slope || *slope > kMostSlope || *slope < -kMostSlope) return std::nullopt;
  return slope;
}

/// Line `line_` has column `start_ + slope * row_`; where it begins and ends, and where all lines of its warp are within.
std::string ends(std::int64_t slope) {
  if (slope == 0) return "    const long long start_ = line_, from_ = 0, inside_ = 0, outside_ = rows_, to_ = rows_;\n";
  const std::int64_t step = slope > 0 ? slope : -slope;
  // Lines further on begin in earlier rows and end in earlier ones where the slope is positive, else in later ones.
  const char *soon = slope > 0 ? "line_ | 31" : "line_ / 32 * 32", *late = slope > 0 ? "line_ / 32 * 32" : "line_ | 31";
  std::string text = fmt::format(
      "    const auto start_of_ = [=](long long line_) {{ return {}; }};\n"
      "    const auto first_ = [=](long long start_) {{ return {}; }};\n"
      "    const auto end_ = [=](long long start_) {{ const long long after_ = {}; return after_ < rows_ ? after_ : rows_; "
      "}};\n",
      slope > 0 ? fmt::format("line_ - {} * (rows_ - 1)", step) : "line_",
      slope > 0 ? fmt::format("start_ < 0 ? ({} - start_) / {} : 0", step - 1, step)
                : fmt::format("start_ >= cols_ ? (start_ - cols_ + {}) / {} : 0", step, step),
      slope > 0 ? fmt::format("start_ < cols_ ? (cols_ - 1 - start_) / {} + 1 : 0", step)
                : fmt::format("start_ / {} + 1", step));
  text += fmt::format(
      "    const long long start_ = start_of_(line_), from_ = first_(start_of_({0})), to_ = end_(start_of_({1}));\n"
      "    const long long last_begins_ = first_(start_of_({1})), first_ends_ = end_(start_of_({0}));\n"
      "    const long long inside_ = last_begins_ < to_ ? last_begins_ : to_;\n"
      "    const long long outside_ = first_ends_ > inside_ ? first_ends_ : inside_;\n",
      soon, late);
  return text;
}

}  // namespace

std::vector<Stage> lines_stages(const Work& work) {
  std::vector<Stage> stages;
  const auto& loops = work.group.loops;
  if (!work.setting.restricted || loops.size() != 2 || loops[0].role == Role::parallel || loops[0].role == Role::reduce)
    return stages;
  const std::vector<Node> shaped = only(work.shaped->body, {work.group.statements.begin(), work.group.statements.end()});
  if (!is_nest(work.body) || !is_nest(shaped) || !work.kept.empty() || !work.after.empty()) return stages;
  const Node &outer = work.body[0], &inner = outer.body[0];
  const auto rows = trips(work, outer), cols = trips(work, inner);
  if (!rows || !cols || has_exit(inner.body) || loop::mentions(inner.begin, outer.variable) ||
      loop::mentions(inner.end, outer.variable) || intersect(scalar_flow(inner.body).exposed, assigned_scalars(inner.body)))
    return stages;
  const Meetings meetings(shaped[0], shaped[0].body[0]);
  const auto slope = meetings.known() ? slope_of(meetings) : std::nullopt;
  if (!slope) return stages;
  const std::int64_t step = *slope > 0 ? *slope : -*slope;
  const Term lines = loop::binary("+", *cols, loop::binary("*", loop::integer(step), *rows));
  for (const auto& [block, unroll] : {std::pair{64, 16}, {128, 8}, {32, 16}, {256, 4}}) {
    Stage stage;
    stage.template_name = "lines";
    stage.knobs = {{"block", block}, {"unroll", unroll}};
    std::string text = opening(work);
    text += fmt::format("  const long long rows_ = {}, cols_ = {};\n", trips_text(outer), trips_text(inner));
    text += fmt::format("  const long long lines_ = rows_ > 0 && cols_ > 0 ? cols_ + {} * (rows_ - 1) : 0;\n", step);
    text += "  for (long long line_ = ak::thread(); line_ < lines_; line_ += ak::threads()) {\n" + ends(*slope);
    text += "    const auto step_ = [&](long long row_, long long col_) {\n      " + variable_text(outer, "row_") + "\n      " +
            variable_text(inner, "col_") + "\n" + statements(inner.body, 6) + "    };\n";
    const auto part = [&](const char* from, const char* to) {
      return fmt::format(
          "    for (long long row_ = {}; row_ < {}; ++row_) {{\n      const long long col_ = start_ + {} * row_;\n"
          "      if (col_ >= 0 && col_ < cols_) step_(row_, col_);\n    }}\n",
          from, to, *slope);
    };
    if (*slope != 0) text += part("from_", "inside_");
    text += fmt::format(
        "#pragma unroll {}\n    for (long long row_ = inside_; row_ < outside_; ++row_) step_(row_, start_ + {} * row_);\n",
        unroll, *slope);
    if (*slope != 0) text += part("outside_", "to_");
    text += "  }\n";
    Kernel kernel;
    kernel.body = std::move(text);
    kernel.threads = block;
    kernel.strides = true;
    kernel.blocks = loop::binary("/", loop::binary("+", lines, loop::integer(block - 1)), loop::integer(block));
    stage.kernels.push_back(std::move(kernel));
    stages.push_back(std::move(stage));
  }
  return stages;
}

}  // namespace ak::port
