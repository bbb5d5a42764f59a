// isl's own C++ classes, which own what they hold and throw isl::exception, and the few of its functions that they leave out.
#pragma once

#include <isl/aff.h>
#include <isl/cpp.h>
#include <isl/map.h>
#include <isl/options.h>
#include <isl/set.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "analyser/isl_limits.hpp"

namespace ak::analyser::flow {

/// A context whose operations and time are limited: beyond that isl throws isl::exception_quota or exception_abort instead of
/// running on.
class IslContext {
 public:
  explicit IslContext(const Limits& limits) : ctx_(isl_ctx_alloc(), isl_ctx_free) {
    isl_options_set_on_error(ctx_.get(), ISL_ON_ERROR_CONTINUE);
    isl_ctx_set_max_operations(ctx_.get(), limits.operations);
    if (limits.deadline.passed()) isl_ctx_abort(ctx_.get());
    watch_ = std::jthread([ctx = ctx_.get(), until = limits.deadline.at()](const std::stop_token& stop) {
      std::mutex mutex;
      std::unique_lock lock(mutex);
      std::condition_variable_any stopped;
      stopped.wait_until(lock, stop, until, [] { return false; });
      if (!stop.stop_requested()) isl_ctx_abort(ctx);
    });
  }
  isl::ctx get() const { return isl::ctx(ctx_.get()); }

 private:
  std::unique_ptr<isl_ctx, void (*)(isl_ctx*)> ctx_;
  std::jthread watch_;  // operations differ in time
};

/// The tuple's dimension `position` as an expression over it.
inline isl::pw_aff dimension(const isl::space& space, int position) {
  return isl::manage(
      isl_pw_aff_from_aff(isl_aff_var_on_domain(isl_local_space_from_space(space.copy()), isl_dim_set, position)));
}

/// An id by any name: isl's own constructor reads it as a word of isl's.
inline isl::id named(isl::ctx context, const std::string& name) {
  return isl::manage(isl_id_alloc(context.get(), name.c_str(), nullptr));
}

inline isl::pw_aff parameter(const isl::space& space, const std::string& name) {
  isl_id* id = isl_id_alloc(space.ctx().get(), name.c_str(), nullptr);
  isl_space* with = isl_space_add_param_id(space.copy(), isl_id_copy(id));
  return isl::manage(isl_pw_aff_from_aff(isl_aff_param_on_domain_space_id(with, id)));
}

inline isl::pw_aff constant(const isl::space& space, std::int64_t value) {
  isl_val* number = isl_val_int_from_si(space.ctx().get(), value);
  return isl::manage(isl_pw_aff_from_aff(isl_aff_val_on_domain(isl_local_space_from_space(space.copy()), number)));
}

inline bool is_constant(const isl::pw_aff& value) { return isl_pw_aff_is_cst(value.get()) == isl_bool_true; }

/// Of a value that fits 64 bits.
inline std::optional<std::int64_t> number(const isl::val& value) {
  if (!value.is_int() || value.abs().gt(isl::val(value.ctx(), long{1} << 62))) return std::nullopt;
  return value.num_si();
}

}  // namespace ak::analyser::flow
