// What a caller passes -> a validated canonical Problem and its launch arguments. Every check of the public calls is here, and
// none of it allocates unless it throws: this runs on the hot path.
#pragma once

#include "ak/types.hpp"
#include "core/problem.hpp"
#include "plan/plan.hpp"

namespace ak {

struct CanonicalCall {
  Problem problem;
  CallArgs args;       // what a k = 0 problem or a missing C or bias does not read is null
  bool empty = false;  // m or n is 0: nothing to compute, problem and args are not filled in
};

/// What the messages call each argument; the cuBLAS-shaped calls have their own names and order.
struct ArgumentNames {
  const char *a = "a", *b = "b", *c = "epilogue.c", *d = "d", *bias = "epilogue.bias", *activation = "epilogue.activation",
             *up = "epilogue.up", *aux = "epilogue.aux", *row_scale = "epilogue.row_scale",
             *column_scale = "epilogue.column_scale";
};
inline constexpr ArgumentNames kArgumentNames;

/// Of C enumerators, which may hold any int: checked, then converted. Throw Error{invalid_argument}: "a: 7 is not a dtype".
DType dtype_of(int value, const char* name);
Order order_of(int value, const char* name);
Activation activation_of(int value, const char* name);

/// `required`: a call that runs, every pointer it reads or writes must be there. `optional`: a call that only asks (prepare,
/// explain); a null pointer counts as aligned to 16 bytes.
enum class Pointers { required, optional };

/// D = act(alpha * A.B + bias + beta * C) and what else Epilogue asks for, turned into core/problem.hpp's canonical form.
/// Throws Error{invalid_argument | unsupported} that names the argument.
CanonicalCall canonicalize(const ConstMatrix& a, const ConstMatrix& b, const Matrix& d, const Epilogue& epilogue,
                           Pointers data = Pointers::required, const ArgumentNames& names = kArgumentNames);

}  // namespace ak
