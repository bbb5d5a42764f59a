// What a port's request tells a language model.
#pragma once

#include "port/llm/kernel_prompt.hpp"
#include "port/port.hpp"

namespace ak::port {

/// Throws as analyse() does.
KernelFacts kernel_facts(const PortRequest& request, PromptArm arm, Deadline deadline);

}  // namespace ak::port
