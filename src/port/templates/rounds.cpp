// An outer loop in order around loops that are not: one launch. All threads run the outer iterations in step, each alike, and
// share out the loops inside; between what would meet there is a barrier, of one block or, where loops are long, of a grid.
#include <fmt/format.h>

#include <algorithm>

#include "port/templates/emit.hpp"
#include "port/templates/hazards.hpp"
#include "port/templates/linear.hpp"
#include "port/templates/partials.hpp"
#include "port/templates/reach.hpp"
#include "port/templates/rows.hpp"
#include "port/templates/sharing.hpp"

namespace ak::port {

using loop::Node;
using loop::Note;
using loop::Role;
using loop::Term;

namespace {

struct BlockShape {
  int block;
  bool grid = false;
  bool holds = false;  // in shared memory what rounds hand on
};
constexpr int kAhead = 4;        // rounds, whose barriers take as long together as a read from the second cache
constexpr int kInLine = 16;      // elements: rounds so near find what an earlier one's line has brought
constexpr int kHeld = 96 << 10;  // bytes; what every GPU has for a block
constexpr BlockShape kShapes[] = {{256, false, true},  {256},  {64},        {32, false, true}, {32}, {256, true},
                                  {1024, false, true}, {1024}, {1024, true}};

/// Arrays that are touched.
struct Touched {
  Names read, written;
  void add(const Touched& other) {
    read.insert(other.read.begin(), other.read.end());
    written.insert(other.written.begin(), other.written.end());
  }
  bool meets(const Touched& later) const {
    return intersect(written, later.read) || intersect(written, later.written) || intersect(read, later.written);
  }
};

Touched touched(const std::vector<Node>& nodes) { return {read_arrays(nodes), written_arrays(nodes)}; }

Touched read_by(const std::vector<Term>& terms) {
  Touched all;
  for (const Term& term : terms) all.read.merge(arrays_of(term));
  return all;
}

/// Whether iterations of a loop, all around it standing still, touch elements of their own alone of what they write.
bool own_elements(const Node& loop) {
  Names moving = assigned_scalars(loop.body);
  std::vector<Term> writes, all;
  const Names written = written_arrays(loop.body);
  loop::for_each_node(loop.body, [&](const Node& node) {
    if (node.kind == Node::Kind::loop) moving.insert(node.variable);
    if (node.kind == Node::Kind::assign && node.target.kind == Term::Kind::element) writes.push_back(node.target);
    for (const Term& term : terms_read(node))
      loop::for_each(term, [&](const Term& part) {
        if (part.kind == Term::Kind::element && written.count(part.text)) all.push_back(part);
      });
  });
  all.insert(all.end(), writes.begin(), writes.end());
  const auto apart = [&](const Term& write, const Term& other) {
    for (std::size_t i = 0; i < write.terms.size() && write.terms.size() == other.terms.size(); ++i) {
      const Linear a = linear(write.terms[i]), b = linear(other.terms[i]);
      const auto factor = factor_of(a, loop.variable), difference = (b - a).constant();
      if (!factor || !difference || factor != factor_of(b, loop.variable) || intersect(scalars_of(write.terms[i]), moving) ||
          !arrays_of(write.terms[i]).empty())
        continue;
      if (*factor == 0 ? *difference != 0 : *difference % (*factor * loop.step) != 0 || *difference == 0) return true;
    }
    return false;
  };
  for (const Term& write : writes)
    for (const Term& other : all)
      if (other.text == write.text && !apart(write, other)) return false;
  return true;
}

class Rounds {
 public:
  explicit Rounds(const Work& work)
      : work_(work),
        shaped_(only(work.shaped->body, {work.group.statements.begin(), work.group.statements.end()})),
        nodes_(work.body) {}

  std::vector<Stage> stages() {
    std::vector<Stage> all;
    if (has_exit(nodes_) || !sum_in_scalars()) return all;
    widen();
    for (const BlockShape& shape : kShapes) {
      if (joins_ && (shape.grid || shape.block > 256)) continue;
      if (shape.holds && handed_on().empty()) continue;
      if (!print(shape)) return {};
      all.push_back(stage(shape));
    }
    return all;
  }

 private:
  // ---- The loop that reduces does so into scalars of its own.

  bool sum_in_scalars() {
    joined_.function = work_.function;
    joined_.group = work_.group;
    joined_.tag = work_.tag;
    for (const loop::LoopRole& one : work_.group.loops)
      if (one.role == Role::reduce && !one_reduces(one.loop)) return false;
    return true;
  }

  bool one_reduces(int loop) {
    std::set<int> inside;
    Names variables;
    loop::for_each_node(nodes_, [&](const Node& node) {
      if (node.id != loop) return;
      variables.insert(node.variable);
      loop::for_each_node(node.body, [&](const Node& inner) {
        inside.insert(inner.id);
        if (inner.kind == Node::Kind::loop) variables.insert(inner.variable);
      });
    });
    // An outer loop, whose inner ones do not reduce, runs in order.
    for (const loop::Reduction& reduction : work_.group.reductions)
      if (intersect(scalars_of(reduction.target), variables)) return true;
    for (const loop::Reduction& reduction : work_.group.reductions)
      for (const int statement : reduction.statements)
        if (!inside.count(statement)) return false;
    if (joins_ || iterations_meet(work_.group, loop)) return false;
    joins_ = loop;
    nodes_ = with_scalars(nodes_);
    return true;
  }

  std::vector<Node> with_scalars(const std::vector<Node>& nodes) {
    std::vector<Node> out;
    for (Node node : nodes) {
      if (node.id != joins_) {
        node.body = with_scalars(node.body);
        node.otherwise = with_scalars(node.otherwise);
        out.push_back(std::move(node));
        continue;
      }
      Node around, before, after;
      around.kind = Node::Kind::branch;
      around.condition = loop::binary(node.step < 0 ? ">" : "<", node.begin, node.end);
      std::vector<Node> stores;
      for (loop::Reduction& reduction : joined_.group.reductions) {
        const Term of = reduction.target;
        const bool wider = is_rounded(reduction);
        if (of.kind != Term::Kind::element && !wider) continue;
        reduction.target =
            loop::scalar(fmt::format("total{}_{}_", stores.size(), work_.tag), wider ? loop::ScalarType::f64 : of.type);
        locals_ += fmt::format("  {} {} = 0;\n", loop::c_name(reduction.target.type), reduction.target.text);
        before.target = after.value = reduction.target;
        before.value = after.target = of;
        around.body.push_back(before);
        stores.push_back(after);
        node.body = replace_all(std::move(node.body),
                                [&](const Term& term) { return term == of ? std::optional(reduction.target) : std::nullopt; });
      }
      if (stores.empty()) {
        out.push_back(std::move(node));
        continue;
      }
      around.body.push_back(std::move(node));
      around.body.insert(around.body.end(), stores.begin(), stores.end());
      out.push_back(std::move(around));
    }
    return out;
  }

  static bool is_rounded(const loop::Reduction& reduction) {
    return reduction.target.type == loop::ScalarType::f32 && (reduction.op == "+" || reduction.op == "*");
  }

  /// What a sum in another order rounds otherwise goes into all later rounds and may grow there. So floats that rounds hand on
  /// are kept in double as well, which is what C's are measured by too.
  void widen() {
    const auto& sums = work_.group.reductions;
    if (!joins_ || std::none_of(sums.begin(), sums.end(), is_rounded)) return;
    Names carried;
    const Names read = read_arrays(nodes_);
    loop::for_each_node(nodes_, [&](const Node& node) {
      const Term& target = node.target;
      if (node.kind == Node::Kind::assign && target.kind == Term::Kind::element && target.type == loop::ScalarType::f32 &&
          read.count(target.text) && length_of(work_, target.text))
        carried.insert(target.text);
    });
    for (const std::string& array : carried)
      wide_.push_back({wide(array), loop::ScalarType::f64, *length_of(work_, array), false});
    nodes_ = replace_all(std::move(nodes_), [&](const Term& term) {
      return term.kind == Term::Kind::element && carried.count(term.text)
                 ? std::optional(loop::element(wide(term.text), term.terms, loop::ScalarType::f64))
                 : std::nullopt;
    });
    nodes_ = stored_too(nodes_, carried);
    for (const std::string& array : carried) {
      const std::string ends = wide(array) + "all_";
      locals_ +=
          fmt::format("  double {} = 0;\n", now(array)) + reach_text(nodes_, wide(array), *length_of(work_, array), ends) +
          fmt::format(
              "  for (long long at_ = {0}_first_ + threadIdx.x; at_ < {0}_behind_; at_ += blockDim.x) {1}[at_] = {2}[at_];\n",
              ends, wide(array), array);
    }
  }

  std::string wide(const std::string& array) const { return "wide_" + array + "_" + work_.tag + "_"; }

  std::string now(const std::string& array) const { return wide(array) + "now_"; }

  std::vector<Node> stored_too(const std::vector<Node>& nodes, const Names& arrays) const {
    std::vector<Node> out;
    for (Node node : nodes) {
      node.body = stored_too(node.body, arrays);
      node.otherwise = stored_too(node.otherwise, arrays);
      const Term target = node.target;
      const auto array =
          std::find_if(arrays.begin(), arrays.end(), [&](const std::string& one) { return wide(one) == target.text; });
      if (node.kind != Node::Kind::assign || array == arrays.end()) {
        out.push_back(std::move(node));
        continue;
      }
      node.target = loop::scalar(now(*array), target.type);
      out.push_back(node);
      node.value = node.target;
      for (const Term& to : {target, loop::element(*array, target.terms, loop::ScalarType::f32)}) {
        node.target = to;
        out.push_back(node);
      }
    }
    return out;
  }

  // ---- Text.

  bool print(const BlockShape& shape) {
    shape_ = shape;
    text_.clear();
    forwarded_.clear();
    pending_ = {};
    if (!wide_.empty()) barrier(2);  // after the copies
    private_.clear();
    alike_.clear();
    shares_ = false;
    understood_ = true;
    if (shape.holds) {
      text_ += "  const auto rounds_ = " + holding_head();
      uniform(nodes_, 4);
      text_ += "  };\n";
      hold();
    } else {
      uniform(nodes_, 2);
    }
    const std::string close = closing(work_, 4);
    if (!close.empty()) {
      if (!pending_.written.empty()) barrier(2);
      text_ += fmt::format("  if ({}) {{\n{}  }}\n", first_thread(), close);
    }
    for (const Passed& kept : work_.kept) alike_.insert(kept.scalar);
    alike_.merge(scalar_flow(work_.after).exposed);
    return understood_ && shares_ && !intersect(private_, alike_);
  }

  Stage stage(const BlockShape& shape) const {
    Stage stage;
    stage.template_name = "rounds";
    stage.knobs = {{"block", shape.block}, {"grid", shape.grid}};
    if (shape.holds) stage.knobs["holds"] = 1;
    stage.scratch = kept_scratch(work_);
    stage.scratch.insert(stage.scratch.end(), wide_.begin(), wide_.end());
    Kernel kernel;
    kernel.threads = shape.block;
    kernel.body = opening(work_) + locals_ + forwarded_;
    kernel.blocks = loop::integer(1);
    if (shape.holds) kernel.shared_bytes = kHeld;
    if (joins_) {
      const Partials partials = partials_of(*find(nodes_, joins_));
      stage.helpers = partials.helpers();
      stage.same_bits = partials.same_bits();
      kernel.body += fmt::format("  __shared__ {} room_[ak::kRoom];\n", partials.type());
    }
    if (shape.grid) {
      const Term sms = loop::scalar(loop::kSms, loop::ScalarType::i32);
      kernel.blocks = sms;
      if (longest_) {
        const Term needed = loop::binary("+", loop::binary("/", *longest_, loop::integer(shape.block)), loop::integer(1));
        kernel.blocks = {Term::Kind::choose, loop::ScalarType::i64, {}, {loop::binary("<", needed, sms), needed, sms}};
      }
      kernel.waits = true;
      stage.scratch.push_back({arrived(), loop::ScalarType::i32, loop::integer(1), true});
      kernel.body += "  unsigned barriers_ = 0;\n";
    }
    kernel.body += text_;
    stage.kernels.push_back(std::move(kernel));
    return stage;
  }

  static const Node* find(const std::vector<Node>& nodes, int id) {
    const Node* found = nullptr;
    loop::for_each_node(nodes, [&](const Node& node) { found = node.id == id ? &node : found; });
    return found;
  }

  std::string arrived() const { return "arrived_" + work_.tag + "_"; }
  std::string first_thread() const { return shape_.grid ? "ak::thread() == 0" : "threadIdx.x == 0"; }

  void barrier(int indent) {
    const std::string words = shape_.grid          ? fmt::format("ak::grid_barrier(ak::as<unsigned>({}), ++barriers_);", arrived())
                              : shape_.block == 32 ? "__syncwarp();"
                                                   : "__syncthreads();";
    text_ += fmt::format("{:{}}{}\n", "", indent, words);
    pending_ = {};
  }

  // ---- What rounds hand on, in shared memory: loaded once and written back once, where it fits.

  struct Held {
    std::string name;
    loop::ScalarType type;
    Term length;
    bool scratch;  // nobody wants it back
  };

  std::vector<Held> handed_on() const {
    std::vector<Held> all;
    const Names read = read_arrays(nodes_);
    for (const std::string& array : written_arrays(nodes_)) {
      const auto wide = std::find_if(wide_.begin(), wide_.end(), [&](const auto& one) { return one.name == array; });
      const auto length = wide != wide_.end() ? wide->elements : certain_length_of(work_, array).value_or(Term{});
      if (!read.count(array) || length == Term{} || work_.own.count(array)) continue;
      const bool scratch = wide != wide_.end();
      all.push_back({array, scratch ? wide->type : type_of(*work_.function, array), length, scratch});
    }
    return all;
  }

  /// A function of where the arrays lie.
  std::string holding_head() const {
    std::string parameters;
    for (const Held& held : handed_on())
      parameters += fmt::format("{}{}* __restrict__ {}", parameters.empty() ? "" : ", ", loop::c_name(held.type), held.name);
    return fmt::format("[&]({}) {{\n", parameters);
  }

  void hold() {
    const std::vector<Held> all = handed_on();
    std::string lengths, pointers, in, back, there, here, end = "0";
    for (const Held& held : all) {
      const auto type = loop::c_name(held.type);
      const std::string& name = held.name;
      lengths +=
          reach_text(nodes_, name, held.length, name) + fmt::format(
                                                            "  const long long {0}_count_ = {0}_behind_ - {0}_first_, {0}_end_ "
                                                            "= {1} + ({0}_count_ > 0 ? {0}_count_ * {2} + 7 : 0) / 8;\n",
                                                            name, end, size_of(held.type));
      pointers += fmt::format("    {0}* const {1}_held_ = ak::as<{0}>(held_ + {2}) - {1}_first_;\n", type, name, end);
      const std::string each =
          fmt::format("    for (long long at_ = {0}_first_ + threadIdx.x; at_ < {0}_behind_; at_ += blockDim.x) ", name);
      in += fmt::format("{0}{1}_held_[at_] = {1}[at_];\n", each, name);
      if (!held.scratch) back += fmt::format("{0}ak::put(&{1}[at_], {1}_held_[at_]);\n", each, name);
      there += (there.empty() ? "" : ", ") + name + "_held_";
      here += (here.empty() ? "" : ", ") + name;
      end = name + "_end_";
    }
    text_ += fmt::format("  extern __shared__ long long held_[];\n{}  if ({} <= {}) {{\n{}{}", lengths, end, kHeld / 8,
                         pointers, in);
    barrier(4);
    text_ += fmt::format("    rounds_({});\n", there);
    barrier(4);
    text_ += fmt::format("{}  }} else {{\n    rounds_({});\n  }}\n", back, here);
    for (const Held& held : all) pending_.written.insert(held.name);
    pending_.add(touched(nodes_));
  }

  void next(const Touched& touched, int indent) {
    if (pending_.meets(touched)) barrier(indent);
    pending_.add(touched);
  }

  void read_alike(const std::vector<Term>& terms, int indent) {
    next(read_by(terms), indent);
    for (const Term& term : terms) alike_.merge(scalars_of(term));
  }

  /// What all threads run, each alike.
  void uniform(const std::vector<Node>& nodes, int indent) {
    const std::string space(indent, ' ');
    for (const Node& node : nodes) {
      switch (node.kind) {
        case Node::Kind::assign:
          read_alike(terms_read(node), indent);
          if (node.target.kind == Term::Kind::element) {
            next({{}, {node.target.text}}, indent);
            text_ += fmt::format("{}if ({}) {{\n{}{}}}\n", space, first_thread(), statements({node}, indent + 2), space);
          } else {
            text_ += statements({node}, indent);
          }
          break;
        case Node::Kind::branch: {
          read_alike({node.condition}, indent);
          text_ += fmt::format("{}if ({}) {{\n", space, loop::c_text(node.condition));
          const Touched before = pending_;
          uniform(node.body, indent + 2);
          Touched after = pending_;
          if (!node.otherwise.empty()) {
            text_ += space + "} else {\n";
            pending_ = before;
            uniform(node.otherwise, indent + 2);
          } else {
            after.add(before);
          }
          pending_.add(after);
          text_ += space + "}\n";
          break;
        }
        case Node::Kind::loop:
          read_alike({node.begin, node.end}, indent);
          if (node.id == joins_)
            join(node, indent);
          else if (!share(node, indent))
            in_order(node, indent);
          break;
        default:
          understood_ = false;
      }
    }
  }

  void in_order(const Node& node, int indent) {
    const std::string empty = loop::c_text({[&] {
                                             Node header = node;
                                             header.body.clear();
                                             return header;
                                           }()},
                                           indent);
    text_ += empty.substr(0, empty.rfind(" {\n")) + " {\n";
    const Touched before = pending_;
    rounds_.push_back(&node);
    uniform(node.body, indent + 2);
    rounds_.pop_back();
    if (pending_.meets(touched(node.body))) barrier(indent + 2);
    pending_.add(before);
    text_ += std::string(indent, ' ') + "}\n";
  }

  /// A thread takes every so many iterations.
  void each_thread(const Node& node, const std::string& body, int indent) {
    const std::string space(indent, ' ');
    const char *mine = shape_.grid ? "ak::thread()" : "threadIdx.x", *all = shape_.grid ? "ak::threads()" : "blockDim.x";
    text_ +=
        fmt::format("{0}const long long cols_ = {1};\n{0}for (long long col_ = {2}; col_ < cols_; col_ += {3}) {{\n{0}  {4}\n",
                    space, trips_text(node), mine, all, variable_text(node, "col_"));
    text_ += body + space + "}\n";
    shares_ = true;
    const auto count = trips(work_, node);
    if (count) longest_ = longest_ ? loop::binary("+", *longest_, *count) : count;
  }

  bool share(const Node& node, int indent) {
    const bool proven = role_of(work_.group, node.id) == Role::parallel;
    if (!proven) {
      const Node* shaped = find(shaped_, node.id);
      if (!shaped || !own_elements(*shaped)) return false;
    }
    if (intersect(scalar_flow(node.body).exposed, assigned_scalars(node.body))) return false;
    std::vector<Node> body = node.body;
    if (iterations_meet(work_.group, node.id)) {
      Sweep sweep;
      sweep.col = node;
      sweep.body = node.body;
      const Hazards hazards(work_, sweep);
      if (!hazards.ok() || !hazards.old_reads().empty()) return false;
      body = hazards.body([](std::size_t, const Term& element) { return element; });
      for (const loop::Local& local : hazards.locals())
        forwarded_ += fmt::format("  {} {} = 0;\n", loop::c_name(local.type), local.name);
    }
    next(touched(node.body), indent);
    private_.merge(assigned_scalars(node.body));
    alike_.merge(scalar_flow(node.body).exposed);
    const std::string space(indent, ' ');
    text_ += space + "{\n";
    each_thread(node, fetched_ahead(node, indent + 4) + statements(body, indent + 4), indent + 2);
    text_ += space + "}\n";
    return true;
  }

  /// What a later round reads of arrays that no round writes: the barriers would have every round wait for it.
  std::string fetched_ahead(const Node& node, int indent) const {
    if (rounds_.empty()) return {};
    const Node& round = *rounds_.back();
    Names fixed = read_arrays(nodes_), moving = assigned_scalars(round.body);
    for (const std::string& array : written_arrays(nodes_)) fixed.erase(array);
    const auto known = [&](const Term& term) { return arrays_of(term).empty() && !intersect(scalars_of(term), moving); };
    if (!known(round.end) || !known(node.begin) || !known(node.end)) return {};
    std::set<std::string> elements;
    for (const Node& one : node.body) {
      if (one.kind != Node::Kind::assign) continue;  // the others may not be run
      for (const Term& term : terms_read(one))
        loop::for_each(term, [&](const Term& part) {
          if (part.kind != Term::Kind::element || !fixed.count(part.text)) return;
          for (const Term& subscript : part.terms) {
            const auto factor = factor_of(linear(subscript), round.variable);
            if (!known(subscript) || (factor && std::abs(*factor * round.step) < kInLine)) return;
          }
          elements.insert(loop::c_text(part));
        });
    }
    if (elements.empty()) return {};
    const std::string space(indent, ' ');
    std::string text = fmt::format("{0}if (const long long ahead_ = (long long)({1}) + {2}; ahead_ {3} {4}) {{\n", space,
                                   round.variable, kAhead * round.step, round.step < 0 ? ">" : "<", loop::c_text(round.end));
    text += fmt::format("{0}  const {4} {1} = ({4})ahead_;\n{0}  if (col_ < {2}) {{\n{0}    {3}\n", space, round.variable,
                        trips_text(node), variable_text(node, "col_"), loop::c_name(round.variable_type));
    for (const std::string& element : elements) text += fmt::format("{}    ak::prefetch(&{});\n", space, element);
    return text + fmt::format("{0}  }}\n{0}}}\n", space);
  }

  Partials partials_of(const Node& node) const { return Partials(joined_, node.body); }

  void join(const Node& node, int indent) {
    const Partials partials = partials_of(node);
    if (!partials.ok() || partials.has_elements()) {
      understood_ = false;
      return;
    }
    next(touched(node.body), indent);
    const std::set<std::string> carried = partials.carried();
    Names exposed = scalar_flow(node.body).exposed, own = assigned_scalars(node.body);
    for (const std::string& name : carried) exposed.erase(name), own.erase(name);
    alike_.merge(exposed);
    private_.merge(own);
    const std::string space(indent, ' ');
    text_ += space + "{\n" + partials.start(indent + 2);
    std::string body = partials.ordered() ? fmt::format("{}    const long long order_ = col_;\n", space) : "";
    each_thread(node, body + statements(partials.body(), indent + 4), indent + 2);
    text_ += fmt::format("{0}  {1} mine_ = {2};\n{0}  mine_ = {3};\n", space, partials.type(), partials.value(),
                         shape_.block == 32 ? fmt::format("ak::warp_reduce(mine_, {})", partials.op())
                                            : fmt::format("ak::block_reduce(mine_, {}, room_)", partials.op()));
    text_ += partials.merge(indent + 2, "mine_") + space + "}\n";
    if (shape_.block != 32) pending_ = {};  // a block's reduction has a barrier
  }

  const Work& work_;
  const std::vector<Node> shaped_;
  std::vector<Node> nodes_;
  Work joined_;    // what Partials is told: reductions into scalars alone
  int joins_ = 0;  // the loop that reduces
  std::string locals_;
  std::vector<loop::Scratch> wide_;
  BlockShape shape_{};
  std::string text_, forwarded_;
  Touched pending_;                  // since the last barrier
  Names private_, alike_;            // scalars of each thread's own; those that all threads must have alike
  std::vector<const Node*> rounds_;  // the loops in order around what is printed
  std::optional<Term> longest_;
  bool shares_ = false, understood_ = true;
};

}  // namespace

std::vector<Stage> rounds_stages(const Work& work) {
  if (!work.setting.restricted || work.group.loops.empty()) return {};
  return Rounds(work).stages();
}

}  // namespace ak::port
