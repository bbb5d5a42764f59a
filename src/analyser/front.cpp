#include "analyser/front.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ak/types.hpp"
#include "analyser/counted.hpp"
#include "analyser/declarator.hpp"
#include "analyser/induction.hpp"
#include "analyser/naming.hpp"
#include "analyser/propagate.hpp"
#include "analyser/refused.hpp"
#include "analyser/region.hpp"
#include "analyser/structure.hpp"
#include "analyser/truth_steps.hpp"
#include "base/text.hpp"

namespace ak::analyser {
namespace {

using loop::Node;
using Kind = Statement::Kind;

constexpr int kMostLoops = 5;  // nested

// No branch without a body.
void tidy(Statements& list) {
  for (Statement& statement : list) {
    tidy(statement.body);
    tidy(statement.otherwise);
    if (statement.kind != Kind::branch || !statement.body.empty()) continue;
    statement.condition = negated(statement.condition);
    statement.body = std::exchange(statement.otherwise, {});
  }
}

class Finishing {
 public:
  explicit Finishing(Draft draft) : draft_(std::move(draft)) {}

  Front run() {
    Front made;
    made.function = std::move(draft_.function);
    made.function.body = nodes(draft_.body, 0);
    for (loop::Note note : draft_.notes) {
      const auto id = ids_.find(note.loop);
      note.loop = id == ids_.end() ? 0 : id->second;
      made.notes.push_back(std::move(note));
    }
    made.used = std::move(draft_.used);
    made.walked = std::move(draft_.walked);
    made.written = std::move(written_);
    return made;
  }

 private:
  std::vector<Node> nodes(const Statements& list, int loops) {
    std::vector<Node> made;
    for (const Statement& statement : list) made.push_back(node(statement, loops));
    return made;
  }

  Node node(const Statement& statement, int loops) {
    Node made;
    made.id = ++last_;
    made.line = statement.line;
    made.target = statement.target;
    made.value = statement.value;
    made.condition = statement.condition;
    switch (statement.kind) {
      case Kind::assign:
        break;
      case Kind::branch:
        made.kind = Node::Kind::branch;
        break;
      case Kind::loop:
        if (loops == kMostLoops)
          throw Refused(fmt::format("line {}: more than {} loops are nested: make the outer one the caller's", statement.line,
                                    kMostLoops));
        made.kind = Node::Kind::loop;
        made.variable = statement.variable;
        made.variable_type = statement.variable_type;
        made.begin = statement.begin;
        made.end = statement.end;
        made.step = statement.step;
        if (statement.name != statement.variable) written_[statement.variable] = statement.name;
        ids_[statement.loop] = made.id;
        ++loops;
        break;
      case Kind::leave:
        made.kind = Node::Kind::leave;
        made.of = ids_.at(statement.loop);
        break;
      case Kind::finish:
        made.kind = Node::Kind::finish;
        break;
      case Kind::label:
      case Kind::jump:
        throw Refused(fmt::format("line {}: a goto that cannot be turned into if and else", statement.line));
    }
    made.body = nodes(statement.body, loops);
    made.otherwise = nodes(statement.otherwise, loops);
    return made;
  }

  Draft draft_;
  std::map<std::string, std::string> written_;
  std::map<int, int> ids_;  // a loop's number -> its node's
  int last_ = 0;
};

}  // namespace

Front read_function(const Unit& unit, const Choice& choice, const loop::Values& known) {
  Draft draft = Lowering(unit, choice).run();
  structure(draft);
  if (!choice.body.empty()) settle_region(draft);
  propagate(draft);
  count_loops(draft, known);
  propagate(draft);
  replace_inductions(draft);
  propagate(draft);
  count_under_conditions(draft);
  gather_truths(draft);
  tidy(draft.body);
  name_variables(draft);
  return Finishing(std::move(draft)).run();
}

loop::Term length(const loop::Function& function, const std::string& name, const std::string& text) {
  const loop::Parameter* pointer = loop::find_parameter(function, name);
  if (!pointer || !pointer->pointer)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a length is given for {}, which is no pointer of {}", name, function.name));
  const auto value = [&](std::string_view word) -> std::optional<loop::Term> {
    const loop::Parameter* other = loop::find_parameter(function, std::string(word));
    if (!other || other->pointer || is_real(other->type)) return std::nullopt;
    return loop::scalar(other->name, other->type);
  };
  const auto read = read_declarator(fmt::format("{}[{}]", name, text), name, value);
  if (read.size() != 1 || !read[0])
    throw Error(ErrorCode::invalid_argument,
                fmt::format("the length {} of {} is not an expression over integer parameters", one_line(text, 80), name));
  return *read[0];
}

void name_as_written(loop::Verdict& verdict, const Front& front) {
  for (loop::Group& group : verdict.groups)
    for (loop::LoopRole& role : group.loops)
      if (const auto name = front.written.find(role.variable); name != front.written.end()) role.variable = name->second;
  for (const std::string& name : front.used)
    if (std::find(verdict.used.begin(), verdict.used.end(), name) == verdict.used.end()) verdict.used.push_back(name);
}

}  // namespace ak::analyser
