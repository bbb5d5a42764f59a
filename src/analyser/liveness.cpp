#include "analyser/liveness.hpp"

namespace ak::analyser {
namespace {

using Kind = Statement::Kind;
enum class Fate { reads, kills, passes };  // of the value from before, along every way: reads when some way does

bool reads_itself(const Statement& statement, const std::string& name) {
  for (const loop::Term* term : {&statement.value, &statement.condition, &statement.begin, &statement.end})
    if (loop::mentions(*term, name)) return true;
  for (const loop::Term& subscript : statement.target.terms)
    if (loop::mentions(subscript, name)) return true;
  return false;
}

bool leaves_order(const Statement& statement) { return statement.kind == Kind::leave || statement.kind == Kind::jump; }

Fate fate(const Statements& list, std::size_t from, const std::string& name) {
  bool left = false;  // some way went elsewhere with the value
  for (std::size_t i = from; i < list.size(); ++i) {
    const Statement& statement = list[i];
    if (reads_itself(statement, name)) return Fate::reads;
    switch (statement.kind) {
      case Kind::assign:
        if (statement.target.kind == loop::Term::Kind::scalar && statement.target.text == name)
          return left ? Fate::passes : Fate::kills;
        break;
      case Kind::branch: {
        const Fate yes = fate(statement.body, 0, name), no = fate(statement.otherwise, 0, name);
        if (yes == Fate::reads || no == Fate::reads) return Fate::reads;
        if (yes == Fate::kills && no == Fate::kills) return left ? Fate::passes : Fate::kills;
        for_each_statement(statement.body, [&](const Statement& inner) { left = left || leaves_order(inner); });
        for_each_statement(statement.otherwise, [&](const Statement& inner) { left = left || leaves_order(inner); });
        break;
      }
      case Kind::loop:
        if (fate(statement.body, 0, name) == Fate::reads) return Fate::reads;
        for_each_statement(statement.body, [&](const Statement& inner) {
          left = left || (leaves_order(inner) && inner.loop != statement.loop);
        });
        break;
      case Kind::finish:
        return left ? Fate::passes : Fate::kills;
      case Kind::leave:
      case Kind::jump:
        return Fate::passes;
      case Kind::label:
        break;
    }
  }
  return Fate::passes;
}

}  // namespace

bool read_first(const Statements& list, const std::string& name) { return fate(list, 0, name) == Fate::reads; }

bool live_after(const Path& path, const std::string& name) {
  for (std::size_t level = path.size(); level-- > 0;) {
    const Step& step = path[level];
    const Fate rest = fate(*step.list, step.at + 1, name);
    if (rest == Fate::reads) return true;
    // A leave further in may have skipped what kills it: only the outermost list's end is sure.
    if (level == 0) return false;
    const Statement& holder = (*path[level - 1].list)[path[level - 1].at];
    if (holder.kind == Kind::loop) {
      if (fate(*step.list, 0, name) == Fate::reads) return true;
    } else if (rest == Fate::kills) {
      return false;
    }
  }
  return false;
}

}  // namespace ak::analyser
