// A call of a problem with nothing behind its pointers: kernels of the fake driver read nothing.
#pragma once

#include "core/problem.hpp"
#include "plan/call_args.hpp"

inline ak::CallArgs sizes(const ak::Problem& p) {
  ak::CallArgs args{};
  args.m = static_cast<int>(p.m), args.n = static_cast<int>(p.n), args.k = static_cast<int>(p.k);
  args.a.ld = args.b.ld = p.k, args.d.ld = args.c.ld = p.n, args.alpha = 1;
  return args;
}
