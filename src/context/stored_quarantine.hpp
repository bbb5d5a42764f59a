// The quarantine of a kind of GPU, kept in the store as work of the kind "quarantine".
#pragma once

#include <fmt/format.h>

#include "cache/store.hpp"
#include "context/describe.hpp"
#include "runner/quarantine.hpp"

namespace ak {

class StoredQuarantine final : public Quarantine {
 public:
  /// Both must outlive it.
  StoredQuarantine(Store& store, const Hardware& hardware) : store_(store), hardware_(describe(hardware)) {}

  std::optional<std::string> why(const Digest& kernel) override {
    auto record = store_.find_work(kQuarantine, key(kernel));
    return record ? std::optional(std::move(record->local)) : std::nullopt;
  }
  void add(const Digest& kernel, std::string_view what) override {
    store_.put_work({std::string(kQuarantine), key(kernel), {}, std::string(what)});
  }

 private:
  std::string key(const Digest& kernel) const { return fmt::format("{} on {}", kernel.hex(), hardware_); }

  Store& store_;
  const std::string hardware_;
};

}  // namespace ak
