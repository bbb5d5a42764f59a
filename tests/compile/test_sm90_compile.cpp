// Real cubins of sm90. What crosses three axes compiles a part in which each two of their values still meet; all of it with
// AK_TEST_ALL.
#include <doctest/doctest.h>

#include "base/environment.hpp"
#include "families/family.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"

using namespace ak;

namespace {

constexpr const char* kLayouts[] = {"a=k b=k", "a=k b=n", "a=m b=k", "a=m b=n"};

bool takes_all() { return !environment("AK_TEST_ALL").empty(); }

// The tactic must pass the static gate: no spills, no serialised wgmma, setmaxnreg honoured.
void compiles(const std::string& problem_text, const std::string& tactic_text) {
  const auto p = parse_problem(problem_text);
  const auto t = parse_tactic("sm90 " + tactic_text);
  CAPTURE(problem_text);
  CAPTURE(tactic_text);
  REQUIRE(sm90_family().rejects(p, t, DeviceFacts{}).value_or("") == "");
  const auto compiled = compile(make_source(sm90_family().sources(), p, t), "sm_90a");
  CAPTURE(compiled.log);
  CHECK(compiled.failure == "");
  CHECK(compiled.spill_bytes == 0);
  CHECK(!compiled.degraded);
  CHECK(compiled.ok());
}

}  // namespace

TEST_CASE("sm90 compiles for every pair of layouts, dtype and output") {
  constexpr const char* types[] = {"bf16 out=bf16", "f16 out=f16", "bf16 out=f32"};
  constexpr const char* tactics[] = {"tile_m=128 tile_n=128 tile_k=64 stages=4 schedule=cooperative store=1 cluster_m=2",
                                     "tile_m=64 tile_n=24 tile_k=128 stages=4 schedule=cooperative swap_ab=1 split_k=2"};
  for (int layout = 0; layout < 4; ++layout)
    for (int type = 0; type < 3; ++type)
      for (int tactic = 0; tactic < 2; ++tactic)
        if (takes_all() || (layout + type) % 2 == tactic)
          compiles(std::string("300x264x200 ") + types[type] + " " + kLayouts[layout] + " relu bias=column:f32 c alpha",
                   tactics[tactic]);
}

TEST_CASE("sm90 compiles every activation") {
  for (int i = 0; i < kActivationCount; ++i) {
    Problem p = parse_problem("16x4096x4096 bf16 bias=column");
    p.epilogue.activation = static_cast<Activation>(i);
    compiles(to_string(p), "tile_m=64 tile_n=16 tile_k=128 stages=8 schedule=cooperative swap_ab=1");
  }
}

TEST_CASE("sm90 compiles its tile shapes, schedules and clusters without spills") {
  for (const char* t : {
           "tile_m=64 tile_n=256 tile_k=64 stages=5 schedule=cooperative store=1",
           "tile_m=128 tile_n=256 tile_k=64 stages=4 schedule=cooperative store=1",
           "tile_m=192 tile_n=192 tile_k=64 stages=4 schedule=cooperative store=1 cluster_n=2",
           "tile_m=256 tile_n=128 tile_k=64 stages=4 schedule=cooperative store=1 cluster_n=2 raster=8",
           "tile_m=256 tile_n=192 tile_k=64 stages=3 schedule=cooperative store=1 cluster_m=2",
           "tile_m=128 tile_n=208 tile_k=64 stages=3 schedule=pingpong store=1 raster=8",
           "tile_m=128 tile_n=192 tile_k=64 stages=5 schedule=pingpong store=1 cluster_m=2",
           "tile_m=192 tile_n=128 tile_k=64 stages=4 schedule=pingpong store=1",
           "tile_m=64 tile_n=48 tile_k=128 stages=4 schedule=pingpong store=1",
           "tile_m=128 tile_n=224 tile_k=64 stages=3 schedule=cooperative split_k=2 store=1",
           "tile_m=128 tile_n=96 tile_k=64 stages=7 schedule=cooperative store=1 cluster_m=4 cluster_n=2 overlap=1",
           "tile_m=64 tile_n=32 tile_k=128 stages=9 schedule=cooperative store=1 overlap=2",
           "tile_m=64 tile_n=64 tile_k=128 stages=6 schedule=cooperative swap_ab=1 split_k=2 overlap=3",
           "tile_m=128 tile_n=64 tile_k=128 stages=4 schedule=pingpong swap_ab=1 store=1 cluster_m=4 overlap=3",
       })
    compiles("4096x4096x4096 bf16 silu bias=column", t);
  compiles("4096x4097x4096 bf16 align=16,16,16,2 relu bias=column",
           "tile_m=128 tile_n=256 tile_k=64 stages=4 schedule=cooperative");
}

TEST_CASE("sm90 compiles the store of whole runs for every alignment and output") {
  for (const char* problem :
       {"100x513x264 bf16 align=16,16,16,2", "100x513x264 f16 align=16,16,16,4", "100x513x264 bf16 align=16,16,16,8",
        "100x513x264 bf16 out=f32 align=16,16,16,4", "100x513x264 bf16 align=16,16,16,16"}) {
    const std::string p = std::string(problem) + " relu bias=column";
    compiles(p, "tile_m=64 tile_n=104 tile_k=64 stages=4 schedule=pingpong swap_ab=1 store=2");
    compiles(p, "tile_m=192 tile_n=16 tile_k=64 stages=4 schedule=cooperative swap_ab=1 store=2");
    compiles(p, "tile_m=128 tile_n=192 tile_k=64 stages=3 schedule=pingpong store=2");
    compiles(p, "tile_m=128 tile_n=256 tile_k=64 stages=3 schedule=cooperative store=2 cluster_m=2");
  }
  compiles("100x512x264 bf16 out=f32 relu", "tile_m=64 tile_n=40 tile_k=64 stages=4 schedule=pingpong swap_ab=1 store=1");
  compiles("100x512x264 bf16 out=f32 relu", "tile_m=64 tile_n=48 tile_k=64 stages=4 schedule=pingpong swap_ab=1 store=1");
}

TEST_CASE("sm90 compiles gated, aux and scales in each orientation, store, schedule and split") {
  constexpr const char* plain[] = {
      "tile_m=128 tile_n=128 tile_k=64 stages=4 schedule=cooperative store=1",
      "tile_m=128 tile_n=96 tile_k=64 stages=4 schedule=pingpong store=1 raster=8",
      "tile_m=128 tile_n=96 tile_k=64 stages=4 schedule=cooperative store=1 cluster_m=2",
      "tile_m=256 tile_n=96 tile_k=64 stages=3 schedule=cooperative cluster_n=2",
      "tile_m=128 tile_n=56 tile_k=64 stages=4 schedule=pingpong",
      "tile_m=64 tile_n=64 tile_k=128 stages=3 schedule=cooperative split_k=2",
      "tile_m=64 tile_n=16 tile_k=128 stages=4 schedule=cooperative swap_ab=1 split_k=3",
      "tile_m=128 tile_n=64 tile_k=64 stages=4 schedule=cooperative swap_ab=1 store=1",
      "tile_m=64 tile_n=24 tile_k=64 stages=4 schedule=pingpong swap_ab=1",
      "tile_m=64 tile_n=56 tile_k=128 stages=3 schedule=pingpong cluster_n=2 overlap=3",
      "tile_m=64 tile_n=16 tile_k=128 stages=4 schedule=cooperative swap_ab=1 overlap=2",
  };
  constexpr const char* everything[] = {
      "tile_m=128 tile_n=128 tile_k=64 stages=4 schedule=cooperative store=1",
      "tile_m=128 tile_n=64 tile_k=64 stages=4 schedule=pingpong store=1 raster=8",
      "tile_m=256 tile_n=64 tile_k=64 stages=3 schedule=cooperative cluster_n=2",
      "tile_m=64 tile_n=64 tile_k=128 stages=3 schedule=cooperative split_k=2",
      "tile_m=64 tile_n=16 tile_k=128 stages=4 schedule=cooperative swap_ab=1 split_k=3",
      "tile_m=128 tile_n=64 tile_k=64 stages=4 schedule=cooperative swap_ab=1 store=1",
  };
  for (const char* t : plain) compiles("512x4096x4096 bf16 gated silu", t);
  for (const char* t : everything) compiles("512x4096x4096 bf16 gated gelu_tanh aux bias=column scale=both", t);
  for (const char* t : {"tile_m=128 tile_n=192 tile_k=64 stages=4 schedule=cooperative store=1",
                        "tile_m=128 tile_n=160 tile_k=64 stages=4 schedule=pingpong store=1",
                        "tile_m=64 tile_n=16 tile_k=128 stages=8 schedule=cooperative swap_ab=1 split_k=2"})
    for (const char* epilogue : {"gelu_tanh aux bias=column", "silu aux c scale=both out=f32", "relu scale=row bias=row:f32"})
      compiles(std::string("512x4096x4096 bf16 ") + epilogue, t);
  // Rows of D off 16-byte boundaries go as runs, aux from registers.
  compiles("512x4097x4096 bf16 align=16,16,16,2 gated silu aux",
           "tile_m=128 tile_n=64 tile_k=64 stages=4 schedule=cooperative store=2");
  compiles("64x4097x4096 bf16 align=16,16,16,2 gated silu aux",
           "tile_m=64 tile_n=64 tile_k=64 stages=4 schedule=cooperative swap_ab=1 store=2");
  // B contiguous along n: gate and up are whole 64-column chunks.
  compiles("512x4096x4096 bf16 b=n gated silu aux",
           "tile_m=128 tile_n=64 tile_k=64 stages=4 schedule=cooperative store=1 cluster_m=2");
  compiles("16x4096x4096 bf16 b=n gated silu", "tile_m=64 tile_n=16 tile_k=128 stages=4 schedule=cooperative swap_ab=1");
}

TEST_CASE("sm90 compiles accumulators that start from C without spills") {
  for (const char* problem : {"4096x4096x4096 bf16", "4096x4095x4096 f16 align=16,16,2,2", "4096x4096x4096 bf16 out=f32"}) {
    const std::string p = std::string(problem) + " relu bias=column c";
    compiles(p, "tile_m=128 tile_n=176 tile_k=64 stages=4 schedule=pingpong store=2 raster=8");
    compiles(p, "tile_m=256 tile_n=128 tile_k=64 stages=3 schedule=cooperative");
    compiles(p, "tile_m=64 tile_n=104 tile_k=64 stages=4 schedule=pingpong swap_ab=1 store=2");
  }
}

TEST_CASE("sm90 compiles the packing of operands below 16 bytes, every layout and pair of alignments") {
  constexpr const char* aligns[] = {"align=2,2,16,2", "align=16,4,16,16", "align=8,16,16,8"};
  constexpr const char* tactics[] = {"tile_m=128 tile_n=256 tile_k=64 stages=4 schedule=cooperative raster=8",
                                     "tile_m=128 tile_n=160 tile_k=64 stages=4 schedule=pingpong cluster_m=2",
                                     "tile_m=64 tile_n=64 tile_k=128 stages=4 schedule=cooperative split_k=3",
                                     "tile_m=64 tile_n=64 tile_k=128 stages=4 schedule=cooperative swap_ab=1"};
  for (int layout = 0; layout < 4; ++layout)
    for (int align = 0; align < 3; ++align)
      for (int tactic = 0; tactic < 4; ++tactic)
        if (takes_all() || (layout + tactic) % 3 == align)
          compiles(std::string("333x1001x777 bf16 ") + kLayouts[layout] + " " + aligns[align] + " relu bias=column",
                   tactics[tactic]);
  compiles("333x1001x777 bf16 align=2,2,16,2 gated silu", "tile_m=128 tile_n=64 tile_k=64 stages=4 schedule=cooperative");
}

TEST_CASE("sm90 compiles producers of 8-byte copies beside each schedule, orientation and store") {
  const std::string p = "333x1001x780 bf16 align=8,8,8,2 relu bias=column";
  for (const char* t : {
           "tile_m=128 tile_n=160 tile_k=64 stages=4 schedule=cooperative raster=8 store=2",
           "tile_m=256 tile_n=80 tile_k=64 stages=4 schedule=cooperative",
           "tile_m=64 tile_n=192 tile_k=64 stages=4 schedule=cooperative store=2",
           "tile_m=128 tile_n=80 tile_k=64 stages=4 schedule=pingpong store=2",
           "tile_m=128 tile_n=104 tile_k=64 stages=4 schedule=cooperative swap_ab=1 store=2",
       })
    compiles(p, std::string(t) + " load=1 overlap=1");
  compiles("512x4096x588 f16 align=8,8,16,16 gelu_tanh aux c scale=both",
           "tile_m=128 tile_n=96 tile_k=64 stages=4 schedule=cooperative store=1 load=1");
}
