// The C++ API of loops.
#include "ak/loop.hpp"
#include "context/context.hpp"
#include "context/loop_state.hpp"

namespace ak {

Loop Context::loop(const std::string& file, const std::string& function) {
  return loop(file, function, LoopHost(), LoopOptions());
}
Loop Context::loop(const std::string& file, const std::string& function, const LoopHost& host) {
  return loop(file, function, host, LoopOptions());
}
Loop Context::loop(const std::string& file, const std::string& function, const LoopHost& host, const LoopOptions& options) {
  if (function.empty()) throw Error(ErrorCode::invalid_argument, "function: is empty");
  if (file.empty() && options.text.empty()) throw Error(ErrorCode::invalid_argument, "file: is empty");
  port::LoopSource source;
  source.file = file, source.function = function;
  source.text = options.text, source.flags = options.flags, source.lengths = options.lengths;
  return Loop(impl_->loop(std::move(source), host, {options.residency, options.unordered}));
}

void Loop::call(Stream stream, const LoopType* types, void* const* values, std::size_t count) const {
  state_->call(stream, types, values, count);
}
Explanation Loop::prepare_call(const LoopType* types, void* const* values, std::size_t count) const {
  return state_->prepare(types, values, count);
}
Explanation Loop::explain_call(const LoopType* types, void* const* values, std::size_t count) const {
  return state_->explain(types, values, count);
}
std::vector<LoopType> Loop::types() const { return state_->types(); }
std::uint64_t Loop::epoch() const { return state_->changes(); }

}  // namespace ak
