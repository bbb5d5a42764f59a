// Tensor maps of a model's calls: each is encoded once, and is that of the operands as they are.
#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "ak/ak.hpp"
#include "fake_driver.hpp"
#include "gpu/owners.hpp"
#include "layer.hpp"
#include "plan/kernel_plan.hpp"
#include "plan/tensor_maps.hpp"
#include "quick_driver.hpp"
#include "tests/allocations.hpp"
#include "tests/gpu/lock_count.hpp"

using namespace ak;

namespace {

// The layers of a model: one problem, each with memory of its own. Every launch is held to what its maps say.
class Model {
 public:
  explicit Model(int layers) : layers_(layers) {
    fake::kernel("reads its maps", [this](const fake::Launch& launch) { look(launch); });
    layer.x.data = at(x_, 0), layer.y.data = const_cast<void*>(at(y_, 0)), layer.w.data = at(w_, 0);
    plans_.assign(static_cast<std::size_t>(layers), context.plan(layer.x, layer.w, layer.y, layer.epilogue));
  }
  // x and y lie at those places.
  void call(int of, bool one_line, int x, int y) {
    layer.x.data = at(x_, x), layer.y.data = const_cast<void*>(at(y_, y)), layer.w.data = at(w_, of);
    if (one_line)
      context.matmul_act(stream.get(), layer.x, layer.w, layer.y, layer.epilogue);
    else
      plans_[static_cast<std::size_t>(of % layers_)](stream.get(), layer.x, layer.w, layer.y, layer.epilogue);
  }
  void token(bool one_line) {
    for (int i = 0; i < layers_; ++i) call(i, one_line, i, i);
  }
  // Maps encoded since the last fake::forget(), of all operands and of weights alone.
  int encoded() const { return fake::count("cuTensorMapEncodeTiled"); }
  int encoded_weights() const {
    int all = 0;
    for (const fake::Call& call : fake::calls())
      all +=
          call.name == "cuTensorMapEncodeTiled" && call.args[0] >= address(at(w_, 0)) && call.args[0] < address(at(w_ + 1, 0));
    return all;
  }
  int wrong() const { return wrong_; }
  int launched() const { return launched_; }

  Layer layer{[](const Geometry& g) { return g.map_count == 4 && g.workspace_bytes == 0; }, "fake kernel: reads its maps\n"};
  Context context{layer.options};
  OwnedStream stream = OwnedStream::make();

 private:
  // Apart by more than any of the operands, in a TiB of their own.
  static const void* at(int which, int place) {
    return static_cast<const char*>(Layer::memory(which << 8)) + (static_cast<std::ptrdiff_t>(place) << 26);
  }
  static std::uint64_t address(const void* data) { return reinterpret_cast<std::uintptr_t>(data); }
  void look(const fake::Launch& launch) {
    const auto& args = *static_cast<const KernelArgs*>(launch.parameters[0]);
    const auto lies = [&](int place, const void* data, long long ld, int outer, int inner) {
      fake::TensorMap map;
      std::memcpy(&map, launch.parameters[place], sizeof map);
      return map.base == address(data) && map.row_bytes == 2 * static_cast<std::uint64_t>(ld) &&
             map.extent[0] == static_cast<unsigned>(inner) && map.extent[1] == static_cast<unsigned>(outer) && map.box[0] > 0;
    };
    ++launched_;
    for (int place : {1, 3})  // of whole tiles, and of the last one
      wrong_ += uses(layer.geometry.maps[static_cast<std::size_t>(place - 1)], args.m) &&
                !lies(place, args.a, args.lda, args.m, args.k);
    wrong_ += !lies(2, args.b, args.ldb, args.n, args.k) || !lies(4, args.d, args.ldd, args.m, args.n);
  }
  inline static int models_ = 0;  // no other's memory: the thread knows maps of it
  const int x_ = 1 + 3 * models_++, y_ = x_ + 1, w_ = x_ + 2;
  const int layers_;
  std::vector<Plan> plans_;
  int wrong_ = 0, launched_ = 0;
};

}  // namespace

TEST_CASE("tensor maps: of 320 operand sets that come in turn none is encoded twice, and one that moves alone is new") {
  Model model(320);
  model.token(true);
  for (const bool one_line : {true, false}) {
    CAPTURE(one_line);
    fake::forget();
    for (int token = 0; token < 3; ++token) model.token(one_line);
    CHECK(model.encoded() == 0);
    const int elsewhere = 400 + one_line;
    for (int i = 0; i < 320; i += 40) {
      fake::forget();
      model.call(i, one_line, elsewhere + i, i);
      CHECK(model.encoded() == 1);
      CHECK(model.encoded_weights() == 0);
      model.call(i, one_line, elsewhere + i, elsewhere + i);
      CHECK(model.encoded() == 2);
    }
    fake::forget();
    model.token(one_line);
    CHECK(model.encoded() == 0);
  }
  CHECK(model.launched() == 320 * 9 + 2 * 16);
  CHECK(model.wrong() == 0);
}

TEST_CASE("tensor maps: activations that lie elsewhere in every call leave the weights theirs") {
  Model model(320);
  model.token(false);
  fake::forget();
  constexpr int kCalls = 2 * TensorMaps::kMost;
  for (int i = 0; i < kCalls; ++i) model.call(i % 320, false, 1000 + i, 1000 + i);
  CHECK(model.encoded() == 2 * kCalls);
  CHECK(model.encoded_weights() == 0);
  CHECK(model.wrong() == 0);
}

TEST_CASE("tensor maps: more weights than a thread keeps maps of are served right, each from its own") {
  Model model(4);
  constexpr int kMost = TensorMaps::kMost;
  for (int token = 0; token < 2; ++token)
    for (int i = 0; i < kMost + 1; ++i) model.call(i, true, 0, 0);
  CHECK(model.launched() == 2 * (kMost + 1));
  CHECK(model.wrong() == 0);
  // From an empty table: as many as there is room for are known again.
  fake::forget();
  for (int i = 0; i < 100; ++i) model.call(i, true, 0, 0);
  fake::forget();
  for (int i = 0; i < 100; ++i) model.call(i, true, 0, 0);
  CHECK(model.encoded() == 0);
}

TEST_CASE("tensor maps: memory that is used again, with other rows or another leading dimension, has the map of its call") {
  Model model(1);
  const auto call = [&](std::int64_t m, int x, int w, int y) {
    model.layer.x.rows = model.layer.y.rows = m;
    model.layer.x.ld = 4096 + x, model.layer.w.ld = 4096 + w, model.layer.y.ld = 4096 + y;
    model.call(0, true, 0, 0);
  };
  const auto all = [&] {
    for (const std::int64_t m : {64, 48, 33})
      for (const int more : {0, 64, 128}) call(m, more, 0, 0), call(m, 0, more, 0), call(m, 0, 0, more);
  };
  all();
  CHECK(model.encoded_weights() == 3);  // those of each leading dimension, whatever m is
  fake::forget();
  all();
  CHECK(model.encoded() == 0);
  CHECK(model.launched() == 2 * 27);
  CHECK(model.wrong() == 0);
}

TEST_CASE("tensor maps: a kernel has one over an operand, not two") {
  Model model(1);
  Geometry geometry = model.layer.geometry;
  const auto plan = [&] { KernelPlan(resources(), "a cubin", model.layer.problem, model.layer.tactic, geometry); };
  plan();
  geometry.maps[2].operand = geometry.maps[0].operand;
  CHECK_THROWS_WITH_AS(plan(), "two tensor maps lie over one operand", Error);
}

TEST_CASE("tensor maps: 320 operand sets in turn cost no allocation and no lock") {
  Model model(320);
  model.token(true), model.token(false);
  const QuickDriver quick(model.stream.get());
  const auto allocations_before = allocations(), locks_before = locks();
  model.token(true), model.token(false);
  const auto allocated = allocations() - allocations_before, locked = locks() - locks_before;
  CHECK(allocated == 0);
  CHECK(locked == 0);
  CHECK(quick.asked() == "320 cuCtxGetId, 640 cuLaunchKernelEx");
}
