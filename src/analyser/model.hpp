// The function's statements as isl sees them: instances, accesses, order.
#pragma once

#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "analyser/affine.hpp"
#include "analyser/facts.hpp"
#include "analyser/isl.hpp"
#include "loop/function.hpp"

namespace ak::analyser::flow {

/// One read or write of an array's element, or of a scalar that the function writes.
struct Reference {
  std::string name;
  bool write = false;
  bool exact = false;  // the map is the element itself; otherwise one of many
  loop::Term term;     // as it stands in the text
  isl::set domain;     // instances that access it: a choice's side is not read in all of its statement's
  isl::map map;        // instances -> elements
  // Of a flat array of rows, where row and place in it are known (flat_rows.hpp): the same with a dimension for each, and as
  // terms.
  std::optional<isl::map> in_rows;
  std::vector<loop::Term> rows;
  bool in_one_row = false;  // `rows` holds in all instances
  bool certain = false;     // each instance in the domain accesses it, whatever the data are
  bool known() const { return exact || in_rows; }
};

/// What must hold for a statement to run that the domain does not say.
struct Guard {
  enum class Kind { branch, loop, leave };
  Kind kind = Kind::branch;
  int node = 0;   // the branch, the loop of unknown length, or the loop that may be left
  int side = 0;   // of a branch: 1 body, 0 otherwise
  int depth = 0;  // loops around one instance of the guard
};

/// An assignment, a leave or a finish; also a branch or a loop whose condition or bounds read memory; and the end of a branch
/// both sides of which set a scalar: with one side or the other, it is set anew there.
struct Statement {
  const loop::Node* node = nullptr;
  int index = 0;                         // in the model
  bool joins = false;                    // is the end of the branch `node`
  std::vector<const loop::Node*> loops;  // around it, outermost first; each is a dimension: iterations from 0
  std::vector<Guard> guards;             // outermost first
  std::vector<int> branches;             // around it, whatever their condition
  std::vector<int> owners;               // statements (indices) that are the branches and loops around it
  isl::set domain;
  Scope scope;
  std::vector<Reference> references;

  std::string name() const { return fmt::format("S{}", index); }
  bool is_leaf() const { return node->kind != loop::Node::Kind::branch && node->kind != loop::Node::Kind::loop; }
  const Reference* target() const;  // what it writes
  int depth() const { return static_cast<int>(loops.size()); }
};

struct Model {
  const loop::Function* function = nullptr;
  std::vector<Statement> statements;                     // in text order
  std::shared_ptr<const std::set<std::string>> written;  // scalars and arrays
  std::shared_ptr<std::set<std::string>> used;           // integer parameters whose given values some expression took

  bool is_scalar(const std::string& name) const { return !arrays.contains(name); }
  std::set<std::string> arrays;
  std::map<std::string, std::vector<loop::Term>> widths;  // of flat arrays of rows: their rows' lengths, innermost first
  std::map<std::string, loop::Term> offsets;              // of these: where row 0 begins
  std::vector<loop::Term> doubtful;  // conditions over parameters without which it is not known where rows end
};

Model build_model(isl::ctx context, const loop::Function& function, const Facts& facts);

/// Instances -> elements with these subscripts; with any where one is not known.
isl::map elements_at(const isl::set& domain, const std::string& array,
                     const std::vector<std::optional<isl::pw_aff>>& subscripts);

/// How many of the outermost loops two statements share.
int common_depth(const Statement& a, const Statement& b);

}  // namespace ak::analyser::flow
