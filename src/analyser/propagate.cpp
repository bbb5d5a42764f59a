#include "analyser/propagate.hpp"

#include <optional>

#include "analyser/integer_sum.hpp"
#include "analyser/liveness.hpp"
#include "analyser/loop_test.hpp"

namespace ak::analyser {
namespace {

using loop::Term;
using Kind = Statement::Kind;
using Known = std::map<std::string, Term>;

constexpr int kLargest = 24, kLargestChoice = 64;  // parts of a term that is written in a name's place

bool passes_on(const Term& value, int most = kLargest) {
  int parts = 0;
  bool plain = !is_real(value.type);
  loop::for_each(value, [&](const Term& part) {
    ++parts;
    plain = plain && part.kind != Term::Kind::element && part.kind != Term::Kind::call && !is_real(part.type);
  });
  return plain && parts <= most;
}

class Propagation {
 public:
  explicit Propagation(Draft& draft) : draft_(draft) {
    for (const loop::Local& local : draft.function.locals)
      if (local.extents.empty() && !is_real(local.type)) locals_.insert(local.name);
  }

  void run() {
    Known known;
    pass(draft_.body, known);
    while (drop_dead(draft_.body)) {
    }
  }

 private:
  static void forget(Known& known, const std::set<std::string>& names) {
    std::erase_if(known, [&](const auto& entry) { return names.contains(entry.first) || mentions_any(entry.second, names); });
  }

  /// What was known by the old value, by the new one where that is a constant further on.
  static void step(Known& known, const Statement& statement) {
    const std::string& name = statement.target.text;
    const auto by = is_real(statement.target.type) ? std::nullopt : step_of(statement, name);
    if (!by || !constant(*by)) return forget(known, {name});
    known.erase(name);
    const Known before = {{name, loop::binary("-", statement.target, *by)}};
    for (auto& entry : known) entry.second = with(entry.second, before);
  }

  static Term with(const Term& term, const Known& known) {
    if (known.empty()) return term;
    return collected(rebuilt(loop::replace(term, [&](const Term& part) -> std::optional<Term> {
      if (part.kind != Term::Kind::scalar) return std::nullopt;
      const auto found = known.find(part.text);
      return found == known.end() ? std::nullopt : std::optional(found->second);
    })));
  }

  /// What each side of a branch leaves in a name is a choice behind it: `if (x < 0) x = 0;` clamps x.
  void choose(Known& known, const Term& condition, const Known& yes, const Known& no, const std::set<std::string>& written) const {
    if (mentions_any(condition, written)) return;
    for (const std::string& name : written) {
      const auto a = yes.find(name), b = no.find(name);
      if (a == yes.end() || b == no.end() || a->second.type != b->second.type) continue;
      if (mentions_any(a->second, written) || mentions_any(b->second, written)) continue;
      Term value{Term::Kind::choose, a->second.type, {}, {condition, a->second, b->second}};
      if (locals_.contains(name) && passes_on(value, kLargestChoice)) known[name] = std::move(value);
    }
  }

  void pass(Statements& list, Known& known) {
    Statements made;
    for (Statement& statement : list) {
      if (statement.kind == Kind::loop) {
        statement.begin = with(statement.begin, known);
        std::set<std::string> changed = written_in(only(statement));
        forget(known, changed);
        statement.end = with(statement.end, known);
        Known inside = known;
        pass(statement.body, inside);
        made.push_back(std::move(statement));
        continue;
      }
      statement.value = with(statement.value, known);
      statement.condition = with(statement.condition, known);
      for (Term& subscript : statement.target.terms) subscript = with(subscript, known);
      if (statement.kind == Kind::branch) {
        if (const auto side = constant(statement.condition)) {
          Statements& taken = *side ? statement.body : statement.otherwise;
          pass(taken, known);
          for (Statement& one : taken) made.push_back(std::move(one));
          continue;
        }
        Known yes = known, no = known;
        pass(statement.body, yes);
        pass(statement.otherwise, no);
        const std::set<std::string> written = written_in(only(statement));
        forget(known, written);
        choose(known, statement.condition, yes, no, written);
      } else if (statement.kind == Kind::assign && statement.target.kind == Term::Kind::scalar) {
        const std::string name = statement.target.text;
        if (statement.value == statement.target) continue;
        step(known, statement);
        if (locals_.contains(name) && passes_on(statement.value) && !loop::mentions(statement.value, name))
          known[name] = statement.value;
      } else if (statement.kind == Kind::assign) {
        forget(known, {statement.target.text});
      }
      made.push_back(std::move(statement));
    }
    list = std::move(made);
  }

  /// One round; whether something went.
  bool drop_dead(Statements& list) {
    bool dropped = false;
    for (std::size_t i = 0; i < list.size();) {
      path_.push_back({&list, i});
      dropped = drop_dead(list[i].body) || dropped;
      dropped = drop_dead(list[i].otherwise) || dropped;
      const Statement& statement = list[i];
      const bool empty = statement.kind == Kind::branch && statement.body.empty() && statement.otherwise.empty();
      const bool dead = statement.kind == Kind::assign && statement.target.kind == Term::Kind::scalar &&
                        locals_.contains(statement.target.text) && !live_after(path_, statement.target.text);
      path_.pop_back();
      if (dead || empty) {
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
        dropped = true;
      } else {
        ++i;
      }
    }
    return dropped;
  }

  Draft& draft_;
  std::set<std::string> locals_;
  Path path_;
};

}  // namespace

void propagate(Draft& draft) { Propagation(draft).run(); }

}  // namespace ak::analyser
