#include "port/c/openmp.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "port/c/instrument.hpp"

namespace ak::port {

using loop::Group;
using loop::LoopRole;
using loop::Node;
using loop::Role;
using loop::Term;

namespace {

using Names = std::set<std::string>;

void add_scalars(const Term& term, Names& to) {
  loop::for_each(term, [&](const Term& part) {
    if (part.kind == Term::Kind::scalar) to.insert(part.text);
  });
}

// What statements read of scalars: subscripts of what they write, too.
void add_read(const Node& node, Names& to) {
  for (const Term* term : {&node.value, &node.condition, &node.begin, &node.end}) add_scalars(*term, to);
  for (const Term& subscript : node.target.terms) add_scalars(subscript, to);
}

// " if((w > 0))", or nothing.
std::string assumption(const std::vector<Term>& conditions) {
  std::string all;
  for (const Term& condition : conditions) all += fmt::format("{}({})", all.empty() ? "" : " && ", loop::c_text(condition));
  return all.empty() ? all : fmt::format(" if({})", all);
}

class Loop {
 public:
  Loop(const loop::Verdict& verdict, const Node& node) : function_(verdict.function), node_(node) {
    loop::for_each_node({node}, [&](const Node& inner) {
      nodes_.insert(inner.id);
      if (inner.kind == Node::Kind::assign && inner.target.kind == Term::Kind::scalar) assigned_.insert(inner.target.text);
    });
    for (const Group& group : verdict.groups)
      if (std::any_of(group.statements.begin(), group.statements.end(), [&](int id) { return nodes_.contains(id); }))
        groups_.push_back(&group);
  }

  // " reduction(+:sum) private(t)", or nothing, and why.
  std::string clauses(std::string& why) const {
    why.clear();
    if (groups_.size() != 1) return why = "it would have to be distributed", std::string();
    const Group& group = *groups_[0];
    const auto role =
        std::find_if(group.loops.begin(), group.loops.end(), [&](const LoopRole& r) { return r.loop == node_.id; });
    if (role == group.loops.end() || (role->role != Role::parallel && role->role != Role::reduce))
      return why = "it is not parallel", std::string();
    for (const loop::Note& note : group.notes)
      if (note.loop == node_.id && (note.kind == loop::Note::Kind::anti || note.kind == loop::Note::Kind::output ||
                                    note.kind == loop::Note::Kind::expand))
        return why = fmt::format("iterations meet in {}, which would have to be renamed", note.name), std::string();
    std::string all;
    Names own = assigned_;
    if (role->role == Role::reduce) {
      for (const loop::Reduction& reduction : group.reductions) {
        if (!carried(reduction)) continue;
        if (reduction.target.kind != Term::Kind::scalar || !reduction.positions.empty())
          return why = fmt::format("OpenMP has no clause for what it makes of {}", reduction.target.text), std::string();
        all += fmt::format(" reduction({}:{})", reduction.op, reduction.target.text);
        own.erase(reduction.target.text);
      }
    }
    for (const loop::Local& local : function_.locals)
      if (!local.extents.empty() && writes(local.name))
        return why = fmt::format("it writes the local array {}", local.name), "";
    Names wanted;
    loop::for_each_node(function_.body, [&](const Node& node) {
      if (!nodes_.contains(node.id)) add_read(node, wanted);
      if (nodes_.contains(node.id) && node.kind == Node::Kind::finish) why = "it is left early";
      if (node.kind == Node::Kind::leave && node.of == node_.id) why = "it is left early";
    });
    for (const std::string& name : own) {
      if (wanted.contains(name)) why = fmt::format("the last value of {} is wanted behind it", name);
      all += fmt::format(" private({})", name);
    }
    return all;
  }

 private:
  // Else an inner loop's, which begins anew in each iteration.
  bool carried(const loop::Reduction& reduction) const {
    bool anew = false;
    loop::for_each_node({node_}, [&](const Node& inner) {
      anew =
          anew || (inner.kind == Node::Kind::assign && inner.target == reduction.target &&
                   std::find(reduction.statements.begin(), reduction.statements.end(), inner.id) == reduction.statements.end());
    });
    return !anew;
  }

  bool writes(const std::string& array) const {
    bool found = false;
    loop::for_each_node({node_}, [&](const Node& inner) {
      found = found || (inner.target.kind == Term::Kind::element && inner.target.text == array);
    });
    return found;
  }

  const loop::Function& function_;
  const Node& node_;
  std::set<int> nodes_;
  Names assigned_;
  std::vector<const Group*> groups_;
};

}  // namespace

OpenMp with_openmp(const loop::Verdict& verdict, const std::string& name) {
  loop::Verdict flat = verdict;
  flat.function = loop::flattened(flat.function);
  loop::Function head = flat.function;
  head.body.clear();
  OpenMp made;
  std::string text = c_function(head, name);
  text.erase(text.rfind('}'));
  bool any = false;
  for (const Node& node : flat.function.body) {
    if (node.kind == Node::Kind::loop) {
      std::string why;
      const std::string clauses = Loop(flat, node).clauses(why);
      if (why.empty()) {
        text += fmt::format("#pragma omp parallel for{}{}\n", assumption(flat.assumed), clauses);
        any = true;
      } else if (made.why.empty()) {
        made.why = fmt::format("the loop of line {}: {}", node.line, why);
      }
    }
    text += loop::c_text({node}, 2);
  }
  if (!any) {
    if (made.why.empty()) made.why = "no loop is an outermost one";
    return made;
  }
  return {"#ifndef _OPENMP\n#error no OpenMP\n#endif\n" + text + "}\n", {}};
}

}  // namespace ak::port
