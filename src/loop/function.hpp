// A C function whose loops may become kernels: parameters, and the nest of its statements in normal form.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loop/term.hpp"

namespace ak::loop {

struct Parameter {
  std::string name;
  ScalarType type = ScalarType::f32;
  bool pointer = false;
  bool constant = false;  // a pointer to const
  bool implicit = false;  // an array or scalar of file scope that the function uses; always a pointer to it if it is an array
  std::vector<Term> extents;  // of a pointer, outermost first, over integer parameters; the outermost may be missing: see below
  bool length_known = true;   // whether extents[0] is known: else it is integer 0 and a call must be given it
  // Whether each call's array has all of them: the text says so, the caller, or the last one is touched whatever the data are.
  // Else no more than these are touched, and an array may be shorter: none is copied by such a length.
  bool length_certain = true;

  bool operator==(const Parameter&) const = default;
};

struct Local {
  std::string name;  // unique in the function, whatever the scopes were
  ScalarType type = ScalarType::f32;
  std::vector<Term> extents;  // of a local array, constants; empty: a scalar

  bool operator==(const Local&) const = default;
};

/// What a body is made of. Compound assignments, ++, comma, continue, switch and structured gotos are gone: C's own order of
/// evaluation is the order of the nodes.
struct Node {
  enum class Kind : std::uint8_t {
    assign,  // target = value; target is a scalar or an element
    branch,  // if (condition) body else otherwise
    loop,    // for (variable = begin; variable < end; variable += step) body; with a negative step while variable > end.
           // begin and end do not change while it runs, nothing in the body writes the variable; after it the variable is dead
    leave,   // break out of the loop `of`
    finish,  // return; with `value` when the function returns one
  };
  Kind kind = Kind::assign;
  int id = 0;    // of this node, unique in the function, rising in text order
  int line = 0;  // of the source
  Term target, value;
  Term condition;
  std::vector<Node> body, otherwise;
  std::string variable;
  ScalarType variable_type = ScalarType::i32;
  Term begin, end;
  std::int64_t step = 1;
  int of = 0;

  bool operator==(const Node&) const = default;
};

struct Function {
  std::string name;
  ScalarType returns = ScalarType::none;
  std::vector<Parameter> parameters;  // the C function's own, in order, then the implicit ones by name
  std::vector<Local> locals;
  std::vector<Node> body;

  bool operator==(const Function&) const = default;
};

const Parameter* find_parameter(const Function& function, const std::string& name);
const Node* find_node(const Function& function, int id);
/// Every node, parents before children, in text order.
void for_each_node(const std::vector<Node>& body, const std::function<void(const Node&)>& visit);

/// Integer parameters that are small beside the others where a call makes sense: how far loops stay from edges, r of
/// `for (i = r; i < n - r; i++)`, or reach around a place, r of `for (d = -r; d <= r; d++)`.
std::vector<std::string> margins(const Function& function);

/// The name under which a kernel takes the pointer to what the function returns; it comes first.
constexpr const char* kResult = "result_";

/// Every array with one dimension, as kernels have them: subscripts multiplied out with the inner extents, in 64 bits where
/// these are not constants. Extents become one product.
Function flattened(Function function);
/// The parameters of a flattened function as a kernel takes them: `float* __restrict__ result_, int n, float* __restrict__ a,
/// const float* __restrict__ b`; `restricted` false: without __restrict__, for functions whose arguments may overlap.
std::string c_parameters(const Function& function, bool restricted = true);
/// A body as C: `indent` spaces before each line.
std::string c_text(const std::vector<Node>& body, int indent, const Substitute& substitute = {});

}  // namespace ak::loop
