#include "port/templates/carried.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "port/templates/affine_steps.hpp"
#include "port/templates/emit.hpp"
#include "port/templates/linear.hpp"

namespace ak::port {

using loop::Node;
using loop::Note;
using loop::Term;

namespace {

const char* scan_functor(const std::string& op) {
  struct Row {
    const char *op, *functor;
  };
  constexpr Row kRows[] = {{"min", "Min"}, {"max", "Max"}, {"*", "Multiply"}, {"&", "And"}, {"|", "Or"}, {"^", "Xor"}};
  for (const Row& row : kRows)
    if (row.op == op) return row.functor;
  return nullptr;
}

constexpr std::size_t kMostTogether = 2;  // values of one law: the state of a scan is as many words as its square and more

class Division {
 public:
  Division(const Work& work, const Node& loop) : work_(work), loop_(loop) {
    read_again();
    pass_on();
  }

  std::optional<Phases> divide() {
    if (has_exit(loop_.body)) return std::nullopt;
    for (const Note& note : work_.group.notes)
      if (note.kind == Note::Kind::output || (note.kind == Note::Kind::expand && !note.distance)) return std::nullopt;
    if (!find_carried() || !share_scalars() || !share_arrays()) return std::nullopt;
    if (!slice()) return std::nullopt;
    phases_.first = first(loop_.body);
    phases_.second = second(loop_.body);
    return std::move(phases_);
  }

 private:
  /// What the iteration before has read, and kept in a scalar, an iteration reads for itself where nothing overwrites it.
  void read_again() {
    for (const std::int64_t distance : {1, 2})
      for (const Note& note : work_.group.notes)
        if (note.kind == Note::Kind::expand && note.distance == distance) read_again(note.name);
  }

  void read_again(const std::string& name) {
    const std::vector<const Node*> all = assignments_of(name);
    if (all.size() != 1) return;
    const Node set = *all[0];
    const auto at = std::ranges::find(loop_.body, set.id, &Node::id);
    const auto value = at == loop_.body.end() ? std::nullopt : of_variable(set.value, set.id);
    bool before = true;
    loop::for_each_node(loop_.body, [&](const Node& node) {
      for (const Term& term : terms_read(node)) before = before && (node.id <= set.id || !loop::mentions(term, name));
    });
    if (!value || !before) return;
    const Term variable = loop::scalar(loop_.variable, loop_.variable_type);
    const Term earlier = loop::binary("-", variable, loop::integer(loop_.step));
    Term again = loop::replace(*value, [&](const Term& part) { return part == variable ? std::optional(earlier) : std::nullopt; });
    if (again.type != set.target.type) again = loop::convert(set.target.type, again);
    const Term is_first = loop::binary("==", variable, loop_.begin);
    loop_.body.erase(at);
    loop_.body = replace_reads(std::move(loop_.body), [&](const Term& part) -> std::optional<Term> {
      if (part.kind != Term::Kind::scalar || part.text != name) return std::nullopt;
      return Term{Term::Kind::choose, part.type, "", {is_first, part, again}};
    });
    again_.insert(name);
  }

  /// A term over the loop's variable, what the loop leaves alone, and scalars that the iteration has made of these before.
  std::optional<Term> of_variable(const Term& term, int before) const {
    bool known = true;
    const Names written = written_arrays(loop_.body), moving = assigned_scalars(loop_.body);
    Term value = loop::replace(term, [&](const Term& part) -> std::optional<Term> {
      if (part.kind == Term::Kind::element) known = known && !written.count(part.text);
      if (part.kind != Term::Kind::scalar || !moving.count(part.text)) return std::nullopt;
      const auto at = std::ranges::find_if(loop_.body, [&](const Node& node) {
        return node.kind == Node::Kind::assign && node.target.kind == Term::Kind::scalar && node.target.text == part.text;
      });
      known = known && assignments_of(part.text).size() == 1 && at != loop_.body.end() && at->id < before;
      const auto definition = known ? of_variable(at->value, at->id) : std::nullopt;
      known = known && definition && definition->type == part.type;
      return known ? definition : std::nullopt;
    });
    return known ? std::optional(value) : std::nullopt;
  }

  /// What an iteration writes and reads again passes on in a scalar, so that a first phase may have it that writes nothing.
  void pass_on() {
    loop_.body = numbered(loop_.body);
    for (std::size_t i = 0; i < loop_.body.size(); ++i) {
      const Node node = loop_.body[i];
      const Names moving = assigned_scalars(loop_.body);
      if (node.kind != Node::Kind::assign || node.target.kind != Term::Kind::element || is_recurrence(node.target.text) ||
          assignments_of(node.target.text).size() != 1 || intersect(scalars_of(node.target), moving))
        continue;
      const Term now = loop::scalar(node.target.text + "_now_", node.target.type);
      bool read = false;
      std::vector<Node> later(loop_.body.begin() + static_cast<std::ptrdiff_t>(i) + 1, loop_.body.end());
      later = replace_reads(std::move(later), [&](const Term& part) {
        if (part != node.target) return std::optional<Term>();
        read = true;
        return std::optional(now);
      });
      if (!read) continue;
      Node set = node, store = node;
      set.id = node.id - 1;
      set.target = now;
      store.value = now;
      loop_.body.resize(i);
      loop_.body.insert(loop_.body.end(), {set, store});
      loop_.body.insert(loop_.body.end(), later.begin(), later.end());
      phases_.locals.push_back({now.text, now.type, {}});
      ++i;
    }
  }

  /// With a number free before each.
  static std::vector<Node> numbered(std::vector<Node> nodes) {
    for (Node& node : nodes) {
      node.id *= 2;
      node.body = numbered(std::move(node.body));
      node.otherwise = numbered(std::move(node.otherwise));
    }
    return nodes;
  }

  bool is_recurrence(const std::string& name) const {
    const auto& all = work_.group.recurrences;
    return std::any_of(all.begin(), all.end(), [&](const loop::Recurrence& one) { return one.target == name; });
  }

  /// Nothing is said of subscripts that change within an iteration.
  Apart distance(const Term& read, const Term& write) const {
    Names moving = assigned_scalars(loop_.body);
    loop::for_each_node(loop_.body, [&](const Node& node) {
      if (node.kind == Node::Kind::loop) moving.insert(node.variable);
    });
    if (intersect(scalars_of(read), moving) || intersect(scalars_of(write), moving)) return {};
    return apart(read, write, loop_.variable, loop_.step, work_.assumed);
  }

  // ---- What is carried, and by which law.

  bool find_carried() {
    for (const loop::Recurrence& recurrence : work_.group.recurrences)
      if (!(is_array(recurrence.target) ? add_array(recurrence) : add_recurrent(recurrence))) return false;
    for (const loop::Counter& counter : work_.group.counters)
      if (!add_scalars({counter.name})) return false;
    for (const Note& note : work_.group.notes)
      if (note.kind == Note::Kind::expand && note.distance == 1 && !again_.count(note.name) && !add_held(note.name))
        return false;
    for (const Note& note : work_.group.notes)
      if (note.kind == Note::Kind::expand && !again_.count(note.name) && !is_carried(note.name)) return false;
    return !phases_.carried.empty();
  }

  bool is_carried(const std::string& name) const {
    return std::ranges::any_of(phases_.carried, [&](const Carried& one) { return one.is(loop::scalar(name, one.target.type)); });
  }

  /// What one iteration leaves the next takes, and hands it on perhaps.
  bool add_held(const std::string& name) {
    if (is_carried(name)) return true;
    std::vector<std::string> names{name};
    for (const Note& note : work_.group.notes)
      if (note.kind == Note::Kind::expand && note.distance == 2)
        for (const Node* statement : assignments_of(note.name))
          if (statement->value.kind == Term::Kind::scalar && statement->value.text == name) names.push_back(note.name);
    return add_scalars(names) && phases_.carried.back().law == Carried::Law::hold;
  }

  bool is_array(const std::string& name) const { return written_arrays(loop_.body).count(name) > 0; }

  std::vector<const Node*> assignments_of(const std::string& name) const {
    std::vector<const Node*> all;
    loop::for_each_node(loop_.body, [&](const Node& node) {
      if (node.kind == Node::Kind::assign && node.target.text == name) all.push_back(&node);
    });
    return all;
  }

  /// Whether an extremum becomes a later one that equals it.
  bool takes_equals(const Node& statement) const {
    const auto ends = [](const Term& condition) { return condition.text == "<=" || condition.text == ">="; };
    if (statement.value.kind == Term::Kind::choose) return ends(statement.value.terms[0]);
    bool found = false;
    loop::for_each_node(loop_.body, [&](const Node& node) {
      if (node.kind == Node::Kind::branch && !node.body.empty() && node.body[0].id == statement.id)
        found = ends(node.condition);
    });
    return found;
  }

  bool by_operator(Carried carried, const loop::Recurrence& recurrence, const Node& statement) {
    const char* name = scan_functor(recurrence.op);
    if (!name || !recurrence.constant) return false;
    carried.law = Carried::Law::extreme;
    carried.op = name;
    carried.type = statement.target.type;
    // What is rounded to another type at every step is no extremum of the unrounded ones.
    if (recurrence.constant->type != carried.type && recurrence.op != "*") return false;
    if (is_real(recurrence.constant->type) != is_real(carried.type)) return false;
    // `x > c ? x : c` starts anew at every c that is no number.
    const Term& value = statement.value;
    if (is_real(carried.type) && value.kind == Term::Kind::choose && found(carried, value.terms[1])) return false;
    if (is_real(carried.type) && carried.op != "Multiply" && takes_equals(statement)) carried.op = "Last" + carried.op;
    carried.takes_number = is_real(carried.type) && value.kind == Term::Kind::call;
    constants_.emplace(carried.name, *recurrence.constant);
    phases_.carried.push_back(std::move(carried));
    return true;
  }

  bool add_recurrent(const loop::Recurrence& recurrence) {
    if (recurrence.op.empty()) {
      std::vector<std::string> names{recurrence.target};
      names.insert(names.end(), recurrence.with.begin(), recurrence.with.end());
      return add_scalars(names);
    }
    const std::vector<const Node*> statements = assignments_of(recurrence.target);
    if (statements.size() != 1 || recurrence.distances != std::vector<std::int64_t>{1}) return false;
    return by_operator(scalars({recurrence.target}), recurrence, *statements[0]);
  }

  /// Without values where one of them is never set.
  Carried scalars(const std::vector<std::string>& names) const {
    Carried carried;
    for (const std::string& name : names) {
      const std::vector<const Node*> statements = assignments_of(name);
      if (statements.empty() || statements[0]->target.kind != Term::Kind::scalar) return {};
      carried.values.push_back(statements[0]->target);
      if (carried.values.back().type != carried.values.front().type) return {};
    }
    carried.name = names[0];
    carried.target = carried.values[0];
    return carried;
  }

  bool add_scalars(const std::vector<std::string>& names) {
    const Carried carried = scalars(names);
    return !carried.values.empty() && names.size() <= kMostTogether && add_affine(carried);
  }

  bool add_affine(const Carried& carried) {
    AffineSteps steps(loop_.body, carried, [this, carried](const Term& term) { return found(carried, term); });
    const auto known = steps.carried();
    if (!known) return false;
    phases_.carried.push_back(*known);
    steps_.emplace(carried.name, std::move(steps));
    return true;
  }

  bool add_array(const loop::Recurrence& recurrence) {
    const std::vector<const Node*> statements = assignments_of(recurrence.target);
    const bool at_top = statements.size() == 1 && std::any_of(loop_.body.begin(), loop_.body.end(),
                                                              [&](const Node& node) { return node.id == statements[0]->id; });
    if (!at_top || recurrence.distances.empty()) return false;
    const auto moves = coefficient_of(linear(statements[0]->target.terms[0]), loop_.variable);
    if (!moves || !never_zero(*moves, work_.assumed)) return false;
    if (recurrence.distances.size() == 1) find_only_read(*statements[0]);
    Carried carried;
    carried.name = recurrence.target;
    carried.target = statements[0]->target;
    carried.distance = recurrence.distances[0];
    carried.values.assign(recurrence.distances.size(), carried.target);
    for (std::size_t i = 0; i < recurrence.distances.size(); ++i)
      if (recurrence.distances[i] != static_cast<std::int64_t>(i + 1) * carried.distance) return false;
    if (carried.values.size() > kMostTogether) return false;
    if (!recurrence.op.empty()) return carried.values.size() == 1 && by_operator(carried, recurrence, *statements[0]);
    return add_affine(carried);
  }

  /// Where subscripts do not tell a distance, but what parameters are does: of a recurrence at one distance, the one read of
  /// the array beside its own element.
  void find_only_read(const Node& statement) {
    std::vector<Term> reads;
    loop::for_each_node(loop_.body, [&](const Node& node) {
      for (const Term& term : terms_read(node))
        loop::for_each(term, [&](const Term& part) {
          if (part.kind == Term::Kind::element && part.text == statement.target.text && part != statement.target)
            reads.push_back(part);
        });
    });
    Names moving = assigned_scalars(loop_.body);
    if (reads.size() == 1 && !intersect(scalars_of(reads[0]), moving) && !intersect(scalars_of(statement.target), moving) &&
        arrays_of(reads[0].terms[0]).empty() && factor_of(linear(reads[0].terms[0]), loop_.variable).value_or(0) != 0)
      only_read_ = reads[0];
  }

  /// Which of the values that the iteration finds.
  std::optional<std::size_t> found(const Carried& carried, const Term& term) const {
    if (!carried.is(term)) return std::nullopt;
    if (!carried.array()) {
      const auto same = [&](const Term& one) { return one.text == term.text; };
      return static_cast<std::size_t>(std::ranges::find_if(carried.values, same) - carried.values.begin());
    }
    const Apart at = distance(term, carried.target);
    if (at.kind == Apart::Kind::unknown && only_read_ == term) return 0;
    if (at.kind != Apart::Kind::iterations || at.iterations >= 0 || at.iterations % carried.distance != 0) return std::nullopt;
    const auto index = static_cast<std::size_t>(-at.iterations / carried.distance - 1);
    return index < carried.values.size() ? std::optional(index) : std::nullopt;
  }

  bool finds(const Term& term) const {
    bool any = false;
    loop::for_each(term, [&](const Term& part) {
      for (const Carried& carried : phases_.carried) any = any || depends_on(carried, part);
    });
    return any;
  }
  /// On what the iteration finds, or on what it leaves.
  bool depends_on(const Carried& carried, const Term& part) const {
    if (!carried.is(part)) return false;
    if (!carried.array()) return true;
    const Apart at = distance(part, carried.target);
    return at.kind != Apart::Kind::iterations || at.iterations < 0;
  }

  const Carried* carried_by(const Node& node) const {
    if (node.kind != Node::Kind::assign) return nullptr;
    for (const Carried& carried : phases_.carried)
      if (carried.is(node.target)) return &carried;
    return nullptr;
  }

  // ---- What iterations share.

  bool share_scalars() const {
    for (const std::string& scalar : scalar_flow(loop_.body).exposed) {
      if (!is_carried(scalar) && assigned_scalars(loop_.body).count(scalar)) return false;
    }
    return true;
  }

  bool noted(const std::string& array) const {
    const auto& notes = work_.group.notes;
    return std::any_of(notes.begin(), notes.end(),
                       [&](const Note& note) { return note.kind == Note::Kind::anti && note.name == array; });
  }

  /// Every read of an array that the loop writes is of the iteration's own element, or of what it finds, or is saved.
  bool share_arrays() {
    const Names written = written_arrays(loop_.body);
    bool right = true;
    loop::for_each_node(loop_.body, [&](const Node& node) {
      for (const Term& term : terms_read(node))
        loop::for_each(term, [&](const Term& part) {
          if (part.kind == Term::Kind::element && written.count(part.text)) right = right && share(node, part);
        });
    });
    return right;
  }

  bool share(const Node& reader, const Term& read) {
    for (const Carried& carried : phases_.carried)
      if (carried.array() && found(carried, read)) return true;  // the second phase has it in a register
    bool save = false;
    for (const Node* write : assignments_of(read.text)) {
      const Apart at = distance(read, write->target);
      if (at.kind == Apart::Kind::never || (at.kind == Apart::Kind::iterations && at.iterations == 0)) continue;
      if (at.kind == Apart::Kind::iterations && at.iterations < 0) return false;
      if (at.kind == Apart::Kind::unknown && (!noted(read.text) || reader.id > write->id)) return false;
      // Later iterations wait for earlier ones of their own scan alone.
      const std::int64_t scans = phases_.carried[0].distance;
      if (scans > 1 && (at.kind == Apart::Kind::unknown || at.iterations % scans != 0)) return false;
      save = true;
    }
    return !save || add_saved(reader, read);
  }

  bool add_saved(const Node& reader, const Term& read) {
    if (reader.kind == Node::Kind::loop || inside_loop(reader.id)) return false;
    bool nested = finds(read.terms[0]);
    for (const Term& term : read.terms) loop::for_each(term, [&](const Term& part) { nested = nested || is_written(part); });
    if (nested) return false;
    const auto same = std::find_if(saves_.begin(), saves_.end(), [&](const auto& save) {
      return save.first == reader.id && phases_.saved[save.second].read == read;
    });
    if (same != saves_.end()) return true;
    saves_.emplace_back(reader.id, phases_.saved.size());
    phases_.saved.push_back({read, fmt::format("{}_saved{}_", read.text, phases_.saved.size())});
    return true;
  }

  bool is_written(const Term& part) const {
    return part.kind == Term::Kind::element && written_arrays(loop_.body).count(part.text) > 0;
  }

  bool inside_loop(int id) const {
    bool found = false;
    loop::for_each_node(loop_.body, [&](const Node& node) {
      if (node.kind == Node::Kind::loop)
        loop::for_each_node(node.body, [&](const Node& inner) { found = found || inner.id == id; });
    });
    return found;
  }

  // ---- The first phase: the steps, the saved reads, and the scalars that they need.

  bool slice() {
    for (bool grown = true; grown;) {
      grown = false;
      const Names wanted = scalar_flow(first(loop_.body)).exposed;
      loop::for_each_node(loop_.body, [&](const Node& node) {
        if (node.kind == Node::Kind::assign && node.target.kind == Term::Kind::scalar && !carried_by(node) &&
            wanted.count(node.target.text))
          grown = needed_.insert(node.id).second || grown;
      });
    }
    return is_first_phase(first(loop_.body));
  }

  /// Whether nothing of it is known only after earlier iterations, or written before in the iteration.
  bool is_first_phase(const std::vector<Node>& nodes) const {
    bool right = true;
    loop::for_each_node(nodes, [&](const Node& node) {
      right = right && (node.kind != Node::Kind::assign || node.target.kind == Term::Kind::scalar);
      for (const Term& term : terms_read(node)) {
        right = right && !finds(term);
        loop::for_each(term, [&](const Term& part) {
          if (is_written(part))
            for (const Node* write : assignments_of(part.text))
              right = right && node.id <= write->id && !inside_loop(write->id);
        });
      }
    });
    return right;
  }

  std::vector<Node> first(const std::vector<Node>& nodes) const {
    std::vector<Node> out;
    for (const Node& node : nodes) {
      for (const auto& [reader, index] : saves_)
        if (reader == node.id) {
          const Saved& saved = phases_.saved[index];
          out.push_back(assigned(node.id, saved.slot(), saved.read.type, saved.read));
        }
      for (const auto& [name, steps] : steps_)
        if (steps.takes_part(node)) std::ranges::move(steps.step(node), std::back_inserter(out));
      if (const Carried* carried = carried_by(node)) {
        if (carried->law == Carried::Law::extreme) append_extreme(out, *carried, node.id);
      } else if (node.kind == Node::Kind::branch && is_extreme_step(node)) {
        append_extreme(out, *carried_by(node.body[0]), node.body[0].id);
      } else if (node.kind != Node::Kind::assign || needed_.count(node.id)) {
        Node copy = node;
        copy.body = first(node.body);
        copy.otherwise = first(node.otherwise);
        if (node.kind == Node::Kind::assign || !copy.body.empty() || !copy.otherwise.empty()) out.push_back(std::move(copy));
      }
    }
    return out;
  }

  /// `if (c < x) x = c;`
  bool is_extreme_step(const Node& node) const {
    if (!finds(node.condition) || node.body.size() != 1 || !node.otherwise.empty()) return false;
    const Carried* carried = carried_by(node.body[0]);
    if (!carried || carried->law != Carried::Law::extreme || node.condition.terms.size() != 2) return false;
    const Term &a = node.condition.terms[0], &b = node.condition.terms[1], &step = constants_.at(carried->name);
    return (a == step && b == carried->target) || (b == step && a == carried->target);
  }

  void append_extreme(std::vector<Node>& out, const Carried& carried, int id) const {
    const Term& constant = constants_.at(carried.name);
    Node set = assigned(id, carried.step(), carried.type, constant);
    if (!is_real(constant.type) || carried.op == "Multiply") return out.push_back(std::move(set));
    Node if_number;  // else it takes no part
    if_number.kind = Node::Kind::branch;
    if_number.id = id;
    if_number.condition = loop::binary("==", constant, constant);
    if_number.body.push_back(std::move(set));
    out.push_back(std::move(if_number));
  }

  // ---- The second phase.

  std::vector<Node> second(std::vector<Node> nodes) const {
    std::vector<Node> out;
    for (Node& node : nodes) {
      const std::vector<Node> body = second(std::move(node.body)), otherwise = second(std::move(node.otherwise));
      node.body.clear();
      node.otherwise.clear();
      Node changed = replace_reads({node}, [&](const Term& part) { return known(node.id, part); })[0];
      changed.body = body;
      changed.otherwise = otherwise;
      out.push_back(std::move(changed));
    }
    return out;
  }

  std::optional<Term> known(int reader, const Term& part) const {
    for (const auto& [id, index] : saves_)
      if (id == reader && phases_.saved[index].read == part) return loop::scalar(phases_.saved[index].slot(), part.type);
    for (const Carried& carried : phases_.carried)
      if (carried.array())
        if (const auto index = found(carried, part))
          return loop::scalar(carried.found(*index), part.type);
    return std::nullopt;
  }

  const Work& work_;
  Node loop_;
  Phases phases_;
  std::optional<Term> only_read_;
  Names again_;                                     // scalars that are gone: what they were set to is read again
  std::map<std::string, Term> constants_;           // of operators
  std::map<std::string, AffineSteps> steps_;        // of all others
  std::vector<std::pair<int, std::size_t>> saves_;  // reader, index into phases_.saved
  std::set<int> needed_;                            // statements that set the first phase's scalars
};

}  // namespace

std::optional<Phases> phases_of(const Work& work, const Node& loop) { return Division(work, loop).divide(); }

}  // namespace ak::port
