// Nests whose outer loop runs in order around loops that do not.
#pragma once

#include "port/templates/templates.hpp"

namespace ak::port {

/// For groups that no other template does.
Template rounds_stages;

}  // namespace ak::port
