// What the analysis proved of a function's loops: groups of statements that run one after the other, and of each loop around a
// group, how its iterations may run. tests/loops/README.md has the text form.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loop/function.hpp"

namespace ak::loop {

enum class Role : std::uint8_t {
  parallel,    // iterations in any order and at once
  reduce,      // only Reductions are carried
  scan,        // a Recurrence that is affine or associative: x[i] = m * x[i - d] + c
  chains,      // a Recurrence at distances whose common divisor d is > 1, of any function: d chains
  compact,     // a Counter that rises under a condition and is a subscript
  exit,        // iterations are independent, but the first that leaves ends the loop
  scatter,     // writes through an index array (or other subscript) of which nothing is known
  wavefront,   // two loops whose diagonals are parallel
  sequential,  // a recurrence without a known operator, or what analysis does not understand
};

/// x[i] (or a scalar) of an iteration from earlier iterations of the loop.
struct Recurrence {
  std::string target;                   // array or scalar
  std::vector<std::int64_t> distances;  // in iterations of the loop, ascending; empty: not constant
  // Affine: target = multipliers[0] * (value at distances[0]) + ... + constant. No terms: not affine, or not known.
  std::vector<Term> multipliers;
  std::optional<Term> constant;
  std::string op;     // instead of affine: "min", "max", "*", "&", "|", "^" of the earlier value and `constant`
  int statement = 0;  // the assignment that closes the cycle
  // Scalars that go round with the target, a scalar too: each iteration makes each of them as an affine function of what the
  // one before left in all. Where the target has distances 1 and 2, a delayed copy of it.
  std::vector<std::string> with = {};
  bool operator==(const Recurrence&) const = default;
};

/// target = target op value, for all iterations of the loops that carry it.
struct Reduction {
  Term target;                    // a scalar, or an element that these loops do not move
  std::string op;                 // "+", "*", "min", "max", "&", "|", "^"; a "-" is a "+" of the negated value
  Term value;                     // of one iteration
  std::optional<Term> condition;  // under which an iteration takes part
  // With a position (argmin, argmax): scalar -> value that it takes when the extremum moves; ties go to the first or the last.
  std::vector<std::pair<std::string, Term>> positions;
  bool last = false;
  std::vector<int> statements;  // the assignments and the branch that it stands for
  bool operator==(const Reduction&) const = default;
};

/// k += step under a condition, k used as a subscript.
struct Counter {
  std::string name;
  std::int64_t step = 1;
  std::optional<Term> condition;  // nothing: several places count, see the nest
  std::vector<int> statements;
  bool operator==(const Counter&) const = default;
};

/// Why it is parallel all the same, or what a kernel must take care of.
struct Note {
  enum class Kind : std::uint8_t {
    anti,        // a read of what a later iteration writes: it must see the old value
    output,      // two iterations write one element: the later one's value must stay
    expand,      // a scalar that lives across iterations or past the loop: each iteration needs its own
    induction,   // a scalar of which a closed form was found; it is gone from the nest
    reroll,      // k congruent statements became one in a loop of step 1
    structured,  // from goto
  };
  Kind kind = Kind::anti;
  std::string name;                      // array or scalar
  std::optional<std::int64_t> distance;  // iterations; nothing: not constant ('*'). reroll: k
  int from = 0, to = 0;                  // statements
  int loop = 0;                          // that carries it
  bool operator==(const Note&) const = default;
};

struct LoopRole {
  int loop = 0;  // the node's id
  std::string variable;
  Role role = Role::parallel;
  bool operator==(const LoopRole&) const = default;
};

struct Group {
  std::vector<int> statements;  // assignments, leaves, finishes; their branches come with them
  std::vector<LoopRole> loops;  // around all of them, outermost first; loops around only some are theirs alone
  std::vector<Reduction> reductions;
  std::vector<Recurrence> recurrences;
  std::vector<Counter> counters;
  std::vector<std::string> scattered;  // arrays written through unknown subscripts
  std::vector<Note> notes;
  std::string cause;  // of a sequential role, for a person
  bool operator==(const Group&) const = default;
};

/// One thing that one analysis module found, for a person and for a prompt.
struct Finding {
  std::string module;  // loops.md's word: "write after read", "reduction", ...
  int node = 0;        // statement or loop
  std::string text;
  bool changed = false;  // without it the verdict would be another
  bool operator==(const Finding&) const = default;
};

/// How one access moves with the innermost parallel loop.
struct Access {
  int statement = 0;
  std::string array;
  bool write = false;
  std::string pattern;                 // "coalesced", "strided", "gathered", "uniform"
  std::optional<std::int64_t> stride;  // elements
  bool operator==(const Access&) const = default;
};

/// Of two statements' accesses to one element, at least one of them a write, the later one's on the earlier one's.
struct Dependence {
  enum class Kind : std::uint8_t { flow, anti, output };
  Kind kind = Kind::flow;
  std::string name;                     // array or scalar
  int from = 0, to = 0;                 // nodes; a branch or loop that reads stands for itself
  int loop = 0;                         // that carries it; 0: within one iteration of all common loops
  std::vector<std::int64_t> distances;  // in its iterations, ascending; empty: any
  bool exact = true;                    // follows from the subscripts; else nobody knows whether the two meet
  bool operator==(const Dependence&) const = default;
};

/// A dependence that happened while the C function ran, in the places of its text.
struct Observed {
  Dependence::Kind kind = Dependence::Kind::flow;
  std::string name;
  int from = 0, to = 0;                 // lines
  int loop = 0;                         // the line of the loop that carried it; 0: within one iteration of all common loops
  std::vector<std::int64_t> distances;  // the least of those that happened, ascending
  bool operator==(const Observed&) const = default;
};

/// An access to a flat array of rows as it stands, and by (plane,) row and place: a[y * w + x] is a[y][x], and so may
/// a[m + y * w + x] be where all have m. Of one array, two are one element where they are so by rows.
struct InRows {
  Term flat, by_rows;
  bool operator==(const InRows&) const = default;
};

struct Verdict {
  Function function;  // in the form that the groups speak of: rerolled, structured, inductions replaced
  std::optional<Function> as_read;  // where `function` makes accesses in another order, which is wrong where arrays overlap
  std::vector<Group> groups;
  std::vector<Finding> findings;
  std::vector<Access> accesses;
  std::vector<InRows> in_rows;          // each access, of arrays where that is proven of all
  std::vector<Dependence> dependences;  // that may happen, of the function; nothing where `in_order`
  bool in_order = false;                // the analysis gave up: all is sequential, whatever depends on what
  std::vector<Observed> observed;       // of the inexact ones, those that a run showed: not proven to be all
  // Over integer parameters: where one is false nothing of this holds, and one thread is to run the function in order.
  std::vector<Term> assumed;
  std::vector<std::string> used;     // integer parameters and macros whose values the verdict depends on
  // Without a call's values: integer parameters whose values would make it another one.
  std::vector<std::string> steering;
  double bytes = 0, operations = 0;  // an innermost iteration
  std::string refused;               // why nothing is known, for a person; then the groups are empty

  bool operator==(const Verdict&) const = default;
};

/// What is right for every call, however its arrays overlap.
const Function& for_every_call(const Verdict& verdict);

/// The function with arrays of rows in the place of flat ones of which the verdict has all accesses in rows; their parameters
/// stay flat.
Function by_rows(const Verdict& verdict);

/// The one line of tests/loops/README.md.
std::string text(const Verdict& verdict);
/// A group's part of it.
std::string text(const Group& group, const Function& function);

/// Every term, whole: of the function and of the groups.
void for_each_term(Verdict& verdict, const std::function<void(Term&)>& visit);
/// What a person reads: the line, the groups with their statements' text, the findings.
std::string explain(const Verdict& verdict);
/// "flow of a from line 4 to line 3, carried by the loop of line 2 at distance 1, 3".
std::string text(const Observed& observed);

/// JSON as ak-analyse writes it. Throws Error{invalid_argument} that names the field.
Verdict read_verdict(std::string_view json);
std::string write_json(const Verdict& verdict);

}  // namespace ak::loop
