// Writes through subscripts of which nothing is known. Of plain ones the last iteration's must stay: all leave their number,
// and the highest one writes. Reductions go through atomics where the order has no say: of integers, extrema, and sums of reals
// as integers; of extrema it says which of several zeros stays, which all leave before. Where integers meet in a short array,
// as in a histogram, each block first gathers in shared memory.
#include <fmt/format.h>

#include <algorithm>

#include "port/templates/affine_form.hpp"
#include "port/templates/emit.hpp"
#include "port/templates/linear.hpp"
#include "port/templates/rows.hpp"
#include "port/templates/sharing.hpp"
#include "port/templates/wide_access.hpp"

namespace ak::port {

using loop::Node;
using loop::Role;
using loop::ScalarType;
using loop::Term;

namespace {

/// What the iterations do with one array.
struct Meeting {
  std::string array;
  ScalarType type = ScalarType::f32;
  std::string op;  // empty: plain writes
  loop::Term extent;
  int statements = 0;  // of an iteration
  bool last = false;   // of an extremum: of equals the later one stays
  bool summed() const { return op == "+" && is_real(type); }
  bool extreme() const { return (op == "min" || op == "max") && is_real(type); }
  /// Whether a block's own share may be kept apart.
  bool gathers() const { return !op.empty() && !is_real(type); }
};

constexpr int kGathered = 2048;  // elements, of one array a block
constexpr int kBlocksOfSm = 2;   // of those that gather: each has an array to hand over

class Scatter {
 public:
  explicit Scatter(const Work& work) : work_(work) {}

  std::vector<Stage> stages() {
    std::vector<Stage> all;
    if (!find_nest() || !find_meetings() || !others_are_private()) return all;
    for (const int block : {256, 128, 512}) all.push_back(stage(block));
    gathers_ = meetings_.size() == 1 && meetings_[0].gathers() && !inner_;
    if (!gathers_) return all;
    const auto known = loop::evaluate(meetings_[0].extent, {});
    const auto at = known && *known <= kGathered ? all.begin() : all.end();
    std::vector<Stage> gathering;
    if (nest_.outer.size() == 1) {
      Sweep sweep;
      sweep.col = nest_.outer[0];
      const Packs packs(work_, sweep, body_);
      for (const auto& [block, unroll] : {std::pair{512, 4}, {512, 1}, {1024, 2}}) {
        if (!packs.any()) break;
        const Packs at_once = packs.at_once(unroll);
        packs_ = &at_once;
        gathering.push_back(stage(block));
        packs_ = nullptr;
      }
    }
    gathering.insert(gathering.end(), {stage(512), stage(1024)});
    all.insert(at, gathering.begin(), gathering.end());
    return all;
  }

 private:
  bool find_nest() {
    if (!work_.kept.empty() || !work_.after.empty()) return false;
    const auto& notes = work_.group.notes;
    if (std::any_of(notes.begin(), notes.end(), [](const loop::Note& note) {
          return note.kind == loop::Note::Kind::anti || note.kind == loop::Note::Kind::expand;
        }))
      return false;
    const std::vector<Node>* body = &work_.body;
    for (const loop::LoopRole& role : work_.group.loops) {
      if (role.role != Role::parallel && role.role != Role::scatter && role.role != Role::reduce) return false;
      if (body->size() != 1 || (*body)[0].id != role.loop) return false;
      Node loop = (*body)[0];
      body = &(*body)[0].body;
      loop.body.clear();
      if (moves_with(loop, nest_.outer)) {
        if (!ends_tell(loop) || role.loop != work_.group.loops.back().loop) return false;
        inner_ = std::move(loop);
      } else {
        nest_.outer.push_back(std::move(loop));
      }
    }
    body_ = *body;
    return !has_exit(body_) && !intersect(scalar_flow(body_).exposed, assigned_scalars(body_));
  }

  static bool moves_with(const Node& loop, const std::vector<Node>& loops) {
    return std::any_of(loops.begin(), loops.end(), [&](const Node& outer) {
      return loop::mentions(loop.begin, outer.variable) || loop::mentions(loop.end, outer.variable);
    });
  }

  /// Whether the loop has its most iterations in the first or the last one of the loop around it.
  bool ends_tell(const Node& loop) const {
    if (nest_.outer.size() != 1) return false;
    const std::string& variable = nest_.outer[0].variable;
    return factor_of(linear(loop.begin), variable) && factor_of(linear(loop.end), variable);
  }

  bool find_meetings() {
    for (const std::string& array : work_.group.scattered)
      if (!add(array)) return false;
    for (const loop::Note& note : work_.group.notes)
      if (note.kind == loop::Note::Kind::output && !meeting(note.name) && !add(note.name)) return false;
    for (const loop::Reduction& reduction : work_.group.reductions) {
      if (reduction.target.kind != Term::Kind::element || !reduction.positions.empty()) return false;
      if (!meeting(reduction.target.text) && !add(reduction.target.text)) return false;
    }
    if (meetings_.empty()) return false;
    for (Meeting& each : meetings_)
      if (!understand(each)) return false;
    return true;
  }

  bool add(const std::string& array) {
    const loop::Parameter* parameter = loop::find_parameter(*work_.function, array);
    const auto length = length_of(work_, array);
    if (!parameter || !parameter->pointer || parameter->extents.size() != 1 || !length) return false;
    meetings_.push_back({array, parameter->type, "", *length, 0});
    return true;
  }

  const Meeting* meeting(const std::string& array) const {
    for (const Meeting& each : meetings_)
      if (each.array == array) return &each;
    return nullptr;
  }

  const loop::Reduction* reduction_of(const Node& node) const {
    for (const loop::Reduction& reduction : work_.group.reductions)
      if (std::count(reduction.statements.begin(), reduction.statements.end(), node.id) &&
          reduction.target.text == node.target.text)
        return &reduction;
    return nullptr;
  }

  /// The array is touched by its writes alone, and all of them have one operator.
  bool understand(Meeting& each) {
    bool right = true, first = true;
    const std::function<void(const std::vector<Node>&)> walk = [&](const std::vector<Node>& nodes) {
      for (const Node& node : nodes) {
        const bool writes =
            node.kind == Node::Kind::assign && node.target.kind == Term::Kind::element && node.target.text == each.array;
        if (writes) {
          const loop::Reduction* reduction = reduction_of(node);
          const std::string op = reduction ? reduction->op : "";
          right = right && (first || each.op == op) && node.target.terms.size() == 1 &&
                  !loop::mentions(node.target.terms[0], each.array);
          right = right && (reduction ? is_update(node, *reduction) : !loop::mentions(node.value, each.array));
          const bool last = takes_equals(node);
          right = right && (first || each.last == last);
          each.op = op, each.last = last;
          ++each.statements;
          first = false;
        } else if (is_extreme_branch(node)) {
          walk(node.body);
          continue;
        } else {
          for (const Term& term : terms_read(node)) right = right && !loop::mentions(term, each.array);
        }
        if (node.kind == Node::Kind::loop) right = right && !written_arrays(node.body).count(each.array);
        walk(node.body);
        walk(node.otherwise);
      }
    };
    walk(body_);
    const bool known = each.op.empty() || each.op == "+" || each.op == "min" || each.op == "max" ||
                       (!is_real(each.type) && (each.op == "&" || each.op == "|" || each.op == "^"));
    return right && known && each.statements > 0;
  }

  /// What an update takes up; `op` is the reduction's.
  std::optional<Term> taken(const Node& node, const std::string& op) const {
    const Term &x = node.target, &value = node.value.kind == Term::Kind::convert ? node.value.terms[0] : node.value;
    if (op == "+") {
      const auto form =
          affine_form(value, 1, [&](const Term& part) { return part == x ? std::optional<std::size_t>(0) : std::nullopt; });
      return form && is_one(form->factors[0]) ? form->rest : std::nullopt;
    }
    if (!loop::mentions(value, x.text))
      return op == "min" || op == "max" ? std::optional(value) : std::nullopt;  // under its branch
    if (value.terms.size() == 2 && (value.terms[0] == x || value.terms[1] == x)) {
      const bool call = value.kind == Term::Kind::call && (value.text == "f" + op || value.text == "f" + op + "f");
      const Term& other = value.terms[value.terms[0] == x ? 1 : 0];
      if (call || (value.kind == Term::Kind::binary && value.text == op)) return other;
    }
    if (value.kind == Term::Kind::choose && (value.terms[1] == x) != (value.terms[2] == x)) {
      const bool takes = value.terms[2] == x;  // the value where the condition holds
      const Term& other = value.terms[takes ? 1 : 2];
      if (picks(value.terms[0], other, x) == (takes ? op : op == "max" ? "min" : "max")) return other;
    }
    return std::nullopt;
  }

  /// "max" where the condition says that the value is beyond x, "min" where it is below; else nothing.
  static std::string picks(const Term& condition, const Term& value, const Term& x) {
    if (condition.kind != Term::Kind::binary || condition.terms.size() != 2) return {};
    const bool less = condition.text == "<" || condition.text == "<=",
               greater = condition.text == ">" || condition.text == ">=";
    if (!less && !greater) return {};
    if (condition.terms[0] == value && condition.terms[1] == x) return greater ? "max" : "min";
    if (condition.terms[0] == x && condition.terms[1] == value) return greater ? "min" : "max";
    return {};
  }

  /// x = x op value, with the value of the array's type, or of another that changes nothing at each step.
  bool is_update(const Node& node, const loop::Reduction& reduction) const {
    const auto value = taken(node, reduction.op);
    if (!value || loop::mentions(*value, node.target.text)) return false;
    const bool real = is_real(node.target.type);
    if (real != is_real(value->type)) return real && reduction.op == "+";
    return (reduction.op != "min" && reduction.op != "max") || value->type == node.target.type;
  }

  /// `if (value > x) x = value;`
  bool is_extreme_branch(const Node& node) const {
    if (node.kind != Node::Kind::branch || node.body.size() != 1 || !node.otherwise.empty() || node.condition.terms.size() != 2)
      return false;
    const Node& inner = node.body[0];
    const loop::Reduction* reduction = inner.kind == Node::Kind::assign ? reduction_of(inner) : nullptr;
    if (!reduction || (reduction->op != "min" && reduction->op != "max")) return false;
    return picks(node.condition, inner.value, inner.target) == reduction->op;
  }

  /// Whether an extremum becomes a later one that equals it.
  bool takes_equals(const Node& update) const {
    const auto equal = [](const Term& condition) { return condition.text.ends_with('='); };
    if (update.value.kind == Term::Kind::choose)  // x > value ? x : value too
      return equal(update.value.terms[0]) == (update.value.terms[2] == update.target);
    bool found = false;
    loop::for_each_node(body_, [&](const Node& node) {
      if (is_extreme_branch(node) && node.body[0].id == update.id) found = equal(node.condition);
    });
    return found;
  }

  /// All else that is written is each iteration's own.
  bool others_are_private() const {
    bool right = true;
    const Names written = written_arrays(body_);
    const Node& innermost = inner_ ? *inner_ : nest_.outer.back();
    std::vector<Term> writes, all;
    loop::for_each_node(body_, [&](const Node& node) {
      const bool element = node.kind == Node::Kind::assign && node.target.kind == Term::Kind::element;
      if (element && !meeting(node.target.text)) writes.push_back(node.target);
      for (const Term& term : terms_read(node))
        loop::for_each(term, [&](const Term& part) {
          if (part.kind == Term::Kind::element && written.count(part.text) && !meeting(part.text)) all.push_back(part);
        });
    });
    if (!writes.empty() && (nest_.outer.size() > 1 || inner_)) return false;
    all.insert(all.end(), writes.begin(), writes.end());
    for (const Term& write : writes)
      for (const Term& other : all) {
        if (other.text != write.text) continue;
        const Apart at = apart(other, write, innermost.variable, innermost.step, work_.assumed);
        right = right && at.kind == Apart::Kind::iterations && at.iterations == 0 &&
                !intersect(scalars_of(other), assigned_scalars(body_));
      }
    return right && first_pass_reads_nothing_written();
  }

  /// The first pass leaves out all writes, so it must not need one.
  bool first_pass_reads_nothing_written() const {
    if (!two_passes()) return true;
    bool right = true;
    const Names written = written_arrays(body_);
    loop::for_each_node(pass(body_, 1), [&](const Node& node) {
      if (places_.count(node.id)) return;
      for (const Term& term : terms_read(node)) right = right && !intersect(arrays_of(term), written);
    });
    for (const auto& [id, text] : places_) (void)id;
    loop::for_each_node(body_, [&](const Node& node) {
      if (node.kind != Node::Kind::assign || !meeting(node.target.text)) return;
      right = right && !intersect(arrays_of(node.target.terms.empty() ? Term{} : node.target.terms[0]), written);
      const Meeting& each = *meeting(node.target.text);
      if (each.summed() || each.extreme()) right = right && !intersect(arrays_of(*taken(node, each.op)), written);
    });
    return right;
  }

  bool two_passes() const {
    return std::any_of(meetings_.begin(), meetings_.end(),
                       [](const Meeting& each) { return each.op.empty() || each.summed() || each.extreme(); });
  }

  // ---- Text. A statement that C has no words for stands in the nest as the assignment to a place, until it is printed.

  std::string scratch(const char* what, const Meeting& each) const {
    return fmt::format("{}_{}_{}_", each.array, what, work_.tag);
  }

  Node place(const Node& node, std::string text) const {
    Node stand;
    stand.id = node.id;
    stand.target = loop::scalar(fmt::format("place_{}_", node.id), ScalarType::i32);
    stand.value = loop::integer(0);
    places_[node.id] = std::move(text);
    return stand;
  }

  std::vector<Node> pass(const std::vector<Node>& nodes, int which) const {
    std::vector<Node> out;
    for (const Node& node : nodes) {
      const bool element = node.kind == Node::Kind::assign && node.target.kind == Term::Kind::element;
      const Node& update = is_extreme_branch(node) ? node.body[0] : node;
      const Meeting* each = element || &update != &node ? meeting(update.target.text) : nullptr;
      if (each) {
        const std::string text = which == 1 ? first_text(*each, update) : second_text(*each, update);
        if (!text.empty()) out.push_back(place(update, text));
        continue;
      }
      if (element && which == 1) continue;
      Node copy = node;
      copy.body = pass(node.body, which);
      copy.otherwise = pass(node.otherwise, which);
      const bool nest = node.kind == Node::Kind::loop || node.kind == Node::Kind::branch;
      if (!nest || !copy.body.empty() || !copy.otherwise.empty()) out.push_back(std::move(copy));
    }
    return out;
  }

  std::string at(const Node& node) const { return "(" + loop::c_text(node.target.terms[0]) + ")"; }

  /// Rises with the iterations, and within one with its statements.
  std::string number(const Meeting& each, const Node& node, bool in_brackets = false) const {
    int before = 0;
    loop::for_each_node(body_, [&](const Node& other) {
      before += other.kind == Node::Kind::assign && other.target.text == each.array && other.id < node.id;
    });
    return fmt::format("{}number_ * {} + {}{}", in_brackets ? "(" : "", each.statements, before + 1, in_brackets ? ")" : "");
  }

  std::string first_text(const Meeting& each, const Node& node) const {
    if (each.op.empty()) return fmt::format("atomicMax({} + {}, {});", scratch("owner", each), at(node), number(each, node));
    if (each.summed())
      return fmt::format("ak::Fixed::peak({} + {}, ({})({}));", scratch("peak", each), at(node), loop::c_name(each.type),
                         loop::c_text(*taken(node, each.op)));
    if (each.extreme())
      return fmt::format("ak::note_zero({} + {}, {}, {}{});", scratch("zero", each), at(node),
                         loop::c_text(*taken(node, each.op)), each.last ? "" : "ak::kLast - ", number(each, node, !each.last));
    return {};
  }

  std::string second_text(const Meeting& each, const Node& node) const {
    if (each.op.empty())
      return fmt::format("if ({}[{}] == {}) {} = {};", scratch("owner", each), loop::c_text(node.target.terms[0]),
                         number(each, node), loop::c_text(node.target), loop::c_text(node.value));
    const std::string value = loop::c_text(*taken(node, each.op));
    const auto type = loop::c_name(each.type);
    if (each.summed()) {
      const std::string peak = scratch("peak", each), sum = scratch("sum", each);
      return fmt::format(
          "{{ const long long at_ = {0}; if (ak::Fixed::finite({1}[at_])) fixed_.add({2} + 2 * at_, fixed_.shift({1}[at_]), "
          "{3}); "
          "else atomicAdd({4} + at_, ({5})({3})); }}",
          at(node), peak, sum, value, each.array, type);
    }
    if (each.extreme())
      return fmt::format("{{ const long long at_ = {0}; ak::atomic_{1}({2} + at_, {3}, {4}[at_], {5}); }}", at(node), each.op,
                         each.array, value, scratch("zero", each), each.last);
    const std::string to = fmt::format("{} + {}", each.array, at(node));
    const std::string share = fmt::format("share_ + {}", at(node));
    if (!gathers_) return atomic_text(each, to, value);
    return fmt::format("if (fits_) {} else {}", atomic_text(each, share, value), atomic_text(each, to, value));
  }

  static std::string atomic_text(const Meeting& each, const std::string& to, const std::string& value) {
    if (each.op == "min" || each.op == "max")
      return fmt::format("atomic{}({}, {});", each.op == "min" ? "Min" : "Max", to, value);
    const char* name = each.op == "+" ? "Add" : each.op == "&" ? "And" : each.op == "|" ? "Or" : "Xor";
    if (each.type == ScalarType::i64)
      return fmt::format("atomic{}(ak::as<unsigned long long>({}), (unsigned long long)(long long)({}));", name, to, value);
    return fmt::format("atomic{}({}, (int)({}));", name, to, value);
  }

  std::string printed(const std::vector<Node>& nodes, int indent) const {
    std::string text = statements(nodes, indent);
    for (const auto& [id, words] : places_) {
      const std::string stand = fmt::format("place_{}_ = 0;", id);
      for (std::size_t at = text.find(stand); at != text.npos; at = text.find(stand, at + words.size()))
        text.replace(at, stand.size(), words);
    }
    return text;
  }

  std::string terms() const {
    int most = 1;
    for (const Meeting& each : meetings_) most = std::max(most, each.statements);
    std::string count = "rows_";
    std::string text;
    if (inner_) {
      count = "rows_ * most_";
      text = "  long long most_ = 0;\n  if (rows_ > 0) {\n    const long long ends_[] = {0, rows_ - 1};\n";
      text += "    for (const long long row_ : ends_) {\n" + in_row(nest_, "row_", 6);
      text += fmt::format("      const long long cols_ = {};\n      most_ = cols_ > most_ ? cols_ : most_;\n    }}\n  }}\n",
                          trips_text(*inner_));
    }
    return text +
           fmt::format("  ak::Fixed fixed_ = {{1}};\n  while ({} * {} >> fixed_.terms > 0) ++fixed_.terms;\n", count, most);
  }

  std::string iterations(int which) const {
    std::string text = opening(work_) + count_rows(nest_);
    if (which == 2 && sums()) text += terms();
    if (packs_) return opening(work_) + gathered(rows_of_packs());
    places_.clear();
    const std::vector<Node> nodes = pass(body_, which);
    if (!inner_) {
      std::string rows = "  for (long long number_ = ak::thread(); number_ < rows_; number_ += ak::threads()) {\n";
      rows += in_row(nest_, "number_", 4) + printed(nodes, 4) + "  }\n";
      return text + (gathers_ ? gathered(rows) : rows);
    }
    text += "  for (long long row_ = blockIdx.x; row_ < rows_; row_ += gridDim.x) {\n" + in_row(nest_, "row_", 4);
    text += fmt::format("    const long long cols_ = {};\n", trips_text(*inner_));
    text += "    for (long long col_ = threadIdx.x; col_ < cols_; col_ += blockDim.x) {\n";
    text += fmt::format("      {}\n      const long long number_ = (row_ << 32) + col_;\n", variable_text(*inner_, "col_"));
    return text + printed(nodes, 6) + "    }\n  }\n";
  }

  std::string rows_of_packs() const {
    Sweep sweep;
    sweep.col = nest_.outer[0];
    const Iteration iteration = [&](int indent, bool packed) {
      places_.clear();
      return printed(pass(packed ? packs_->lane(body_) : body_, 2), indent);
    };
    return sweep_text(sweep, iteration, {}, packs_);
  }

  /// The rows, around which a block's share begins with nothing and is handed over in the end.
  std::string gathered(const std::string& rows) const {
    const Meeting& each = meetings_[0];
    const std::string all = "(" + loop::c_text(each.extent) + ")";
    const auto over = [&](const std::string& what) {
      return fmt::format("  for (long long at_ = fits_ ? threadIdx.x : {0}; at_ < {0}; at_ += blockDim.x) {1}\n", all, what);
    };
    std::string text = fmt::format("  __shared__ {0} share_[{1}];\n  const bool fits_ = {2} <= {1};\n", loop::c_name(each.type),
                                   kGathered, all);
    text += over(fmt::format("share_[at_] = {};", nothing(each))) + "  __syncthreads();\n";
    text += rows + "  __syncthreads();\n";
    return text + over(fmt::format("if (share_[at_] != {}) {}", nothing(each),
                                   atomic_text(each, fmt::format("{} + at_", each.array), "share_[at_]")));
  }

  /// What changes nothing.
  static std::string nothing(const Meeting& each) {
    const bool wide = each.type == ScalarType::i64;
    const std::string least = wide ? "(-9223372036854775807LL - 1)" : "(-2147483647 - 1)";
    if (each.op == "&") return "-1";
    if (each.op == "max") return least;
    return each.op == "min" ? wide ? "9223372036854775807LL" : "2147483647" : "0";
  }

  bool sums() const {
    return std::any_of(meetings_.begin(), meetings_.end(), [](const Meeting& each) { return each.summed(); });
  }

  Stage stage(int block) const {
    Stage stage;
    stage.template_name = "scatter";
    stage.knobs = {{"block", block}};
    if (gathers_) stage.knobs["gathers"] = 1;
    if (packs_) stage.knobs["vector"] = 1, stage.knobs["unroll"] = packs_->at_once();
    const auto kernel = [&](std::string body, const Term& count) {
      Kernel one;
      one.body = std::move(body);
      const int each = block * (packs_ ? packs_->at_once() * packs_->count() : 1);
      const Term wide = loop::integer(each, ScalarType::i64), more = loop::integer(each - 1, ScalarType::i64);
      one.blocks = loop::binary("/", loop::binary("+", count, more), wide);
      if (gathers_) {
        const Term most = loop::binary("*", loop::scalar(loop::kSms, ScalarType::i32), loop::integer(kBlocksOfSm));
        one.blocks = {Term::Kind::choose, ScalarType::i64, {}, {loop::binary("<", one.blocks, most), one.blocks, most}};
      }
      one.threads = block;
      one.strides = true;
      stage.kernels.push_back(std::move(one));
    };
    Term count = loop::convert(ScalarType::i64, row_count(work_, nest_));
    if (inner_) count = loop::binary("*", std::move(count), loop::integer(block));  // a block to a row
    for (const Meeting& each : meetings_) {
      const bool wide = each.type == ScalarType::f64;
      if (each.op.empty()) stage.scratch.push_back({scratch("owner", each), ScalarType::i64, each.extent, true});
      if (each.summed()) {
        stage.scratch.push_back({scratch("peak", each), wide ? ScalarType::i64 : ScalarType::i32, each.extent, true});
        stage.scratch.push_back({scratch("sum", each), ScalarType::i64,
                                 loop::binary("*", loop::convert(ScalarType::i64, each.extent), loop::integer(2)), true});
      }
      if (each.extreme()) stage.scratch.push_back({scratch("zero", each), ScalarType::i64, each.extent, true});
      stage.same_bits = stage.same_bits && !each.summed();
    }
    if (two_passes()) kernel(iterations(1), count);
    kernel(iterations(2), count);
    for (const Meeting& each : meetings_) {
      if (!each.summed()) continue;
      std::string text = opening(work_) + count_rows(nest_) + terms();
      text +=
          fmt::format("  for (long long at_ = ak::thread(); at_ < ({}); at_ += ak::threads())\n", loop::c_text(each.extent));
      text += fmt::format("    if ({0}[at_] > 0 && ak::Fixed::finite({0}[at_]))\n", scratch("peak", each));
      text += fmt::format("      {0}[at_] = ({1})({0}[at_] + fixed_.total({2} + 2 * at_, fixed_.shift({3}[at_])));\n",
                          each.array, loop::c_name(each.type), scratch("sum", each), scratch("peak", each));
      kernel(std::move(text), loop::convert(ScalarType::i64, each.extent));
    }
    return stage;
  }

  const Work& work_;
  Rows nest_;                  // outer: all loops
  std::optional<Node> inner_;  // but the last one, where its bounds move with the one around it
  std::vector<Node> body_;
  std::vector<Meeting> meetings_;
  bool gathers_ = false;
  const Packs* packs_ = nullptr;  // of those that gather: what a thread takes at once
  mutable std::map<int, std::string> places_;
};

}  // namespace

std::vector<Stage> scatter_stages(const Work& work) {
  if (!work.setting.restricted || work.group.loops.empty() || work.group.loops.back().role != Role::scatter) return {};
  return Scatter(work).stages();
}

std::vector<Stage> meeting_stages(const Work& work) {
  if (!work.setting.restricted || work.group.loops.empty()) return {};
  return Scatter(work).stages();
}

}  // namespace ak::port
