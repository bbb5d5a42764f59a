#include "context/loop_known.hpp"

#include <algorithm>
#include <array>

namespace ak {

void LoopKnown::run_host(void* const* arguments) const {
  if (!prototype.returns()) return host.run(host.function, arguments);
  // The function's result goes where the first argument points to.
  std::array<void*, LoopPrototype::kMostArguments> addresses;
  std::copy_n(arguments, prototype.arguments().size(), addresses.begin());
  addresses[0] = *static_cast<void* const*>(arguments[0]);
  host.run(host.function, addresses.data());
}

port::Tools loop_tools(const Settings& settings) { return {settings.analyser, settings.compiler, settings.worker}; }

}  // namespace ak
