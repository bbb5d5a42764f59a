// The arithmetic of plans: what needs no GPU.
#include <doctest/doctest.h>

#include <cstdint>
#include <set>
#include <vector>

#include "core/activation.hpp"
#include "gpu/driver.hpp"
#include "plan/kernel_plan.hpp"
#include "plan/pass.hpp"
#include "plan/vendor.hpp"

using namespace ak;

namespace {

Problem shape(Major a, Major b) {
  Problem p;
  p.m = 100, p.n = 200, p.k = 300;
  p.a_major = a, p.b_major = b;
  return p;
}

CallArgs call(const Problem& p) {
  CallArgs args = representative_args(p);
  args.a.data = reinterpret_cast<const void*>(0x1000), args.b.data = reinterpret_cast<const void*>(0x2000);
  args.d.data = reinterpret_cast<void*>(0x3000);
  return args;
}

}  // namespace

TEST_CASE("a tensor map's axis 0 is the operand's contiguous one") {
  const TensorMapSpec a{OperandId::a, 64, 128, 128}, b{OperandId::b, 32, 16, 64}, d{OperandId::d, 8, 4, 0};
  Problem p = shape(Major::k, Major::k);
  p.epilogue.out = DType::f32;
  CallArgs args = call(p);
  args.a.ld = 304, args.b.ld = 320, args.d.ld = 208;
  const auto map_a = tensor_map_shape(a, p, args);
  CHECK(map_a == TensorMapShape{args.a.data, DType::bf16, {300, 100}, 608, {64, 128}, 128});
  CHECK(tensor_map_shape(b, p, args) == TensorMapShape{args.b.data, DType::bf16, {300, 200}, 640, {32, 16}, 64});
  CHECK(tensor_map_shape(d, p, args) == TensorMapShape{args.d.data, DType::f32, {200, 100}, 832, {8, 4}, 0});

  p = shape(Major::mn, Major::mn);
  p.in = DType::f16;
  args.a.ld = 104, args.b.ld = 216;
  CHECK(tensor_map_shape(a, p, args) == TensorMapShape{args.a.data, DType::f16, {100, 300}, 208, {64, 128}, 128});
  CHECK(tensor_map_shape(b, p, args) == TensorMapShape{args.b.data, DType::f16, {200, 300}, 432, {32, 16}, 64});
}

TEST_CASE("a kernel gets every value of a call, and its plan's workspace") {
  const auto at = [](std::uintptr_t address) { return reinterpret_cast<float*>(address); };
  CallArgs args;
  args.a = {at(0x10), 1}, args.b = {at(0x20), 2}, args.b2 = {at(0x30), 2}, args.c = {at(0x40), 3}, args.d = {at(0x50), 4};
  args.aux = {at(0x60), 5}, args.bias = at(0x70), args.row_scale = at(0x80), args.column_scale = at(0x90);
  args.m = 6, args.n = 7, args.k = 8, args.alpha = 9, args.beta = 10, args.slope = 11;
  const KernelArgs k = kernel_args(args, at(0xa0));
  const void* const pointers[] = {k.a, k.b, k.b2, k.c, k.d, k.aux, k.bias, k.row_scale, k.column_scale, k.workspace};
  for (std::uintptr_t i = 0; i < std::size(pointers); ++i) CHECK(pointers[i] == at(0x10 * (i + 1)));
  CHECK(std::array<long long, 8>{k.lda, k.ldb, k.ldc, k.ldd, k.ldaux, k.m, k.n, k.k} ==
        std::array<long long, 8>{1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(std::array{k.alpha, k.beta, k.slope} == std::array{9.0f, 10.0f, 11.0f});
  CHECK(kernel_args(args).workspace == nullptr);
}

TEST_CASE("a packed operand's map lies over its copy in the workspace") {
  Problem p = shape(Major::k, Major::mn);
  CallArgs args = call(p);
  args.a.ld = 301, args.b.ld = 201;
  void* const workspace = reinterpret_cast<void*>(0x10000);
  CHECK(tensor_map_shape({OperandId::a, 64, 128, 128, 0x300}, p, args, workspace) ==
        TensorMapShape{reinterpret_cast<void*>(0x10300), DType::bf16, {300, 100}, 640, {64, 128}, 128});
  CHECK(tensor_map_shape({OperandId::b, 64, 64, 128, 0x100}, p, args, workspace) ==
        TensorMapShape{reinterpret_cast<void*>(0x10100), DType::bf16, {200, 300}, 512, {64, 64}, 128});
}

TEST_CASE("the map of A's last tile has the rows that are there, of the call's m and not the plan's") {
  const Problem p = shape(Major::k, Major::k);
  CallArgs args = call(p);
  const TensorMapSpec spec{OperandId::a_tail, 64, 64, 128, 0, 64};
  const auto whole = tensor_map_shape({OperandId::a, 64, 64, 128}, p, args);
  for (const auto& [m, rows] : {std::pair{100, 40}, {64, 64}, {65, 8}, {3, 8}}) {
    args.m = m;
    const auto tail = tensor_map_shape(spec, p, args);
    CHECK(tail.extent[1] == static_cast<std::uint64_t>(m));
    CHECK(tail.box == std::array<std::uint32_t, 2>{64, static_cast<std::uint32_t>(rows)});
    CHECK(tail.base == whole.base);
  }
}

TEST_CASE("a tensor map of more than 2^32 bytes keeps its stride") {
  Problem p = shape(Major::k, Major::k);
  CallArgs args = call(p);
  args.k = 2000000000, args.a.ld = 4000000000ll;
  const auto map = tensor_map_shape({OperandId::a, 64, 64, 128}, p, args);
  CHECK(map.extent[0] == 2000000000ull);
  CHECK(map.row_bytes == 8000000000ull);
}

TEST_CASE("an equal key is an equal tensor map, whatever differs; a weight's has nothing of m in it") {
  struct Case {
    TensorMapKey key;
    TensorMapShape shape;
  };
  std::vector<Case> all;
  const auto add = [&](const TensorMapSpec& spec, const Problem& p, const CallArgs& args, std::uintptr_t workspace) {
    void* const at = reinterpret_cast<void*>(workspace);
    all.push_back({{spec, tensor_map_form(spec, p, 90), args, at}, tensor_map_shape(spec, p, args, at)});
  };
  for (const OperandId operand : {OperandId::a, OperandId::b, OperandId::d, OperandId::b2, OperandId::aux, OperandId::a_tail})
    for (const Major major : {Major::k, Major::mn})
      for (const DType type : {DType::f16, DType::bf16})
        for (const bool gated : {false, true})
          for (const int other : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
            Problem p = shape(major, major);
            p.in = type, p.epilogue.out = type, p.epilogue.gated = gated;
            CallArgs args = call(p);
            args.b2 = args.b, args.aux = args.d;
            TensorMapSpec spec{operand, 64, 128, 128};
            if (operand == OperandId::a_tail) spec.tile_rows = 128;
            if (other == 1) args.m = 99;
            if (other == 2) args.n = 199;
            if (other == 3) args.k = 299;
            if (other == 4) args.a.ld = args.b.ld = args.b2.ld = args.d.ld = args.aux.ld = 1 << 20;
            if (other == 5) spec.box_inner = 32;
            if (other == 6) spec.box_outer = 64;
            if (other == 7) spec.swizzle_bytes = 64;
            if (other == 8) spec.packed_at = 0x100;
            if (other == 9) spec.tile_rows = 256;
            add(spec, p, args, 0x10000), add(spec, p, args, 0x20000);
          }
  for (const Case& one : all)
    for (const Case& two : all)
      if (one.key == two.key) CHECK(one.shape == two.shape);

  const TensorMapSpec b{OperandId::b, 64, 128, 128};
  Problem p = shape(Major::k, Major::k), fewer = p;
  fewer.m = 7, fewer.epilogue.activation = Activation::relu;
  const auto key = [&](const Problem& p, int compute) {
    return TensorMapKey(b, tensor_map_form(b, p, compute), call(p), nullptr);
  };
  CHECK(key(p, 90) == key(fewer, 90));
  CHECK_FALSE(key(p, 90) == key(p, 100));
}

TEST_CASE("cuBLASLt computes the transposed product of the same memory") {
  for (const Major a : {Major::k, Major::mn})
    for (const Major b : {Major::k, Major::mn}) {
      const Problem p = shape(a, b);
      const auto l = vendor_layouts(p, call(p));
      // op(first) is n x k, op(second) k x m, D^T n x m.
      const auto rows = [](const VendorLayout& x) { return x.transposed ? x.cols : x.rows; };
      const auto cols = [](const VendorLayout& x) { return x.transposed ? x.rows : x.cols; };
      CHECK(rows(l.first) == 200);
      CHECK(cols(l.first) == 300);
      CHECK(rows(l.second) == 300);
      CHECK(cols(l.second) == 100);
      CHECK(l.d.rows == 200);
      CHECK(l.d.cols == 100);
      CHECK(l.first.transposed == (b == Major::k));
      CHECK(l.second.transposed == (a == Major::mn));
      for (const auto& x : {l.first, l.second, l.c, l.d}) CHECK(x.ld >= static_cast<std::int64_t>(x.rows));
    }
}

TEST_CASE("representative leading dimensions have exactly the problem's alignment") {
  for (const int align : {2, 4, 8, 16})
    for (const std::int64_t extent : {1, 7, 8, 16, 333, 1000, 4096}) {
      Problem p = shape(Major::k, Major::mn);
      p.k = extent, p.n = extent;
      p.align_a = p.align_b = p.align_d = static_cast<std::uint8_t>(align);
      p.epilogue.out = align == 2 ? DType::bf16 : DType::f32;
      const CallArgs args = representative_args(p);
      CAPTURE(align);
      CAPTURE(extent);
      for (const auto& [ld, size] : {std::pair{args.a.ld, 2}, {args.b.ld, 2}, {args.d.ld, size_of(p.epilogue.out)}}) {
        CHECK(ld >= extent);
        CHECK(ld < extent + 32);
        CHECK(ld * size % align == 0);
        if (align < 16) CHECK(ld * size % (2 * align) != 0);
      }
    }
}

TEST_CASE("cuBLASLt fuses identity, relu and tanh-gelu with a column bias of D's type, nothing else") {
  const std::set<Activation> fused = {Activation::identity, Activation::relu, Activation::gelu_tanh};
  for (int i = 0; i < kActivationCount; ++i)
    for (const BiasAxis bias : {BiasAxis::none, BiasAxis::column, BiasAxis::row})
      for (const DType bias_dtype : {DType::f16, DType::bf16, DType::f32})
        for (const bool has_c : {false, true}) {
          Problem p = parse_problem("64x64x64");
          EpilogueSpec& e = p.epilogue;
          e.activation = static_cast<Activation>(i);
          e.bias = bias, e.bias_dtype = bias_dtype, e.has_c = has_c;
          CAPTURE(std::string(name(e.activation)));
          const bool can_fuse =
              fused.contains(e.activation) && bias != BiasAxis::row && (bias == BiasAxis::none || bias_dtype == e.out);
          CHECK(vendor_offers(p, VendorKind::fused) == can_fuse);
          CHECK(vendor_epilogue(p).has_value() == can_fuse);
          // A plain GEMM has nothing left for the pass; all else does.
          CHECK(vendor_offers(p, VendorKind::separate) == (e.activation != Activation::identity || bias != BiasAxis::none));
          CHECK((vendor_offers(p, VendorKind::fused) || vendor_offers(p, VendorKind::separate)));
          CHECK_FALSE(vendor_offers(p, VendorKind::two_products));
        }
}

TEST_CASE("gated, aux and scales: who of cuBLASLt and the pass does what") {
  const auto product = [](const char* text, VendorKind kind = VendorKind::separate) {
    const Problem p = parse_problem(text);
    CHECK(vendor_offers(p, kind));
    return to_string(vendor_product(p, kind));
  };
  const auto plain = [](const char* text) { return to_string(parse_problem(text)); };
  using enum VendorKind;
  // tanh-gelu has an aux of its own; else the pass stores what it makes of the f32 product.
  CHECK(vendor_epilogue(parse_problem("64x64x64 gelu_tanh aux bias=column")).has_value());
  CHECK_FALSE(vendor_epilogue(parse_problem("64x64x64 gelu_tanh aux align=16,16,16,8")));
  CHECK_FALSE(vendor_epilogue(parse_problem("64x64x64 gelu_tanh aux out=f32")));
  CHECK_FALSE(vendor_epilogue(parse_problem("64x64x64 relu aux")));
  CHECK_FALSE(vendor_epilogue(parse_problem("64x64x64 aux")));
  CHECK(product("64x64x64 silu aux bias=column c alpha") == plain("64x64x64 out=f32 alpha"));
  CHECK(product("64x64x64 f16 out=f16 silu bias=column:f32") == plain("64x64x64 f16 out=f32"));
  CHECK(product("64x64x64 a=m b=n scale=row bias=column c align=8,4,2,2") == plain("64x64x64 a=m b=n out=f32 align=8,4,16,16"));
  CHECK(to_string(vendor_product(parse_problem("64x64x64 relu bias=column c"), fused)) == plain("64x64x64 relu bias=column c"));
  CHECK_FALSE(vendor_offers(parse_problem("64x64x64 relu scale=column"), fused));
  // Gate and up: one product of twice the width, or two.
  CHECK(product("64x64x32 silu gated bias=column") == plain("64x128x32 out=f32"));
  CHECK(product("64x64x32 silu gated bias=column", two_products) == plain("64x64x32 out=f32"));
  CHECK(product("64x63x32 silu gated align=16,16,16,2") == plain("64x126x32 out=f32"));  // a product in scratch
  CHECK(product("64x60x32 silu gated aux", two_products) == plain("64x60x32 out=f32"));
  // cuBLASLt changes between the 16-bit types in f32 only.
  CHECK(product("64x64x64 f16 out=bf16") == plain("64x64x64 f16 out=f32"));
  CHECK_FALSE(vendor_offers(parse_problem("64x64x64 f16 out=f32"), separate));
  // A panel's rows, not all.
  CHECK(product("1000000x4096x64 silu") == plain("16384x4096x64 out=f32"));
  CHECK_FALSE(vendor_offers(parse_problem("64x63x32 b=n silu gated"), separate));  // no 16-byte start in one matrix
  CHECK(vendor_offers(parse_problem("64x63x32 b=n silu gated align=16,2,16,2"), separate));
  CHECK_FALSE(vendor_offers(parse_problem("64x64x32 silu gated"), fused));
  for (const VendorKind kind : kVendorKinds) CHECK(vendor_tactic(3, kind).separate == static_cast<int>(kind));
}

TEST_CASE("a panel holds as many rows as fit, in whole tiles where it can, eight at least") {
  CHECK(panel_rows(1, 16) == 1);
  CHECK(panel_rows(100, 4096) == 100);
  CHECK(panel_rows(1 << 20, 4096) == 65536);
  CHECK(panel_rows(1 << 20, 4096 * 3) == 21760);  // 21845 of them
  CHECK(panel_rows(1 << 20, 4096, 4096 * 100) == 96);
  CHECK(panel_rows(1 << 20, std::int64_t{1} << 33) == 8);
  CHECK(panel_rows(3, std::int64_t{1} << 33) == 3);
  for (const char* text : {"8x63x8 silu", "8x63x8 silu gated", "8x64x8 silu"})
    for (const bool two : {false, true}) {
      const Problem p = parse_problem(text);
      const Panel panel = panel_of(p, two && p.epilogue.gated);
      CHECK(panel.ld % 4 == 0);
      CHECK(panel.ld >= p.wide_n());
      CHECK(panel.up == (!p.epilogue.gated ? 0 : two ? 64 : 63));
    }
}

TEST_CASE("a call's rows from one on: every operand that has rows moves, in both majors") {
  Problem p = parse_problem("1000x64x32 a=m relu bias=row:f32 c aux scale=both");
  CallArgs args = call(p);
  args.c.data = reinterpret_cast<const void*>(0x4000), args.aux.data = reinterpret_cast<void*>(0x5000);
  args.bias = reinterpret_cast<const void*>(0x6000), args.row_scale = reinterpret_cast<const float*>(0x7000);
  args.column_scale = reinterpret_cast<const float*>(0x8000);
  const auto moved = [](const void* to, const void* from) {
    return static_cast<const char*>(to) - static_cast<const char*>(from);
  };
  CallArgs part = rows_of(p, args, 128, 40);
  CHECK(part.m == 40);
  CHECK(moved(part.a.data, args.a.data) == 128 * 2);
  CHECK(part.b.data == args.b.data);
  CHECK(moved(part.c.data, args.c.data) == 128 * args.c.ld * 2);
  CHECK(moved(part.d.data, args.d.data) == 128 * args.d.ld * 2);
  CHECK(moved(part.aux.data, args.aux.data) == 128 * args.aux.ld * 2);
  CHECK(moved(part.bias, args.bias) == 128 * 4);
  CHECK(moved(part.row_scale, args.row_scale) == 128 * 4);
  CHECK(part.column_scale == args.column_scale);
  p = parse_problem("1000x64x32 relu bias=column");
  args.aux.data = nullptr, args.c.data = nullptr, args.row_scale = nullptr;
  part = rows_of(p, args, 128, 40);
  CHECK(moved(part.a.data, args.a.data) == 128 * args.a.ld * 2);
  CHECK(part.bias == args.bias);
  for (const void* absent : {part.c.data, static_cast<const void*>(part.aux.data), static_cast<const void*>(part.row_scale)})
    CHECK(absent == nullptr);
}

TEST_CASE("the pass covers every element, fits the grid and spreads a small D") {
  for (const PassAccess access : {kPassElements, kPassAligned, kPassShifted})
    for (const DType dtype : {DType::bf16, DType::f32})
      for (const long long rows : {1ll, 3ll, 16ll, 333ll, 4096ll, 70000000ll})
        for (const long long columns : {1ll, 7ll, 64ll, 1001ll, 16384ll, 2000000000ll}) {
          PassArgs args{};
          args.rows = rows, args.columns = columns, args.access = access;
          const auto s = pass_shape(args, dtype, 132);
          const long long width = 16 / size_of(dtype);
          const long long reach = columns + (access == kPassShifted ? width - 1 : 0);  // the first chunk may begin early
          CHECK(s.block[0] * s.block[1] == kPassThreads);
          CHECK(s.grid[1] >= 1);
          CHECK(s.grid[1] <= 65535);
          CHECK(s.rows_per_thread >= 1);
          CHECK(s.rows_per_thread <= kPassRowsPerThread);
          CHECK(static_cast<long long>(s.grid[0]) * s.block[0] * width >= reach);
          CHECK((static_cast<long long>(s.grid[0]) - 1) * s.block[0] * width < reach);
          // Until every SM has a CTA, no thread has two rows.
          if (static_cast<long long>(s.grid[0]) * s.grid[1] < 132)
            CHECK(static_cast<long long>(s.grid[1]) * s.block[1] >= rows);
        }
}

TEST_CASE("the pass takes 16 bytes at a time where the rows of C and aux lie like those of D, wherever X lies") {
  PassArgs args{};
  args.d = reinterpret_cast<void*>(0x1000), args.ldd = 16;
  CHECK(pass_access(args, DType::bf16) == kPassAligned);
  args.ldd = 13;
  CHECK(pass_access(args, DType::bf16) == kPassShifted);
  CHECK(pass_access(args, DType::f32) == kPassShifted);
  args.x = reinterpret_cast<void*>(0x2004), args.x2 = reinterpret_cast<void*>(0x2008), args.ldx = 15;
  CHECK(pass_access(args, DType::f32) == kPassShifted);
  args.c = reinterpret_cast<void*>(0x1002), args.ldc = 13;
  CHECK(pass_access(args, DType::bf16) == kPassElements);
  args.c = reinterpret_cast<void*>(0x1010), args.ldc = 12;
  CHECK(pass_access(args, DType::bf16) == kPassElements);
  args.ldc = 21;
  CHECK(pass_access(args, DType::bf16) == kPassShifted);
  args.ldd = 12, args.ldc = 20;
  CHECK(pass_access(args, DType::f32) == kPassAligned);
  args.aux = reinterpret_cast<void*>(0x3000), args.ldaux = 28, args.columns = 10;
  CHECK(pass_access(args, DType::f32) == kPassAligned);
  args.gated = 1;  // aux's second half begins 40 bytes on
  CHECK(pass_access(args, DType::f32) == kPassElements);
  args.columns = 12;
  CHECK(pass_access(args, DType::f32) == kPassAligned);
}

TEST_CASE("every activation and type has a pass kernel's name of its own") {
  std::set<std::string> names;
  for (int i = 0; i < kActivationCount; ++i)
    for (const DType dtype : {DType::f16, DType::bf16, DType::f32})
      names.insert(pass_kernel_name(static_cast<Activation>(i), dtype));
  CHECK(names.size() == 3 * kActivationCount);
  CHECK(pass_kernel_name(Activation::silu, DType::bf16, true) == "pass_full_silu_bf16");
  CHECK(names.contains("pass_leaky_relu_bf16"));
}

TEST_CASE("without cuBLASLt or a GPU the error names what is missing") {
  std::string why;
  if (!vendor_available(&why)) {
    CHECK(why.find("cuBLASLt") != why.npos);
    CHECK_THROWS_WITH_AS(vendor_version(), doctest::Contains("cuBLASLt"), Error);
  } else {
    CHECK(vendor_version().find('.') != std::string::npos);
  }
  if (!gpu_available(&why)) CHECK_THROWS_WITH_AS(resources(), why.c_str(), Error);
}
