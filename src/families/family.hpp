// Family: one kernel template and all the host knows of it. No CUDA here: every answer is arithmetic on the problem, the
// tactic and the device's facts, so it is tested without a GPU.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/device_facts.hpp"
#include "core/geometry.hpp"
#include "core/problem.hpp"
#include "core/tactic.hpp"
#include "families/order.hpp"

namespace ak {

class Family {
 public:
  virtual ~Family() = default;
  virtual FamilyId id() const = 0;

  /// The kernel's files under kernels/, in the order they are concatenated.
  virtual std::span<const std::string_view> sources() const = 0;

  /// Why no tactic of this family can serve the problem; nullopt when one may.
  virtual std::optional<std::string> refuses(const Problem&, const DeviceFacts&) const = 0;

  /// Why this tactic cannot run (shared memory, registers, alignment, divisibility), with its physical reason; nullopt when
  /// it can. Everything untrusted (LLM, command line, records) passes here before it is compiled.
  virtual std::optional<std::string> rejects(const Problem&, const Tactic&, const DeviceFacts&) const = 0;

  /// Every tactic worth a look; the caller drops what rejects() names.
  virtual void enumerate(const Problem&, const DeviceFacts&, std::vector<Tactic>& out) const = 0;

  /// Predicted microseconds of one launch, from first principles. Compared across families, so in honest units.
  virtual double cost_us(const Problem&, const Tactic&, const DeviceFacts&) const = 0;

  /// The order in which a tactic sums along k: what differs in nothing but knobs that it leaves out gives equal bits.
  virtual SumOrder order(const Problem&, const Tactic&) const = 0;

  /// Launch shape of a tactic that rejects() let pass.
  virtual Geometry geometry(const Problem&, const Tactic&, const DeviceFacts&) const = 0;
};

#define AK_FAMILY(name) const Family& name##_family();
#include "core/families.def"
#undef AK_FAMILY

/// Own families, by id; vendor is not among them (plan/vendor).
const Family& family(FamilyId id);
const Family* find_family(FamilyId id);  // nullptr for the vendor
std::span<const Family* const> families();

}  // namespace ak
