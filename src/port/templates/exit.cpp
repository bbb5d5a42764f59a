// Loops that a break, return or goto ends: first the number of the iteration that leaves, as a minimum over all; then the
// iterations up to it, and what the last of them does.
#include <fmt/format.h>

#include "port/templates/emit.hpp"
#include "port/templates/sharing.hpp"
#include "port/templates/whole.hpp"

namespace ak::port {

using loop::Node;
using loop::Role;
using loop::ScalarType;
using loop::Term;

namespace {

Node set_to_one(const std::string& name) {
  Node node;
  node.target = loop::scalar(name, ScalarType::i32);
  node.value = loop::integer(1);
  return node;
}

/// An iteration as a loop of one turn, out of which its leaves and finishes break; `flag` is set then, by finishes alone if
/// `finishes_only`. Without `results`, what is returned is not stored.
class Turn {
 public:
  Turn(int loop, std::string flag, bool finishes_only, bool results)
      : loop_(loop), flag_(std::move(flag)), finishes_only_(finishes_only), results_(results) {}

  std::vector<Node> of(const std::vector<Node>& body) const {
    Node turn;
    turn.kind = Node::Kind::loop;
    turn.id = loop_;
    turn.variable = "turn_";
    turn.begin = loop::integer(0);
    turn.end = loop::integer(1);
    turn.body = with_flags(body);
    return {std::move(turn)};
  }

 private:
  std::vector<Node> with_flags(const std::vector<Node>& body) const {
    std::vector<Node> out;
    for (Node node : body) {
      node.body = with_flags(node.body);
      node.otherwise = with_flags(node.otherwise);
      const bool finish = node.kind == Node::Kind::finish;
      const bool leaves = finish || (node.kind == Node::Kind::leave && node.of == loop_);
      if (leaves && (finish || !finishes_only_)) out.push_back(set_to_one(flag_));
      if (finish) {
        if (results_ && node.value != Term{}) {
          Node store;
          store.target = loop::element(loop::kResult, {loop::integer(0)}, node.value.type);
          store.value = node.value;
          out.push_back(std::move(store));
        }
        Node leave;
        leave.kind = Node::Kind::leave;
        leave.of = loop_;
        node = std::move(leave);
      }
      out.push_back(std::move(node));
    }
    return out;
  }

  int loop_;
  std::string flag_;
  bool finishes_only_, results_;
};

class Exit {
 public:
  Exit(const Work& work, const Sweep& sweep) : work_(work), sweep_(sweep), ends_(ends_of(sweep)) {}

  bool ok() { return ends_ > 0 && find_slice() && ends_well(); }

  std::vector<Stage> stages() const {
    std::vector<Stage> all;
    const bool gathers = !work_.group.reductions.empty();
    const Partials partials(work_, turn("ended_", true, true).of(sweep_.body));
    if (gathers && (!partials.ok() || partials.watches() || partials.has_elements() || finishes_)) return {};
    for (const bool early : {false, true})
      for (const int block : {256, 512})
        for (const int unroll : {1, 4}) {
          Stage stage = gathers ? gathered(partials, block, unroll, early) : mapped(block, unroll, early);
          stage.template_name = "exit";
          stage.knobs = {{"block", block}, {"unroll", unroll}, {"early", early}};
          Kernel finds = find_kernel(block, unroll, early);
          const Term blocks = finds.blocks;
          stage.kernels.insert(stage.kernels.begin(), std::move(finds));
          stage.scratch.push_back({first(), ScalarType::i64, early ? loop::integer(1) : blocks, early});
          stage.scratch.push_back({count(), ScalarType::i32, loop::integer(1), false});
          all.push_back(std::move(stage));
        }
    return all;
  }

 private:
  static int ends_of(const Sweep& sweep) {
    int ends = 0;
    loop::for_each_node(sweep.body, [&](const Node& node) {
      ends += node.kind == Node::Kind::finish || (node.kind == Node::Kind::leave && node.of == sweep.col.id);
    });
    return ends;
  }
  Turn turn(const std::string& flag, bool finishes_only, bool results) const {
    return Turn(sweep_.col.id, flag, finishes_only, results);
  }
  std::string first() const { return "first_" + work_.tag + "_"; }
  std::string count() const { return "finders_" + work_.tag + "_"; }

  /// What decides whether an iteration leaves; nothing of it may depend on what the loop writes.
  bool find_slice() {
    std::set<int> statements;
    loop::for_each_node(sweep_.body, [&](const Node& node) {
      if (node.kind == Node::Kind::finish) finishes_ = true;
      if (node.kind == Node::Kind::finish || node.kind == Node::Kind::leave) statements.insert(node.id);
    });
    for (bool grown = true; grown;) {
      grown = false;
      slice_ = without_values(only(sweep_.body, statements));
      const Names wanted = scalar_flow(slice_).exposed;
      loop::for_each_node(sweep_.body, [&](const Node& node) {
        if (node.kind == Node::Kind::assign && node.target.kind == Term::Kind::scalar && wanted.count(node.target.text))
          grown = statements.insert(node.id).second || grown;
      });
    }
    const Names carried = carried_by(work_);
    for (const std::string& scalar : assigned_scalars(slice_))
      if (carried.count(scalar)) return false;
    for (const std::string& scalar : scalar_flow(slice_).exposed)
      if (carried.count(scalar) || assigned_scalars(sweep_.body).count(scalar)) return false;
    return !intersect(read_arrays(slice_), written_arrays(sweep_.body));
  }

  static std::vector<Node> without_values(std::vector<Node> body) {
    for (Node& node : body) {
      if (node.kind == Node::Kind::finish) node.value = Term{};
      node.body = without_values(std::move(node.body));
      node.otherwise = without_values(std::move(node.otherwise));
    }
    return body;
  }

  /// Whether the thread of the last iteration has what is needed after the loop: scalars that only a leaving iteration sets, or
  /// every iteration before it can leave; and nothing that other threads may still be writing.
  bool ends_well() const {
    if (!work_.group.reductions.empty()) return true;
    Names needed = scalar_flow(work_.after).exposed;
    for (const Passed& kept : work_.kept) needed.insert(kept.scalar);
    Names sure;
    for (const Node& node : sweep_.body) {
      if (has_exit({node})) break;
      sure.merge(scalar_flow({node}).definite);
    }
    const Names staying = assigned_scalars(not_leaving(sweep_.body));
    for (const std::string& scalar : needed)
      if (staying.count(scalar) && !sure.count(scalar)) return false;
    const Names written = written_arrays(work_.body), after = written_arrays(work_.after);
    return !intersect(read_arrays(work_.after), written) && !intersect(after, written) &&
           !intersect(after, read_arrays(work_.body));
  }

  /// Without the branches that end with leaving.
  static std::vector<Node> not_leaving(const std::vector<Node>& body) {
    if (!body.empty() && (body.back().kind == Node::Kind::leave || body.back().kind == Node::Kind::finish)) return {};
    std::vector<Node> out;
    for (Node node : body) {
      node.body = node.kind == Node::Kind::branch ? not_leaving(node.body) : node.body;
      node.otherwise = not_leaving(node.otherwise);
      out.push_back(std::move(node));
    }
    return out;
  }

  /// `early`: looks again and again whether an earlier iteration than its own is known to leave; one number, as how many
  /// iterations lie behind it. Else a number for each block, of the first that leaves.
  Kernel find_kernel(int block, int unroll, bool early) const {
    Kernel kernel;
    kernel.threads = block;
    kernel.blocks = blocks_for(work_, sweep_, block * unroll);
    const std::string known = fmt::format("ak::as<unsigned long long>({})", first());
    kernel.body = opening(work_) + "  long long mine_ = ak::largest<long long>();\n";
    kernel.body += sweep_text(sweep_, [&](int indent, bool) {
      const std::string space(indent, ' ');
      std::string text;
      if (early) text = fmt::format("{}if (ak::load_acquire({}) > (unsigned long long)(cols_ - col_)) break;\n", space, known);
      return text +
             fmt::format("{0}int leaves_ = 0;\n{1}{0}if (leaves_) {{\n{0}  {2}\n{0}  break;\n{0}}}\n", space,
                         statements(turn("leaves_", false, false).of(slice_), indent),
                         early ? fmt::format("atomicMax({}, (unsigned long long)(cols_ - col_));", known) : "mine_ = col_;");
    });
    if (!early)
      kernel.body += fmt::format(
          "  __shared__ long long room_[ak::kRoom];\n  mine_ = ak::block_reduce(mine_, ak::Min<long long>(), room_);\n"
          "  if (threadIdx.x == 0) {}[blockIdx.x] = mine_;\n"
          "  if (blockIdx.x == 0 && threadIdx.x == 0) {}[0] = gridDim.x;\n",
          first(), count());
    return kernel;
  }

  /// limit_: how many iterations begin.
  std::string setup(bool early) const {
    std::string text = fmt::format("  const long long all_ = {};\n", trips_text(sweep_.col));
    if (early)
      text += fmt::format("  const long long first_ = all_ - {}[0];\n", first());
    else
      text += fmt::format(
          "  __shared__ long long least_[ak::kRoom];\n  long long first_ = ak::largest<long long>();\n"
          "  for (int part_ = threadIdx.x; part_ < {}[0]; part_ += blockDim.x)\n"
          "    first_ = {}[part_] < first_ ? {}[part_] : first_;\n"
          "  first_ = ak::block_reduce(first_, ak::Min<long long>(), least_);\n",
          count(), first(), first());
    return text + "  const long long limit_ = first_ < all_ ? first_ + 1 : all_;\n";
  }

  Stage mapped(int block, int unroll, bool early) const {
    Stage stage;
    stage.scratch = kept_scratch(work_);
    Kernel kernel;
    kernel.threads = block;
    kernel.blocks = blocks_for(work_, sweep_, block * unroll);
    kernel.body = opening(work_) + setup(early) + "  int ended_ = 0;\n";
    kernel.body += fmt::format("  if (blockIdx.x == 0 && threadIdx.x == 0 && all_ <= 0) {{\n{}  }}\n", closing(work_, 4));
    kernel.body += sweep_text(
        sweep_,
        [&](int indent, bool) {
          return statements(turn("ended_", true, true).of(sweep_.body), indent) +
                 fmt::format("{0:{1}}if (col_ == limit_ - 1 && !ended_) {{\n{2}{0:{1}}}}\n", "", indent,
                             closing(work_, indent + 2));
        },
        "limit_");
    stage.kernels.push_back(std::move(kernel));
    return stage;
  }

  Stage gathered(const Partials& partials, int block, int unroll, bool early) const {
    Whole whole{work_, sweep_, partials};
    whole.setup = setup(early) + "  int ended_ = 0;\n";
    whole.limit = "limit_";
    return whole.two_launches(block, unroll);
  }

  const Work& work_;
  const Sweep& sweep_;
  std::vector<Node> slice_;
  int ends_ = 0;
  bool finishes_ = false;
};

}  // namespace

std::vector<Stage> exit_stages(const Work& work) {
  Share share;
  share.roles = {Role::exit};
  share.carried = carried_by(work);
  share.exits = true;
  const auto sweep = sweep_of(work, share);
  if (!sweep || !sweep->single() || !sweep->guards.empty() || !sweep->warm.empty()) return {};
  Exit exit(work, *sweep);
  return exit.ok() ? exit.stages() : std::vector<Stage>{};
}

}  // namespace ak::port
