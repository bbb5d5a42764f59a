#include "plan/resources.hpp"

#include <fmt/format.h>

#include "base/embedded.hpp"
#include "base/hash.hpp"
#include "core/activation.hpp"
#include "gpu/device.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"

namespace ak {

Resources::Resources(CUcontext context) : context_(context), workspaces_(context) {
  const ContextScope scope(context);
  facts_ = device_facts();
}

std::shared_ptr<const Module> Resources::module(std::string_view image) {
  const std::string key = digest(image).hex();
  const std::lock_guard lock(mutex_);
  auto& module = modules_[key];
  if (!module) {
    const RelaxedCapture relaxed;
    const ContextScope scope(context_);
    module = std::make_shared<const Module>(Module::load(image.data()));
  }
  return module;
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

CUfunction Resources::activation_kernel(Activation activation, const std::string& name) {
  if (!is_own(activation)) return support_kernel(name.c_str());
  const std::lock_guard lock(mutex_);
  auto found = own_activations_.find(activation);
  if (found == own_activations_.end()) {
    const Compiled compiled = compile(own_activation_source(activation), facts_.arch());
    if (compiled.cubin.empty())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("activation '{}' does not compile: {}", ak::name(activation), compiled.failure));
    const RelaxedCapture relaxed;
    const ContextScope scope(context_);
    found = own_activations_.emplace(activation, Module::load(compiled.cubin.data())).first;
  }
  const CUfunction function = found->second.find(name.c_str());
  if (!function) throw Error(ErrorCode::internal, fmt::format("no kernel '{}' of an own activation", name));
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

std::shared_ptr<const Module> load_module(const Resources& resources, const void* image) {
  const ContextScope scope(resources.context());
  return std::make_shared<const Module>(Module::load(image));
}

Resources& resources() {
  static std::mutex mutex;
  static auto& all = *new std::map<std::uint64_t, Resources>;
  const CUcontext context = current_context();
  const std::lock_guard lock(mutex);
  return all.try_emplace(context_id(context), context).first->second;
}

}  // namespace ak
