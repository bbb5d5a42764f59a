#include "analyser/naming.hpp"

#include <algorithm>

namespace ak::analyser {
namespace {

using loop::Term;
using Kind = Statement::Kind;

std::set<std::string> used_in(Statements& body) {
  std::set<std::string> names;
  change_statements(body, [&](Statement& statement) {
    change_terms(statement, [&](Term& term) {
      loop::for_each(term, [&](const Term& part) {
        if (part.kind == Term::Kind::scalar || part.kind == Term::Kind::element) names.insert(part.text);
      });
    });
  });
  return names;
}

void rename(Statements& body, const std::string& from, const std::string& to) {
  change_statements(body, [&](Statement& statement) {
    if (statement.variable == from) statement.variable = to;
    change_terms(statement, [&](Term& term) {
      if (!loop::mentions(term, from)) return;
      term = loop::replace(term, [&](const Term& part) -> std::optional<Term> {
        if (part.text != from || (part.kind != Term::Kind::scalar && part.kind != Term::Kind::element)) return std::nullopt;
        Term renamed = part;
        renamed.text = to;
        return renamed;
      });
    });
  });
}

class Naming {
 public:
  explicit Naming(Draft& draft) : draft_(draft) {}

  void run() {
    const std::set<std::string> used = used_in(draft_.body);
    std::erase_if(draft_.function.locals, [&](const loop::Local& local) { return !used.contains(local.name); });
    for (const loop::Parameter& parameter : draft_.function.parameters) fixed_.insert(parameter.name);
    // A loop's variable has the source's name; a local that keeps its value behind the loop makes way.
    loops(draft_.body, {});
    for (loop::Local& local : draft_.function.locals) {
      const std::string wanted = draft_.written[local.name];
      if (wanted.empty() || wanted == local.name || taken(wanted)) continue;
      rename(draft_.body, local.name, wanted);
      local.name = wanted;
    }
  }

 private:
  bool is_local(const std::string& name) const {
    const auto& locals = draft_.function.locals;
    return std::any_of(locals.begin(), locals.end(), [&](const loop::Local& local) { return local.name == name; });
  }
  bool taken(const std::string& name) const { return fixed_.contains(name) || loop_names_.contains(name) || is_local(name); }

  void loops(Statements& list, const std::set<std::string>& around) {
    for (Statement& statement : list) {
      std::set<std::string> within = around;
      if (statement.counted()) {
        const std::string wanted = statement.name;
        if (wanted != statement.variable && !fixed_.contains(wanted) && !around.contains(wanted)) {
          for (loop::Local& local : draft_.function.locals)
            if (local.name == wanted) {
              local.name = draft_.unique(wanted + "_end");
              rename(draft_.body, wanted, local.name);
            }
          Statements alone;
          alone.push_back(std::move(statement));
          rename(alone, std::string(alone[0].variable), wanted);
          statement = std::move(alone[0]);
        }
        loop_names_.insert(statement.variable);
        within.insert(statement.variable);
      }
      loops(statement.body, within);
      loops(statement.otherwise, within);
    }
  }

  Draft& draft_;
  std::set<std::string> fixed_, loop_names_;
};

}  // namespace

void name_variables(Draft& draft) { Naming(draft).run(); }

}  // namespace ak::analyser
