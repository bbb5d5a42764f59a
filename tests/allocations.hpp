// Counts every operator new of the test program (allocations.cpp), for the promise that hot paths allocate nothing.
#pragma once

#include <cstddef>

/// Allocations of the calling thread so far, and the bytes of them all.
std::size_t allocations();
std::size_t allocated_bytes();
