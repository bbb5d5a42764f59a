// Machine: where problems are served: one CUDA context of a GPU, or a recording. What the cold path needs of it, so that the
// cold path itself is tested without either.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "cache/record.hpp"
#include "core/allowance.hpp"
#include "core/device_facts.hpp"
#include "jit/compiler.hpp"
#include "plan/plan.hpp"
#include "runner/quarantine.hpp"
#include "runner/runner.hpp"
#include "search/space.hpp"

namespace ak {

/// How an own kernel that stands by is proven before it serves.
struct Proving {
  Quarantine* quarantine = nullptr;
  std::optional<Allowance> allowance = {};  // nullopt: nothing can be proven now (a capture): what was proven before serves
};

class Workspaces;

class Machine {
 public:
  virtual ~Machine() = default;

  virtual const DeviceFacts& device() const = 0;
  virtual const Hardware& hardware() const = 0;
  /// Whether plans can be launched. A recording's plans are all nullptr.
  virtual bool launches() const = 0;
  /// Why no own kernel can be made here (no NVRTC); nullopt when they can.
  virtual std::optional<std::string> no_compiler() const = 0;
  /// Who compiles own kernels.
  virtual Compiler& compiler() const { return compiler_here(); }

  /// Versions and source digests of today, to compare a tactic's record with; proposer and times are left empty. What cannot be
  /// told stays empty: a library that is absent. Unless open_libraries, versions are those of the files that would be opened.
  virtual Provenance provenance(const Problem& problem, const Tactic& tactic, bool open_libraries) const = 0;

  /// Opens the libraries and makes the kernels that every search of this problem needs, once a process: none of it is a
  /// search's own time. What fails is left to the search to tell. stop: ends its waits.
  virtual void warm_up(const Problem&, const std::stop_token& = {}) {}
  /// The device whose searches would time each other.
  virtual int device_ordinal() const { return 0; }

  /// While the answer lives, this thread works in the machine's CUDA context, and its driver calls do not disturb a capture
  /// that runs elsewhere. Throws Error{driver} when that context has ended.
  virtual std::shared_ptr<void> enter() const = 0;
  virtual bool capturing(Stream stream) const = 0;
  /// Throws Error{invalid_argument} for a stream of another CUDA context.
  virtual void check_stream(Stream stream) const = 0;

  /// Device memory that a search may take now, in bytes: what the driver says is free, less what is left to the application.
  virtual std::int64_t device_bytes() const { return std::numeric_limits<std::int64_t>::max(); }
  /// Why the problem cannot be searched with the allowance's memory, though with more it could. nullopt when it can.
  virtual std::optional<std::string> lacks_memory(const Problem&, const Allowance&) const { return std::nullopt; }
  /// A problem that comes soon, and what is known to be tried first; empty: what a search proposes.
  struct Coming {
    Problem problem;
    std::vector<Tactic> tactics;
  };
  /// While the answer lives, what these will try first is compiled, in their order. Null: nothing is.
  virtual std::shared_ptr<void> compile_ahead(std::vector<Coming>, const Allowance&) { return nullptr; }
  /// The tactics that its runner can answer for.
  virtual Space space(const Problem& problem) const = 0;
  virtual std::unique_ptr<Runner> runner(const Problem& problem, const Allowance& allowance,
                                         Quarantine* quarantine = nullptr) = 0;

  /// A loaded winner; cubin is empty for a vendor's. lent: it was found at another m of the record's bucket than the record's
  /// problem has here. Throws Error.
  virtual PlanPtr load(const PlanRecord& record, std::string_view cubin, bool lent = false) = 0;
  /// Why there is no plan, and whether the process may have later what it lacks: memory, an answer of the driver's.
  struct Lack {
    std::string why;
    bool passes = false;
  };
  /// cuBLASLt's first heuristic, without timing anything. nullptr when there is none, with the reason.
  virtual PlanPtr vendor(const Problem& problem, Lack& lack) = 0;
  /// The cost model's first sm80 tactic that is right, compiled and proven now or before, not timed: when there is no vendor.
  /// nullptr with the reason.
  virtual PlanPtr untuned(const Problem& problem, const Proving& proving, std::string& why) = 0;
  /// What serves where scratch memory is not to be had: a plan that needs none, or the least. nullptr with the reason.
  virtual PlanPtr without_scratch(const Problem&, const Proving&, std::string& why) {
    why = "nothing is launched here";
    return nullptr;
  }
  /// Scratch memory of an own tactic's kernel, in bytes.
  virtual std::int64_t workspace_bytes(const Problem&, const Tactic&) const { return 0; }
  /// A plan that needs no scratch memory and is made without a compiler. nullptr when there is none.
  virtual PlanPtr vendor_without_scratch(const Problem&) { return nullptr; }
  /// Where its plans take scratch memory; null: of what all contexts of this process share.
  virtual Workspaces* scratch() const { return nullptr; }
  /// k = 0: D = act(bias + beta * C). Throws Error.
  virtual PlanPtr pass(const Problem& problem) = 0;
};

}  // namespace ak
