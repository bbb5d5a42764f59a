#include "port/templates/carried.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "port/templates/affine_form.hpp"
#include "port/templates/emit.hpp"
#include "port/templates/linear.hpp"

namespace ak::port {

using loop::Node;
using loop::Note;
using loop::Term;

namespace {

Node assigned(int id, const std::string& scalar, loop::ScalarType type, Term value) {
  Node node;
  node.id = id;
  node.target = loop::scalar(scalar, type);
  node.value = value.type == type ? std::move(value) : loop::convert(type, std::move(value));
  return node;
}

/// What C rounds or cuts off at every step, a scan does at the end.
const Term& unrounded(const Term& term) {
  const bool same_kind = term.kind == Term::Kind::convert && is_real(term.type) == is_real(term.terms[0].type);
  return same_kind ? term.terms[0] : term;
}

const char* scan_functor(const std::string& op) {
  struct Row {
    const char *op, *functor;
  };
  constexpr Row kRows[] = {{"min", "Min"}, {"max", "Max"}, {"*", "Multiply"}, {"&", "And"}, {"|", "Or"}, {"^", "Xor"}};
  for (const Row& row : kRows)
    if (row.op == op) return row.functor;
  return nullptr;
}

class Division {
 public:
  Division(const Work& work, const Node& loop) : work_(work), loop_(loop) { pass_on(); }

  std::optional<Phases> divide() {
    if (has_exit(loop_.body)) return std::nullopt;
    for (const Note& note : work_.group.notes)
      if (note.kind == Note::Kind::output || (note.kind == Note::Kind::expand && note.distance != 1)) return std::nullopt;
    if (!find_carried() || !share_scalars() || !share_arrays()) return std::nullopt;
    if (!slice()) return std::nullopt;
    phases_.first = first(loop_.body);
    phases_.second = second(loop_.body);
    return std::move(phases_);
  }

 private:
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
      if (!(is_array(recurrence.target) ? add_array(recurrence) : add_scalar(recurrence.target, &recurrence))) return false;
    for (const loop::Counter& counter : work_.group.counters)
      if (!add_scalar(counter.name, nullptr)) return false;
    for (const Note& note : work_.group.notes)  // what one iteration leaves the next takes
      if (note.kind == Note::Kind::expand &&
          (!add_scalar(note.name, nullptr) || phases_.carried.back().law != Carried::Law::hold))
        return false;
    return !phases_.carried.empty();
  }

  bool is_array(const std::string& name) const { return written_arrays(loop_.body).count(name) > 0; }

  std::vector<const Node*> assignments_of(const std::string& name) const {
    std::vector<const Node*> all;
    loop::for_each_node(loop_.body, [&](const Node& node) {
      if (node.kind == Node::Kind::assign && node.target.text == name) all.push_back(&node);
    });
    return all;
  }

  static loop::ScalarType computed_in(const Node& node) {
    const loop::ScalarType target = node.target.type;
    const bool wider = is_real(target) && unrounded(node.value).type == loop::ScalarType::f64;
    return wider ? loop::ScalarType::f64 : target;
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

  bool add_scalar(const std::string& name, const loop::Recurrence* recurrence) {
    const std::vector<const Node*> statements = assignments_of(name);
    if (statements.empty() || statements[0]->target.kind != Term::Kind::scalar) return false;
    if (recurrence && recurrence->distances != std::vector<std::int64_t>{1}) return false;
    Carried carried;
    carried.name = name;
    carried.target = statements[0]->target;
    if (recurrence && !recurrence->op.empty())
      return statements.size() == 1 && by_operator(carried, *recurrence, *statements[0]);
    bool all_ones = true, none = true;
    carried.type = carried.target.type;
    for (const Node* statement : statements) {
      const auto form = form_of(carried, *statement);
      if (!form) return false;
      all_ones = all_ones && is_one(form->factors[0]);
      none = none && !form->factors[0];
      if (computed_in(*statement) == loop::ScalarType::f64) carried.type = loop::ScalarType::f64;
    }
    carried.law = all_ones ? Carried::Law::sum : none ? Carried::Law::hold : Carried::Law::affine;
    if (none) carried.type = carried.target.type;
    phases_.carried.push_back(std::move(carried));
    return true;
  }

  bool add_array(const loop::Recurrence& recurrence) {
    const std::vector<const Node*> statements = assignments_of(recurrence.target);
    const bool at_top = statements.size() == 1 && std::any_of(loop_.body.begin(), loop_.body.end(),
                                                              [&](const Node& node) { return node.id == statements[0]->id; });
    if (!at_top || recurrence.distances.empty()) return false;
    const auto moves = coefficient_of(linear(statements[0]->target.terms[0]), loop_.variable);
    if (!moves || !never_zero(*moves, work_.assumed)) return false;
    Carried carried;
    if (recurrence.distances.size() == 1) find_only_read(*statements[0]);
    carried.name = recurrence.target;
    carried.target = statements[0]->target;
    carried.distance = recurrence.distances[0];
    carried.type = computed_in(*statements[0]);
    const bool two = recurrence.distances.size() == 2 && recurrence.distances[1] == 2 * carried.distance;
    if (recurrence.distances.size() > 1 && !two) return false;
    if (two) carried.law = Carried::Law::second;
    if (!recurrence.op.empty()) return !two && by_operator(carried, recurrence, *statements[0]);
    const auto form = form_of(carried, *statements[0]);
    if (!form || !form->factors[0] || (two && !form->factors[1])) return false;
    if (!two) carried.law = is_one(form->factors[0]) ? Carried::Law::sum : Carried::Law::affine;
    phases_.carried.push_back(std::move(carried));
    return true;
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

  /// 0: what the iteration finds; 1: what the one before found.
  std::optional<std::size_t> found(const Carried& carried, const Term& term) const {
    if (term.kind != carried.target.kind || term.text != carried.name) return std::nullopt;
    if (!carried.array()) return 0;
    const Apart at = distance(term, carried.target);
    if (at.kind == Apart::Kind::unknown && only_read_ == term) return 0;
    if (at.kind != Apart::Kind::iterations) return std::nullopt;
    if (at.iterations == -carried.distance) return 0;
    if (carried.law == Carried::Law::second && at.iterations == -2 * carried.distance) return 1;
    return std::nullopt;
  }

  /// With scalars that were made of what the iteration finds, and of nothing that has changed since.
  Term inlined(const Carried& carried, const Term& value, int before) const {
    return loop::replace(value, [&](const Term& part) -> std::optional<Term> {
      if (part.kind != Term::Kind::scalar || part.text == carried.name) return std::nullopt;
      const std::vector<const Node*> all = assignments_of(part.text);
      const bool at_top = all.size() == 1 && std::any_of(loop_.body.begin(), loop_.body.end(),
                                                         [&](const Node& node) { return node.id == all[0]->id; });
      if (!at_top || all[0]->id >= before || assignments_of(carried.name).size() != 1) return std::nullopt;
      const Term definition = inlined(carried, all[0]->value, all[0]->id);
      bool finds_it = false, unchanged = true;
      const Names written = written_arrays(loop_.body);
      loop::for_each(definition, [&](const Term& of) {
        if (found(carried, of)) {
          finds_it = true;
          return;
        }
        if (of.kind == Term::Kind::element) unchanged = unchanged && !written.count(of.text);
        if (of.kind != Term::Kind::scalar) return;
        for (const Node* other : assignments_of(of.text)) unchanged = unchanged && other->id < all[0]->id;
      });
      return finds_it && unchanged ? std::optional(definition) : std::nullopt;
    });
  }

  std::optional<AffineForm> form_of(const Carried& carried, const Node& statement) const {
    const Unknown unknown = [&](const Term& term) { return found(carried, term); };
    auto form = affine_form(inlined(carried, unrounded(statement.value), statement.id), 2, unknown);
    if (!form) return std::nullopt;
    // A real sum takes up integers, not the other way round.
    if (is_real(carried.target.type) != is_real(unrounded(statement.value).type)) return std::nullopt;
    for (const auto* part : {&form->factors[0], &form->factors[1], &form->rest})
      if (*part && is_real((*part)->type) && !is_real(carried.target.type)) return std::nullopt;
    return form;
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
    if (part.kind != carried.target.kind || part.text != carried.name) return false;
    if (!carried.array()) return true;
    const Apart at = distance(part, carried.target);
    return at.kind != Apart::Kind::iterations || at.iterations < 0;
  }

  const Carried* carried_by(const Node& node) const {
    if (node.kind != Node::Kind::assign) return nullptr;
    for (const Carried& carried : phases_.carried)
      if (node.target.text == carried.name && node.target.kind == carried.target.kind) return &carried;
    return nullptr;
  }

  // ---- What iterations share.

  bool share_scalars() const {
    for (const std::string& scalar : scalar_flow(loop_.body).exposed) {
      const auto& all = phases_.carried;
      const bool known = std::any_of(all.begin(), all.end(), [&](const Carried& one) { return one.name == scalar; });
      if (!known && assigned_scalars(loop_.body).count(scalar)) return false;
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
      if (const Carried* carried = carried_by(node)) {
        append_step(out, *carried, node);
      } else if (node.kind == Node::Kind::branch && is_extreme_step(node)) {
        append_step(out, *carried_by(node.body[0]), node.body[0]);
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

  void append_step(std::vector<Node>& out, const Carried& carried, const Node& node) const {
    const auto set = [&](const std::string& member, Term value) {
      out.push_back(assigned(node.id, carried.step() + member, carried.type, std::move(value)));
    };
    const auto old = [&](const std::string& member) { return loop::scalar(carried.step() + member, carried.type); };
    if (carried.law == Carried::Law::extreme) {
      const Term& constant = constants_.at(carried.name);
      set("", constant);
      if (!is_real(constant.type) || carried.op == "Multiply") return;
      Node if_number;  // else it takes no part
      if_number.kind = Node::Kind::branch;
      if_number.id = node.id;
      if_number.condition = loop::binary("==", constant, constant);
      if_number.body.push_back(std::move(out.back()));
      out.back() = std::move(if_number);
      return;
    }
    const AffineForm form = *form_of(carried, node);
    const Term rest = form.rest.value_or(loop::integer(0));
    const auto& factor = form.factors[0];
    switch (carried.law) {
      case Carried::Law::sum:
        return set("", form.rest ? loop::binary("+", old(""), rest) : old(""));
      case Carried::Law::hold:
        set(".value", rest);
        out.push_back(assigned(node.id, carried.step() + ".set", loop::ScalarType::i32, loop::integer(1)));
        return;
      case Carried::Law::affine: {
        if (factor && assignments_of(carried.name).size() == 1 && !inside_loop(node.id)) {
          set(".c", rest);
          return set(".m", remembering(*factor));
        }
        const auto scaled = [&](const Term& term) { return is_one(factor) ? term : loop::binary("*", *factor, term); };
        set(".c", !factor ? rest : form.rest ? loop::binary("+", scaled(old(".c")), rest) : scaled(old(".c")));
        return set(".m", !factor ? forgets(carried.type) : is_one(factor) ? old(".m") : remembering(scaled(old(".m"))));
      }
      case Carried::Law::second:
        set(".a", *factor);
        set(".b", *form.factors[1]);
        set(".c", loop::integer(1));
        set(".d", loop::integer(0));
        return set(".u", rest);
      case Carried::Law::extreme:
        return;
    }
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
          return loop::scalar(*index ? carried.found2() : carried.found(), part.type);
    return std::nullopt;
  }

  const Work& work_;
  Node loop_;
  Phases phases_;
  std::optional<Term> only_read_;
  std::map<std::string, Term> constants_;           // of operators
  std::vector<std::pair<int, std::size_t>> saves_;  // reader, index into phases_.saved
  std::set<int> needed_;                            // statements that set the first phase's scalars
};

}  // namespace

std::optional<Phases> phases_of(const Work& work, const Node& loop) { return Division(work, loop).divide(); }

}  // namespace ak::port
