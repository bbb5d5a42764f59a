// Between clang's tree and the normal form: statements whose expressions are terms already and whose control flow is still C's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "loop/verdict.hpp"

namespace ak::analyser {

struct Statement {
  enum class Kind : std::uint8_t {
    assign,  // target = value
    branch,  // if (condition) body else otherwise
    loop,    // for (;;) body, or with a `variable`: counted as loop::Node has it
    leave,   // the loop with the number `loop`
    finish,  // return value
    label,   // `name`:
    jump,    // goto `name`
  };
  Kind kind = Kind::assign;
  int line = 0;
  loop::Term target, value, condition;
  std::vector<Statement> body, otherwise;
  int loop = 0;      // a loop's own number, or that of the one which a leave leaves
  std::string name;  // of a label, of a jump's; what the source calls a loop's variable
  std::string variable;
  loop::ScalarType variable_type = loop::ScalarType::i32;
  loop::Term begin, end;
  std::int64_t step = 1;

  bool counted() const { return kind == Kind::loop && !variable.empty(); }
};

using Statements = std::vector<Statement>;

/// A function on its way to the normal form.
struct Draft {
  loop::Function function;  // without a body
  Statements body;
  std::set<std::string> taken;                 // names that mean something
  std::map<std::string, std::string> written;  // name -> what the source calls it
  std::vector<loop::Note> notes;               // what was changed: inductions, gotos; `loop` is a Statement's number
  std::set<std::string> used;                  // integer parameters whose given values were used
  std::set<std::string> walked;                // arrays of rows into which pointers lead
  std::map<std::string, loop::Term> known;     // of a region: what locals have when it begins
  std::vector<loop::Term> wanted;              // of a region: scalars that are read behind it
  std::optional<loop::Term> handed_out;        // of a region: what a call that is left out was given
  int loops = 0;                               // so many numbers are given

  /// `base`, or with _1, _2, ... behind it.
  std::string unique(const std::string& base);
  /// A local scalar of a name like `base`.
  loop::Term local(const std::string& base, loop::ScalarType type);
};

/// The C function's own first, in order, then the implicit ones by name.
void order_parameters(loop::Function& function);

Statement assign(loop::Term target, loop::Term value, int line);
Statement branch(loop::Term condition, Statements body, Statements otherwise, int line);
Statement leave(int loop, int line);

/// One statement as a list, without a copy of all below it.
using StatementList = std::span<const Statement>;
inline StatementList only(const Statement& statement) { return {&statement, 1}; }

/// Every statement, parents before children.
void for_each_statement(StatementList body, const std::function<void(const Statement&)>& visit);
void change_statements(Statements& body, const std::function<void(Statement&)>& change);
/// Every term of one statement, without those below it; null terms (of nothing) too.
void change_terms(Statement& statement, const std::function<void(loop::Term&)>& change);
std::size_t count(StatementList body);

/// Scalars and arrays that some statement assigns to; a loop's variable too.
std::set<std::string> written_in(StatementList body);
/// Whether the term names one of them.
bool mentions_any(const loop::Term& term, const std::set<std::string>& names);
/// Whether the term reads an element that the statements may write: of the same array, or of another one of its type, as arrays
/// that are no locals may overlap.
bool may_change(const loop::Term& term, StatementList body, const loop::Function& function);
/// Whether a term of the statements reads the scalar.
bool reads(StatementList body, const std::string& name);
void replace_scalar(Statements& body, const std::string& name, const loop::Term& with);

/// condition ? yes : no; one of them where the condition is known.
loop::Term choice(loop::Term condition, loop::Term yes, loop::Term no);
/// The condition's opposite: a comparison of integers turned round, else with a !.
loop::Term negated(const loop::Term& condition);
/// With what can be computed of it computed, after names in it were replaced.
loop::Term rebuilt(const loop::Term& term);
/// As C converts; literals become literals of that type where they keep their value.
loop::Term cast(loop::ScalarType to, loop::Term value);
/// 5, 0.5, -0.5
bool is_literal(const loop::Term& term);
std::optional<std::int64_t> constant(const loop::Term& term);

}  // namespace ak::analyser
