// toy: a thread for each element of D (kernels/toy.cu).
#include "families/family.hpp"

#include "base/arithmetic.hpp"

namespace ak {
namespace {

constexpr std::string_view kSources[] = {"toy.cu"};

class Toy final : public Family {
 public:
  FamilyId id() const override { return FamilyId::toy; }
  std::span<const std::string_view> sources() const override { return kSources; }

  std::optional<std::string> refuses(const Problem& p, const DeviceFacts&) const override {
    if (p.batch != 1) return "toy takes no batch";
    if (p.epilogue.gated) return "toy multiplies one B";
    return std::nullopt;
  }

  std::optional<std::string> rejects(const Problem&, const Tactic& t, const DeviceFacts&) const override {
    if (t.tile_m < 1 || t.tile_n < 1 || t.tile_m * t.tile_n > 256) return "tile_m * tile_n must be 1 to 256 threads";
    if (t.chunk < 1 || t.chunk > 8) return "chunk must be 1 to 8";
    return foreign_knobs(t);
  }

  void enumerate(const Problem&, const DeviceFacts&, std::vector<Tactic>& out) const override {
    Tactic t;
    t.family = FamilyId::toy;
    for (const std::int16_t tile_m : {1, 8})
      for (const std::int16_t chunk : {1, 4}) {
        t.tile_m = tile_m, t.tile_n = 32, t.chunk = chunk;
        out.push_back(t);
      }
  }

  double cost_us(const Problem& p, const Tactic& t, const DeviceFacts& d) const override {
    return 2 + p.flops() / (d.sm_count * 128.0 * 1e3) / t.chunk;
  }

  SumOrder order(const Problem& p, const Tactic&) const override { return {FamilyId::toy, p.k, p.k, 1}; }

  Geometry geometry(const Problem& p, const Tactic& t, const DeviceFacts&) const override {
    Geometry g;
    g.grid = make_grid(ceil_div(p.n, t.tile_n), ceil_div(p.m, t.tile_m));
    g.threads = static_cast<std::uint32_t>(t.tile_m * t.tile_n);
    return g;
  }
};

}  // namespace

const Family& toy_family() {
  static const Toy instance;
  return instance;
}

}  // namespace ak
