// Integer terms as isl's quasi-affine expressions, with C's meaning of / and %.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "analyser/isl.hpp"
#include "loop/term.hpp"

namespace ak::analyser::flow {

/// What names mean at one statement.
struct Scope {
  isl::space space;                                      // of the statement's instances
  std::map<std::string, isl::pw_aff> variables;          // of the loops around it, and integers whose values are given
  std::set<std::string> unknown;                         // loop variables without an expression
  std::shared_ptr<const std::set<std::string>> written;  // scalars that some statement writes, and arrays likewise
  const loop::Values* given = nullptr;                   // of integer parameters
  std::shared_ptr<std::set<std::string>> used;           // those of the given ones that some expression took
};

/// Nothing where it is not affine in loop variables and in what no statement changes. A subterm of the latter that isl cannot
/// express (n * m) becomes a parameter of its own.
std::optional<isl::pw_aff> affine(const loop::Term& term, const Scope& scope);

/// The instances for which the term is not 0.
std::optional<isl::set> holds(const loop::Term& term, const Scope& scope);

}  // namespace ak::analyser::flow
