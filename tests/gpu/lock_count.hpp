// Counts the pthread mutexes that code of this program locks on the calling thread; the driver's own locks are not ours to
// count.
#pragma once

#include <cstddef>

std::size_t locks();
