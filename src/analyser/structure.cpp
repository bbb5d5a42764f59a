#include "analyser/structure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "analyser/refused.hpp"

namespace ak::analyser {
namespace {

using loop::Term;
using Kind = Statement::Kind;

constexpr std::size_t kMostCopied = 60;  // statements that one jump may copy; beyond that a flag skips them
constexpr std::size_t kMostStatements = 20000;

bool ends(StatementList list) {
  if (list.empty()) return false;
  const Statement& last = list.back();
  return last.kind == Kind::jump || last.kind == Kind::leave || last.kind == Kind::finish ||
         (last.kind == Kind::branch && ends(last.body) && ends(last.otherwise));
}

bool jumps(const Statement& statement, const std::string& to) {
  bool found = false;
  for_each_statement(only(statement), [&](const Statement& inner) {
    found = found || (inner.kind == Kind::jump && (to.empty() || inner.name == to));
  });
  return found;
}

class Structuring {
 public:
  explicit Structuring(Draft& draft) : draft_(draft) {}

  void run() {
    note_gotos(draft_.body, 0);
    resolve(draft_.body);
    for_each_statement(draft_.body, [](const Statement& statement) {
      if (statement.kind == Kind::jump)
        throw Refused(fmt::format("line {}: a goto backwards or into a block: write the loop as for or while", statement.line));
    });
    drop_labels(draft_.body);
    prune_all(draft_.body);
    join_steps(draft_.body);
  }

 private:
  // The source's own jumps have clang's ids for labels.
  void note_gotos(const Statements& list, int loop) {
    for (const Statement& statement : list) {
      if (statement.kind == Kind::jump && statement.name.starts_with("0x")) {
        loop::Note note;
        note.kind = loop::Note::Kind::structured;
        note.loop = loop;
        draft_.notes.push_back(std::move(note));
      }
      note_gotos(statement.body, statement.kind == Kind::loop ? statement.loop : loop);
      note_gotos(statement.otherwise, loop);
    }
  }

  /// Of the jumps to labels that stand in this very list.
  void resolve(Statements& list) {
    for (Statement& statement : list) {
      resolve(statement.body);
      resolve(statement.otherwise);
    }
    prune(list);
    for (std::size_t i = 0; i < list.size(); ++i)
      if (list[i].kind == Kind::label) out_of_loops(list, list[i].name);
    forward(list);
  }

  // What stands behind a jump is never reached but through a label.
  static void prune(Statements& list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!ends(only(list[i]))) continue;
      std::size_t label = i + 1;
      while (label < list.size() && list[label].kind != Kind::label) ++label;
      list.erase(at(list, i + 1), at(list, label));
    }
  }

  // if (c) { ...; i++; } else { ...; i++; } has its i++ behind it: what every way ends with.
  static void join_steps(Statements& list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      join_steps(list[i].body);
      join_steps(list[i].otherwise);
      while (list[i].kind == Kind::branch && !list[i].body.empty() && !list[i].otherwise.empty()) {
        const Statement &yes = list[i].body.back(), &no = list[i].otherwise.back();
        const bool steps = yes.kind == Kind::assign && no.kind == Kind::assign && yes.target == no.target &&
                           yes.value == no.value && yes.target.kind == Term::Kind::scalar &&
                           loop::mentions(yes.value, yes.target.text);
        if (!steps) break;
        list.insert(at(list, i + 1), yes);
        list[i].body.pop_back();
        list[i].otherwise.pop_back();
      }
    }
  }

  static void prune_all(Statements& list) {
    prune(list);
    for (Statement& statement : list) {
      prune_all(statement.body);
      prune_all(statement.otherwise);
    }
  }

  static Statements::iterator at(Statements& list, std::size_t i) { return list.begin() + static_cast<std::ptrdiff_t>(i); }

  static std::size_t find_label(const Statements& list, const std::string& name) {
    for (std::size_t i = 0; i < list.size(); ++i)
      if (list[i].kind == Kind::label && list[i].name == name) return i;
    return list.size();
  }

  // A jump out of a loop leaves it, and is made behind it.
  void out_of_loops(Statements& list, const std::string& name) {
    const auto walk = [&](auto& self, Statements& inner) -> void {
      for (std::size_t i = 0; i < inner.size(); ++i) {
        if (!jumps(inner[i], name)) continue;
        if (inner[i].kind == Kind::branch) {
          self(self, inner[i].body);
          self(self, inner[i].otherwise);
        }
        if (inner[i].kind != Kind::loop) continue;
        bool next = &inner == &list;
        for (std::size_t k = i + 1; next && k < inner.size() && inner[k].kind == Kind::label; ++k)
          if (inner[k].name == name) {
            leave_instead(inner[i].body, inner[i].loop, name, {});
            break;
          }
        if (!jumps(inner[i], name)) continue;
        if (const Statements way_out = ending(list, name); !way_out.empty()) {
          jump_instead(inner[i].body, name, way_out);
          continue;
        }
        const int line = inner[i].line;
        const Term flag = draft_.local("jumped", loop::ScalarType::i32);
        leave_instead(inner[i].body, inner[i].loop, name, flag);
        Statement jump;
        jump.kind = Kind::jump;
        jump.line = line;
        jump.name = name;
        inner.insert(at(inner, i + 1), branch(flag, {std::move(jump)}, {}, line));
        inner.insert(at(inner, i), assign(flag, loop::integer(0), line));
        i += 2;
      }
    };
    walk(walk, list);
  }

  /// What runs from the label on, when that is a few statements and a return.
  Statements ending(const Statements& list, const std::string& name) const {
    constexpr std::size_t kFew = 4;
    Statements found;
    for (std::size_t i = find_label(list, name); i < list.size(); ++i) {
      if (list[i].kind == Kind::label) continue;
      found.push_back(list[i]);
      if (found.size() > kFew || (list[i].kind != Kind::assign && list[i].kind != Kind::finish)) return {};
      if (list[i].kind == Kind::finish) return found;
    }
    if (&list != &draft_.body || draft_.function.returns != loop::ScalarType::none) return {};
    Statement end;  // of the function
    end.kind = Kind::finish;
    found.push_back(std::move(end));
    return found;
  }

  static void jump_instead(Statements& list, const std::string& name, const Statements& way_out) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      jump_instead(list[i].body, name, way_out);
      jump_instead(list[i].otherwise, name, way_out);
      if (list[i].kind != Kind::jump || list[i].name != name) continue;
      list.erase(at(list, i));
      list.insert(at(list, i), way_out.begin(), way_out.end());
      i += way_out.size() - 1;
    }
  }

  static void leave_instead(Statements& list, int loop, const std::string& name, const std::optional<Term>& flag) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      leave_instead(list[i].body, loop, name, flag);
      leave_instead(list[i].otherwise, loop, name, flag);
      if (list[i].kind != Kind::jump || list[i].name != name) continue;
      const int line = list[i].line;
      list[i] = leave(loop, line);
      if (flag) list.insert(at(list, i++), assign(*flag, loop::integer(1), line));
    }
  }

  void forward(Statements& list) {
    for (std::size_t i = 0; i < list.size();) {
      // The nearest label that this statement jumps to.
      std::size_t label = list.size();
      for (std::size_t k = i + 1; k < list.size() && label == list.size(); ++k)
        if (list[k].kind == Kind::label && jumps(list[i], list[k].name)) label = k;
      if (label == list.size()) {
        ++i;
        continue;
      }
      const std::string name = list[label].name;
      Statements skipped(std::make_move_iterator(at(list, i + 1)), std::make_move_iterator(at(list, label)));
      list.erase(at(list, i + 1), at(list, label));
      forward(skipped);
      if (list[i].kind == Kind::jump) {
        list.erase(at(list, i));
        continue;
      }
      const std::size_t copies = falls(list[i].body) + falls(list[i].otherwise);
      if (copies > 1 && (copies - 1) * count(skipped) > kMostCopied) {
        const int line = list[i].line;
        const Term flag = draft_.local("skipped", loop::ScalarType::i32);
        attach_both(list[i], {}, name, flag);
        list.insert(at(list, i + 1), branch(loop::unary("!", flag), std::move(skipped), {}, line));
        list.insert(at(list, i), assign(flag, loop::integer(0), line));
        ++i;
      } else {
        attach_both(list[i], skipped, name, {});
      }
      if ((statements_ += count(only(list[i]))) > kMostStatements)
        throw Refused(fmt::format("line {}: too many gotos to turn into if and else", list[i].line));
    }
  }

  /// How many ends of the list go on behind it.
  static std::size_t falls(const Statements& list) {
    for (const Statement& statement : list) {
      if (statement.kind == Kind::jump) return 0;
      if (statement.kind == Kind::branch && jumps(statement, {})) {
        const std::size_t found = falls(statement.body) + falls(statement.otherwise);
        return found;
      }
    }
    return ends(list) ? 0 : 1;
  }

  void attach_both(Statement& branch, const Statements& rest, const std::string& name, const std::optional<Term>& flag) {
    attach(branch.body, rest, name, flag);
    attach(branch.otherwise, rest, name, flag);
  }

  // The jumps to `name` go; `rest` follows where the list's end is reached without one.
  void attach(Statements& list, const Statements& rest, const std::string& name, const std::optional<Term>& flag) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i].kind == Kind::jump) {
        if (list[i].name == name) {
          const int line = list[i].line;
          list.erase(at(list, i), list.end());
          if (flag) list.push_back(assign(*flag, loop::integer(1), line));
        }
        return;
      }
      if (list[i].kind != Kind::branch || !jumps(list[i], {})) continue;
      Statements then(std::make_move_iterator(at(list, i + 1)), std::make_move_iterator(list.end()));
      list.erase(at(list, i + 1), list.end());
      if (!ends(then)) then.insert(then.end(), rest.begin(), rest.end());
      attach_both(list[i], then, name, flag);
      return;
    }
    if (!ends(list)) list.insert(list.end(), rest.begin(), rest.end());
  }

  static void drop_labels(Statements& list) {
    std::erase_if(list, [](const Statement& statement) { return statement.kind == Kind::label; });
    for (Statement& statement : list) {
      drop_labels(statement.body);
      drop_labels(statement.otherwise);
    }
  }

  Draft& draft_;
  std::size_t statements_ = 0;
};

}  // namespace

void structure(Draft& draft) { Structuring(draft).run(); }

}  // namespace ak::analyser
