#include "port/templates/tiles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "port/templates/carried.hpp"
#include "port/templates/collapse.hpp"
#include "port/templates/emit.hpp"
#include "port/templates/rows.hpp"
#include "port/templates/sharing.hpp"
#include "port/templates/wide_access.hpp"

namespace ak::port {

using loop::Node;
using loop::Term;

namespace {

struct Shape {
  int block, items;
  const Packs* packs = nullptr;  // at_once() of them are a thread's items
};
constexpr Shape kWide[] = {{256, 4}, {128, 4}, {256, 2}, {512, 4}, {128, 2}, {256, 8}};  // packs a thread
constexpr Shape kFlat[] = {{256, 4}, {512, 8}, {256, 16}, {128, 4}};
constexpr Shape kRows[] = {{128, 4}, {256, 4}, {512, 2}, {64, 4}, {32, 4}};

/// A template's arguments: the type, and of how many values where there are several.
std::string arguments_of(const Carried& carried) {
  const std::size_t order = carried.values.size();
  return fmt::format("<{}{}>", loop::c_name(carried.type), order > 1 ? fmt::format(", {}", order) : "");
}

std::string state_of(const Carried& carried) {
  if (carried.law == Carried::Law::affine) return "ak::Affine" + arguments_of(carried);
  if (carried.law == Carried::Law::hold) return "ak::Held" + arguments_of(carried);
  return std::string(loop::c_name(carried.type));
}

std::string row_type_of(const Carried& carried) {
  return carried.law == Carried::Law::affine ? "ak::Row" + arguments_of(carried) : state_of(carried);
}

int bytes_of(const Carried& carried) {
  const int size = size_of(carried.type), order = static_cast<int>(carried.values.size());
  if (carried.law == Carried::Law::affine) return order * (order + 1) * size;
  return carried.law == Carried::Law::hold ? (order + 1) * size : size;
}

std::string op_of(const Carried& carried) {
  const auto named = [&](std::string_view functor) { return fmt::format("ak::{}<{}>()", functor, loop::c_name(carried.type)); };
  switch (carried.law) {
    case Carried::Law::sum:
      return named("Add");
    case Carried::Law::affine:
      return fmt::format("ak::Compose{}()", arguments_of(carried));
    case Carried::Law::hold:
      return fmt::format("ak::Hold{}()", arguments_of(carried));
    case Carried::Law::extreme:
      return named(carried.op);
  }
  return {};
}

/// What comes of value `i` of those before the first iteration by a state.
std::string applied(const Carried& carried, const std::string& state, std::size_t i = 0) {
  const auto type = loop::c_name(carried.target.type);
  const std::string first = carried.first(0);
  std::string firsts;
  for (std::size_t k = 0; k < carried.values.size(); ++k) firsts += (k ? ", " : "") + carried.first(k);
  switch (carried.law) {
    case Carried::Law::extreme:
      if (carried.takes_number)
        return fmt::format("({0} == {0} || {1} == {2}.identity() ? {2}({0}, {1}) : {1})", first, state, op_of(carried));
      [[fallthrough]];
    case Carried::Law::sum:
      return fmt::format("({})({}({}, {}))", type, op_of(carried), first, state);
    case Carried::Law::affine:
      return fmt::format("({})({}.row[{}]({{{}}}))", type, state, i, firsts);
    case Carried::Law::hold:
      return fmt::format("{}.latest({}, {{{}}})", state, i, firsts);
  }
  return {};
}

class Printer {
 public:
  Printer(const Work& work, const Rows& rows, const Phases& phases, Shape shape)
      : work_(work), nest_(rows), phases_(phases), shape_(shape), distance_(phases.carried[0].distance) {}

  /// Tiles to blocks; nothing where the number of iterations is not known before the launch. In one launch blocks wait for
  /// each other's totals; in two, the first leaves them.
  std::optional<Stage> flat(bool one_launch) {
    const auto count = trips(work_, nest_.loop);
    if (!count) return std::nullopt;
    Stage stage = begin();
    stage.knobs["launches"] = one_launch ? 1 : 2;
    // At least one block: what is kept is kept of no iterations too.
    const Term one = loop::integer(1, loop::ScalarType::i64), none = loop::integer(0, loop::ScalarType::i64);
    // Packs begin at an aligned address: the first tile may have as many fewer as a pack has, but one.
    const Term least = shape_.packs ? loop::integer(2 - shape_.packs->count(), loop::ScalarType::i64) : one;
    const Term full = loop::binary("/", loop::binary("-", *count, least), loop::integer(distance_ * tile()));
    const Term tiles{
        Term::Kind::choose, loop::ScalarType::i64, {}, {loop::binary(">", *count, none), loop::binary("+", full, one), one}};
    const Term blocks = loop::binary("*", tiles, loop::integer(distance_));
    if (one_launch) stage.scratch.push_back({tickets(), loop::ScalarType::i32, loop::integer(1), true});
    for (const Carried& carried : phases_.carried) {
      if (in_words(carried)) {
        stage.scratch.push_back({values(carried), loop::ScalarType::i64, loop::binary("*", blocks, loop::integer(2)), true});
        continue;
      }
      if (one_launch) stage.scratch.push_back({flags(carried), loop::ScalarType::i32, blocks, true});
      const int words = ((one_launch ? 2 : 1) * bytes_of(carried) + 7) / 8;
      stage.scratch.push_back({values(carried), loop::ScalarType::i64, loop::binary("*", blocks, loop::integer(words)), false});
    }
    if (!one_launch) {
      flat_opening(false);
      first_phase(false);
      for (const Carried& carried : phases_.carried)
        line(fmt::format("if (threadIdx.x == 0) ak::as<{}>({})[blockIdx.x] = {}_block_.total;", state_of(carried), values(carried),
                         carried.name));
      finish(stage, blocks, false);
    }
    across_ = one_launch ? Across::waiting : Across::totals;
    flat_opening(one_launch);
    firsts();
    if (shape_.packs)
      one_tile_of_packs();
    else
      one_tile();
    if (!closing(work_, 0).empty()) {
      line("if (count_ <= 0 && block_ == 0 && threadIdx.x == 0) {");
      text_ += closing(work_, indent_ + 2);
      line("}");
    }
    finish(stage, blocks, one_launch);
    return stage;
  }

  /// A row to a block; its tiles one after the other.
  Stage rows() {
    Stage stage = begin();
    text_ = opening(work_);
    for (const loop::Local& local : phases_.locals) line(fmt::format("{} {} = 0;", loop::c_name(local.type), local.name));
    rooms();
    if (!nest_.outer.empty()) {
      text_ += count_rows(nest_);
      open("for (long long row_ = blockIdx.x; row_ < rows_; row_ += gridDim.x) {");
      text_ += in_row(nest_, "row_", indent_);
    }
    by_all(nest_.head);
    line(fmt::format("const long long count_ = {};", guarded(nest_, trips_text(nest_.loop))));
    if (distance_ > 1) open(fmt::format("for (int phase_ = 0; phase_ < {}; ++phase_) {{", distance_));
    firsts();
    for (const Carried& carried : phases_.carried)
      line(fmt::format("{} {}_so_far_ = {}.identity();", state_of(carried), carried.name, op_of(carried)));
    open(fmt::format("for (long long tile_ = 0; tile_ * {} < {}; ++tile_) {{", tile(), count_text()));
    one_tile();
    close();
    for (const Carried& carried : phases_.carried)
      if (!carried.array())
        for (std::size_t i = 0; i < carried.values.size(); ++i)
          line(fmt::format("{} = {};", carried.found(i), applied(carried, carried.name + "_so_far_", i)));
    if (distance_ > 1) close();
    if (!nest_.tail.empty()) line("__syncthreads();");
    by_all(nest_.tail);
    if (!nest_.tail.empty() || !nest_.head.empty()) line("__syncthreads();");
    if (!nest_.outer.empty()) close();
    if (nest_.outer.empty() && !closing(work_, 0).empty()) {
      line("__syncthreads();");
      line("if (threadIdx.x == 0) {");
      text_ += closing(work_, indent_ + 2);
      line("}");
    }
    finish(stage, row_count(work_, nest_), false);
    return stage;
  }

 private:
  long long tile() const { return static_cast<long long>(shape_.block) * shape_.items; }
  void flat_opening(bool tickets_count) {
    text_ = opening(work_);
    for (const loop::Local& local : phases_.locals) line(fmt::format("{} {} = 0;", loop::c_name(local.type), local.name));
    line(fmt::format("const long long count_ = {};", guarded(nest_, trips_text(nest_.loop))));
    rooms();
    if (tickets_count) {
      line("__shared__ unsigned ticket_room_[ak::kRoom];");
      line(fmt::format("const unsigned block_ = ak::take_ticket(ak::as<unsigned>({}), ticket_room_);", tickets()));
    } else {
      line("const unsigned block_ = blockIdx.x;");
    }
    // A scan of its own for each residue of the distance: tiles of one scan lie side by side.
    if (distance_ == 1)
      line("const unsigned tile_ = block_;");
    else if (tickets_count)
      line(fmt::format("const unsigned phase_ = block_ % {0}, tile_ = block_ / {0}, tiles_ = gridDim.x / {0};", distance_));
    else
      line(fmt::format("const unsigned tiles_ = gridDim.x / {0}, phase_ = block_ / tiles_, tile_ = block_ % tiles_;",
                       distance_));
  }

  /// One word has a tile's value and that it is there.
  bool in_words(const Carried& carried) const { return shape_.packs && bytes_of(carried) == 4; }

  std::string tickets() const { return "tickets_" + work_.tag + "_"; }
  std::string flags(const Carried& carried) const { return carried.name + "_flags_" + work_.tag + "_"; }
  std::string values(const Carried& carried) const { return carried.name + "_tiles_" + work_.tag + "_"; }
  /// Iterations of this phase.
  std::string count_text() const {
    return distance_ == 1 ? "count_" : fmt::format("(count_ - phase_ + {}) / {}", distance_ - 1, distance_);
  }

  void line(const std::string& words) { text_ += std::string(indent_, ' ') + words + "\n"; }
  void open(const std::string& words) {
    line(words);
    indent_ += 2;
  }
  void close() {
    indent_ -= 2;
    line("}");
  }

  Stage begin() const {
    Stage stage;
    stage.knobs = {{"block", shape_.block}, {"items", shape_.items}};
    if (shape_.packs) stage.knobs["vector"] = 1;
    stage.scratch = kept_scratch(work_);
    for (const Carried& carried : phases_.carried)
      stage.same_bits = stage.same_bits && (!is_real(carried.type) || carried.law == Carried::Law::hold || carried.picks());
    return stage;
  }

  void finish(Stage& stage, const Term& blocks, bool waits) {
    Kernel kernel;
    kernel.body = std::move(text_);
    kernel.blocks = blocks;
    kernel.threads = shape_.block;
    kernel.waits = waits;
    stage.kernels.push_back(std::move(kernel));
  }

  void rooms() {
    for (const Carried& carried : phases_.carried)
      line(fmt::format("__shared__ {} {}_room_[ak::kRoom];", state_of(carried), carried.name));
  }

  /// What the first iteration finds.
  void firsts() {
    for (const Carried& carried : phases_.carried) {
      const auto type = loop::c_name(carried.target.type);
      const std::size_t count = carried.values.size();
      if (!carried.array()) {
        for (std::size_t i = 0; i < count; ++i) line(fmt::format("const {} {} = {};", type, carried.first(i), carried.found(i)));
        continue;
      }
      for (std::size_t i = 0; i < count; ++i) line(fmt::format("{} {} = 0;", type, carried.first(i)));
      open(fmt::format("if ({} < count_) {{", distance_ == 1 ? "0" : "phase_"));
      for (std::size_t i = 0; i < count; ++i)
        line(fmt::format("{} = {};", carried.first(i), before(carried, static_cast<int>(i + 1))));
      close();
    }
  }

  /// The element that the carried one's `times`-th iteration before the first of this phase would have written.
  std::string before(const Carried& carried, int times) const {
    const Node& loop = nest_.loop;
    const Term phase = distance_ == 1 ? loop::integer(0) : loop::scalar("phase_", loop::ScalarType::i32);
    const Term steps = loop::binary("-", phase, loop::integer(distance_ * times));
    const Term at =
        loop::binary("+", loop.begin,
                     loop::binary("*", loop::convert(loop.variable_type, steps), loop::integer(loop.step, loop.variable_type)));
    const Term element = loop::replace(carried.target, [&](const Term& part) {
      return part.kind == Term::Kind::scalar && part.text == loop.variable ? std::optional(at) : std::nullopt;
    });
    return loop::c_text(element);
  }

  /// Straight statements that all threads of a block run: what they write to memory one thread writes.
  void by_all(const std::vector<Node>& nodes) {
    for (const Node& node : nodes) {
      if (node.target.kind == Term::Kind::scalar) {
        text_ += statements({node}, indent_);
        continue;
      }
      line("if (threadIdx.x == 0) {");
      text_ += statements({node}, indent_ + 2);
      line("}");
      line("__syncthreads();");
    }
  }

  void items(bool second) {
    line("#pragma unroll");
    open(fmt::format("for (int k_ = 0; k_ < {}; ++k_) {{", shape_.items));
    line("const long long q_ = first_ + 32 * k_;");
    if (!second) identities();
    open(fmt::format("if (q_ < {}) {{", count_text()));
    const std::string number = distance_ == 1 ? "q_" : "n_";
    if (distance_ > 1) line(fmt::format("const long long n_ = q_ * {} + phase_;", distance_));
    line(variable_text(nest_.loop, number));
    if (second) {
      for (const Carried& carried : phases_.carried) find(carried);
      text_ += statements(phases_.second, indent_);
      if (across_ != Across::rows && !closing(work_, 0).empty()) {
        line(fmt::format("if ({} == count_ - 1) {{", number));
        text_ += closing(work_, indent_ + 2);
        line("}");
      }
    } else {
      text_ += statements(phases_.first, indent_);
    }
    close();
  }

  void identities() {
    for (const Carried& carried : phases_.carried) {
      line(fmt::format("{} {} = {}.identity();", state_of(carried), carried.step(), op_of(carried)));
      for (const std::string& row : carried.rows) line(fmt::format("{} {} = {{}};", row_type_of(carried), row));
    }
  }

  void find(const Carried& carried) {
    line(
        fmt::format("const {0} {1}_state_ = {2}({1}_before_, {1}_own_[k_]);", state_of(carried), carried.name, op_of(carried)));
    find_by_state(carried);
  }

  void find_by_state(const Carried& carried) {
    const std::string type = carried.array() ? fmt::format("const {} ", loop::c_name(carried.target.type)) : "";
    for (std::size_t i = 0; i < carried.values.size(); ++i)
      line(fmt::format("{}{} = {};", type, carried.found(i), applied(carried, carried.name + "_state_", i)));
  }

  /// `keeps`: what a second one needs of each item.
  void first_phase(bool keeps) {
    line(fmt::format("const long long first_ = tile_ * {}LL + ak::warp() * {} + ak::lane();", tile(), 32 * shape_.items));
    for (const Saved& saved : phases_.saved)
      line(fmt::format("{} {}[{}];", loop::c_name(saved.read.type), saved.name, shape_.items));
    for (const Carried& carried : phases_.carried)
      line(fmt::format("{0} {1}{2}_carry_ = {3}.identity();", state_of(carried),
                       keeps ? fmt::format("{}_own_[{}], ", carried.name, shape_.items) : "", carried.name, op_of(carried)));
    items(false);
    scan_own(keeps ? "k_" : nullptr, [](const Carried& carried) { return carried.step(); });
    close();
    scan_warps();
  }

  /// `index`: where an item's is kept; null: nowhere.
  void scan_own(const char* index, const std::function<std::string(const Carried&)>& value) {
    for (const Carried& carried : phases_.carried) {
      const std::string &name = carried.name, op = op_of(carried);
      line(fmt::format("const ak::Scanned<{}> {}_warp_ = ak::warp_scan({}, {});", state_of(carried), name, value(carried), op));
      if (index) line(fmt::format("{0}_own_[{2}] = {1}({0}_carry_, {0}_warp_.before);", name, op, index));
      line(fmt::format("{0}_carry_ = {1}({0}_carry_, {0}_warp_.total);", name, op));
    }
  }

  void scan_warps() {
    for (const Carried& carried : phases_.carried)
      line(
          fmt::format("const ak::Scanned<{1}> {0}_block_ = ak::across_warps(ak::Scanned<{1}>{{{2}.identity(), {0}_carry_}}, "
                      "{2}, {0}_room_);",
                      carried.name, state_of(carried), op_of(carried)));
  }

  /// What all tiles before this one bring, in C.
  std::string before_text(const Carried& carried) const {
    const std::string op = op_of(carried), state = state_of(carried);
    if (in_words(carried))
      return fmt::format("ak::before_tile(tile_, {0}_block_.total, {1}, ak::as<unsigned long long>({2}), {0}_room_)", carried.name, op,
                         values(carried));
    const char *flag = distance_ == 1 ? "" : " + phase_ * tiles_", *value = distance_ == 1 ? "" : " + 2ull * phase_ * tiles_";
    switch (across_) {
      case Across::rows:
        return carried.name + "_so_far_";
      case Across::waiting:
        return fmt::format("ak::before_tile(tile_, {0}_block_.total, {1}, ak::as<unsigned>({2}){4}, ak::as<{5}>({3}){6}, {0}_room_)",
                           carried.name, op, flags(carried), values(carried), flag, state, value);
      case Across::totals:
        return fmt::format("ak::before_tile(tile_, ak::as<{0}>({1}){2}, {3}, {4}_room_)", state, values(carried), flag, op,
                           carried.name);
    }
    return {};
  }

  void one_tile() {
    first_phase(true);
    await_tiles();
    items(true);
    close();
  }

  void await_tiles() {
    for (const Carried& carried : phases_.carried) {
      const std::string &name = carried.name, op = op_of(carried);
      line(fmt::format("const {1} {0}_before_ = {2}({3}, {0}_block_.before);", name, state_of(carried), op,
                       before_text(carried)));
      if (across_ == Across::rows) line(fmt::format("{0}_so_far_ = {1}({0}_so_far_, {0}_block_.total);", name, op));
    }
  }

  // ---- Of packs: a warp has 32 neighbouring ones, then the next 32; a thread goes through its own in order, and what it needs
  // of an iteration it computes twice, of elements that it has.

  void one_tile_of_packs() {
    const Packs& packs = *shape_.packs;
    const int pack = packs.count(), at_once = packs.at_once();
    line(fmt::format(
        "long long start_ = tile_ * {}LL;  // the iteration with which the tile begins; all before the first are none",
        tile()));
    line("bool wide_ = false;");
    open("if (count_ > 0) {");
    line(variable_text(nest_.loop, "0"));
    line(fmt::format("start_ -= {0} - 1 - ({1} + {0} - 1) % {0};", pack, packs.until_aligned()));
    close();
    open(fmt::format("if (start_ >= 0 && start_ + {} <= count_) {{", tile()));
    line(variable_text(nest_.loop, "start_"));
    line(fmt::format("wide_ = {};", packs.aligned()));
    close();
    line(fmt::format("const long long first_ = start_ + {} * (ak::warp() * {} + ak::lane());", pack, 32 * at_once));
    line("// Of this thread's, counted from first_: those from begin_ to end_ are there.");
    line("const int begin_ = first_ < 0 ? (int)-first_ : 0;");
    line(fmt::format("const int end_ = count_ - first_ < {0} ? (int)(count_ - first_) : {0};", tile()));
    text_ += packs.declarations(indent_);
    line("if (wide_) {");
    indent_ += 2;
    each_pack();
    line(variable_text(nest_.loop, fmt::format("(first_ + u_ * {})", 32 * pack)));
    text_ += packs.loads(indent_);
    close();
    indent_ -= 2;
    line("} else {");
    indent_ += 2;
    each_pack();
    each_lane();
    text_ += packs.load_each(indent_);
    close(), close(), close(), close();

    for (const Carried& carried : phases_.carried)
      line(fmt::format("{0} {1}_own_[{2}], {1}_carry_ = {3}.identity();", state_of(carried), carried.name, at_once,
                       op_of(carried)));
    each_pack();
    for (const Carried& carried : phases_.carried)
      line(fmt::format("{} {}_pack_ = {}.identity();", state_of(carried), carried.name, op_of(carried)));
    each_lane();
    steps();
    for (const Carried& carried : phases_.carried)
      line(fmt::format("{0}_pack_ = {1}({0}_pack_, {2});", carried.name, op_of(carried), carried.step()));
    close(), close();
    scan_own("u_", [](const Carried& carried) { return carried.name + "_pack_"; });
    close();
    scan_warps();
    await_tiles();

    const std::string closes = closing(work_, indent_ + 2);
    if (!closes.empty()) line("bool last_ = false;  // whether this thread has the last iteration");
    each_pack();
    for (const Carried& carried : phases_.carried)
      line(fmt::format("{0} {1}_state_ = {2}({1}_before_, {1}_own_[u_]);", state_of(carried), carried.name, op_of(carried)));
    each_lane();
    steps();
    for (const Carried& carried : phases_.carried) find_by_state(carried);
    text_ += statements(packs.lane(phases_.second), indent_);
    if (!closes.empty()) line("last_ = first_ + at_ == count_ - 1;");
    if (const std::string stores = packs.store_each(indent_ + 2); !stores.empty()) {
      line("if (!wide_) {");
      text_ += stores;
      line("}");
    }
    for (const Carried& carried : phases_.carried)
      line(fmt::format("{0}_state_ = {1}({0}_state_, {2});", carried.name, op_of(carried), carried.step()));
    close(), close();
    if (const std::string stores = packs.stores(indent_ + 2); !stores.empty()) {
      open("if (wide_) {");
      line(variable_text(nest_.loop, fmt::format("(first_ + u_ * {})", 32 * pack)));
      text_ += stores;
      close();
    }
    close();
    if (closes.empty()) return;
    line("if (last_) {");
    text_ += closes;
    line("}");
  }

  void each_pack() {
    line("#pragma unroll");
    open(fmt::format("for (int u_ = 0; u_ < {}; ++u_) {{", shape_.packs->at_once()));
  }

  /// Two to close.
  void each_lane() {
    line("#pragma unroll");
    open(fmt::format("for (int lane_ = 0; lane_ < {}; ++lane_) {{", shape_.packs->count()));
    line(fmt::format("const int at_ = {} * u_ + lane_;", 32 * shape_.packs->count()));
    open("if (at_ >= begin_ && at_ < end_) {");
    line(variable_text(nest_.loop, "(first_ + at_)"));
  }

  void steps() {
    identities();
    text_ += statements(shape_.packs->lane(phases_.first), indent_);
  }

  const Work& work_;
  const Rows& nest_;
  const Phases& phases_;
  const Shape shape_;
  const std::int64_t distance_;
  enum class Across { rows, waiting, totals } across_ = Across::rows;
  std::string text_;
  int indent_ = 2;
};

bool plain(const std::vector<Node>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(), [](const Node& node) { return node.kind == Node::Kind::assign; });
}

/// Whether the statements beside the loop may be run by the threads of a block as by_all() does.
bool beside_is_plain(const Work& work, const Rows& nest, const Phases& phases) {
  if (!plain(nest.head) || !plain(nest.tail)) return false;
  Names known;
  for (const Carried& carried : phases.carried)
    for (const Term& value : carried.values) known.insert(value.text);
  Names inside = assigned_scalars(nest.loop.body);
  std::erase_if(inside, [&](const std::string& name) { return known.count(name) > 0; });
  return !intersect(inside, scalar_flow(nest.tail).exposed) && !intersect(inside, scalar_flow(nest.head).exposed) &&
         work.kept.empty() && work.after.empty();
}

}  // namespace

std::vector<Stage> tile_stages(const Work& nested, const std::string& template_name) {
  std::vector<Stage> stages;
  const Collapsed one = collapsed(nested);
  const Work& work = one.work;
  const auto nest = rows_of(work);
  if (!nest || !work.setting.restricted) return stages;
  auto phases = phases_of(work, nest->loop);
  if (!phases) return stages;
  phases->locals.insert(phases->locals.end(), one.variables.begin(), one.variables.end());
  for (const Carried& carried : phases->carried)
    if (carried.distance != phases->carried[0].distance || (carried.distance > 1 && !work.kept.empty() && !carried.array()))
      return stages;
  // What lives on beside the carried ones would be of one iteration that is not the last to be run.
  Names alive = scalar_flow(work.after).exposed;
  for (const Passed& passed : work.kept) alive.insert(passed.scalar);
  for (const Carried& carried : phases->carried)
    for (const Term& value : carried.values) alive.erase(value.text);
  if (intersect(alive, assigned_scalars(nest->loop.body))) return stages;
  const auto add = [&](std::optional<Stage> stage) {
    if (!stage) return;
    stage->template_name = template_name;
    stages.push_back(std::move(*stage));
  };
  if (nest->outer.empty()) {
    const Names shared = written_arrays(work.body);
    if (intersect(read_arrays(work.after), shared) || intersect(written_arrays(work.after), shared) ||
        intersect(written_arrays(work.after), read_arrays(work.body)))
      return stages;
    const bool two = phases->saved.empty();  // else a first phase must have ended before another tile's second one begins
    Sweep sweep;
    sweep.col = nest->loop;
    std::vector<Node> all = phases->first;
    all.insert(all.end(), phases->second.begin(), phases->second.end());
    const Packs packs(work, sweep, all);
    if (packs.any() && two && phases->carried[0].distance == 1)
      for (const Shape& shape : kWide) {
        const Packs at_once = packs.at_once(shape.items);
        add(Printer(work, *nest, *phases, {shape.block, shape.items * packs.count(), &at_once}).flat(true));
      }
    for (const Shape& shape : kFlat) {
      if (two) add(Printer(work, *nest, *phases, shape).flat(false));
      add(Printer(work, *nest, *phases, shape).flat(true));
    }
    for (const int items : {4, 8}) add(Printer(work, *nest, *phases, {1024, items}).rows());
    return stages;
  }
  for (const loop::Note& note : work.group.notes)
    if (note.kind == loop::Note::Kind::anti) return stages;
  if (beside_is_plain(work, *nest, *phases))
    for (const Shape& shape : kRows) add(Printer(work, *nest, *phases, shape).rows());
  return stages;
}

}  // namespace ak::port
