// What compilers and programs of foreign C text may do, as far as this system can keep them from the rest.
#pragma once

#include <string>

#include "base/child.hpp"

namespace ak::port {

/// Of a compiler, or of what starts one: it writes to that folder alone; to none where it is empty.
ChildOptions compiler_box(const std::string& folder);

/// Of a program that runs C text: it ends (SIGSYS) when it opens a file to write.
ChildOptions program_box();

}  // namespace ak::port
