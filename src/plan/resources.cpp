#include "plan/resources.hpp"

#include <fmt/format.h>

#include <map>

#include "base/embedded.hpp"
#include "gpu/device.hpp"

namespace ak {

Resources::Resources(CUcontext context) : context_(context), workspaces_(context) {
  const ContextScope scope(context);
  facts_ = device_facts();
}

CUfunction Resources::support_kernel(const char* name) {
  const std::lock_guard lock(mutex_);
  if (!support_) {
    const ContextScope scope(context_);
    support_ = Module::load(support_fatbin().data());
  }
  const CUfunction function = support_.find(name);
  if (!function) throw Error(ErrorCode::internal, fmt::format("no support kernel '{}'", name));
  return function;
}

void* Resources::vendor_handle(void* (*make)()) {
  const std::lock_guard lock(mutex_);
  if (!vendor_handle_) {
    const RelaxedCapture relaxed;
    const ContextScope scope(context_);
    vendor_handle_ = make();
  }
  return vendor_handle_;
}

Resources& resources() {
  static std::mutex mutex;
  static auto& all = *new std::map<std::uint64_t, Resources>;
  const CUcontext context = current_context();
  const std::lock_guard lock(mutex);
  return all.try_emplace(context_id(context), context).first->second;
}

}  // namespace ak
