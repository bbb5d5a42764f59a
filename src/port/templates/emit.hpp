// What templates print kernels with: parts of a nest, the scalars that live in a thread, what one thread does at the end.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "port/templates/templates.hpp"

namespace ak::port {

using Names = std::set<std::string>;

/// The nest with these statements alone; loops and branches that become empty are gone.
std::vector<loop::Node> only(const std::vector<loop::Node>& body, const std::set<int>& statements);
/// With every term that is read replaced, the roots of targets aside (their subscripts are read).
std::vector<loop::Node> replace_reads(std::vector<loop::Node> body,
                                      const std::function<std::optional<loop::Term>(const loop::Term&)>& with);
/// With a scalar or element replaced wherever it stands, targets too.
std::vector<loop::Node> replace_all(std::vector<loop::Node> body,
                                    const std::function<std::optional<loop::Term>(const loop::Term&)>& with);

bool has_loop(const std::vector<loop::Node>& body);
bool has_exit(const std::vector<loop::Node>& body);  // leave or finish
bool finishes(const std::vector<loop::Node>& body);
Names assigned_scalars(const std::vector<loop::Node>& body);
Names written_arrays(const std::vector<loop::Node>& body);
Names read_arrays(const std::vector<loop::Node>& body);
/// Arrays and scalars of a term.
Names arrays_of(const loop::Term& term);
Names scalars_of(const loop::Term& term);
/// Every term that a node itself reads: value, condition, bounds, the target's subscripts.
std::vector<loop::Term> terms_read(const loop::Node& node);

struct ScalarFlow {
  Names exposed;   // may be read before the body has written them
  Names definite;  // written on every way through
};
ScalarFlow scalar_flow(const std::vector<loop::Node>& body);

/// How a loop around the group may run; `sequential` of one that is not among its loops.
loop::Role role_of(const loop::Group& group, int loop);
/// Whether iterations of a loop would write or read each other's elements, were they to run at once.
bool iterations_meet(const loop::Group& group, int loop);

loop::ScalarType type_of(const loop::Function& function, const std::string& scalar);
/// Elements of an array of a flattened function, in 64 bits: a call has seen that there is memory behind them, so that all may
/// be read where C would not.
std::optional<loop::Term> length_of(const Work& work, const std::string& array);
/// Nothing where the array may have fewer, for what lies behind it is not to be written, not even as it was.
std::optional<loop::Term> certain_length_of(const Work& work, const std::string& array);
bool intersect(const Names& a, const Names& b);

/// Declarations of the scalars that the work's nests name, and `before`.
std::string opening(const Work& work);
/// What the last thread does: `after`, then the scalars to keep.
std::string closing(const Work& work, int indent);
/// Statements as kernels have them: what the function returns goes to result_[0].
std::string statements(const std::vector<loop::Node>& body, int indent);
/// Scratch of closing().
std::vector<loop::Scratch> kept_scratch(const Work& work);

}  // namespace ak::port
