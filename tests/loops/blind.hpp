// A function's kernel as someone makes it who does not look at what its iterations share.
#pragma once

#include <vector>

#include "loop/launch.hpp"
#include "own_loops.hpp"

namespace ak::test {

/// The iterations of every outermost loop of which one was seen to need another run at once, the rest runs in one thread: what
/// a loop hands on in a scalar lies where all threads find it. Nothing where no outermost loop was seen to carry something.
std::vector<loop::Candidate> blind_candidates(const OwnLoop& own);

}  // namespace ak::test
