// Small functions of one nest or two, made at random, for tests that need many.
#pragma once

#include "loop/function.hpp"

namespace ak::test {

/// Parameters: int n, m; float a[], b[], c[], aa[][]; int ip[]; locals s, t (float) and k (int).
loop::Function random_function(unsigned seed);
/// Of flat arrays of rows: parameters int n, m (rows, and elements in one); float a[], b[].
loop::Function random_image(unsigned seed);

}  // namespace ak::test
