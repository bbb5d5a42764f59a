// What all plans of one CUDA context share: its facts, the kernels compiled at build time, scratch memory.
#pragma once

#include <cuda.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "ak/types.hpp"
#include "core/device_facts.hpp"
#include "gpu/owners.hpp"
#include "plan/workspace.hpp"

namespace ak {

class Resources {
 public:
  explicit Resources(CUcontext context);  // prefer resources()

  CUcontext context() const { return context_; }
  const DeviceFacts& facts() const { return facts_; }
  Workspaces& workspaces() { return workspaces_; }

  /// Of a winner's image, whose checksum was verified: loaded once, and kept for the life of the process, as graphs that were
  /// captured may outlive the ak::Context that served them. Throws Error{driver}.
  std::shared_ptr<const Module> module(std::string_view image);

  /// A kernel of kernels/support/, by its unmangled name; the fatbin is loaded on first use. Throws Error{internal} for an
  /// unknown name, Error{driver} when this GPU cannot run the fatbin.
  CUfunction support_kernel(const char* name);

  /// One of the kernels that exist once an activation (kernels/support/activation_kernels.cuh). A caller's own activation is
  /// compiled on first use: throws Error{missing_library} without NVRTC.
  CUfunction activation_kernel(Activation activation, const std::string& name);

  /// cuBLASLt's handle in this context, made by `make` on first use (plan/vendor).
  void* vendor_handle(void* (*make)());

 private:
  CUcontext context_;
  DeviceFacts facts_;
  Workspaces workspaces_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Module>> modules_;  // by digest
  Module support_;
  std::map<Activation, Module> own_activations_;
  void* vendor_handle_ = nullptr;
};

/// A module of a plan's own, in the resources' context; the image's checksum was verified. Throws Error{driver}.
std::shared_ptr<const Module> load_module(const Resources& resources, const void* image);

/// Of the current context (gpu/device.hpp: current_context). Made on first use and kept for the life of the process, for
/// captured graphs may use what it holds. Not for the hot path.
Resources& resources();

}  // namespace ak
