// cuBLASLt as a plan: with its fused epilogue where it has one, or as one or two products and our pass. Opened at run time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/pass.hpp"
#include "plan/plan.hpp"
#include "plan/resources.hpp"

namespace ak {

/// Whether cuBLASLt can be opened; `why` gets the reason when not.
bool vendor_available(std::string* why = nullptr);

/// "13.1.0". Throws Error{missing_library}.
std::string vendor_version();
/// The same without opening cuBLASLt, as its file is called; empty where that does not tell.
std::string vendor_version_on_disk();

/// fused: all of the epilogue inside cublasLtMatmul, which rounds once. separate: the product there, in f32 into scratch, and
/// our pass. two_products: gated, gate and up by a product each, then our pass.
enum class VendorKind { fused, separate, two_products };
constexpr VendorKind kVendorKinds[] = {VendorKind::fused, VendorKind::separate, VendorKind::two_products};

/// Of the heuristic with that rank, from 0.
Tactic vendor_tactic(int rank, VendorKind kind);

/// cublasLtEpilogue_t that computes the whole epilogue; nullopt when cuBLASLt has none: it knows relu and tanh-gelu, a bias
/// of D's type along what is a column of canonical D, and of aux that of tanh-gelu in 16 bits on 16-byte rows.
std::optional<int> vendor_epilogue(const Problem& problem);

/// Whether the kind is a way of its own to serve the problem: every problem has one, relu with a column bias has both, a
/// plain GEMM is fused only, unless it changes between the 16-bit types, which cuBLASLt does not. A gated one is served by one
/// product of twice the width only where gate and up may lie side by side in one matrix of B's alignment.
bool vendor_offers(const Problem& problem, VendorKind kind);
/// Whether all that cuBLASLt fuses for the epilogue rounds once, at the end. Some of its algorithms round the sum before they
/// add a bias or apply an activation, and none says so: only a proof tells, and without one they do not serve. A relu does not
/// mind.
bool fused_rounds_once(const EpilogueSpec& epilogue);

/// The problem that cublasLtMatmul is given in such a plan: itself when fused; else the bare product, in f32, of as many rows
/// as a panel has.
Problem vendor_product(const Problem& problem, VendorKind kind);

/// A product waits for our pass in scratch, a panel of rows at a time: no more of them than so many bytes hold, and than there
/// are, but eight at least.
constexpr std::int64_t kPanelBytes = std::int64_t{256} << 20;
std::int64_t panel_rows(std::int64_t rows, std::int64_t row_bytes, std::int64_t most_bytes = kPanelBytes);

/// How the f32 rows of a panel lie in scratch, each on 16 bytes.
struct Panel {
  std::int64_t ld = 0, up = 0;  // elements; `up`: from a gate to its up
  std::int64_t row_bytes() const { return ld * static_cast<std::int64_t>(sizeof(float)); }
};
/// two: gate and up are made by a product each.
Panel panel_of(const Problem& problem, bool two);

/// The same call for `count` rows of D, from row `first` on.
CallArgs rows_of(const Problem& problem, const CallArgs& args, std::int64_t first, std::int64_t count);

/// A matrix as cuBLASLt sees it: column-major rows x cols.
struct VendorLayout {
  DType dtype = DType::bf16;
  std::uint64_t rows = 0, cols = 0;
  std::int64_t ld = 0;
  bool transposed = false;  // op(X) = X^T

  bool operator==(const VendorLayout&) const = default;
};

/// Canonical row-major D = A.B computed as column-major D^T = B^T.A^T: `first` is B's memory, `second` A's.
struct VendorLayouts {
  VendorLayout first, second, c, d;
};
VendorLayouts vendor_layouts(const Problem& problem, const CallArgs& args);

/// Leading dimensions of exactly the problem's alignment classes, for a heuristic asked before any call; pointers stay null.
CallArgs representative_args(const Problem& problem);

/// One of cuBLASLt's algorithms, with what it needs. Opaque and bound to the library's version.
struct VendorAlgo {
  std::array<std::uint64_t, 8> opaque{};
  std::int64_t workspace_bytes = 0;
  float waves = 0;
  bool reduced = false;  // split-K whose partial sums are rounded to D's type: less than f32 accumulation, never a winner
};

constexpr std::int64_t kVendorWorkspaceBytes = std::int64_t{64} << 20;
constexpr int kVendorHeuristics = 64;

/// The library's heuristics for the problem, likeliest first; empty when it serves none (it has no f16 -> bf16, nor the
/// reverse). Legal during capture. Throws Error{missing_library}.
std::vector<VendorAlgo> vendor_heuristics(Resources& resources, const Problem& problem, VendorKind kind,
                                          int limit = kVendorHeuristics, std::int64_t most_workspace = kVendorWorkspaceBytes);

class VendorPlan : public LaunchPlan {
 public:
  /// scratch, here and below: null: the resources' own.
  VendorPlan(Resources& resources, const Problem& problem, const Tactic& tactic, const VendorAlgo& algo,
             Workspaces* scratch = nullptr);

  /// tactic.algo ranks among vendor_heuristics. Throws Error{unsupported} when cuBLASLt offers no such algorithm.
  static std::shared_ptr<VendorPlan> of_rank(Resources& resources, const Problem& problem, const Tactic& tactic,
                                             Workspaces* scratch = nullptr);

  /// From a record. Null, with the reason, when the library's version is another one or refuses the algorithm now, or when it
  /// is one of a product that was not in f32.
  static std::shared_ptr<VendorPlan> of_blob(Resources& resources, const Problem& problem, const Tactic& tactic,
                                             std::string_view blob, std::string* why = nullptr, Workspaces* scratch = nullptr);

  /// What serves a call without a search: the first heuristic that accumulates in f32, fused where cuBLASLt has the epilogue.
  /// most_workspace: of the algorithm. Throws Error{unsupported} when there is none.
  static std::shared_ptr<VendorPlan> fallback(Resources& resources, const Problem& problem,
                                              std::int64_t most_workspace = kVendorWorkspaceBytes,
                                              Workspaces* scratch = nullptr);

  /// Makes the context's handle, which loads the library's kernels.
  static void warm_up(Resources& resources);

  bool try_launch(Stream stream, const CallArgs& args) const override;
  std::int64_t workspace_bytes() const override;
  const Tactic& tactic() const override { return tactic_; }
  /// The algorithm and the library's version, for the record; and the product's type, where our pass follows.
  std::string blob() const;

 private:
  // How the pointers of one call let it go.
  struct Way {
    bool whole;              // cuBLASLt does all of it
    bool two;                // gate and up by a product each
    const VendorAlgo* algo;  // null: cuBLASLt picks one at the call
    std::int64_t scratch() const { return algo ? algo->workspace_bytes : 0; }
  };
  Way way_of(const CallArgs& args) const;
  void launch_fused(Stream stream, const CallArgs& args, const Way& way, void* scratch) const;
  void launch_panel(Stream stream, const CallArgs& args, const Way& way, void* scratch, float* x, const Panel& panel) const;
  void multiply(Stream stream, std::array<std::uint64_t, 32>& operation, const Problem& product, const CallArgs& args,
                const Way& way, void* scratch) const;

  Problem problem_, product_;  // product_: what is left for our pass to finish
  Tactic tactic_;
  VendorAlgo algo_;
  std::optional<VendorAlgo> halves_;  // of one product for two, for gate and up that do not lie side by side
  VendorKind kind_;
  void* handle_;
  Workspaces& workspaces_;
  Pass pass_;                              // null kernel when never needed
  std::array<std::uint64_t, 32> fused_{};  // cublasLtMatmulDescOpaque_t, without pointers to bias and aux
  std::array<std::uint64_t, 32> plain_{};  // the same with the default epilogue
};

}  // namespace ak
