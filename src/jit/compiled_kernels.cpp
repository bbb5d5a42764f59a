#include "jit/compiled_kernels.hpp"

#include <utility>

namespace ak {

std::shared_ptr<const Compiled> CompiledKernels::find(const Digest& source) const {
  const std::lock_guard lock(mutex_);
  const auto known = all_.find(source);
  return known == all_.end() ? nullptr : known->second;
}

void CompiledKernels::put(const Digest& source, std::shared_ptr<const Compiled> compiled) {
  if (!compiled->failure.empty()) return;
  const std::lock_guard lock(mutex_);
  const std::size_t bytes = compiled->cubin.size();
  if (!all_.try_emplace(source, std::move(compiled)).second) return;
  order_.push_back(source), bytes_ += bytes;
  while (bytes_ > most_) {
    const auto oldest = all_.find(order_.front());
    bytes_ -= oldest->second->cubin.size();
    all_.erase(oldest), order_.pop_front();
  }
}

}  // namespace ak
