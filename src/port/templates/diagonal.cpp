// Two loops that both carry something, or whose inner one is parallel with neighbours that meet: the diagonals of the
// iterations are parallel. A thread runs a row of the inner loop's iterations, some steps behind the row above; a block has a
// strip of rows, and follows the strip above, which says how far it is.
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

constexpr int kMostRows = 32;  // between rows that meet: not beyond the next strip
constexpr std::int64_t kMostLag = 8;

}  // namespace

std::vector<Stage> wavefront_stages(const Work& work) {
  std::vector<Stage> stages;
  const auto& loops = work.group.loops;
  if (!work.setting.restricted) return stages;
  if (loops.size() != 2 || loops[0].role == Role::parallel ||
      (loops[1].role != Role::wavefront && loops[1].role != Role::parallel))
    return stages;
  const std::vector<Node> shaped = only(work.shaped->body, {work.group.statements.begin(), work.group.statements.end()});
  if (!is_nest(work.body) || !is_nest(shaped) || !work.kept.empty() || !work.after.empty()) return stages;
  const Node &outer = work.body[0], &inner = outer.body[0];
  const auto strips = trips(work, outer);
  if (!strips || has_exit(inner.body) || loop::mentions(inner.begin, outer.variable) ||
      loop::mentions(inner.end, outer.variable))
    return stages;
  if (intersect(scalar_flow(inner.body).exposed, assigned_scalars(inner.body))) return stages;
  const Meetings meetings(shaped[0], shaped[0].body[0]);
  if (!meetings.known()) return stages;
  std::int64_t lag = 1,
               reach = 0;  // columns that a row stays behind the one above; columns ahead of its own that it waits for there
  for (const Vector& vector : meetings.vectors()) {
    if (vector.rows > kMostRows) return stages;
    if (vector.rows > 0 && vector.cols <= 0) lag = std::max(lag, (-vector.cols + vector.rows) / vector.rows);
    reach = std::max(reach, -vector.cols);
  }
  if (lag > kMostLag) return stages;
  struct Shape {
    int block, columns;  // between two words from the strip above
  };
  for (const Shape& shape : {Shape{32, 16}, Shape{64, 32}, Shape{256, 32}, Shape{32, 64}}) {
    const std::string sync = shape.block == 32 ? "__syncwarp();" : "__syncthreads();";
    const std::string tickets = "tickets_" + work.tag + "_", done = "done_" + work.tag + "_";
    const Term each = loop::integer(shape.block, loop::ScalarType::i64),
               more = loop::integer(shape.block - 1, loop::ScalarType::i64);
    const Term blocks = loop::binary("/", loop::binary("+", *strips, more), each);
    Stage stage;
    stage.template_name = "wavefront";
    stage.knobs = {{"block", shape.block}, {"columns", shape.columns}};
    stage.scratch = {{tickets, loop::ScalarType::i32, loop::integer(1), true}, {done, loop::ScalarType::i32, blocks, true}};
    std::string text = opening(work);
    text += fmt::format("  const long long rows_ = {}, cols_ = {};\n", trips_text(outer), trips_text(inner));
    text += fmt::format("  unsigned* const so_far_ = ak::as<unsigned>({});  // columns that all of a strip have\n", done);
    text += "  __shared__ unsigned ticket_room_[ak::kRoom];\n";
    text += fmt::format("  const unsigned strip_ = ak::take_ticket(ak::as<unsigned>({}), ticket_room_);\n", tickets);
    text += fmt::format("  const long long row_ = strip_ * {}LL + threadIdx.x;\n", shape.block);
    text += "  " + variable_text(outer, "row_") + "\n";
    text += fmt::format("  const long long behind_ = {}, steps_ = cols_ > 0 ? cols_ + behind_ : 0;\n", lag * (shape.block - 1));
    text += "  for (long long step_ = 0; step_ < steps_; ++step_) {\n";
    text += fmt::format("    if (strip_ > 0 && step_ % {} == 0) {{\n", shape.columns);
    text += "      if (threadIdx.x == 0) {\n";
    text += fmt::format("        const long long wanted_ = step_ + {} < cols_ ? step_ + {} : cols_;\n", shape.columns + reach,
                        shape.columns + reach);
    text += "        ak::wait_until([=] { return ak::load_acquire(so_far_ + strip_ - 1) >= wanted_; });\n";
    text += "      }\n";
    text += "      " + sync + "\n";
    text += "    }\n";
    text += fmt::format("    const long long col_ = step_ - {}LL * threadIdx.x;\n", lag);
    text += "    if (row_ < rows_ && col_ >= 0 && col_ < cols_) {\n";
    text += "      " + variable_text(inner, "col_") + "\n";
    text += statements(inner.body, 6);
    text += "    }\n";
    text += "    " + sync + "\n";
    text += fmt::format(
        "    if (threadIdx.x == 0 && step_ >= behind_ && ((step_ - behind_ + 1) % {} == 0 || step_ + 1 == steps_))\n",
        shape.columns);
    text += "      ak::store_release(so_far_ + strip_, (unsigned)(step_ - behind_ + 1));\n";
    text += "  }\n";
    Kernel kernel;
    kernel.body = std::move(text);
    kernel.blocks = blocks;
    kernel.threads = shape.block;
    kernel.waits = true;
    stage.kernels.push_back(std::move(kernel));
    stages.push_back(std::move(stage));
  }
  return stages;
}

}  // namespace ak::port
