// clang's tree of one function -> a Draft: expressions become terms without side effects, calls of visible functions their
// bodies, pointers an array and a subscript. Control flow stays C's.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "analyser/ast.hpp"
#include "analyser/c_tree.hpp"
#include "analyser/unsigned_values.hpp"

namespace ak::analyser {

/// What to make of a function.
struct Choice {
  std::string function;
  std::string body;            // the variable of the loop whose body alone is meant; empty: all of the function
  std::set<std::string> drop;  // calls that are left out
};

/// An object, or what a pointer points to: an array with a subscript for each dimension from the outermost on, or a scalar.
struct Place {
  std::string name;
  loop::ScalarType type = loop::ScalarType::f32;
  std::size_t dimensions = 0;
  std::vector<loop::Term> subscripts;
  std::optional<loop::Term> stands_for = {};  // of a callee's parameter: its argument
  bool is_element() const { return subscripts.size() == dimensions; }
  loop::Term term() const;
};

/// What a declaration is in the draft.
struct Variable {
  Place place;           // a scalar, an array, or what a pointer points to: its last subscripts are locals that move
  bool pointer = false;  // a local one, or one that moves
  bool bound = false;    // a pointer that points somewhere already
  CType type;
};

/// A region of a function: the body of a loop, and what runs before.
struct Region {
  struct Before {
    Ast node;
    bool around;  // a loop or a label that it stands in
  };
  std::vector<Before> before;  // outermost block first
  Ast loop;
};

class Lowering {
 public:
  Lowering(const Unit& unit, const Choice& choice) : unit_(unit), choice_(choice), unsigned_(unit) {}

  /// Throws Refused; Error{invalid_argument} for a function that is not there.
  Draft run();

 private:
  // lowering.cpp: what a function consists of
  void whole(const Ast& function);
  void parameter(const Ast& declaration);
  void survey(const Ast& node, std::set<std::string>& seen);
  Variable& file_scope(const Ast& reference, std::string_view name);
  Variable& variable(const Ast& reference);
  void add_extents(loop::Parameter& parameter, const Ast& declaration, const CType& type);
  std::optional<loop::Term> literal_initial(const Ast& declaration);

  // region.cpp: the body of a loop inside a function
  using Known = std::map<std::string, loop::Term>;
  void region(const Ast& function);
  using Ids = std::set<std::string, std::less<>>;
  void run_before(const Ast& statement, const Ids& named, Known& known);
  void enter_loop(const Ast& loop, const Ids& named, Known& known);
  void forget(const Ids& variables, Known& known) const;
  void start_again();
  void from_outside(const Ast& declaration);

  // statements.cpp
  void statement(const Ast& node);
  Statements lowered(const Ast& node);
  void declare(const Ast& declaration);
  void initial_values(const Place& array, const CType& type, const Ast& list);
  std::string label_name(std::string_view id) const;
  void loop(const Ast& init, const Ast& condition, const Ast& increment, const Ast& body, bool test_first, int line);
  void switch_statement(const Ast& node);
  void return_statement(const Ast& node);
  void if_statement(const Ast& node);

  // expressions.cpp
  loop::Term value(const Ast& node);
  loop::Term condition(const Ast& node);
  void effect(const Ast& node);  // an expression for its side effects
  loop::Term conversion(const Ast& node);
  loop::Term unary_value(const Ast& node);
  loop::Term binary_value(const Ast& node);
  void refuse_wrapped(const Ast& node, const Ast& number, UnsignedValues::Wraps from) const;
  void refuse_wrapping(const Ast& node, const std::string& op, const loop::Term& a, const loop::Term& b) const;
  loop::Term logical(const Ast& node);
  loop::Term choose(const Ast& node);
  loop::Term integer_literal(const Ast& node);
  loop::Term real_literal(const Ast& node) const;
  std::optional<loop::Term> constant_variable(const Ast& declaration);
  loop::Term compare_pointers(const Ast& node, const std::string& op);
  loop::Term assignment(const Ast& node);
  loop::Term step(const Ast& node, bool value_needed);
  loop::Term size_of_value(const Ast& node);
  void sequenced(const Ast& node);
  void finish_effects();                                  // what stands behind the full expression
  Statements aside(const Ast& node, loop::Term& result);  // an operand that may not be evaluated

  // places.cpp
  Place place(const Ast& node);
  Place pointer(const Ast& node);
  void point(const Ast& target, const Place& to, int line);
  void move_pointer(const Ast& target, const loop::Term& by, int line);
  Place& moved(const Ast& target);
  void walks(const Place& to);
  Place advanced(Place place, const loop::Term& by, const Ast& where) const;
  loop::Term subscript(const Ast& node);

  // calls.cpp
  std::optional<loop::Term> call(const Ast& node, bool value_needed);
  std::optional<loop::Term> inlined(const Ast& node, const Ast& callee);
  void bind(const Ast& parameter, const Ast& argument, const std::optional<std::set<std::string>>& written);
  bool does_not_return(const Ast& node) const;
  std::string callee_name(const Ast& node) const;

  [[noreturn]] void refuse_kind(const Ast& node) const;
  [[noreturn]] void refuse(const Ast& where, const std::string& words) const;
  loop::ScalarType scalar_type(const Ast& node, const char* key = "type") const;
  loop::ScalarType pointer_step() const { return wide_ ? loop::ScalarType::i64 : loop::ScalarType::i32; }
  int line(const Ast& node) const { return unit_.line(node); }
  void add(Statement statement);

  const Unit& unit_;
  const Choice& choice_;
  Draft draft_;
  std::map<std::string, Variable, std::less<>> variables_;  // by clang's id of the declaration
  std::map<std::string, Variable, std::less<>> globals_;    // by name
  std::set<std::string> assigned_;                          // ids and file-scope names that the function or a callee assigns to
  bool wide_ = false;                                       // some integer has 64 bits: offsets of pointers need them too
  Statements* here_ = nullptr;
  Statements effects_;                // of the full expression, to run after it
  int in_subscript_ = 0;              // or in a loop's test: what wraps there would lead out of the array
  UnsignedValues unsigned_;
  Ast test_;                          // in a loop's test: all of that
  int counting_ = 0;                  // in a value for an unsigned variable, which may count
  std::vector<std::string> callees_;  // that are being inlined, outermost first
  struct Target {
    int loop = 0;              // that break leaves; 0: `after`
    std::string after, again;  // labels: of a switch's end, of where continue goes
  };
  std::vector<Target> targets_;
  struct Return {
    std::string label;  // behind the callee
    loop::Term value;   // that return assigns to
  };
  std::vector<Return> returns_;                     // of callees
  int inlined_ = 0, instance_ = 0, instances_ = 0;  // of callees
  int switches_ = 0;
  std::optional<loop::Term> handed_out_;  // what a dropped call was given: a region's result
  int depth_ = 0, statement_depth_ = 0, statements_ = 0;
};

/// The declaration that the node itself assigns to, by =, +=, ++ and so on, or whose address it takes; not there() when it
/// does neither.
Ast assigned_by(const Ast& node);

}  // namespace ak::analyser
