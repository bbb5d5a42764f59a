// How one kind of call of a loop is served on one GPU: kernels by size, beside the C function.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "context/check_findings.hpp"
#include "context/loop_arguments.hpp"
#include "context/served.hpp"
#include "loop/winner.hpp"
#include "plan/loop_plan.hpp"

namespace ak {

/// What the guard has found of kernels that serve, beside the C function; of who has its bench, but for what is atomic.
struct LoopFindings : Findings {
  std::string why;  // they were demoted; before that is said
  std::atomic<bool> demoted{false};
};

struct LoopServed {
  std::vector<std::shared_ptr<const LoopPlan>> plans;  // as winner.kernels; empty: the C function alone serves
  loop::Winner winner;
  std::string source;  // Explanation::source
  std::string note;
  Standing standing = Standing::lasting;
  // A port has ended with no kernel and lacked nothing, knowing that record: nothing is ported before there is another.
  bool in_vain = false;
  std::optional<loop::Winner> record;
  const std::shared_ptr<LoopFindings> findings = std::make_shared<LoopFindings>();

  /// The row whose size is nearest, as a ratio; null where nothing was timed.
  const loop::SizeRow* row(std::int64_t size) const;
  /// Null where there is no kernel at all.
  const LoopPlan* plan(std::int64_t size) const;
  /// Whether the C function is expected to be faster than kernels, with data where it lies, copies counted.
  bool host_wins(std::int64_t size, LoopMemory::Where where) const;
};

using LoopServedPtr = std::shared_ptr<const LoopServed>;

/// Loads the winner's images into the resources' context. scratch: null: the resources' own. Throws Error.
LoopServedPtr load_loop(Resources& resources, Workspaces* scratch, const loop::Function& function, loop::Winner winner,
                        const std::vector<std::string>& images, std::string source, std::string note = {},
                        Standing standing = Standing::lasting);

/// Copies of a call's host arrays in device memory, for kernels; or the other way round, for the C function. Arrays that
/// overlap are one copy.
class LoopCopies {
 public:
  enum class To : std::uint8_t { device, host };
  /// Allocates; copies what the function may read, on the stream. Throws Error{out_of_memory | driver}.
  LoopCopies(To to, const LoopPrototype& prototype, const LoopMemory& memory, const LoopValues& values, Stream stream);
  ~LoopCopies();
  /// The call's values with pointers into the copies.
  LoopValues& values() { return values_; }
  /// Copies back what the function may have written, and waits for it.
  void copy_back();

 private:
  void copy(const LoopBlock& block, bool back);

  const To to_;
  const Stream stream_;
  std::vector<LoopBlock> blocks_;
  std::vector<Buffer> device_;           // of their copies, or
  std::vector<std::vector<char>> host_;  // of these
  LoopValues values_;
};

}  // namespace ak
