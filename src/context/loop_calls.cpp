#include "context/loop_calls.hpp"

#include <utility>

#include "gpu/owners.hpp"

namespace ak {

LoopHost idle_host() {
  LoopHost host;
  host.function = [] {};
  host.run = [](void (*of)(), void* const*) { of(); };
  return host;
}

std::function<void(void* const* values)> loop_calls(std::shared_ptr<Loop::State> state, LoopKnown known,
                                                    const loop::CallClass& call, const LoopPlan* plan) {
  for (loop::Parameter& parameter : known.function.parameters) parameter.implicit = false;  // the C function takes all of them
  known.prototype = LoopPrototype(known.function);
  known.steering.clear();
  for (const auto& [name, value] : call.values) known.steering.push_back(name);
  auto served = std::make_shared<LoopServed>();
  if (plan) served->plans.push_back({std::shared_ptr<const LoopPlan>(), plan});  // the caller's
  state->serve(std::move(known), call, std::move(served));
  const auto stream = std::make_shared<OwnedStream>(OwnedStream::make());
  return [state, stream, types = state->types()](void* const* values) {
    state->call(stream->get(), types.data(), values, types.size());
  };
}

}  // namespace ak
