// Counts every operator new of the test program (allocations.cpp), for the promise that hot paths allocate nothing.
#pragma once

#include <cstddef>

/// Allocations of the calling thread so far.
std::size_t allocations();
